// The scalar concept. Kernels include this and not types.hpp: an inline function of Eigen or of the standard library
// compiled with AVX in one file may replace its plain copy in another, and then fail on an older machine.
#pragma once

#include <concepts>
#include <cstddef>

namespace evengrad {

/// The scalar types the library is instantiated for.
template <class S>
concept Real = std::same_as<S, float> || std::same_as<S, double>;

using Index = std::ptrdiff_t;

/// Gradients, the optimizers' averages and weights below this count as 0. Left alone they decay into subnormal numbers,
/// stay there, and slow every step down on processors that handle those in microcode. It is so small that no weight of
/// ordinary size notices, and so far above the smallest normal number (2^-126, 2^-1022) that products stay above that.
template <Real S>
inline constexpr S negligible = static_cast<S>(sizeof(S) == sizeof(float) ? 0x1p-120 : 0x1p-1000);

}  // namespace evengrad
