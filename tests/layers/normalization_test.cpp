#include <evengrad/core/gradient_check.hpp>
#include <evengrad/layers/normalization.hpp>
#include <evengrad/layers/sequential.hpp>

#include "../matrices.hpp"
#include "../temp_folder.hpp"

namespace evengrad {
namespace {

const Context training{.training = true, .rng = Rng(0)};

TEST(Norm, NamesGoBothWays) {
  for (const Norm norm : {Norm::none, Norm::batch, Norm::layer}) {
    EXPECT_EQ(parse_choice<Norm>("norm", std::string(choice_word(norm))), norm);
  }
  EXPECT_NE(error_of<UsageError>([] { parse_choice<Norm>("norm", "bacth"); }).find("'batch'"), std::string::npos);
}

// Columns (1, 3) and (2, 6): means 2 and 4, biased variances 1 and 4, unbiased 2 and 8.
TEST(BatchNorm, TrainsOnBiasedAndAveragesUnbiasedVariance) {
  BatchNorm<double> norm({.features = 2});
  Tape<double> tape;
  const Matrix<double> y = norm.forward(tape.constant(Matrix<double>{{1, 2}, {3, 6}}), training).value();
  EXPECT_NEAR(y(0, 0), -1 / std::sqrt(1 + 1e-5), 1e-15);
  EXPECT_NEAR(y(1, 1), 2 / std::sqrt(4 + 1e-5), 1e-15);
  EXPECT_NEAR(norm.running_mean.value(0, 0), 0.1 * 2, 1e-15);
  EXPECT_NEAR(norm.running_mean.value(0, 1), 0.1 * 4, 1e-15);
  EXPECT_NEAR(norm.running_var.value(0, 0), 0.9 + 0.1 * 2, 1e-15);
  EXPECT_NEAR(norm.running_var.value(0, 1), 0.9 + 0.1 * 8, 1e-15);
}

TEST(BatchNorm, EvaluationUsesAndKeepsTheRunningStatistics) {
  BatchNorm<double> norm({.features = 1});
  norm.running_mean.value << 2;
  norm.running_var.value << 4;
  norm.weight.value << 3;
  norm.bias.value << 1;
  Tape<double> tape;
  const Matrix<double> y = norm.forward(tape.constant(Matrix<double>{{6}}), {}).value();  // a batch of one is fine here
  EXPECT_NEAR(y(0, 0), 3 * 4 / std::sqrt(4 + 1e-5) + 1, 1e-14);
  EXPECT_EQ(norm.running_mean.value(0, 0), 2);
  EXPECT_EQ(norm.running_var.value(0, 0), 4);
}

TEST(BatchNorm, ATrainingBatchOfOneIsRefusedByName) {
  Sequential<float> net;
  net.add(BatchNorm<float>({.features = 3}));
  Tape<float> tape;
  const std::string error =
      error_of<ShapeError>([&] { net.forward(tape.constant(Matrix<float>::Ones(1, 3)), training); });
  EXPECT_NE(error.find("layer 0, BatchNorm(3): [batch_norm] input is (1, 3)"), std::string::npos) << error;
  EXPECT_NE(error.find("batch size"), std::string::npos) << error;
}

TEST(BatchNorm, RunningStatisticsAreNotTrained) {
  BatchNorm<double> norm({.features = 2});
  Tape<double> tape;
  const Var<double> y = norm.forward(tape.variable(random_matrix<double>(4, 2, 1)), training);
  const Gradients<double> gradients = tape.backward(y, random_matrix<double>(4, 2, 2));
  EXPECT_NE(gradients.find(norm.weight).data(), nullptr);
  EXPECT_EQ(gradients.find(norm.running_mean).data(), nullptr);
  EXPECT_FALSE(norm.running_mean.trainable);
  EXPECT_FALSE(norm.running_var.trainable);
}

// A large mean and a small spread: sums of squares in float would lose the spread altogether.
template <class Layer>
double worst_far_from_zero(Layer layer, bool by_column) {
  Matrix<float> x(32, 32);
  for (Index r = 0; r < 32; ++r) {
    for (Index c = 0; c < 32; ++c) x(r, c) = 4096.0f + 0.25f * static_cast<float>(by_column ? r : c);
  }
  Tape<float> tape;
  const Matrix<float> y = layer.forward(tape.constant(x), training).value();
  double worst = 0;
  for (Index i = 0; i < 32; ++i) {
    const double deviation = 0.25 * std::sqrt((32.0 * 32.0 - 1) / 12);  // of 0, 0.25, ..., 7.75
    const double expected = 0.25 * (static_cast<double>(i) - 15.5) / std::sqrt(deviation * deviation + 1e-5);
    worst = std::max(worst, std::abs((by_column ? y(i, 3) : y(3, i)) - expected));
  }
  return worst;
}

TEST(BatchNorm, KeepsItsAccuracyFarFromZero) {
  EXPECT_LT(worst_far_from_zero(BatchNorm<float>({.features = 32}), true), 2e-7);
}

TEST(LayerNorm, KeepsItsAccuracyFarFromZero) {
  EXPECT_LT(worst_far_from_zero(LayerNorm<float>({.features = 32}), false), 2e-7);
}

TEST(LayerNorm, NormalizesEachRow) {
  LayerNorm<double> norm({.features = 2});
  norm.weight.value << 2, 3;
  norm.bias.value << 0.5, -0.5;
  Tape<double> tape;
  const Matrix<double> y = norm.forward(tape.constant(Matrix<double>{{1, 5}}), training).value();
  EXPECT_NEAR(y(0, 0), -2 * 2 / std::sqrt(4 + 1e-5) + 0.5, 1e-15);
  EXPECT_NEAR(y(0, 1), 3 * 2 / std::sqrt(4 + 1e-5) - 0.5, 1e-15);
}

// Widths around the eight chains of the sums; gradients too.
TEST(LayerNorm, WorksAtEveryWidth) {
  for (const Index width : {1, 2, 7, 8, 9, 16, 19}) {
    LayerNorm<double> norm({.features = width});
    const Matrix<double> x = random_matrix<double>(3, width, 5);
    Tape<double> tape;
    const Matrix<double> y = norm.forward(tape.constant(x), {}).value();
    for (Index r = 0; r < 3; ++r) {
      const double mean = x.row(r).mean();
      const double variance = (x.row(r).array() - mean).square().mean();
      EXPECT_LT((y.row(r).array() - (x.row(r).array() - mean) / std::sqrt(variance + 1e-5)).matrix().norm(), 1e-13);
    }
    if (width < 3) continue;  // two numbers differ by next to nothing in some row: too bent for the stencil
    const auto result = gradient_check(
        norm, [&](Tape<double>&, std::span<const Var<double>> in) { return norm.forward(in[0], {}); }, {x});
    EXPECT_TRUE(result.ok()) << width << ": " << result.str();
  }
}

TEST(Norm, OptionsOutOfRangeAreRefused) {
  EXPECT_THROW(BatchNorm<float>({.features = 0}), UsageError);
  EXPECT_THROW(BatchNorm<float>({.features = 2, .eps = 0}), UsageError);
  EXPECT_THROW(BatchNorm<float>({.features = 2, .momentum = 1.5}), UsageError);
  EXPECT_THROW(LayerNorm<float>({.features = -1}), UsageError);
  EXPECT_THROW(LayerNorm<float>({.features = 2, .eps = std::nan("")}), UsageError);
}

TEST(Norm, AnotherWidthIsRefused) {
  BatchNorm<float> batch({.features = 3});
  LayerNorm<float> layer({.features = 3});
  Tape<float> tape;
  const Var<float> x = tape.constant(Matrix<float>::Ones(2, 4));
  EXPECT_THROW(batch.forward(x, {}), ShapeError);
  EXPECT_THROW(layer.forward(x, {}), ShapeError);
  EXPECT_THROW(batch.outputs({1, 4}), ShapeError);
  EXPECT_THROW(layer.outputs({1, 4}), ShapeError);
}

}  // namespace
}  // namespace evengrad
