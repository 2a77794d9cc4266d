#include <evengrad/experiments/json_writer.hpp>
#include <evengrad/experiments/softmax_claims.hpp>

#include "settings.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <set>

namespace evengrad {
namespace {

using namespace softmax_parts;

// Small, and on data that need no files.
SoftmaxPlan tiny() {
  return {.draws = 2000,
          .trained = 2,
          .data = "blobs",
          .teacher_rows = 120,
          .rows = 40,
          .test_rows = 60,
          .width = 8,
          .steps = 20,
          .hidden_steps = 10,
          .output_steps = 10};
}

std::string run_tiny(std::uint64_t seed, int jobs) {
  const ExperimentSettings settings = settings_with(seed, jobs);
  return to_json({.experiments = {softmax_claims(settings, tiny())}});
}

TEST(SoftmaxClaims, OneSeedGivesTheSameBitsWhateverTheJobs) {
  const std::string alone = run_tiny(1, 1);
  EXPECT_EQ(run_tiny(1, 2), alone);
  EXPECT_EQ(run_tiny(1, 4), alone);
  EXPECT_NE(run_tiny(2, 2), alone);
}

TEST(SoftmaxClaims, EveryClaimHasAllItsParts) {
  const Report report = softmax_claims({.jobs = 2}, tiny());
  std::set<std::string> ids;
  for (const Claim& claim : report.claims) {
    ids.insert(claim.id);
    EXPECT_FALSE(claim.statement.empty() || claim.source.empty() || claim.rule.empty()) << claim.id;
    EXPECT_EQ(claim.measured.has_value(), claim.verdict != Verdict::not_tested) << claim.id;
  }
  for (int number = 1; number <= 12; ++number) EXPECT_TRUE(ids.count("M" + std::to_string(number))) << number;
  EXPECT_EQ(report.claims.size(), 12u);
  EXPECT_FALSE(report.answer.empty());
  for (const Table& table : report.tables) {
    EXPECT_FALSE(table.rows.empty()) << table.name;
    for (const auto& row : table.rows) EXPECT_EQ(row.size(), table.columns.size()) << table.name;
  }
}

TEST(SoftmaxClaims, TheNumbersAreThoseOfTheFormula) {
  const Report report = softmax_claims({.jobs = 2}, tiny());
  const std::vector<double> sums = {std::exp(2.0) + std::exp(1.0) + std::exp(0.1),
                                    std::exp(4.0) + std::exp(2.0) + std::exp(0.2),
                                    std::exp(1.0) + std::exp(0.5) + std::exp(0.05)};
  for (std::size_t i = 0; i < sums.size(); ++i) {
    EXPECT_NEAR(report.claims[i].measured->value, sums[i], 1e-10);
    EXPECT_EQ(report.claims[i].verdict, Verdict::confirmed);
  }
  const std::vector<double> entropies = {0.84674, 0.45367, 1.02624};
  const std::vector<double> first = {0.65900, 0.86378, 0.50169};
  for (std::size_t i = 0; i < entropies.size(); ++i) {
    EXPECT_NEAR(std::get<double>(report.tables.front().rows[i].back()), entropies[i], 1e-5);
    EXPECT_NEAR(std::get<double>(report.tables.front().rows[i][3]), first[i], 1e-5);
  }
}

TEST(SoftmaxParts, BackwardFactor) {
  // Two units: J = p (1 - p) (1, -1; -1, 1), so ||J||_F^2 / 2 = 2 (p (1 - p))^2 with p = sigmoid(d), d ~ N(0, 2).
  double sum = 0, weights = 0;
  for (double d = -12; d <= 12; d += 1e-3) {
    const double p = 1 / (1 + std::exp(-d)), weight = std::exp(-d * d / 4);
    sum += weight * 2 * p * p * (1 - p) * (1 - p);
    weights += weight;
  }
  EXPECT_NEAR(backward_factor(2), sum / weights, 1e-10);
  EXPECT_NEAR(backward_factor(10'000) * 1e8, std::exp(1.0), 0.01);  // e / n^2, and less by 20 / n of it
}

TEST(SoftmaxParts, FittedTemperatureUndoesAScale) {
  // Labels that are drawn by softmax(z): logits 3 z ask for T = 3.
  Rng rng(5);
  Matrix<double> logits(20'000, 3);
  rng.fill_normal(std::span<double>(logits.data(), static_cast<std::size_t>(logits.size())));
  std::vector<std::int32_t> labels;
  for (Index r = 0; r < logits.rows(); ++r) {
    const double total = logits.row(r).array().exp().sum();
    double left = rng.uniform() * total;
    std::int32_t label = 0;
    while (label < 2 && (left -= std::exp(logits(r, label))) > 0) ++label;
    labels.push_back(label);
  }
  EXPECT_NEAR(fitted_temperature(3 * logits, labels), 3, 0.15);
  EXPECT_LT(calibration(3 * logits, labels, 3).error, 0.02);
  EXPECT_GT(calibration(3 * logits, labels, 1).error, 0.1);
  EXPECT_LT(calibration(3 * logits, labels, 3).loss, calibration(3 * logits, labels, 1).loss);
}

TEST(SoftmaxParts, CalibrationOfSureAnswers) {
  const Matrix<double> sure = (Matrix<double>(2, 2) << 50, 0, 50, 0).finished();
  EXPECT_NEAR(calibration(sure, {0, 0}, 1).error, 0, 1e-12);
  EXPECT_NEAR(calibration(sure, {0, 1}, 1).error, 0.5, 1e-12);
  EXPECT_NEAR(calibration(sure, {0, 1}, 1).loss, 25, 1e-9);
}

TEST(SoftmaxClaims, SeedsAreAsManyAsAskedFor) {
  EXPECT_EQ(softmax_plan({.seeds = 7}).trained, 7);
  EXPECT_EQ(softmax_plan({.profile = Profile::full}).trained, 20);
}

}  // namespace
}  // namespace evengrad
