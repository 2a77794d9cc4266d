#pragma once

#include <evengrad/activations/gated.hpp>
#include <evengrad/activations/info.hpp>
#include <evengrad/core/math.hpp>

namespace evengrad {

/// GELU with Phi(x) approximated by a tanh, as several released models compute it.
struct GELUTanh {
  static constexpr std::string_view name = "gelu_tanh";
  static constexpr ActivationInfo info{
      .formula = "x*sigmoid(2*sqrt(2/pi)*(x + 0.044715*x^3))",
      .derivative =
          "sigmoid(2*sqrt(2/pi)*(x + 0.044715*x^3)) + x*sigmoid(2*sqrt(2/pi)*(x + "
          "0.044715*x^3))*sigmoid(-2*sqrt(2/pi)*(x + 0.044715*x^3))*2*sqrt(2/pi)*(1 + 3*0.044715*x^2)",
      .range = "[-0.17, inf)",
      .year = 2016,
      .source = "Hendrycks and Gimpel 2016, Gaussian Error Linear Units (GELUs)",
      .uses = "GPT-2; the gated units of T5 1.1 and Gemma",
      .notes =
          "Within 5e-4 of GELU. Usually written x/2 (1 + tanh(u)); x sigmoid(2u) is the same, and exact where 1 + "
          "tanh(u) cancels. Weights trained with one form should be run with the same one."};

  template <class T>
  T operator()(const T& x) const {
    // The sigmoid is 0 or 1 beyond 40, where c * c stays finite.
    const T c = min(max(x, -40.0), 40.0);
    constexpr double a = 1.5957691216057308, b = 0.044715 * a;  // a = 2 sqrt(2/pi)
    const T u = c * (a + b * (c * c));
    const T small = sigmoid(where(u > 0.0, -u, u));  // rounded less than its complement
    return gated(x, where(u > 0.0, 1.0 - small, small));
  }
};

}  // namespace evengrad
