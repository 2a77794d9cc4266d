#pragma once

#include <evengrad/activations/info.hpp>
#include <evengrad/core/math.hpp>

#include <array>

namespace evengrad {

/// ReLU cut at 6; its derivative at both kinks is 0.
struct ReLU6 {
  static constexpr std::string_view name = "relu6";
  static constexpr std::array kinks{0.0, 6.0};
  static constexpr ActivationInfo info{.formula = "min(max(x, 0), 6)",
                                       .derivative = "where(x > 0, where(x < 6, 1, 0), 0)",
                                       .range = "[0, 6]",
                                       .year = 2010,
                                       .source = "Krizhevsky 2010, Convolutional Deep Belief Networks on CIFAR-10",
                                       .uses = "MobileNet v1 and v2",
                                       .notes =
                                           "The bound keeps activations in the range of low-precision arithmetic. At "
                                           "the usual scales 6 is hardly ever reached, and it behaves as ReLU does."};

  template <class T>
  T operator()(const T& x) const {
    return where(x <= 0.0, T(0.0), where(x >= 6.0, T(6.0), x));
  }
};

}  // namespace evengrad
