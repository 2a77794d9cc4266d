#include <evengrad/experiments/statistics.hpp>

#include <evengrad/core/error.hpp>

#include <boost/math/distributions/beta.hpp>
#include <boost/math/distributions/chi_squared.hpp>
#include <boost/math/distributions/normal.hpp>
#include <boost/math/distributions/students_t.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

namespace evengrad {

namespace {

constexpr double tail = 0.025;  // on either side of a 95 % interval
constexpr double infinity = std::numeric_limits<double>::infinity();

void require_samples(const char* what, std::size_t count, std::size_t least) {
  if (count < least) throw Error(text(what, ": expected at least ", least, " samples, got ", count));
}

struct Moments {
  double mean;
  double variance;  // divided by n - 1; 0 for one sample
};

constexpr int resamples = 10000;

// The mean over strata of what `of` says of each, and the interval of that over strata drawn anew.
template <class Statistic>
Measurement bootstrap(std::size_t strata, const Statistic& of, const Rng& rng, double level) {
  const auto mean_of = [&](bool drawn, Rng& stream) {
    double sum = 0;
    for (std::size_t s = 0; s < strata; ++s) sum += of(s, drawn ? &stream : nullptr);
    return sum / static_cast<double>(strata);
  };
  Rng stream = rng;
  const double value = mean_of(false, stream);
  std::vector<double> values(resamples);
  for (double& v : values) v = mean_of(true, stream);
  return {value, quantile(values, (1 - level) / 2), quantile(values, (1 + level) / 2)};
}

// The samples themselves, or as many drawn from them.
std::vector<double> drawn(const std::vector<double>& samples, Rng* rng) {
  if (rng == nullptr) return samples;
  std::vector<double> again(samples.size());
  for (double& x : again) x = samples[rng->below(samples.size())];
  return again;
}

bool single(const Strata& strata) {
  return std::any_of(strata.begin(), strata.end(), [](const auto& samples) { return samples.size() < 2; });
}

// Ranks from 1, equal numbers at their mean rank.
std::vector<double> ranks(std::span<const double> numbers) {
  std::vector<double> found;
  for (const double x : numbers) {
    double less = 0, equal = 0;
    for (const double y : numbers) {
      less += y < x;
      equal += y == x;
    }
    found.push_back(less + (equal + 1) / 2);
  }
  return found;
}

Moments moments(std::span<const double> samples) {
  const auto n = static_cast<double>(samples.size());
  double sum = 0, squares = 0;
  for (const double x : samples) sum += x;
  const double mean = sum / n;
  for (const double x : samples) squares += (x - mean) * (x - mean);
  return {mean, samples.size() > 1 ? squares / (n - 1) : 0};
}

// Where the mean is `limit`, the probability of one as large as this or larger: small says that it is above. 1 where
// two samples are missing, or one is not finite.
double above(std::span<const double> samples, double limit) {
  if (samples.size() < 2) return 1;
  const auto n = static_cast<double>(samples.size());
  const auto [mean, variance] = moments(samples);
  if (!std::isfinite(mean) || !std::isfinite(variance)) return 1;
  if (variance == 0) return mean > limit ? 0 : 1;
  const boost::math::students_t distribution(n - 1);
  return boost::math::cdf(boost::math::complement(distribution, (mean - limit) / std::sqrt(variance / n)));
}

double below(std::span<const double> samples, double limit) {
  std::vector<double> mirrored;
  for (const double x : samples) mirrored.push_back(-x);
  return above(mirrored, -limit);
}

// Independent parts of the variance of a mean, each with its degrees of freedom.
class Variance {
 public:
  void add(double part, double freedom) {
    total_ += part;
    parts_.emplace_back(part, freedom);
  }
  double total() const { return total_; }
  // Half the width of an interval, in standard errors: each part's quantile, weighted by the part (Cochran and Cox
  // 1950). Satterthwaite's degrees of freedom call three seeds certain when their spread happens to be small.
  double t(double level) const {
    if (!(total_ > 0)) return 0;
    double sum = 0;
    for (const auto& [part, freedom] : parts_) {
      const boost::math::students_t distribution(freedom);
      sum += part * boost::math::quantile(boost::math::complement(distribution, (1 - level) / 2));
    }
    return sum / total_;
  }
  double half(double level) const { return t(level) * std::sqrt(total_); }

