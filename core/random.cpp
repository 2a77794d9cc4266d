#include <evengrad/core/bits.hpp>
#include <evengrad/core/error.hpp>
#include <evengrad/core/math.hpp>
#include <evengrad/core/random.hpp>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <tuple>
#include <utility>

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
[[gnu::target("avx2")]] void box_muller_avx2(const Words& radii, const Words& angles, Doubles& first, Doubles& second) {
  box_muller_lanes(radii, angles, first, second);
}
#endif

void box_muller(const Words& radii, const Words& angles, Doubles& first, Doubles& second) {
#if defined(EVENGRAD_DISPATCH) && defined(__x86_64__)
  static const bool has_avx2 = __builtin_cpu_supports("avx2");
  if (has_avx2) return box_muller_avx2(radii, angles, first, second);
#endif
  box_muller_lanes(radii, angles, first, second);
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
    for (std::size_t i = 0; i < group; ++i) std::tie(radii[i], angles[i]) = words(key_, block_ + i);
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

void Rng::shuffle(std::span<Index> values) {
  for (std::size_t n = values.size(); n > 1; --n) std::swap(values[n - 1], values[static_cast<std::size_t>(below(n))]);
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
