#include <evengrad/activations/formula_graph.hpp>

#include <algorithm>
#include <cmath>

namespace evengrad {
namespace {

using kernels::Op;

constexpr double end = 50;    // kinks are looked for in [-end, end] ...
constexpr int per_unit = 64;  // ... between points of this density, which hit all short binary fractions
constexpr Index block = 64;

/// The nodes whose zeros are where the formula may not be smooth.
std::vector<NodeId> switches(FormulaGraph& graph, NodeId root) {
  std::vector<NodeId> result;
  const auto add = [&](NodeId zero) {
    if (!graph.is_constant(zero)) result.push_back(zero);
  };
  const std::vector<NodeId> last = last_uses(graph, {root});
  for (NodeId id = 0; id <= root; ++id) {
    if (last[static_cast<std::size_t>(id)] < 0) continue;
    const Node node = graph[id];
    const auto [a, b, c, d] = node.operands;
    switch (node.op) {
      case Op::abs_:
      case Op::sign_:
      case Op::sqrt_:
      case Op::log_:
      case Op::power:
        add(a);
        break;
      case Op::log1p_:
        add(graph.apply(Op::add, a, graph.constant(1)));
        break;
      case Op::minimum:
      case Op::maximum:
      case Op::less:
      case Op::less_equal:
      case Op::equal:
        add(graph.apply(Op::subtract, a, b));
        break;
      case Op::divide:
        add(b);
        break;
      case Op::power_int:
        if (node.n < 0) add(a);
        break;
      case Op::call:
        for (const double kink : Kinks(graph.activations()[static_cast<std::size_t>(node.n)].kinks())) {
          add(graph.apply(Op::subtract, a, graph.constant(kink)));
        }
        break;
      default:
        break;
    }
  }
  std::sort(result.begin(), result.end());
  result.erase(std::unique(result.begin(), result.end()), result.end());
  return result;
}

/// Evaluates many nodes of a graph at once, on blocks of points.
class Evaluator {
 public:
  Evaluator(const FormulaGraph& graph, const std::vector<NodeId>& nodes) : registers_(graph.nodes().size(), -1) {
    const std::vector<NodeId> last = last_uses(graph, nodes);
    int count = 2;
    for (NodeId id = 0; id < static_cast<NodeId>(last.size()); ++id) {
      if (graph[id].op == Op::x) registers_[static_cast<std::size_t>(id)] = kernels::input_register;
      if (last[static_cast<std::size_t>(id)] < 0 || FormulaGraph::is_leaf(graph[id])) continue;
      registers_[static_cast<std::size_t>(id)] = count++;
      code_.push_back(instruction(graph, id, registers_, graph.activations()));
    }
    numbers_.resize(static_cast<std::size_t>(count) * block);
    for (int r = 0; r < count; ++r) values_.push_back(numbers_.data() + r * block);
  }

  double* points() { return values_[kernels::input_register]; }
  void run() {
    const kernels::Program program{code_.data(), static_cast<int>(code_.size()), static_cast<int>(values_.size())};
    kernels::programs(best_isa())->run(program, values_.data(), block);
  }
  /// -1, 0 or 1 as the node's value is at a point, 2 where it is NaN.
  int sign(NodeId node, Index point) const {
    const double v = values_[static_cast<std::size_t>(registers_[static_cast<std::size_t>(node)])][point];
    return std::isnan(v) ? 2 : (v > 0) - (v < 0);
  }
  std::size_t length() const { return code_.size(); }

