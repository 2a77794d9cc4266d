#include <evengrad/init/moments.hpp>

#include <evengrad/activations/registry.hpp>
#include <evengrad/core/error.hpp>
#include <evengrad/core/names.hpp>
#include <evengrad/init/quadrature.hpp>
#include <evengrad/init/root.hpp>

#include <boost/math/special_functions/erf.hpp>

namespace evengrad {

namespace {

using quadrature::Effort;
using quadrature::Expectations;
using quadrature::Samples;
using Block = std::array<double, quadrature::points>;

double squared(double x) { return x * x; }

double normal_cdf(double x) { return boost::math::erfc(-x / std::sqrt(2.0)) / 2; }

// Where f(mean + s z) changes its ways, on the axis of z: at its kinks, and within the few units around 0 where most
// functions bend, lest a wide normal step over them.
std::vector<double> cuts(const Activation& f, double s, double mean) {
  std::vector<double> all;
  for (const double kink : f.kinks()) all.push_back((kink - mean) / s);
  for (double x = 2; x < 6 * s; x *= 4) {
    all.push_back((x - mean) / s);
    all.push_back((-x - mean) / s);
  }
  if (mean != 0) all.push_back(-mean / s);
  return all;
}

}  // namespace

Moments moments(const Activation& f, double q, double mean) {
  double f0, d0;
  f(&mean, &f0, &d0, 1);
  Moments m;
  if (q == 0) {
    m.mean = f0, m.second = f0 * f0, m.fourth = squared(f0 * f0);
    m.derivative_mean = d0, m.derivative_second = d0 * d0, m.derivative_fourth = squared(d0 * d0);
    m.mixed = squared(f0 * d0);
    return m;
  }
  const double s = std::sqrt(q);
  constexpr std::array<std::size_t, 11> like = {0, 1, 2, 3, 4, 5, 6, 1, 4, 9, 0};
  const auto e = quadrature::expect<11>(quadrature::intervals(cuts(f, s, mean)),
                                        [&](const Block& z, Samples<11>& samples) {
                                          Block x, y, d;
                                          for (int i = 0; i < quadrature::points; ++i) x[i] = mean + s * z[i];
                                          f(x.data(), y.data(), d.data(), quadrature::points);
                                          for (int i = 0; i < quadrature::points; ++i) {
                                            const double y2 = y[i] * y[i], d2 = d[i] * d[i], score = z[i] * z[i] - 1;
                                            const double all[] = {y[i],
                                                                  y2,
                                                                  squared(y[i] - f0),
                                                                  d[i],
                                                                  d2,
                                                                  y2 * y2,
                                                                  d2 * d2,
                                                                  (y2 - f0 * f0) * score,
                                                                  (d2 - d0 * d0) * score,
                                                                  y2 * d2,
                                                                  (y[i] - f0) * score};
                                            for (std::size_t k = 0; k < 11; ++k) samples[k][i] = all[k];
                                          }
                                        },
                                        {.like = like});
  const auto& v = e.value;
  m.mean = v[0], m.second = v[1], m.variance = v[2] - squared(v[0] - f0);
  m.derivative_mean = v[3], m.derivative_second = v[4];
  m.fourth = v[5], m.derivative_fourth = v[6];
  m.second_slope = v[7] / (2 * q), m.derivative_second_slope = v[8] / (2 * q);
  m.mixed = v[9];
  m.mean_slope = v[10] / (2 * q);
  m.error = *std::max_element(e.error.begin(), e.error.begin() + 5);
  return m;
}

PairMoments pair_moments(const Activation& f, double q, double distance, double mean) {
  PairMoments p;
  if (q == 0 || distance < 1e-13) {  // the difference is linear in the distance here
    const Moments m = moments(f, q, mean);
    p.difference = 2 * q * distance * m.derivative_second;
    p.derivative_product = m.derivative_second;
    return p;
  }
  // u, v = mean + s (a x +- b y) with x, y independent: nothing cancels as the distance 2 b^2 goes to 0, and for a
  // given y the kinks of f(u) and f(v) lie at known x.
  const double s = std::sqrt(q), a = std::sqrt(std::max(0.0, 1 - distance / 2)), b = std::sqrt(distance / 2);
  const std::vector<double> bends = cuts(f, s, mean);
  const auto given = [&](double y) {
    std::vector<double> x_cuts;
    if (a > 0) {
      for (const double t : bends) {
        x_cuts.push_back((t - b * y) / a);
        x_cuts.push_back((t + b * y) / a);
      }
    }
    return quadrature::expect<4>(quadrature::intervals(x_cuts),
                                 [&](const Block& x, Samples<4>& samples) {
                                   Block u, v, fu, fv, du, dv;
                                   for (int i = 0; i < quadrature::points; ++i) {
                                     u[i] = mean + s * (a * x[i] + b * y);
                                     v[i] = mean + s * (a * x[i] - b * y);
                                   }
                                   f(u.data(), fu.data(), du.data(), quadrature::points);
                                   f(v.data(), fv.data(), dv.data(), quadrature::points);
                                   for (int i = 0; i < quadrature::points; ++i) {
                                     samples[0][i] = squared(fu[i] - fv[i]);
                                     samples[1][i] = du[i] * dv[i];
                                     samples[2][i] = squared(fu[i] * fu[i] - fv[i] * fv[i]);
                                     samples[3][i] = squared(du[i] * du[i] - dv[i] * dv[i]);
                                   }
                                 },
                                 {1e-12, 64});
  };
  std::vector<double> y_cuts;
  for (const double t : bends) y_cuts.push_back(std::abs(t) / b);
  std::vector<double> outer = quadrature::intervals(y_cuts);  // even in y: twice the upper half
  outer.erase(outer.begin(), std::find(outer.begin(), outer.end(), 0));
  const auto e = quadrature::expect<4>(outer,
                                       [&](const Block& y, Samples<4>& samples) {
                                         for (int i = 0; i < quadrature::points; ++i) {
                                           const Expectations<4> inner = given(y[i]);
                                           for (std::size_t k = 0; k < 4; ++k) samples[k][i] = 2 * inner.value[k];
                                         }
                                       },
                                       {1e-11, 64});
  p.difference = e.value[0], p.derivative_product = e.value[1];
  p.squares_difference = e.value[2], p.derivative_squares_difference = e.value[3];
  p.error = std::max(e.error[0], e.error[1]);
  return p;
}

namespace {

struct Interval {
  double low, high;
};

// Where f is 0 throughout: a piece between two kinks either is or is not.
std::vector<Interval> zero_set(const Activation& f) {
  std::vector<double> ends = f.kinks();
  std::sort(ends.begin(), ends.end());
  ends.insert(ends.begin(), -HUGE_VAL);
  ends.push_back(HUGE_VAL);
  std::vector<Interval> zeros;
  for (std::size_t i = 0; i + 1 < ends.size(); ++i) {
    const double low = std::isfinite(ends[i]) ? ends[i] : std::min(ends[i + 1], 0.0) - 64;
    const double high = std::isfinite(ends[i + 1]) ? ends[i + 1] : std::max(ends[i], 0.0) + 64;
    bool zero = true;
    for (int k = 1; k < 64 && zero; ++k) zero = f.value(low + (high - low) * k / 64) == 0;
    if (zero) zeros.push_back({ends[i], ends[i + 1]});
  }
  return zeros;
}

double measure(const std::vector<Interval>& set, double mean, double s) {
  double p = 0;
  for (const Interval& i : set) {
    const double low = (i.low - mean) / s, high = (i.high - mean) / s;
    p += low > 0 ? normal_cdf(-low) - normal_cdf(-high) : normal_cdf(high) - normal_cdf(low);
  }
  return p;
}

}  // namespace

double zero_probability(const Activation& f, double q, double mean) {
  if (q == 0) return f.value(mean) == 0 ? 1 : 0;
  return measure(zero_set(f), mean, std::sqrt(q));
}

double silent_probability(const Activation& f, double q, double c, double m, double mean) {
  if (q == 0 || c >= 1 || m == 1) return zero_probability(f, q, mean);
  const std::vector<Interval> zeros = zero_set(f);
  if (zeros.empty()) return 0;
  const double s = std::sqrt(q);
  if (c <= 0) return std::pow(measure(zeros, mean, s), m);
  // Given what the inputs share, z, they are independent.
  const auto silent = [&](double z) {
    return std::pow(measure(zeros, mean + s * std::sqrt(c) * z, s * std::sqrt(1 - c)), m);
  };
  return quadrature::expect<1>(quadrature::intervals({}),
                               [&](const Block& z, Samples<1>& samples) {
                                 for (int i = 0; i < quadrature::points; ++i) samples[0][i] = silent(z[i]);
                               },
                               {1e-10, 400})
      .value[0];
}

namespace {

std::optional<double> inverse_root(double x) {
  return x > 0 && std::isfinite(x) ? std::optional(1 / std::sqrt(x)) : std::nullopt;
}

// The smallest s > 0 with E[f(s z)^2] = 1: the first sign change on a fine grid, then bracketed.
std::optional<double> fixed_point_gain(const Activation& f) {
  const auto excess = [&](double s) { return moments(f, s * s).second - 1; };
  double low = 1e-4, at_low = excess(low);
  if (!std::isfinite(at_low)) return std::nullopt;
  for (double high = low * 1.25; high < 1e3; high *= 1.25) {
    const double at_high = excess(high);
    if (!std::isfinite(at_high)) return std::nullopt;
    if ((at_low < 0) != (at_high < 0)) {
      const double root = bracketed_root(excess, low, high, at_low, at_high);
      return std::isfinite(root) ? std::optional(root) : std::nullopt;
    }
    low = high, at_low = at_high;
  }
  return std::nullopt;
}

std::optional<double> pytorch_gain(const Activation& f) {
  try {
    if (const auto named = named_activation(f.name())) return named->entry->pytorch_gain(named->values);
  } catch (const UsageError&) {  // an activation that is not in the registry
  }
  return std::nullopt;
}

struct NamedGain {
  std::string name;
  std::optional<double> (*of)(const Activation& f);
};

const std::vector<NamedGain>& named_gains() {
  static const std::vector<NamedGain> list = {
      {"second_moment", [](const Activation& f) { return inverse_root(moments(f).second); }},
      {"fixed_point", fixed_point_gain},
      {"unit_variance", [](const Activation& f) { return inverse_root(moments(f).variance); }},
      {"backward", [](const Activation& f) { return inverse_root(moments(f).derivative_second); }},
      {"pytorch", pytorch_gain}};
  return list;
}

}  // namespace

const std::vector<std::string>& gain_names() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> all;
    for (const NamedGain& g : named_gains()) all.push_back(g.name);
    return all;
  }();
  return names;
}

std::optional<double> gain(const Activation& f, std::string_view name) {
  for (const NamedGain& g : named_gains()) {
    if (g.name == name) return g.of(f);
  }
  throw UsageError(unknown_name("gain", name, gain_names()));
}

Gains gains(const Activation& f) {
  return {gain(f, "second_moment"), gain(f, "fixed_point"), gain(f, "unit_variance"), gain(f, "backward"),
          gain(f, "pytorch")};
}

}  // namespace evengrad
