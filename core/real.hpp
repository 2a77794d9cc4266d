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

}  // namespace evengrad
