#pragma once

#include <evengrad/activations/info.hpp>
#include <evengrad/core/math.hpp>

#include <array>
#include <limits>

namespace evengrad {

/// x / (1 + |x|).
struct Softsign {
  static constexpr std::string_view name = "softsign";
  static constexpr std::array kinks{0.0};
  static constexpr ActivationInfo info{
      .formula = "x/(1 + abs(x))",
      .derivative = "1/(1 + abs(x))^2",
      .range = "(-1, 1)",
      .year = 2009,
      .source = "Bergstra, Desjardins, Lamblin and Bengio 2009, Quadratic Polynomials Learn Better Image Features",
      .uses = "Deep Voice 3; the comparison of Glorot and Bengio 2010",
      .notes =
          "Like tanh, but it approaches its limits slowly, so that it saturates later. Its second derivative jumps at "
          "0."};

  template <class T>
  T operator()(const T& x) const {
    constexpr double inf = std::numeric_limits<double>::infinity();
    const T a = abs(x);
    return where(a == inf, sign(x), x / (1.0 + a));
  }
};

}  // namespace evengrad
