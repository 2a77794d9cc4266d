#include <evengrad/experiments/activation_shapes.hpp>
#include <evengrad/experiments/json_writer.hpp>

#include "settings.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <set>

namespace evengrad {
namespace {

using namespace shapes;

// Small, and on data that need no files.
ShapesPlan tiny() {
  return {.draws = 2000,
          .batches = 3,
          .samples = 20'000,
          .float_stride = 1 << 12,
          .trained = 2,
          .data = "blobs",
          .train_rows = 80,
          .test_rows = 40,
          .width = 8,
          .steps = 20};
}

std::string run_tiny(std::uint64_t seed, int jobs) {
  const ExperimentSettings settings = settings_with(seed, jobs);
  return to_json({.experiments = {activation_shapes(settings, tiny())}});
}

TEST(ActivationShapes, OneSeedGivesTheSameBitsWhateverTheJobs) {
  const std::string alone = run_tiny(1, 1);
  EXPECT_EQ(run_tiny(1, 2), alone);
  EXPECT_EQ(run_tiny(1, 4), alone);
  EXPECT_NE(run_tiny(2, 2), alone);
}

TEST(ActivationShapes, EveryClaimHasAllItsParts) {
  const Report report = activation_shapes({.jobs = 2}, tiny());
  std::set<std::string> ids;
  for (const Claim& claim : report.claims) {
    ids.insert(claim.id);
    EXPECT_FALSE(claim.statement.empty() || claim.source.empty() || claim.rule.empty()) << claim.id;
    EXPECT_TRUE(claim.measured && claim.predicted) << claim.id;
    EXPECT_FALSE(claim.timing) << claim.id;
  }
  for (int number = 1; number <= 26; ++number) EXPECT_TRUE(ids.count("S" + std::to_string(number))) << number;
  EXPECT_EQ(report.claims.size(), 26u);
  EXPECT_FALSE(report.answer.empty());
  for (const Table& table : report.tables) {
    EXPECT_FALSE(table.rows.empty()) << table.name;
    for (const auto& row : table.rows) EXPECT_EQ(row.size(), table.columns.size()) << table.name;
  }
  for (const Series& series : report.series) EXPECT_EQ(series.x.size(), series.y.size());
}

// Values of mpmath, to 20 digits.
TEST(ActivationShapes, TheNumbersAreThoseOfAnotherProgram) {
  const Report report = activation_shapes({.jobs = 2}, tiny());
  const std::map<std::string, double> expected = {
      {"largest slope of sigmoid", 0.25},
      {"over sigmoid's", 4},
      {"minimum of silu", -0.27846454276107379511},
      {"minimum of silu, at", -1.27846454276107379511},
      {"minimum of mish", -0.30884341301725043},
      {"minimum of mish, at", -1.1924312145154954},
      {"minimum of gelu", -0.16997120747990367},
      {"minimum of gelu, at", -0.75179152469356453},
      {"largest slope of gelu", 1.1289041451851547863},
      {"smallest slope of gelu, at", -1.4142135623730950488},
      {"largest slope of silu", 1.099839320128866917},
      {"largest slope of silu, at", 2.3993572805154676678},
      {"largest slope of mish", 1.0884981612517278612},
      {"largest slope of mish, at", 1.4905711794854284593},
      {"smallest slope of mish", -0.11252612238946255641},
      {"smallest slope of mish, at", -2.25637639636079312},
      {"largest error, tanh form: value", 0.00047323552},
      {"largest error, tanh form: slope", 0.00086845183},
      {"largest error, sigmoid form: value", 0.02033487221},
      {"largest error, sigmoid form: slope", 0.02907204552},
      {"GELU's slope at -5", -7.146946e-06},
  };
  std::size_t found = 0;
  for (const auto& row : report.tables.front().rows) {
    const auto entry = expected.find(std::get<std::string>(row[1]));
    if (entry == expected.end()) continue;
    ++found;
    EXPECT_NEAR(std::get<double>(row[2]), entry->second, 1e-7) << entry->first;
    EXPECT_NEAR(std::get<Measurement>(row[3]).value, entry->second, 1e-7) << entry->first;
  }
  EXPECT_EQ(found, expected.size());
}

TEST(ActivationShapes, SeedsAreAsManyAsAskedFor) {
  EXPECT_EQ(shapes_plan({.seeds = 7}).trained, 7);
  EXPECT_EQ(shapes_plan({.profile = Profile::full}).float_stride, 1u);
}

TEST(ShapesRules, VerySlightly) {
  EXPECT_EQ(very_slightly(0.01, 0.01, 0.3, 0.1).verdict, Verdict::confirmed);
  EXPECT_EQ(very_slightly(0.17, 0.01, 0.3, 0.1).verdict, Verdict::conditional);
  EXPECT_EQ(very_slightly(0.01, 0.13, 0.3, 0.1).verdict, Verdict::conditional);
  EXPECT_EQ(very_slightly(0, 0, 0.3, 0.1).verdict, Verdict::refuted);
}

TEST(ShapesRules, StochasticRegularizer) {
  const Measurement none{0, -0.01, 0.01}, half{-0.1, -0.11, -0.09}, dropout{-0.1, -0.12, -0.08}, open{-0.05, -0.2, 0.1};
  EXPECT_EQ(stochastic_regularizer(true, half, dropout).verdict, Verdict::confirmed);
  EXPECT_EQ(stochastic_regularizer(false, none, dropout).verdict, Verdict::refuted);
  EXPECT_EQ(stochastic_regularizer(false, half, dropout).verdict, Verdict::conditional);
  EXPECT_EQ(stochastic_regularizer(true, none, dropout).verdict, Verdict::conditional);
  EXPECT_EQ(stochastic_regularizer(false, open, dropout).verdict, Verdict::undecided);
  EXPECT_EQ(stochastic_regularizer(false, none, none).verdict, Verdict::undecided);
}

TEST(ShapesRules, SameFunction) {
  EXPECT_EQ(same_function(0, 0).verdict, Verdict::confirmed);
  EXPECT_EQ(same_function(0, 0.1).verdict, Verdict::conditional);
  EXPECT_EQ(same_function(1e-17, 0.1).verdict, Verdict::refuted);
}

}  // namespace
}  // namespace evengrad