 private:
  std::vector<kernels::Instruction> code_;
  std::vector<int> registers_;
  std::vector<double> numbers_;
  std::vector<double*> values_;
};

/// A switch that changes its sign between two points.
struct Change {
  NodeId node;
  double low, high;
  int low_sign, high_sign;
};

std::vector<Change> find_changes(Evaluator& evaluate, const std::vector<NodeId>& nodes, std::size_t most) {
  std::vector<Change> changes;
  std::vector<int> before(nodes.size());
  constexpr Index count = 2 * static_cast<Index>(end) * per_unit + 1;
  const auto point = [](Index i) { return -end + static_cast<double>(std::min(i, count - 1)) / per_unit; };
  for (Index first = 0; first < count; first += block) {
    for (Index i = 0; i < block; ++i) evaluate.points()[i] = point(first + i);
    evaluate.run();
    for (std::size_t k = 0; k < nodes.size(); ++k) {
      for (Index i = 0; i < block; ++i) {
        const int sign = evaluate.sign(nodes[k], i);
        if (first + i > 0 && sign != before[k] && changes.size() < most) {
          changes.push_back({nodes[k], point(first + i - 1), point(first + i), before[k], sign});
        }
        before[k] = sign;
      }
    }
  }
  return changes;
}

/// Bisects all changes down to neighbouring numbers, a block of them at a time.
void narrow(Evaluator& evaluate, std::vector<Change>& changes) {
  for (std::size_t first = 0; first < changes.size(); first += block) {
    const std::size_t count = std::min<std::size_t>(block, changes.size() - first);
    bool narrower = true;
    while (narrower) {
      narrower = false;
      for (std::size_t i = 0; i < block; ++i) {
        const Change& change = changes[first + std::min(i, count - 1)];
        evaluate.points()[i] = change.low + (change.high - change.low) / 2;
      }
      evaluate.run();
      for (std::size_t i = 0; i < count; ++i) {
        Change& change = changes[first + i];
        const double middle = evaluate.points()[i];
        if (middle <= change.low || middle >= change.high) continue;
        narrower = true;
        const int sign = evaluate.sign(change.node, static_cast<Index>(i));
        (sign == change.low_sign ? change.low : change.high) = middle;
        if (sign != change.low_sign) change.high_sign = sign;
      }
    }
  }
}

bool jumps(double left, double right, double least) {
  if (!std::isfinite(left) || !std::isfinite(right)) return left != right && !(std::isnan(left) && std::isnan(right));
  return std::abs(right - left) > least;
}

/// Whether f, f' or f'' is another right of a point than left of it.
bool is_kink(const Activation& f, double at) {
  const double near = 1e-11 * std::max(1.0, std::abs(at)), far = 0.5;
  const auto scale = [&](auto g) {
    double s = 0;
    for (const double x : {at - far, at - near, at + near, at + far}) {
      if (const double y = std::abs(g(x)); std::isfinite(y)) s = std::max(s, y);
    }
    return s;
  };
  const auto value = [&](double x) { return f.value(x); };
  const auto slope = [&](double x) { return f.derivative(x); };
  const double value_scale = scale(value), slope_scale = scale(slope);
  const double left = value(at - near), middle = value(at), right = value(at + near);
  if (jumps(left, right, 1e-8 * value_scale)) return true;
  if (jumps(left, middle, 1e-8 * value_scale) && jumps(middle, right, 1e-8 * value_scale)) return true;
  const double slope_left = slope(at - near), slope_right = slope(at + near);
  if (jumps(slope_left, slope_right, 1e-8 * slope_scale)) return true;
  // The jump of f'' from slopes at distance h and h/2, free of the term that a smooth f''' leaves.
  const auto bend = [&](double h) {
    return (slope(at + near + h) - slope_right - slope_left + slope(at - near - h)) / h;
  };
  const double bend_jump = 2 * bend(5e-5) - bend(1e-4);
  return std::isfinite(bend_jump) && std::abs(bend_jump) > 1e-5 * std::max(slope_scale, 1e-300);
}

}  // namespace

Kinks find_kinks(FormulaGraph& graph, NodeId root, const Activation& formula) {
  const std::vector<NodeId> nodes = switches(graph, root);
  if (nodes.empty()) return {};
  Evaluator evaluate(graph, nodes);
  // Long formulas with a thousand switches are rare: keep what they cost within about a second.
  const std::size_t most = std::clamp<std::size_t>(1000000 / std::max<std::size_t>(evaluate.length(), 1), 64, 1000);
  std::vector<Change> changes = find_changes(evaluate, nodes, most);
  narrow(evaluate, changes);
  Kinks points;
  for (const Change& c : changes) points.push_back(c.low_sign == 0 ? c.low : c.high);
  std::sort(points.begin(), points.end());
  Kinks kinks;
  for (const double x : points) {
    const bool again = !kinks.empty() && x - kinks.back() <= 1e-9 * std::max(1.0, std::abs(x));
    if (!again && is_kink(formula, x)) kinks.push_back(x);
  }
  return kinks;
}

}  // namespace evengrad
