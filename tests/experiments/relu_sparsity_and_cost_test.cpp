#include <evengrad/experiments/relu_sparsity_and_cost.hpp>

#include "settings.hpp"

#include <gtest/gtest.h>

#include <set>

namespace evengrad {
namespace {

using namespace cost;

// The experiment in seconds.
CostPlan tiny() {
  return {.nets = 2,
          .rounds = 2,
          .repetitions = 1,
          .width = 16,
          .depth = 3,
          .inputs = 16,
          .trained_width = 8,
          .trained_depth = 2,
          .epochs = 1,
          .features = 8,
          .sizes = {256, 512},
          .models = {8, 16},
          .tokens = 8,
          .product = 16};
}

TEST(ReLUSparsityAndCost, OneSeedGivesTheSameNumbersApartFromTimes) {
  const auto measured = [](std::uint64_t seed, int jobs) {
    const ExperimentSettings settings = settings_with(seed, jobs);
    std::vector<double> numbers;
    for (const Claim& claim : relu_sparsity_and_cost(settings, tiny()).claims) {
      if (!claim.timing) numbers.push_back(claim.measured->value);
    }
    return numbers;
  };
  const std::vector<double> alone = measured(1, 1);
  EXPECT_EQ(measured(1, 4), alone);
  EXPECT_NE(measured(2, 2), alone);
}

TEST(ReLUSparsityAndCost, EveryClaimHasAllItsParts) {
  const ExperimentSettings settings{.jobs = 2};
  const Report report = relu_sparsity_and_cost(settings, tiny());
  std::set<std::string> ids, timing;
  for (const Claim& claim : report.claims) {
    ids.insert(claim.id);
    if (claim.timing) timing.insert(claim.id);
    EXPECT_FALSE(claim.statement.empty() || claim.source.empty() || claim.rule.empty()) << claim.id;
    EXPECT_TRUE(claim.measured) << claim.id;
  }
  for (int number = 1; number <= 9; ++number) EXPECT_TRUE(ids.count("R" + std::to_string(number))) << number;
  EXPECT_EQ(report.claims.size(), 9u);
  EXPECT_EQ(timing, (std::set<std::string>{"R2", "R4", "R5", "R6", "R7", "R9"}));
  EXPECT_EQ(report.claims[7].verdict, Verdict::refuted);  // arithmetic
  for (const Table& table : report.tables) {
    EXPECT_FALSE(table.rows.empty()) << table.name;
    for (const auto& row : table.rows) EXPECT_EQ(row.size(), table.columns.size()) << table.name;
  }
}

TEST(ReLUSparsityAndCost, SeedsAreAsManyAsAskedFor) {
  EXPECT_EQ(cost_plan({.seeds = 7}).nets, 7);
  EXPECT_GT(cost_plan({.profile = Profile::full}).rounds, cost_plan({}).rounds);
}

TEST(SkippingProduct, IsTheProduct) {
  const Matrix<float> a = (Matrix<float>(2, 3) << 1, 0, 2, 0, 0, -1).finished();
  const Matrix<float> b = (Matrix<float>(3, 2) << 1, 2, 3, 4, 5, 6).finished();
  EXPECT_EQ(skipping_product(a, b), (Matrix<float>(2, 2) << 11, 14, -5, -6).finished());
}

TEST(ProbeAccuracy, ALineThatPartsTheClassesIsFound) {
  const Matrix<double> x = (Matrix<double>(4, 1) << 1, 2, 4, 5).finished();
  EXPECT_EQ(probe_accuracy(x, {0, 0, 1, 1}, x, {0, 0, 1, 1}), 1);
  // A band in the middle has no line.
  EXPECT_LE(probe_accuracy(x, {0, 1, 1, 0}, x, {0, 1, 1, 0}), 0.75);
}

TEST(TransformerFlop, AreEqualAtTwiceTheWidth) {
  EXPECT_EQ(attention_flop(1536, 768), feed_forward_flop(1536, 768));
  EXPECT_LT(attention_flop(1535, 768), feed_forward_flop(1535, 768));
  // Two products of (s, d) by (d, 4d) and back; a multiply-add counts twice.
  EXPECT_EQ(feed_forward_flop(10, 64), 2.0 * 2 * 10 * 64 * 256);
}

}  // namespace
}  // namespace evengrad
