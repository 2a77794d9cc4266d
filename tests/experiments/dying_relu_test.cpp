#include <evengrad/experiments/dying_relu.hpp>

#include <evengrad/activations/registry.hpp>
#include <evengrad/experiments/json_writer.hpp>
#include <evengrad/init/net_theory.hpp>

#include "settings.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>
#include <set>

namespace evengrad {
namespace {

using namespace dying;

// The experiment in seconds: what it says is not decided with so little, but all of it runs.
DyingPlan tiny() {
  return {.nets = 2,
          .trained = 2,
          .inputs = 64,
          .dimension = 16,
          .width = 16,
          .depth = 8,
          .trained_width = 8,
          .trained_depth = 6,
          .prelu_depth = 3,
          .norm_width = 16,
          .norm_depth = 8,
          .rates = {0.01, 0.1},
          .epochs = 3};
}

std::string run_tiny(std::uint64_t seed, int jobs) {
  const ExperimentSettings settings = settings_with(seed, jobs);
  return to_json({.experiments = {dying_relu(settings, tiny())}});
}

TEST(DyingReLU, OneSeedGivesTheSameBitsWhateverTheJobs) {
  const std::string alone = run_tiny(1, 1);
  EXPECT_EQ(run_tiny(1, 2), alone);
  EXPECT_EQ(run_tiny(1, 4), alone);
  EXPECT_NE(run_tiny(2, 2), alone);
}

TEST(DyingReLU, EveryClaimHasAllItsParts) {
  const ExperimentSettings settings{.jobs = 2};
  const Report report = dying_relu(settings, tiny());
  std::set<std::string> ids;
  for (const Claim& claim : report.claims) {
    ids.insert(claim.id);
    EXPECT_FALSE(claim.statement.empty() || claim.source.empty() || claim.rule.empty()) << claim.id;
    EXPECT_EQ(claim.measured.has_value(), claim.verdict != Verdict::not_tested) << claim.id;
    EXPECT_FALSE(claim.timing) << claim.id;
  }
  for (int number = 1; number <= 21; ++number) EXPECT_TRUE(ids.count("D" + std::to_string(number))) << number;
  EXPECT_EQ(report.claims.size(), 21u);
  // These are exact whatever the sizes.
  EXPECT_EQ(report.claims[0].verdict, Verdict::confirmed);
  EXPECT_EQ(report.claims[2].verdict, Verdict::confirmed);
  EXPECT_EQ(report.claims[20].verdict, Verdict::not_tested);
  EXPECT_FALSE(report.answer.empty());
  for (const Table& table : report.tables) {
    EXPECT_FALSE(table.rows.empty()) << table.name;
    for (const auto& row : table.rows) EXPECT_EQ(row.size(), table.columns.size()) << table.name;
  }
  for (const Series& series : report.series) {
    EXPECT_EQ(series.x.size(), series.y.size());
    EXPECT_TRUE(series.theory.empty() || series.theory.size() == series.x.size());
  }
  for (const HeatMap& map : report.heat_maps) {
    EXPECT_EQ(map.values.size(), map.rows.size());
    for (const auto& row : map.values) EXPECT_EQ(row.size(), map.columns.size());
  }
}

TEST(DyingReLU, SeedsAreAsManyAsAskedFor) {
  EXPECT_EQ(dying_plan({.seeds = 7}).nets, 7);
  EXPECT_EQ(dying_plan({.seeds = 7}).trained, 7);
  EXPECT_GT(dying_plan({.profile = Profile::full}).trained, dying_plan({}).trained);
}

TEST(DyingReLU, TheoryOfTheStartFollowsTheArcCosineKernel) {
  // c' = (sqrt(1 - c^2) + c (pi - arccos c)) / pi, and the values that follow from it for 1000 orthogonal inputs.
  const StartTheory theory = start_theory(20, 1000, 0);
  double c = 0;
  for (const double got : theory.correlation) {
    EXPECT_NEAR(got, c, 1e-9);
    c = (std::sqrt(1 - c * c) + c * (std::numbers::pi - std::acos(c))) / std::numbers::pi;
  }
  EXPECT_NEAR(theory.silent[4], 0.015, 0.0005);
  EXPECT_NEAR(theory.silent[9], 0.093, 0.0005);
  EXPECT_NEAR(theory.silent[19], 0.217, 0.0005);
}

TEST(DyingReLU, TheoryOfTheStartIsThatOfTheNet) {
  NetOptions net{.activation = activation("relu"), .initializer = initializer("he")};
  net.depth = 12;
  net.inputs = 512;
  net.orthogonal_inputs = true;
  const NetTheory expected = predict(net);
  const StartTheory theory = start_theory(12, 512, 0);
  for (std::size_t l = 0; l < 12; ++l) {
    EXPECT_NEAR(theory.silent[l], expected.layers[l].silent_fraction, 1e-6);
    EXPECT_NEAR(theory.correlation[l], expected.layers[l].correlation.value, 1e-6);
  }
}

TEST(DyingReLU, BiasesOfTheFirstLayerHaveAClosedForm) {
  // Phi(3 / sqrt 2) = 0.9830525733, to the 100th power.
  EXPECT_NEAR(start_theory(1, 100, -3).silent[0], std::pow(0.98305257, 100), 1e-6);
}

TEST(DyingRules, Never) {
  EXPECT_EQ(never_again("", 40, 0).verdict, Verdict::confirmed);
  EXPECT_EQ(never_again("", 40, 1).verdict, Verdict::refuted);
  EXPECT_EQ(never_again("", 0, 0).verdict, Verdict::undecided);
}

TEST(DyingRules, TenToForty) {
  const MeasuredCase few{"", {0.05, 0.04, 0.06}}, some{"", {0.25, 0.2, 0.3}}, many{"", {0.7, 0.6, 0.8}},
      open{"", {0.4, 0.3, 0.5}};
  EXPECT_EQ(ten_to_forty({few, some}).verdict, Verdict::confirmed);
  EXPECT_EQ(ten_to_forty({few, some, many}).verdict, Verdict::conditional);
  EXPECT_EQ(ten_to_forty({few, many}).verdict, Verdict::refuted);
  EXPECT_EQ(ten_to_forty({few, open, many}).verdict, Verdict::undecided);
}

TEST(DyingRules, Prevents) {
  EXPECT_EQ(prevents({0.4, 0.3, 0.5}, {0.3, 0.25, 0.35}), Verdict::confirmed);
  EXPECT_EQ(prevents({0.4, 0.3, 0.5}, {0.1, 0.05, 0.15}), Verdict::refuted);
  EXPECT_EQ(prevents({0.4, 0.3, 0.5}, {0.2, 0.1, 0.3}), Verdict::undecided);
  EXPECT_EQ(prevents({0.001, 0, 0.002}, {0.001, 0.001, 0.001}), Verdict::undecided);
}

}  // namespace
}  // namespace evengrad
