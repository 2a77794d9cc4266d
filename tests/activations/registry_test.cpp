#include <evengrad/activations/registry.hpp>

#include <evengrad/core/error.hpp>
#include <evengrad/core/math.hpp>

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <set>
#include <thread>

namespace evengrad {
namespace {

using Strings = std::vector<std::string>;

std::string error_of(std::string_view name) {
  try {
    activation(name);
  } catch (const UsageError& error) {
    return error.what();
  }
  return "no error";
}

testing::AssertionResult contains(const std::string& message, std::string_view part) {
  if (message.find(part) != message.npos) return testing::AssertionSuccess();
  return testing::AssertionFailure() << "'" << message << "' does not contain '" << part << "'";
}

TEST(Registry, HasEveryBuiltInActivation) {
  const Strings expected{"identity", "sigmoid",  "tanh",       "relu",         "leaky_relu", "prelu",      "relu6",
                         "elu",      "celu",     "selu",       "gelu",         "gelu_tanh",  "quick_gelu", "silu",
                         "mish",     "softplus", "softsign",   "hard_sigmoid", "hard_tanh",  "hard_swish", "arctan",
                         "sin",      "erf",      "lecun_tanh", "log_sigmoid"};
  ASSERT_GE(activations().size(), expected.size());
  for (std::size_t i = 0; i < expected.size(); ++i) EXPECT_EQ(activations()[i].name, expected[i]);
}

TEST(Registry, FindsNamesAndAliases) {
  EXPECT_EQ(activation("relu").value(-2), 0);
  EXPECT_EQ(activation(" relu ").name(), "relu");
  EXPECT_EQ(activation("swish").name(), "silu");
  EXPECT_EQ(activation("linear").name(), "identity");
  EXPECT_TRUE(activation("identity").is_identity());
  EXPECT_FALSE(activation("relu").is_identity());
  EXPECT_EQ(find_activation("hardswish")->name, "hard_swish");
  EXPECT_EQ(find_activation("nothing"), nullptr);
  std::set<std::string> names;
  for (const ActivationEntry& entry : activations()) {
    EXPECT_TRUE(names.insert(entry.name).second);
    for (const std::string& alias : entry.aliases) EXPECT_TRUE(names.insert(alias).second);
  }
}

TEST(Registry, TakesParametersByPositionAndByName) {
  EXPECT_DOUBLE_EQ(activation("leaky_relu").value(-1), -0.01);
  EXPECT_DOUBLE_EQ(activation("leaky_relu(0.2)").value(-1), -0.2);
  EXPECT_DOUBLE_EQ(activation("leaky_relu( slope = 0.2 )").value(-1), -0.2);
  EXPECT_NEAR(activation("elu(alpha=1.5)").value(-1), 1.5 * std::expm1(-1), 1e-15);
  EXPECT_NEAR(activation("swish(beta=1.5)").value(1), 1 / (1 + std::exp(-1.5)), 1e-15);
  const auto named = named_activation("prelu(0.1)");
  ASSERT_TRUE(named);
  EXPECT_TRUE(named->entry->learned);
  EXPECT_EQ(named->values.front(), 0.1);
  EXPECT_FALSE(named_activation("leaky_relu")->entry->learned);
}

TEST(Registry, CanonicalNamesGiveTheSameActivationAgain) {
  EXPECT_EQ(activation("leaky_relu(slope=0.20)").name(), "leaky_relu(0.2)");
  EXPECT_EQ(activation("leaky_relu(0.01)").name(), "leaky_relu");
  EXPECT_EQ(activation("swish(beta=1.5)").name(), "silu(1.5)");
  for (const char* text : {"relu", "celu(0.1)", "leaky_relu(-0.30000000000000004)", "swish(1e-3)",
                           " x*sigmoid(1.702*x)\t", "where(x > 0,\n x, 2*x)", "elu( x , alpha = 1.5 )"}) {
    const Activation f = activation(text), again = activation(f.name());
    EXPECT_EQ(again.name(), f.name());
    EXPECT_EQ(again.name().find('\n'), std::string::npos);
    for (double x = -5; x < 5; x += 0.1) EXPECT_EQ(again.value(x), f.value(x)) << text;
  }
}

TEST(Registry, ErrorsSayWhatIsWrong) {
  EXPECT_TRUE(contains(error_of("rleu"), "unknown activation 'rleu': did you mean 'relu'?"));
  EXPECT_TRUE(contains(error_of("rleu"), "log_sigmoid"));
  EXPECT_TRUE(contains(error_of("elu(beta=1)"), "unknown elu argument 'beta'"));
  EXPECT_TRUE(contains(error_of("elu(beta=1)"), "alpha"));
  EXPECT_TRUE(contains(error_of("elu(1, 2)"), "takes 1"));
  EXPECT_TRUE(contains(error_of("elu(alpha=-1)"), "alpha must lie in [0, 100], got -1"));
  EXPECT_TRUE(contains(error_of("elu(nan)"), "finite"));
  EXPECT_TRUE(contains(error_of("elu(one)"), "finite"));
  EXPECT_TRUE(contains(error_of("elu(1,alpha=2)"), "twice"));
  EXPECT_TRUE(contains(error_of("relu(1)"), "relu: takes no parameters"));
  EXPECT_TRUE(contains(error_of(""), "unknown activation"));
  EXPECT_TRUE(contains(error_of("2*y"), "a formula contains x"));
  EXPECT_TRUE(contains(error_of("elu(1"), "expected ')'"));
}

TEST(Registry, GainsAreThoseOfPyTorch) {
  const auto gain = [](const char* name) {
    const auto named = named_activation(name);
    return named->entry->pytorch_gain(named->values);
  };
  EXPECT_EQ(gain("identity"), 1);
  EXPECT_EQ(gain("sigmoid"), 1);
  EXPECT_EQ(gain("tanh"), 5.0 / 3);
  EXPECT_EQ(gain("relu"), std::sqrt(2.0));
  EXPECT_EQ(gain("leaky_relu"), std::sqrt(2 / (1 + 0.01 * 0.01)));
  EXPECT_EQ(gain("leaky_relu(0.2)"), std::sqrt(2 / (1 + 0.2 * 0.2)));
  EXPECT_EQ(gain("selu"), 0.75);
  EXPECT_EQ(gain("gelu"), std::nullopt);
  EXPECT_EQ(gain("prelu"), std::nullopt);
}

TEST(Registry, ListsSplitAtCommasOutsideParentheses) {
  EXPECT_EQ(split_list("relu, leaky_relu(0.2),max(x, 0) "), (Strings{"relu", "leaky_relu(0.2)", "max(x, 0)"}));
  EXPECT_EQ(split_list("where(x>0,(x),elu(x,alpha=2))"), (Strings{"where(x>0,(x),elu(x,alpha=2))"}));
  EXPECT_EQ(split_list("relu"), (Strings{"relu"}));
  EXPECT_THROW(split_list("relu,,gelu"), UsageError);
  EXPECT_THROW(split_list(""), UsageError);
  EXPECT_THROW(split_list("relu,"), UsageError);
}

TEST(Registry, FormulaTextsTakeValues) {
  const auto named = named_activation("leaky_relu(-0.5)");
  EXPECT_EQ(formula_text("where(x > 0, x, slope*x) + slopes + 1e3", *named),
            "where(x > 0, x, (-0.5)*x) + slopes + 1e3");
}

// ---- activations from outside the library ----

struct Bump {
  static constexpr std::string_view name = "bump";
  static constexpr std::array<std::string_view, 1> aliases{"hill"};
  double height = 1;
  double width = 2;
  static constexpr auto parameters() {
    return std::array{FormulaParameter<Bump>{"height", &Bump::height, 0, 10},
                      FormulaParameter<Bump>{"width", &Bump::width, 0.1, 10}};
  }
  Kinks kinks() const { return {-width, width}; }

