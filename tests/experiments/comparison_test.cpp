#include <evengrad/experiments/comparison.hpp>

#include <evengrad/activations/registry.hpp>
#include <evengrad/core/error.hpp>
#include <evengrad/data/registry.hpp>
#include <evengrad/experiments/json_writer.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

namespace evengrad {
namespace {

constexpr Index test_rows = 200;

// A comparison of which only the metrics matter: values[pairing][depth][seed]. Accuracies are right answers of the
// first rows; losses are twice the mean in every other row and 0 in the rest.
Comparison planted(const std::vector<std::vector<std::vector<double>>>& values, bool larger_is_better = true,
                   Index rows = test_rows) {
  Comparison c{.data = "planted", .metric = "metric", .larger_is_better = larger_is_better, .test_rows = rows};
  for (std::size_t p = 0; p < values.size(); ++p) {
    for (std::size_t d = 0; d < values[p].size(); ++d) {
      ComparisonCell& cell = c.cells.emplace_back();
      cell.pairing = {text("f", p), "he", static_cast<Index>(d + 1), 8};
      for (const double metric : values[p][d]) {
        ComparisonRecord& record = cell.records.emplace_back();
        record.classifies = larger_is_better;
        record.constant_loss = 1;  // a final loss of 0: it learned
        record.metric = metric;
        for (Index i = 0; i < rows; ++i) {
          record.parts.push_back(larger_is_better ? (static_cast<double>(i) < metric * static_cast<double>(rows) - 0.5)
                                 : i % 2 == 0     ? 0.0
                                                  : 2 * metric);
        }
      }
    }
  }
  return c;
}

void diverge(ComparisonRecord& record) {
  record.diverged = true;
  record.metric = std::nan("");
}

TEST(Comparison, AClearWinnerIsNamed) {
  Comparison c = planted({{{0.5, 0.6, 0.55, 0.52}}, {{0.9, 0.95, 0.93, 0.91}}, {{0.7, 0.72, 0.71, 0.69}}});
  rank(c, Rng(1));
  ASSERT_EQ(c.pairings.size(), 3u);
  EXPECT_EQ(c.pairings[0].activation, "f1");
  EXPECT_EQ(c.pairings[1].activation, "f2");
  EXPECT_TRUE(c.pairings[1].worse && c.pairings[2].worse);
  EXPECT_EQ(c.pairings[2].best_is_better, 1);
  EXPECT_EQ(c.pairings[0].verdict, "best");
  EXPECT_NEAR(c.pairings[1].behind.value, 0.9225 - 0.705, 1e-12);
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
  EXPECT_NE(c.conclusion.find("it beats 1 other"), std::string::npos) << c.conclusion;
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

// 200 right answers of 200: Clopper and Pearson's interval starts at 0.025^(1/200).
TEST(Comparison, ThreeSeedsOn200RowsAreNotCertainty) {
  Comparison c = planted({{{1, 1, 1}}, {{0.995, 0.995, 0.995}}, {{0.7, 0.7, 0.7}}});
  rank(c, Rng(1));
  EXPECT_EQ(c.pairings[0].metric.value, 1);
  EXPECT_NEAR(*c.pairings[0].metric.low, std::pow(0.025, 1.0 / 200), 1e-9);
  EXPECT_EQ(*c.pairings[0].metric.high, 1);
  EXPECT_EQ(c.pairings[1].verdict, "tied with the best");
  EXPECT_EQ(c.pairings[2].verdict, "worse");
  EXPECT_EQ(c.conclusion.find("A tie between 2 of 3"), 0u) << c.conclusion;
}

TEST(Comparison, FewTestRowsAreIndicativeOnly) {
  for (const double other : {0.0, 0.8}) {
    Comparison c = planted({{{1, 1, 1}}, {{other, other, other}}}, true, 5);
    rank(c, Rng(1));
    EXPECT_EQ(c.conclusion.find("Indicative only, with 5 test rows: "), 0u) << c.conclusion;
    EXPECT_LT(*c.pairings[0].metric.low, 0.5);
  }
}

TEST(Comparison, IntervalsStayWhereTheirNumbersCanBe) {
  for (const double scale : {1e-12, 1.0, 1e12}) {
    Comparison c = planted({{{1 * scale, 9 * scale, 2 * scale}}, {{3 * scale, 4 * scale, 5 * scale}}}, false, 5);
    rank(c, Rng(1));
    for (const ComparedPairing& p : c.pairings) {
      EXPECT_GT(*p.metric.low, 0);
      EXPECT_LT(*p.metric.low, p.metric.value);
      EXPECT_GT(*p.metric.high, p.metric.value);
    }
    EXPECT_FALSE(c.pairings[1].worse);
  }
  Comparison c = planted({{{0.99, 1, 1}}, {{0.01, 0, 0}}});
  rank(c, Rng(1));
  for (const ComparedPairing& p : c.pairings) {
    EXPECT_GE(*p.metric.low, 0);
    EXPECT_LE(*p.metric.high, 1);
  }
}

TEST(Comparison, WhatIsNoBetterThanAConstantIsNotRecommended) {
  Comparison c = planted({{{0.94, 0.95, 0.93}}, {{0.5, 0.5, 0.5}}});
  c.constant_metric = 0.95;
  rank(c, Rng(1));
  EXPECT_EQ(c.conclusion.find("No pairing predicts the test rows better than"), 0u) << c.conclusion;
  EXPECT_EQ(c.pairings[0].verdict, "best, no better than a constant");

  Comparison losses = planted({{{4, 4.1, 4.2}}, {{8, 8, 8}}}, false);
  losses.constant_metric = 2;
  rank(losses, Rng(1));
  EXPECT_NEAR(losses.pairings[0].r2->value, 1 - 4.1 / 2, 1e-12);
  EXPECT_EQ(losses.conclusion.find("No pairing predicts the test rows better than"), 0u) << losses.conclusion;

  losses.constant_metric = 8.1;
  rank(losses, Rng(1));
  EXPECT_NEAR(losses.pairings[0].r2->value, 1 - 4.1 / 8.1, 1e-12);
  EXPECT_NEAR(*losses.pairings[0].r2->low, 1 - *losses.pairings[0].metric.high / 8.1, 1e-12);
  EXPECT_NE(losses.conclusion.find("R² 0.49"), std::string::npos) << losses.conclusion;
}

TEST(Comparison, FailuresAreToldApartAndComeLast) {
  for (const bool larger_is_better : {true, false}) {
    // By their metrics alone f0 is the worst of those that ended.
    const std::vector<double> good(3, larger_is_better ? 0.9 : 0.1), poor(3, larger_is_better ? 0.6 : 0.4);
    Comparison c = planted({{poor}, {good}, {good}, {good}, {good}}, larger_is_better);
    for (int s = 0; s < 3; ++s) {
      diverge(c.cells[1].records[static_cast<std::size_t>(s)]);
      c.cells[2].records[static_cast<std::size_t>(s)].final_loss = 1;
      ComparisonRecord& failed = c.cells[3].records[static_cast<std::size_t>(s)];
      failed.final_test_loss = INFINITY;
      failed.metric = std::nan("");
    }
    diverge(c.cells[4].records[1]);
    rank(c, Rng(1));
    std::vector<std::string> verdicts, names;
    for (const ComparedPairing& p : c.pairings) verdicts.push_back(p.verdict), names.push_back(p.activation);
    EXPECT_EQ(names, (std::vector<std::string>{"f0", "f4", "f2", "f1", "f3"}));
    EXPECT_EQ(verdicts, (std::vector<std::string>{"best", "1 of 3 nets diverged", "did not learn", "diverged",
                                                  "failed on test rows"}));
    EXPECT_EQ(c.conclusion.find("Use f0 with he: "), 0u) << c.conclusion;
    EXPECT_NE(c.conclusion.find("4 pairings diverged, failed or did not learn"), std::string::npos) << c.conclusion;
    EXPECT_TRUE(std::isnan(c.pairings[3].metric.value));
    EXPECT_EQ(c.pairings[1].metric.value, good[0]);  // of the two that ended
    for (std::size_t i = 1; i < 5; ++i) EXPECT_TRUE(c.pairings[i].worse);
    const Report report = comparison_report(c);
    EXPECT_EQ(std::get<std::string>(report.tables[0].rows[3].back()), "diverged");
    EXPECT_TRUE(std::isnan(report.heat_maps[0].values[1][0]));
  }
}

TEST(Comparison, WhereEveryNetFailedThatIsTheAnswer) {
  Comparison none = planted({{{0, 0}}, {{0, 0}}});
  for (ComparisonCell& cell : none.cells) {
    for (ComparisonRecord& record : cell.records) diverge(record);
  }
  rank(none, Rng(1));
  EXPECT_FALSE(any_trained(none));
  EXPECT_EQ(none.conclusion.find("Every net diverged"), 0u) << none.conclusion;

  Comparison idle = planted({{{0.5, 0.5}}, {{0.5, 0.5}}});
  for (ComparisonCell& cell : idle.cells) {
    for (ComparisonRecord& record : cell.records) record.final_loss = 1;
  }
  rank(idle, Rng(1));
  EXPECT_TRUE(any_trained(idle));
  EXPECT_EQ(idle.conclusion.find("No net learned"), 0u) << idle.conclusion;
}

TEST(Comparison, APairingThatIsRefusedAnywhereIsLeftOut) {
  Comparison c = planted({{{0.5, 0.6}, {0.5, 0.6}}, {{0.9, 0.9}, {}}});
  c.cells.back().refused = "no such point";
  rank(c, Rng(1));
  ASSERT_EQ(c.pairings.size(), 1u);
  EXPECT_EQ(c.pairings[0].activation, "f0");
}

// Pairings that do not differ, with seeds and rows that do: how often one of them is called worse. Five per cent is
// what the correction for all pairs promises; 10 of 200 with three standard deviations of that count are 19.
TEST(Comparison, NoiseIsSeldomTakenForADifference) {
  constexpr int comparisons = 200;
  constexpr Index rows = 100;
  for (const bool larger_is_better : {true, false}) {
    Rng rng(3);
    int wrong = 0;
    for (int n = 0; n < comparisons; ++n) {
      Comparison c = planted({4, {2, std::vector<double>(3, 0)}}, larger_is_better, rows);
      std::vector<double> difficulty;
      for (Index i = 0; i < rows; ++i) difficulty.push_back(rng.normal());
      for (ComparisonCell& cell : c.cells) {
        for (ComparisonRecord& record : cell.records) {
          const double skill = 1 + 0.3 * rng.normal();
          record.metric = 0;
          for (Index i = 0; i < rows; ++i) {
            double& part = record.parts[static_cast<std::size_t>(i)];
            const double margin = skill - difficulty[static_cast<std::size_t>(i)] + 0.5 * rng.normal();
            part = larger_is_better ? margin > 0 : margin * margin;
            record.metric += part / static_cast<double>(rows);
          }
        }
      }
      rank(c, rng.split(static_cast<std::uint64_t>(n)));
      wrong += std::any_of(c.pairings.begin(), c.pairings.end(), [](const auto& p) { return p.worse; });
    }
    EXPECT_LE(wrong, 19);
  }
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
    EXPECT_EQ(cell.count(FitOutcome::diverged), 0);
    for (const ComparisonRecord& record : cell.records) {
      const double rows = std::accumulate(record.parts.begin(), record.parts.end(), 0.0) / 20;
      EXPECT_NEAR(rows, record.metric, 1e-5 * record.metric);  // what the trainer evaluates, row by row
    }
    EXPECT_NEAR(cell.r2->value, 1 - cell.metric.value / constant_answer_loss(data.test), 1e-12);
  }
  options.rates = {1e30};
  const Comparison diverged = compare(options, data, settings);
  for (const ComparisonCell& cell : diverged.cells) {
    EXPECT_EQ(cell.count(FitOutcome::diverged), 2);
    EXPECT_TRUE(std::isnan(cell.metric.value));
  }
  EXPECT_EQ(diverged.conclusion.find("Every net diverged"), 0u) << diverged.conclusion;
}

// The targets' unit is no reason for another answer: scaled with their rate of learning they are the same problem.
TEST(Comparison, TargetsOfAnyScaleAreNoDivergence) {
  const ExperimentSettings settings;
  ComparisonOptions options = small();
  options.initializers = {"he"};
  options.rates = {0.01};
  for (const float scale : {1e-6f, 1e-3f, 1e3f, 1e6f}) {
    Split<float> data = load_data<float>({.name = "sine", .samples = 100});
    data.train.targets *= scale;
    data.test.targets *= scale;
    const Comparison c = compare(options, data, settings);
    for (const ComparisonCell& cell : c.cells) {
      EXPECT_EQ(cell.count(FitOutcome::diverged), 0) << scale;
      EXPECT_GT(*cell.metric.low, 0);
    }
  }
}

TEST(Comparison, EqualTargetsAreNothingToLearn) {
  const ExperimentSettings settings;
  for (const float value : {0.0f, 0.1f, 3.0f}) {
    Split<float> data = load_data<float>({.name = "sine", .samples = 100});
    data.train.targets.setConstant(value);
    EXPECT_THROW(compare(small(), data, settings), Error);
  }
  Split<float> data = load_data<float>({.name = "moons", .samples = 100});
  std::fill(data.train.labels.begin(), data.train.labels.end(), 1);
  EXPECT_THROW(compare(small(), data, settings), Error);
}

// Its square overflows in the first steps: it must not win against a net that learns.
TEST(Comparison, ANetThatBlowsUpIsNotRecommended) {
  const Split<float> sine = load_data<float>({.name = "sine", .samples = 100});
  Split<float> data = sine;
  data.train.targets *= 6;  // variance 36 times as large: above any bound made for cross-entropies
  data.test.targets *= 6;
  ComparisonOptions options{
      .activations = {"relu", "exp(x^2)"}, .initializers = {"he"}, .depths = {2}, .widths = {64}, .rates = {0.01}};
  options.seeds = 3;
  options.trainer.steps = 200;
  const ExperimentSettings settings;
  const Comparison c = compare(options, data, settings);
  EXPECT_EQ(c.pairings[0].activation, "relu") << c.conclusion;
  EXPECT_TRUE(c.pairings[1].worse);
  EXPECT_EQ(c.conclusion.find("exp"), std::string::npos) << c.conclusion;
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
