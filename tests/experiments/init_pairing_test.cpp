#include <evengrad/experiments/init_pairing.hpp>

#include <evengrad/activations/registry.hpp>
#include <evengrad/experiments/json_writer.hpp>
#include <evengrad/init/net_theory.hpp>

#include "settings.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

namespace evengrad {
namespace {

using namespace pairing;

// The experiment in seconds: what it says is not decided with so little, but all of it runs.
PairingPlan tiny() {
  return {.nets = 2,
          .narrow_nets = 3,
          .trained = 2,
          .depths = {2, 3},
          .width = 16,
          .wide = 16,
          .narrow = 16,
          .deep = 6,
          .smooth_depths = {2, 4},
          .checked = 4,
          .trained_depths = {2, 3},
          .wrong_depths = {2, 4},
          .trained_width = 8,
          .steps = 6,
          .long_steps = 8,
          .recommended = 2,
          .correlated_depth = 4,
          .correlated_width = 16};
}

std::string run_tiny(std::uint64_t seed, int jobs) {
  const ExperimentSettings settings = settings_with(seed, jobs);
  return to_json({.experiments = {init_pairing(settings, tiny())}});
}

TEST(InitPairing, OneSeedGivesTheSameBitsWhateverTheJobs) {
  const std::string alone = run_tiny(1, 1);
  EXPECT_EQ(run_tiny(1, 2), alone);
  EXPECT_EQ(run_tiny(1, 4), alone);
  EXPECT_NE(run_tiny(2, 2), alone);
}

const Claim& claim(const Report& report, const std::string& id) {
  for (const Claim& c : report.claims) {
    if (c.id == id) return c;
  }
  throw std::out_of_range(id);
}

TEST(InitPairing, EveryClaimHasAllItsParts) {
  const ExperimentSettings settings{.jobs = 2};
  const Report report = init_pairing(settings, tiny());
  std::set<std::string> ids;
  for (const Claim& c : report.claims) {
    ids.insert(c.id);
    EXPECT_FALSE(c.statement.empty() || c.source.empty() || c.rule.empty()) << c.id;
    EXPECT_TRUE(c.measured) << c.id;
    EXPECT_FALSE(c.timing) << c.id;
  }
  for (int number = 1; number <= 17; ++number) EXPECT_TRUE(ids.count("I" + std::to_string(number))) << number;
  EXPECT_EQ(report.claims.size(), 17u);
  EXPECT_FALSE(report.answer.empty());
  for (const Table& table : report.tables) {
    EXPECT_FALSE(table.rows.empty()) << table.name;
    for (const auto& row : table.rows) EXPECT_EQ(row.size(), table.columns.size()) << table.name;
  }
  for (const Series& series : report.series) {
    EXPECT_EQ(series.x.size(), series.y.size());
    EXPECT_EQ(series.x.size(), series.low.size());
    EXPECT_EQ(series.x.size(), series.theory.size());
  }
  for (const HeatMap& map : report.heat_maps) {
    EXPECT_EQ(map.values.size(), map.rows.size()) << map.name;
    for (const auto& row : map.values) EXPECT_EQ(row.size(), map.columns.size()) << map.name;
  }
  EXPECT_EQ(report.heat_maps.size(), 2 * tiny().depths.size() + tiny().trained_depths.size());

  // What holds for nets of any size: equal weights stay equal, whatever the activation.
  EXPECT_EQ(claim(report, "I14").measured->value, 0);
  EXPECT_EQ(claim(report, "I2").predicted, 0.5);
  // Hanin 2018: the logarithm's mean after 4 layers of width 16 is -5 * 4 / (2 * 16).
  EXPECT_NEAR(*claim(report, "I3").predicted, std::exp(-0.625), 1e-12);
  EXPECT_NEAR(*claim(report, "I10").predicted, 1.2145, 1e-4);  // SELU's fourth layer from 1.5
}

TEST(InitPairing, StopsWhenAsked) {
  int asked = 0;
  ExperimentSettings settings;
  settings.stop = [&] { return ++asked > 50; };
  EXPECT_THROW(init_pairing(settings, tiny()), Interrupted);
}

TEST(InitPairing, SeedsAreAsManyAsAskedFor) {
  EXPECT_EQ(pairing_plan({.seeds = 7}).nets, 7);
  EXPECT_EQ(pairing_plan({.seeds = 7}).trained, 7);
  EXPECT_EQ(pairing_plan({.profile = Profile::full}).trained, 10);
}

// The numbers that the experiment predicts, against those that others derived.
TEST(InitPairing, TheorySaysWhatThePapersSay) {
  NetOptions selu{.activation = activation("selu"), .initializer = initializer("lecun"), .depth = 21, .width = 64};
  selu.input_variance = 1.5;
  const NetTheory from_above = predict(selu);
  const double expected[] = {1.5, 1.3736, 1.2820, 1.2145};
  for (std::size_t l = 0; l < 4; ++l) EXPECT_NEAR(from_above.layers[l].q.value, expected[l], 1e-3) << l;

  // Arc-cosine kernel (Cho and Saul 2009): c' = (sqrt(1 - c^2) + c (pi - arccos c)) / pi from orthogonal inputs.
  NetOptions relu{.activation = activation("relu"), .initializer = initializer("he"), .depth = 30, .width = 64};
  relu.inputs = 2;
  relu.orthogonal_inputs = true;
  const NetTheory correlated = predict(relu);
  double c = 0;
  for (std::size_t l = 0; l < 30; ++l) {
    EXPECT_NEAR(correlated.layers[l].correlation.value, c, 1e-9) << l;
    c = (std::sqrt(1 - c * c) + c * (M_PI - std::acos(c))) / M_PI;
  }
}

TEST(PairingRules, WithinAFactor) {
  EXPECT_EQ(within_factor({1, 0.6, 1.9}, 1, 2), Verdict::confirmed);
  EXPECT_EQ(within_factor({3, 2.5, 3.5}, 1, 2), Verdict::refuted);
  EXPECT_EQ(within_factor({0.3, 0.2, 0.4}, 1, 2), Verdict::refuted);
  EXPECT_EQ(within_factor({1, 0.4, 1.1}, 1, 2), Verdict::undecided);
}

TEST(PairingRules, LessIsSaidOfIntervals) {
  EXPECT_EQ(less({1, 0.5, 1.5}, {3, 2, 4}), Verdict::confirmed);
  EXPECT_EQ(less({3, 2, 4}, {1, 0.5, 1.5}), Verdict::refuted);
  EXPECT_EQ(less({1, 0.5, 2.5}, {3, 2, 4}), Verdict::undecided);
  EXPECT_EQ(inverse(Verdict::confirmed), Verdict::refuted);
  EXPECT_EQ(inverse(Verdict::refuted), Verdict::confirmed);
  EXPECT_EQ(inverse(Verdict::undecided), Verdict::undecided);
}

TEST(PairingRules, OverflowIsWhereTheLargestNumberPassesTheLargestFloat) {
  // Deviations 1e10, 1e20, 1e30, 1e40: the fourth passes 3.4e38, with its largest of 100 numbers as without.
  EXPECT_EQ(overflowing_layer({1e20, 1e40, 1e60, 1e80}, 100), 4);
  // 2e38 passes it with its largest of 100 numbers, about three deviations.
  EXPECT_EQ(overflowing_layer({1, 4e76}, 100), 2);
  EXPECT_EQ(overflowing_layer({1, 4e70}, 100), 0);
  EXPECT_EQ(overflowing_layer({1, INFINITY}, 100), 2);
}

TEST(PairingRules, StableVarianceMeansLearning) {
  const Outcome good{"a", true, true}, bad{"b", false, false}, stalls{"c", true, false}, lucky{"d", false, true};
  EXPECT_EQ(stable_means_learning({good, bad}).verdict, Verdict::confirmed);
  EXPECT_EQ(stable_means_learning({good, bad, stalls}).verdict, Verdict::conditional);
  EXPECT_EQ(stable_means_learning({good, lucky, stalls}).verdict, Verdict::refuted);
  EXPECT_EQ(stable_means_learning({}).verdict, Verdict::undecided);
  EXPECT_EQ(stable_means_learning({good, bad, stalls}).condition,
            "of 2 stable nets 1 do not learn (c), of 1 others 0 do");
}

}  // namespace
}  // namespace evengrad