  template <class T>
  T operator()(const T& x) const {
    return where(abs(x) < width, height * (1.0 - x * x / (width * width)), T(0.0));
  }
};

void add_bump() {
  static const bool added = (add_activation<Bump>(), true);
  (void)added;
}

TEST(UserActivation, IsFoundByNameInTheListAndInFormulas) {
  const std::vector<ActivationEntry>& before = activations();
  const std::size_t count = before.size();
  add_bump();
  EXPECT_EQ(before.size(), count) << "a list that was handed out stays as it is";
  ASSERT_NE(find_activation("hill"), nullptr);
  EXPECT_EQ(activations().back().name, "bump");
  EXPECT_EQ(activation("bump(width=4)").name(), "bump(width=4)");
  EXPECT_EQ(activation("bump(3, 4)").name(), "bump(height=3,width=4)");
  EXPECT_DOUBLE_EQ(activation("bump(height=3)").value(1), 3 * 0.75);
  EXPECT_EQ(activation("bump(width=4)").kinks(), (Kinks{-4, 4}));
  const Activation typed = activation("2*bump(x - 1, width=3)");
  EXPECT_DOUBLE_EQ(typed.value(2), 2 * (1 - 1.0 / 9));
  EXPECT_DOUBLE_EQ(typed.derivative(2), 2 * (-2.0 / 9));
  EXPECT_EQ(typed.kinks(), (Kinks{-2, 4}));
}

TEST(UserActivation, IsCheckedLikeTheBuiltInOnes) {
  add_bump();
  for (const ActivationEntry& entry : activations()) {
    const Activation f = activation(entry.name);
    for (int i = -60; i < 60; ++i) {
      const double x = (i + 0.41) / 12, h = 1e-4;
      bool crosses = false;
      for (const double kink : f.kinks()) crosses |= std::abs(x - kink) < 2 * h;
      if (crosses) continue;
      const auto d = [&](double s) { return (f.value(x + s) - f.value(x - s)) / (2 * s); };
      EXPECT_NEAR(f.derivative(x), (4 * d(h / 2) - d(h)) / 3, 1e-9) << entry.name << " at " << x;
    }
  }
}

struct Nameless {
  static constexpr std::string_view name = "two words";
  template <class T>
  T operator()(const T& x) const {
    return x;
  }
};
struct Where : Nameless {
  static constexpr std::string_view name = "where";
};
struct Another : Nameless {
  static constexpr std::string_view name = "swish";
};

TEST(UserActivation, NamesMustBeFreeAndWords) {
  EXPECT_THROW(add_activation<Nameless>(), UsageError);
  EXPECT_THROW(add_activation<Where>(), UsageError);
  EXPECT_THROW(add_activation<Another>(), UsageError);
  add_bump();
  EXPECT_THROW(add_activation<Bump>(), UsageError);
}

// ---- wrappers ----

void copy_kernel(const void* inner, const double* z, double* value, double* derivative, Index count) {
  const Activation& f = *static_cast<const Activation*>(inner);
  f(z, value, derivative, count);
  for (Index i = 0; i < count; ++i) {
    value[i] *= 2;
    if (derivative) derivative[i] *= 2;
  }
}

Activation twice(const Activation& inner) {
  return Activation("twice(" + inner.name() + ")", std::make_shared<const Activation>(inner), {nullptr, copy_kernel},
                    inner.kinks());
}

TEST(Wrapper, IsAcceptedAroundNamesAndFormulas) {
  add_activation_wrapper("twice", twice);
  add_activation_wrapper("twice", twice);
  EXPECT_EQ(activation("twice(relu)").value(3), 6);
  EXPECT_EQ(activation(" twice( leaky_relu(0.2) ) ").name(), "twice(leaky_relu(0.2))");
  EXPECT_EQ(activation("twice(x^2 + (x))").value(3), 24);
  EXPECT_EQ(activation("twice(twice(relu))").value(1), 4);
  EXPECT_EQ(activation("twice(twice(relu))").name(), "twice(twice(relu))");
  EXPECT_FALSE(named_activation("twice(relu)"));
  EXPECT_TRUE(contains(error_of("twice(rleu)"), "did you mean 'relu'"));
  EXPECT_TRUE(contains(error_of("twice(x) + twice(x)"), "formula: "));
  EXPECT_THROW(add_activation_wrapper("relu", twice), UsageError);
  std::string deep = "relu";
  for (int i = 0; i < 5000; ++i) deep = "twice(" + deep + ")";
  EXPECT_TRUE(contains(error_of(deep), "nested wrappers"));
}

TEST(Registry, LooksUpWhileAnotherThreadAdds) {
  std::thread reader([] {
    for (int i = 0; i < 2000; ++i) EXPECT_EQ(activation("leaky_relu(0.2)").value(-1), -0.2);
  });
  for (int i = 0; i < 50; ++i) {
    ActivationEntry entry = *find_activation("relu");
    entry.name = "added_" + std::to_string(i);
    entry.aliases.clear();
    add_activation(entry);
  }
  reader.join();
  EXPECT_EQ(activation("added_49").value(2), 2);
}

}  // namespace
}  // namespace evengrad
