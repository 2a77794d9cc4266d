#include <evengrad/init/normalized.hpp>

#include <evengrad/activations/registry.hpp>
#include <evengrad/core/error.hpp>
#include <evengrad/init/mean_field.hpp>

#include <gtest/gtest.h>

#include <cmath>

namespace evengrad {
namespace {

TEST(Normalized, HasUnitMomentsOfValueAndSlope) {
  for (const ActivationEntry& entry : activations()) {
    const Activation g = normalized(activation(entry.name));
    const Moments m = moments(g);
    EXPECT_NEAR(m.second, 1, 1e-12) << entry.name;
    EXPECT_NEAR(m.derivative_second, 1, 1e-12) << entry.name;
    EXPECT_NEAR(m.second_slope, repair(activation(entry.name)).chi_parallel, 1e-10) << entry.name;
  }
}

TEST(Normalized, TakesTheStableRoot) {
  const Repair gelu = repair(activation("gelu"));
  EXPECT_NEAR(gelu.a, 1.4811, 5e-5);
  EXPECT_NEAR(gelu.b, -0.9095, 5e-5);
  EXPECT_LT(gelu.chi_parallel, 1);
  // The other root: b' = -2 a E[f] - b.
  const Moments m = moments(activation("gelu"));
  const double other = -2 * gelu.a * m.mean - gelu.b;
  EXPECT_NEAR(gelu.a * gelu.a * m.second + 2 * gelu.a * other * m.mean + other * other, 1, 1e-12);
  EXPECT_LT(gelu.chi_parallel, gelu.a * gelu.a * m.second_slope + 2 * gelu.a * other * m.mean_slope);
  const Regime r = regime(normalized(activation("gelu")), {1, 0});
  EXPECT_NEAR(r.point.q, 1, 1e-10);
  EXPECT_NEAR(r.point.chi1, 1, 1e-10);
  EXPECT_EQ(r.phase, Phase::critical);
}

TEST(Normalized, LeavesTheIdentityAlone) {
  const Repair n = repair(activation("identity"));
  EXPECT_NEAR(n.a, 1, 1e-14);
  EXPECT_NEAR(n.b, 0, 1e-7);  // the root of a rounded zero
}

TEST(Normalized, IsAnActivationByName) {
  add_normalized();
  add_normalized();
  const Activation g = activation("normalized(gelu)"), f = activation("gelu");
  const Repair n = repair(f);
  EXPECT_EQ(g.name(), "normalized(gelu)");
  EXPECT_NEAR(g.value(0.7), n.a * f.value(0.7) + n.b, 1e-15);
  EXPECT_NEAR(g.derivative(0.7), n.a * f.derivative(0.7), 1e-15);
  EXPECT_EQ(activation("normalized(leaky_relu(0.2))").kinks(), activation("leaky_relu").kinks());
  EXPECT_NEAR(moments(activation("normalized(x*sigmoid(1.702*x))")).second, 1, 1e-12);
  EXPECT_NEAR(activation("normalized(normalized(tanh))").value(1), activation("normalized(tanh)").value(1), 1e-7);
}

TEST(Normalized, EvaluatesInPlaceAndInFloat) {
  const Activation g = normalized(activation("silu"));
  std::vector<float> z(1000), value(1000), slope(1000);
  for (std::size_t i = 0; i < z.size(); ++i) z[i] = static_cast<float>(i) * 0.01f - 5;
  const std::vector<float> original = z;
  g(z.data(), value.data(), slope.data(), 1000);
  g(z.data(), z.data(), static_cast<float*>(nullptr), 1000);
  EXPECT_EQ(z, value);
  for (std::size_t i = 0; i < z.size(); ++i) {
    EXPECT_NEAR(value[i], g.value(original[i]), 2e-6);
    EXPECT_NEAR(slope[i], g.derivative(original[i]), 2e-6);
  }
}

TEST(Normalized, RefusesWhatHasNoSlopeOrNoMoments) {
  EXPECT_THROW(normalized(activation("0*x")), UsageError);
  EXPECT_THROW(normalized(activation("exp(x^2)")), UsageError);
  EXPECT_THROW(normalized(activation("log(x)")), UsageError);
}

}  // namespace
}  // namespace evengrad
