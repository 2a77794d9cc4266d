#pragma once

#include <evengrad/activations/info.hpp>
#include <evengrad/core/math.hpp>

#include <array>
#include <cmath>

namespace evengrad {

/// Rectified linear unit; its derivative at 0 is 0.
struct ReLU {
  static constexpr std::string_view name = "relu";
  static constexpr std::array kinks{0.0};
  static constexpr ActivationInfo info{
      .formula = "max(x, 0)",
      .derivative = "where(x > 0, 1, 0)",
      .range = "[0, inf)",
      .year = 2010,
      .source =
          "Nair and Hinton 2010, Rectified Linear Units Improve Restricted Boltzmann Machines (as a rectifier: "
          "Fukushima 1969)",
      .uses = "AlexNet, VGG, ResNet; the original Transformer; T5 1.0",
      .notes =
          "Half of its outputs are zero at initialization, which is healthy; a unit that is zero for every input gets "
          "no gradient. Pairs with He initialization, which keeps its signal's second moment exactly."};

  double pytorch_gain() const { return std::sqrt(2.0); }

  template <class T>
  T operator()(const T& x) const {
    return where(x <= 0.0, T(0.0), x);  // in this order a NaN stays one
  }
};

}  // namespace evengrad
