#include <evengrad/init/normalized.hpp>

#include <evengrad/activations/registry.hpp>
#include <evengrad/core/error.hpp>
#include <evengrad/core/numbers.hpp>
#include <evengrad/init/moments.hpp>

#include <cmath>

namespace evengrad {

namespace {

struct ScaledAndShifted {
  Activation f;
  double a, b;
};

// f's own kernel, then one pass over numbers that are still in cache.
template <Real S>
void run(const void* formula, const S* z, S* value, S* derivative, Index count) {
  const ScaledAndShifted& g = *static_cast<const ScaledAndShifted*>(formula);
  const S a = static_cast<S>(g.a), b = static_cast<S>(g.b);
  g.f(z, value, derivative, count);
  for (Index i = 0; i < count; ++i) value[i] = a * value[i] + b;
  if (!derivative) return;
  for (Index i = 0; i < count; ++i) derivative[i] *= a;
}

}  // namespace

Repair repair(const Activation& f) {
  const Moments m = moments(f);
  if (!(m.derivative_second > 0) || !std::isfinite(m.derivative_second) || !std::isfinite(m.second)) {
    throw UsageError(text("normalized(", f.name(), "): E[f'^2] must be finite and not 0 at N(0, 1), got ",
                          rounded_text(m.derivative_second, 4), " with E[f^2] = ", rounded_text(m.second, 4)));
  }
  const double a = 1 / std::sqrt(m.derivative_second);
  const double root = std::sqrt(std::max(0.0, 1 - m.variance / m.derivative_second));
  const auto with = [&](double b) { return Repair{a, b, a * a * m.second_slope + 2 * a * b * m.mean_slope}; };
  const Repair low = with(-a * m.mean - root), high = with(-a * m.mean + root);
  // An odd function's two b are mirror images and equally good: rounding must not choose between them.
  constexpr double tie = 1e-9;
  if (std::abs(low.chi_parallel - high.chi_parallel) < tie) {
    return std::abs(low.b) < std::abs(high.b) - tie ? low : high;
  }
  return low.chi_parallel < high.chi_parallel ? low : high;
}

Activation normalized(const Activation& f) {
  const Repair n = repair(f);
  return {text("normalized(", f.name(), ")"),
          std::make_shared<const ScaledAndShifted>(ScaledAndShifted{f, n.a, n.b}),
          {run<float>, run<double>},
          f.kinks()};
}

void add_normalized() { add_activation_wrapper("normalized", normalized); }

}  // namespace evengrad