 private:
  double total_ = 0;
  std::vector<std::pair<double, double>> parts_;
};

void require_scores(const TestScores& scores) {
  require_samples("test scores", scores.means.size(), 1);
  if (scores.parts.size() != scores.means.size() || scores.rows < 1) {
    throw Error(text("test scores: expected ", scores.means.size(), " lists of at least one row, got ",
                     scores.parts.size(), " of ", scores.rows, " rows"));
  }
  for (const auto& parts : scores.parts) {
    if (parts.empty() || parts.size() != scores.parts.front().size())
      throw Error(text("test scores: expected as many parts for every seed, got ", parts.size()));
  }
}

void require_pairs(const TestScores& a, const TestScores& b) {
  require_scores(a);
  require_scores(b);
  if (a.means.size() != b.means.size() || a.rows != b.rows || a.parts.front().size() != b.parts.front().size())
    throw Error("paired test scores: expected the same seeds and rows of both");
}

// Of each part, the mean over seeds.
std::vector<double> over_seeds(const TestScores& scores) {
  std::vector<double> means(scores.parts.front().size(), 0);
  for (const auto& parts : scores.parts) {
    for (std::size_t i = 0; i < parts.size(); ++i) means[i] += parts[i] / static_cast<double>(scores.parts.size());
  }
  return means;
}

// a / over_a - b / over_b, seed by seed and part by part.
TestScores difference(const TestScores& a, double over_a, const TestScores& b, double over_b) {
  TestScores d = a;
  for (std::size_t s = 0; s < d.means.size(); ++s) {
    d.means[s] = a.means[s] / over_a - b.means[s] / over_b;
    for (std::size_t i = 0; i < d.parts[s].size(); ++i) d.parts[s][i] = a.parts[s][i] / over_a - b.parts[s][i] / over_b;
  }
  return d;
}

void add_seeds(Variance& variance, const TestScores& scores) {
  const auto n = static_cast<double>(scores.means.size());
  if (n > 1) variance.add(moments(scores.means).variance / n, n - 1);
}

// One row alone has a spread that nobody knows: it adds nothing here, and whoever asks has to say that rows are few.
void add_rows(Variance& variance, const TestScores& scores) {
  const std::vector<double> means = over_seeds(scores);
  const auto n = static_cast<double>(means.size());
  if (n > 1) variance.add(moments(means).variance / n, n - 1);
}

// Of a mean whose logarithm has this variance.
Measurement on_logarithm(double value, double half) { return {value, value * std::exp(-half), value * std::exp(half)}; }

}  // namespace

Measurement accuracy_interval(const TestScores& scores, double level) {
  require_scores(scores);
  const double p = moments(scores.means).mean;
  if (scores.means.size() == 1) return {p, 0, 1};
  Variance variance;
  add_seeds(variance, scores);
  add_rows(variance, scores);
  double n = static_cast<double>(scores.rows);
  if (variance.total() > 0 && p > 0 && p < 1) {
    const boost::math::normal normal;
    const double wider = variance.t(level) / boost::math::quantile(boost::math::complement(normal, (1 - level) / 2));
    n = std::min(n, p * (1 - p) / (variance.total() * wider * wider));
  }
  using boost::math::beta_distribution;
  const double hits = p * n, misses = (1 - p) * n, side = (1 - level) / 2;
  return {p, hits > 0 ? boost::math::quantile(beta_distribution<>(hits, misses + 1), side) : 0,
          misses > 0 ? boost::math::quantile(boost::math::complement(beta_distribution<>(hits + 1, misses), side)) : 1};
}

Measurement loss_interval(const TestScores& scores, double level) {
  require_scores(scores);
  const double mean = moments(scores.means).mean;
  if (scores.means.size() == 1) return {mean, 0, infinity};
  if (!(mean > 0)) return {mean, mean, mean};
  Variance variance;
  add_seeds(variance, scores);
  add_rows(variance, scores);
  return on_logarithm(mean, variance.half(level) / mean);
}

Measurement paired_accuracy_difference(const TestScores& a, const TestScores& b, double level) {
  require_pairs(a, b);
  const TestScores d = difference(a, 1, b, 1);
  const double mean = moments(d.means).mean;
  if (d.means.size() == 1) return {mean, -1, 1};
  const auto rows = static_cast<double>(d.rows);
  const std::vector<double> parts = over_seeds(d);
  const auto count = static_cast<double>(parts.size());
  const double square = moments(parts).variance * (rows / count) * (count - 1) / count + mean * mean;  // of one row
  const double centre = mean * rows / (rows + 2);
  Variance variance;
  add_seeds(variance, d);
  variance.add(((rows * square + 2) / (rows + 2) - centre * centre) / (rows + 2), count + 1);
  const double half = variance.half(level);
  return {mean, std::max(-1.0, std::min(mean, centre - half)), std::min(1.0, std::max(mean, centre + half))};
}

Measurement paired_loss_ratio(const TestScores& a, const TestScores& b, double floor, double level) {
  require_pairs(a, b);
  const double of_a = std::max(floor, moments(a.means).mean), of_b = std::max(floor, moments(b.means).mean);
  if (a.means.size() == 1) return {of_a / of_b, 0, infinity};
  const TestScores d = difference(a, of_a, b, of_b);
  Variance variance;
  add_seeds(variance, d);
  add_rows(variance, d);
  return on_logarithm(of_a / of_b, variance.half(level));
}

Measurement mean_interval(std::span<const double> samples) {
  require_samples("mean", samples.size(), 1);
  const auto [mean, variance] = moments(samples);
  if (samples.size() == 1 || !std::isfinite(variance)) return {mean, -infinity, infinity};
  const auto n = static_cast<double>(samples.size());
  const double t = boost::math::quantile(boost::math::complement(boost::math::students_t(n - 1), tail));
  const double half = t * std::sqrt(variance / n);
  return {mean, mean - half, mean + half};
}

Measurement geometric_mean_interval(std::span<const double> samples) {
  require_samples("geometric mean", samples.size(), 1);
  std::vector<double> logarithms;
  for (const double x : samples) {
    if (x < 0) throw Error(text("geometric mean: expected no negative sample, got ", x));
    if (x == 0) return {0};
    logarithms.push_back(std::log(x));
  }
  Measurement m = mean_interval(logarithms);
  m.value = std::exp(m.value);
  if (m.low) m.low = std::exp(*m.low);
  if (m.high) m.high = std::exp(*m.high);
  return m;
}

Measurement paired_ratio_interval(std::span<const double> a, std::span<const double> b, double floor) {
  if (a.size() != b.size() || !(floor > 0))
    throw Error(text("paired ratio: expected lists of one length and a positive floor, got ", a.size(), ", ", b.size(),
                     " and ", floor));
  std::vector<double> ratios;
  for (std::size_t i = 0; i < a.size(); ++i) ratios.push_back(std::max(floor, a[i]) / std::max(floor, b[i]));
  return geometric_mean_interval(ratios);
}

double t_test(std::span<const double> samples) {
  return std::min(1.0, 2 * std::min(above(samples, 0), below(samples, 0)));
}

double equivalence_test(std::span<const double> samples, double margin) {
  if (!(margin > 0)) throw Error(text("equivalence: expected a positive margin, got ", margin));
  return std::max(above(samples, -margin), below(samples, margin));
}

std::vector<double> holm(std::span<const double> probabilities) {
  std::vector<std::size_t> order(probabilities.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::sort(order.begin(), order.end(), [&](auto i, auto j) { return probabilities[i] < probabilities[j]; });
  std::vector<double> adjusted(probabilities.size());
  double largest = 0;
  for (std::size_t k = 0; k < order.size(); ++k) {
    largest = std::max(largest, std::min(1.0, static_cast<double>(order.size() - k) * probabilities[order[k]]));
    adjusted[order[k]] = largest;
  }
  return adjusted;
}

Measurement median_interval(std::span<const double> samples) {
  const double median = quantile(samples, 0.5);
  std::vector<double> sorted(samples.begin(), samples.end());
  std::sort(sorted.begin(), sorted.end());
  // Of n fair coins fewer than k show heads in at most 2.5 %: the median is above the k-th sample in all other cases.
  const auto n = sorted.size();
  double probability = std::pow(0.5, static_cast<double>(n)), sum = 0;
  std::size_t k = 0;
  for (; sum + probability <= tail; ++k) {
    sum += probability;
    probability *= static_cast<double>(n - k) / static_cast<double>(k + 1);
  }
  if (k == 0) return {median, -infinity, infinity};
  return {median, sorted[k - 1], sorted[n - k]};
}

Measurement share_interval(int hits, int trials) {
  if (trials < 1 || hits < 0 || hits > trials) {
    throw Error(text("share: expected 0 <= hits <= trials and trials > 0, got ", hits, " of ", trials));
  }
  const double k = hits, n = trials;
  using boost::math::beta_distribution;
  const double low = hits == 0 ? 0 : boost::math::quantile(beta_distribution<>(k, n - k + 1), tail);
  const double high =
      hits == trials ? 1 : boost::math::quantile(boost::math::complement(beta_distribution<>(k + 1, n - k), tail));
  return {k / n, low, high};
}

double quantile(std::span<const double> samples, double p) {
  require_samples("quantile", samples.size(), 1);
  if (!(p >= 0 && p <= 1)) throw Error(text("quantile: expected 0 <= p <= 1, got ", p));
  std::vector<double> sorted(samples.begin(), samples.end());
  std::sort(sorted.begin(), sorted.end());
  const double at = p * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(at);
  const std::size_t above = std::min(below + 1, sorted.size() - 1);
  const double share = at - static_cast<double>(below);
  return share == 0 ? sorted[below] : sorted[below] + share * (sorted[above] - sorted[below]);
}

Measurement variance_interval(std::span<const double> samples) {
  require_samples("variance", samples.size(), 2);
  const double variance = moments(samples).variance;
  const double freedom = static_cast<double>(samples.size() - 1);
  const boost::math::chi_squared distribution(freedom);
  return {variance, freedom * variance / boost::math::quantile(boost::math::complement(distribution, tail)),
          freedom * variance / boost::math::quantile(distribution, tail)};
}

Measurement bootstrap_mean(const Strata& strata, const Rng& rng, double level) {
  require_samples("bootstrap", strata.size(), 1);
  for (const auto& samples : strata) require_samples("bootstrap", samples.size(), 1);
  Measurement m = bootstrap(
      strata.size(), [&](std::size_t s, Rng* stream) { return moments(drawn(strata[s], stream)).mean; }, rng, level);
  if (single(strata)) m.low = -infinity, m.high = infinity;
  return m;
}

Measurement probability_of_improvement(const Strata& a, const Strata& b, const Rng& rng, double level) {
  require_samples("probability of improvement", a.size(), 1);
  if (a.size() != b.size()) {
    throw Error(text("probability of improvement: expected as many strata, got ", a.size(), " and ", b.size()));
  }
  for (std::size_t s = 0; s < a.size(); ++s) {
    require_samples("probability of improvement", std::min(a[s].size(), b[s].size()), 1);
  }
  const auto wins = [&](std::size_t s, Rng* stream) {
    const std::vector<double> from_a = drawn(a[s], stream), from_b = drawn(b[s], stream);
    double sum = 0;
    for (const double x : from_a) {
      for (const double y : from_b) sum += x > y ? 1 : x == y ? 0.5 : 0;
    }
    return sum / static_cast<double>(from_a.size() * from_b.size());
  };
  Measurement m = bootstrap(a.size(), wins, rng, level);
  if (single(a) || single(b)) m.low = 0, m.high = 1;
  return m;
}

double rank_correlation(std::span<const double> a, std::span<const double> b) {
  if (a.size() != b.size())
    throw Error(text("rank correlation: expected lists of one length, got ", a.size(), " and ", b.size()));
  require_samples("rank correlation", a.size(), 2);
  const std::vector<double> x = ranks(a), y = ranks(b);
  const double middle = (static_cast<double>(a.size()) + 1) / 2;
  double product = 0, xx = 0, yy = 0;
  for (std::size_t i = 0; i < x.size(); ++i) {
    product += (x[i] - middle) * (y[i] - middle);
    xx += (x[i] - middle) * (x[i] - middle);
    yy += (y[i] - middle) * (y[i] - middle);
  }
  return product / std::sqrt(xx * yy);
}

}  // namespace evengrad
