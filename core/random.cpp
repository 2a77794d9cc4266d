#include <evengrad/core/bits.hpp>
#include <evengrad/core/error.hpp>
#include <evengrad/core/math.hpp>
#include <evengrad/core/random.hpp>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <numbers>
#include <tuple>
#include <utility>

#if defined(EVENGRAD_DISPATCH) && defined(__x86_64__)
#include <immintrin.h>
#endif
#if !defined(__EMSCRIPTEN__)
#include <Random123/philox.h>
#endif

namespace evengrad {

namespace {

using Counter = std::array<std::uint32_t, 4>;
using Key = std::array<std::uint32_t, 2>;

/// Philox4x32-10 where Random123 refuses the platform; the published vectors below pin it on every one.
constexpr Counter portable_philox4x32_10(Counter c, Key k) {
  for (int round = 0; round < 10; ++round) {
    const std::uint64_t a = 0xd2511f53ull * c[0];
    const std::uint64_t b = 0xcd9e8d57ull * c[2];
    c = {static_cast<std::uint32_t>(b >> 32) ^ c[1] ^ k[0], static_cast<std::uint32_t>(b),
         static_cast<std::uint32_t>(a >> 32) ^ c[3] ^ k[1], static_cast<std::uint32_t>(a)};
    k = {k[0] + 0x9e3779b9u, k[1] + 0xbb67ae85u};
  }
  return c;
}

static_assert(portable_philox4x32_10({0, 0, 0, 0}, {0, 0}) == Counter{0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8});
static_assert(portable_philox4x32_10({~0u, ~0u, ~0u, ~0u}, {~0u, ~0u}) ==
              Counter{0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd});
static_assert(portable_philox4x32_10({0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344}, {0xa4093822, 0x299f31d0}) ==
              Counter{0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1});

inline Counter philox(const Counter& c, const Key& k) {
#if defined(__EMSCRIPTEN__)
  return portable_philox4x32_10(c, k);
#else
  const auto block = r123::Philox4x32{}({{c[0], c[1], c[2], c[3]}}, {{k[0], k[1]}});
  return {block[0], block[1], block[2], block[3]};
#endif
}

/// Both words of a block of the stream with this key.
inline std::pair<std::uint64_t, std::uint64_t> words(std::uint64_t key, std::uint64_t block) {
  const Counter c = philox({static_cast<std::uint32_t>(block), static_cast<std::uint32_t>(block >> 32), 0, 0},
                           {static_cast<std::uint32_t>(key), static_cast<std::uint32_t>(key >> 32)});
  return {c[0] | std::uint64_t{c[1]} << 32, c[2] | std::uint64_t{c[3]} << 32};
}

constexpr std::uint64_t mix(std::uint64_t z) {
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9ull;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebull;
  return z ^ (z >> 31);
}

constexpr std::uint64_t child_key(std::uint64_t key, std::uint64_t hash) {
  return mix(mix(key + 0x9e3779b97f4a7c15ull) ^ hash);
}

constexpr std::uint64_t fnv1a(std::string_view text) {
  std::uint64_t hash = 0xcbf29ce484222325ull;
  for (const char c : text) hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001b3ull;
  return hash;
}

/// [0, 1), the 53 high bits.
constexpr double unit(std::uint64_t word) { return static_cast<double>(word >> 11) * 0x1p-53; }

constexpr std::size_t group = 8;    // pairs of normals that are computed together
constexpr std::size_t chunk = 256;  // fills go through as many doubles on the stack: even, since normals come in pairs

using Doubles = std::array<double, group>;
using Words = std::array<std::uint64_t, group>;

/// c[0] + c[1] x + c[2] x^2 + ...
template <std::size_t first = 0, std::size_t count>
[[gnu::always_inline]] inline double horner(double x, const double (&c)[count]) {
  if constexpr (first + 1 == count) {
    return c[first];
  } else {
    return c[first] + x * horner<first + 1>(x, c);
  }
}

/// Box and Muller (1958): the first words become radii, the second ones angles, both of them normals. Nothing but IEEE
/// operations that round alike everywhere, none of them fused: compiled for any instruction set it gives the same bits,
/// and every machine the same weights for a seed. That is why it does not call the vocabulary of core/math.hpp.
[[gnu::always_inline]] inline void box_muller_lanes(const Words& radii, const Words& angles, Doubles& first,
                                                    Doubles& second) {
  using C = detail::Numbers<double>;
  constexpr std::uint64_t fraction = (std::uint64_t{1} << 52) - 1, one = std::uint64_t{1023} << 52;
  for (std::size_t i = 0; i < group; ++i) {
    const double u = 2 - bit_cast<double>((radii[i] >> 12) | one);  // (0, 1]: no logarithm of zero
    // u = 2^exponent (1 + f), sqrt(1/2) <= 1 + f < sqrt(2); log (1 + f) = 2 atanh s
    const std::uint64_t k = bit_cast<std::uint64_t>(u) + (one - C::sqrt_half_bits);
    const double exponent = bit_cast<double>((k >> 52) | C::two_to_fraction_bits) - (0x1p52 + 1023);
    const double f = bit_cast<double>((k & fraction) + C::sqrt_half_bits) - 1;
    const double s = f / (2 + f), s2 = s * s;
    const double log_u = exponent * std::numbers::ln2 + (2 * s + s * s2 * (C::two_thirds + s2 * horner(s2, C::atanh)));
    const double radius = std::sqrt(-2 * log_u);
    // The angle within an eighth of the circle to both sides of 0; two more bits choose the quarter.
    const double phi = std::numbers::pi / 2 * (bit_cast<double>((angles[i] >> 12) | one) - 1.5);
    const double phi2 = phi * phi;
    const auto sine = bit_cast<std::uint64_t>(radius * (phi + phi * phi2 * horner(phi2, C::sine)));
    const auto cosine = bit_cast<std::uint64_t>(radius * (1 - 0.5 * phi2 + phi2 * phi2 * horner(phi2, C::cosine)));
    const std::uint64_t swap = -(angles[i] & 1), opposite = angles[i] << 62 & std::uint64_t{1} << 63;
    first[i] = bit_cast<double>((cosine ^ ((cosine ^ sine) & swap)) ^ opposite);
    second[i] = bit_cast<double>((sine ^ ((cosine ^ sine) & swap)) ^ opposite);
  }
}

#if defined(EVENGRAD_DISPATCH) && defined(__x86_64__)
const bool has_avx2 = __builtin_cpu_supports("avx2");

[[gnu::target("avx2")]] void box_muller_avx2(const Words& radii, const Words& angles, Doubles& first, Doubles& second) {
  box_muller_lanes(radii, angles, first, second);
}

/// words() of `group` blocks, four beside each other: 1.7 ns a word instead of 4.
[[gnu::target("avx2")]] void words_avx2(std::uint64_t key, std::uint64_t block, Words& first, Words& second) {
  typedef std::uint64_t Four __attribute__((vector_size(32)));
  constexpr std::uint64_t low = 0xffffffff;
  for (std::size_t begin = 0; begin < group; begin += 4) {
    const Four number = block + begin + Four{0, 1, 2, 3};
    Four c0 = number & low, c1 = number >> 32, c2{}, c3{};
    auto k0 = static_cast<std::uint32_t>(key), k1 = static_cast<std::uint32_t>(key >> 32);
    for (int round = 0; round < 10; ++round, k0 += 0x9e3779b9u, k1 += 0xbb67ae85u) {
      const Four a = (Four)_mm256_mul_epu32((__m256i)c0, _mm256_set1_epi64x(0xd2511f53));
      const Four b = (Four)_mm256_mul_epu32((__m256i)c2, _mm256_set1_epi64x(0xcd9e8d57));
      c0 = (b >> 32) ^ c1 ^ std::uint64_t{k0};
      c1 = b & low;
      c2 = (a >> 32) ^ c3 ^ std::uint64_t{k1};
      c3 = a & low;
    }
    const Four even = c0 | c1 << 32, odd = c2 | c3 << 32;
    std::memcpy(&first[begin], &even, sizeof even);
    std::memcpy(&second[begin], &odd, sizeof odd);
  }
}

// What remainders_avx2() divides by at most: a remainder followed by 32 bits is then an integer that a double holds.
constexpr std::uint64_t largest_divisor = std::uint64_t{1} << 21;

/// Replaces word i by its remainder modulo n - 2 i. Doubles hold all numbers here exactly but for the quotients; these
/// are rounded to the nearest integer, which leaves a remainder between -n/2 and n/2.
[[gnu::target("avx2"), gnu::always_inline]] inline void remainders_avx2(Words& words, std::uint64_t n) {
  constexpr auto integers = bit_cast<std::uint64_t>(0x1p52);  // a double of this exponent is its fraction, a number
  for (std::size_t i = 0; i < group; ++i) {
    const double divisor = bit_cast<double>((n - 2 * i) | integers) - 0x1p52, inverse = 1 / divisor;
    const double high = bit_cast<double>((words[i] >> 32) | integers) - 0x1p52;
    const double low = bit_cast<double>((words[i] & 0xffffffff) | integers) - 0x1p52;
    double rest = high - ((high * inverse + 0x1p52) - 0x1p52) * divisor;
    rest = (rest + (rest < 0 ? divisor : 0.0)) * 0x1p32 + low;
    rest = rest - ((rest * inverse + 0x1p52) - 0x1p52) * divisor;
    words[i] = bit_cast<std::uint64_t>(rest + (rest < 0 ? divisor : 0.0) + 0x1p52) ^ integers;
  }
}

/// What below(n), below(n - 1), ... return next: first[0], second[0], first[1], ... False where that is not known.
[[gnu::target("avx2")]] bool group_below_avx2(std::uint64_t key, std::uint64_t block, std::uint64_t n, Words& first,
                                              Words& second) {
  words_avx2(key, block, first, second);
  bool rejects = false;
  for (std::size_t i = 0; i < group; ++i) {
    rejects |= first[i] < n;
    rejects |= second[i] < n;
  }
  if (rejects) return false;
  remainders_avx2(first, n);
  remainders_avx2(second, n - 1);
  return true;
}
#endif

void box_muller(const Words& radii, const Words& angles, Doubles& first, Doubles& second) {
#if defined(EVENGRAD_DISPATCH) && defined(__x86_64__)
  if (has_avx2) return box_muller_avx2(radii, angles, first, second);
#endif
  box_muller_lanes(radii, angles, first, second);
}

/// The words of `group` blocks of the stream with this key, from this block on.
void group_words(std::uint64_t key, std::uint64_t block, Words& first, Words& second) {
#if defined(EVENGRAD_DISPATCH) && defined(__x86_64__)
  if (has_avx2) return words_avx2(key, block, first, second);
#endif
  for (std::size_t i = 0; i < group; ++i) std::tie(first[i], second[i]) = words(key, block + i);
}

bool group_below([[maybe_unused]] std::uint64_t key, [[maybe_unused]] std::uint64_t block,
                 [[maybe_unused]] std::uint64_t n, [[maybe_unused]] Words& first, [[maybe_unused]] Words& second) {
#if defined(EVENGRAD_DISPATCH) && defined(__x86_64__)
  if (has_avx2 && n > 2 * group && n <= largest_divisor) return group_below_avx2(key, block, n, first, second);
#endif
  return false;
}

template <Real S, class Draw>
void fill_in_chunks(std::span<S> values, Draw draw) {
  std::array<double, chunk> drawn;
  for (std::size_t begin = 0; begin < values.size(); begin += chunk) {
    const std::size_t count = std::min(chunk, values.size() - begin);
    draw(std::span(drawn).first(count));
    for (std::size_t i = 0; i < count; ++i) values[begin + i] = static_cast<S>(drawn[i]);
  }
}

}  // namespace

std::array<std::uint32_t, 4> philox4x32_10(const std::array<std::uint32_t, 4>& counter,
                                           const std::array<std::uint32_t, 2>& key) {
  return philox(counter, key);
}

Rng Rng::split(std::string_view name) const { return Rng(child_key(key_, fnv1a(name))); }

Rng Rng::split(std::uint64_t index) const { return Rng(child_key(key_, mix(index ^ 0xd1b54a32d192ed03ull))); }

std::uint64_t Rng::next() {
  if (has_spare_) {
    has_spare_ = false;
    return spare_;
  }
  const auto [first, second] = words(key_, block_++);
  spare_ = second;
  has_spare_ = true;
  return first;
}

double Rng::uniform() { return unit(next()); }

std::uint64_t Rng::below(std::uint64_t n) {
  if (n == 0) throw Error("Rng::below(0): there is no number below 0");
  std::uint64_t word = next();
  if (word < n) {  // only here may it be below 2^64 mod n, the words that would favour the small remainders
    const std::uint64_t incomplete = (0 - n) % n;
    while (word < incomplete) word = next();
  }
  return word % n;
}

// A block's two words give two normals. A fill starts at a fresh block.
void Rng::normal_pairs(std::span<double> values) {
  Words radii, angles;
  Doubles first, second;
  for (std::size_t begin = 0; begin < values.size(); begin += 2 * group) {
    group_words(key_, block_, radii, angles);
    box_muller(radii, angles, first, second);
    const std::size_t count = std::min(2 * group, values.size() - begin);
    for (std::size_t i = 0; i < count; ++i) values[begin + i] = i % 2 == 0 ? first[i / 2] : second[i / 2];
    block_ += (count + 1) / 2;
  }
  has_spare_ = false;
}

double Rng::normal() {
  double z;
  normal_pairs({&z, 1});
  return z;
}

double Rng::truncated_normal(double bound) {
  if (!(bound > 0)) throw Error(text("truncated_normal: the bound must be positive, got ", bound));
  double z = normal();
  while (std::abs(z) > bound) z = normal();
  return z;
}

template <Real S>
void Rng::fill_uniform(std::span<S> values, S low, S high) {
  for (S& value : values) value = static_cast<S>(low + (static_cast<double>(high) - low) * uniform());
}

template <Real S>
void Rng::fill_normal(std::span<S> values) {
  fill_in_chunks(values, [&](std::span<double> z) { normal_pairs(z); });
}

template <Real S>
void Rng::fill_truncated_normal(std::span<S> values, double bound) {
  if (!(bound > 0)) throw Error(text("fill_truncated_normal: the bound must be positive, got ", bound));
  fill_in_chunks(values, [&](std::span<double> drawn) {
    normal_pairs(drawn);
    for (double& z : drawn) {
      if (std::abs(z) > bound) z = truncated_normal(bound);
    }
  });
}

// Groups take 3.5 ns a value, below() 5.8: a quarter of the smallest nets' training was the order of their rows.
void Rng::shuffle(std::span<Index> values) {
  std::size_t n = values.size();
  const auto place = [&](std::uint64_t from) {
    --n;
    std::swap(values[n], values[static_cast<std::size_t>(from)]);
  };
  Words first, second;
  while (n > 1) {
    if (!has_spare_ && group_below(key_, block_, n, first, second)) {
      for (std::size_t i = 0; i < group; ++i) place(first[i]), place(second[i]);
      block_ += group;
    } else {
      place(below(n));
    }
  }
}

std::vector<Index> Rng::permutation(Index n) {
  std::vector<Index> order(static_cast<std::size_t>(n));
  for (Index i = 0; i < n; ++i) order[static_cast<std::size_t>(i)] = i;
  shuffle(order);
  return order;
}

template void Rng::fill_uniform(std::span<float>, float, float);
template void Rng::fill_uniform(std::span<double>, double, double);
template void Rng::fill_normal(std::span<float>);
template void Rng::fill_normal(std::span<double>);
template void Rng::fill_truncated_normal(std::span<float>, double);
template void Rng::fill_truncated_normal(std::span<double>, double);

}  // namespace evengrad
