#pragma once

#include <evengrad/activations/gated.hpp>
#include <evengrad/activations/info.hpp>
#include <evengrad/core/math.hpp>

namespace evengrad {

/// GELU with Phi(x) approximated by a sigmoid.
struct QuickGELU {
  static constexpr std::string_view name = "quick_gelu";
  static constexpr ActivationInfo info{.formula = "x*sigmoid(1.702*x)",
                                       .derivative = "sigmoid(1.702*x)*(1 + 1.702*x*sigmoid(-1.702*x))",
                                       .range = "[-0.164, inf)",
                                       .year = 2016,
                                       .source = "Hendrycks and Gimpel 2016, Gaussian Error Linear Units (GELUs)",
                                       .uses = "CLIP as OpenAI released it",
                                       .notes =
                                           "Within 0.021 of GELU, which is not small: weights trained with one form "
                                           "should be run with the same one. It is silu with beta = 1.702."};

  template <class T>
  T operator()(const T& x) const {
    return gated(x, sigmoid(1.702 * x));
  }
};

}  // namespace evengrad
