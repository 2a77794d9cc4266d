#include "program.hpp"

#include <gtest/gtest.h>

#include <cmath>

using evengrad::TempFolder;
using evengrad::test::Output;
using evengrad::test::shell;

namespace {

nlohmann::json theory(const std::string& activation) {
  TempFolder folder;
  const Output run = shell(folder, "evengrad theory --json '" + activation + "'");
  EXPECT_EQ(run.status, 0) << activation << ": " << run.err;
  return run.json();
}

// Everything that theory says, numbers only.
void expect_equal_numbers(const nlohmann::json& a, const nlohmann::json& b, double tolerance,
                          const std::string& where) {
  for (const auto& [key, value] : a.items()) {
    const std::string here = where + "/" + key;
    ASSERT_TRUE(b.contains(key)) << here;
    if (value.is_object()) {
      expect_equal_numbers(value, b[key], tolerance, here);
    } else if (value.is_number()) {
      ASSERT_TRUE(b[key].is_number()) << here;
      EXPECT_NEAR(value.get<double>(), b[key].get<double>(), tolerance) << here;
    } else {
      EXPECT_EQ(value, b[key]) << here;
    }
  }
}

}  // namespace

TEST(Theory, GeluAgreesWithClosedForms) {
  const auto document = theory("gelu");
  const double pi = std::acos(-1.0);
  // E[x Phi] = 1/(2 sqrt pi); E[x^2 Phi^2] = 1/3 + 1/(2 sqrt 3 pi) - 1/12 + arcsin(1/2)/(2 pi).
  EXPECT_NEAR(document["moments"]["mean"], 1 / (2 * std::sqrt(pi)), 1e-12);
  const double second = 0.25 + std::asin(0.5) / (2 * pi) + 1 / (2 * std::sqrt(3) * pi);
  EXPECT_NEAR(document["moments"]["second"], second, 1e-12);
  EXPECT_NEAR(document["gains"]["second_moment"], 1 / std::sqrt(second), 1e-12);
  EXPECT_NEAR(document["critical"]["q_star"], (3 + std::sqrt(17)) / 2, 1e-7);
  EXPECT_EQ(document["critical"]["class"], "half_stable");
  EXPECT_NEAR(document["extrema"]["derivative_max"]["at"], std::sqrt(2), 1e-7);
  EXPECT_TRUE(document["extrema"]["value_max"].is_null());
  EXPECT_TRUE(document["gains"]["pytorch"].is_null());
  EXPECT_NEAR(document["normalized"]["a"], 1.4811, 5e-5);
  EXPECT_NEAR(document["normalized"]["b"], -0.9095, 5e-5);
}

TEST(Theory, ClassesOfTheFamilies) {
  EXPECT_EQ(theory("relu")["critical"]["class"], "scale_invariant");
  EXPECT_NEAR(theory("relu")["critical"]["sigma_w2"], 2, 1e-10);
  EXPECT_EQ(theory("tanh")["critical"]["class"], "k_star_zero");
  EXPECT_NEAR(theory("tanh")["critical"]["sigma_w2"], 1, 1e-10);
  EXPECT_TRUE(theory("sigmoid")["critical"].is_null());
}

TEST(Theory, AFormulaEqualToABuiltInGivesTheSameNumbers) {
  for (const auto& [name, formula] :
       {std::pair{"silu", "x/(1+exp(-x))"}, {"relu", "max(x,0)"}, {"tanh", "2*sigmoid(2*x)-1"}}) {
    auto a = theory(name), b = theory(formula);
    for (const char* key : {"moments", "extrema", "critical", "normalized"}) {
      if (a[key].is_null()) {
        EXPECT_TRUE(b[key].is_null()) << name << key;
      } else {
        expect_equal_numbers(a[key], b[key], key == std::string("extrema") ? 1e-6 : 1e-8,
                             std::string(name) + "/" + key);
      }
    }
  }
}

TEST(Theory, WrongFormulasPointAtTheCharacter) {
  TempFolder folder;
  for (const auto& [formula, expected] :
       {std::pair{"x*(1+exp(x", "character 11"}, {"x+foo(x)", "foo"}, {"x**2", "character"}, {"x+", "character"}}) {
    const Output run = shell(folder, std::string("evengrad theory '") + formula + "'");
    EXPECT_EQ(run.status, 2) << formula;
    EXPECT_TRUE(run.one_line()) << run.err;
    EXPECT_NE(run.err.find(expected), std::string::npos) << run.err;
  }
}

