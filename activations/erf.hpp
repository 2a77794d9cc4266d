#pragma once

#include <evengrad/activations/info.hpp>
#include <evengrad/core/math.hpp>

namespace evengrad {

/// Error function.
struct Erf {
  static constexpr std::string_view name = "erf";
  static constexpr ActivationInfo info{
      .formula = "erf(x)",
      .derivative = "2*exp(-x^2)/sqrt(pi)",
      .range = "(-1, 1)",
      .year = 1995,
      .source =
          "Saad and Solla 1995, On-line Learning in Soft Committee Machines; Williams 1996, Computing with Infinite "
          "Networks",
      .uses = "theory: teacher and student nets, kernels of infinitely wide nets",
      .notes =
          "Its Gaussian integrals are arcsines, so mean-field theory has closed forms; nets of it behave much like "
          "those of tanh. Its slope at 0 is 2/sqrt(pi) = 1.128."};

  template <class T>
  T operator()(const T& x) const {
    return erf(x);
  }
};

}  // namespace evengrad
