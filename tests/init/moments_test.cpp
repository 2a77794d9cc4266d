#include <evengrad/init/moments.hpp>

#include <evengrad/activations/registry.hpp>
#include <evengrad/core/math.hpp>
#include <evengrad/core/random.hpp>

#include <gtest/gtest.h>
#define BOOST_DISABLE_ASSERTS  // tanh_sinh asserts that rounding moves no point onto an end; it does, and does no harm
#include <boost/math/quadrature/tanh_sinh.hpp>

#include <cmath>

namespace evengrad {
namespace {

constexpr double pi = 3.14159265358979323846;

double phi(double z) { return std::exp(-z * z / 2) / std::sqrt(2 * pi); }
double normal_cdf(double z) { return std::erfc(-z / std::sqrt(2.0)) / 2; }

void expect_close(double measured, double expected, const char* what, double tolerance = 1e-12) {
  EXPECT_NEAR(measured, expected, tolerance * std::max(1.0, std::abs(expected))) << what;
}

TEST(Moments, OfReluAreThoseOfHalfANormal) {
  const Activation relu = activation("relu");
  for (const double q : {1e-8, 0.3, 1.0, 40.0, 1e10}) {
    const Moments m = moments(relu, q);
    EXPECT_NEAR(m.mean / std::sqrt(q), 1 / std::sqrt(2 * pi), 1e-14) << q;
    EXPECT_NEAR(m.second / q, 0.5, 1e-14) << q;
    EXPECT_NEAR(m.variance / q, 0.5 - 1 / (2 * pi), 1e-14) << q;
    EXPECT_NEAR(m.fourth / (q * q), 1.5, 1e-13) << q;
    EXPECT_NEAR(m.derivative_mean, 0.5, 1e-14) << q;
    EXPECT_NEAR(m.derivative_second, 0.5, 1e-14) << q;
    EXPECT_NEAR(m.mixed / q, 0.5, 1e-14) << q;
    EXPECT_NEAR(m.second_slope, 0.5, 1e-13) << q;
    EXPECT_NEAR(m.derivative_second_slope * q, 0, 1e-14) << q;
    EXPECT_LT(m.error, 1e-13);
  }
}

// E[Phi^2] = 1/4 + asin(q/(1+q))/(2 pi); the rest follows by Stein's identity E[z g] = q E[g'].
TEST(Moments, OfGeluHaveAClosedForm) {
  const Activation gelu = activation("gelu");
  for (const double q : {0.05, 1.0, 3.5615528128088303, 90.0}) {
    const Moments m = moments(gelu, q);
    const double cdf_squared = 0.25 + std::asin(q / (1 + q)) / (2 * pi), root = std::sqrt(1 + 2 * q);
    expect_close(m.mean, q / std::sqrt(2 * pi * (1 + q)), "mean");
    expect_close(m.second, q * cdf_squared + q * q / (pi * (1 + q) * root), "second");
    expect_close(m.derivative_mean, 0.5, "derivative mean");
    expect_close(m.derivative_second, cdf_squared + q / (pi * (1 + q) * root) + q / (2 * pi * root * root * root),
                 "derivative second");
    const auto second = [](double x) {
      return x * (0.25 + std::asin(x / (1 + x)) / (2 * pi)) + x * x / (pi * (1 + x) * std::sqrt(1 + 2 * x));
    };
    const double h = 1e-4 * q;
    expect_close(m.second_slope,
                 (8 * (second(q + h) - second(q - h)) - second(q + 2 * h) + second(q - 2 * h)) / (12 * h), "slope",
                 1e-11);
  }
}

TEST(Moments, OfErfAndSinHaveClosedForms) {
  for (const double q : {1e-6, 0.5, 1.0, 30.0}) {
    const Moments e = moments(activation("erf"), q), s = moments(activation("sin"), q);
    expect_close(e.second, 2 / pi * std::asin(2 * q / (1 + 2 * q)), "erf second");
    expect_close(e.derivative_second, 4 / pi / std::sqrt(1 + 4 * q), "erf derivative");
    expect_close(e.derivative_second_slope, -8 / pi / std::pow(1 + 4 * q, 1.5), "erf derivative slope", 1e-9);
    expect_close(s.second, -std::expm1(-2 * q) / 2, "sin second");
    expect_close(s.derivative_second, (1 + std::exp(-2 * q)) / 2, "sin derivative");
    expect_close(s.second_slope, std::exp(-2 * q), "sin slope", 1e-10);
  }
}

// Thousands of waves under one normal are more than the quadrature follows: right within its error estimate, else NaN.
TEST(Moments, OfFastWavesAreRightOrUnknown) {
  int known = 0;
  for (double q = 1; q < 1e8; q *= 3) {
    const Moments m = moments(activation("sin"), q);
    if (std::isnan(m.second)) continue;
    ++known;
    EXPECT_NEAR(m.second, -std::expm1(-2 * q) / 2, m.error) << q;
    EXPECT_NEAR(m.derivative_second, (1 + std::exp(-2 * q)) / 2, m.error) << q;
  }
  EXPECT_GE(known, 11);  // to q = 59049
}

TEST(Moments, OfEluAndSelu) {
  const Moments elu = moments(activation("elu"));
  const double e1 = std::exp(0.5) * normal_cdf(-1), e2 = std::exp(2) * normal_cdf(-2);
  expect_close(elu.mean, phi(0) + e1 - 0.5, "mean");
  expect_close(elu.second, 0.5 + e2 - 2 * e1 + 0.5, "second");
  expect_close(elu.derivative_second, 0.5 + e2, "derivative");
  const Moments selu = moments(activation("selu"));
  expect_close(selu.mean, 0, "selu mean", 1e-14);
  expect_close(selu.second, 1, "selu second", 1e-14);
}

TEST(Moments, AroundAnotherMean) {
  // ReLU of N(m, 1): E = m Phi(m) + phi(m), E[f^2] = (1 + m^2) Phi(m) + m phi(m).
  for (const double m : {-3.0, -0.5, 2.0}) {
    const Moments r = moments(activation("relu"), 1, m);
    expect_close(r.mean, m * normal_cdf(m) + phi(m), "mean");
    expect_close(r.second, (1 + m * m) * normal_cdf(m) + m * phi(m), "second");
    expect_close(r.derivative_second, normal_cdf(m), "derivative");
  }
}

// A wide normal must not step over the bend at 0: E[f'^2] ~ 1/(6 sqrt(2 pi q)) for the sigmoid.
TEST(Moments, SeeASmallFeatureUnderAWideNormal) {
  for (const double q : {1e4, 1e8, 1e12}) {
    EXPECT_NEAR(moments(activation("sigmoid"), q).derivative_second * 6 * std::sqrt(2 * pi * q), 1, 2 / std::sqrt(q));
  }
}

TEST(Moments, OfEveryBuiltInAgreeWithAnotherQuadrature) {
  for (const ActivationEntry& entry : activations()) {
    const Activation f = activation(entry.name);
    for (const double q : {0.1, 1.0, 7.0}) {
      const double s = std::sqrt(q);
      const Moments m = moments(f, q);
      std::vector<double> ends = {-14, -3, 0, 3, 14};
      for (const double kink : f.kinks()) ends.push_back(kink / s);
      std::sort(ends.begin(), ends.end());
      boost::math::quadrature::tanh_sinh<double> quadrature;
      const auto mean_of = [&](auto g) {
        double sum = 0;
        for (std::size_t i = 0; i + 1 < ends.size(); ++i) {
          sum += quadrature.integrate([&](double z) { return g(s * z) * phi(z); }, ends[i], ends[i + 1], 1e-14);
        }
        return sum;
      };
      const std::string name = entry.name + " at " + std::to_string(q);
      expect_close(m.mean, mean_of([&](double x) { return f.value(x); }), name.c_str());
      expect_close(m.second, mean_of([&](double x) { return std::pow(f.value(x), 2); }), name.c_str());
      expect_close(m.derivative_second, mean_of([&](double x) { return std::pow(f.derivative(x), 2); }), name.c_str());
      expect_close(m.fourth, mean_of([&](double x) { return std::pow(f.value(x), 4); }), name.c_str());
      // d E[f^2] / dq = E[z f f'] / sqrt(q), where f has no jump.
      expect_close(m.second_slope, mean_of([&](double x) { return x * f.value(x) * f.derivative(x) / q; }),
                   name.c_str());
      EXPECT_LT(m.error, 1e-12) << name;
    }
  }
}

struct Exponential {
  static constexpr std::string_view name = "exponential";
  template <class T>
  T operator()(const T& x) const {
    return exp(x);
  }
};

struct Gaussian {  // of growth exp(x^2 / 4): E[f^2] = E[exp(x^2 / 2)] does not exist from q = 1 on
  static constexpr std::string_view name = "gaussian";
  template <class T>
  T operator()(const T& x) const {
    return exp(0.25 * x * x);
  }
};

TEST(Moments, ReachFarIntoTheTails) {
  expect_close(moments(make_activation<Exponential>(), 25).second / std::exp(50), 1, "exp", 1e-10);
  expect_close(moments(make_activation<Gaussian>(), 0.5).second, std::sqrt(2.0), "finite", 1e-10);
  EXPECT_FALSE(std::isfinite(moments(make_activation<Gaussian>(), 1).second));
  EXPECT_FALSE(std::isfinite(moments(make_activation<Gaussian>(), 4).second));
}

TEST(Moments, WithoutVarianceAreTheFormulasOwn) {
  const Moments m = moments(activation("sigmoid"), 0, 1);
  EXPECT_EQ(m.second, std::pow(activation("sigmoid").value(1), 2));
  EXPECT_EQ(m.variance, 0);
  EXPECT_EQ(m.derivative_second, std::pow(activation("sigmoid").derivative(1), 2));
}

// Cho and Saul 2009: E[f(u) f(v)] = (sin t + (pi - t) cos t) / (2 pi), E[f'(u) f'(v)] = (pi - t) / (2 pi), cos t = c.
TEST(PairMoments, OfReluAreTheArcCosineKernels) {
  const Activation relu = activation("relu");
  for (const double distance : {2.0, 1.9, 1.0, 0.3, 1e-2, 1e-4}) {
    const double t = 2 * std::asin(std::sqrt(distance / 2)), c = 1 - distance;
    const PairMoments p = pair_moments(relu, 2, distance);
    EXPECT_NEAR(p.difference, 2 - 2 * (std::sin(t) + (pi - t) * c) / pi, 1e-13) << distance;
    EXPECT_NEAR(p.derivative_product, (pi - t) / (2 * pi), 1e-12) << distance;
    EXPECT_NEAR(p.derivative_squares_difference, t / pi, 1e-12) << distance;
  }
  // Near correlation 1 the difference is q (distance - (2 sqrt(2) / (3 pi)) distance^(3/2)) / 2 * 2 / 2 to first
  // orders.
  for (const double distance : {1e-6, 1e-8, 1e-10, 1e-12}) {
    const double expected = distance - 2 * std::sqrt(2.0) / (3 * pi) * std::pow(distance, 1.5);
    EXPECT_NEAR(pair_moments(relu, 1, distance).difference / expected, 1, 1e-8) << distance;
  }
}

TEST(PairMoments, OfErfAndSinHaveClosedForms) {
  for (const double q : {0.2, 1.0, 12.0}) {
    for (const double c : {-1.0, -0.7, 0.0, 0.5, 0.99, 0.99999}) {
      const PairMoments e = pair_moments(activation("erf"), q, 1 - c), s = pair_moments(activation("sin"), q, 1 - c);
      const double same = 2 * q / (1 + 2 * q);
      expect_close(e.difference, 4 / pi * (std::asin(same) - std::asin(same * c)), "erf");
      expect_close(e.derivative_product, 4 / pi / std::sqrt(std::pow(1 + 2 * q, 2) - std::pow(2 * q * c, 2)), "erf'");
      expect_close(s.difference, -std::expm1(-2 * q) - 2 * std::exp(-q) * std::sinh(q * c), "sin");
      expect_close(s.derivative_product, std::exp(-q) * std::cosh(q * c), "sin'");
    }
  }
}

// A fixed seed and 400,000 pairs; the tolerance is five standard errors of each mean.
TEST(PairMoments, AgreeWithSampling) {
  constexpr int count = 400'000;
  std::vector<double> x(count), y(count), u(count), v(count), fu(count), fv(count), du(count), dv(count);
  Rng rng(7);
  rng.fill_normal(std::span(x));
  rng.fill_normal(std::span(y));
  for (const char* name : {"gelu", "selu", "hard_swish", "hard_tanh", "mish", "sigmoid"}) {
    const Activation f = activation(name);
    const double q = 1.7, c = 0.6, mean = 0.3;
    for (int i = 0; i < count; ++i) {
      u[i] = mean + std::sqrt(q) * x[i];
      v[i] = mean + std::sqrt(q) * (c * x[i] + std::sqrt(1 - c * c) * y[i]);
    }
    f(u.data(), fu.data(), du.data(), count);
    f(v.data(), fv.data(), dv.data(), count);
    const auto check = [&](double expected, auto g, const char* what) {
      double sum = 0, squares = 0;
      for (int i = 0; i < count; ++i) {
        const double value = g(i);
        sum += value;
        squares += value * value;
      }
      const double average = sum / count, error = std::sqrt((squares / count - average * average) / count);
      EXPECT_NEAR(average, expected, 5 * error) << name << " " << what;
    };
    const PairMoments p = pair_moments(f, q, 1 - c, mean);
    check(
        p.difference, [&](int i) { return std::pow(fu[i] - fv[i], 2); }, "difference");
    check(
        p.derivative_product, [&](int i) { return du[i] * dv[i]; }, "derivative product");
    check(
        p.squares_difference, [&](int i) { return std::pow(fu[i] * fu[i] - fv[i] * fv[i], 2); }, "squares");
    check(
        p.derivative_squares_difference, [&](int i) { return std::pow(du[i] * du[i] - dv[i] * dv[i], 2); }, "slopes");
  }
}

TEST(ZeroProbability, IsTheMeasureOfFlatPieces) {
  EXPECT_NEAR(zero_probability(activation("relu"), 3), 0.5, 1e-15);
  EXPECT_NEAR(zero_probability(activation("relu"), 4, -3), normal_cdf(1.5), 1e-15);
  EXPECT_NEAR(zero_probability(activation("hard_sigmoid"), 4), normal_cdf(-1.5), 1e-15);
  EXPECT_EQ(zero_probability(activation("gelu"), 1e4), 0);
  EXPECT_EQ(zero_probability(activation("leaky_relu"), 1), 0);
  EXPECT_EQ(zero_probability(activation("relu"), 0), 1);
}

TEST(SilentProbability, OfInputsThatShareNothingOrEverything) {
  const Activation relu = activation("relu");
  EXPECT_NEAR(silent_probability(relu, 1, 0, 10), std::pow(0.5, 10), 1e-15);
  EXPECT_NEAR(silent_probability(relu, 1, 1, 10), 0.5, 1e-15);
  EXPECT_NEAR(silent_probability(relu, 2, 0.3, 1), 0.5, 1e-15);
  // Two inputs: the quadrant probability 1/4 + asin(c)/(2 pi). Three, c = 1/2: 1/8 + 3 asin(1/2)/(4 pi) = 1/4.
  EXPECT_NEAR(silent_probability(relu, 5, 0.3, 2), 0.25 + std::asin(0.3) / (2 * pi), 1e-12);
  EXPECT_NEAR(silent_probability(relu, 5, 0.5, 3), 0.25, 1e-12);
  // c = 1/2, m inputs: 1/(m + 1), the chance that one of m + 1 independent normals is the largest.
  EXPECT_NEAR(silent_probability(relu, 1, 0.5, 1000), 1 / 1001.0, 1e-12);
}

TEST(Gains, AreTheirDefinitions) {
  for (const auto& [name, gain] : std::vector<std::pair<const char*, double>>{{"gelu", 1.533530441},
                                                                              {"silu", 1.676532470},
                                                                              {"mish", 1.486847581},
                                                                              {"elu", 1.245198301},
                                                                              {"tanh", 1.592537420},
                                                                              {"sigmoid", 1.846228545}}) {
    EXPECT_NEAR(*gains(activation(name)).second_moment, gain, 5e-10) << name;
  }
  for (const ActivationEntry& entry : activations()) {
    const Activation f = activation(entry.name);
    const Gains g = gains(f);
    const Moments m = moments(f);
    EXPECT_NEAR(*g.second_moment * *g.second_moment * m.second, 1, 1e-13) << entry.name;
    EXPECT_NEAR(*g.unit_variance * *g.unit_variance * m.variance, 1, 1e-13) << entry.name;
    EXPECT_NEAR(*g.backward * *g.backward * m.derivative_second, 1, 1e-13) << entry.name;
    if (g.fixed_point) EXPECT_NEAR(moments(f, *g.fixed_point * *g.fixed_point).second, 1, 1e-12) << entry.name;
  }
  EXPECT_NEAR(*gains(activation("relu")).fixed_point, std::sqrt(2.0), 1e-12);
  EXPECT_EQ(gains(activation("tanh")).fixed_point, std::nullopt);  // E[tanh^2] < 1
  EXPECT_EQ(gains(activation("sin")).fixed_point, std::nullopt);
  EXPECT_EQ(*gains(activation("tanh")).pytorch, 5.0 / 3);
  EXPECT_EQ(gains(activation("gelu")).pytorch, std::nullopt);
  EXPECT_NEAR(*gains(activation("leaky_relu(0.2)")).pytorch, std::sqrt(2 / 1.04), 1e-15);
  EXPECT_EQ(gains(make_activation<Exponential>()).pytorch, std::nullopt);  // not in the registry
}

// tanh that counts the blocks it is evaluated on.
struct Counted {
  static constexpr std::string_view name = "counted";
  static inline int blocks = 0;
  template <class T>
  T operator()(const T& x) const {
    ++blocks;
    return tanh(x);
  }
};

// What is left of E[f'^2] - f'(0)^2 is rounding there, which no subdivision resolves.
TEST(Moments, ATinyVarianceCostsLittleMoreThanOne) {
  const Activation f = make_activation<Counted>();
  const auto cost = [&](double q) {
    Counted::blocks = 0;
    const Moments m = moments(f, q);
    EXPECT_NEAR(m.second / q, 1, 1e-9) << q;
    EXPECT_NEAR(m.derivative_second, 1, 1e-9) << q;
    EXPECT_LT(m.error, 1e-12) << q;
    return Counted::blocks;
  };
  Counted::blocks = 0;
  moments(f, 1);
  const int usual = Counted::blocks;
  EXPECT_GT(usual, 0);
  for (const double q : {1e-10, 1e-13, 1e-15, 1e-20, 1e-30}) EXPECT_LE(cost(q), 2 * usual) << q;
}

}  // namespace
}  // namespace evengrad
