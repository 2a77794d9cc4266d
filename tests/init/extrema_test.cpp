#include <evengrad/init/extrema.hpp>

#include <evengrad/activations/registry.hpp>

#include <gtest/gtest.h>

#include <cmath>

namespace evengrad {
namespace {

void expect_at(const std::optional<Extremum>& e, double at, double value, const std::string& what) {
  ASSERT_TRUE(e) << what;
  EXPECT_NEAR(e->at, at, 1e-7) << what;
  EXPECT_NEAR(e->value, value, 1e-10) << what;
}

TEST(Extrema, OfSmoothActivations) {
  const Extrema gelu = extrema(activation("gelu")), silu = extrema(activation("silu")),
                mish = extrema(activation("mish"));
  expect_at(gelu.value_min, -0.7517915247, -0.1699712075, "gelu");
  // GELU'' = phi(x) (2 - x^2): the slope's extrema lie at +-sqrt(2).
  const double top = 0.5 * std::erfc(-1.0) + std::sqrt(2.0) * std::exp(-1.0) / std::sqrt(2 * std::acos(-1.0));
  expect_at(gelu.derivative_max, std::sqrt(2.0), top, "gelu'");
  expect_at(gelu.derivative_min, -std::sqrt(2.0), 1 - top, "gelu'");
  EXPECT_FALSE(gelu.value_max);
  expect_at(silu.value_min, -1.2784645428, -0.2784645428, "silu");
  // SiLU'' = 0 where x tanh(x/2) = 2.
  EXPECT_NEAR(silu.derivative_max->at * std::tanh(silu.derivative_max->at / 2), 2, 1e-7);
  EXPECT_NEAR(silu.derivative_max->value, 1.0998393201, 1e-10);
  EXPECT_NEAR(silu.derivative_min->value, -0.0998393201, 1e-10);
  expect_at(mish.value_min, -1.1924312145, -0.3088434130, "mish");
  EXPECT_NEAR(mish.derivative_max->value, 1.0884981612, 1e-9);
  expect_at(extrema(activation("sin")).value_max, std::acos(0.0), 1, "sin");
  EXPECT_NEAR(std::abs(extrema(activation("sin")).derivative_min->at), std::acos(-1.0), 1e-7);
}

TEST(Extrema, ThatAreNotAttainedAreNull) {
  for (const char* name : {"sigmoid", "tanh", "softsign", "arctan", "erf", "lecun_tanh"}) {
    const Extrema e = extrema(activation(name));
    EXPECT_FALSE(e.value_min) << name;
    EXPECT_FALSE(e.value_max) << name;
    EXPECT_FALSE(e.derivative_min) << name;
    ASSERT_TRUE(e.derivative_max) << name;
    EXPECT_EQ(e.derivative_max->at, 0) << name;
  }
  EXPECT_EQ(extrema(activation("sigmoid")).derivative_max->value, 0.25);
  EXPECT_EQ(extrema(activation("tanh")).derivative_max->value, 1);
  for (const char* name : {"softplus", "log_sigmoid"}) {
    const Extrema e = extrema(activation(name));
    EXPECT_FALSE(e.value_min || e.value_max || e.derivative_min || e.derivative_max) << name;
  }
  EXPECT_FALSE(extrema(activation("elu")).value_min);
}

TEST(Extrema, OnIntervalsOfEqualValuesAreNearestToZero) {
  const Extrema relu = extrema(activation("relu"));
  expect_at(relu.value_min, 0, 0, "relu");
  expect_at(relu.derivative_min, 0, 0, "relu'");
  expect_at(relu.derivative_max, 0, 1, "relu'");
  EXPECT_FALSE(relu.value_max);
  const Extrema clipped = extrema(activation("relu6"));
  expect_at(clipped.value_max, 6, 6, "relu6");
  const Extrema hard = extrema(activation("hard_tanh"));
  expect_at(hard.value_min, -1, -1, "hard_tanh");
  expect_at(hard.value_max, 1, 1, "hard_tanh");
  expect_at(hard.derivative_max, 0, 1, "hard_tanh'");
  EXPECT_EQ(std::abs(hard.derivative_min->at), 1);
  const Extrema identity = extrema(activation("identity"));
  expect_at(identity.derivative_min, 0, 1, "identity'");
  expect_at(identity.derivative_max, 0, 1, "identity'");
}

TEST(Extrema, CountBothSidesOfAKink) {
  const Extrema swish = extrema(activation("hard_swish"));
  expect_at(swish.value_min, -1.5, -0.375, "hard_swish");
  expect_at(swish.derivative_min, -3, -0.5, "hard_swish'");
  expect_at(swish.derivative_max, 3, 1.5, "hard_swish'");
  expect_at(extrema(activation("selu")).derivative_max, 0, 1.0507009873554805 * 1.6732632423543772, "selu'");
}

}  // namespace
}  // namespace evengrad
