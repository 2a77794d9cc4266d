#pragma once

#include <evengrad/activations/gated.hpp>
#include <evengrad/activations/info.hpp>
#include <evengrad/core/math.hpp>

namespace evengrad {

/// x tanh(softplus(x)).
struct Mish {
  static constexpr std::string_view name = "mish";
  static constexpr ActivationInfo info{
      .formula = "x*tanh(softplus(x))",
      .derivative = "tanh(softplus(x)) + x*sigmoid(x)*(1 - tanh(softplus(x))^2)",
      .range = "[-0.309, inf)",
      .year = 2019,
      .source = "Misra 2019, Mish: A Self Regularized Non-Monotonic Activation Function",
      .uses = "YOLOv4",
      .notes = "Close to silu, with a deeper dip and a slope that reaches 1.088."};

  template <class T>
  T operator()(const T& x) const {
    return gated(x, gate(x));
  }

 private:
  // tanh(softplus(x)) = a / (a + 2) with a = n (n + 2), n = exp(x): one exp, and no difference that cancels. The gate
  // is 1 to double precision from x = 20 on, which keeps a from overflowing.
  template <class T>
  static T gate(const T& x) {
    const T n = exp(min(x, 20.0));
    const T a = n * (n + 2.0);
    return a / (a + 2.0);
  }

  // The quotient rule would subtract nearly equal numbers for large x; this derivative is one product.
  template <class T>
  static Dual<T> gate(const Dual<T>& x) {
    const T n = exp(min(x.value, 20.0));
    const T a = n * (n + 2.0);
    const T b = a + 2.0;
    return {a / b, where(x.value < 20.0, (4.0 * n / b) * ((n + 1.0) / b) * x.derivative, T(0.0))};
  }
};

}  // namespace evengrad
