#pragma once

#include <evengrad/activations/info.hpp>
#include <evengrad/core/math.hpp>

namespace evengrad {

/// Hyperbolic tangent.
struct Tanh {
  static constexpr std::string_view name = "tanh";
  static constexpr ActivationInfo info{
      .formula = "tanh(x)",
      .derivative = "1 - tanh(x)^2",
      .range = "(-1, 1)",
      .year = 1998,
      .source = "LeCun, Bottou, Orr and Mueller 1998, Efficient BackProp (why outputs should be centred)",
      .uses = "state and candidate of LSTM and GRU; plain recurrent nets; the policy nets of PPO on continuous control",
      .notes =
          "Odd, so its outputs stay centred, and its slope at 0 is 1: at small inputs it is the identity. Its critical "
          "initialization is weight variance 1/fan_in without biases. PyTorch's gain 5/3 is neither 1/sqrt(E[f^2]) nor "
          "1/sqrt(E[f'^2])."};

  double pytorch_gain() const { return 5.0 / 3.0; }

  template <class T>
  T operator()(const T& x) const {
    return tanh(x);
  }
};

}  // namespace evengrad
