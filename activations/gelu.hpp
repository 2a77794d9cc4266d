#pragma once

#include <evengrad/activations/gated.hpp>
#include <evengrad/activations/info.hpp>
#include <evengrad/core/math.hpp>

namespace evengrad {

/// Gaussian error linear unit, x Phi(x), with the exact normal distribution function.
struct GELU {
  static constexpr std::string_view name = "gelu";
  static constexpr ActivationInfo info{
      .formula = "x*erfc(-x/sqrt(2))/2",
      .derivative = "erfc(-x/sqrt(2))/2 + x*exp(-x^2/2)/sqrt(2*pi)",
      .range = "[-0.17, inf)",
      .year = 2016,
      .source = "Hendrycks and Gimpel 2016, Gaussian Error Linear Units (GELUs)",
      .uses = "BERT, RoBERTa, ViT, ConvNeXt",
      .notes =
          "Deterministic, although it was derived as the mean of a random mask. Its slope reaches 1.129, above 1. He "
          "initialization is only nearly right: deep nets lose their signal; see the matched initializer."};

  template <class T>
  T operator()(const T& x) const {
    return gated(x, normal_cdf(x));
  }
};

}  // namespace evengrad
