#include <evengrad/experiments/comparison.hpp>

#include <evengrad/activations/registry.hpp>
#include <evengrad/core/error.hpp>
#include <evengrad/data/registry.hpp>
#include <evengrad/experiments/json_writer.hpp>

#include <gtest/gtest.h>

#include <cmath>

namespace evengrad {
namespace {

// A comparison of which only the metrics matter: values[pairing][depth][seed].
Comparison planted(const std::vector<std::vector<std::vector<double>>>& values, bool larger_is_better = true) {
  Comparison c{.data = "planted", .metric = "metric", .larger_is_better = larger_is_better};
  for (std::size_t p = 0; p < values.size(); ++p) {
    for (std::size_t d = 0; d < values[p].size(); ++d) {
      ComparisonCell& cell = c.cells.emplace_back();
      cell.pairing = {text("f", p), "he", static_cast<Index>(d + 1), 8};
      for (const double metric : values[p][d]) cell.records.emplace_back().metric = metric;
    }
  }
  return c;
}

TEST(Comparison, AClearWinnerIsNamed) {
  Comparison c = planted({{{0.5, 0.6, 0.55, 0.52}}, {{0.9, 0.95, 0.93, 0.91}}, {{0.7, 0.72, 0.71, 0.69}}});
  rank(c, Rng(1));
  ASSERT_EQ(c.pairings.size(), 3u);
  EXPECT_EQ(c.pairings[0].activation, "f1");
  EXPECT_EQ(c.pairings[1].activation, "f2");
  EXPECT_TRUE(c.pairings[1].worse && c.pairings[2].worse);
  EXPECT_EQ(c.pairings[2].best_is_better.value, 1);
  EXPECT_EQ(c.conclusion.find("Use f1 with he: "), 0u) << c.conclusion;
}

TEST(Comparison, SmallerLossesWin) {
  Comparison c = planted({{{0.5, 0.6, 0.55}}, {{0.1, 0.2, 0.15}}}, false);
  rank(c, Rng(1));
  EXPECT_EQ(c.conclusion.find("Use f1 with he: test loss 0.15"), 0u) << c.conclusion;
}

TEST(Comparison, EqualPairingsAreATie) {
  Comparison c = planted({{{0.9, 0.8, 0.85}}, {{0.9, 0.8, 0.85}}, {{0.1, 0.1, 0.2}}});
  rank(c, Rng(1));
  EXPECT_FALSE(c.pairings[1].worse);
  EXPECT_TRUE(c.pairings[2].worse);
  EXPECT_EQ(c.conclusion.find("A tie between 2 of 3 pairings: "), 0u) << c.conclusion;
  EXPECT_NE(c.conclusion.find("the other came out worse"), std::string::npos) << c.conclusion;
}

TEST(Comparison, OneSeedDecidesNothing) {
  Comparison c = planted({{{0.9}}, {{0.1}}});
  rank(c, Rng(1));
  EXPECT_EQ(c.conclusion.find("Undecided: "), 0u) << c.conclusion;
}

TEST(Comparison, OneSeedGivesNoInterval) {
  for (const bool larger_is_better : {true, false}) {
    for (const auto& values :
         std::vector<std::vector<std::vector<std::vector<double>>>>{{{{0.9}}}, {{{0.9}}, {{0.1}}}}) {
      Comparison c = planted(values, larger_is_better);
      rank(c, Rng(1));
      EXPECT_NE(c.conclusion.find("one seed"), std::string::npos) << c.conclusion;
      EXPECT_EQ(c.conclusion.find("inf"), std::string::npos) << c.conclusion;
    }
  }
}

TEST(Comparison, WhatDivergedSaysSo) {
  Comparison c = planted({{{0.5, 0.6}, {0.5, 0.6}}, {{0, 0}, {0, 0}}, {{0, 0}, {0.5, 0}}});
  for (ComparisonCell& cell : c.cells) {
    for (ComparisonRecord& record : cell.records) record.diverged = record.metric == 0;
  }
  rank(c, Rng(1));
  EXPECT_TRUE(any_trained(c));
  const auto verdict = [&](std::size_t row) {
    return std::get<std::string>(comparison_report(c).tables[0].rows[row].back());
  };
  EXPECT_EQ(c.pairings[1].activation, "f2");
  EXPECT_NE(verdict(1), "diverged");
  EXPECT_EQ(verdict(2), "diverged");
  const Report report = comparison_report(c);
  const auto& cells = report.tables[1].rows;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    EXPECT_EQ(std::holds_alternative<std::string>(cells[i][5]), c.cells[i].all_diverged());
  }
  EXPECT_TRUE(std::isnan(report.heat_maps[0].values[1][0]));
  EXPECT_EQ(report.heat_maps[0].values[0][0], 0.55);

