#include <evengrad/core/math.hpp>

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <limits>
#include <string>
#include <vector>

namespace evengrad {
namespace {

// The exact values: long double has 11 bits more than double, and its library functions are correct to about one ulp.
using Long = long double;
const Long pi = std::acos(Long(-1));

template <Real S>
struct Case {
  std::string name;
  Lanes<S> (*value)(Lanes<S>);
  Dual<Lanes<S>> (*dual)(Dual<Lanes<S>>);
  Long (*exact)(Long);
  Long (*slope)(Long);
  double ulps;        // bound on the value, in units in the last place
  double slope_ulps;  // bound on the derivative for |x| <= 80 where no part of it is subnormal
  bool rising;        // for every two consecutive floats
};

template <Real S, class F>
Case<S> make(std::string name, F, Long (*exact)(Long), Long (*slope)(Long), double ulps, double slope_ulps,
             bool rising) {
  return {
      name,  [](Lanes<S> x) { return F{}(x); }, [](Dual<Lanes<S>> x) { return F{}(x); }, exact, slope, ulps, slope_ulps,
      rising};
}

Long logistic(Long x) { return x < 0 ? std::exp(x) / (1 + std::exp(x)) : 1 / (1 + std::exp(-x)); }
Long soft_plus(Long x) { return x > 0 ? x + std::log1p(std::exp(-x)) : std::log1p(std::exp(x)); }
Long density(Long x) { return std::exp(-x * x / 2) / std::sqrt(2 * pi); }
Long bell(Long x) { return 2 / std::sqrt(pi) * std::exp(-x * x); }
Long sech(Long x) { return 1 / std::cosh(x); }

template <Real S>
std::vector<Case<S>> cases() {
  // Without fma every multiply-add rounds twice. The tails of erfc are a product of a Gaussian and a ratio.
  const double twice = detail::fused ? 0 : 0.2, tail = (sizeof(S) == 4 ? 4 : 5.5) + 6 * twice;
  return {
      make<S>(
          "exp", [](auto x) { return exp(x); }, [](Long x) { return std::exp(x); }, [](Long x) { return std::exp(x); },
          1.1, 1.1, true),
      make<S>(
          "expm1", [](auto x) { return expm1(x); }, [](Long x) { return std::expm1(x); },
          [](Long x) { return std::exp(x); }, 2 + twice, 1.1, true),
      make<S>(
          "log", [](auto x) { return log(x); }, [](Long x) { return std::log(x); }, [](Long x) { return 1 / x; }, 1, 1,
          true),
      make<S>(
          "log1p", [](auto x) { return log1p(x); }, [](Long x) { return std::log1p(x); },
          [](Long x) { return 1 / (1 + x); }, 1.5, 2, true),
      make<S>(
          "sqrt", [](auto x) { return sqrt(x); }, [](Long x) { return std::sqrt(x); },
          [](Long x) { return 1 / (2 * std::sqrt(x)); }, 0.5001, 2, true),
      make<S>(
          "sin", [](auto x) { return sin(x); }, [](Long x) { return std::sin(x); }, [](Long x) { return std::cos(x); },
          2.5, 2.5, false),
      make<S>(
          "cos", [](auto x) { return cos(x); }, [](Long x) { return std::cos(x); }, [](Long x) { return -std::sin(x); },
          2.5, 2.5, false),
      make<S>(
          "tanh", [](auto x) { return tanh(x); }, [](Long x) { return std::tanh(x); },
          [](Long x) { return sech(x) * sech(x); }, 2.6, 4, true),
      make<S>(
          "atan", [](auto x) { return atan(x); }, [](Long x) { return std::atan(x); },
          [](Long x) { return 1 / (1 + x * x); }, 2, 2, true),
      make<S>(
          "erf", [](auto x) { return erf(x); }, [](Long x) { return std::erf(x); }, bell, 1.5, 2.5, true),
      make<S>(
          "erfc", [](auto x) { return erfc(x); }, [](Long x) { return std::erfc(x); }, [](Long x) { return -bell(x); },
          tail, 2.5, false),
      make<S>(
          "sigmoid", [](auto x) { return sigmoid(x); }, logistic, [](Long x) { return logistic(x) * logistic(-x); },
          2.6, 5.5, true),
      make<S>(
          "softplus", [](auto x) { return softplus(x); }, soft_plus, logistic, 2.2, 2.6, true),
      make<S>(
          "log_sigmoid", [](auto x) { return log_sigmoid(x); }, [](Long x) { return -soft_plus(-x); },
          [](Long x) { return logistic(-x); }, 2.2, 2.6, true),
      make<S>(
          "normal_cdf", [](auto x) { return normal_cdf(x); },
          [](Long x) { return std::erfc(-x / std::sqrt(Long(2))) / 2; }, density, tail, 2.5, false),
      make<S>(
          "normal_pdf", [](auto x) { return normal_pdf(x); }, density, [](Long x) { return -x * density(x); }, 2.5, 3.5,
          false),
  };
}

template <Real S>
using Limits = std::numeric_limits<S>;

/// The distance of neighbours of format S at x.
template <Real S>
Long ulp_at(Long x) {
  int exponent = Limits<S>::min_exponent;
  if (x != 0) std::frexp(x, &exponent);
  return std::ldexp(Long(1), std::max(exponent, Limits<S>::min_exponent) - Limits<S>::digits);
}

/// Every exponent and both signs, and densely where functions bend and die out.
template <Real S>
std::vector<S> inputs() {
  std::vector<S> result;
  if constexpr (sizeof(S) == 4) {
    for (std::uint64_t bits = 0; bits < 0x100000000; bits += 30011) {
      const auto low = static_cast<std::uint32_t>(bits);
      std::memcpy(&result.emplace_back(), &low, sizeof low);
    }
  } else {
    for (std::uint64_t i = 0, bits = 0; i < 150000; ++i, bits += 0x9e3779b97f4a7c15) {
      std::memcpy(&result.emplace_back(), &bits, sizeof bits);
    }
  }
  for (double range : {0.01, 1.0, 6.0, 40.0, sizeof(S) == 4 ? 110.0 : 760.0}) {
    for (int i = -15000; i <= 15000; ++i) result.push_back(static_cast<S>(range * (i + 0.37) / 15000));
  }
  while (result.size() % Lanes<S>::size != 0) result.push_back(S(0));
  return result;
}

template <Real S>
bool same(S a, S b) {
  return (a != a && b != b) || (a == b && std::signbit(a) == std::signbit(b));
}

template <class S>
class Math : public testing::Test {};
using Scalars = testing::Types<float, double>;
TYPED_TEST_SUITE(Math, Scalars);

TYPED_TEST(Math, ValuesAndDerivativesAreExactToAFewUlps) {
  using S = TypeParam;
  using L = Lanes<S>;
  const std::vector<S> xs = inputs<S>();
  const double slope_bound = sizeof(S) == 4 ? 2e-7 : 4e-16;
  for (const Case<S>& f : cases<S>()) {
    double worst = 0, worst_slope = 0, worst_tail = 0;
    S at = 0, slope_at = 0, tail_at = 0;
    for (std::size_t i = 0; i < xs.size(); i += L::size) {
      const L x = L::load(&xs[i]), value = f.value(x);
      const Dual<L> dual = f.dual({x, L(1.0)});
      for (Index lane = 0; lane < L::size; ++lane) {
        const Long z = x[lane], exact = f.exact(z), slope = f.slope(z);
        const S got = value[lane], got_slope = dual.derivative[lane];
        ASSERT_TRUE(same(got, dual.value[lane])) << f.name << " at " << z << ": Dual has another value";
        ASSERT_EQ(std::isnan(exact), std::isnan(got)) << f.name << " at " << z << ": " << got;
        if (std::isnan(exact)) continue;
        if (std::isinf(static_cast<S>(exact))) {
          ASSERT_EQ(got, static_cast<S>(exact)) << f.name << " at " << z;
        } else if (const auto error = static_cast<double>(std::abs(got - exact) / ulp_at<S>(exact));
                   !(error <= worst)) {
          worst = error;
          at = x[lane];
        }
        if (std::isnan(slope) || std::isinf(static_cast<S>(slope))) continue;
        const Long off = std::abs(got_slope - slope);
        if (const auto error = static_cast<double>(off / std::max(Long(1), std::abs(slope))); !(error <= worst_slope)) {
          worst_slope = error;
          slope_at = x[lane];
        }
        if (std::abs(z) > 80 || std::abs(slope) < 100 * Limits<S>::min()) continue;
        if (const auto error = static_cast<double>(off / ulp_at<S>(slope)); !(error <= worst_tail)) {
          worst_tail = error;
          tail_at = x[lane];
        }
      }
    }
    EXPECT_LE(worst, f.ulps) << f.name << " is off by " << worst << " ulp at " << at;
    EXPECT_LE(worst_slope, slope_bound) << f.name << "' is off by " << worst_slope << " at " << slope_at;
    EXPECT_LE(worst_tail, f.slope_ulps) << f.name << "' is off by " << worst_tail << " ulp at " << tail_at;
  }
}

TEST(MathOrder, RisingFunctionsNeverFallBetweenNeighbours) {
  using L = Lanes<float>;
  std::vector<float> starts;
  for (float size = 1e-30f; size < 200; size *= 1.31f) starts.insert(starts.end(), {size, -size});
  for (float seam : {0.17328f, 0.34657f, 0.41421f, 0.98003f, 1.0f, 1.03972f, 2.41421f, 17.0f, 20.0f, 87.0f, 88.0f}) {
    starts.insert(starts.end(), {seam, -seam});
  }
  for (const Case<float>& f : cases<float>()) {
    if (!f.rising) continue;
    for (const float start : starts) {
      float x = start, before = -std::numeric_limits<float>::infinity();
      for (int block = 0; block < 256; ++block) {
        float in[L::size], out[L::size];
        for (float& lane : in) lane = x = std::nextafter(x, 1e9f);
        f.value(L::load(in)).store(out);
        for (Index lane = 0; lane < L::size; ++lane) {
          if (std::isnan(out[lane])) continue;
          ASSERT_GE(out[lane], before) << f.name << " at " << in[lane];
          before = out[lane];
        }
      }
    }
  }
}

TYPED_TEST(Math, RangesHold) {
  using S = TypeParam;
  using L = Lanes<S>;
  const std::vector<S> xs = inputs<S>();
  for (std::size_t i = 0; i < xs.size(); i += L::size) {
    const L x = L::load(&xs[i]);
    const L one[] = {tanh(x), erf(x), sin(x), cos(x), sigmoid(x), normal_cdf(x)};
    const L not_negative[] = {sigmoid(x), normal_cdf(x), erfc(x), softplus(x), exp(x)};
    for (Index lane = 0; lane < L::size; ++lane) {
      if (!std::isfinite(x[lane])) continue;
      for (const L& y : one) ASSERT_LE(std::abs(y[lane]), 1) << x[lane];
      for (const L& y : not_negative) ASSERT_GE(y[lane], 0) << x[lane];
      ASSERT_LE(erfc(x)[lane], 2) << x[lane];
    }
  }
}

TYPED_TEST(Math, SpecialValues) {
  using S = TypeParam;
  using L = Lanes<S>;
  const S inf = Limits<S>::infinity(), nan = Limits<S>::quiet_NaN(), zero = 0, tiny = Limits<S>::denorm_min();
  const auto at = [](L (*f)(L), S x) { return f(L::load(std::vector<S>(L::size, x).data()))[L::size - 1]; };
  struct {
    const char* name;
    L (*f)(L);
    S minus_infinity, minus_zero, plus_zero, plus_infinity;
  } const table[] = {
      {"exp", exp, 0, 1, 1, inf},
      {"expm1", expm1, -1, -zero, 0, inf},
      {"log", log, nan, -inf, -inf, inf},
      {"log1p", log1p, nan, -zero, 0, inf},
      {"sqrt", sqrt, nan, -zero, 0, inf},
      {"abs", abs, inf, 0, 0, inf},
      {"sign", sign, -1, -zero, 0, 1},
      {"sin", sin, nan, -zero, 0, nan},
      {"cos", cos, nan, 1, 1, nan},
      {"tanh", tanh, -1, -zero, 0, 1},
      {"atan", atan, static_cast<S>(-pi / 2), -zero, 0, static_cast<S>(pi / 2)},
      {"erf", erf, -1, -zero, 0, 1},
      {"erfc", erfc, 2, 1, 1, 0},
      {"sigmoid", sigmoid, 0, S(0.5), S(0.5), 1},
      {"softplus", softplus, 0, static_cast<S>(std::log(Long(2))), static_cast<S>(std::log(Long(2))), inf},
      {"log_sigmoid", log_sigmoid, -inf, -static_cast<S>(std::log(Long(2))), -static_cast<S>(std::log(Long(2))), -zero},
      {"normal_cdf", normal_cdf, 0, S(0.5), S(0.5), 1},
      {"normal_pdf", normal_pdf, 0, static_cast<S>(density(0)), static_cast<S>(density(0)), 0},
  };
  for (const auto& row : table) {
    EXPECT_TRUE(same(at(row.f, -inf), row.minus_infinity)) << row.name << "(-inf) = " << at(row.f, -inf);
    EXPECT_TRUE(same(at(row.f, -zero), row.minus_zero)) << row.name << "(-0) = " << at(row.f, -zero);
    EXPECT_TRUE(same(at(row.f, zero), row.plus_zero)) << row.name << "(0) = " << at(row.f, zero);
    EXPECT_TRUE(same(at(row.f, inf), row.plus_infinity)) << row.name << "(inf) = " << at(row.f, inf);
    EXPECT_TRUE(std::isnan(at(row.f, nan))) << row.name << "(NaN) = " << at(row.f, nan);
  }
  L (*const odd[])(L) = {expm1, log1p, sin, tanh, atan, erf};
  for (L (*f)(L) : odd) EXPECT_EQ(at(f, -tiny), -tiny);
  EXPECT_TRUE(std::isnan(at(log, S(-1))));
  EXPECT_TRUE(std::isnan(at(log1p, S(-2))));
  EXPECT_EQ(at(log1p, S(-1)), -inf);
}

TYPED_TEST(Math, DerivativesAreFiniteAtInfinity) {
  using S = TypeParam;
  using L = Lanes<S>;
  const auto slope = [](auto f, double x) { return f(Dual<L>(L(x), L(1.0))).derivative[0]; };
  for (double inf : {HUGE_VAL, -HUGE_VAL}) {
    EXPECT_EQ(slope([](auto x) { return tanh(x); }, inf), 0);
    EXPECT_EQ(slope([](auto x) { return erf(x); }, inf), 0);
    EXPECT_EQ(slope([](auto x) { return erfc(x); }, inf), 0);
    EXPECT_EQ(slope([](auto x) { return atan(x); }, inf), 0);
    EXPECT_EQ(slope([](auto x) { return normal_cdf(x); }, inf), 0);
    EXPECT_EQ(slope([](auto x) { return normal_pdf(x); }, inf), 0);
    EXPECT_LE(slope([](auto x) { return sigmoid(x); }, inf), 2 * Limits<S>::min());
    EXPECT_EQ(slope([](auto x) { return softplus(x); }, inf), inf > 0 ? 1 : 0);
    EXPECT_EQ(slope([](auto x) { return log_sigmoid(x); }, inf), inf > 0 ? 0 : 1);
  }
}

TYPED_TEST(Math, KinksHaveTheirDocumentedDerivatives) {
  using S = TypeParam;
  using L = Lanes<S>;
  using D = Dual<L>;
  const auto x = [](double v) { return D(L(v), L(1.0)); };
  EXPECT_EQ(abs(x(0)).derivative[0], 0);
  EXPECT_EQ(abs(x(-3)).derivative[0], -1);
  EXPECT_EQ(sign(x(2)).derivative[0], 0);
  EXPECT_EQ(max(x(0), 0.0).derivative[0], 0);
  EXPECT_EQ(max(0.0, x(0)).derivative[0], 0);
  EXPECT_EQ(max(0.0, x(2)).derivative[0], 1);
  EXPECT_EQ(min(x(6), 6.0).derivative[0], 0);
  EXPECT_EQ(min(6.0, x(5)).derivative[0], 1);
  EXPECT_EQ(max(x(2), 3.0 * x(1)).derivative[0], 3);
  EXPECT_EQ(max(x(2), 3.0 * x(1)).value[0], 3);
  EXPECT_EQ(min(x(2), 3.0 * x(1)).derivative[0], 1);
}

TYPED_TEST(Math, MinAndMaxPropagateNaN) {
  using L = Lanes<TypeParam>;
  const L nan(std::nan("")), one(1.0);
  for (const L& y : {min(nan, one), min(one, nan), max(nan, one), max(one, nan), min(nan, 1.0), max(1.0, nan)}) {
    EXPECT_TRUE(std::isnan(y[0]));
  }
  EXPECT_EQ(min(one, L(2.0))[0], 1);
  EXPECT_EQ(max(one, L(2.0))[0], 2);
  EXPECT_EQ(max(one, 2.0)[0], 2);
  EXPECT_EQ(min(2.0, one)[0], 1);
}

TYPED_TEST(Math, PowIsExactToAFewUlps) {
  using S = TypeParam;
  using L = Lanes<S>;
  double worst = 0;
  for (double base = 1e-30; base < 1e30; base *= 1.0837) {
    for (double power = -9.7; power < 9.7; power += 0.0917) {
      const S x = static_cast<S>(base), y = static_cast<S>(power);
      const Long exact = std::pow(Long(x), Long(y));
      const S got = pow(L(x), L(y))[0];
      if (std::isinf(static_cast<S>(exact))) {
        ASSERT_EQ(got, static_cast<S>(exact)) << x << "^" << y;
      } else {
        worst = std::max(worst, static_cast<double>(std::abs(got - exact) / ulp_at<S>(exact)));
      }
    }
  }
  EXPECT_LE(worst, 1.2);
}

TYPED_TEST(Math, PowTreatsSpecialValuesAsIeee754) {
  using S = TypeParam;
  using L = Lanes<S>;
  const S inf = Limits<S>::infinity(), max = Limits<S>::max(), tiny = Limits<S>::denorm_min();
  std::vector<S> values{0, 1, 2, 3, S(0.5), S(1.5), inf, max, tiny, Limits<S>::quiet_NaN(), S(4097), S(1e20)};
  for (std::size_t i = 0, n = values.size(); i < n; ++i) values.push_back(-values[i]);
  for (const S x : values) {
    for (const S y : values) {
      const S got = pow(L(static_cast<double>(x)), L(static_cast<double>(y)))[0], expected = std::pow(x, y);
      if (std::isfinite(expected) && expected != 0 && std::abs(expected) != 1) {
        EXPECT_NEAR(got / expected, 1, 3 * Limits<S>::epsilon()) << x << "^" << y;
      } else {
        EXPECT_TRUE(same(got, expected)) << x << "^" << y << " = " << got << ", expected " << expected;
      }
    }
  }
}

TYPED_TEST(Math, PowersHaveTheirDerivatives) {
  using S = TypeParam;
  using L = Lanes<S>;
  const double accuracy = 8 * static_cast<double>(Limits<S>::epsilon());
  const auto x = [](double v) { return Dual<L>(L(v), L(1.0)); };
  EXPECT_EQ(pow(x(-3), 2).value[0], 9);
  EXPECT_EQ(pow(x(-3), 2).derivative[0], -6);
  EXPECT_EQ(pow(x(0), 2).derivative[0], 0);
  EXPECT_EQ(pow(x(0), 1).derivative[0], 1);
  EXPECT_EQ(pow(x(0), 0).derivative[0], 0);
  EXPECT_EQ(pow(x(2), -1).derivative[0], S(-0.25));
  EXPECT_NEAR(pow(x(2), 2.5).derivative[0], 2.5 * std::pow(2.0, 1.5), 10 * accuracy);
  EXPECT_NEAR(pow(2.0, x(3)).derivative[0], 8 * std::log(2.0), 10 * accuracy);
  EXPECT_NEAR(pow(x(1.5), x(1.5)).derivative[0], std::pow(1.5, 1.5) * (1 + std::log(1.5)), 4 * accuracy);
  EXPECT_EQ(pow(x(-2), Dual<L>(3.0)).derivative[0], 12) << "a constant exponent needs no logarithm";
}

}  // namespace
}  // namespace evengrad
