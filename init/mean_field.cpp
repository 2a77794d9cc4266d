#include <evengrad/init/mean_field.hpp>

#include <evengrad/core/error.hpp>
#include <evengrad/core/numbers.hpp>
#include <evengrad/init/root.hpp>

#include <array>
#include <cmath>
#include <functional>

namespace evengrad {

namespace {

using Function = std::function<double(double)>;

// A function of a variance q, from the moments there.
using OfMoments = std::function<double(double q, const Moments& m)>;

// Every sign change of g on [low, high], looked for in steps of 50 %. Where |g| is below `noise`, or what the moments
// do not resolve, it has no sign.
std::vector<double> roots(const Activation& f, const OfMoments& of, double low, double high, double noise) {
  const Function g = [&](double q) { return of(q, moments(f, q)); };
  std::vector<double> found;
  double last = 0, at_last = 0;
  for (double x = low; x <= high; x *= 1.5) {
    const Moments m = moments(f, x);
    const double y = of(x, m);
    if (!std::isfinite(y)) break;
    if (std::abs(y) <= std::max(noise, 10 * m.error)) continue;
    if (at_last != 0 && (at_last < 0) != (y < 0)) {
      if (const double root = bracketed_root(g, last, x, at_last, y); std::isfinite(root)) found.push_back(root);
    }
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

// Infinite at slope 1; NaN where deviations do not die out.
double depth_scale(double slope) {
  if (std::abs(slope - 1) < 1e-9) return HUGE_VAL;
  return std::abs(slope) < 1 ? -1 / std::log(std::abs(slope)) : std::nan("");
}

// The slopes of f far out on either side, where it becomes a line.
std::optional<std::array<double, 2>> asymptotic_slopes(const Activation& f) {
  std::array<double, 2> slopes{};
  for (const int side : {0, 1}) {
    const double sign = side == 0 ? -1 : 1;
    // As far out as the formula can be computed: x / (1 + exp(-x)) overflows at -710.
    double x = sign * 1e9;
    while (std::abs(x) > 100 && !(std::isfinite(f.value(x)) && std::isfinite(f.derivative(x)))) x /= 2;
    const double slope = f.derivative(x), height = f.value(x);
    for (const double nearer : {0.51234, 0.26543, 0.13579}) {
      const double there = nearer * x, missing = height - f.value(there) - slope * (x - there);
      const double noise = 1e-9 * std::max(std::abs(slope), std::abs(height / x)) + 1e-300;
      if (!(std::abs(f.derivative(there) - slope) <= noise) || !(std::abs(missing / x) <= noise)) return std::nullopt;
    }
    slopes[static_cast<std::size_t>(side)] = slope;
  }
  return slopes;
}

// The limit of ratio(q) as q grows; infinite where it grows on, NaN where it cannot be told.
double limit(const Function& ratio) {
  const double a = ratio(1e2), b = ratio(1e3), c = ratio(1e4);
  if (std::isnan(a) || std::isnan(b) || std::isnan(c)) return std::nan("");
  if (!std::isfinite(c) || (b > 1.05 * a && c > 1.05 * b)) return HUGE_VAL;
  return std::abs(c - b) < 1e-6 * std::abs(c) && std::abs(b - a) < 1e-4 * std::abs(c) ? c : std::nan("");
}

// What a layer does once the variance is beyond all bounds: factors of the variance and of the squared gradient.
FixedPoint at_infinity(const Activation& f, const Scales& scales) {
  if (const auto slopes = asymptotic_slopes(f)) {
    const double factor = scales.weight * ((*slopes)[0] * (*slopes)[0] + (*slopes)[1] * (*slopes)[1]) / 2;
    return {HUGE_VAL, factor, factor};
  }
  return {HUGE_VAL, scales.weight * limit([&](double q) { return moments(f, q).second / q; }),
          scales.weight * limit([&](double q) { return moments(f, q).derivative_second; })};
}

// The cosine of two inputs in the end, and how fast, where layers act as a_- x and a_+ x on either side of 0.
void settle_angles(double below, double above, Regime& r) {
  const double same = 1e-9 * (std::abs(below) + std::abs(above));
  r.correlation = std::abs(above - below) <= same ? std::nan("") : 1;  // angles stay, or close as a power of depth
  r.correlation_depth = HUGE_VAL;
}

}  // namespace

std::optional<std::array<double, 2>> homogeneous_slopes(const Activation& f) {
  if (!is_scale_invariant(f)) return std::nullopt;
  return std::array{0 - f.value(-1), f.value(1)};
}

double variance_map(const Activation& f, const Scales& scales, double q) {
  return scales.weight * moments(f, q).second + scales.bias;
}

double distance_map(const Activation& f, const Scales& scales, double q, double distance) {
  return scales.weight * pair_moments(f, q, distance).difference / (2 * variance_map(f, scales, q));
}

std::vector<FixedPoint> fixed_points(const Activation& f, const Scales& scales) {
  std::vector<FixedPoint> found;
  if (scales.bias == 0 && f.value(0) == 0) found.push_back(describe(f, scales, 0));
  const OfMoments growth = [&](double q, const Moments& m) { return (scales.weight * m.second + scales.bias) / q - 1; };
  for (const double q : roots(f, growth, 1e-8, 1e8, 1e-12)) found.push_back(describe(f, scales, q));
  return found;
}

std::string_view to_string(Phase phase) {
  constexpr std::string_view names[] = {"ordered", "critical", "chaotic", "unbounded", "unknown"};
  return names[static_cast<int>(phase)];
}

Regime regime(const Activation& f, const Scales& scales, double q) {
  const double unknown = std::nan("");
  Regime r{{unknown, unknown, unknown}, unknown, unknown, unknown, unknown, Phase::unknown};
  const double change = variance_map(f, scales, q) / q - 1;
  if (std::isnan(change)) return r;
  if (std::abs(change) < 1e-12) {
    r.point = describe(f, scales, q);
  } else {  // the next fixed point on the way
    r.point = FixedPoint{change > 0 ? HUGE_VAL : 0};
    for (const FixedPoint& p : fixed_points(f, scales)) {
      if (change > 0 ? p.q > q && p.q < r.point.q : p.q < q && p.q >= r.point.q) r.point = p;
    }
    if (!std::isfinite(r.point.q)) r.point = at_infinity(f, scales);
    if (r.point.q == 0 && !(scales.bias == 0 && f.value(0) == 0)) return r;
  }
  r.variance_depth = depth_scale(r.point.chi_parallel);
  r.gradient_depth = depth_scale(std::min(r.point.chi1, 1 / r.point.chi1));
  if (!std::isfinite(r.point.q)) {
    r.phase = Phase::unbounded;
    r.variance_depth = unknown;
    if (const auto slopes = asymptotic_slopes(f)) settle_angles((*slopes)[0], (*slopes)[1], r);
    return r;
  }
  const double chi1 = r.point.chi1;
  if (std::isnan(chi1)) return r;
  r.phase = std::abs(chi1 - 1) < 1e-9 ? Phase::critical : chi1 < 1 ? Phase::ordered : Phase::chaotic;
  if (r.point.q == 0 || (scales.bias == 0 && is_scale_invariant(f))) {
    // The signal dies, or its size does not matter: the cosine follows from the slopes at 0 alone.
    const double below = f.derivative(-1e-300), above = f.derivative(1e-300);
    const bool finite = std::isfinite(below) && std::isfinite(above) && (below != 0 || above != 0);
    if (finite) settle_angles(below, above, r);
    return r;
  }
  double slope = chi1;
  r.correlation = 1;
  if (r.phase == Phase::chaotic) {
    // 1 - c grows near 0 and, the correlation map being a power series without negative terms, not beyond c = 0.
    const Function growth = [&](double d) { return distance_map(f, scales, r.point.q, d) / d - 1; };
    const double near = 1e-6, at_near = growth(near), at_zero = growth(1);
    const double distance = at_zero >= -1e-13 ? 1 : bracketed_root(growth, near, 1, at_near, at_zero);
    r.correlation = 1 - distance;
    slope = std::isnan(distance) ? unknown : scales.weight * pair_moments(f, r.point.q, distance).derivative_product;
  }
  r.correlation_depth = depth_scale(slope);
  return r;
}

namespace {

std::string number(double x, int digits = 4) { return rounded_text(x, digits); }

std::string fate_of_variance(const FixedPoint& point) {
  const double chi = point.chi_parallel;
  if (point.q == 0) {
    if (std::abs(chi - 1) < 1e-9) return "the variance falls to 0 as a power of depth";
    return chi > 0 ? text("the variance falls to 0, x ", number(chi), " a layer")
                   : "the variance falls to 0 faster than by any factor a layer";
  }
  if (std::isfinite(point.q)) return text("the variance tends to ", number(point.q));
  if (std::isnan(chi)) return "the variance grows without bound, by an unknown law";
  if (!std::isfinite(chi)) return "the variance grows without bound, faster than by any factor a layer";
  if (std::abs(chi - 1) < 1e-9) return "the variance grows without bound, slower than by any factor a layer";
  return text("the variance grows without bound, in the end x ", number(chi, 6), " a layer");
}

std::string fate_of_gradient(double chi1) {
  if (std::isnan(chi1)) return "squared gradient by an unknown law";
  if (!std::isfinite(chi1)) return "squared gradient x more and more a layer";
  return text("squared gradient x ", number(chi1, 6), " a layer");
}

std::string fate_of_angles(const Regime& r) {
  if (r.correlation_depth == HUGE_VAL) {
    if (r.point.q == 0 && std::isnan(r.correlation)) return "angles between inputs hardly change";
    return std::isnan(r.correlation) ? "angles between inputs change at most as a power of depth"
                                     : text("correlations tend to ", number(r.correlation), " as a power of depth");
  }
  if (std::isnan(r.correlation)) return "correlations unknown";
  const std::string limit = text("correlations tend to ", number(r.correlation));
  return std::isnan(r.correlation_depth)
             ? limit
             : text(limit, " with correlation length ", number(r.correlation_depth, 3), " layers");
}

}  // namespace

std::string describe(const Regime& r) {
  if (r.phase == Phase::unknown) return "unknown: moments do not exist or cannot be resolved";
  return text(to_string(r.phase), ": ", fate_of_gradient(r.point.chi1), "; ", fate_of_variance(r.point), "; ",
              fate_of_angles(r));
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
  const OfMoments gap = [](double, const Moments& m) { return m.derivative_second - m.second_slope; };
  for (const double q : roots(f, gap, 1e-4, 1e4, 1e-11)) {
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
  const OfMoments bias = [](double q, const Moments& m) { return 1 - m.second / m.derivative_second / q; };
  const std::vector<double> found = roots(f, bias, 1e-4, 1e6, 1e-11);
  return found.empty() ? std::nullopt : std::optional(found.front());
}

}  // namespace evengrad
