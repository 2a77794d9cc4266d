#pragma once

#include <evengrad/activations/info.hpp>
#include <evengrad/core/math.hpp>

#include <array>
#include <cmath>

namespace evengrad {

/// ReLU with a small slope for negative inputs; its derivative at 0 is that slope.
struct LeakyReLU {
  static constexpr std::string_view name = "leaky_relu";
  static constexpr std::array kinks{0.0};
  static constexpr ActivationInfo info{
      .formula = "where(x > 0, x, slope*x)",
      .derivative = "where(x > 0, 1, slope)",
      .range = "(-inf, inf)",
      .year = 2013,
      .source = "Maas, Hannun and Ng 2013, Rectifier Nonlinearities Improve Neural Network Acoustic Models",
      .uses = "YOLOv3 (slope 0.1); the discriminators of DCGAN and StyleGAN (slope 0.2)",
      .notes =
          "No unit is without gradient. He initialization takes the slope into account: weight variance 2/((1 + "
          "slope^2) fan_in)."};

  double slope = 0.01;  ///< of negative inputs
  static constexpr auto parameters() {
    return std::array{FormulaParameter<LeakyReLU>{"slope", &LeakyReLU::slope, -10.0, 10.0}};
  }

  double pytorch_gain() const { return std::sqrt(2.0 / (1.0 + slope * slope)); }

  template <class T>
  T operator()(const T& x) const {
    return where(x > 0.0, x, slope * x);
  }
};

}  // namespace evengrad
