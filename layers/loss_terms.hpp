// The losses that are means over elements: what one prediction y and its target t contribute, and the slope in y, in
// double. One definition for the ops of losses.hpp and for nets that train side by side.
#pragma once

#include <evengrad/core/real.hpp>

#include <algorithm>
#include <cmath>

namespace evengrad {

/// A slope as a gradient holds it: 0 where it is negligible.
template <Real S>
S flushed(S slope) {
  return std::abs(slope) < negligible<S> ? S(0) : slope;
}

struct SquaredError {
  double operator()(double y, double t) const { return (y - t) * (y - t); }
  double slope(double y, double t) const { return 2 * (y - t); }
};

/// softplus(z) - t z, where no exponential can overflow; the slope is sigmoid(z) - t.
struct SigmoidCrossEntropy {
  double operator()(double z, double t) const { return std::max(z, 0.0) - t * z + std::log1p(std::exp(-std::abs(z))); }
  double slope(double z, double t) const {
    const double e = std::exp(-std::abs(z));
    return (z >= 0 ? 1 : e) / (1 + e) - t;
  }
};

struct HuberError {
  double delta = 1;
  double operator()(double y, double t) const {
    const double e = std::abs(y - t);
    return e <= delta ? e * e / 2 : delta * (e - delta / 2);
  }
  double slope(double y, double t) const { return std::clamp(y - t, -delta, delta); }
};

}  // namespace evengrad
