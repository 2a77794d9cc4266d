// The shape of GELU, SiLU and their kin: x times a gate that is 0 at -inf and 1 at inf.
#pragma once

#include <limits>

namespace evengrad {

/// x * gate, with the limits at x = -inf (0, slope 0) and x = inf (inf, slope 1), where the product would be NaN.
template <class T>
T gated(const T& x, const T& gate) {
  constexpr double inf = std::numeric_limits<double>::infinity();
  return where(x == inf, x, where(x == -inf, T(0.0), x * gate));
}

}  // namespace evengrad
