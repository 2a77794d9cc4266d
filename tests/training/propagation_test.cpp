#include <evengrad/training/propagation.hpp>

#include <evengrad/activations/registry.hpp>
#include <evengrad/core/error.hpp>
#include <evengrad/layers/normalization.hpp>

#include <gtest/gtest.h>

#include <cctype>
#include <cmath>

namespace evengrad {
namespace {

// Measured and predicted must meet: the interval contains the infinite-width value, or overlaps the band of this width.
void expect_meets(const Prediction& theory, const Measured& measured, const std::string& what) {
  if (measured.low <= theory.value && theory.value <= measured.high) return;
  ASSERT_TRUE(theory.low) << what << ": " << measured.value << ", theory " << theory.value;
  EXPECT_LE(measured.low, *theory.high) << what;
  EXPECT_GE(measured.high, *theory.low) << what;
}

// Of a test: letters and digits alone.
std::string name_of(std::string words) {
  for (char& c : words) c = std::isalnum(static_cast<unsigned char>(c)) ? c : '_';
  return words;
}

struct Case {
  const char* f;
  const char* init;
  bool residual = false;
};

class Propagation_ : public testing::TestWithParam<Case> {};

TEST_P(Propagation_, MeetsTheory) {
  NetOptions net{activation(GetParam().f), initializer(GetParam().init)};
  net.depth = 12, net.width = 128, net.inputs = 24, net.nets = 12;
  net.residual = GetParam().residual;
  const Propagation measured = propagate<double>(net, Rng(11));
  NetTheory theory = predict(net);
  add_bands(theory, net, Rng(12));
  for (std::size_t l : {0, 1, 4, 11}) {
    const std::string what = text(GetParam().f, " ", GetParam().init, " layer ", l + 1);
    expect_meets(theory.layers[l].q, measured.layers[l].q, what + " q");
    expect_meets(theory.layers[l].gradient, measured.layers[l].gradient, what + " gradient");
    expect_meets(theory.layers[l].correlation, measured.layers[l].correlation, what + " correlation");
    EXPECT_NEAR(measured.layers[l].zero_fraction.value, theory.layers[l].zero_fraction, 0.03) << what;
    EXPECT_NEAR(measured.layers[l].silent_fraction.value, theory.layers[l].silent_fraction, 0.05) << what;
  }
  expect_meets(theory.gradient_ratio, measured.gradient_ratio, "ratio");
}

INSTANTIATE_TEST_SUITE_P(Nets, Propagation_,
                         testing::Values(Case{"sigmoid", "xavier"}, Case{"sigmoid", "he"}, Case{"tanh", "lecun"},
                                         Case{"tanh", "orthogonal"}, Case{"relu", "he"}, Case{"relu", "xavier"},
                                         Case{"relu", "pytorch"}, Case{"leaky_relu(0.2)", "he_uniform"},
                                         Case{"gelu", "he"}, Case{"silu", "lecun"}, Case{"selu", "lecun"},
                                         Case{"hard_tanh", "lecun_truncated"}, Case{"sin", "lecun"},
                                         Case{"x*sigmoid(1.702*x)", "he"}, Case{"tanh", "lecun", true},
                                         Case{"relu", "he", true}, Case{"selu", "lecun", true}),
                         [](const auto& test) {
                           const Case& c = test.param;
                           return name_of(text(c.f, " ", c.init, c.residual ? " residual" : ""));
                         });

struct BatchCase {
  const char* f;
  Index inputs;
  bool residual = false;
};

class BatchNormalized : public testing::TestWithParam<BatchCase> {};

TEST_P(BatchNormalized, MeetsTheory) {
  NetOptions net{activation(GetParam().f), initializer("lecun")};
  net.depth = 8, net.width = 128, net.inputs = GetParam().inputs, net.nets = 8;
  net.batch_norm = true, net.residual = GetParam().residual;
  const Propagation measured = propagate<double>(net, Rng(11));
  NetTheory theory = predict(net);
  add_bands(theory, net, Rng(12));
  for (std::size_t l : {0, 1, 4, 7}) {
    const std::string what = text(GetParam().f, " batch ", net.inputs, " layer ", l + 1);
    expect_meets(theory.layers[l].q, measured.layers[l].q, what + " q");
    expect_meets(theory.layers[l].gradient, measured.layers[l].gradient, what + " gradient");
    expect_meets(theory.layers[l].correlation, measured.layers[l].correlation, what + " correlation");
    EXPECT_NEAR(measured.layers[l].activation_mean.value, theory.layers[l].activation_mean, 0.03) << what;
    EXPECT_NEAR(measured.layers[l].zero_fraction.value, theory.layers[l].zero_fraction, 0.02) << what;
    EXPECT_EQ(measured.layers[l].silent_fraction.value, 0) << what;
    EXPECT_EQ(theory.layers[l].silent_fraction, 0) << what;
  }
  expect_meets(theory.gradient_ratio, measured.gradient_ratio, "ratio");
}

INSTANTIATE_TEST_SUITE_P(Nets, BatchNormalized,
                         testing::Values(BatchCase{"relu", 64}, BatchCase{"identity", 64}, BatchCase{"tanh", 64},
                                         BatchCase{"gelu", 64}, BatchCase{"relu", 8}, BatchCase{"identity", 8},
                                         BatchCase{"gelu", 8}, BatchCase{"relu", 32, true},
                                         BatchCase{"tanh", 200, true}),
                         [](const auto& test) {
                           const BatchCase& c = test.param;
                           return name_of(text(c.f, " ", c.inputs, " inputs", c.residual ? " residual" : ""));
                         });

// Layer normalization leaves E[f'^2] / E[f^2] of the squared gradient a layer: for ReLU all of it, where batch
// normalization multiplies it by pi / (pi - 1).
TEST(Propagation, OfLayerNormalizedNetsMeetsTheory) {
  const struct {
    const char* f;
    double factor;  // E[f'^2] / E[f^2] at N(0, 1), integrated by the trapezoid rule
  } cases[] = {{"relu", 1}, {"identity", 1}, {"tanh", 0.4644029 / 0.3942945}, {"gelu", 0.4558509 / 0.4252215}};
  for (const auto& c : cases) {
    NetOptions net{activation(c.f), initializer("he")};
    net.depth = 12, net.width = 512, net.inputs = 32, net.nets = 8, net.layer_norm = true;
    const Propagation measured = propagate<float>(net, Rng(7));
    const NetTheory theory = predict(net);
    // The first layer's pre-activations have another mean square, that of the inputs.
    const double interior = theory.layers[1].gradient.value / theory.layers[11].gradient.value;
    EXPECT_NEAR(interior, std::pow(c.factor, 5), 1e-4 * interior) << c.f;
    EXPECT_NEAR(measured.gradient_ratio.value / theory.gradient_ratio.value, 1, 0.06) << c.f;
    for (std::size_t l : {0, 1, 6, 11}) {
      const std::string what = text(c.f, " layer ", l + 1);
      EXPECT_NEAR(measured.layers[l].q.value / theory.layers[l].q.value, 1, 0.05) << what;
      EXPECT_NEAR(measured.layers[l].correlation.value, theory.layers[l].correlation.value, 0.05) << what;
      EXPECT_NEAR(measured.layers[l].activation_second_moment.value, theory.layers[l].activation_second, 0.02) << what;
    }
  }
}

// claims.md D14, at a width where chance plays no part: interior layers, against linear ones.
TEST(Propagation, OfBatchNormalizedReluGrowsAsPredicted) {
  const auto factor = [](const char* f, bool predicted) {
    NetOptions net{activation(f), initializer("he")};
    net.depth = 10, net.width = 512, net.inputs = 64, net.nets = 2, net.batch_norm = true;
    if (predicted) {
      const NetTheory t = predict(net);
      return std::pow(t.layers[2].gradient.value / t.layers[7].gradient.value, 2.0 / 5);
    }
    const Propagation p = propagate<float>(net, Rng(3));
    return std::pow(p.layers[2].gradient.value / p.layers[7].gradient.value, 2.0 / 5);
  };
  EXPECT_NEAR(factor("relu", false) / factor("identity", false), factor("relu", true) / factor("identity", true), 0.04);
  EXPECT_NEAR(factor("relu", true) / factor("identity", true), 1.46, 0.02);
}

TEST(Propagation, ShowsWhatItMeasures) {
  NetOptions net{activation("relu"), initializer("he")};
  net.depth = 3, net.width = 16, net.inputs = 5, net.nets = 2;
  std::vector<double> squares(3);
  const Propagation seen = propagate<double>(
      net, Rng(1), [&](std::size_t layer, const ConstMap<double>& z, const ConstMap<double>& gradient) {
        ASSERT_EQ(z.rows(), 5);
        ASSERT_EQ(gradient.cols(), 16);
        squares.at(layer) += z.squaredNorm() / (5 * 16 * 2);
      });
  for (std::size_t l = 0; l < 3; ++l) EXPECT_NEAR(squares[l], seen.layers[l].q.value, 1e-12 * squares[l]);
  EXPECT_EQ(propagate<double>(net, Rng(1)).layers[2].q.value, seen.layers[2].q.value);
}

TEST(Propagation, NormalizesAsTheTheoryDoes) { EXPECT_EQ(NetOptions::norm_eps, BatchNormOptions{}.eps); }

TEST(Propagation, RepeatsItself) {
  NetOptions net{activation("relu"), initializer("he")};
  net.depth = 3, net.width = 16, net.inputs = 4, net.nets = 2;
  const Propagation a = propagate<float>(net, Rng(1)), b = propagate<float>(net, Rng(1)),
                    c = propagate<float>(net, Rng(2));
  EXPECT_EQ(a.gradient_ratio.value, b.gradient_ratio.value);
  EXPECT_NE(a.gradient_ratio.value, c.gradient_ratio.value);
}

TEST(Propagation, CountsSaturatedAndSilentUnits) {
  NetOptions net{activation("hard_tanh"), initializer("lecun(gain=1000)")};
  net.depth = 2, net.width = 64, net.inputs = 2, net.nets = 2;
  EXPECT_GT(propagate<float>(net, Rng(1)).layers[0].saturated_fraction.value, 0.95);
  net.activation = activation("relu");
  net.bias_std = 0;
  net.initializer = initializer("zeros");
  const Propagation dead = propagate<float>(net, Rng(1));
  EXPECT_EQ(dead.layers[1].silent_fraction.value, 1);
  EXPECT_EQ(dead.layers[1].zero_fraction.value, 1);
  EXPECT_EQ(dead.layers[0].gradient.value, 0);
}

TEST(Propagation, RefusesEmptyNets) {
  NetOptions net{activation("relu"), initializer("he")};
  net.depth = 0;
  EXPECT_THROW(propagate<float>(net, Rng(1)), UsageError);
  net.depth = 1, net.inputs = 1, net.batch_norm = true;
  EXPECT_THROW(propagate<float>(net, Rng(1)), UsageError);
}

}  // namespace
}  // namespace evengrad
