#include <evengrad/activations/registry.hpp>
#include <evengrad/data/registry.hpp>
#include <evengrad/experiments/gradients.hpp>
#include <evengrad/experiments/statistics.hpp>

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>

namespace evengrad {
namespace {

NetOptions net_of(const char* f, const char* init, Index depth, Index width, Index inputs = 1) {
  NetOptions net{.activation = activation(f), .initializer = initializer(init)};
  net.depth = depth;
  net.width = width;
  net.inputs = inputs;
  return net;
}

const Dataset<double>& two_moons() {
  static const Split<double> split = load_data<double>({.name = "moons", .samples = 256, .test_fraction = 0.0});
  return split.train;
}

TEST(Gradients, ALinearNetOfOrthogonalWeightsKeepsThemExactly) {
  const GradientProfile profile = gradient_profile(net_of("identity", "orthogonal", 6, 16, 4), Rng(1));
  ASSERT_EQ(profile.rms.size(), 6u);
  for (const double rms : profile.rms) EXPECT_NEAR(rms, profile.rms.back(), 1e-12);
  EXPECT_NEAR(profile.rms.back(), 1, 0.5);  // 64 draws of N(0, 1)
}

TEST(Gradients, AgreeWithFiniteDifferences) {
  // Two layers: the gradient at layer 1 is (seed W2) f'(z1), computed here from the weights.
  const NetOptions options = net_of("tanh", "xavier", 2, 5, 3);
  const GradientProfile profile = gradient_profile(options, Rng(2), true);
  ASSERT_EQ(profile.slope.size(), 15u);
  auto net = mlp<double>({.inputs = 5, .hidden = {5}, .outputs = 5, .activations = {options.activation}});
  net.initialize(options.initializer, Rng(2).split("net"));
  Matrix<double> weights[2], x(3, 5), seed(3, 5);
  int count = 0;
  net.visit(Path(), [&](const Path& path, Parameter<double>& p) {
    if (path.str().ends_with("weight")) weights[count++] = p.value;
  });
  Rng(2).split("inputs").fill_normal(std::span<double>(x.data(), 15));
  Rng(2).split("gradients").fill_normal(std::span<double>(seed.data(), 15));
  const Matrix<double> z = x * weights[0].transpose();
  const Matrix<double> dz = ((seed * weights[1]).array() * (1 - z.array().tanh().square())).matrix();
  EXPECT_NEAR(profile.rms[0], std::sqrt(dz.squaredNorm() / 15), 1e-12);
  EXPECT_NEAR(profile.gradient[7], dz.data()[7], 1e-12);
  EXPECT_NEAR(profile.slope[7], 1 - std::pow(std::tanh(z.data()[7]), 2), 1e-12);
}

TEST(Gradients, MeasurementsMeetTheTheory) {
  const NetOptions options = net_of("tanh", "he", 8, 256, 8);
  std::vector<double> ratios;
  for (std::uint64_t i = 0; i < 12; ++i) ratios.push_back(gradient_profile(options, Rng(3).split(i)).ratio());
  const Measurement m = geometric_mean_interval(ratios);
  EXPECT_NEAR(m.value / predict(options).gradient_ratio.value, 1, 0.1);
}

TEST(Gradients, ASigmoidNetCanBeTheTanhNet) {
  auto tanh = mlp<double>({.inputs = 2, .hidden = {8, 8, 8}, .outputs = 3, .activations = {activation("tanh")}});
  auto sigmoid = mlp<double>({.inputs = 2, .hidden = {8, 8, 8}, .outputs = 3, .activations = {activation("sigmoid")}});
  const Initializer init = initializer("pytorch");  // biases too
  tanh.initialize(init, Rng(4));
  sigmoid.initialize(init, Rng(4));
  Matrix<double> x = Matrix<double>::Random(20, 2);
  Tape<double> tape({.recording = false});
  const auto difference = [&] {
    return (tanh.forward(tape.constant(x), {}).value() - sigmoid.forward(tape.constant(x), {}).value())
        .cwiseAbs()
        .maxCoeff();
  };
  EXPECT_GT(difference(), 0.05);
  centre_sigmoids(sigmoid);
  EXPECT_LT(difference(), 1e-14);
}

TEST(Gradients, TrainingRecordsWhatHappened) {
  const Dataset<float> data = convert<float>(two_moons());
  TrainOptions options{
      .net = net_of("tanh", "xavier", 2, 16), .optimizer = {.name = "adam", .learning_rate = 0.01}, .steps = 200};
  int polls = 0;
  ExperimentSettings settings;
  settings.stop = [&] { return ++polls < 0; };
  const TrainRecord record = train_stack(Trials(settings), options, data, Rng(5));
  EXPECT_LT(record.loss, 0.3 * record.loss_before);
  EXPECT_GT(record.accuracy, 0.9);
  EXPECT_GE(polls, 10);
  ASSERT_EQ(record.gradients.size(), 3u);
  for (const std::vector<double>& layers : record.gradients) {
    ASSERT_EQ(layers.size(), 3u);
    for (const double g : layers) EXPECT_GT(g, 0);
  }
  ASSERT_EQ(record.moved.size(), 3u);
  for (const double m : record.moved) EXPECT_GT(m, 0.01);
}

TEST(Gradients, AZeroRateMovesNothing) {
  const Dataset<float> data = convert<float>(two_moons());
  TrainOptions options{.net = net_of("relu", "he", 2, 8), .optimizer = {.name = "sgd", .learning_rate = 0}, .steps = 5};
  const ExperimentSettings settings;
  const TrainRecord record = train_stack(Trials(settings), options, data, Rng(5));
  EXPECT_EQ(record.loss, record.loss_before);
  for (const double m : record.moved) EXPECT_EQ(m, 0);
}

TEST(Gradients, ADivergedNetHasTheLossOfOne) {
  const Dataset<float> data = convert<float>(two_moons());
  TrainOptions options{
      .net = net_of("relu", "he", 5, 16), .optimizer = {.name = "sgd", .learning_rate = 1e6}, .steps = 50};
  const ExperimentSettings settings;
  const TrainRecord record = train_stack(Trials(settings), options, data, Rng(5));
  EXPECT_TRUE(record.diverged);
  EXPECT_DOUBLE_EQ(record.loss, divergence_bound * std::log(2.0));  // two classes of equal size
}

TEST(Gradients, OneSampleGivesPositiveActivationsGradientsOfOneSign) {
  EXPECT_EQ(single_signed_share(net_of("sigmoid", "xavier", 3, 16), two_moons(), 1, Rng(6)), 1);
  EXPECT_EQ(single_signed_share(net_of("relu", "he", 3, 16), two_moons(), 1, Rng(6)), 1);
  EXPECT_LT(single_signed_share(net_of("tanh", "xavier", 3, 16), two_moons(), 1, Rng(6)), 0.2);
}

TEST(Gradients, HaninsVarianceIsFiveLayersOverWidth) { EXPECT_DOUBLE_EQ(he_relu_log_variance(101, 100), 5); }

}  // namespace
}  // namespace evengrad
