#include <evengrad/experiments/explorer.hpp>

#include <evengrad/activations/registry.hpp>
#include <evengrad/init/moments.hpp>

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include <cmath>

namespace evengrad {
namespace {

using Json = nlohmann::json;

const Json& explorer() {
  static const Json tables = Json::parse(explorer_json());
  return tables;
}

TEST(Explorer, HasEveryActivationAndStaysSmall) {
  EXPECT_LT(explorer_json().size(), 400'000u);
  ASSERT_EQ(explorer()["activations"].size(), activations().size());
  for (std::size_t i = 0; i < activations().size(); ++i) {
    const ActivationEntry& entry = activations()[i];
    const Json& tables = explorer()["activations"][i];
    EXPECT_EQ(tables["name"], entry.name);
    if (entry.parameters.empty()) {
      EXPECT_EQ(tables["variants"].size(), 1u);
      EXPECT_TRUE(tables["parameter"].is_null() && tables["variants"][0]["value"].is_null());
      continue;
    }
    double before = -INFINITY;
    bool has_default = false;
    for (const Json& variant : tables["variants"]) {
      EXPECT_GT(variant["value"].get<double>(), before);
      before = variant["value"];
      has_default = has_default || before == entry.parameters[0].value;
    }
    EXPECT_TRUE(has_default) << entry.name;
    EXPECT_GE(tables["variants"].size(), 7u) << entry.name;
  }
}

TEST(Explorer, TabulatesWhatTheNamesStandFor) {
  const std::vector<double> x = explorer()["x"];
  for (const Json& tables : explorer()["activations"]) {
    for (const Json& variant : tables["variants"]) {
      const Activation f = activation(variant["name"].get<std::string>());
      ASSERT_EQ(variant["f"].size(), x.size());
      ASSERT_EQ(variant["slope"].size(), x.size());
      for (std::size_t i = 0; i < x.size(); i += 5) {
        const double value = f.value(x[i]), slope = f.derivative(x[i]);
        EXPECT_NEAR(variant["f"][i].get<double>(), value, 5e-5 * std::abs(value)) << f.name() << ' ' << x[i];
        EXPECT_NEAR(variant["slope"][i].get<double>(), slope, 5e-5 * std::abs(slope)) << f.name() << ' ' << x[i];
      }
      const auto fixed_point = gain(f, "fixed_point");
      EXPECT_EQ(variant["gains"]["fixed_point"].is_null(), !fixed_point) << f.name();
    }
  }
}

const Json& variant(const std::string& name) {
  for (const Json& tables : explorer()["activations"]) {
    for (const Json& one : tables["variants"]) {
      if (one["name"] == name) return one;
    }
  }
  throw std::out_of_range(name);
}

// Numbers that papers print: He's sqrt(2), tanh's 5/3 of PyTorch, GELU's critical point.
TEST(Explorer, KnowsTheFamousNumbers) {
  EXPECT_EQ(variant("relu")["gains"]["second_moment"], 1.4142);
  EXPECT_EQ(variant("tanh")["gains"]["pytorch"], 1.6667);
  EXPECT_EQ(variant("tanh")["critical"]["class"], "k_star_zero");
  EXPECT_TRUE(variant("sigmoid")["critical"].is_null());
  const Json& depths = explorer()["depths"];
  EXPECT_EQ(depths[0], 1);
  for (std::size_t d = 0; d < depths.size(); ++d) {
    const double factors = depths[d].get<double>() - 1;
    EXPECT_NEAR(variant("relu")["gradient_log10"]["xavier"][d].get<double>(), -factors * std::log10(2) / 2, 5.1e-5);
    EXPECT_EQ(variant("relu")["gradient_log10"]["he"][d], 0);
  }
  EXPECT_TRUE(variant("sigmoid")["gradient_log10"]["critical"].is_null());
}

}  // namespace
}  // namespace evengrad
