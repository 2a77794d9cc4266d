#pragma once

#include <evengrad/activations/info.hpp>
#include <evengrad/core/math.hpp>

#include <array>

namespace evengrad {

/// The identity: what a linear layer alone computes.
struct Identity {
  static constexpr std::string_view name = "identity";
  static constexpr std::array<std::string_view, 1> aliases{"linear"};
  static constexpr ActivationInfo info{
      .formula = "x",
      .derivative = "1",
      .range = "(-inf, inf)",
      .year = 1960,
      .source = "Widrow and Hoff 1960, Adaptive Switching Circuits (ADALINE: learning on the linear output)",
      .uses = "output layers for regression and for logits; the control in an experiment on activations",
      .notes =
          "A stack of linear layers is one linear map, yet its training is not linear: it shows the effect of depth "
          "and initialization alone. Keeps its signal with LeCun initialization (gain 1)."};

  double pytorch_gain() const { return 1.0; }

  template <class T>
  T operator()(const T& x) const {
    return x;
  }
};

}  // namespace evengrad