  Comparison none = planted({{{0, 0}}, {{0, 0}}});
  for (ComparisonCell& cell : none.cells) cell.records[0].diverged = cell.records[1].diverged = true;
  rank(none, Rng(1));
  EXPECT_FALSE(any_trained(none));
  EXPECT_EQ(none.conclusion.find("Every net diverged"), 0u) << none.conclusion;
}

TEST(Comparison, APairingThatIsRefusedAnywhereIsLeftOut) {
  Comparison c = planted({{{0.5, 0.6}, {0.5, 0.6}}, {{0.9, 0.9}, {}}});
  c.cells.back().refused = "no such point";
  rank(c, Rng(1));
  ASSERT_EQ(c.pairings.size(), 1u);
  EXPECT_EQ(c.pairings[0].activation, "f0");
}

// Pairings that do not differ: how often one of them is called worse. The bootstrap of five seeds is too narrow on its
// own; the correction for all pairs is what keeps the promise.
TEST(Comparison, NoiseIsSeldomTakenForADifference) {
  constexpr int comparisons = 100;
  Rng rng(3);
  int wrong = 0, winners = 0;
  for (int n = 0; n < comparisons; ++n) {
    std::vector<std::vector<std::vector<double>>> values(4, {std::vector<double>(5), std::vector<double>(5)});
    for (auto& pairing : values) {
      for (auto& depth : pairing) {
        for (double& metric : depth) metric = rng.normal();
      }
    }
    Comparison c = planted(values);
    rank(c, rng.split(static_cast<std::uint64_t>(n)));
    wrong += std::any_of(c.pairings.begin(), c.pairings.end(), [](const auto& p) { return p.worse; });
    winners += c.conclusion.find("Use ") == 0;
  }
  EXPECT_LE(wrong, comparisons / 10);
  EXPECT_LE(winners, comparisons / 50);
}

TEST(Comparison, ForecastsAreScored) {
  Comparison c = planted({{{0.9, 0.9}}, {{0.1, 0.1}}});
  c.cells[0].forecast = {.probability = 0.9, .rank = 1};
  c.cells[1].forecast = {.probability = 0.9, .rank = 2};
  c.cells[0].records[0].trains = c.cells[0].records[1].trains = true;
  rank(c, Rng(1));
  score_forecasts(c);
  ASSERT_EQ(c.scores.size(), 3u);
  EXPECT_EQ(c.scores[0].name, "theory");
  EXPECT_NEAR(c.scores[0].brier, (2 * 0.01 + 2 * 0.81) / 4, 1e-15);
  EXPECT_NEAR(c.scores[1].brier, 0.5, 1e-15);  // always he: right twice, wrong twice
  EXPECT_NEAR(c.rank_correlation, 1, 1e-15);
  ASSERT_EQ(c.calibration.size(), 5u);
  EXPECT_EQ(c.calibration[4].forecasts, 4);
  EXPECT_NEAR(c.calibration[4].forecast, 0.9, 1e-15);
  EXPECT_NEAR(c.calibration[4].observed, 0.5, 1e-15);
  ASSERT_EQ(c.failures.size(), 1u);
  EXPECT_NE(c.failures[0].find("f1"), std::string::npos);
}

TEST(Comparison, TheoryExpectsLessOfNetsInWhichGradientsVanish) {
  const auto probability = [](const char* f, const char* init, Index depth) {
    return forecast(activation(f), initializer(init), depth, 64).probability;
  };
  EXPECT_GT(probability("relu", "he", 50), 0.9);
  EXPECT_LT(probability("sigmoid", "xavier", 30), 0.1);
  EXPECT_GT(probability("gelu", "critical", 50), probability("gelu", "he", 50));
  EXPECT_GT(probability("tanh", "xavier", 5), probability("tanh", "xavier(gain=0.5)", 20));
  EXPECT_EQ(probability("relu", "zeros", 5), 0);
  EXPECT_EQ(probability("relu", "constant(0.1)", 5), 0.5);  // theory is silent
}

ComparisonOptions small() {
  ComparisonOptions options{.activations = {"relu", "x*tanh(exp(x))"},
                            .initializers = {"he", "critical"},
                            .depths = {1, 2},
                            .widths = {8},
                            .rates = {0.01, 0.1},
                            .seeds = 2};
  options.trainer.steps = 20;
  return options;
}

std::string run_small(const ComparisonOptions& options, int jobs, SideBySide when, std::uint64_t seed = 1) {
  const Split<float> data = load_data<float>({.name = "moons", .samples = 100});
  const ExperimentSettings settings{.seed = seed, .jobs = jobs, .side_by_side = when};
  return to_json(compare(options, data, settings), "evengrad compare", seed, 0);
}

TEST(Comparison, OneSeedGivesTheSameBitsWhateverTheJobsAndWhoTrainsBeside) {
  ComparisonOptions options = small();
  for (const std::vector<double>& rates : {std::vector<double>{0.01, 0.1}, {0.1}, {0.01, 1e30}, {1e30}}) {
    options.rates = rates;  // nets of the large rate diverge
    const std::string alone = run_small(options, 1, SideBySide::never);
    for (const SideBySide when : {SideBySide::never, SideBySide::where_it_pays, SideBySide::always}) {
      for (const int jobs : {1, 2, 5}) EXPECT_EQ(run_small(options, jobs, when), alone);
    }
    if (rates[0] < 1) EXPECT_NE(run_small(options, 2, SideBySide::always, 2), alone);
  }
}

TEST(Comparison, WhatCannotBeBuiltIsMarkedWithItsReason) {
  const Split<float> data = load_data<float>({.name = "moons", .samples = 100});
  const ExperimentSettings settings;
  const Comparison c = compare(small(), data, settings);
  ASSERT_EQ(c.cells.size(), 8u);
  for (const ComparisonCell& cell : c.cells) {
    const bool impossible = cell.pairing.activation == "x*tanh(exp(x))" && cell.pairing.initializer == "critical";
    EXPECT_EQ(cell.refused.empty(), !impossible) << to_string(cell.pairing);
    EXPECT_EQ(cell.records.size(), impossible ? 0u : 2u);
  }
  EXPECT_EQ(c.pairings.size(), 3u);
}

TEST(Comparison, RegressionIsComparedByItsLoss) {
  const Split<float> data = load_data<float>({.name = "sine", .samples = 100});
  const ExperimentSettings settings;
  ComparisonOptions options = small();
  options.initializers = {"he"};
  options.rates = {0.01, 1e30};  // the second one diverges and is not chosen
  const Comparison c = compare(options, data, settings);
  EXPECT_EQ(c.metric, "test_loss");
  for (const ComparisonCell& cell : c.cells) {
    EXPECT_EQ(cell.rate, 0.01);
    EXPECT_EQ(cell.diverged, 0);
  }
  options.rates = {1e30};
  const Comparison diverged = compare(options, data, settings);
  for (const ComparisonCell& cell : diverged.cells) {
    EXPECT_EQ(cell.diverged, 2);
    EXPECT_EQ(cell.metric.value, diverged_loss);
  }
}

TEST(Comparison, WrongOptionsAreRefused) {
  const Split<float> data = load_data<float>({.name = "moons", .samples = 100});
  const ExperimentSettings settings;
  const auto message = [&](auto change) -> std::string {
    ComparisonOptions options = small();
    change(options);
    try {
      compare(options, data, settings);
    } catch (const UsageError& error) {
      return error.what();
    }
    return "accepted";
  };
  EXPECT_NE(message([](auto& o) { o.activations.clear(); }).find("activations"), std::string::npos);
  EXPECT_NE(message([](auto& o) { o.activations = {"rellu"}; }).find("relu"), std::string::npos);
  EXPECT_NE(message([](auto& o) { o.depths = {0}; }).find("depth"), std::string::npos);
  EXPECT_NE(message([](auto& o) { o.rates = {-1}; }).find("rate"), std::string::npos);
  EXPECT_NE(message([](auto& o) { o.seeds = 0; }).find("seeds"), std::string::npos);
  const Split<float> no_test = load_data<float>({.name = "moons", .samples = 100, .test_fraction = 0.0});
  EXPECT_THROW(compare(small(), no_test, settings), UsageError);
}

}  // namespace
}  // namespace evengrad
