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

/// Spearman's rank correlation, ties at their mean rank; NaN where one list is constant.
double rank_correlation(std::span<const double> a, std::span<const double> b);

}  // namespace evengrad
