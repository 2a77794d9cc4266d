#pragma once

#include <evengrad/activations/info.hpp>
#include <evengrad/core/math.hpp>

#include <array>

namespace evengrad {

/// Piecewise quadratic swish, x relu6(x + 3) / 6; its derivative is 0 at -3 and 1 at 3.
struct HardSwish {
  static constexpr std::string_view name = "hard_swish";
  static constexpr std::array<std::string_view, 1> aliases{"hardswish"};
  static constexpr std::array kinks{-3.0, 3.0};
  static constexpr ActivationInfo info{.formula = "x*min(max(x + 3, 0), 6)/6",
                                       .derivative = "where(x <= -3, 0, where(x < 3, x/3 + 1/2, 1))",
                                       .range = "[-0.375, inf)",
                                       .year = 2019,
                                       .source = "Howard et al. 2019, Searching for MobileNetV3",
                                       .uses = "MobileNetV3, PP-LCNet",
                                       .notes =
                                           "Stands in for swish where exp is expensive. Its derivative jumps at both "
                                           "kinks: from 0 to -1/2 and from 3/2 to 1."};

  template <class T>
  T operator()(const T& x) const {
    return where(x <= -3.0, T(0.0), where(x >= 3.0, x, x * ((x + 3.0) * (1.0 / 6.0))));
  }
};

}  // namespace evengrad
