#include <evengrad/core/error.hpp>
#include <evengrad/core/random.hpp>
#include <evengrad/experiments/statistics.hpp>

#include <gtest/gtest.h>

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

}  // namespace
}  // namespace evengrad
