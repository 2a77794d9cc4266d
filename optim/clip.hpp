#pragma once

#include <evengrad/optim/optimizer.hpp>

#include <algorithm>
#include <cmath>

namespace evengrad {

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
  return std::isfinite(norm) ? norm : norm_in_units_of(0x1p600);  // squares of doubles may overflow where they do not
}

/// Scales all gradients so that their norm is at most `limit` (Pascanu et al. 2013; as PyTorch, by
/// limit / (norm + 1e-6)). Returns the norm before. A norm that is not finite leaves them as they are.
template <Real S, Model<S> M>
double clip_norm(M& model, Gradients<S>& gradients, double limit) {
  const double norm = gradient_norm(model, gradients);
  const double factor = limit / (norm + 1e-6);
  if (!(factor < 1) || !std::isfinite(norm)) return norm;
  model.visit(Path(), [&](const Path&, Parameter<S>& parameter) {
    MutableMap<S> g = gradients.find(parameter);
    // In double: rounded to float, the factor for a huge norm would be subnormal or 0.
    for (Index i = 0; i < g.size(); ++i) g.data()[i] = static_cast<S>(static_cast<double>(g.data()[i]) * factor);
  });
  return norm;
}

/// Limits every component of every gradient to [-limit, limit]; a NaN stays a NaN.
template <Real S, Model<S> M>
void clip_value(M& model, Gradients<S>& gradients, double limit) {
  const S bound = static_cast<S>(limit);
  model.visit(Path(), [&](const Path&, Parameter<S>& parameter) {
    MutableMap<S> g = gradients.find(parameter);
    for (Index i = 0; i < g.size(); ++i) {
      S& x = g.data()[i];
      x = x > bound ? bound : x < -bound ? -bound : x;
    }
  });
}

}  // namespace evengrad
