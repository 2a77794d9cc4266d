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

  // The same with both factors of the derivative in one.
  template <class T>
  Dual<T> operator()(const Dual<T>& x) const {
    const Dual<T> t = tanh(Dual<T>((2.0 / 3.0) * x.value, (1.7159 * 2.0 / 3.0) * x.derivative));
    return {1.7159 * t.value, t.derivative};
  }
};

}  // namespace evengrad
