// What every built-in activation promises beside accuracy: its text says what it computes, limits, order, kinks.
#include "builtins.hpp"
#include "references.hpp"

#include <evengrad/activations/formula.hpp>
#include <evengrad/activations/registry.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

namespace evengrad {
namespace {

constexpr double inf = std::numeric_limits<double>::infinity();
constexpr double nan = std::numeric_limits<double>::quiet_NaN();

template <class F>
class Builtin : public testing::Test {};
TYPED_TEST_SUITE(Builtin, BuiltinTypes, BuiltinName);

/// A second set of values for its parameters, so that the texts are tested with more than the defaults.
std::vector<NamedActivation> variants(std::string_view name) {
  const ActivationEntry* entry = find_activation(name);
  std::vector<double> defaults, others;
  for (const ActivationParameter& p : entry->parameters) {
    defaults.push_back(p.value);
    others.push_back(0.7);
  }
  std::vector<NamedActivation> result{{entry, defaults}};
  if (!others.empty()) result.push_back({entry, others});
  return result;
}

TYPED_TEST(Builtin, TextsSayWhatItComputes) {
  for (const NamedActivation& named : variants(TypeParam::name)) {
    const Activation f = make(named);
    // "+ 0*x" keeps the text from being recognized as the built-in activation that it describes.
    const Activation value = formula_activation("(" + formula_text(TypeParam::info.formula, named) + ") + 0*x");
    const Activation slope = formula_activation(formula_text(TypeParam::info.derivative, named));
    for (int i = -1999; i < 2000; i += 2) {  // odd, so that no kink is met
      const double x = i / 200.0;
      EXPECT_NEAR(value.value(x), f.value(x), 1e-13 * (1 + std::abs(f.value(x)))) << f.name() << " at " << x;
      EXPECT_NEAR(value.derivative(x), f.derivative(x), 1e-12) << f.name() << " at " << x;
      EXPECT_NEAR(slope.value(x), f.derivative(x), 1e-13) << f.name() << " at " << x;
    }
  }
}

TYPED_TEST(Builtin, IsDescribed) {
  const ActivationInfo& info = TypeParam::info;
  for (const std::string_view t : {info.formula, info.derivative, info.range, info.source, info.uses, info.notes}) {
    EXPECT_FALSE(t.empty());
  }
  EXPECT_NE(info.source.find(std::to_string(info.year)), info.source.npos) << "the year is that of the source";
}

TYPED_TEST(Builtin, NumericDerivativeAgrees) {
  for (const NamedActivation& named : variants(TypeParam::name)) {
    const Activation f = make(named);
    for (int i = -400; i < 400; ++i) {
      const double x = (i + 0.37) / 40;
      double h = 2e-3;
      for (const double kink : f.kinks()) h = std::min(h, std::abs(x - kink) / 5);
      const auto difference = [&](double d) { return (f.value(x + d) - f.value(x - d)) / (2 * d); };
      const double d1 = difference(h), d2 = difference(h / 2), d4 = difference(h / 4);
      const double e1 = (4 * d2 - d1) / 3, e2 = (4 * d4 - d2) / 3, numeric = (16 * e2 - e1) / 15;
      EXPECT_NEAR(f.derivative(x), numeric, 1e-10 + 1e-9 * std::abs(numeric)) << f.name() << " at " << x;
    }
  }
}

TYPED_TEST(Builtin, KinksAreAllFound) {
  // The formula parser finds kinks by itself: they must be the declared ones.
  for (const NamedActivation& named : variants(TypeParam::name)) {
    const Activation f = make(named);
    const Activation typed = formula_activation("(" + formula_text(TypeParam::info.formula, named) + ") + 0*x");
    ASSERT_EQ(typed.kinks().size(), f.kinks().size()) << f.name();
    for (std::size_t i = 0; i < f.kinks().size(); ++i) EXPECT_NEAR(typed.kinks()[i], f.kinks()[i], 1e-12) << f.name();
  }
}

TYPED_TEST(Builtin, NanStaysNan) {
  for (const Isa isa : every_isa) {
    if (!kernels::builtins(isa)) continue;
    const Activation f = builtin<TypeParam>(isa);
    EXPECT_TRUE(std::isnan(f.value(nan)));
    float in = std::numeric_limits<float>::quiet_NaN(), value, slope;
    f(&in, &value, &slope, 1);
    EXPECT_TRUE(std::isnan(value));
  }
}

TYPED_TEST(Builtin, LengthAndPlaceDoNotMatter) {
  // Every number alone, and in place in blocks of all lengths, has the same bits.
  std::vector<float> x(67), whole(67), slopes(67);
  for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i) / 7 - 4;
  for (const Isa isa : every_isa) {
    if (!kernels::builtins(isa)) continue;
    const Activation f = builtin<TypeParam>(isa);
    f(x.data(), whole.data(), slopes.data(), 67);
    for (Index n = 0; n <= 67; ++n) {
      std::vector<float> in_place(x.begin(), x.end()), slope(68, -7.0f);
      f(in_place.data(), in_place.data(), slope.data(), n);
      for (std::size_t i = 0; i < 67; ++i) {
        const bool inside = static_cast<Index>(i) < n;
        ASSERT_EQ(in_place[i], inside ? whole[i] : x[i]);
        ASSERT_EQ(slope[i], inside ? slopes[i] : -7.0f);
      }
    }
  }
}

TYPED_TEST(Builtin, RisesFromEachNumberToTheNextUnlessItFalls) {
  std::vector<float> x;
  for (float start = -110; start < 110; start += 0.37f) {  // runs of neighbouring numbers
    float v = start;
    for (int i = 0; i < 2000; ++i) x.push_back(v = std::nextafter(v, 1e9f));
  }
  for (float start = 1e-6f; start < 10; start *= 1.7f) {
    for (float v : {start, -2 * start}) {
      for (int i = 0; i < 2000; ++i) x.push_back(v = std::nextafter(v, 1e9f));
    }
  }
  std::sort(x.begin(), x.end());
  std::vector<float> y(x.size());
  for (const Isa isa : every_isa) {
    if (!kernels::builtins(isa)) continue;
    builtin<TypeParam>(isa)(x.data(), y.data(), static_cast<float*>(nullptr), static_cast<Index>(x.size()));
    std::size_t falls = 0, at = 0;
    for (std::size_t i = 1; i < x.size(); ++i) {
      if (y[i] < y[i - 1]) falls += 1, at = i;
    }
    EXPECT_EQ(falls > 0, has_valley(TypeParam::name) || TypeParam::name == "sin")
        << "instruction set " << static_cast<int>(isa) << ", at " << x[at];
  }
}

struct Limits {
  double low, low_slope, high, high_slope;
};

TEST(BuiltinLimits, AreReachedAtInfinity) {
  const double pi = 3.14159265358979323846;
  const std::pair<const char*, Limits> expected[] = {
      {"identity", {-inf, 1, inf, 1}},
      {"sigmoid", {0, 0, 1, 0}},
      {"tanh", {-1, 0, 1, 0}},
      {"relu", {0, 0, inf, 1}},
      {"leaky_relu", {-inf, 0.01, inf, 1}},
      {"prelu", {-inf, 0.25, inf, 1}},
      {"relu6", {0, 0, 6, 0}},
      {"elu", {-1, 0, inf, 1}},
      {"celu(0.5)", {-0.5, 0, inf, 1}},
      {"selu", {-1.0507009873554805 * 1.6732632423543772, 0, inf, 1.0507009873554805}},
      {"gelu", {0, 0, inf, 1}},
      {"gelu_tanh", {0, 0, inf, 1}},
      {"quick_gelu", {0, 0, inf, 1}},
      {"silu", {0, 0, inf, 1}},
      {"mish", {0, 0, inf, 1}},
      {"softplus", {0, 0, inf, 1}},
      {"softsign", {-1, 0, 1, 0}},
      {"hard_sigmoid", {0, 0, 1, 0}},
      {"hard_tanh", {-1, 0, 1, 0}},
      {"hard_swish", {0, 0, inf, 1}},
      {"arctan", {-pi / 2, 0, pi / 2, 0}},
      {"sin", {nan, nan, nan, nan}},
      {"erf", {-1, 0, 1, 0}},
      {"lecun_tanh", {-1.7159, 0, 1.7159, 0}},
      {"log_sigmoid", {-inf, 1, 0, 0}},
      {"swish(0.001)", {0, 0, inf, 1}},
      {"swish(1000)", {0, 0, inf, 1}}};
  std::set<std::string> seen;
  for (const auto& [name, limits] : expected) {
    const Activation f = activation(name);
    seen.insert(named_activation(name)->entry->name);
    const auto same = [&](double value, double limit) {
      return std::isnan(limit) ? std::isnan(value)
                               : value == limit || std::abs(value - limit) <= 1e-15 * std::abs(limit) + 1e-300;
    };
    EXPECT_TRUE(same(f.value(-inf), limits.low)) << name << ": " << f.value(-inf);
    EXPECT_TRUE(same(f.derivative(-inf), limits.low_slope)) << name << ": " << f.derivative(-inf);
    EXPECT_TRUE(same(f.value(inf), limits.high)) << name << ": " << f.value(inf);
    EXPECT_TRUE(same(f.derivative(inf), limits.high_slope)) << name << ": " << f.derivative(inf);
  }
  for (std::size_t i = 0; i < BuiltinFormulas::size; ++i) EXPECT_TRUE(seen.contains(activations()[i].name));
}

TEST(BuiltinSubgradients, AreTheDocumentedOnes) {
  const std::tuple<const char*, double, double> expected[] = {
      {"relu", 0, 0},         {"leaky_relu(0.2)", 0, 0.2}, {"prelu", 0, 0.25},   {"relu6", 0, 0},
      {"relu6", 6, 0},        {"hard_tanh", -1, 0},        {"hard_tanh", 1, 0},  {"hard_sigmoid", -3, 0},
      {"hard_sigmoid", 3, 0}, {"hard_swish", -3, 0},       {"hard_swish", 3, 1}, {"elu(2)", 0, 2}};
  for (const auto& [name, at, slope] : expected)
    EXPECT_EQ(activation(name).derivative(at), slope) << name << " at " << at;
}

// PyTorch 2's documented values, in double (torch.nn.functional).
TEST(BuiltinValues, AreThoseOfPyTorch) {
  const std::tuple<const char*, double, double> expected[] = {
      {"gelu", -0.7, -0.7 * 0.24196365222307303},
      {"gelu_tanh", 1, 0.5 * (1 + std::tanh(std::sqrt(2 / 3.14159265358979323846) * 1.044715))},
      {"silu", 2, 2 / (1 + std::exp(-2.0))},
      {"mish", 1, std::tanh(std::log(1 + std::exp(1.0)))},
      {"selu", -1, 1.0507009873554805 * 1.6732632423543772 * (std::exp(-1.0) - 1)},
      {"celu(0.7)", -1, 0.7 * (std::exp(-1 / 0.7) - 1)},
      {"elu(alpha=1.5)", -1, 1.5 * (std::exp(-1.0) - 1)},
      {"hard_swish", 1, 4.0 / 6},
      {"hard_sigmoid", 1, 4.0 / 6},
      {"softsign", -3, -0.75},
      {"lecun_tanh", 1, 1.7159 * std::tanh(2.0 / 3)},
      {"quick_gelu", 1, 1 / (1 + std::exp(-1.702))},
      {"leaky_relu", -2, -0.02},
      {"softplus", 30, 30 + std::log1p(std::exp(-30.0))}};
  for (const auto& [name, x, y] : expected)
    EXPECT_NEAR(activation(name).value(x), y, 1e-15 * (1 + std::abs(y))) << name;
}

// Statements of the notes that are numbers.
TEST(BuiltinNotes, AreTrue) {
  const auto extreme = [](const Activation& f, bool slope, double sign) {
    double best = -inf;
    for (double x = -8; x < 8; x += 1e-4) best = std::max(best, sign * (slope ? f.derivative(x) : f.value(x)));
    return sign * best;
  };
  EXPECT_NEAR(extreme(activation("gelu"), false, -1), -0.17, 5e-4);
  EXPECT_NEAR(extreme(activation("gelu"), true, 1), 1.129, 5e-4);
  EXPECT_NEAR(extreme(activation("gelu_tanh"), false, -1), -0.17, 5e-4);
  EXPECT_NEAR(extreme(activation("quick_gelu"), false, -1), -0.164, 5e-4);
  EXPECT_NEAR(extreme(activation("silu"), false, -1), -0.278, 5e-4);
  EXPECT_NEAR(extreme(activation("silu(2)"), false, -1), -0.278 / 2, 5e-4);
  EXPECT_NEAR(extreme(activation("mish"), false, -1), -0.309, 5e-4);
  EXPECT_NEAR(extreme(activation("mish"), true, 1), 1.0885, 5e-4);
  EXPECT_NEAR(extreme(activation("hard_swish"), false, -1), -0.375, 1e-8);
  EXPECT_NEAR(activation("selu").value(-inf), -1.758, 5e-4);
  EXPECT_NEAR(activation("lecun_tanh").value(1), 1, 1e-4);
  const auto apart = [](const char* a, const char* b) {
    double most = 0;
    for (double x = -8; x < 8; x += 1e-3)
      most = std::max(most, std::abs(activation(a).value(x) - activation(b).value(x)));
    return most;
  };
  EXPECT_LE(apart("gelu", "gelu_tanh"), 5e-4);
  EXPECT_LE(apart("gelu", "quick_gelu"), 0.021);
  EXPECT_GE(apart("gelu", "quick_gelu"), 0.02);
}

}  // namespace
}  // namespace evengrad
