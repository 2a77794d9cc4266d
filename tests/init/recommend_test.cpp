#include <evengrad/init/recommend.hpp>

#include <evengrad/activations/registry.hpp>
#include <evengrad/init/normalized.hpp>

#include <gtest/gtest.h>

#include <cmath>

namespace evengrad {
namespace {

TEST(Recommend, TakesWhatTheoryPrefers) {
  add_normalized();
  for (const auto& [name, init] : std::vector<std::pair<const char*, const char*>>{{"relu", "he"},
                                                                                   {"leaky_relu(0.2)", "he"},
                                                                                   {"prelu", "he"},
                                                                                   {"relu6", "he"},
                                                                                   {"identity", "lecun"},
                                                                                   {"tanh", "critical(0.11)"},
                                                                                   {"selu", "lecun"},
                                                                                   {"normalized(gelu)", "lecun"},
                                                                                   {"erf", "critical(0.1)"},
                                                                                   {"gelu", "critical"},
                                                                                   {"silu", "critical"},
                                                                                   {"x*sigmoid(1.702*x)", "critical"},
                                                                                   {"sigmoid", "matched"},
                                                                                   {"softplus", "matched"},
                                                                                   {"exp(x^2)", "lecun"}}) {
    const Recommendation r = recommend(activation(name), {.depth = 50});
    EXPECT_EQ(r.init, init) << name;
    EXPECT_FALSE(r.reason.empty()) << name;
    EXPECT_EQ(r.reason.find('\n'), std::string::npos) << name;
  }
}

TEST(Recommend, DependsOnDepthAndKindOfNet) {
  const Activation gelu = activation("gelu");
  EXPECT_EQ(recommend(gelu, {.depth = 3}).init, "matched");
  EXPECT_EQ(recommend(gelu, {.depth = 100}).init, "critical");
  EXPECT_EQ(recommend(gelu, {.depth = 100, .normalized = true}).init, "matched");
  EXPECT_EQ(recommend(activation("relu"), {.depth = 100, .normalized = true}).init, "he");
  EXPECT_EQ(recommend(gelu, {.depth = 100, .residual = true}).init, "matched(residual)");
}

// What it recommends must carry: neither signal nor gradient changes by much.
TEST(Recommend, CarriesDeepNets) {
  add_normalized();
  for (const char* name : {"relu", "leaky_relu", "tanh", "selu", "gelu", "silu", "mish", "elu", "erf", "hard_swish",
                           "normalized(gelu)", "normalized(sigmoid)", "normalized(softplus)"}) {
    NetOptions net{activation(name), initializer("auto")};
    net.depth = 100;
    const NetTheory t = predict(net);
    EXPECT_GT(t.gradient_ratio.value, 1 / 35.0) << name;
    EXPECT_LT(t.gradient_ratio.value, 35) << name;
    EXPECT_TRUE(warnings(net, {.signal = 1e5}).empty()) << name;
  }
}

TEST(Recommend, CarriesDeepResidualNets) {
  for (const char* name : {"relu", "gelu", "tanh", "selu"}) {
    NetOptions net{activation(name), initializer("auto")};
    net.depth = 100, net.residual = true;
    const NetTheory t = predict(net);
    EXPECT_GE(t.layers[99].q.value, t.layers[1].q.value) << name;
    EXPECT_LE(t.layers[99].q.value, std::exp(1.0) * t.layers[1].q.value) << name;
    // Gradients of branches: all of one size.
    EXPECT_NEAR(std::log(t.layers[1].gradient.value / t.layers[97].gradient.value), 0, 1) << name;
    net.initializer = initializer("he");
    EXPECT_FALSE(warnings(net).empty()) << name;
  }
}

std::string first_warning(const char* f, const char* init, Index depth) {
  NetOptions net{activation(f), initializer(init)};
  net.depth = depth;
  const auto all = warnings(net);
  return all.empty() ? "" : all.front().message;
}

TEST(Warnings, NameThePairAndThePredictedNumbers) {
  EXPECT_EQ(first_warning("relu", "he", 50), "");
  EXPECT_EQ(first_warning("tanh", "lecun", 50), "");
  EXPECT_EQ(first_warning("sigmoid", "xavier", 2), "");
  EXPECT_EQ(first_warning("gelu", "he", 5), "");
  const std::string sigmoid = first_warning("sigmoid", "xavier", 20);
  EXPECT_NE(sigmoid.find("sigmoid with xavier"), std::string::npos) << sigmoid;
  EXPECT_NE(sigmoid.find("1.09e-12"), std::string::npos) << sigmoid;
  EXPECT_NE(sigmoid.find("matched"), std::string::npos) << sigmoid;
  EXPECT_NE(first_warning("gelu", "he", 50).find("critical"), std::string::npos);
  EXPECT_NE(first_warning("silu", "he", 50).find("gradients reach layer 1"), std::string::npos);
  EXPECT_NE(first_warning("selu", "he", 5).find("1/fan_in"), std::string::npos);
  EXPECT_NE(first_warning("relu", "zeros", 5).find("all weights are 0"), std::string::npos);
  EXPECT_NE(first_warning("relu", "constant(0.1)", 5).find("one unit"), std::string::npos);
}

TEST(Warnings, NameALayerWhereOneIsToBlame) {
  const auto layer = [](const char* f, const char* init, Index depth) {
    NetOptions net{activation(f), initializer(init)};
    net.depth = depth;
    const auto all = warnings(net);
    return all.empty() ? Index{-1} : all.front().layer;
  };
  EXPECT_EQ(layer("sigmoid", "xavier", 20), 1);  // the gradient shrinks everywhere and reaches layer 1 last
  EXPECT_EQ(layer("relu", "zeros", 5), 0);       // all alike
  EXPECT_EQ(layer("relu", "lecun(gain=14.142135623730951)", 60), 39);  // where it overflows
  // Inputs that are far too large are cut down by the first tanh, once.
  NetOptions net{activation("tanh"), initializer("lecun")};
  net.depth = 4, net.input_variance = 1e6;
  const auto cut = warnings(net, {.gradient = 1e6});
  ASSERT_EQ(cut.size(), 1u);
  EXPECT_EQ(cut[0].layer, 2);
  // A signal that grows everywhere is named where it is largest.
  net.activation = activation("relu"), net.initializer = initializer("lecun(gain=4)"), net.depth = 10;
  const auto grown = warnings(net, {.gradient = 1e9});
  ASSERT_EQ(grown.size(), 1u);
  EXPECT_EQ(grown[0].layer, 10);
}

// A batch of 2 has no theory behind its normalization, and no warning.
TEST(Warnings, AreSilentWhereNothingIsKnown) {
  NetOptions net{activation("relu"), initializer("he")};
  net.inputs = 2, net.batch_norm = true;
  EXPECT_TRUE(warnings(net).empty());
}

// claims.md I15: weights of 10 times He's overflow float32 when 10^L > 3.4e38.
TEST(Warnings, SayWhereAScaleMustOverflow) {
  const std::string init = "lecun(gain=14.142135623730951)";
  EXPECT_NE(first_warning("relu", init.c_str(), 60).find("overflow float32 at layer 39"), std::string::npos)
      << first_warning("relu", init.c_str(), 60);
  EXPECT_EQ(first_warning("relu", init.c_str(), 38).find("overflow"), std::string::npos);
}

}  // namespace
}  // namespace evengrad
