#include <evengrad/activations/formula.hpp>

#include <evengrad/activations/builtin.hpp>
#include <evengrad/activations/registry.hpp>
#include <evengrad/core/error.hpp>
#include <evengrad/core/random.hpp>

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <functional>

namespace evengrad {
namespace {

constexpr Isa every_isa[] = {Isa::baseline, Isa::avx2, Isa::avx512};

std::string error_of(std::string_view formula) {
  try {
    formula_activation(formula);
  } catch (const UsageError& error) {
    return error.what();
  }
  return "no error";
}

double evaluate(std::string_view formula, double x = 0) { return formula_activation(formula).value(x); }

TEST(Formula, FollowsTheRulesOfArithmetic) {
  EXPECT_EQ(evaluate("1 + 2*3"), 7);
  EXPECT_EQ(evaluate("(1 + 2)*3"), 9);
  EXPECT_EQ(evaluate("10 - 4 - 3"), 3);
  EXPECT_EQ(evaluate("8/4/2"), 1);
  EXPECT_EQ(evaluate("2^3^2"), 512);
  EXPECT_EQ(evaluate("-2^2"), -4);
  EXPECT_EQ(evaluate("2^-1"), 0.5);
  EXPECT_EQ(evaluate("-x^2", 3), -9);
  EXPECT_EQ(evaluate("x^2", -3), 9);
  EXPECT_EQ(evaluate("--x", 3), 3);
  EXPECT_EQ(evaluate("2--x", 3), 5);
  EXPECT_EQ(evaluate("+x", 3), 3);
  EXPECT_EQ(evaluate("2*-x", 3), -6);
  EXPECT_EQ(evaluate("1e-3*x", 2), 0.002);
  EXPECT_EQ(evaluate(".5 + 5."), 5.5);
  EXPECT_EQ(evaluate("pi"), 3.14159265358979323846);
  EXPECT_NEAR(evaluate("e"), std::exp(1.0), 1e-15);
  EXPECT_EQ(evaluate(" x\t*\n2 ", 4), 8);
  EXPECT_EQ(evaluate("x/7", 7), 1);
  EXPECT_EQ(evaluate("7/x", 7), 1);
  EXPECT_EQ(evaluate("min(x, 2)", 3), 2);
  EXPECT_EQ(evaluate("max(2, x)", 3), 3);
  EXPECT_EQ(evaluate("x-1-x", 3), -1);
}

TEST(Formula, ComparesInWhere) {
  const auto choose = [](const std::string& condition, double x) {
    return evaluate("where(" + condition + ", 1, 2)", x);
  };
  EXPECT_EQ(choose("x<3", 2), 1);
  EXPECT_EQ(choose("x<3", 3), 2);
  EXPECT_EQ(choose("x<=3", 3), 1);
  EXPECT_EQ(choose("x>3", 3), 2);
  EXPECT_EQ(choose("x>3", 4), 1);
  EXPECT_EQ(choose("x>=3", 3), 1);
  EXPECT_EQ(choose("x>=3", 2), 2);
  EXPECT_EQ(choose("x==3", 3), 1);
  EXPECT_EQ(choose("x==3", 2), 2);
  EXPECT_EQ(choose("x!=3", 2), 1);
  EXPECT_EQ(choose("x!=3", 3), 2);
  EXPECT_EQ(choose("1<2", 0), 1);
  EXPECT_EQ(evaluate("where(x>0, x*x, where(x > -1, 5, -x))", -0.5), 5);
  EXPECT_EQ(formula_activation("where(x>0, x*x, 3*x)").derivative(2), 4);
  EXPECT_EQ(formula_activation("where(x>0, x*x, 3*x)").derivative(-2), 3);
}

TEST(Formula, FunctionsAndTheirDerivativesAreRight) {
  struct Case {
    const char* text;
    std::function<double(double)> value, slope;
    double low, high;
  };
  const double root_pi = std::sqrt(3.14159265358979323846);
  const auto logistic = [](double x) { return 1 / (1 + std::exp(-x)); };
  const Case cases[] = {
      {"abs(x)", [](double x) { return std::abs(x); }, [](double x) { return x > 0 ? 1. : -1.; }, -5, 5},
      {"sign(x)", [](double x) { return x > 0 ? 1. : -1.; }, [](double) { return 0.; }, -5, 5},
      {"exp(x)", [](double x) { return std::exp(x); }, [](double x) { return std::exp(x); }, -5, 5},
      {"expm1(x)", [](double x) { return std::expm1(x); }, [](double x) { return std::exp(x); }, -5, 5},
      {"log(x)", [](double x) { return std::log(x); }, [](double x) { return 1 / x; }, 0.1, 9},
      {"log1p(x)", [](double x) { return std::log1p(x); }, [](double x) { return 1 / (1 + x); }, -0.9, 9},
      {"sqrt(x)", [](double x) { return std::sqrt(x); }, [](double x) { return 0.5 / std::sqrt(x); }, 0.1, 9},
      {"sin(x)", [](double x) { return std::sin(x); }, [](double x) { return std::cos(x); }, -9, 9},
      {"cos(x)", [](double x) { return std::cos(x); }, [](double x) { return -std::sin(x); }, -9, 9},
      {"tanh(x)", [](double x) { return std::tanh(x); }, [](double x) { return 1 / std::pow(std::cosh(x), 2); }, -5, 5},
      {"atan(x)", [](double x) { return std::atan(x); }, [](double x) { return 1 / (1 + x * x); }, -5, 5},
      {"erf(x)", [](double x) { return std::erf(x); }, [=](double x) { return 2 / root_pi * std::exp(-x * x); }, -3, 3},
      {"erfc(x)", [](double x) { return std::erfc(x); }, [=](double x) { return -2 / root_pi * std::exp(-x * x); }, -3,
       3},
      {"sigmoid(x)", logistic, [=](double x) { return logistic(x) * logistic(-x); }, -5, 5},
      {"softplus(x)", [](double x) { return std::log1p(std::exp(x)); }, logistic, -5, 5},
      {"-x", [](double x) { return -x; }, [](double) { return -1.; }, -5, 5},
      {"x + 2", [](double x) { return x + 2; }, [](double) { return 1.; }, -5, 5},
      {"2 - x", [](double x) { return 2 - x; }, [](double) { return -1.; }, -5, 5},
      {"x - x*x", [](double x) { return x - x * x; }, [](double x) { return 1 - 2 * x; }, -5, 5},
      {"3*x", [](double x) { return 3 * x; }, [](double) { return 3.; }, -5, 5},
      {"x*sin(x)", [](double x) { return x * std::sin(x); }, [](double x) { return std::sin(x) + x * std::cos(x); }, -5,
       5},
      {"x/3", [](double x) { return x / 3; }, [](double) { return 1. / 3; }, -5, 5},
      {"3/x", [](double x) { return 3 / x; }, [](double x) { return -3 / (x * x); }, 0.3, 5},
      {"sin(x)/x", [](double x) { return std::sin(x) / x; },
       [](double x) { return (x * std::cos(x) - std::sin(x)) / (x * x); }, 0.3, 5},
      {"min(x, x^2)", [](double x) { return std::min(x, x * x); }, [](double x) { return x > 0 && x < 1 ? 2 * x : 1; },
       -5, 5},
      {"max(x, x^2)", [](double x) { return std::max(x, x * x); }, [](double x) { return x > 0 && x < 1 ? 1 : 2 * x; },
       -5, 5},
      {"min(1, x)", [](double x) { return std::min(1., x); }, [](double x) { return x < 1 ? 1. : 0.; }, -5, 5},
      {"x^3", [](double x) { return x * x * x; }, [](double x) { return 3 * x * x; }, -5, 5},
      {"x^-2", [](double x) { return 1 / (x * x); }, [](double x) { return -2 / (x * x * x); }, 0.3, 5},
      {"x^0.5", [](double x) { return std::sqrt(x); }, [](double x) { return 0.5 / std::sqrt(x); }, 0.3, 5},
      {"x^2.5", [](double x) { return std::pow(x, 2.5); }, [](double x) { return 2.5 * std::pow(x, 1.5); }, 0.3, 5},
      {"2^x", [](double x) { return std::pow(2, x); }, [](double x) { return std::log(2) * std::pow(2, x); }, -5, 5},
      {"e^x", [](double x) { return std::exp(x); }, [](double x) { return std::exp(x); }, -5, 5},
      {"x^x", [](double x) { return std::pow(x, x); }, [](double x) { return (std::log(x) + 1) * std::pow(x, x); }, 0.3,
       5},
      {"elu(x, alpha=3/2)", [](double x) { return x > 0 ? x : 1.5 * std::expm1(x); },
       [](double x) { return x > 0 ? 1 : 1.5 * std::exp(x); }, -5, 5},
      {"silu(-2*x, 1)", [=](double x) { return -2 * x * logistic(-2 * x); },
       [=](double x) { return -2 * (logistic(-2 * x) - 2 * x * logistic(-2 * x) * logistic(2 * x)); }, -5, 5},
      {"2*relu(x - 1) + identity(x)", [](double x) { return 2 * std::max(x - 1, 0.) + x; },
       [](double x) { return x > 1 ? 3. : 1.; }, -5, 5}};
  for (const Isa isa : every_isa) {
    if (isa > best_isa()) continue;
    for (const Case& c : cases) {
      const Activation f = formula_activation(c.text, isa);
      for (int i = 0; i < 300; ++i) {
        const double x = c.low + (c.high - c.low) * (i + 0.5) / 300;
        EXPECT_NEAR(f.value(x), c.value(x), 2e-14 * (1 + std::abs(c.value(x)))) << c.text << " at " << x;
        EXPECT_NEAR(f.derivative(x), c.slope(x), 2e-14 * (1 + std::abs(c.slope(x)))) << c.text << " at " << x;
        const float xf = static_cast<float>(x);
        float value, slope;
        f(&xf, &value, &slope, 1);
        EXPECT_NEAR(value, c.value(xf), 1e-6 * (1 + std::abs(c.value(xf)))) << c.text << " at " << x;
        EXPECT_NEAR(slope, c.slope(xf), 1e-6 * (1 + std::abs(c.slope(xf)))) << c.text << " at " << x;
      }
    }
  }
}

TEST(Formula, IntegerPowersHaveExactDerivativesAtZeroAndBelow) {
  for (int n = 1; n <= 9; ++n) {
    const Activation f = formula_activation("x^" + std::to_string(n));
    EXPECT_EQ(f.value(0), 0);
    EXPECT_EQ(f.derivative(0), n == 1 ? 1 : 0);
    EXPECT_EQ(f.value(-2), std::pow(-2, n));
    EXPECT_EQ(f.derivative(-2), n * std::pow(-2, n - 1));
  }
  EXPECT_EQ(evaluate("x^0", -2), 1);
  EXPECT_EQ(evaluate("x^1000", -1), 1);
  EXPECT_EQ(formula_activation("x^-3").derivative(-2), -3 / std::pow(2, 4));
  EXPECT_EQ(evaluate("x^5001", -1), -1);
  EXPECT_TRUE(std::isnan(evaluate("x^0.5", -1)));
}

// Each is another way to write the built-in activation.
TEST(Formula, EqualsBuiltInActivationsToRounding) {
  const std::pair<const char*, const char*> pairs[] = {{"x*(1/(1 + exp(-x)))", "silu"},
                                                       {"sigmoid(x)*x + 0", "silu"},
                                                       {"x*sigmoid(1.5*x)", "swish(1.5)"},
                                                       {"0.5*x*(1 + erf(x/sqrt(2)))", "gelu"},
                                                       {"0.5*x*(1 + tanh(sqrt(2/pi)*(x + 0.044715*x^3)))", "gelu_tanh"},
                                                       {"x*tanh(log(1 + exp(x)))", "mish"},
                                                       {"where(x < 0, 0, x)", "relu"},
                                                       {"(x + abs(x))/2", "relu"},
                                                       {"x*relu6(x + 3)/6", "hard_swish"},
                                                       {"max(x, 0.2*x)", "leaky_relu(0.2)"},
                                                       {"max(x, 0) + min(0, 0.5*(exp(x/0.5) - 1))", "celu(0.5)"},
                                                       {"(exp(x) - exp(-x))/(exp(x) + exp(-x))", "tanh"},
                                                       {"log(1 + e^x)", "softplus"},
                                                       {"log(sigmoid(x))", "log_sigmoid"}};
  for (const auto& [text, name] : pairs) {
    const Activation f = formula_activation(text), g = activation(name);
    for (double x = -6.01; x < 6; x += 0.02) {
      EXPECT_NEAR(f.value(x), g.value(x), 1e-14) << text << " at " << x;
      EXPECT_NEAR(f.derivative(x), g.derivative(x), 1e-14) << text << " at " << x;
    }
  }
}

TEST(Formula, OfABuiltInActivationRunsAsThatOne) {
  std::vector<float> x, value(500), slope(500), expected(500), expected_slope(500);
  for (int i = 0; i < 500; ++i) x.push_back(static_cast<float>(i - 250) / 20);
  for (std::size_t i = 0; i < BuiltinFormulas::size; ++i) {
    const ActivationEntry& entry = activations()[i];
    const NamedActivation named = *named_activation(entry.name);
    formula_activation(formula_text(entry.info.formula, named))(x.data(), value.data(), slope.data(), 500);
    make(named)(x.data(), expected.data(), expected_slope.data(), 500);
    EXPECT_EQ(value, expected) << entry.name;
    EXPECT_EQ(slope, expected_slope) << entry.name;
  }
  EXPECT_EQ(formula_activation("sigmoid(x)*x").value(0.3), activation("silu").value(0.3));
}

// An operation and the number that its result is multiplied by are one instruction, unless the result is used again.
TEST(Formula, MultipliesResultsByNumbers) {
  struct Case {
    const char* formula;
    double value, slope;  // at 2
  };
  for (const Case& c :
       {Case{"(x + x^2)/2", 3, 2.5}, Case{"((x + 1)*3)*5", 45, 15}, Case{"2*(x - 5) + (x - 5)^2", 3, -4},
        Case{"3*max(x, 1) - 1", 5, 3}, Case{"(x*8)*(x*4)*0.5", 64, 64}, Case{"7*(4/x)", 14, -7},
        Case{"x + 5*(x^x)", 22, 1 + 20 * (std::log(2) + 1)}, Case{"relu(x - 1)*2", 2, 2}, Case{"relu(3 - x)*2", 2, -2},
        Case{"-relu(1 + x)", -3, -1}, Case{"relu(2*x)", 4, 2}}) {
    const Activation f = formula_activation(c.formula);
    EXPECT_DOUBLE_EQ(f.value(2), c.value) << c.formula;
    EXPECT_DOUBLE_EQ(f.derivative(2), c.slope) << c.formula;
  }
}

TEST(Formula, LengthAndPlaceDoNotMatter) {
  for (const char* text : {"x*sigmoid(x) + sin(x)", "(x + abs(x))/2", "x*relu6(x + 3)/6", "where(x>0, x*x, elu(x))",
                           "x", "2", "relu(x)", "min(x,1)*max(x,x^2)"}) {
    for (const Isa isa : every_isa) {
      if (isa > best_isa()) continue;
      const Activation f = formula_activation(text, isa);
      std::vector<float> x(1100);
      for (std::size_t i = 0; i < x.size(); ++i) x[i] = static_cast<float>(i) / 100 - 4;
      for (const std::size_t n : {0, 1, 2, 15, 16, 17, 255, 256, 257, 511, 512, 513, 529, 1100}) {
        std::vector<float> in_place(x), slope(1101, -7.0f), alone(x);
        f(in_place.data(), in_place.data(), slope.data(), static_cast<Index>(n));
        f(alone.data(), alone.data(), static_cast<float*>(nullptr), static_cast<Index>(n));
        EXPECT_EQ(std::memcmp(alone.data(), in_place.data(), n * sizeof(float)), 0) << "without derivative";
        for (std::size_t i = 0; i < x.size(); ++i) {
          float value = x[i], derivative = -7;
          if (i < n) f(&x[i], &value, &derivative, 1);
          ASSERT_EQ(in_place[i], value) << text << ", " << n << " numbers, at " << i;
          ASSERT_EQ(slope[i], derivative) << text << ", " << n << " numbers, at " << i;
        }
      }
    }
  }
}

TEST(Formula, ErrorsPointAtTheCharacter) {
  const std::pair<const char*, const char*> cases[] = {
      {"x*(1+exp(x", "formula: expected ')' at character 11: 'x*(1+exp(x' <- here"},
      {"x +", "formula: expected a value at the end at character 4: 'x +' <- here"},
      {"", "formula: expected a value at the end at character 1: '' <- here"},
      {"x * * 2", "formula: expected a value at character 5: 'x * *' <- here"},
      {"x x", "formula: expected an operator at character 3: 'x x' <- here"},
      {"2x + 1", "formula: expected an operator at character 2: '2x' <- here"},
      {"x)", "formula: expected an operator at character 2: 'x)' <- here"},
      {"()", "formula: expected a value at character 2: '()' <- here"},
      {"exp x", "formula: expected '(' at character 5: 'exp x' <- here"},
      {"min(x)", "formula: expected ',' at character 6: 'min(x)' <- here"},
      {"exp(x, 2)", "formula: expected ')' at character 6: 'exp(x,' <- here"},
      {"where(x, 1, 2)", "formula: expected a comparison (< <= > >= == !=) at character 8: 'where(x,' <- here"},
      {"where(x > 0, 1)", "formula: expected ',' at character 15: 'where(x > 0, 1)' <- here"},
      {"x > 0", "formula: expected an operator at character 3: 'x >' <- here"},
      {"x*1e999", "formula: a number out of range at character 3: 'x*1e999' <- here"},
      {"elu(x, x)", "formula: a parameter of elu that depends on x at character 8: 'elu(x, x' <- here"},
      {"x + elu(x, -1)", "formula: elu: alpha must lie in [0, 100], got -1 at character 5: 'x + elu' <- here"},
      {"x + elu(x, beta=1)", "formula: unknown elu argument 'beta' (known: alpha) at character 5: 'x + elu' <- here"},
      {"x + relu(x, 1)", "formula: relu: takes no parameters at character 5: 'x + relu' <- here"},
      {"x + \x01", "formula: expected a value at character 5: 'x + \\x01' <- here"},
      {"x + \xc3\xa9", "formula: expected a value at character 5: 'x + \xc3\xa9' <- here"}};
  for (const auto& [text, message] : cases) EXPECT_EQ(error_of(text), message);
  EXPECT_EQ(error_of("x + expp(x)").substr(0, 50), "formula: unknown name 'expp': did you mean 'exp'? ");
  EXPECT_NE(error_of("x + expp(x)").find("at character 5: 'x + expp' <- here"), std::string::npos);
  EXPECT_NE(error_of(std::string(500, '(') + "x").find("200 levels"), std::string::npos);
  EXPECT_EQ(error_of("x" + std::string(100, '+') + "$").find("'..."), std::string::npos);
}

TEST(Formula, ErrorsCarryThePlace) {
  for (const auto& [text, place] : {std::pair("x*(1+exp(x", 10), {"x * * 2", 4}, {"  x )", 2}, {"x + expp(x)", 4}}) {
    try {
      formula_activation(text);
      ADD_FAILURE() << text;
    } catch (const FormulaError& error) {
      EXPECT_EQ(error.at, static_cast<std::size_t>(place)) << text;
      EXPECT_NE(std::string(error.what()).find("at character " + std::to_string(place + 1) + ":"), std::string::npos);
    }
  }
}

/// Reads it or refuses it with one line; anything else fails. Evaluates what it reads.
void try_formula(const std::string& text) {
  try {
    const Activation f = formula_activation(text);
    f.derivative(0.3);
    for (const double kink : f.kinks()) EXPECT_LE(std::abs(kink), 50);
  } catch (const UsageError& error) {
    EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos);
    EXPECT_LT(std::string(error.what()).size(), 2000u);
  }
}

TEST(HostileFormula, LongAndDeepOnesAreReadOrRefused) {
  const auto repeat = [](const std::string& part, std::size_t count) {
    std::string all;
    for (std::size_t i = 0; i < count; ++i) all += part;
    return all;
  };
  EXPECT_NE(error_of(repeat("x+", 6000) + "x").find("10000 is the most"), std::string::npos);
  for (const char* open : {"(", "-", "+", "2^", "abs(", "max(x,", "where(x>0,", "elu("}) {
    for (const std::size_t count : {150, 400, 2000}) {
      try_formula(repeat(open, count));
      try_formula(repeat(open, count) + "x");
      try_formula(repeat(open, count) + "x" + repeat(")", count));
    }
  }
  EXPECT_EQ(evaluate(repeat("x+", 4000) + "x", 1), 4001);
  EXPECT_EQ(evaluate(repeat("(", 199) + "x" + repeat(")", 199), 5), 5);
  // Many values alive at once: fitted into registers, or refused.
  std::string sum, again;
  for (int i = 1; i <= 200; ++i) {
    const std::string term = "sin(" + std::to_string(i) + "*x)";
    sum += term + "+";
    again = term + "*" + again;
  }
  EXPECT_NEAR(evaluate(sum + again + "1", 1e-9), 200 * 201 / 2 * 1e-9, 1e-17);
  std::string too_many, twice;
  for (int i = 1; i <= 400; ++i) {
    too_many += "(x+" + std::to_string(i) + ")*";
    twice = "(x+" + std::to_string(i) + ")/" + twice;
  }
  EXPECT_NE(error_of(too_many + twice + "1").find("values at once"), std::string::npos);
}

TEST(HostileFormula, SearchingKinksEnds) {
  std::string many;
  while (many.size() < 9900) many += "abs(sin(" + std::to_string(many.size()) + "*x))+";
  try_formula(many + "x");
  try_formula("sign(sin(1e5*x))");
  try_formula("where(sin(exp(x)) == cos(x^3), 1/x, sqrt(log(x)))");
}

TEST(HostileFormula, RandomTextIsReadOrRefused) {
  const char* const words[] = {"x",    "(",     ")",    ",",    "+",      "-",       "*",     "/",    "^",      "2",
                               "1e-3", ".5",    "pi",   "e",    "where(", "<",       "<=",    "==",   "!=",     "min(",
                               "max(", "abs(",  "exp(", "log(", "sqrt(",  "sin(",    "relu(", "elu(", "alpha=", "silu(",
                               " ",    "prelu", "9e99", "\xff", "=",      "sign(x)", "(x)"};
  Rng rng(4);
  for (int i = 0; i < 20000; ++i) {
    std::string text;
    for (std::uint64_t n = rng.below(12); n > 0; --n) text += words[rng.below(std::size(words))];
    try_formula(text);
  }
  for (int i = 0; i < 5000; ++i) {
    std::string text;
    for (std::uint64_t n = rng.below(20); n > 0; --n) text += static_cast<char>(rng.below(256));
    try_formula(text);
  }
  const std::string whole = "where(x > 0.5, elu(x, alpha=1.5)^2, -min(x, 3e-1)*sigmoid(1.702*x)/pi)";
  for (std::size_t n = 0; n <= whole.size(); ++n) {
    try_formula(whole.substr(0, n));
    try_formula(whole.substr(n));
  }
}

// A flat function of something that overflows is flat: its derivative is a number, not 0 times infinity.
TEST(Formula, DerivativesSurviveWhatOverflowsInside) {
  struct Limit {
    const char* formula;
    float low, high;  // derivatives far on either side
  };
  for (const Limit& limit : {Limit{"x/(1+exp(-x))", 0, 1}, Limit{"1/(1+exp(-x))", 0, 0}, Limit{"x*tanh(exp(x))", 0, 1},
                             Limit{"exp(-exp(-x))", 0, 0}, Limit{"x*tanh(log(1+exp(x)))", 0, 1},
                             Limit{"atan(exp(x))", 0, 0}, Limit{"x*erf(exp(x))", 0, 1}}) {
    const Activation f = formula_activation(limit.formula);
    for (const float far : {89.0f, 120.0f, 1e4f}) {
      const float z[2] = {-far, far};
      float value[2], slope[2];
      f(z, value, slope, 2);
      EXPECT_NEAR(slope[0], limit.low, 1e-30) << limit.formula << " at " << z[0];
      EXPECT_NEAR(slope[1], limit.high, 1e-6) << limit.formula << " at " << z[1];
    }
  }
}

}  // namespace
}  // namespace evengrad
