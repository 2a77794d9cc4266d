#include <evengrad/init/mean_field.hpp>

#include <evengrad/activations/registry.hpp>

#include <gtest/gtest.h>

#include <cmath>

namespace evengrad {
namespace {

constexpr double pi = 3.14159265358979323846;

// q* = (3 + sqrt 17) / 2 follows from the closed forms of GELU's moments.
TEST(CriticalPoint, OfGelu) {
  const auto point = critical_point(activation("gelu"));
  ASSERT_TRUE(point);
  EXPECT_EQ(to_string(point->kind), "half_stable");
  EXPECT_NEAR(*point->q, (3 + std::sqrt(17.0)) / 2, 1e-10);
  EXPECT_NEAR(point->scales.weight, 1.98305826, 5e-9);
  EXPECT_NEAR(point->scales.bias, 0.17292239, 5e-9);
  // Stable on one side only: the map touches the diagonal and does not cross it.
  const auto change = [&](double q) { return variance_map(activation("gelu"), point->scales, q) - q; };
  EXPECT_LT(change(0.9 * *point->q), 0);
  EXPECT_LT(change(1.1 * *point->q), 0);
}

TEST(CriticalPoint, MakesBothSlopesOneAndKeepsItsVariance) {
  for (const char* name :
       {"gelu", "gelu_tanh", "quick_gelu", "silu", "mish", "hard_swish", "swish", "x*sigmoid(3*x)", "x*erfc(-x)/2"}) {
    const Activation f = activation(name);
    const auto point = critical_point(f);
    ASSERT_TRUE(point) << name;
    EXPECT_EQ(point->kind, Universality::half_stable) << name;
    const Moments m = moments(f, *point->q);
    EXPECT_NEAR(point->scales.weight * m.derivative_second, 1, 1e-12) << name;
    EXPECT_NEAR(point->scales.weight * m.second_slope, 1, 1e-10) << name;
    EXPECT_NEAR(variance_map(f, point->scales, *point->q) / *point->q, 1, 1e-12) << name;
  }
}

TEST(CriticalPoint, OfScaleInvariantActivationsIsHes) {
  for (const auto& [name, slope] : std::vector<std::pair<const char*, double>>{{"relu", 0},
                                                                               {"leaky_relu", 0.01},
                                                                               {"leaky_relu(0.2)", 0.2},
                                                                               {"prelu", 0.25},
                                                                               {"identity", 1},
                                                                               {"abs(x)", -1}}) {
    const auto point = critical_point(activation(name));
    ASSERT_TRUE(point) << name;
    EXPECT_EQ(point->kind, Universality::scale_invariant) << name;
    EXPECT_NEAR(point->scales.weight, 2 / (1 + slope * slope), 1e-13) << name;
    EXPECT_EQ(point->scales.bias, 0) << name;
    EXPECT_FALSE(point->q) << name;
  }
}

TEST(CriticalPoint, OfOddAndOtherFallingActivationsIsAtZero) {
  for (const auto& [name, weight] : std::vector<std::pair<const char*, double>>{{"tanh", 1},
                                                                                {"sin", 1},
                                                                                {"arctan", 1},
                                                                                {"softsign", 1},
                                                                                {"hard_tanh", 1},
                                                                                {"elu", 1},
                                                                                {"erf", pi / 4},
                                                                                {"sigmoid(x) - 1/2", 16},
                                                                                {"relu6", 2}}) {
    const auto point = critical_point(activation(name));
    ASSERT_TRUE(point) << name;
    EXPECT_EQ(point->kind, Universality::k_star_zero) << name;
    EXPECT_NEAR(point->scales.weight, weight, 1e-12) << name;
    EXPECT_EQ(*point->q, 0) << name;
  }
}

TEST(CriticalPoint, DoesNotExistForActivationsThatAddAConstantOrStartFlat) {
  for (const char* name : {"sigmoid", "softplus", "hard_sigmoid", "log_sigmoid", "x^2", "exp(x)", "max(x,0)^2"}) {
    EXPECT_FALSE(critical_point(activation(name))) << name;
  }
}

// x tanh(exp(x)) is nearly a line of slope tanh(1) at 0 and a ReLU far away, and yet has none: chi_parallel stays below
// chi1 at every q > 0 (a sum over a plain grid says so too), and at q = 0, where they meet, the variance rises.
TEST(CriticalPoint, DoesNotExistWhereOneSlopeStaysBelowTheOther) {
  const Activation f = activation("x*tanh(exp(x))");
  EXPECT_FALSE(critical_point(f));
  const auto value = [](double x) { return x * std::tanh(std::exp(x)); };
  const auto slope = [](double x) {
    const double e = std::exp(std::min(x, 20.0)), t = std::tanh(e);
    return t + x * (1 - t * t) * e;
  };
  for (double q = 1e-4; q < 1e4; q *= 1.5) {
    double slope_square = 0, by_variance = 0, square = 0;
    for (int i = -5000; i <= 5000; ++i) {
      const double z = i * 0.002, weight = 0.002 * std::exp(-z * z / 2) / std::sqrt(2 * 3.14159265358979323846);
      const double x = std::sqrt(q) * z;
      slope_square += weight * std::pow(slope(x), 2);
      by_variance += weight * std::pow(value(x), 2) * (z * z - 1) / (2 * q);
      square += weight * std::pow(value(x), 2);
    }
    EXPECT_LT(by_variance, slope_square * (1 - 1e-5)) << q;
    if (q < 1e-2) EXPECT_GT(square, q * std::pow(std::tanh(1), 2)) << q;
  }
}

TEST(EdgeOfChaos, OfTheSigmoidNeedsVeryLargeWeights) {
  const Activation f = activation("sigmoid");
  EXPECT_FALSE(edge_of_chaos(f, 1));
  const auto q = edge_without_bias(f);
  ASSERT_TRUE(q);
  const auto scales = edge_of_chaos(f, *q);
  ASSERT_TRUE(scales);
  EXPECT_NEAR(scales->bias, 0, 1e-8);
  EXPECT_GT(scales->weight, 100);
  EXPECT_NEAR(variance_map(f, *scales, *q) / *q, 1, 1e-10);
  EXPECT_NEAR(scales->weight * moments(f, *q).derivative_second, 1, 1e-12);
}

TEST(VarianceMap, OfReluIsLinear) {
  EXPECT_NEAR(variance_map(activation("relu"), {1.5, 0.1}, 4), 1.5 * 2 + 0.1, 1e-13);
  const auto points = fixed_points(activation("relu"), {1.5, 0.1});
  ASSERT_EQ(points.size(), 1u);
  EXPECT_NEAR(points[0].q, 0.4, 1e-12);
  EXPECT_NEAR(points[0].chi1, 0.75, 1e-12);
  EXPECT_TRUE(points[0].stable());
}

TEST(DistanceMap, OfHeReluIsTheArcCosineMap) {
  for (const double c : {-0.9, 0.0, 0.3, 0.999}) {
    const double expected = (std::sqrt(1 - c * c) + c * (pi - std::acos(c))) / pi;
    EXPECT_NEAR(1 - distance_map(activation("relu"), {2, 0}, 7, 1 - c), expected, 1e-12) << c;
  }
}

TEST(FixedPoints, OfGeluAtItsMatchedGainIsUnstable) {
  const Activation f = activation("gelu");
  const auto points = fixed_points(f, {1 / moments(f).second, 0});
  ASSERT_EQ(points.size(), 2u);
  EXPECT_EQ(points[0].q, 0);
  EXPECT_NEAR(points[1].q, 1, 1e-11);
  EXPECT_NEAR(points[1].chi_parallel, 1.1441, 5e-5);
  EXPECT_FALSE(points[1].stable());
}

TEST(Regime, OfTheSigmoidIsOrdered) {
  const Regime xavier = regime(activation("sigmoid"), {1, 0}), he = regime(activation("sigmoid"), {2, 0});
  EXPECT_EQ(xavier.phase, Phase::ordered);
  EXPECT_NEAR(std::sqrt(xavier.point.chi1), 0.23605, 5e-6);  // rms gradient factor a layer
  EXPECT_NEAR(std::sqrt(he.point.chi1), 0.31777, 5e-6);
  EXPECT_NEAR(std::sqrt(regime(activation("sigmoid"), {16, 0}).point.chi1), 0.63157, 5e-6);
  EXPECT_EQ(he.correlation, 1);
  EXPECT_NEAR(he.correlation_depth, -1 / std::log(he.point.chi1), 1e-12);
}

TEST(Regime, OfTanhTurnsAtSigmaOne) {
  const Activation f = activation("tanh");
  EXPECT_EQ(regime(f, {0.9, 0}).phase, Phase::ordered);
  EXPECT_EQ(regime(f, {1, 0}).phase, Phase::critical);
  EXPECT_EQ(regime(f, {1.5, 0}).phase, Phase::chaotic);
  const Regime chaotic = regime(f, {2, 0.05});
  EXPECT_EQ(chaotic.phase, Phase::chaotic);
  EXPECT_GT(chaotic.correlation, 0);
  EXPECT_LT(chaotic.correlation, 1);
  // The fixed correlation is one: mapped onto itself, and attracting.
  const double d = 1 - chaotic.correlation;
  EXPECT_NEAR(distance_map(f, {2, 0.05}, chaotic.point.q, d), d, 1e-11);
  EXPECT_GT(chaotic.correlation_depth, 0);
}

TEST(Regime, OfSelu) {
  const Regime lecun = regime(activation("selu"), {1, 0}, 1.5), he = regime(activation("selu"), {2, 0});
  EXPECT_NEAR(lecun.point.q, 1, 1e-10);
  EXPECT_NEAR(lecun.point.chi_parallel, 0.78265, 5e-6);
  EXPECT_EQ(he.phase, Phase::unbounded);
}

TEST(Regime, OfHeGeluDies) {
  const Regime he = regime(activation("gelu"), {2, 0});
  EXPECT_EQ(he.point.q, 0);
  EXPECT_EQ(he.phase, Phase::ordered);
  EXPECT_NEAR(he.point.chi1, 0.5, 1e-12);
}

}  // namespace
}  // namespace evengrad
