// What the built-in activations should be: formulas written a second time, in more precision and in another form.
#pragma once

#include <evengrad/core/error.hpp>
#include <evengrad/core/real.hpp>

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <map>
#include <numbers>
#include <string>

namespace evengrad {

// T is double for float inputs, long double for double inputs.

template <class T>
struct Point {
  T value;
  T slope;
};

template <class T>
using Reference = std::function<Point<T>(T)>;

template <class T>
struct Logistic {  // of x: value, 1 - value, slope
  explicit Logistic(T x) {
    const T e = std::exp(-std::abs(x)), up = 1 / (1 + e), down = e / (1 + e);
    value = x < 0 ? down : up;
    complement = x < 0 ? up : down;
    slope = up * down;
  }
  T value, complement, slope;
};

/// x times a gate; an infinite x times a closed gate is 0.
template <class T>
Point<T> gate(T x, T g, T g_slope) {
  const auto product = [](T a, T b) { return b == 0 ? T(0) : a * b; };
  return {product(x, g), g + product(x, g_slope)};
}

template <class T>
std::map<std::string, Reference<T>, std::less<>> references() {
  const T pi = std::numbers::pi_v<T>;
  std::map<std::string, Reference<T>, std::less<>> r;
  r["identity"] = [](T x) { return Point<T>{x, 1}; };
  r["sigmoid"] = [](T x) { return Point<T>{Logistic<T>(x).value, Logistic<T>(x).slope}; };
  r["tanh"] = [](T x) { return Point<T>{std::tanh(x), 1 / (std::cosh(x) * std::cosh(x))}; };
  r["relu"] = [](T x) { return x > 0 ? Point<T>{x, 1} : Point<T>{0, 0}; };
  r["leaky_relu"] = [](T x) { return x > 0 ? Point<T>{x, 1} : Point<T>{x / 100, T(1) / 100}; };
  r["prelu"] = [](T x) { return x > 0 ? Point<T>{x, 1} : Point<T>{x / 4, T(1) / 4}; };
  r["relu6"] = [](T x) { return Point<T>{std::clamp<T>(x, 0, 6), T(x > 0 && x < 6)}; };
  r["elu"] = [](T x) { return x > 0 ? Point<T>{x, 1} : Point<T>{std::expm1(x), std::exp(x)}; };
  r["celu"] = r["elu"];
  r["selu"] = [](T x) {
    const auto lambda = static_cast<T>(1.0507009873554804934193349852946L);
    const auto alpha = static_cast<T>(1.6732632423543772848170429916717L);
    return x > 0 ? Point<T>{lambda * x, lambda}
                 : Point<T>{lambda * alpha * std::expm1(x), lambda * alpha * std::exp(x)};
  };
  r["gelu"] = [pi](T x) {
    return gate<T>(x, std::erfc(-x * std::sqrt(T(0.5))) / 2, std::exp(-x * x / 2) / std::sqrt(2 * pi));
  };
  r["gelu_tanh"] = [pi](T x) {
    const T c = std::clamp<T>(x, -1e4, 1e4);  // the gate is closed or open beyond
    const T a = T(44715) / 1000000, u = 2 * std::sqrt(2 / pi) * (c + a * c * c * c);
    return gate<T>(x, Logistic<T>(u).value, Logistic<T>(u).slope * 2 * std::sqrt(2 / pi) * (1 + 3 * a * c * c));
  };
  r["quick_gelu"] = [](T x) {
    const T b = T(1702) / 1000;
    return gate<T>(x, Logistic<T>(b * x).value, b * Logistic<T>(b * x).slope);
  };
  r["silu"] = [](T x) { return gate<T>(x, Logistic<T>(x).value, Logistic<T>(x).slope); };
  r["mish"] = [](T x) {
    const T s = x > 0 ? x + std::log1p(std::exp(-x)) : std::log1p(std::exp(x));
    return gate<T>(x, std::tanh(s), Logistic<T>(x).value / (std::cosh(s) * std::cosh(s)));
  };
  r["softplus"] = [](T x) {
    return Point<T>{x > 0 ? x + std::log1p(std::exp(-x)) : std::log1p(std::exp(x)), Logistic<T>(x).value};
  };
  r["softsign"] = [](T x) {
    const T a = 1 + std::abs(x);
    return Point<T>{std::isinf(x) ? std::copysign(T(1), x) : x / a, 1 / a / a};
  };
  r["hard_sigmoid"] = [](T x) { return Point<T>{std::clamp<T>((x + 3) / 6, 0, 1), T(std::abs(x) < 3) / 6}; };
  r["hard_tanh"] = [](T x) { return Point<T>{std::clamp<T>(x, -1, 1), T(std::abs(x) < 1)}; };
  r["hard_swish"] = [](T x) {
    return x <= -3 ? Point<T>{0, 0} : x >= 3 ? Point<T>{x, 1} : Point<T>{x * (x + 3) / 6, (2 * x + 3) / 6};
  };
  r["arctan"] = [](T x) { return Point<T>{std::atan(x), 1 / (1 + x * x)}; };
  r["sin"] = [](T x) { return Point<T>{std::sin(x), std::cos(x)}; };
  r["erf"] = [pi](T x) { return Point<T>{std::erf(x), 2 / std::sqrt(pi) * std::exp(-x * x)}; };
  r["lecun_tanh"] = [](T x) {
    const T a = T(17159) / 10000, b = T(2) / 3;
    return Point<T>{a * std::tanh(b * x), a * b / (std::cosh(b * x) * std::cosh(b * x))};
  };
  r["log_sigmoid"] = [](T x) {
    return Point<T>{x < 0 ? x - std::log1p(std::exp(x)) : -std::log1p(std::exp(-x)), Logistic<T>(-x).value};
  };
  return r;
}

/// The distance from |x| to the next number of S.
template <Real S, class T>
T ulp(T x) {
  const int exponent = x == 0 ? std::numeric_limits<S>::min_exponent : std::ilogb(x) + 1;
  return std::ldexp(T(1), std::max(exponent, std::numeric_limits<S>::min_exponent) - std::numeric_limits<S>::digits);
}

template <class T>
struct Worst {
  T error = 0;
  double at = 0;
  void take(T e, double x) {
    if (e > error) *this = {e, x};
  }
};

/// How far results in S are from the exact ones.
template <Real S, class T>
struct Accuracy {
  Worst<T> ulps;       ///< of values, as a multiple of the condition number |x f'/f| where that is above 1
  Worst<T> slopes;     ///< |difference| / max(1, |f'|)
  std::string wrong;   ///< what no tolerance covers: a NaN, a number that should overflow, a slope of the wrong sign
  std::string beside;  ///< numbers beside a zero of the exact slope whose own slope has the other sign
  S low = HUGE_VALF, high = -HUGE_VALF;
  T exact_low = HUGE_VALL, exact_high = -HUGE_VALL;

