#include <evengrad/init/net_theory.hpp>

#include <evengrad/activations/registry.hpp>
#include <evengrad/core/error.hpp>

#include <gtest/gtest.h>

#include <cmath>

namespace evengrad {
namespace {

constexpr double pi = 3.14159265358979323846;

NetOptions net(const char* f, const char* init, Index depth, Index width = 256) {
  NetOptions options{activation(f), initializer(init)};
  options.depth = depth, options.width = width;
  return options;
}

TEST(NetTheory, OfHeReluKeepsEverythingButCorrelation) {
  const NetTheory t = predict(net("relu", "he", 30));
  double c = 0;
  for (const LayerTheory& layer : t.layers) {
    EXPECT_NEAR(layer.q.value, 2, 1e-12);
    EXPECT_NEAR(layer.gradient.value, 1, 1e-12);
    EXPECT_NEAR(layer.correlation.value, c, 1e-11);
    EXPECT_NEAR(layer.zero_fraction, 0.5, 1e-14);
    c = (std::sqrt(1 - c * c) + c * (pi - std::acos(c))) / pi;
  }
}

TEST(NetTheory, OfXavierReluHalvesTheVariance) {
  const NetTheory t = predict(net("relu", "xavier", 20));
  for (std::size_t i = 0; i < t.layers.size(); ++i) {
    EXPECT_NEAR(t.layers[i].q.value * std::pow(2.0, static_cast<double>(i)), 1, 1e-11);
  }
  EXPECT_NEAR(t.gradient_ratio.value, std::pow(2.0, -9.5), 1e-12);
}

// The sigmoid's rms gradient falls by sqrt(chi1) a layer: 0.23605 with Xavier, 0.31777 with He, 0.63157 at sigma_w2
// = 16.
TEST(NetTheory, OfSigmoidsVanishes) {
  for (const auto& [init, factor] :
       {std::pair("xavier", 0.23605), std::pair("he", 0.31777), std::pair("xavier(gain=4)", 0.63157)}) {
    const NetTheory t = predict(net("sigmoid", init, 30));
    EXPECT_NEAR(t.layers[20].gradient.value / t.layers[21].gradient.value, factor, 6e-6) << init;
  }
}

TEST(NetTheory, OfSeluReturnsToVarianceOne) {
  NetOptions selu = net("selu", "lecun", 5);
  selu.input_variance = 1.5;
  const NetTheory t = predict(selu);
  EXPECT_NEAR(t.layers[0].q.value, 1.5, 1e-12);
  EXPECT_NEAR(t.layers[1].q.value, 1.3736, 5e-5);
  EXPECT_NEAR(t.layers[2].q.value, 1.2820, 5e-5);
  EXPECT_NEAR(t.layers[3].q.value, 1.2145, 5e-5);
  const NetTheory he = predict(net("selu", "he", 20));
  EXPECT_GT(he.layers[19].q.value, 100);
}

// claims.md D7: m = 1000 orthogonal inputs to a He-ReLU net.
TEST(NetTheory, CountsUnitsThatAreSilentOnAllInputs) {
  NetOptions relu = net("relu", "he", 20);
  relu.inputs = 1000, relu.orthogonal_inputs = true;
  const NetTheory t = predict(relu);
  EXPECT_NEAR(t.layers[4].silent_fraction, 0.015, 5e-4);
  EXPECT_NEAR(t.layers[9].silent_fraction, 0.093, 5e-4);
  EXPECT_NEAR(t.layers[19].silent_fraction, 0.217, 5e-4);
}

// Yang et al. 2019: a batch-normalized ReLU net multiplies the squared gradient by pi / (pi - 1) a layer in a large
// batch; a linear one by (m - 2) / (m - 3).
TEST(NetTheory, OfBatchNormalizationExplodes) {
  NetOptions relu = net("relu", "he", 10);
  relu.batch_norm = true, relu.inputs = 100'000;
  const NetTheory t = predict(relu);
  EXPECT_NEAR(std::pow(t.layers[3].gradient.value / t.layers[4].gradient.value, 2), pi / (pi - 1), 1e-4);
  EXPECT_EQ(t.layers[5].silent_fraction, 0);
  NetOptions linear = net("identity", "he", 10);
  linear.batch_norm = true;
  for (const Index m : {4, 7, 32, 256}) {
    linear.inputs = m;
    const auto batch = static_cast<double>(m);
    const double factor = std::pow(predict(linear).gradient_ratio.value, 2.0 / 9);
    EXPECT_NEAR(factor, (batch - 2) / (batch - 3), 1e-4) << m;  // eps apart
  }
}

// Of a batch below 4 the inverse variance has no mean: there is no theory behind the first normalization.
TEST(NetTheory, OfATinyNormalizedBatchIsUnknown) {
  NetOptions relu = net("relu", "he", 3);
  relu.batch_norm = true, relu.inputs = 3;
  NetTheory t = predict(relu);
  EXPECT_NEAR(t.layers[0].q.value, 2, 1e-12);
  EXPECT_TRUE(std::isnan(t.layers[1].q.value));
  EXPECT_TRUE(std::isnan(t.gradient_ratio.value));
  add_bands(t, relu, Rng(1));
  EXPECT_FALSE(t.gradient_ratio.low);
}

// Weights of variance v / n: the batch's variance is v, and eps = 1e-5 beside it takes its share of the next signal.
TEST(NetTheory, KnowsTheEpsOfBatchNormalization) {
  NetOptions linear = net("identity", "lecun(gain=0.001)", 3);
  linear.batch_norm = true, linear.inputs = 100'000;
  const NetTheory t = predict(linear);
  EXPECT_NEAR(t.layers[1].q.value / 1e-6, 1e-6 / (1e-6 + 1e-5), 1e-6);
  EXPECT_NEAR(std::pow(t.layers[1].gradient.value, 2), 1e-6 / (t.layers[1].q.value + 1e-5), 1e-6);
}

// h + W h with Var W = 1/n doubles the signal, and the gradient alike.
TEST(NetTheory, OfLinearResidualLayersDoubles) {
  NetOptions linear = net("identity", "lecun", 6);
  linear.residual = true;
  const NetTheory t = predict(linear);
  for (int i = 0; i < 6; ++i) EXPECT_NEAR(t.layers[static_cast<std::size_t>(i)].q.value, std::pow(2.0, i), 1e-10);
  EXPECT_NEAR(t.gradient_ratio.value, std::pow(2.0, 4 / 2.0), 1e-10);  // the seed enters beside the last sum
  NetOptions wide = linear;
  wide.orthogonal_inputs = true, wide.inputs = 512;
  EXPECT_FALSE(wide.skips(1));
  EXPECT_TRUE(wide.skips(2));
}

TEST(NetTheory, TakesBiasesIntoAccount) {
  NetOptions relu = net("relu", "he", 3);
  relu.bias_std = 0.5;
  const NetTheory t = predict(relu);
  EXPECT_NEAR(t.layers[2].q.value, 2 + 3 * 0.25, 1e-12);
  EXPECT_NEAR(t.layers[0].correlation.value, 0.25 / 2.25, 1e-12);
  // A constant bias moves the mean: E[relu^2] at N(0.1, v).
  const NetTheory playground = predict(net("relu", "playground", 2, 12));
  const double v = 12 * 0.25 / 3;
  EXPECT_NEAR(playground.layers[0].q.value, v + 0.01, 1e-12);
  EXPECT_NEAR(playground.layers[1].q.value, v * moments(activation("relu"), v, 0.1).second + 0.01, 1e-12);
}

TEST(NetTheory, IsAsForWeightsOfOtherShapes) {
  EXPECT_NEAR(predict(net("tanh", "orthogonal", 5)).gradient_ratio.value,
              predict(net("tanh", "lecun", 5)).gradient_ratio.value, 1e-12);
  EXPECT_EQ(predict(net("tanh", "zeros", 3)).layers[2].q.value, 0);
  EXPECT_TRUE(std::isnan(predict(net("tanh", "constant(0.1)", 3)).layers[2].q.value));
}

// Hanin 2018: for one input, the squared gradient's log has mean -beta/2 and variance beta, beta = 5 sum 1/n.
TEST(Bands, OfHeReluAreHaninsRandomWalk) {
  NetOptions relu = net("relu", "he", 21, 100);
  relu.inputs = 1, relu.nets = 400;
  NetTheory t = predict(relu);
  EXPECT_FALSE(t.gradient_ratio.low);
  add_bands(t, relu, Rng(5));
  const double beta = 5 * 20 / 100.0, center = std::exp(-beta / 4);
  const double deviation = std::sqrt(beta) / 2 * std::sqrt(1 / 400.0 + 1 / 256.0);
  EXPECT_LT(*t.gradient_ratio.low, center);
  EXPECT_GT(*t.gradient_ratio.high, center);
  EXPECT_NEAR(std::log(*t.gradient_ratio.high / *t.gradient_ratio.low), 2 * 1.96 * deviation, 0.25 * deviation * 4);
  // The mean of the squared signal itself stays: E[q] = 2.
  EXPECT_LT(*t.layers[20].q.low, 2);
  EXPECT_GT(*t.layers[20].q.high, 2);
}

TEST(Bands, AreNarrowWhereWeightsKeepLengths) {
  NetOptions lecun = net("identity", "lecun", 10, 64), orthogonal = net("identity", "orthogonal", 10, 64);
  lecun.inputs = orthogonal.inputs = 4;
  NetTheory a = predict(lecun), b = predict(orthogonal);
  add_bands(a, lecun, Rng(1));
  add_bands(b, orthogonal, Rng(1));
  EXPECT_GT(*a.gradient_ratio.high / *a.gradient_ratio.low, 1.05);
  EXPECT_NEAR(*b.gradient_ratio.high, 1, 1e-12);
  EXPECT_NEAR(*b.gradient_ratio.low, 1, 1e-12);
}

// The gradient over two linear layers, for a batch of 8: (m - 2) / (m - 3) a layer, squared. A unit's divisor is a
// chi-squared number with 7 degrees of freedom, whose inverse has a relative variance of 2/3: over 256 units and two
// layers the rms gradient's deviation is about 0.04, that of the mean over 10 nets (and the band's 64) 0.015.
TEST(Bands, OfBatchNormalizationSurroundTheWideNet) {
  NetOptions linear = net("identity", "lecun", 3, 256);
  linear.batch_norm = true, linear.inputs = 8;
  NetTheory t = predict(linear);
  add_bands(t, linear, Rng(1));
  EXPECT_LT(*t.gradient_ratio.low, 6 / 5.0);
  EXPECT_GT(*t.gradient_ratio.high, 6 / 5.0);
  EXPECT_NEAR(std::log(*t.gradient_ratio.high / *t.gradient_ratio.low), 4 * 0.015, 0.03);
  EXPECT_LT(*t.layers[2].correlation.low, -1 / 7.0 + 0.01);
  EXPECT_GT(*t.layers[2].correlation.high, -1 / 7.0 - 0.01);
}

// Each net of each depth by itself says the same.
TEST(GradientByDepth, IsTheRatioThatEachDepthHas) {
  for (const auto& [f, init] :
       {std::pair("tanh", "xavier"), std::pair("gelu", "pytorch"), std::pair("sigmoid", "matched"),
        std::pair("softplus", "playground"), std::pair("silu", "backward")}) {
    for (const Index width : {16, 256}) {
      const std::vector<double> logs = gradient_by_depth(activation(f), initializer(init), 12, width);
      ASSERT_EQ(logs.size(), 12u);
      for (const Index depth : {1, 2, 5, 12}) {
        NetOptions alone = net(f, init, depth, width);
        alone.inputs = 4;
        EXPECT_NEAR(logs[static_cast<std::size_t>(depth - 1)], std::log10(predict(alone).gradient_ratio.value), 1e-11)
            << f << ' ' << init << ' ' << depth << ' ' << width;
      }
    }
  }
}

TEST(GradientByDepth, OfXavierReluLosesHalfAPowerOfTwoALayer) {
  const std::vector<double> logs = gradient_by_depth(activation("relu"), initializer("xavier"), 1000);
  for (std::size_t i = 0; i < logs.size(); ++i) {
    EXPECT_NEAR(logs[i], -std::log10(2.0) / 2 * static_cast<double>(i), 1e-10);
  }
}

TEST(GradientByDepth, KnowsNothingOfConstantWeights) {
  EXPECT_TRUE(std::isnan(gradient_by_depth(activation("relu"), initializer("constant(0.1)"), 3).back()));
  EXPECT_THROW(gradient_by_depth(activation("sigmoid"), initializer("critical"), 3), UsageError);
}

}  // namespace
}  // namespace evengrad
