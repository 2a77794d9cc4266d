// The shape of GELU, SiLU and their kin: x times a gate that is 0 at -inf and 1 at inf.
#pragma once

namespace evengrad {

/// x * gate, where the gate is closed below -1e6 and open above 1e6: there, and at infinity where the product would be
/// NaN, the limits 0 and x.
template <class T>
T gated(const T& x, const T& gate) {
  return where(x > 1e6, x, where(x < -1e6, T(0.0), x * gate));
}

}  // namespace evengrad
