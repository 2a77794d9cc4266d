#include <evengrad/core/error.hpp>
#include <evengrad/core/random.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <numeric>
#include <set>
#include <string>
#include <vector>

namespace evengrad {
namespace {

using Block = std::array<std::uint32_t, 4>;

TEST(Random, PhiloxGivesThePublishedVectors) {
  EXPECT_EQ(philox4x32_10({0, 0, 0, 0}, {0, 0}), (Block{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}));
  EXPECT_EQ(philox4x32_10({~0u, ~0u, ~0u, ~0u}, {~0u, ~0u}), (Block{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}));
  EXPECT_EQ(philox4x32_10({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}),
            (Block{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}));
}

TEST(Random, WordsAreTheBlocksOfTheSeedInOrder) {
  Rng rng(0);
  EXPECT_EQ(rng.next(), 0xe169c58d6627e8d5u);
  EXPECT_EQ(rng.next(), 0x9b00dbd8bc57ac4cu);
  const Block second = philox4x32_10({1, 0, 0, 0}, {0, 0});
  EXPECT_EQ(rng.next(), second[0] | std::uint64_t{second[1]} << 32);

  Rng wide(0x0123456789abcdef);
  const Block block = philox4x32_10({0, 0, 0, 0}, {0x89abcdef, 0x01234567});
  EXPECT_EQ(wide.next(), block[0] | std::uint64_t{block[1]} << 32);
}

// The keys were computed by a few lines of Python from the header's formula.
TEST(Random, SplitFollowsTheDocumentedHash) {
  EXPECT_EQ(Rng(0).split("").next(), Rng(0xaebe53f85cdc3c4c).next());
  EXPECT_EQ(Rng(1).split("layers.3.weight").next(), Rng(0x802f18a7ec73056b).next());
  EXPECT_EQ(Rng(1).split(7).next(), Rng(0x7dde57c9ae016422).next());
}

TEST(Random, SplitDoesNotDependOnHowMuchTheParentDrew) {
  Rng used(5);
  for (int i = 0; i < 33; ++i) used.next();
  EXPECT_EQ(used.split("a").next(), Rng(5).split("a").next());
  EXPECT_EQ(used.split(3).next(), Rng(5).split(3).next());
}

TEST(Random, CopiesRepeatAndOrderOfNamesMatters) {
  Rng a(9);
  a.next();
  Rng b = a;
  for (int i = 0; i < 5; ++i) EXPECT_EQ(a.next(), b.next());
  EXPECT_NE(Rng(9).split("a").split("b").next(), Rng(9).split("b").split("a").next());
}

TEST(Random, FirstWordsOfManyStreamsDiffer) {
  std::set<std::uint64_t> seen;
  for (std::uint64_t seed = 0; seed < 1000; ++seed) {
    seen.insert(Rng(seed).next());
    seen.insert(Rng(1).split(seed).next());
    seen.insert(Rng(1).split(std::to_string(seed)).next());
  }
  EXPECT_EQ(seen.size(), 3000u);
}

// Radius from a block's first word, angle from the second: an eighth of the circle to both sides of a quarter.
TEST(Random, NormalsAreThoseOfBoxAndMuller) {
  constexpr int pairs = 10'000;
  std::vector<double> drawn(2 * pairs);
  Rng(6).fill_normal<double>(drawn);
  Rng words(6);
  const long double pi = std::acos(-1.0L);
  for (std::size_t i = 0; i < pairs; ++i) {
    const std::uint64_t first = words.next(), second = words.next();
    const long double u = 1 - static_cast<long double>(first >> 12) * 0x1p-52L;
    const long double eighth = static_cast<long double>(second >> 12) * 0x1p-52L - 0.5L;
    const long double radius = std::sqrt(-2 * std::log(u)), angle = pi / 2 * eighth;
    const bool swap = second & 1, opposite = second & 2;
    const long double sign = opposite ? -1 : 1;
    const long double cosine = sign * radius * std::cos(angle), sine = sign * radius * std::sin(angle);
    ASSERT_NEAR(drawn[2 * i], static_cast<double>(swap ? sine : cosine), 2e-15) << i;
    ASSERT_NEAR(drawn[2 * i + 1], static_cast<double>(swap ? cosine : sine), 2e-15) << i;
  }
}

// Every compiler, instruction set and machine gives these bits: a seed means the same weights everywhere.
TEST(Random, NormalsArePinned) {
  std::vector<double> drawn(100'000);
  Rng(6).fill_normal<double>(drawn);
  std::uint64_t hash = 0xcbf29ce484222325;  // FNV-1a over 64-bit words
  for (const double z : drawn) hash = (hash ^ std::bit_cast<std::uint64_t>(z)) * 0x100000001b3;
  EXPECT_EQ(hash, 6350865706886517020u);
}

double normal_cdf(double z) { return 0.5 * std::erfc(-z / std::sqrt(2.0)); }

/// The Kolmogorov-Smirnov distance between a sample and a distribution.
template <class Cdf>
double ks_distance(std::vector<double> sample, Cdf cdf) {
  std::sort(sample.begin(), sample.end());
  const double n = static_cast<double>(sample.size());
  double distance = 0;
  for (std::size_t i = 0; i < sample.size(); ++i) {
    const double f = cdf(sample[i]);
    distance = std::max({distance, f - static_cast<double>(i) / n, static_cast<double>(i + 1) / n - f});
  }
  return distance;
}

struct Moments {
  double mean, variance;
};

Moments moments(const std::vector<double>& sample) {
  const double n = static_cast<double>(sample.size());
  const double mean = std::accumulate(sample.begin(), sample.end(), 0.0) / n;
  double sum = 0;
  for (const double x : sample) sum += (x - mean) * (x - mean);
  return {mean, sum / n};
}

constexpr std::size_t million = 1'000'000;
constexpr double ks_bound = 0.00269;  // exceeded with probability 1e-6 at n = 10^6

TEST(Random, UniformsAreUniform) {
  std::vector<double> sample(million);
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    Rng rng(seed);
    rng.fill_uniform<double>(sample, 0, 1);
    EXPECT_LT(*std::max_element(sample.begin(), sample.end()), 1);
    EXPECT_GE(*std::min_element(sample.begin(), sample.end()), 0);
    const auto [mean, variance] = moments(sample);
    EXPECT_NEAR(mean, 0.5, 5 * std::sqrt(1 / 12e6)) << seed;
    EXPECT_NEAR(variance, 1 / 12.0, 0.0045 / 12) << seed;
    EXPECT_LT(ks_distance(sample, [](double x) { return x; }), ks_bound) << seed;
  }
}

TEST(Random, NormalsAreNormal) {
  std::vector<double> sample(million);
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    Rng rng(seed);
    rng.fill_normal<double>(sample);
    const auto [mean, variance] = moments(sample);
    EXPECT_NEAR(mean, 0, 5e-3) << seed;
    EXPECT_NEAR(variance, 1, 0.0071) << seed;
    EXPECT_LT(ks_distance(sample, normal_cdf), ks_bound) << seed;
  }
}

TEST(Random, TruncatedNormalsFollowTheCutDistribution) {
  std::vector<double> sample(million);
  const double inside = normal_cdf(2) - normal_cdf(-2);
  const double cut_variance = 1 - 4 * std::exp(-2.0) / std::sqrt(2 * std::acos(-1.0)) / inside;
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    Rng rng(seed);
    rng.fill_truncated_normal<double>(sample);
    EXPECT_LE(*std::max_element(sample.begin(), sample.end()), 2);
    EXPECT_GE(*std::min_element(sample.begin(), sample.end()), -2);
    const auto [mean, variance] = moments(sample);
    EXPECT_NEAR(mean, 0, 5e-3) << seed;
    EXPECT_NEAR(variance, cut_variance, 0.0071 * cut_variance) << seed;
    EXPECT_LT(ks_distance(sample, [&](double z) { return (normal_cdf(z) - normal_cdf(-2)) / inside; }), ks_bound);
  }
}

