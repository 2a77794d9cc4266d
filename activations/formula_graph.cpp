#include <evengrad/activations/formula_graph.hpp>

#include <evengrad/core/bits.hpp>
#include <evengrad/core/error.hpp>

#include <algorithm>
#include <cmath>
#include <numbers>

namespace evengrad {

using kernels::Instruction;
using kernels::Op;
using kernels::Operand;

NodeId FormulaGraph::add(const Node& node) {
  const auto key = std::tuple(node.op, node.operands, bit_cast<std::uint64_t>(node.number), node.n);
  const auto [found, is_new] = known_.try_emplace(key, static_cast<NodeId>(nodes_.size()));
  if (is_new) nodes_.push_back(node);
  return found->second;
}

NodeId FormulaGraph::input() { return add({.op = Op::x}); }
NodeId FormulaGraph::constant(double number) { return add({.op = Op::constant, .number = number}); }

NodeId FormulaGraph::apply(Op op, NodeId a, NodeId b, NodeId c, NodeId d) {
  const bool select = op == Op::less || op == Op::less_equal || op == Op::equal;
  if (select && is_constant(a) && is_constant(b)) {
    const double left = (*this)[a].number, right = (*this)[b].number;
    return (op == Op::less ? left < right : op == Op::less_equal ? left <= right : left == right) ? c : d;
  }
  const Node node{.op = op, .operands = {a, b, c, d}};
  if (!select && is_constant(a) && (b < 0 || is_constant(b))) return constant(fold(node));

  // Multiplying costs less than dividing; the reciprocal is rounded once.
  if (op == Op::divide && is_constant(b)) {
    const double divisor = std::abs((*this)[b].number);
    if (divisor > 1e-30 && divisor < 1e30) return apply(Op::multiply, a, constant(1 / (*this)[b].number));
  }
  // One order for what commutes: the same node both ways.
  if (op == Op::add || op == Op::multiply) {
    if (is_constant(a) || (!is_constant(b) && b < a)) std::swap(a, b);
  }
  if (op == Op::multiply && is_constant(b)) {
    const double factor = (*this)[b].number;
    if (factor == 1) return a;
    if (factor == -1) return apply(Op::negate, a);
    if ((*this)[a].op == Op::negate) return apply(Op::multiply, (*this)[a].operands[0], constant(-factor));
  }
  return add({.op = op, .operands = {a, b, c, d}});
}

NodeId FormulaGraph::power(NodeId base, NodeId exponent) {
  if (is_constant(base) && (*this)[base].number == std::numbers::e) return apply(Op::exp_, exponent);
  if (!is_constant(exponent) || is_constant(base)) return apply(Op::power, base, exponent);
  const double n = (*this)[exponent].number;
  if (n == 0) return constant(1);
  if (n == 1) return base;
  if (n == 0.5) return apply(Op::sqrt_, base);
  constexpr double most = 1024;
  if (n != std::floor(n) || std::abs(n) > most) return apply(Op::power, base, exponent);
  return add({.op = Op::power_int, .operands = {base, -1, -1, -1}, .n = static_cast<int>(n)});
}

NodeId FormulaGraph::call(const Activation& activation, NodeId argument) {
  if (is_constant(argument)) return constant(activation.value((*this)[argument].number));
  if (activation.is_identity()) return argument;
  std::size_t i = 0;
  while (i < activations_.size() && activations_[i].name() != activation.name()) ++i;
  if (i == activations_.size()) activations_.push_back(activation);
  return add({.op = Op::call, .operands = {argument, -1, -1, -1}, .n = static_cast<int>(i)});
}

/// The value of a node whose operands are constants, as its kernel computes it.
double FormulaGraph::fold(const Node& node) const {
  double x = (*this)[node.operands[0]].number, value;
  Instruction code{.op = node.op, .out = kernels::output_register};
  code.a.reg = kernels::input_register;
  if (node.operands[1] >= 0) code.b.number = (*this)[node.operands[1]].number;
  const kernels::Program program{&code, 1, 2};
  kernels::programs(best_isa())->formula.f64(&program, &x, &value, nullptr, 1);
  return value;
}

namespace {

/// Gives registers to values and takes them back after the last use.
class RegisterPool {
 public:
  int take() {
    if (free_.empty()) return count_++;
    const int reg = free_.back();
    free_.pop_back();
    return reg;
  }
  void give_back(int reg) { free_.push_back(reg); }
  int count() const { return count_; }

