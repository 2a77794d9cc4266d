#include <evengrad/training/tensor_summary.hpp>

#include <evengrad/core/bits.hpp>
#include <evengrad/core/dispatch.hpp>
#include <evengrad/training/kernels/sums.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

namespace evengrad {

namespace {

constexpr Index largest_count = 1024;  // that a histogram takes whole

// The bin of a number by its sign and binary exponent: at most one power of ten lies between two powers of two.
template <Real S>
class BinTable {
 public:
  using Bits = std::conditional_t<sizeof(S) == 4, std::uint32_t, std::uint64_t>;

  BinTable() {
    constexpr int last = TensorSummary::decades - 1, zero = TensorSummary::decades;
    constexpr Bits half = exponents;  // entries of one sign
    for (Bits e = 0; e < half; ++e) {
      // Bits are ordered as the sizes of numbers are. Zeros stand alone, before what is smaller than all decades.
      const S low = bit_cast<S>(static_cast<Bits>(e << mantissa_bits));
      int decade = 0;
      while (decade < last && low >= begin_of(decade + 1)) ++decade;
      const S next = decade < last ? begin_of(decade + 1) : std::numeric_limits<S>::infinity();
      Entry positive{bit_cast<Bits>(next), zero + 1 + decade, zero + 1 + std::min(decade + 1, last)};
      if (e == 0) positive = {1, zero, zero + 1};
      table_[e] = positive;
      table_[half + e] = {positive.next | half << mantissa_bits, 2 * zero - positive.below, 2 * zero - positive.beyond};
    }
  }

  std::size_t bin(S x) const {
    const auto bits = bit_cast<Bits>(x);
    const Entry& entry = table_[bits >> mantissa_bits];
    return static_cast<std::size_t>(bits >= entry.next ? entry.beyond : entry.below);
  }

 private:
  static constexpr int mantissa_bits = std::numeric_limits<S>::digits - 1;
  static constexpr Bits exponents = sizeof(S) == 4 ? 256 : 2048;
  struct Entry {
    Bits next;  // where the next bin begins
    int below, beyond;
  };

  static S begin_of(int decade) { return static_cast<S>(std::pow(10.0, TensorSummary::lowest + decade)); }

  std::array<Entry, 2 * exponents> table_;
};

template <Real S>
sums::AddUp<S> fastest_add_up() {
#ifdef EVENGRAD_DISPATCH
  if (best_isa() == Isa::avx512) return sums::avx512_add_up<S>();
  if (best_isa() == Isa::avx2) return sums::avx2_add_up<S>();
#endif
  return sums::baseline_add_up<S>();
}

Index stride_for(Index count) {
  if (count <= largest_count) return 1;
  const auto prime = [](Index k) {
    for (Index d = 2; d * d <= k; ++d) {
      if (k % d == 0) return false;
    }
    return true;
  };
  Index k = (count + largest_count - 1) / largest_count;
  while (!prime(k) || count % k == 0) ++k;
  return k;
}

}  // namespace

template <Real S>
TensorSummary summarize(const S* x, Index count) {
  static const BinTable<S> table;
  TensorSummary summary;
  summary.histogram.assign(TensorSummary::bins, 0);
  if (count == 0) return summary;
  static const sums::AddUp<S> add_up = fastest_add_up<S>();
  const sums::Sums all = add_up(x, count);
  // Two counters a bin: equal neighbours need not wait for each other.
  std::array<std::array<std::uint32_t, TensorSummary::bins>, 2> counts{};
  const Index stride = stride_for(count);
  Index i = 0;
  for (; i + stride < count; i += 2 * stride) {
    ++counts[0][table.bin(x[i])];
    ++counts[1][table.bin(x[i + stride])];
  }
  if (i < count) ++counts[0][table.bin(x[i])];
  for (std::size_t bin = 0; bin < TensorSummary::bins; ++bin) {
    summary.histogram[bin] = static_cast<double>(counts[0][bin] + counts[1][bin]);
  }
  const auto n = static_cast<double>(count);
  summary.mean = all.sum / n;
  summary.magnitude = all.magnitude / n;
  summary.rms = std::sqrt(all.squares / n);
  summary.min = all.min;
  summary.max = all.max;
  // The difference of squares is exact enough: a deviation below 1e-8 of the mean is taken for 0.
  summary.deviation = std::sqrt(std::max(0.0, all.squares / n - summary.mean * summary.mean));
  if (summary.min == summary.max) summary.deviation = 0;
  return summary;
}

template TensorSummary summarize(const float*, Index);
template TensorSummary summarize(const double*, Index);

}  // namespace evengrad
