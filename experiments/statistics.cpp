#include <evengrad/experiments/statistics.hpp>

#include <evengrad/core/error.hpp>

#include <boost/math/distributions/beta.hpp>
#include <boost/math/distributions/chi_squared.hpp>
#include <boost/math/distributions/students_t.hpp>

#include <algorithm>
#include <cmath>
#include <limits>

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

Moments moments(std::span<const double> samples) {
  const auto n = static_cast<double>(samples.size());
  double sum = 0, squares = 0;
  for (const double x : samples) sum += x;
  const double mean = sum / n;
  for (const double x : samples) squares += (x - mean) * (x - mean);
  return {mean, samples.size() > 1 ? squares / (n - 1) : 0};
}

}  // namespace

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

}  // namespace evengrad
