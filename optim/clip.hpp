#pragma once

#include <evengrad/optim/optimizer.hpp>

#include <algorithm>
#include <cmath>

namespace evengrad {

/// The unit in which a norm is taken whose squares overflow: those of doubles may where they do not themselves.
constexpr double large_norm = 0x1p600;

/// What gradients of this norm are multiplied by so that it is at most `limit` (Pascanu et al. 2013; as PyTorch,
/// limit / (norm + 1e-6)); 1 for a norm that is not finite.
inline double clip_factor(double norm, double limit) {
  const double factor = limit / (norm + 1e-6);
  return factor < 1 && std::isfinite(norm) ? factor : 1;
}

/// In double: rounded to float, the factor for a huge norm would be subnormal or 0.
template <Real S>
S scaled(S gradient, double factor) {
  return static_cast<S>(static_cast<double>(gradient) * factor);
}

/// Limited to [-bound, bound]; a NaN stays a NaN.
template <Real S>
S clipped(S gradient, S bound) {
  return gradient > bound ? bound : gradient < -bound ? -bound : gradient;
}

/// The 2-norm of all trainable parameters' gradients together, in double; infinite only if a gradient is, or if it is
/// itself too large for a double.
template <Real S, Model<S> M>
double gradient_norm(M& model, const Gradients<S>& gradients) {
  const auto norm_in_units_of = [&](double unit) {
    double sum = 0;
    model.visit(Path(), [&](const Path&, Parameter<S>& parameter) {
      const ConstMap<S> g = gradients.find(parameter);
      for (Index i = 0; i < g.size(); ++i) {
        const double x = static_cast<double>(g.data()[i]) / unit;
        sum += x * x;
      }
    });
    return std::sqrt(sum) * unit;
  };
  const double norm = norm_in_units_of(1);
  return std::isfinite(norm) ? norm : norm_in_units_of(large_norm);
}

/// Scales all gradients by clip_factor() of their norm. Returns the norm before.
template <Real S, Model<S> M>
double clip_norm(M& model, Gradients<S>& gradients, double limit) {
  const double norm = gradient_norm(model, gradients);
  const double factor = clip_factor(norm, limit);
  if (factor == 1) return norm;
  model.visit(Path(), [&](const Path&, Parameter<S>& parameter) {
    MutableMap<S> g = gradients.find(parameter);
    for (Index i = 0; i < g.size(); ++i) g.data()[i] = scaled(g.data()[i], factor);
  });
  return norm;
}

/// Limits every component of every gradient.
template <Real S, Model<S> M>
void clip_value(M& model, Gradients<S>& gradients, double limit) {
  const S bound = static_cast<S>(limit);
  model.visit(Path(), [&](const Path&, Parameter<S>& parameter) {
    MutableMap<S> g = gradients.find(parameter);
    for (Index i = 0; i < g.size(); ++i) g.data()[i] = clipped(g.data()[i], bound);
  });
}

}  // namespace evengrad
