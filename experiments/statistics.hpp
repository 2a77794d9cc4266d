// Means with their 95 % intervals over seeds, and the few other numbers that the experiments make of samples.
#pragma once

#include <evengrad/experiments/report.hpp>

#include <span>

namespace evengrad {

/// The mean and its 95 % interval by Student's t, adding in the order of the samples. One sample, or one that is not
/// finite, says nothing of the spread: the interval is then the whole line, and no rule can decide by it.
/// \throws Error without samples.
Measurement mean_interval(std::span<const double> samples);

/// The geometric mean, its interval taken of the logarithms. A zero among the samples makes it 0,
/// exactly.
/// \throws Error without samples, or where one is negative.
Measurement geometric_mean_interval(std::span<const double> samples);

/// The share of `trials` that were hits, with the interval of Clopper and Pearson (1934).
/// \throws Error unless 0 <= hits <= trials and trials > 0.
Measurement share_interval(int hits, int trials);

/// The value below which a share p of the samples lies, between neighbours on a line (Hyndman and Fan 1996, type 7).
/// \throws Error without samples, or unless 0 <= p <= 1.
double quantile(std::span<const double> samples, double p);

/// The variance over samples, divided by n - 1, with its interval by chi-squared, for samples that are normal.
/// \throws Error with fewer than two samples.
Measurement variance_interval(std::span<const double> samples);

}  // namespace evengrad
