#pragma once

#include <evengrad/activations/info.hpp>
#include <evengrad/core/math.hpp>

#include <array>

namespace evengrad {

/// Continuously differentiable exponential linear unit.
struct CELU {
  static constexpr std::string_view name = "celu";
  static constexpr std::array kinks{0.0};
  static constexpr ActivationInfo info{
      .formula = "where(x > 0, x, alpha*expm1(x/alpha))",
      .derivative = "where(x > 0, 1, exp(x/alpha))",
      .range = "(-alpha, inf)",
      .year = 2017,
      .source = "Barron 2017, Continuously Differentiable Exponential Linear Units",
      .uses = "the molecular potentials of TorchANI (alpha 0.1)",
      .notes = "ELU with a continuous derivative for every alpha; the same function at alpha = 1."};

  double alpha = 1.0;  ///< scale of the exponential
  static constexpr auto parameters() {
    return std::array{FormulaParameter<CELU>{"alpha", &CELU::alpha, 0.001, 1000.0}};
  }

  template <class T>
  T operator()(const T& x) const {
    return where(x > 0.0, x, alpha * expm1(x / alpha));
  }
};

}  // namespace evengrad