TEST(Theory, CardNamesTheInitializer) {
  TempFolder folder;
  const Output run = shell(folder, "evengrad theory leaky_relu\\(0.2\\)");
  EXPECT_EQ(run.status, 0);
  for (const char* part : {"f'(x)", "Gains", "critical", "Initializer", "he"})
    EXPECT_NE(run.out.find(part), std::string::npos) << part;
}

TEST(Theory, AFormulaEqualToABuiltInTrainsAndPropagatesAlike) {
  TempFolder folder;
  for (const auto& [name, formula] : {std::pair{"silu", "x*sigmoid(x)"},
                                      // not the built-in's own text, which runs the built-in's kernel
                                      {"silu", "x/(1+exp(-x))"},
                                      {"leaky_relu(0.1)", "max(x, 0.1*x)"}}) {
    const auto run = [&](const char* line, const char* f) {
      return shell(folder, std::string("evengrad ") + line + " --json --activation '" + f + "'").json();
    };
    const char* const training = "train --data moons --hidden 32,32 --init lecun --epochs 10";
    const auto a = run(training, name)["final"], b = run(training, formula)["final"];
    EXPECT_NEAR(a["train_loss"], b["train_loss"], 1e-5) << name;
    EXPECT_NEAR(a["test_loss"], b["test_loss"], 1e-5) << name;
    const char* const propagation = "propagate --init lecun --depth 6 --nets 3 --inputs 16";
    const auto c = run(propagation, name), d = run(propagation, formula);
    for (const char* key : {"gradient_ratio", "gradient_ratio_theory"})
      EXPECT_NEAR(c[key].get<double>() / d[key].get<double>(), 1, 1e-5) << name;
  }
}

TEST(Theory, EmitsCodeForEachFramework) {
  TempFolder folder;
  for (const auto& [framework, part] : {std::pair{"pytorch", "nn.init.normal_"},
                                        {"jax", "jax.random.normal"},
                                        {"keras", "VarianceScaling"},
                                        {"cpp", "initializer(\"critical\")"}}) {
    const Output run = shell(folder, std::string("evengrad theory gelu --emit ") + framework);
    EXPECT_EQ(run.status, 0) << run.err;
    EXPECT_NE(run.out.find(part), std::string::npos) << run.out;
    EXPECT_EQ(run.out.find('@'), std::string::npos) << run.out;
  }
  const Output wrong = shell(folder, "evengrad theory gelu --emit pytroch");
  EXPECT_EQ(wrong.status, 2);
  EXPECT_NE(wrong.err.find("did you mean 'pytorch'?"), std::string::npos) << wrong.err;
}

TEST(Propagate, MeasuredAgreesWithTheBandOfTheory) {
  TempFolder folder;
  const Output run = shell(
      folder,
      "evengrad propagate --activation tanh --init xavier --depth 8 --width 128 --inputs 64 --nets 20 --seed 3 --json");
  ASSERT_EQ(run.status, 0) << run.err;
  const auto document = run.json();
  ASSERT_EQ(document["layers"].size(), 8u);
  for (const auto& layer : document["layers"]) {
    for (const char* key : {"q", "gradient_rms", "correlation", "zero_fraction", "saturated_fraction",
                            "silent_fraction", "activation_mean"}) {
      EXPECT_TRUE(layer[key].is_number()) << key;
      EXPECT_TRUE(layer.contains(std::string(key) + "_low")) << key;
    }
    EXPECT_NEAR(layer["q"].get<double>() / layer["q_theory"].get<double>(), 1, 0.1);
  }
  EXPECT_NEAR(document["gradient_ratio"].get<double>() / document["gradient_ratio_theory"].get<double>(), 1, 0.15);
}

TEST(Propagate, OneNetGivesNoInterval) {
  const TempFolder folder;
  const Output output =
      shell(folder, "evengrad propagate --activation relu --init he --width 16 --depth 3 --inputs 16 --nets 1");
  ASSERT_EQ(output.status, 0) << output.err;
  EXPECT_NE(output.out.find("one net gives no interval"), std::string::npos) << output.out;
  EXPECT_EQ(output.out.find("nan"), std::string::npos) << output.out;
}

TEST(Propagate, WrongOptionsAreUsageErrors) {
  TempFolder folder;
  for (const char* options :
       {"--activation relu", "--activation relu --init he --depth 0", "--activation relu --init he --width -3",
        "--activation relu --init he --input-variance 0", "--activation relu --init he --dtype float16",
        "--activation relu --init hee"}) {
    const Output run = shell(folder, std::string("evengrad propagate ") + options);
    EXPECT_EQ(run.status, 2) << options;
    EXPECT_TRUE(run.one_line()) << run.err;
  }
}
