#pragma once

#include <evengrad/activations/info.hpp>
#include <evengrad/core/math.hpp>

#include <array>

namespace evengrad {

/// ReLU whose negative slope is learned; as a formula, with the slope it starts from.
struct PReLU {
  static constexpr std::string_view name = "prelu";
  static constexpr std::array kinks{0.0};
  static constexpr bool learned = true;
  static constexpr ActivationInfo info{
      .formula = "where(x > 0, x, slope*x)",
      .derivative = "where(x > 0, 1, slope)",
      .range = "(-inf, inf)",
      .year = 2015,
      .source = "He, Zhang, Ren and Sun 2015, Delving Deep into Rectifiers",
      .uses = "PReLU-nets on ImageNet; the generator of SRGAN; ENet; ArcFace",
      .notes =
          "The slope is a parameter of the layer: one, or one for each channel. Weight decay pulls it towards 0, that "
          "is towards ReLU, so the paper trains it without."};

  double slope = 0.25;     ///< of negative inputs, before training
  double per_channel = 0;  ///< read by the layer that learns: 0 for one slope, 1 for one a unit
  static constexpr auto parameters() {
    return std::array{FormulaParameter<PReLU>{"slope", &PReLU::slope, -10.0, 10.0},
                      FormulaParameter<PReLU>{"per_channel", &PReLU::per_channel, 0.0, 1.0}};
  }

  template <class T>
  T operator()(const T& x) const {
    return where(x > 0.0, x, slope * x);
  }
};

}  // namespace evengrad
