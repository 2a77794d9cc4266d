#pragma once

#include <evengrad/activations/info.hpp>
#include <evengrad/core/math.hpp>

namespace evengrad {

/// tanh scaled to take 1 to 1 and -1 to -1.
struct LeCunTanh {
  static constexpr std::string_view name = "lecun_tanh";
  static constexpr ActivationInfo info{
      .formula = "1.7159*tanh(2*x/3)",
      .derivative = "1.7159*2/3*(1 - tanh(2*x/3)^2)",
      .range = "(-1.7159, 1.7159)",
      .year = 1989,
      .source = "LeCun 1989, Generalization and Network Design Strategies; LeCun et al. 1998, Efficient BackProp",
      .uses = "LeNet-5",
      .notes =
          "Targets 1 and -1 lie where the second derivative is largest, not in the saturated tails. Its effective gain "
          "is near 1, so that LeCun initialization keeps the signal."};

  template <class T>
  T operator()(const T& x) const {
    return 1.7159 * tanh((2.0 / 3.0) * x);
  }

  // The same with a slope that rounds less: 1 - t^2 where that is the closest form, corrected for what rounding took
  // from the argument, and of the factor only what is above 1.
  template <class T>
  Dual<T> operator()(const Dual<T>& x) const {
    const Dual<T> t = tanh(Dual<T>((2.0 / 3.0) * x.value, T(1.0)));
    const T c = min(max(x.value, -30.0), 30.0), u = (2.0 / 3.0) * c, lost = (c - u) - 0.5 * u;  // c - 1.5 u, exactly
    const T rough = where(abs(t.value) < 0.5, 1.0 - t.value * t.value, t.derivative);
    const T slope = rough - (2.0 / 1.5) * (t.value * rough * lost);
    return {1.7159 * t.value, (slope + (1.7159 / 1.5 - 1.0) * slope) * x.derivative};
  }
};

}  // namespace evengrad