TEST(Random, SingleDrawsAreDistributedLikeFills) {
  Rng rng(77);
  std::vector<double> normals(million), truncated(million);
  for (double& z : normals) z = rng.normal();
  for (double& z : truncated) z = rng.truncated_normal(1);
  EXPECT_LT(ks_distance(normals, normal_cdf), ks_bound);
  const double inside = normal_cdf(1) - normal_cdf(-1);
  EXPECT_LT(ks_distance(truncated, [&](double z) { return (normal_cdf(z) - normal_cdf(-1)) / inside; }), ks_bound);
}

double correlation(const std::vector<double>& a, const std::vector<double>& b) {
  const auto [mean_a, variance_a] = moments(a);
  const auto [mean_b, variance_b] = moments(b);
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += (a[i] - mean_a) * (b[i] - mean_b);
  return sum / static_cast<double>(a.size()) / std::sqrt(variance_a * variance_b);
}

TEST(Random, StreamsOfNeighbouringSeedsAndNamesAreUncorrelated) {
  const auto normals = [](Rng rng) {
    std::vector<double> sample(million);
    rng.fill_normal<double>(sample);
    return sample;
  };
  const double bound = 5 / std::sqrt(1e6);
  const Rng parent(42);
  const auto base = normals(parent);
  EXPECT_LT(std::abs(correlation(base, normals(Rng(43)))), bound);
  EXPECT_LT(std::abs(correlation(base, normals(parent.split("layers.0.weight")))), bound);
  EXPECT_LT(std::abs(correlation(normals(parent.split("layers.0.weight")), normals(parent.split("layers.1.weight")))),
            bound);
  EXPECT_LT(std::abs(correlation(normals(parent.split(0)), normals(parent.split(1)))), bound);
  // The two normals of a pair, and neighbours across pairs.
  EXPECT_LT(std::abs(correlation({base.begin(), base.end() - 1}, {base.begin() + 1, base.end()})), bound);
}

