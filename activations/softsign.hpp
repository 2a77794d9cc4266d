#pragma once

#include <evengrad/activations/info.hpp>
#include <evengrad/core/math.hpp>

#include <array>

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

  // As 1 / (1 + 1/|x|), whose every step is monotonic; in x / (1 + |x|) the rounding of the sum is not.
  template <Real S>
  Lanes<S> operator()(const Lanes<S>& x) const {
    const Lanes<S> a = abs(x), y = 1.0 / (1.0 + 1.0 / a);
    return where(a < 1e-30, x, where(x < 0.0, -y, y));  // 1/a may overflow where y is x
  }

  template <class T>
  Dual<T> operator()(const Dual<T>& x) const {
    const T y = (*this)(x.value), rest = 1.0 - abs(y);  // 1 / (1 + |x|), rounded less than the sum would be
    return {y, rest * rest * x.derivative};
  }
};

}  // namespace evengrad
