#include <evengrad/activations/registry.hpp>
#include <evengrad/experiments/json_writer.hpp>
#include <evengrad/experiments/linear_and_universal.hpp>

#include "settings.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <numbers>
#include <set>

namespace evengrad {
namespace {

using namespace linear;

LinearPlan tiny() {
  return {.nets = 2,
          .trained = 2,
          .curves = 2,
          .narrow = 4,
          .widths = {4, 8},
          .steps = 10,
          .short_steps = 10,
          .time_step = 0.02};
}

std::string run_tiny(std::uint64_t seed, int jobs) {
  const ExperimentSettings settings = settings_with(seed, jobs);
  return to_json({.experiments = {linear_and_universal(settings, tiny())}});
}

TEST(LinearAndUniversal, OneSeedGivesTheSameBitsWhateverTheJobs) {
  const std::string alone = run_tiny(1, 1);
  EXPECT_EQ(run_tiny(1, 2), alone);
  EXPECT_EQ(run_tiny(1, 4), alone);
  EXPECT_NE(run_tiny(2, 2), alone);
}

TEST(LinearAndUniversal, EveryClaimHasAllItsParts) {
  const ExperimentSettings settings{.jobs = 2};
  const Report report = linear_and_universal(settings, tiny());
  std::set<std::string> ids;
  for (const Claim& claim : report.claims) {
    ids.insert(claim.id);
    EXPECT_FALSE(claim.statement.empty() || claim.source.empty() || claim.rule.empty()) << claim.id;
    EXPECT_TRUE(claim.measured && claim.predicted) << claim.id;
    EXPECT_FALSE(claim.timing) << claim.id;
  }
  EXPECT_EQ(ids, (std::set<std::string>{"U1", "U2", "U3", "U4", "U5"}));
  EXPECT_EQ(report.claims.size(), 5u);
  EXPECT_FALSE(report.answer.empty());
  for (const Table& table : report.tables) {
    for (const auto& row : table.rows) EXPECT_EQ(row.size(), table.columns.size()) << table.name;
  }
  for (const Series& series : report.series) {
    EXPECT_EQ(series.x.size(), series.y.size()) << series.name;
    EXPECT_TRUE(series.theory.empty() || series.theory.size() == series.x.size()) << series.name;
  }
}

TEST(LinearAndUniversal, SeedsAreAsManyAsAskedFor) {
  EXPECT_EQ(linear_plan({.seeds = 7}).nets, 7);
  EXPECT_EQ(linear_plan({.seeds = 7}).trained, 7);
  EXPECT_EQ(linear_plan({.profile = Profile::full}).widths.back(), 512);
}

// Two layers: u(t) = s e^(2 s t) / (e^(2 s t) - 1 + s / u0); one layer: s - (s - u0) e^-t.
TEST(ModeStrength, IsTheClosedFormOfOneAndTwoLayers) {
  const std::vector<double> times = {0.5, 1, 2, 4};
  for (const double s : {1.0, 3.0}) {
    const double u0 = 1e-3;
    const std::vector<double> one = mode_strength(1, s, u0, times), two = mode_strength(2, s, u0, times);
    for (std::size_t i = 0; i < times.size(); ++i) {
      const double grown = std::exp(2 * s * times[i]);
      EXPECT_NEAR(two[i], s * grown / (grown - 1 + s / u0), 1e-7 * s);
      EXPECT_NEAR(one[i], s - (s - u0) * std::exp(-times[i]), 1e-7 * s);
    }
  }
}

// sin 3x against 1, x, x^2 on [-pi/2, pi/2]: only x takes part, with the integrals -2/9 and pi^3/12.
TEST(PolynomialResidual, IsTheProjectionByHand) {
  const double pi = std::numbers::pi;
  const double left = pi / 2 - (2.0 / 9) * (2.0 / 9) / (pi * pi * pi / 12);
  EXPECT_NEAR(polynomial_residual(2), std::sqrt(left / pi), 1e-5);
  EXPECT_NEAR(polynomial_residual(1), polynomial_residual(2), 1e-9);
  EXPECT_NEAR(polynomial_residual(0), std::sqrt(0.5), 1e-9);
  EXPECT_LT(polynomial_residual(9), 1e-2);
}

TEST(AbsoluteValue, IsWhatTheNetAnswers) {
  auto net = mlp<double>({.inputs = 1, .hidden = {2, 2, 2}, .outputs = 1, .activations = {activation("relu")}});
  set_absolute_value(net);
  Matrix<double> x(3, 1);
  x << -1.5, 0, 2;
  Tape<double> tape({.recording = false});
  EXPECT_EQ(Matrix<double>(net.forward(tape.constant(x), Context{}).value()), x.cwiseAbs());
}

TEST(DeadForAnInput, IsTheProbabilityOfASilentLayer) {
  EXPECT_NEAR(dead_for_an_input(1, 2), 0.25, 1e-15);
  EXPECT_NEAR(dead_for_an_input(2, 1), 0.75, 1e-15);
  EXPECT_NEAR(dead_for_an_input(10, 2), 1 - 59049.0 / 1048576, 1e-15);  // 0.75^10 = 3^10 / 4^10
}

TEST(LinearRules, OneLinearMap) {
  EXPECT_EQ(collapses({1e-6}, {0.25}), Verdict::confirmed);
  EXPECT_EQ(collapses({1e-3}, {0.25}), Verdict::refuted);
  EXPECT_EQ(collapses({1e-6}, {0.2}), Verdict::refuted);
}

TEST(LinearRules, WastedDepth) {
  const Measurement same_error{1.001, 1, 1.002}, better{0.5, 0.4, 0.6}, same_curve{0.001, 0, 0.002},
      other{0.4, 0.3, 0.5}, open{1, -INFINITY, INFINITY};
  EXPECT_EQ(depth_is_wasted(same_error, same_curve).verdict, Verdict::confirmed);
  EXPECT_EQ(depth_is_wasted(same_error, other).verdict, Verdict::conditional);
  EXPECT_EQ(depth_is_wasted(better, other).verdict, Verdict::refuted);
  EXPECT_EQ(depth_is_wasted(open, other).verdict, Verdict::undecided);
}

TEST(LinearRules, RepresentedButNotLearned) {
  EXPECT_EQ(represented_but_not_learned(0, {0.9, 0.8, 0.95}), Verdict::confirmed);
  EXPECT_EQ(represented_but_not_learned(0, {0.1, 0.05, 0.2}), Verdict::refuted);
  EXPECT_EQ(represented_but_not_learned(0.1, {0.9, 0.8, 0.95}), Verdict::refuted);
  EXPECT_EQ(represented_but_not_learned(0, {0.5, 0.4, 0.6}), Verdict::undecided);
}

}  // namespace
}  // namespace evengrad
