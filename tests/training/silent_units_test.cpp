#include <evengrad/layers/mlp.hpp>
#include <evengrad/training/silent_units.hpp>

#include <evengrad/activations/registry.hpp>
#include <evengrad/core/error.hpp>
#include <evengrad/layers/activation_layer.hpp>
#include <evengrad/layers/linear.hpp>
#include <evengrad/layers/losses.hpp>

#include <gtest/gtest.h>

namespace evengrad {
namespace {

Matrix<double> normals(Index rows, Index cols, std::uint64_t seed) {
  Matrix<double> x(rows, cols);
  Rng(seed).fill_normal(std::span<double>(x.data(), static_cast<std::size_t>(x.size())));
  return x;
}

Linear<double>& linear(Sequential<double>& net, std::size_t i) { return dynamic_cast<Linear<double>&>(net[i]); }

Sequential<double> three_layers(Norm norm = Norm::none) {
  auto net =
      mlp<double>({.inputs = 3, .hidden = {8, 6, 5}, .outputs = 2, .activations = {activation("relu")}, .norm = norm});
  net.initialize(initializer("he"), Rng(7));
  return net;
}

Matrix<double> answers(Sequential<double>& net, const Matrix<double>& x) {
  Tape<double> tape({.recording = false});
  return net.forward(tape.constant(x), {}).value();
}

TEST(UnitShares, CountsZeroAndPositiveAnswers) {
  auto net = mlp<double>({.inputs = 1, .hidden = {4}, .outputs = 1, .activations = {activation("relu")}});
  linear(net, 0).weight.value << 1, 0, -1, 1;
  linear(net, 0).bias.value << 0, -1, 0.5, 3;
  const Matrix<double> x = (Matrix<double>(4, 1) << -2, -1, 0, 1).finished();
  const std::vector<UnitShares> layers = unit_shares<double>(net, x);
  ASSERT_EQ(layers.size(), 1u);
  EXPECT_EQ(layers[0].zero, (std::vector<double>{0.75, 1, 0.25, 0}));  // 1 > 0.5 - x at x = 1 alone
  EXPECT_EQ(layers[0].positive, (std::vector<double>{0.25, 0, 0.75, 1}));
  EXPECT_EQ(layers[0].silent(), (std::vector<bool>{false, true, false, false}));
}

TEST(UnitShares, LooksBehindNormalizationDropoutAndUnderTheSum) {
  const Matrix<double> x = normals(20, 8, 1);
  auto net = mlp<double>({.inputs = 8,
                          .hidden = {8, 8},
                          .outputs = 2,
                          .activations = {activation("relu")},
                          .norm = Norm::layer,
                          .dropout = 0.5,
                          .residual = true});
  net.initialize(initializer("he"), Rng(3));
  const std::vector<UnitShares> layers = unit_shares<double>(net, x);
  ASSERT_EQ(layers.size(), 2u);
  // Behind the sum, h + f(z) with normal h, nothing would be exactly 0.
  for (const UnitShares& layer : layers) {
    for (std::size_t u = 0; u < 8; ++u) {
      EXPECT_EQ(layer.zero[u] + layer.positive[u], 1);
      EXPECT_GT(layer.zero[u], 0);
    }
  }
}

TEST(ReinitializeSilentUnits, LeavesTheAnswersAndGivesTheUnitsAStart) {
  const Matrix<double> x = normals(64, 3, 1);
  Sequential<double> net = three_layers();
  linear(net, 0).bias.value(0, 2) = -100;
  linear(net, 2).bias.value(0, 4) = -100;
  linear(net, 2).bias.value(0, 5) = -100;
  const Matrix<double> before = answers(net, x), weight = linear(net, 2).weight.value;
  Sequential<double> fresh = three_layers();
  fresh.initialize(initializer("xavier"), Rng(9));

  Index silent = 0;
  const std::vector<UnitShares> layers = unit_shares<double>(net, x);
  for (const UnitShares& layer : layers) {
    for (const bool flag : layer.silent()) silent += flag;
  }
  ASSERT_GE(silent, 3);
  EXPECT_EQ(reinitialize_silent_units<double>(net, x, initializer("xavier"), Rng(9)), silent);
  EXPECT_EQ(answers(net, x), before);
  EXPECT_EQ(linear(net, 0).weight.value.row(2), linear(fresh, 0).weight.value.row(2));
  EXPECT_EQ(linear(net, 0).bias.value(0, 2), 0);
  EXPECT_EQ(linear(net, 2).weight.value(0, 2), 0);                                    // to a unit that was not silent
  EXPECT_EQ(linear(net, 2).weight.value(4, 2), linear(fresh, 2).weight.value(4, 2));  // between two new ones
  EXPECT_EQ(linear(net, 2).weight.value.row(4), linear(fresh, 2).weight.value.row(4));
  for (Index to = 0; to < 5; ++to) {
    EXPECT_EQ(linear(net, 4).weight.value(to, 5) == 0, !layers[2].silent()[static_cast<std::size_t>(to)]);
  }
  EXPECT_EQ(linear(net, 2).weight.value(0, 1), weight(0, 1));
}

TEST(ReinitializeSilentUnits, AWholeSilentLayerLearnsAgain) {
  const Matrix<double> x = normals(64, 3, 1);
  Sequential<double> net = three_layers();
  linear(net, 2).bias.value.setConstant(-100);
  linear(net, 4).bias.value.setConstant(-100);
  ASSERT_EQ(reinitialize_silent_units<double>(net, x, initializer("he"), Rng(9)), 11);
  Tape<double> tape;
  const std::vector<std::int32_t> labels(64, 1);
  const Gradients<double> gradients =
      tape.backward(softmax_cross_entropy<double>(net.forward(tape.constant(x), {}), labels));
  EXPECT_GT(gradients.of(linear(net, 6).weight).norm(), 0);
}

TEST(ReinitializeSilentUnits, NormalizationStartsAfresh) {
  const Matrix<double> x = normals(64, 3, 1);
  Sequential<double> net = three_layers(Norm::batch);
  BatchNorm<double>& norm = dynamic_cast<BatchNorm<double>&>(net[1]);
  norm.bias.value(0, 3) = -100;
  norm.weight.value(0, 3) = 7;
  norm.weight.value(0, 4) = 3;
  EXPECT_GE(reinitialize_silent_units<double>(net, x, initializer("he"), Rng(9)), 1);
  EXPECT_EQ(norm.bias.value(0, 3), 0);
  EXPECT_EQ(norm.weight.value(0, 3), 1);
  EXPECT_EQ(norm.weight.value(0, 4), 3);
}

TEST(ReinitializeSilentUnits, TheOptimizerForgetsTheOldUnit) {
  const Matrix<double> x = normals(64, 3, 1);
  Sequential<double> net = three_layers();
  Optimizer<double> adam({.name = "adam"});
  const std::vector<std::int32_t> labels(64, 1);
  Tape<double> tape;
  adam.step(net, tape.backward(softmax_cross_entropy<double>(net.forward(tape.constant(x), {}), labels)));
  linear(net, 0).bias.value(0, 2) = -100;
  const auto remembered = [&](Index row, Index col, const std::string& name) {
    double found = -1;
    adam.visit_state(net, [&](const Path& path, Matrix<double>& state) {
      if (path.str() == name) found = std::abs(state(row, col));
    });
    return found;
  };
  ASSERT_GT(remembered(2, 0, "second.layers.0.weight"), 0);
  const double other = remembered(1, 0, "first.layers.0.weight");
  EXPECT_GE(reinitialize_silent_units<double>(net, x, initializer("he"), Rng(9), &adam), 1);
  EXPECT_EQ(remembered(2, 0, "first.layers.0.weight"), 0);
  EXPECT_EQ(remembered(2, 0, "second.layers.0.weight"), 0);
  EXPECT_EQ(remembered(0, 2, "first.layers.0.bias"), 0);
  EXPECT_EQ(remembered(1, 2, "first.layers.2.weight"), 0);
  EXPECT_EQ(remembered(1, 0, "first.layers.0.weight"), other);
}

TEST(ReinitializeSilentUnits, NothingSilentNothingDone) {
  const Matrix<double> x = normals(64, 3, 1);
  auto net = mlp<double>({.inputs = 3, .hidden = {8}, .outputs = 2, .activations = {activation("tanh")}});
  net.initialize(initializer("xavier"), Rng(1));
  const Matrix<double> weight = linear(net, 0).weight.value;
  EXPECT_EQ(reinitialize_silent_units<double>(net, x, initializer("he"), Rng(9)), 0);
  EXPECT_EQ(linear(net, 0).weight.value, weight);
}

TEST(ReinitializeSilentUnits, RefusesResidualNets) {
  auto net =
      mlp<double>({.inputs = 3, .hidden = {3}, .outputs = 2, .activations = {activation("relu")}, .residual = true});
  EXPECT_THROW(reinitialize_silent_units<double>(net, normals(4, 3, 1), initializer("he"), Rng(9)), UsageError);
}

}  // namespace
}  // namespace evengrad
