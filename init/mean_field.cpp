#include <evengrad/init/mean_field.hpp>

#include <boost/math/tools/roots.hpp>

#include <cmath>
#include <functional>

namespace evengrad {

namespace {

using Function = std::function<double(double)>;

double bracketed_root(const Function& g, double low, double high, double at_low, double at_high) {
  std::uintmax_t steps = 200;
  const auto root = boost::math::tools::toms748_solve(g, low, high, at_low, at_high,
                                                      boost::math::tools::eps_tolerance<double>(52), steps);
  return (root.first + root.second) / 2;
}

// Every sign change of g on [low, high], looked for in steps of 50 %. Where |g| is below `noise` it has no sign.
std::vector<double> roots(const Function& g, double low, double high, double noise) {
  std::vector<double> found;
  double last = 0, at_last = 0;
  for (double x = low; x <= high; x *= 1.5) {
    const double y = g(x);
    if (!std::isfinite(y)) break;
    if (std::abs(y) <= noise) continue;
    if (at_last != 0 && (at_last < 0) != (y < 0)) found.push_back(bracketed_root(g, last, x, at_last, y));
    last = x, at_last = y;
  }
  return found;
}

// The limit of E[f'^2] as q goes to 0: the mean square of both one-sided slopes.
double slope_square_at_zero(const Activation& f) {
  return (std::pow(f.derivative(1e-300), 2) + std::pow(f.derivative(-1e-300), 2)) / 2;
}

FixedPoint describe(const Activation& f, const Scales& scales, double q) {
  if (q == 0) {
    const double chi = scales.weight * slope_square_at_zero(f);
    return {0, chi, chi};
  }
  const Moments m = moments(f, q);
  return {q, scales.weight * m.second_slope, scales.weight * m.derivative_second};
}

bool is_scale_invariant(const Activation& f) {
  for (double x = 1e-6; x < 1e7; x *= 10) {
    if (std::abs(f.value(x) - x * f.value(1)) > 1e-13 * x || std::abs(f.value(-x) - x * f.value(-1)) > 1e-13 * x) {
      return false;
    }
  }
  return f.value(0) == 0 && (f.value(1) != 0 || f.value(-1) != 0);
}

// Whether, at slope 1 in 0, the variance falls: the sign of the first deviation from q that can be seen.
bool falls_towards_zero(const Activation& f, double weight) {
  for (double q = 1e-4; q < 1.5; q *= 10) {
    const double change = variance_map(f, {weight, 0}, q) / q - 1;
    if (std::abs(change) > 1e-9) return change < 0;
  }
  return false;
}

double depth_scale(double slope) { return std::abs(slope - 1) < 1e-9 ? HUGE_VAL : -1 / std::log(std::abs(slope)); }

}  // namespace

double variance_map(const Activation& f, const Scales& scales, double q) {
  return scales.weight * moments(f, q).second + scales.bias;
}

double distance_map(const Activation& f, const Scales& scales, double q, double distance) {
  return scales.weight * pair_moments(f, q, distance).difference / (2 * variance_map(f, scales, q));
}

std::vector<FixedPoint> fixed_points(const Activation& f, const Scales& scales) {
  std::vector<FixedPoint> found;
  if (scales.bias == 0 && f.value(0) == 0) found.push_back(describe(f, scales, 0));
  const Function growth = [&](double q) { return variance_map(f, scales, q) / q - 1; };
  for (const double q : roots(growth, 1e-8, 1e8, 1e-12)) found.push_back(describe(f, scales, q));
  return found;
}

std::string_view to_string(Phase phase) {
  constexpr std::string_view names[] = {"ordered", "critical", "chaotic", "unbounded"};
  return names[static_cast<int>(phase)];
}

Regime regime(const Activation& f, const Scales& scales, double q) {
  Regime r;
  const double change = variance_map(f, scales, q) / q - 1;
  if (std::abs(change) < 1e-12) {
    r.point = describe(f, scales, q);
  } else {  // the next fixed point on the way
    r.point = change > 0 ? FixedPoint{HUGE_VAL, HUGE_VAL, HUGE_VAL} : describe(f, scales, 0);
    const std::vector<FixedPoint> points = fixed_points(f, scales);
    for (const FixedPoint& p : points) {
      if (change > 0 ? p.q > q && p.q < r.point.q : p.q < q && p.q > r.point.q) r.point = p;
    }
  }
  r.variance_depth = depth_scale(r.point.chi_parallel);
  if (!std::isfinite(r.point.q)) {
    r.phase = Phase::unbounded;
    r.correlation = r.correlation_depth = r.variance_depth = std::nan("");
    return r;
  }
  const double chi1 = r.point.chi1;
  r.phase = std::abs(chi1 - 1) < 1e-9 ? Phase::critical : chi1 < 1 ? Phase::ordered : Phase::chaotic;
  double slope = chi1;
  if (r.phase == Phase::chaotic) {
    // 1 - c grows near 0 and, the correlation map being a power series without negative terms, not beyond c = 0.
    const Function growth = [&](double d) { return distance_map(f, scales, r.point.q, d) / d - 1; };
    const double near = 1e-6, at_near = growth(near), at_zero = growth(1);
    const double distance = at_zero >= -1e-13 ? 1
                            : at_near <= 0    ? 0
                                              : bracketed_root(growth, near, 1, at_near, at_zero);
    r.correlation = 1 - distance;
    slope = scales.weight * pair_moments(f, r.point.q, distance).derivative_product;
  }
  r.correlation_depth = depth_scale(slope);
  return r;
}

std::string_view to_string(Universality kind) {
  constexpr std::string_view names[] = {"scale_invariant", "k_star_zero", "half_stable"};
  return names[static_cast<int>(kind)];
}

std::optional<CriticalPoint> critical_point(const Activation& f) {
  if (is_scale_invariant(f)) {
    return CriticalPoint{{1 / moments(f).second, 0}, std::nullopt, Universality::scale_invariant};
  }
  const double slope = slope_square_at_zero(f);
  if (f.value(0) == 0 && slope > 0 && std::isfinite(slope) && falls_towards_zero(f, 1 / slope)) {
    return CriticalPoint{{1 / slope, 0}, 0.0, Universality::k_star_zero};
  }
  // chi1 = chi_parallel does not depend on the scales; they follow from it.
  const Function gap = [&](double q) {
    const Moments m = moments(f, q);
    return m.derivative_second - m.second_slope;
  };
  for (const double q : roots(gap, 1e-4, 1e4, 1e-11)) {
    if (const auto scales = edge_of_chaos(f, q)) return CriticalPoint{*scales, q, Universality::half_stable};
  }
  return std::nullopt;
}

std::optional<Scales> edge_of_chaos(const Activation& f, double q) {
  const Moments m = moments(f, q);
  const Scales scales{1 / m.derivative_second, q - m.second / m.derivative_second};
  if (!(scales.bias > -1e-10 * q) || !std::isfinite(scales.weight)) return std::nullopt;
  return Scales{scales.weight, std::max(0.0, scales.bias)};
}

std::optional<double> edge_without_bias(const Activation& f) {
  const Function bias = [&](double q) {
    const Moments m = moments(f, q);
    return 1 - m.second / m.derivative_second / q;
  };
  const std::vector<double> found = roots(bias, 1e-4, 1e6, 1e-11);
  return found.empty() ? std::nullopt : std::optional(found.front());
}

}  // namespace evengrad
