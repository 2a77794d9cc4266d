#pragma once

#include <evengrad/activations/info.hpp>
#include <evengrad/core/math.hpp>

#include <array>

namespace evengrad {

/// Scaled exponential linear unit, with the constants that make mean 0 and variance 1 a fixed point.
struct SELU {
  static constexpr std::string_view name = "selu";
  static constexpr std::array kinks{0.0};
  static constexpr ActivationInfo info{
      .formula = "1.0507009873554805*where(x > 0, x, 1.6732632423543772*expm1(x))",
      .derivative = "1.0507009873554805*where(x > 0, 1, 1.6732632423543772*exp(x))",
      .range = "(-1.758, inf)",
      .year = 2017,
      .source = "Klambauer, Unterthiner, Mayr and Hochreiter 2017, Self-Normalizing Neural Networks",
      .uses = "self-normalizing multilayer perceptrons on tabular data",
      .notes =
          "Made for LeCun initialization (weight variance 1/fan_in): then mean 0 and variance 1 attract, without "
          "normalization layers. With He initialization or ordinary dropout the promise is void. PyTorch's gain 3/4 is "
          "not the LeCun gain 1."};

  double pytorch_gain() const { return 0.75; }

  template <class T>
  T operator()(const T& x) const {
    constexpr double lambda = 1.0507009873554805, alpha = 1.6732632423543772;
    return where(x > 0.0, lambda * x, (lambda * alpha) * expm1(x));
  }
};

}  // namespace evengrad
