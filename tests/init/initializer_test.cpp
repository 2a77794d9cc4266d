#include <evengrad/activations/registry.hpp>
#include <evengrad/core/error.hpp>
#include <evengrad/init/initializer.hpp>
#include <evengrad/init/mean_field.hpp>

#include "../matrices.hpp"
#include "../temp_folder.hpp"

namespace evengrad {
namespace {

constexpr Index fan_in = 500, fan_out = 2000;  // a million weights, and a swap of the two shows
constexpr double n = 1e6;

const WeightRole role{.fan_in = fan_in, .fan_out = fan_out};

template <Real S = double>
Matrix<S> weights(std::string_view name, std::uint64_t seed = 1, const WeightRole& at = role) {
  Matrix<S> w(at.fan_out, at.fan_in);
  fill(w, initializer(name)(at).weight, Rng(seed).split("layers.0.weight"));
  return w;
}

double variance(const Matrix<double>& w) { return (w.array() - w.mean()).square().mean(); }

/// max(x, slope * x).
struct Leaky {
  double slope = 0.01;
  template <class T>
  T operator()(const T& x) const {
    return where(x > 0.0, x, slope * x);
  }
};

struct Bent {
  template <class T>
  T operator()(const T& x) const {
    return where(x > 0.0, x, 0.5 * x * x);
  }
};

struct Scaled {
  const char* name;
  double variance;
};

class Variance : public ::testing::TestWithParam<Scaled> {};

// Windows of five standard errors of a million draws: 0.71 % for a normal, 0.45 % for a uniform distribution.
TEST_P(Variance, IsThePapers) {
  const std::string name = GetParam().name;
  const bool uniform = name.find("uniform") != name.npos || name == "pytorch" || name == "keras" || name == "candle" ||
                       name == "playground";
  const Matrix<double> w = weights(name);
  EXPECT_NEAR(w.mean(), 0, 5 * std::sqrt(GetParam().variance / n));
  EXPECT_NEAR(variance(w) / GetParam().variance, 1, uniform ? 0.0045 : 0.0071);
  if (uniform) {
    EXPECT_LE(w.cwiseAbs().maxCoeff(), std::sqrt(3 * GetParam().variance) * (1 + 1e-15));
    EXPECT_GT(w.cwiseAbs().maxCoeff(), std::sqrt(3 * GetParam().variance) * (1 - 1e-4));
  } else if (name.find("truncated") != name.npos || name == "flax") {
    // Cut at two deviations of the parent, which is wider than what is left: 2 / 0.8796 deviations of the result.
    const double cut = 2 / 0.87962566103423978 * std::sqrt(GetParam().variance);
    EXPECT_LE(w.cwiseAbs().maxCoeff(), cut);
    EXPECT_GT(w.cwiseAbs().maxCoeff(), cut * 0.999);
  } else {
    EXPECT_GT(w.cwiseAbs().maxCoeff(), 4 * std::sqrt(GetParam().variance));
  }
}

constexpr double in = fan_in, average = (fan_in + fan_out) / 2.0;

INSTANTIATE_TEST_SUITE_P(
    Named, Variance,
    ::testing::Values(Scaled{"xavier", 1 / average}, Scaled{"glorot", 1 / average},
                      Scaled{"xavier_normal", 1 / average}, Scaled{"xavier_uniform", 1 / average},
                      Scaled{"xavier_truncated", 1 / average}, Scaled{"xavier(gain=2)", 4 / average},
                      Scaled{"he", 2 / in}, Scaled{"kaiming_normal", 2 / in}, Scaled{"he_uniform", 2 / in},
                      Scaled{"he_truncated", 2 / in}, Scaled{"lecun", 1 / in}, Scaled{"lecun_uniform", 1 / in},
                      Scaled{"lecun_truncated", 1 / in}, Scaled{"lecun_uniform(1.5)", 2.25 / in},
                      Scaled{"normal(0.02)", 0.0004}, Scaled{"uniform(0.3)", 0.03}, Scaled{"pytorch", 1 / (3 * in)},
                      Scaled{"candle", 1 / (3 * in)}, Scaled{"keras", 1 / average}, Scaled{"flax", 1 / in},
                      Scaled{"playground", 0.25 / 3}, Scaled{"gaussian(1.5, 0.3)", 2.25 / in}),
    [](const auto& test) {
      std::string name;
      for (const char* c = test.param.name; *c; ++c) name += std::isalnum(static_cast<unsigned char>(*c)) ? *c : '_';
      return name;
    });

TEST(Initializer, PresetsSetTheBiasesOfTheirFrameworks) {
  const auto bias = [](std::string_view name) { return initializer(name)(role).bias; };
  for (const char* name : {"pytorch", "candle"}) {
    EXPECT_EQ(bias(name).distribution, Distribution::uniform);
    EXPECT_DOUBLE_EQ(bias(name).scale * std::sqrt(3.0), 1 / std::sqrt(in));  // +-1/sqrt(fan_in)
  }
  EXPECT_EQ(bias("playground").distribution, Distribution::constant);
  EXPECT_EQ(bias("playground").scale, 0.1);
  for (const char* name : {"keras", "flax", "he", "xavier", "lecun", "orthogonal"}) {
    Matrix<double> values = Matrix<double>::Ones(1, 5);
    fill(values, bias(name), Rng(1));
    EXPECT_EQ(values, (Matrix<double>::Zero(1, 5))) << name;
  }
}

TEST(Initializer, GaussianTakesTheParametersOfMeanFieldTheory) {
  for (const Index layer : {0, 1, 2}) {
    const LayerDraws draws = initializer("gaussian(sigma_b=0.25, sigma_w=1.5)")({.fan_in = 16, .layer = layer});
    EXPECT_EQ(draws.weight.distribution, Distribution::normal);
    EXPECT_EQ(draws.weight.scale, 1.5 / 4);
    EXPECT_EQ(draws.bias.distribution, Distribution::normal);
    EXPECT_EQ(draws.bias.scale, 0.25);
  }
  const LayerDraws plain = initializer("gaussian")({.fan_in = 4});
  EXPECT_EQ(plain.weight.scale, 0.5);
  EXPECT_EQ(plain.bias.scale, 0);
}

TEST(Initializer, HeTakesTheSlopeOfALeakyReLUAndOfNothingElse) {
  const Activation leaky = make_activation(Leaky{0.5}, "leaky_relu(0.5)"),
                   learned = make_activation(Leaky{0.25}, "prelu"), typed = make_activation(Leaky{0.5}, "max(x,x/2)"),
                   other = make_activation(Bent{}, "bent");
  const auto scale = [](const Activation* f, const Activation* before) {
    return initializer("he")({.fan_in = 8, .activation = f, .input_activation = before}).weight.scale;
  };
  EXPECT_DOUBLE_EQ(scale(nullptr, &leaky), std::sqrt(2 / 1.25 / 8));
  EXPECT_DOUBLE_EQ(scale(&other, &learned), std::sqrt(2 / 1.0625 / 8));
  EXPECT_DOUBLE_EQ(scale(&leaky, nullptr), std::sqrt(2 / 1.25 / 8));  // the first layer, which sees data
  EXPECT_DOUBLE_EQ(scale(nullptr, &typed), std::sqrt(2 / 1.25 / 8));  // by what it is, not by its name
  EXPECT_DOUBLE_EQ(scale(&leaky, &other), std::sqrt(2.0 / 8));
  EXPECT_DOUBLE_EQ(scale(&other, nullptr), std::sqrt(2.0 / 8));
}

// A name means the same whatever the activation.
TEST(Initializer, XavierAndLecunLookAtNoActivation) {
  const Activation leaky = make_activation(Leaky{0.5}, "leaky_relu(0.5)");
  for (const char* name : {"xavier", "lecun", "orthogonal", "pytorch"}) {
    const WeightRole bare{.fan_in = 8, .fan_out = 3}, bent{.fan_in = 8, .fan_out = 3, .activation = &leaky};
    EXPECT_EQ(initializer(name)(bare).weight.scale, initializer(name)(bent).weight.scale) << name;
  }
}

template <Real S>
double distance_from_orthogonal(Index rows, Index cols, const char* name, double gain) {
  const Matrix<double> w = weights<S>(name, 3, {.fan_in = cols, .fan_out = rows}).template cast<double>() / gain;
  const Matrix<double> product = rows >= cols ? Matrix<double>(w.transpose() * w) : Matrix<double>(w * w.transpose());
  return (product - Matrix<double>::Identity(product.rows(), product.cols())).cwiseAbs().maxCoeff();
}

TEST(Initializer, OrthogonalIsOrthogonal) {
  for (const auto& [rows, cols] : {std::pair<Index, Index>{64, 64}, {100, 30}, {30, 100}, {1, 7}, {7, 1}, {1, 1}}) {
    EXPECT_LT(distance_from_orthogonal<double>(rows, cols, "orthogonal", 1), 1e-12) << rows << " x " << cols;
    EXPECT_LT(distance_from_orthogonal<float>(rows, cols, "orthogonal", 1), 1e-5) << rows << " x " << cols;
    EXPECT_LT(distance_from_orthogonal<double>(rows, cols, "orthogonal(gain=1.5)", 1.5), 1e-12);
  }
}

// Without the correction of signs the trace of Q would lean to one side: its mean over the group is 0, its variance 1.
TEST(Initializer, OrthogonalIsUniformOverTheGroup) {
  double sum = 0, squares = 0, first = 0;
  constexpr int count = 2000;
  for (int i = 0; i < count; ++i) {
    const Matrix<double> q = weights("orthogonal", 1000 + static_cast<std::uint64_t>(i), {.fan_in = 4, .fan_out = 4});
    sum += q.trace();
    squares += q.trace() * q.trace();
    first += q(0, 0);
  }
  EXPECT_NEAR(sum / count, 0, 5 / std::sqrt(count));
  EXPECT_NEAR(squares / count, 1, 5 * std::sqrt(2.0 / count));
  EXPECT_NEAR(first / count, 0, 5 * 0.5 / std::sqrt(count));
}

TEST(Initializer, PlainForms) {
  const WeightRole wide{.fan_in = 3, .fan_out = 2};
  EXPECT_EQ(weights("identity(2)", 1, wide), (Matrix<double>{{2, 0, 0}, {0, 2, 0}}));
  EXPECT_EQ(weights("constant(0.3)", 1, wide), (Matrix<double>::Constant(2, 3, 0.3)));
  EXPECT_EQ(weights("zeros", 1, wide), (Matrix<double>::Zero(2, 3)));
}

double correlation(const Matrix<double>& a, const Matrix<double>& b) {
  return (a.array() * b.array()).sum() / (a.norm() * b.norm());
}

TEST(Initializer, LayersAndNeighbouringSeedsAreUncorrelated) {
  for (const char* name : {"he", "xavier_uniform", "lecun_truncated"}) {
    const Draw draw = initializer(name)(role).weight;
    const auto filled = [&](std::uint64_t seed, std::string_view stream) {
      Matrix<double> w(fan_out, fan_in);
      fill(w, draw, Rng(seed).split(stream));
      return w;
    };
    const Matrix<double> w = filled(1, "layers.0.weight");
    const double bound = 5 / std::sqrt(n);
    EXPECT_LT(std::abs(correlation(w, filled(1, "layers.2.weight"))), bound) << name;
    EXPECT_LT(std::abs(correlation(w, filled(1, "layers.0.bias"))), bound) << name;
    EXPECT_LT(std::abs(correlation(w, filled(2, "layers.0.weight"))), bound) << name;
    EXPECT_LT(std::abs(correlation(w, filled(0, "layers.0.weight"))), bound) << name;
    EXPECT_TRUE(same_bits(w, filled(1, "layers.0.weight"))) << name;
    // Nor do rows of one weight look like their neighbours.
    EXPECT_LT(std::abs(correlation(w.topRows(fan_out - 1), w.bottomRows(fan_out - 1))), bound) << name;
  }
}

TEST(Initializer, FloatAndDoubleNetsStartAlike) {
  for (const InitializerInfo& info : initializers()) {
    std::string name = info.name;
    if (name == "normal" || name == "uniform" || name == "constant") name += "(0.3)";
    const WeightRole small{.fan_in = 30, .fan_out = 20};
    if (initializer(name)(small).weight.scale == 0) continue;
    EXPECT_TRUE(same_bits(weights<float>(name, 4, small), Matrix<float>(weights(name, 4, small).cast<float>())))
        << name;
  }
}

TEST(Initializer, EveryAliasIsTheSameRule) {
  for (const InitializerInfo& info : initializers()) {
    for (const std::string& alias : info.aliases) {
      const Draw a = initializer(alias)(role).weight, b = initializer(info.name)(role).weight;
      EXPECT_EQ(a.scale, b.scale) << alias;
      EXPECT_EQ(a.distribution, b.distribution) << alias;
    }
  }
}

TEST(Initializer, WrongNamesAndArgumentsAreRefused) {
  EXPECT_NE(error_of<UsageError>([] { initializer("xaveir"); }).find("'xavier'"), std::string::npos);
  for (const char* wrong : {"normal", "uniform", "constant", "normal(-1)", "uniform(-0.5)", "he(2)", "xavier(gain)",
                            "xavier(1, 2)", "xavier(std=1)", "xavier(nan)", "zeros(1)", "pytorch(3)", "gaussian(-1)",
                            "gaussian(1, -0.1)", "he(", "xavier()"}) {
    EXPECT_THROW(initializer(wrong), UsageError) << wrong;
  }
}

// fan_in Var W of a derived initializer: in the first layer (no activation before it), and later.
double sigma_w2(const char* init, const Activation& f, bool first = false, Index layers = 3) {
  WeightRole at{.fan_in = 40, .fan_out = 40, .layer = first ? 0 : 1, .layers = layers, .activation = &f};
  at.input_activation = first ? nullptr : &f;
  return 40 * std::pow(initializer(init)(at).weight.scale, 2);
}

TEST(DerivedInitializer, MatchedKeepsSecondMomentOne) {
  for (const ActivationEntry& entry : activations()) {
    const Activation f = activation(entry.name);
    EXPECT_NEAR(sigma_w2("matched", f, true), 1, 1e-12) << entry.name;
    EXPECT_NEAR(sigma_w2("matched", f) * moments(f).second, 1, 1e-12) << entry.name;
  }
  EXPECT_NEAR(std::sqrt(sigma_w2("matched", activation("gelu"))), 1.533530441, 5e-10);
  // Dropout scales what it keeps by 1 / (1 - p): E[h^2] grows by as much.
  const Activation relu = activation("relu");
  const WeightRole dropped{.fan_in = 40, .layer = 1, .layers = 3, .input_activation = &relu, .input_dropout = 0.2};
  EXPECT_NEAR(40 * std::pow(initializer("matched")(dropped).weight.scale, 2), 2 * 0.8, 1e-12);
  EXPECT_THROW(sigma_w2("matched", activation("exp(x^2)")), UsageError);
}

TEST(DerivedInitializer, FixedPointAndBackward) {
  const Activation gelu = activation("gelu");
  EXPECT_NEAR(moments(gelu, sigma_w2("fixed_point", gelu)).second, 1, 1e-12);
  EXPECT_EQ(sigma_w2("fixed_point", gelu), sigma_w2("fixed_point", gelu, true));
  EXPECT_THROW(sigma_w2("fixed_point", activation("tanh")), UsageError);
  const Activation f = activation("mish");
  const WeightRole at{.fan_in = 10, .fan_out = 30, .layer = 1, .layers = 3, .input_activation = &f};
  EXPECT_NEAR(30 * std::pow(initializer("backward")(at).weight.scale, 2) * moments(f).derivative_second, 1, 1e-12);
}

TEST(DerivedInitializer, CriticalSetsWeightsBiasesAndTheFirstVariance) {
  const Activation gelu = activation("gelu");
  const CriticalPoint point = *critical_point(gelu);
  WeightRole at{.fan_in = 40, .layer = 1, .layers = 3, .activation = &gelu, .input_activation = &gelu};
  const LayerDraws later = initializer("critical")(at);
  EXPECT_NEAR(40 * std::pow(later.weight.scale, 2), point.scales.weight, 1e-12);
  EXPECT_NEAR(std::pow(later.bias.scale, 2), point.scales.bias, 1e-12);
  EXPECT_EQ(later.bias.distribution, Distribution::normal);
  at.layer = 0, at.input_activation = nullptr;
  const LayerDraws first = initializer("critical")(at);
  EXPECT_NEAR(40 * std::pow(first.weight.scale, 2) + std::pow(first.bias.scale, 2), *point.q, 1e-12);
  EXPECT_NEAR(sigma_w2("critical", activation("relu"), true), 2, 1e-12);
  EXPECT_NEAR(sigma_w2("critical", activation("tanh"), true), 1, 1e-12);
  try {
    sigma_w2("critical", activation("sigmoid"));
    ADD_FAILURE() << "sigmoid has no critical point";
  } catch (const UsageError& error) {
    EXPECT_NE(std::string(error.what()).find("matched"), std::string::npos) << error.what();
  }
}

TEST(DerivedInitializer, GainsHaveNames) {
  const Activation gelu = activation("gelu"), tanh = activation("tanh");
  EXPECT_NEAR(sigma_w2("lecun(gain=second_moment)", gelu) * moments(gelu).second, 1, 1e-12);
  EXPECT_NEAR(sigma_w2("lecun(second_moment)", gelu, true) * moments(gelu).second, 1, 1e-12);  // all layers alike
  EXPECT_NEAR(sigma_w2("xavier(gain=backward)", gelu) * moments(gelu).derivative_second, 1, 1e-12);
  EXPECT_NEAR(sigma_w2("xavier(gain=pytorch)", tanh), 25.0 / 9, 1e-12);
  const WeightRole at{.fan_in = 4, .layer = 1, .layers = 3, .input_activation = &tanh};
  EXPECT_NEAR(initializer("orthogonal(gain=unit_variance)")(at).weight.scale, *gain(tanh, "unit_variance"), 1e-15);
  EXPECT_THROW(sigma_w2("xavier(gain=pytorch)", gelu), UsageError);
  EXPECT_THROW(initializer("lecun(gain=second_momnt)"), UsageError);
  EXPECT_THROW(initializer("matched(2)"), UsageError);
}

TEST(DerivedInitializer, ResidualScalesWeightsBetweenHiddenLayersByDepth) {
  const Activation relu = activation("relu"), tanh = activation("tanh");
  EXPECT_NEAR(sigma_w2("lecun(residual)", tanh, false, 26), 1.0 / 25, 1e-12);  // centred
  EXPECT_NEAR(sigma_w2("lecun(gain=2, residual)", tanh, false, 26), 4.0 / 25, 1e-12);
  EXPECT_NEAR(sigma_w2("he(residual)", relu, true, 26), 2, 1e-12);
  // s^2 + 2 s E[f] / sqrt(E[f^2]) = 1/25 with E[f] = 1 / sqrt(2 pi), E[f^2] = 1/2.
  const double s = std::sqrt(sigma_w2("he(residual)", relu, false, 26) / 2);
  EXPECT_NEAR(s * s + 2 * s / std::sqrt(std::acos(-1.0)), 1.0 / 25, 1e-12);
  EXPECT_NEAR(sigma_w2("matched(residual)", relu, false, 26), 2 * s * s, 1e-12);
  const double v = sigma_w2("matched(residual)", tanh, false, 26);
  EXPECT_NEAR(moments(tanh, v).second, 1.0 / 25, 1e-12);
  const WeightRole output{.fan_in = 4, .layer = 25, .layers = 26, .input_activation = &relu};
  EXPECT_NEAR(4 * std::pow(initializer("he(residual)")(output).weight.scale, 2), 2, 1e-12);
}

}  // namespace
}  // namespace evengrad