 private:
  int count_ = 2;  // after the input's and the output's
  std::vector<int> free_;
};

template <Real S>
void call_activation(const void* activation, const S* z, S* value, S* derivative, Index count) {
  (*static_cast<const Activation*>(activation))(z, value, derivative, count);
}

}  // namespace

std::vector<NodeId> last_uses(const FormulaGraph& graph, const std::vector<NodeId>& roots) {
  std::vector<NodeId> last(graph.nodes().size(), -1);
  for (const NodeId root : roots) last[static_cast<std::size_t>(root)] = root;
  // Operands come before their users.
  for (auto id = static_cast<NodeId>(last.size()) - 1; id >= 0; --id) {
    if (last[static_cast<std::size_t>(id)] < 0) continue;
    for (const NodeId operand : graph[id].operands) {
      if (operand < 0) continue;
      NodeId& use = last[static_cast<std::size_t>(operand)];
      use = std::max(use, id);
    }
  }
  return last;
}

namespace {

// Of x, and of x plus a number.
bool has_unit_slope(const FormulaGraph& graph, NodeId id) {
  const Node& node = graph[id];
  const bool sum = node.op == Op::add || node.op == Op::subtract;
  return (sum && graph.is_constant(node.operands[1]) ? graph[node.operands[0]] : node).op == Op::x;
}

// Whether the slope of a node goes into the root's: neither a condition's does, nor a known one.
std::vector<bool> slopes_needed(const FormulaGraph& graph, NodeId root) {
  std::vector<bool> needed(graph.nodes().size());
  needed[static_cast<std::size_t>(root)] = true;
  for (NodeId id = root; id >= 0; --id) {
    if (!needed[static_cast<std::size_t>(id)]) continue;
    const Node& node = graph[id];
    const bool condition = node.op == Op::less || node.op == Op::less_equal || node.op == Op::equal;
    const bool known = node.op == Op::call && has_unit_slope(graph, node.operands[0]);
    for (std::size_t k = condition ? 2 : known ? 1 : 0; k < node.operands.size(); ++k) {
      if (node.operands[k] >= 0) needed[static_cast<std::size_t>(node.operands[k])] = true;
    }
  }
  return needed;
}

}  // namespace

Instruction instruction(const FormulaGraph& graph, NodeId id, const std::vector<int>& reg,
                        const std::vector<Activation>& activations) {
  const auto operand = [&](NodeId o) -> Operand {
    if (o < 0) return {};
    if (graph.is_constant(o)) return {-1, graph[o].number};
    return {graph[o].op == Op::x ? kernels::input_register : reg[static_cast<std::size_t>(o)], 0};
  };
  const Node& node = graph[id];
  Instruction in{.op = node.op, .out = reg[static_cast<std::size_t>(id)]};
  in.a = operand(FormulaGraph::is_leaf(node) ? id : node.operands[0]);
  in.b = operand(node.operands[1]);
  in.c = operand(node.operands[2]);
  in.d = operand(node.operands[3]);
  if (node.op == Op::power_int) in.n = node.n;
  if (node.op == Op::call) {
    in.formula = &activations[static_cast<std::size_t>(node.n)];
    in.kernels = {call_activation<float>, call_activation<double>};
    in.unit_slope = has_unit_slope(graph, node.operands[0]);
  }
  return in;
}

namespace {

// For a node of two operands that nothing uses but one multiplication by a number: the product, else -1.
std::vector<NodeId> products(const FormulaGraph& graph, const std::vector<NodeId>& last) {
  std::vector<int> uses(last.size());
  std::vector<NodeId> product(last.size(), -1);
  for (std::size_t id = 0; id < last.size(); ++id) {
    if (last[id] < 0) continue;
    const Node& node = graph.nodes()[id];
    for (const NodeId o : node.operands) {
      if (o >= 0) ++uses[static_cast<std::size_t>(o)];
    }
    if (node.op != Op::multiply || !graph.is_constant(node.operands[1])) continue;
    const Op op = graph[node.operands[0]].op;
    if (op >= Op::add && op <= Op::power) product[static_cast<std::size_t>(node.operands[0])] = static_cast<NodeId>(id);
  }
  for (std::size_t id = 0; id < last.size(); ++id) {
    if (uses[id] != 1) product[id] = -1;
  }
  return product;
}

}  // namespace

std::shared_ptr<const CompiledFormula> compile(const FormulaGraph& graph, NodeId root) {
  const std::vector<NodeId> last = last_uses(graph, {root}), product_of = products(graph, last);
  const std::vector<bool> slope_needed = slopes_needed(graph, root);
  const auto result = std::make_shared<CompiledFormula>();
  result->activations = graph.activations();
  RegisterPool pool;
  std::vector<int> reg(last.size(), -1);
  for (NodeId id = 0; id <= root; ++id) {
    const auto i = static_cast<std::size_t>(id);
    if (last[i] < 0 || (FormulaGraph::is_leaf(graph[id]) && id != root)) continue;
    if (reg[i] >= 0) continue;  // the product of the node before
    const NodeId product = product_of[i];
    // Taken before the operands' registers are free: a called kernel writes its slope while it needs its argument's.
    reg[i] = (product < 0 ? id : product) == root ? kernels::output_register : pool.take();
    result->code.push_back(instruction(graph, id, reg, result->activations));
    result->code.back().value_only = !slope_needed[static_cast<std::size_t>(product < 0 ? id : product)];
    if (product >= 0) {  // one instruction for both
      result->code.back().scale = graph[graph[product].operands[1]].number;
      std::swap(reg[i], reg[static_cast<std::size_t>(product)]);
    }
    for (const NodeId o : graph[id].operands) {
      if (o < 0 || last[static_cast<std::size_t>(o)] != id) continue;
      int& done = reg[static_cast<std::size_t>(o)];
      if (done >= 0) pool.give_back(done);
      done = -1;
    }
  }
  if (pool.count() > kernels::most_registers) {
    throw UsageError(text("formula: needs ", pool.count(), " values at once, and ", kernels::most_registers,
                          " is the most: write it in fewer parts"));
  }
  result->program = {result->code.data(), static_cast<int>(result->code.size()), pool.count()};
  return result;
}

}  // namespace evengrad
