// Seeded random streams: Philox4x32-10, one stream a name, nothing global.
#pragma once

#include <evengrad/core/real.hpp>

#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

namespace evengrad {

/// The Philox4x32-10 block function (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3"): 128 random
/// bits that depend on nothing but the counter and the key.
std::array<std::uint32_t, 4> philox4x32_10(const std::array<std::uint32_t, 4>& counter,
                                           const std::array<std::uint32_t, 2>& key);

/// A random stream: a 64-bit key and a position in it. A value, cheap to copy; a copy repeats what the original draws.
///
/// Word i of the stream with key k is the low (i even) or high (i odd) half of the Philox block with counter
/// (i/2 mod 2^32, i/2^33, 0, 0) and key (k mod 2^32, k/2^32). The key of `Rng(seed)` is the seed; a child's key is
///
///     mix(mix(k + 0x9e3779b97f4a7c15) ^ h),   h = FNV-1a-64(name)   or   h = mix(index ^ 0xd1b54a32d192ed03)
///
/// with SplitMix64's finalizer mix(z): z = (z ^ z>>30) 0xbf58476d1ce4e5b9; z = (z ^ z>>27) 0x94d049bb133111eb; z ^
/// z>>31. The position plays no part in it: what a child draws depends neither on order nor on threads.
class Rng {
 public:
  explicit Rng(std::uint64_t seed) : key_(seed) {}

  /// The independent stream of this name, e.g. `rng.split("layers.3.weight")`.
  Rng split(std::string_view name) const;
  /// The independent stream of this number, e.g. of an epoch or a step.
  Rng split(std::uint64_t index) const;

  /// 64 random bits.
  std::uint64_t next();
  /// Uniform on [0, 1), a multiple of 2^-53.
  double uniform();
  /// Uniform on {0, ..., n-1} without bias, by rejection. Throws Error for n = 0.
  std::uint64_t below(std::uint64_t n);
  /// Normal with mean 0 and variance 1, the same bits on every machine; |z| is below 8.5.
  double normal();
  /// Normal, drawn again until |z| <= bound; with bound 2 the variance is 0.7737, not 1. Throws Error unless bound > 0.
  double truncated_normal(double bound = 2);

  /// Uniform on [low, high]. Draws in double and rounds, as all fills do: float and double nets start from the same
  /// weights up to rounding.
  template <Real S>
  void fill_uniform(std::span<S> values, S low, S high);
  /// Normal with mean 0 and variance 1; much faster than one at a time.
  template <Real S>
  void fill_normal(std::span<S> values);
  /// Normal, each value drawn again until |z| <= bound.
  template <Real S>
  void fill_truncated_normal(std::span<S> values, double bound = 2);

  /// Puts the values into a uniformly random order (Fisher-Yates).
  void shuffle(std::span<Index> values);
  /// 0, ..., n-1 in a uniformly random order.
  std::vector<Index> permutation(Index n);

 private:
  void normal_pairs(std::span<double> values);

  std::uint64_t key_;
  std::uint64_t block_ = 0;  // the counter of the next block
  std::uint64_t spare_ = 0;  // the second word of the last block, while has_spare_
  bool has_spare_ = false;
};

}  // namespace evengrad
