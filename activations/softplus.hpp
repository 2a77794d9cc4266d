#pragma once

#include <evengrad/activations/info.hpp>
#include <evengrad/core/math.hpp>

namespace evengrad {

/// A smooth ReLU, log(1 + exp(x)).
struct Softplus {
  static constexpr std::string_view name = "softplus";
  static constexpr ActivationInfo info{
      .formula = "log1p(exp(x))",
      .derivative = "1/(1 + exp(-x))",
      .range = "(0, inf)",
      .year = 2000,
      .source =
          "Dugas, Bengio, Belisle, Nadeau and Garcia 2000, Incorporating Second-Order Functional Knowledge for Better "
          "Option Pricing",
      .uses = "outputs that must be positive: standard deviations, rates, the step size in Mamba",
      .notes =
          "Its derivative is the sigmoid. Its mean is far above 0 (log 2 at x = 0), which deep nets suffer from. "
          "Computed here as max(x, 0) + log1p(exp(-|x|)), exact everywhere; PyTorch switches to x above 20."};

  template <class T>
  T operator()(const T& x) const {
    return softplus(x);
  }
};

}  // namespace evengrad
