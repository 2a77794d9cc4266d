// Every built-in activation against formulas written a second time, in more precision and in another form, for every
// instruction set that this machine has.
#include "builtins.hpp"

#include <evengrad/core/error.hpp>
#include <evengrad/core/random.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>
#include <functional>
#include <limits>
#include <map>
#include <numbers>

namespace evengrad {
namespace {

// ---- references: T is double for float inputs, long double for double inputs ----

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

// ---- inputs ----

/// Bit patterns of every size and sign, and as many numbers where activations bend.
template <Real S>
std::vector<S> inputs(std::size_t count) {
  using Bits = std::conditional_t<sizeof(S) == 4, std::uint32_t, std::uint64_t>;
  const S inf = std::numeric_limits<S>::infinity();
  std::vector<S> x{0,
                   S(-0.0),
                   inf,
                   -inf,
                   std::numeric_limits<S>::denorm_min(),
                   std::numeric_limits<S>::max(),
                   std::numeric_limits<S>::lowest(),
                   3,
                   -3,
                   6,
                   1,
                   -1};
  Rng rng(20260);
  const S widths[] = {1, 4, 20, sizeof(S) == 4 ? S(120) : S(800)};
  while (x.size() < count) {
    if (const S any = std::bit_cast<S>(static_cast<Bits>(rng.next())); !std::isnan(any)) x.push_back(any);
    x.push_back(static_cast<S>(2 * rng.uniform() - 1) * widths[x.size() / 2 % 4]);
  }
  return x;
}

/// The distance from |x| to the next number of S.
template <Real S, class T>
T ulp(T x) {
  int exponent;
  std::frexp(x, &exponent);
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

/// Values within 4 ulp times the condition number |x f'/f| where that is above 1; slopes within the tolerance, of the
/// right sign but next to where it changes; no NaN; the same bits with and without the derivative.
template <class F, Real S, class T>
void check(std::size_t count, T slope_tolerance) {
  const std::string name(F::name);
  const auto all = references<T>();
  ASSERT_TRUE(all.contains(name)) << "a built-in activation needs a reference here";
  const std::vector<S> x = inputs<S>(count);
  std::vector<Point<T>> exact(x.size());
  std::transform(x.begin(), x.end(), exact.begin(), all.at(name));
  std::vector<S> value(x.size()), alone(x.size()), slope(x.size());
  for (const Isa isa : every_isa) {
    if (!kernels::builtins(isa)) continue;
    const Activation f = builtin<F>(isa);
    f(x.data(), value.data(), slope.data(), static_cast<Index>(x.size()));
    f(x.data(), alone.data(), static_cast<S*>(nullptr), static_cast<Index>(x.size()));
    ASSERT_EQ(std::memcmp(value.data(), alone.data(), x.size() * sizeof(S)), 0);
    Worst<T> ulps, slope_error;
    for (std::size_t i = 0; i < x.size(); ++i) {
      const auto [y, dy] = exact[i];
      if (name == "sin" && std::isinf(x[i])) continue;  // has no limit
      ASSERT_FALSE(std::isnan(value[i]) || std::isnan(slope[i])) << "at " << x[i];
      const auto slope_at = [&](S z) { return all.at(name)(z).slope; };
      ASSERT_TRUE(slope[i] * dy >= 0 ||
                  slope_at(std::nextafter(x[i], S(-9))) * slope_at(std::nextafter(x[i], S(9))) <= 0)
          << "at " << x[i] << ": slope " << slope[i] << ", exact " << dy;
      slope_error.take(std::abs(slope[i] - dy) / std::max<T>(1, std::abs(dy)), x[i]);
      if (std::abs(y) > std::numeric_limits<S>::max()) {
        ASSERT_EQ(value[i], static_cast<S>(y)) << "at " << x[i];
        continue;
      }
      const T condition = y == 0 || dy == 0 ? 1 : std::max<T>(1, std::abs(x[i] * dy / y));
      ulps.take(std::abs(value[i] - y) / (ulp<S>(y) * condition), x[i]);
    }
    const std::string where = text("instruction set ", static_cast<int>(isa), ", at ");
    EXPECT_LE(ulps.error, 4) << where << ulps.at;
    EXPECT_LE(slope_error.error, slope_tolerance) << where << slope_error.at;
  }
}

template <class F>
class BuiltinAccuracy : public testing::Test {};
TYPED_TEST_SUITE(BuiltinAccuracy, BuiltinTypes, BuiltinName);

TYPED_TEST(BuiltinAccuracy, FloatAgreesWithDouble) { check<TypeParam, float, double>(std::size_t{1} << 22, 2e-7); }

TYPED_TEST(BuiltinAccuracy, DoubleAgreesWithLongDouble) {
  check<TypeParam, double, long double>(100000, 0x1p-51L);
}

}  // namespace
}  // namespace evengrad
