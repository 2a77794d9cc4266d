#include <evengrad/training/finite.hpp>

#include <bit>
#include <cmath>
#include <limits>

namespace evengrad {

template <Real S>
bool all_finite(const S* numbers, Index count) {
  // One more in an exponent of all ones carries into the sign: one pass of integer operations without a branch.
  using Bits = std::conditional_t<sizeof(S) == 4, std::uint32_t, std::uint64_t>;
  constexpr Bits sign = Bits{1} << (8 * sizeof(S) - 1), one = Bits{1} << (std::numeric_limits<S>::digits - 1);
  Bits carried = 0;
  for (Index i = 0; i < count; ++i) carried |= (std::bit_cast<Bits>(numbers[i]) & ~sign) + one;
  return !(carried & sign);
}

template <Real S>
void report_non_finite(const Tape<S>& tape, const Gradients<S>* gradients, std::int64_t step) {
  const auto& nodes = tape.nodes();
  const auto fail = [&](const Node<S>& node, std::string_view direction, const S* numbers, Index count) {
    S bad = 0;
    for (Index i = 0; i < count && std::isfinite(bad); ++i) bad = numbers[i];
    throw NonFiniteError(text("step ", step, ": ", std::isnan(bad) ? "NaN" : "infinity", " in the ", direction,
                              " pass, ", node.scope.empty() ? "" : text("layer ", node.scope, ", "), "op ", node.op,
                              ": try a smaller learning rate, --clip-norm 1 or another initializer"));
  };
  for (const Node<S>& node : nodes) {
    if (!all_finite(node.value, node.shape.size())) fail(node, "forward", node.value, node.shape.size());
  }
  for (std::size_t i = nodes.size(); gradients && i-- > 0;) {
    const ConstMap<S> g = gradients->node(i);
    if (g.data() && !all_finite(g.data(), g.size())) fail(nodes[i], "backward", g.data(), g.size());
  }
  throw NonFiniteError(text("step ", step, ": a NaN or infinity in the loss"));
}

template bool all_finite(const float*, Index);
template bool all_finite(const double*, Index);
template void report_non_finite(const Tape<float>&, const Gradients<float>*, std::int64_t);
template void report_non_finite(const Tape<double>&, const Gradients<double>*, std::int64_t);

}  // namespace evengrad
