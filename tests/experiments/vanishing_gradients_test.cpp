#include <evengrad/core/error.hpp>
#include <evengrad/experiments/json_writer.hpp>
#include <evengrad/experiments/trials.hpp>
#include <evengrad/experiments/vanishing_gradients.hpp>

#include "settings.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

namespace evengrad {
namespace {

using namespace vanishing;

// The experiment in seconds: what it says is not decided with so little, but all of it runs.
VanishingPlan tiny() {
  return {.nets = 2,
          .trained = 2,
          .depths = {2, 4},
          .deepest = 6,
          .width = 16,
          .trained_depths = {2, 10},
          .stalled_depth = 3,
          .trained_width = 8,
          .steps = 12,
          .long_steps = 12};
}

std::string run_tiny(std::uint64_t seed, int jobs) {
  const ExperimentSettings settings = settings_with(seed, jobs);
  return to_json({.experiments = {vanishing_gradients(settings, tiny())}});
}

TEST(VanishingGradients, OneSeedGivesTheSameBitsWhateverTheJobs) {
  const std::string alone = run_tiny(1, 1);
  EXPECT_EQ(run_tiny(1, 2), alone);
  EXPECT_EQ(run_tiny(1, 4), alone);
  EXPECT_NE(run_tiny(2, 2), alone);
}

TEST(VanishingGradients, EveryClaimHasAllItsParts) {
  const ExperimentSettings settings{.jobs = 2};
  const Report report = vanishing_gradients(settings, tiny());
  std::set<std::string> ids;
  for (const Claim& claim : report.claims) {
    ids.insert(claim.id);
    EXPECT_FALSE(claim.statement.empty() || claim.source.empty() || claim.rule.empty()) << claim.id;
    EXPECT_TRUE(claim.measured) << claim.id;
    EXPECT_FALSE(claim.timing) << claim.id;
  }
  for (int number = 1; number <= 13; ++number) EXPECT_TRUE(ids.count("V" + std::to_string(number))) << number;
  EXPECT_EQ(report.claims.size(), 13u);
  EXPECT_FALSE(report.answer.empty());
  for (const Table& table : report.tables) {
    EXPECT_FALSE(table.rows.empty()) << table.name;
    for (const auto& row : table.rows) EXPECT_EQ(row.size(), table.columns.size()) << table.name;
  }
  for (const Series& series : report.series) {
    EXPECT_EQ(series.x.size(), series.y.size());
    EXPECT_TRUE(series.theory.empty() || series.theory.size() == series.x.size());
    EXPECT_EQ(series.x.size(), series.low.size());
  }
}

TEST(VanishingGradients, StopsWhenAsked) {
  int asked = 0;
  ExperimentSettings settings;
  settings.stop = [&] { return ++asked > 50; };
  EXPECT_THROW(vanishing_gradients(settings, tiny()), Interrupted);
}

TEST(VanishingGradients, SeedsAreAsManyAsAskedFor) {
  EXPECT_EQ(vanishing_plan({.seeds = 7}).nets, 7);
  EXPECT_EQ(vanishing_plan({.seeds = 7}).trained, 7);
  EXPECT_EQ(vanishing_plan({.profile = Profile::full}).trained, 20);
}

TEST(VanishingRules, GatesAndTheWholeNet) {
  EXPECT_EQ(gates_and_whole(true, {1, 0.9, 1.1}).verdict, Verdict::confirmed);
  EXPECT_EQ(gates_and_whole(true, {0.08, 0.05, 0.1}).verdict, Verdict::conditional);
  EXPECT_EQ(gates_and_whole(true, {9, 8, 10}).verdict, Verdict::conditional);
  EXPECT_EQ(gates_and_whole(false, {1, 0.9, 1.1}).verdict, Verdict::refuted);
  EXPECT_EQ(gates_and_whole(true, {0.6, 0.3, 0.9}).verdict, Verdict::undecided);
}

TEST(VanishingRules, OnlyTheFamily) {
  const Measurement flows{0.2, 0.1, 0.3}, gone{1e-9, 1e-10, 1e-8}, open{0.01, 0.001, 0.1};
  const Measurement learns{0.1, 0.05, 0.2}, stays{1, 0.9, 1.1};
  EXPECT_EQ(only_the_family(flows, learns).verdict, Verdict::refuted);
  EXPECT_EQ(only_the_family(flows, stays).verdict, Verdict::conditional);
  EXPECT_EQ(only_the_family(gone, stays).verdict, Verdict::confirmed);
  EXPECT_EQ(only_the_family(open, learns).verdict, Verdict::undecided);
}

TEST(VanishingRules, OneSign) {
  const Measurement all{1, 1, 1}, some{0.4, 0.3, 0.5}, unknown{1, -INFINITY, INFINITY};
  EXPECT_EQ(one_sign(all, all, all).verdict, Verdict::confirmed);
  EXPECT_EQ(one_sign(all, all, some).verdict, Verdict::conditional);
  EXPECT_EQ(one_sign(all, some, all).verdict, Verdict::conditional);
  EXPECT_EQ(one_sign(some, some, some).verdict, Verdict::refuted);
  EXPECT_EQ(one_sign(some, all, all).verdict, Verdict::refuted);
  EXPECT_EQ(one_sign(unknown, some, some).verdict, Verdict::undecided);
}

TEST(VanishingRules, TheInitDecides) {
  const Measurement stays{1, 0.95, 1.05}, learns{0.1, 0.05, 0.2}, between{0.7, 0.65, 0.75}, open{0.9, 0.8, 1};
  EXPECT_EQ(init_decides(stays, learns), Verdict::confirmed);
  EXPECT_EQ(init_decides(stays, stays), Verdict::refuted);
  EXPECT_EQ(init_decides(learns, learns), Verdict::refuted);
  EXPECT_EQ(init_decides(stays, between), Verdict::refuted);
  EXPECT_EQ(init_decides(open, learns), Verdict::undecided);
}

}  // namespace
}  // namespace evengrad
