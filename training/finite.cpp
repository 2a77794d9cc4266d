#include <evengrad/core/bits.hpp>
#include <evengrad/training/finite.hpp>

#include <algorithm>
#include <cmath>
#include <limits>

namespace evengrad {

template <Real S>
bool all_finite(const S* numbers, Index count) {
  // One more in an exponent of all ones carries into the sign: one pass of integer operations without a branch.
  using Bits = std::conditional_t<sizeof(S) == 4, std::uint32_t, std::uint64_t>;
  constexpr Bits sign = Bits{1} << (8 * sizeof(S) - 1), one = Bits{1} << (std::numeric_limits<S>::digits - 1);
  Bits carried = 0;
  for (Index i = 0; i < count; ++i) carried |= (bit_cast<Bits>(numbers[i]) & ~sign) + one;
  return !(carried & sign);
}

template <Real S>
void report_non_finite(const Tape<S>& tape, const Gradients<S>* gradients, std::int64_t step) {
  const auto& nodes = tape.nodes();
  const auto largest = [](const S* numbers, Index count) {
    double most = 0;
    for (Index i = 0; i < count; ++i) most = std::max(most, std::abs(static_cast<double>(numbers[i])));
    return most;
  };
  const auto fail = [&](const Node<S>& node, std::string_view direction, const S* numbers, Index count,
                        double largest_before) {
    S bad = 0;
    for (Index i = 0; i < count && std::isfinite(bad); ++i) bad = numbers[i];
    const std::string op(node.op);
    if (node.role == OpRole::constant) {
      const std::string data = &node == nodes.data() ? "inputs" : "targets";
      throw NonFiniteStep(text("step ", step, ": ", std::isnan(bad) ? "NaN" : "infinity", " in the ", data,
                               " of the batch: look for it in the data"),
                          {step, data, op, std::string(direction), 0});
    }
    const std::string scope(node.scope);
    throw NonFiniteStep(text("step ", step, ": ", std::isnan(bad) ? "NaN" : "infinity", " in the ", direction,
                             " pass, ", scope.empty() ? "" : text("layer ", scope, ", "), "op ", op,
                             ": try a smaller learning rate, --clip-norm 1 or another initializer"),
                        {step, scope, op, std::string(direction), largest_before});
  };
  for (const Node<S>& node : nodes) {
    if (all_finite(node.value, node.shape.size())) continue;
    double before = 0;
    for (int i = 0; i < node.input_count; ++i) {
      const Node<S>& input = nodes[node.inputs[i]];
      before = std::max(before, largest(input.value, input.shape.size()));
    }
    fail(node, "forward", node.value, node.shape.size(), before);
  }
  for (std::size_t i = nodes.size(); gradients && i-- > 0;) {
    const ConstMap<S> g = gradients->node(i);
    if (nodes[i].storage != i || !g.data() || all_finite(g.data(), g.size())) continue;
    // It came from the gradients of those ops that took this value in, which are all finite. A parameter makes nothing
    // itself: the op that it belongs to does.
    double before = 0;
    const Node<S>* maker = &nodes[i];
    for (std::size_t j = i + 1; j < nodes.size(); ++j) {
      const std::span inputs(nodes[j].inputs, nodes[j].input_count);
      const auto is_it = [&](std::uint32_t input) { return nodes[input].storage == i; };
      if (nodes[j].storage == i || std::none_of(inputs.begin(), inputs.end(), is_it)) continue;
      if (nodes[i].role == OpRole::parameter) maker = &nodes[j];
      const ConstMap<S> after = gradients->node(j);
      if (after.data()) before = std::max(before, largest(after.data(), after.size()));
    }
    fail(*maker, "backward", g.data(), g.size(), before);
  }
  throw NonFiniteStep(text("step ", step, ": a NaN or infinity in the loss"), {step, {}, {}, "forward"});
}

template bool all_finite(const float*, Index);
template bool all_finite(const double*, Index);
template void report_non_finite(const Tape<float>&, const Gradients<float>*, std::int64_t);
template void report_non_finite(const Tape<double>&, const Gradients<double>*, std::int64_t);

}  // namespace evengrad