TEST(Random, FloatFillsAreTheRoundedDoubleFills) {
  std::vector<float> narrow(1001);
  std::vector<double> wide(1001);
  const auto expect_rounded = [&] {
    for (std::size_t i = 0; i < wide.size(); ++i) ASSERT_EQ(narrow[i], static_cast<float>(wide[i])) << i;
  };
  Rng(3).fill_normal<float>(narrow);
  Rng(3).fill_normal<double>(wide);
  expect_rounded();
  Rng(3).fill_truncated_normal<float>(narrow);
  Rng(3).fill_truncated_normal<double>(wide);
  expect_rounded();
  Rng(3).fill_uniform<float>(narrow, -0.25f, 0.25f);
  Rng(3).fill_uniform<double>(wide, -0.25, 0.25);
  expect_rounded();
}

TEST(Random, BelowIsUnbiased) {
  Rng rng(11);
  for (const std::uint64_t n : {2u, 3u, 10u, 97u}) {
    std::vector<double> counts(n);
    for (std::size_t i = 0; i < million; ++i) {
      const std::uint64_t drawn = rng.below(n);
      ASSERT_LT(drawn, n);
      ++counts[drawn];
    }
    const double expected = 1e6 / static_cast<double>(n);
    double chi2 = 0;
    for (const double count : counts) chi2 += (count - expected) * (count - expected) / expected;
    const double degrees = static_cast<double>(n - 1);
    EXPECT_LT(chi2, degrees + 5 * std::sqrt(2 * degrees) + 10) << n;
  }
  // Without rejection, remainders of 3 * 2^62 would be below 2^62 half of the time instead of a third.
  const std::uint64_t n = 3ull << 62;
  int small = 0;
  for (int i = 0; i < 100'000; ++i) small += rng.below(n) < (1ull << 62);
  EXPECT_NEAR(small, 100'000 / 3.0, 5 * std::sqrt(100'000 * 2 / 9.0));
  EXPECT_EQ(rng.below(1), 0u);
  EXPECT_THROW(rng.below(0), Error);
  EXPECT_THROW(rng.truncated_normal(0), Error);
  EXPECT_THROW(rng.truncated_normal(NAN), Error);
}

// Long orders are drawn in groups: they are those of one number after the other, and leave the stream at the same place.
TEST(Random, ShufflesAsBelowSays) {
  const auto check = [](Rng rng, std::size_t count) {
    std::vector<Index> expected(count), shuffled;
    std::iota(expected.begin(), expected.end(), Index{0});
    shuffled = expected;
    Rng one_by_one = rng;
    for (std::size_t n = count; n > 1; --n) std::swap(expected[n - 1], expected[one_by_one.below(n)]);
    rng.shuffle(shuffled);
    ASSERT_EQ(shuffled, expected) << count;
    ASSERT_EQ(rng.next(), one_by_one.next()) << count;
  };
  for (const std::size_t drawn : {0, 1, 2}) {  // an odd number leaves half a block
    for (std::size_t count = 0; count < 200; ++count) {
      Rng rng = Rng(21).split(count);
      for (std::size_t i = 0; i < drawn; ++i) rng.next();
      check(rng, count);
    }
    check(Rng(22).split(drawn), 100'003);
  }
  check(Rng(23), (std::size_t{1} << 21) + 100);  // the first hundred divisors are too large for a group
}

TEST(Random, PermutationsAreUniform) {
  Rng rng(8);
  std::array<int, 24> counts{};
  for (int i = 0; i < 240'000; ++i) {
    const std::vector<Index> p = rng.permutation(4);
    std::array<Index, 4> rest{0, 1, 2, 3};
    std::size_t rank = 0;
    for (std::size_t k = 0; k < 4; ++k) {
      const auto at = std::find(rest.begin() + static_cast<Index>(k), rest.end(), p[k]);
      ASSERT_NE(at, rest.end());
      const auto offset = static_cast<std::size_t>(at - rest.begin()) - k;
      rank = rank * (4 - k) + offset;
      std::rotate(rest.begin() + static_cast<Index>(k), at, at + 1);
    }
    ++counts[rank];
  }
  for (const int count : counts) EXPECT_NEAR(count, 10'000, 5 * std::sqrt(10'000.0));
  EXPECT_TRUE(rng.permutation(0).empty());
}

}  // namespace
}  // namespace evengrad
