#include <evengrad/core/error.hpp>
#include <evengrad/core/random.hpp>
#include <evengrad/experiments/statistics.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

namespace evengrad {
namespace {

TEST(Statistics, TheMeansIntervalIsStudents) {
  // R: t.test(c(1, 2, 3, 4)): mean 2.5, 95 % interval 0.4457397 .. 4.5542603
  const Measurement m = mean_interval(std::vector<double>{1, 2, 3, 4});
  EXPECT_DOUBLE_EQ(m.value, 2.5);
  EXPECT_NEAR(*m.low, 0.4457397432391206, 1e-12);
  EXPECT_NEAR(*m.high, 4.554260256760879, 1e-12);
}

TEST(Statistics, OneSampleSaysNothingOfTheSpread) {
  const Measurement m = mean_interval(std::vector<double>{7});
  EXPECT_EQ(m.value, 7);
  EXPECT_EQ(*m.low, -INFINITY);
  EXPECT_EQ(*m.high, INFINITY);
  const Measurement geometric = geometric_mean_interval(std::vector<double>{7});
  EXPECT_NEAR(geometric.value, 7, 1e-14);
  EXPECT_EQ(*geometric.low, 0);
  EXPECT_EQ(*geometric.high, INFINITY);
}

TEST(Statistics, EqualSamplesHaveAnIntervalOfNoWidth) {
  const Measurement m = mean_interval(std::vector<double>{3, 3, 3});
  EXPECT_EQ(*m.low, 3);
  EXPECT_EQ(*m.high, 3);
}

TEST(Statistics, NorDoesADivergedOne) {
  const Measurement m = mean_interval(std::vector<double>{1, INFINITY});
  EXPECT_EQ(m.value, INFINITY);
  EXPECT_EQ(*m.low, -INFINITY);
  EXPECT_EQ(*m.high, INFINITY);
}

TEST(Statistics, TheGeometricMeansIntervalIsThatOfTheLogarithms) {
  const Measurement m = geometric_mean_interval(std::vector<double>{10, 100, 1000, 10000});
  EXPECT_NEAR(m.value, std::pow(10, 2.5), 1e-9);
  EXPECT_NEAR(*m.low, std::pow(10, 0.4457397432391206), 1e-10);
  EXPECT_NEAR(*m.high, std::pow(10, 4.554260256760879), 1e-6);
}

TEST(Statistics, TheGeometricMeanReachesWhereAProductWouldUnderflow) {
  EXPECT_NEAR(geometric_mean_interval(std::vector<double>{1e-200, 1e-250}).value / 1e-225, 1, 1e-9);
  const Measurement zero = geometric_mean_interval(std::vector<double>{0, 1});
  EXPECT_EQ(zero.value, 0);
  EXPECT_FALSE(zero.low);
}

TEST(Statistics, TheMediansIntervalIsThatOfTheSignTest) {
  // Of 10 samples the second and the ninth: P(fewer than 2 of 10 coins show heads) = 11/1024, of fewer than 3, 56/1024.
  const std::vector<double> samples = {10, 1, 9, 2, 8, 3, 7, 4, 6, 1e9};
  const Measurement m = median_interval(samples);
  EXPECT_EQ(m.value, 6.5);
  EXPECT_EQ(m.low, 2);
  EXPECT_EQ(m.high, 10);
  // Six samples: all of them; five say nothing.
  EXPECT_EQ(median_interval(std::vector<double>{6, 5, 4, 3, 2, 1}).low, 1);
  EXPECT_EQ(median_interval(std::vector<double>{5, 4, 3, 2, 1}).low, -INFINITY);
}

TEST(Statistics, AShareHasTheIntervalOfClopperAndPearson) {
  // R: binom.test(3, 10): 0.06673951 .. 0.65245285
  const Measurement some = share_interval(3, 10);
  EXPECT_DOUBLE_EQ(some.value, 0.3);
  EXPECT_NEAR(*some.low, 0.06673951, 1e-8);
  EXPECT_NEAR(*some.high, 0.65245285, 1e-8);
  const Measurement none = share_interval(0, 20);
  EXPECT_EQ(*none.low, 0);
  EXPECT_NEAR(*none.high, 1 - std::pow(0.025, 1.0 / 20), 1e-12);
  const Measurement all = share_interval(20, 20);
  EXPECT_NEAR(*all.low, std::pow(0.025, 1.0 / 20), 1e-12);
  EXPECT_EQ(*all.high, 1);
}

TEST(Statistics, QuantilesLieBetweenNeighboursOnALine) {
  const std::vector<double> samples = {4, 1, 3, 2};
  EXPECT_EQ(quantile(samples, 0), 1);
  EXPECT_EQ(quantile(samples, 1), 4);
  EXPECT_DOUBLE_EQ(quantile(samples, 0.5), 2.5);
  EXPECT_DOUBLE_EQ(quantile(samples, 0.9), 3.7);
  EXPECT_EQ(quantile(std::vector<double>{-INFINITY, INFINITY}, 1), INFINITY);
}

TEST(Statistics, TheVariancesIntervalIsThatOfChiSquared) {
  // Tables of chi-squared with 3 degrees of freedom: 0.2157953 at 2.5 %, 9.3484036 at 97.5 %.
  const Measurement m = variance_interval(std::vector<double>{1, 2, 3, 4});
  EXPECT_DOUBLE_EQ(m.value, 5.0 / 3);
  EXPECT_NEAR(*m.low, 5 / 9.3484036, 1e-6);
  EXPECT_NEAR(*m.high, 5 / 0.2157953, 1e-5);
}

TEST(Statistics, NineteenOfTwentyIntervalsHoldTheTruth) {
  Rng rng(3);
  int held = 0;
  constexpr int repetitions = 2000;
  for (int i = 0; i < repetitions; ++i) {
    std::vector<double> samples(5);
    for (double& x : samples) x = 10 + 2 * rng.normal();
    const Measurement m = mean_interval(samples);
    held += *m.low <= 10 && 10 <= *m.high;
  }
  EXPECT_NEAR(held, 0.95 * repetitions, 4 * std::sqrt(repetitions * 0.95 * 0.05));
}

TEST(Statistics, RefusesWhatItCannotAnswer) {
  const std::vector<double> none, one = {1}, negative = {1, -1};
  EXPECT_THROW(mean_interval(none), Error);
  EXPECT_THROW(geometric_mean_interval(negative), Error);
  EXPECT_THROW(quantile(none, 0.5), Error);
  EXPECT_THROW(quantile(one, 1.5), Error);
  EXPECT_THROW(quantile(one, NAN), Error);
  EXPECT_THROW(variance_interval(one), Error);
  EXPECT_THROW(share_interval(1, 0), Error);
  EXPECT_THROW(share_interval(3, 2), Error);
}

TEST(Statistics, TheBootstrapsIntervalIsThatOfAllResamples) {
  // Of 27 equally likely resamples of {0, 0, 3} 1 has mean 3, 6 have 2, 12 have 1 and 8 have 0.
  const Measurement m = bootstrap_mean({{0, 0, 3}}, Rng(1), 0.9);
  EXPECT_DOUBLE_EQ(m.value, 1);
  EXPECT_DOUBLE_EQ(*m.low, 0);
  EXPECT_DOUBLE_EQ(*m.high, 2);
  EXPECT_DOUBLE_EQ(*bootstrap_mean({{0, 0, 3}}, Rng(1), 0.95).high, 3);
}

TEST(Statistics, StrataAreDrawnFromOnTheirOwn) {
  const Measurement m = bootstrap_mean({{1, 1, 1}, {5, 5}}, Rng(1));
  EXPECT_EQ(m.value, 3);
  EXPECT_EQ(*m.low, 3);
  EXPECT_EQ(*m.high, 3);
  EXPECT_EQ(*bootstrap_mean({{1, 2}, {5}}, Rng(1)).high, INFINITY);
  EXPECT_THROW(bootstrap_mean({}, Rng(1)), Error);
  EXPECT_THROW(bootstrap_mean({{1}, {}}, Rng(1)), Error);
}

TEST(Statistics, ProbabilityOfImprovementCountsPairsOfAStratum) {
  // First stratum: 3 > 2, 3 > 1, 1 < 2, 1 = 1: 2.5 of 4. Second: all.
  const Measurement m = probability_of_improvement({{3, 1}, {9, 9}}, {{2, 1}, {0, 0}}, Rng(1));
  EXPECT_DOUBLE_EQ(m.value, (2.5 / 4 + 1) / 2);
  EXPECT_DOUBLE_EQ(probability_of_improvement({{2, 1}, {0, 0}}, {{3, 1}, {9, 9}}, Rng(1)).value, 1 - m.value);
  EXPECT_LE(*m.low, m.value);
  EXPECT_GE(*m.high, m.value);
  const Measurement same = probability_of_improvement({{1, 2, 3}}, {{1, 2, 3}}, Rng(1));
  EXPECT_DOUBLE_EQ(same.value, 0.5);
  EXPECT_LT(*same.low, 0.5);
  EXPECT_GT(*same.high, 0.5);
  const Measurement single = probability_of_improvement({{2}}, {{1}}, Rng(1));
  EXPECT_EQ(*single.low, 0);
  EXPECT_EQ(*single.high, 1);
  EXPECT_THROW(probability_of_improvement({{1}}, {{1}, {2}}, Rng(1)), Error);
}

TEST(Statistics, RankCorrelationGivesTiesTheirMeanRank) {
  EXPECT_DOUBLE_EQ(rank_correlation(std::vector<double>{1, 2, 30}, std::vector<double>{-5, 0, 7}), 1);
  EXPECT_DOUBLE_EQ(rank_correlation(std::vector<double>{1, 2, 3}, std::vector<double>{3, 2, 1}), -1);
  // R: cor(c(1, 2, 2, 4), c(1, 3, 2, 4), method = "spearman")
  EXPECT_NEAR(rank_correlation(std::vector<double>{1, 2, 2, 4}, std::vector<double>{1, 3, 2, 4}), 0.9486832980505138,
              1e-12);
  EXPECT_TRUE(std::isnan(rank_correlation(std::vector<double>{1, 1}, std::vector<double>{1, 2})));
}

TestScores scores(const std::vector<std::vector<double>>& parts) {
  TestScores made{.means = {}, .parts = parts, .rows = static_cast<Index>(parts.front().size())};
  for (const auto& list : parts) {
    double sum = 0;
    for (const double x : list) sum += x;
    made.means.push_back(sum / static_cast<double>(list.size()));
  }
  return made;
}

TEST(Statistics, RightAnswersThroughoutAreThoseOfAsManyRows) {
  for (const int rows : {1, 5, 30, 200, 10000}) {
    const std::vector<double> right(static_cast<std::size_t>(rows), 1), wrong(static_cast<std::size_t>(rows), 0);
    const Measurement all = accuracy_interval(scores({right, right, right}));
    const Measurement exact = share_interval(rows, rows);
    EXPECT_EQ(all.value, 1);
    EXPECT_NEAR(*all.low, *exact.low, 1e-12);
    EXPECT_EQ(*all.high, 1);
    const Measurement none = accuracy_interval(scores({wrong, wrong}));
    EXPECT_EQ(*none.low, 0);
    EXPECT_NEAR(*none.high, 1 - *exact.low, 1e-12);
  }
}

// Seeds that are right and wrong on the same rows add no error of their own and take none away: the interval is not
// narrower than that of one net on these rows, and wider by t in place of the normal law at most.
TEST(Statistics, EqualSeedsAreNoMoreRows) {
  std::vector<double> rows(200, 1);
  std::fill(rows.begin(), rows.begin() + 20, 0.0);
  const Measurement m = accuracy_interval(scores({rows, rows, rows})), one = share_interval(180, 200);
  EXPECT_LE(*m.low, *one.low + 1e-12);
  EXPECT_GE(*m.high, *one.high - 1e-12);
  EXPECT_NEAR(*m.low, *one.low, 2e-3);
  EXPECT_NEAR(*m.high, *one.high, 2e-3);
}

// By hand: means 1 and 3 over seeds, 2 in every row over seeds: variance 2 / 2 from the seeds with one degree of
// freedom (t 12.7062), none from the rows; on the logarithm divided by the mean, 2.
TEST(Statistics, ALosssIntervalIsTOnTheLogarithm) {
  const Measurement m = loss_interval(scores({{1, 1, 1}, {3, 3, 3}}));
  EXPECT_EQ(m.value, 2);
  EXPECT_NEAR(std::log(*m.low), std::log(2) - 12.706204736174694 / 2, 1e-9);
  EXPECT_NEAR(std::log(*m.high), std::log(2) + 12.706204736174694 / 2, 1e-9);
  // Rows alone: 1, 2, 3 for both seeds, variance 1 / 3 with two degrees of freedom (t 4.30265).
  const Measurement rows = loss_interval(scores({{1, 2, 3}, {1, 2, 3}}));
  EXPECT_NEAR(std::log(*rows.high / 2), 4.302652729749462 * std::sqrt(1.0 / 3) / 2, 1e-9);
  // Both: variances 1 and 1 / 3 add up; the degrees of freedom are (4/3)^2 / (1/1 + (1/9)/2) = 32/19.
  const Measurement both = loss_interval(scores({{0, 1, 2}, {2, 3, 4}}));
  const Measurement seeds = loss_interval(scores({{1, 1, 1}, {3, 3, 3}}));
  EXPECT_LT(*both.high, *seeds.high);  // more degrees of freedom count for more than the wider spread
  EXPECT_GT(*both.high, *rows.high);
}

TEST(Statistics, PairedDifferencesForgetWhatBothShare) {
  std::vector<double> a(200, 1), b(200, 1);
  for (std::size_t i = 0; i < 100; ++i) a[i] = b[i] = 0;  // hard rows for both
  for (std::size_t i = 100; i < 120; ++i) b[i] = 0;
  const Measurement m = paired_accuracy_difference(scores({a, a, a}), scores({b, b, b}));
  EXPECT_NEAR(m.value, 0.1, 1e-12);
  // Bonett and Price: (20 + 1 - 1) / 202, variance ((22 / 202) - 0.099^2) / 202, t with 201 degrees of freedom.
  const double centre = 20.0 / 202, error = std::sqrt((22.0 / 202 - centre * centre) / 202);
  EXPECT_NEAR(*m.low, centre - 1.9718 * error, 1e-5);
  EXPECT_NEAR(*m.high, centre + 1.9718 * error, 1e-5);
  const Measurement same = paired_accuracy_difference(scores({a, a}), scores({a, a}));
  EXPECT_EQ(same.value, 0);
  EXPECT_LT(*same.low, 0);
  EXPECT_GT(*same.high, 0);
}

TEST(Statistics, LossRatiosKnowNoUnit) {
  const std::vector<std::vector<double>> a = {{1, 2, 3, 4}, {2, 2, 4, 4}}, b = {{3, 6, 8, 13}, {5, 7, 12, 11}};
  const Measurement one = paired_loss_ratio(scores(b), scores(a), 0);
  EXPECT_NEAR(one.value, 65.0 / 22, 1e-12);
  EXPECT_GT(*one.low, 0);
  auto scaled = [](std::vector<std::vector<double>> lists) {
    for (auto& list : lists) {
      for (double& x : list) x *= 1e-12;
    }
    return scores(lists);
  };
  const Measurement other = paired_loss_ratio(scaled(b), scaled(a), 0);
  EXPECT_NEAR(other.value / one.value, 1, 1e-12);
  EXPECT_NEAR(*other.low / *one.low, 1, 1e-9);
  EXPECT_NEAR(*other.high / *one.high, 1, 1e-9);
  // What is below the floor is zero for both.
  const Measurement exact = paired_loss_ratio(scores({{0, 0}, {0, 0}}), scores({{1e-20, 0}, {0, 1e-20}}), 1e-9);
  EXPECT_EQ(exact.value, 1);
}

TEST(Statistics, PairsNeedTheSameSeedsAndRows) {
  EXPECT_THROW(paired_accuracy_difference(scores({{1, 0}}), scores({{1, 0}, {1, 0}})), Error);
  EXPECT_THROW(paired_loss_ratio(scores({{1, 0}}), scores({{1, 0, 1}}), 0), Error);
  EXPECT_THROW(accuracy_interval({}), Error);
}

TEST(Statistics, RatiosBelowTheFloorAreEqual) {
  const std::vector<double> none = {1e-20, 1e-30, 0}, less = {1e-14, 1e-13, 1e-25}, real = {1e-3, 1e-3, 1e-3};
  const Measurement equal = paired_ratio_interval(none, less, 1e-12);
  EXPECT_DOUBLE_EQ(equal.value, 1);
  EXPECT_NEAR(paired_ratio_interval(real, none, 1e-12).value / 1e9, 1, 1e-9);
  const Measurement m = paired_ratio_interval(std::vector<double>{2, 8}, std::vector<double>{1, 2}, 1e-12);
  EXPECT_NEAR(m.value, std::sqrt(8), 1e-12);
  EXPECT_NEAR(std::log(*m.high / m.value), 12.706204736174694 * std::log(2) / 2, 1e-9);
  EXPECT_THROW(paired_ratio_interval(real, std::vector<double>{1}, 1), Error);
  EXPECT_THROW(paired_ratio_interval(real, real, 0), Error);
}

// Two samples m -+ 1 have the standard error 1 and one degree of freedom: Cauchy's law, 1/2 - atan(t) / pi.
TEST(Statistics, TestsOfTheMeanAreStudents) {
  const auto tail = [](double t) { return 0.5 - std::atan(t) / std::acos(-1.0); };
  const std::vector<double> samples = {1, 3};
  EXPECT_NEAR(t_test(samples), 2 * tail(2), 1e-12);
  EXPECT_NEAR(equivalence_test(samples, 5), tail(3), 1e-12);  // of 2 + 5 and 5 - 2 the nearer
  EXPECT_NEAR(equivalence_test(samples, 1), tail(-1), 1e-12);
  EXPECT_NEAR(equivalence_test(std::vector<double>{-1, -3}, 5), tail(3), 1e-12);
  EXPECT_EQ(t_test(std::vector<double>{0, 0, 0}), 1);
  EXPECT_EQ(t_test(std::vector<double>{1, 1}), 0);
  EXPECT_EQ(equivalence_test(std::vector<double>{1, 1}, 2), 0);
  for (const std::vector<double>& nothing : {std::vector<double>{}, {1}, {1, NAN}, {INFINITY, 1}}) {
    EXPECT_EQ(t_test(nothing), 1);
    EXPECT_EQ(equivalence_test(nothing, 1), 1);
  }
  EXPECT_THROW(equivalence_test(samples, 0), Error);
}

// It agrees with the interval: 95 % excludes 0 exactly where the probability is below 0.05.
TEST(Statistics, TheTestAgreesWithTheInterval) {
  Rng rng(4);
  for (int n = 0; n < 200; ++n) {
    std::vector<double> samples;
    for (int i = 0; i < 5; ++i) samples.push_back(1 + rng.normal());
    const Measurement m = mean_interval(samples);
    EXPECT_EQ(t_test(samples) < 0.05, *m.low > 0 || *m.high < 0);
  }
}

TEST(Statistics, HolmRaisesTheSmallestMost) {
  const std::vector<double> adjusted = holm(std::vector<double>{0.04, 0.01, 0.03, 0.005});
  // In order 0.005 * 4, 0.01 * 3, 0.03 * 2, and 0.04 * 1, which may not be below the one before.
  const std::vector<double> expected = {0.06, 0.03, 0.06, 0.02};
  for (std::size_t i = 0; i < expected.size(); ++i) EXPECT_NEAR(adjusted[i], expected[i], 1e-15);
  EXPECT_EQ(holm(std::vector<double>{0.7, 0.8})[1], 1);
  EXPECT_TRUE(holm({}).empty());
}

}  // namespace
}  // namespace evengrad
