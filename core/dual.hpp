// Dual numbers: a value and its derivative, carried through a formula in one pass (forward-mode differentiation).
#pragma once

#include <evengrad/core/lanes.hpp>

namespace evengrad {
inline namespace EVENGRAD_ISA {

/// slope * derivative, and 0 where the slope is 0: what has become flat stays so although what it is made of overflows,
/// as exp(x) in tanh(exp(x)). That 0 is the slope itself: along a derivative of 1 no choice is left to compile.
template <class T>
T along(T slope, T derivative) {
  return where(slope == T(0.0), slope, slope * derivative);
}

/// A number that knows its derivative with respect to the formula's input. T is a Lanes type.
template <class T>
struct Dual {
  using Scalar = typename T::Scalar;
  T value;
  T derivative;

  Dual() = default;
  Dual(T v, T d) : value(v), derivative(d) {}
  /// A constant: its derivative is zero.
  Dual(double c) : value(c), derivative(0.0) {}
  Dual(T c) : value(c), derivative(0.0) {}

  friend Dual operator+(Dual a, Dual b) { return {a.value + b.value, a.derivative + b.derivative}; }
  friend Dual operator-(Dual a, Dual b) { return {a.value - b.value, a.derivative - b.derivative}; }
  friend Dual operator*(Dual a, Dual b) {
    return {a.value * b.value, fma(a.derivative, b.value, a.value * b.derivative)};
  }
  friend Dual operator/(Dual a, Dual b) {
    const T quotient = a.value / b.value;
    return {quotient, (a.derivative - along(quotient, b.derivative)) / b.value};
  }
  friend Dual operator-(Dual a) { return {-a.value, -a.derivative}; }

  // A plain number has derivative zero: these skip multiplying by it.
  friend Dual operator+(Dual a, double c) { return {a.value + c, a.derivative}; }
  friend Dual operator+(double c, Dual a) { return a + c; }
  friend Dual operator-(Dual a, double c) { return {a.value - c, a.derivative}; }
  friend Dual operator-(double c, Dual a) { return {c - a.value, -a.derivative}; }
  friend Dual operator*(Dual a, double c) { return {a.value * c, a.derivative * c}; }
  friend Dual operator*(double c, Dual a) { return a * c; }
  friend Dual operator/(Dual a, double c) { return {a.value / c, a.derivative / c}; }

  friend auto operator<(Dual a, Dual b) { return a.value < b.value; }
  friend auto operator<=(Dual a, Dual b) { return a.value <= b.value; }
  friend auto operator>(Dual a, Dual b) { return a.value > b.value; }
  friend auto operator>=(Dual a, Dual b) { return a.value >= b.value; }
  friend auto operator==(Dual a, Dual b) { return a.value == b.value; }
  friend auto operator!=(Dual a, Dual b) { return a.value != b.value; }

  friend Dual where(Mask<Scalar> mask, Dual a, Dual b) {
    return {where(mask, a.value, b.value), where(mask, a.derivative, b.derivative)};
  }
};

}  // namespace EVENGRAD_ISA
}  // namespace evengrad