  void take(const Reference<T>& f, S x, const Point<T>& exact, S value, S slope) {
    const auto [y, dy] = exact;
    if (std::isnan(y)) return;  // sin has no limit
    if (std::isnan(value) || std::isnan(slope)) return fail("NaN", x, value, y);
    low = std::min(low, value), high = std::max(high, value);
    exact_low = std::min(exact_low, y), exact_high = std::max(exact_high, y);
    if (!(slope * dy >= 0)) {
      const auto next = [&](S towards) { return f(static_cast<T>(std::nextafter(x, towards))).slope; };
      if (next(S(-9)) * next(S(9)) > 0) return fail("slope of the wrong sign", x, slope, dy);
      beside += text(" ", x);
    }
    slopes.take(std::abs(slope - dy) / std::max<T>(1, std::abs(dy)), x);
    // Above the largest number: an infinity, or the largest itself where that is nearer.
    if (std::abs(y) > std::numeric_limits<S>::max()) {
      if (value != std::copysign(HUGE_VALF, y) && value != static_cast<S>(y)) fail("no overflow", x, value, y);
      return;
    }
    const T error = std::abs(value - y);
    if (error <= ulps.error * std::abs(y) * (std::numeric_limits<S>::epsilon() / 2)) return;  // far below the worst
    const T condition = y == 0 || dy == 0 ? 1 : std::max<T>(1, std::abs(x * dy / y));
    ulps.take(error / (ulp<S>(y) * condition), x);
  }

  /// Whether values stay within those of the exact function, rounded. The lowest point of a valley is a value like any
  /// other, which the bound on ulps judges.
  bool in_range(bool valley) const {
    return (valley || low >= static_cast<S>(exact_low)) && high <= static_cast<S>(exact_high);
  }

  void merge(const Accuracy& other) {
    ulps.take(other.ulps.error, other.ulps.at);
    slopes.take(other.slopes.error, other.slopes.at);
    if (wrong.empty()) wrong = other.wrong;
    beside += other.beside;
    low = std::min(low, other.low), high = std::max(high, other.high);
    exact_low = std::min(exact_low, other.exact_low), exact_high = std::max(exact_high, other.exact_high);
  }

 private:
  void fail(const char* what, S x, S got, T exact) {
    if (wrong.empty()) wrong = text(what, " at ", x, ": ", got, ", exactly ", exact);
  }
};

/// Activations with a valley left of 0; all others but sin never fall.
inline bool has_valley(std::string_view name) {
  for (const std::string_view with : {"gelu", "gelu_tanh", "quick_gelu", "silu", "mish", "hard_swish"}) {
    if (name == with) return true;
  }
  return false;
}

}  // namespace evengrad
