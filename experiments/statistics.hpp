// Means with their 95 % intervals over seeds, and the few other numbers that the experiments make of samples.
#pragma once

#include <evengrad/core/random.hpp>
#include <evengrad/experiments/report.hpp>

#include <span>
#include <vector>

namespace evengrad {

/// The mean and its 95 % interval by Student's t, adding in the order of the samples. One sample, or one that is not
/// finite, says nothing of the spread: the interval is then the whole line, and no rule can decide by it.
/// \throws Error without samples.
Measurement mean_interval(std::span<const double> samples);

/// The geometric mean, its interval taken of the logarithms. A zero among the samples makes it 0,
/// exactly.
/// \throws Error without samples, or where one is negative.
Measurement geometric_mean_interval(std::span<const double> samples);

/// The geometric mean of a over b, paired sample by sample, its interval by t on the logarithms. Samples below `floor`
/// are `floor`, so that two losses that are both nothing but rounding are equal. \throws Error unless both have as many
/// samples and floor > 0.
Measurement paired_ratio_interval(std::span<const double> a, std::span<const double> b, double floor);

/// Student's test that the mean is 0: the probability, where it is, of a mean as far from 0 as this one. 1 with fewer
/// than two samples.
double t_test(std::span<const double> samples);

/// Two one-sided t tests (Schuirmann 1987) that the mean lies within (-margin, margin): the larger of their two
/// probabilities. Below 0.05, what the samples are differences of counts as equivalent. 1 with fewer than two samples.
/// \throws Error unless margin > 0.
double equivalence_test(std::span<const double> samples, double margin);

/// Probabilities of several tests, each raised so that comparing all with one level keeps the probability of any false
/// alarm below it (Holm 1979), in the order given.
std::vector<double> holm(std::span<const double> probabilities);

/// The median and the narrowest pair of equally far samples that holds it with 95 %, whatever their law (a sign test
/// turned around); fewer than six samples say nothing, and their interval is the whole line. A few samples that are far
/// off move neither. \throws Error without samples.
Measurement median_interval(std::span<const double> samples);

/// The share of `trials` that were hits, with the interval of Clopper and Pearson (1934).
/// \throws Error unless 0 <= hits <= trials and trials > 0.
Measurement share_interval(int hits, int trials);

/// The value below which a share p of the samples lies, between neighbours on a line (Hyndman and Fan 1996, type 7).
/// \throws Error without samples, or unless 0 <= p <= 1.
double quantile(std::span<const double> samples, double p);

/// The variance over samples, divided by n - 1, with its interval by chi-squared, for samples that are normal.
/// \throws Error with fewer than two samples.
Measurement variance_interval(std::span<const double> samples);

/// Samples of one quantity under several conditions, a list a condition.
using Strata = std::vector<std::vector<double>>;

/// The mean over strata of their means, its interval by drawing anew within each stratum (the stratified bootstrap of
/// Agarwal et al. 2021, "Deep reinforcement learning at the edge of the statistical precipice"). A stratum of one
/// sample says nothing of the spread: the interval is then the whole line. \throws Error for a stratum without samples.
Measurement bootstrap_mean(const Strata& strata, const Rng& rng, double level = 0.95);

/// The probability that a draw of `a` is larger than one of `b` of the same stratum, ties counted half, the mean over
/// strata (the probability of improvement of the same paper), with its bootstrap interval; [0, 1] where a stratum has
/// one sample. \throws Error where the strata do not match.
Measurement probability_of_improvement(const Strata& a, const Strata& b, const Rng& rng, double level = 0.95);

/// What nets trained with several seeds scored on the same test rows: right answers (0 or 1) or losses. Both the seeds
/// and the rows are samples, and both leave an error. A seed that is left out has no list.
struct TestScores {
  std::vector<double> means;               ///< over the rows, one a seed
  std::vector<std::vector<double>> parts;  ///< one list a seed: means over equal parts of the rows, at most one a row
  Index rows = 0;                          ///< of the test set
};

/// The mean accuracy over seeds and rows. Its variance is that of the seeds' means plus that of the rows' means, with
/// the quantile of Cochran and Cox (1950); the part that belongs to both is counted twice, which is on the safe side.
/// The interval is that of Clopper and Pearson for the effective number of rows that has this variance
/// (Korn and Graubard 1998), never more than there are: it stays within [0, 1], and 200 right answers of 200 are not
/// certainty. One seed: [0, 1]. \throws Error without seeds or rows.
Measurement accuracy_interval(const TestScores& scores, double level = 0.95);

/// The mean loss over seeds and rows, its interval by t on the logarithm (delta method) and therefore above 0. One
/// seed: from 0 to infinity. \throws Error without seeds or rows.
Measurement loss_interval(const TestScores& scores, double level = 0.95);

/// By how much a is more accurate than b, paired by seeds and rows. Two rows that differ, one in favour of each, are
/// added before the interval is taken (Bonett and Price 2012), so that a few rows that agree are not certainty. One
/// seed: [-1, 1]. \throws Error unless both have the same seeds and rows.
Measurement paired_accuracy_difference(const TestScores& a, const TestScores& b, double level = 0.95);

/// The loss of a over that of b, paired by seeds and rows, its interval by t on the logarithm. Losses below `floor` are
/// `floor`: what is below it is rounding. One seed: from 0 to infinity.
/// \throws Error unless both have the same seeds and rows.
Measurement paired_loss_ratio(const TestScores& a, const TestScores& b, double floor, double level = 0.95);

/// Spearman's rank correlation, ties at their mean rank; NaN where one list is constant.
double rank_correlation(std::span<const double> a, std::span<const double> b);

}  // namespace evengrad
