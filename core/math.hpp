// The mathematical vocabulary of formulas, on lanes and on dual numbers: exp, log, tanh, erf, sigmoid, pow, ...
//
// Each function is a few polynomials after an exact reduction of its argument, accurate to about 2 units in the last
// place down to subnormal results, NaN only for NaN or where the function has no value. Value and derivative share
// their work, and the value is the same, bit for bit, with and without the derivative. No function of the standard
// library is called, since this header is compiled once per instruction set (core/lanes.hpp).
#pragma once

#include <evengrad/core/dual.hpp>

namespace evengrad {
inline namespace EVENGRAD_ISA {

namespace detail {

#if EVENGRAD_VECTOR_BYTES > 16 || defined(__aarch64__)
inline constexpr bool fused = true;  // fma() rounds once
#else
inline constexpr bool fused = false;
#endif

/// The layout of a number format, and the coefficients that scripts/fit_math.sollya and fit_erfcx.py print. The
/// interval and the largest relative error of each fit stand beside it: float, double.
template <Real S>
struct Numbers;

// clang-format off
template <>
struct Numbers<float> {
  using Unsigned = std::uint32_t;
  static constexpr int fraction_bits = 23, bias = 127, split_bits = 12;
  static constexpr float two_to_fraction = 8388608.0f;  // 2^23
  static constexpr float magic = 12582912.0f;           // 1.5 * 2^23: adding it rounds to an integer
  static constexpr Unsigned magic_bits = 0x4b400000, two_to_fraction_bits = 0x4b000000, sqrt_half_bits = 0x3f3504f3;
  static constexpr float smallest_normal = 0x1p-126f, infinity = __builtin_huge_valf();
  static constexpr float exp_lowest = -104.0f, exp_highest = 89.0f;  // beyond: 0 and infinity
  static constexpr float expm1_lowest = -20.0f, sigmoid_highest = 87.0f, softplus_linear = 20.0f;  // beyond: -1, 1, x
  static constexpr float erfc_last = 10.5f, normal_last = 14.7f;  // beyond: exp(-x^2), exp(-x^2/2) are 0
  static constexpr float ln2_high = 0x1.62ep-1f, ln2_low = 0x1.0bfbe8p-15f;
  static constexpr float half_pi[] = {0x1.922p+0f, -0x1.2aep-18f, -0x1.deap-31f, 0x1.184698p-44f};
  static constexpr float sine_last = 5000.0f;  // half_pi loses nothing up to here
  static constexpr float two_thirds = 0x1.555556p-1f, two_thirds_low = -0x1.555556p-26f;

  // e^r = 1 + r + r^2 P(r), |r| <= log(2)/2: 2^-26, 2^-61
  static constexpr float expm1[] = {0.49999997f, 0.16666543f, 0.041667506f, 0.008366551f, 0.0013864265f};
  // log(1 + f) = f - f^2/2 + f^3 P(f), sqrt(1/2) <= 1 + f <= sqrt(2): 2^-26.9, 2^-56.6
  static constexpr float log1p[] = {
      0.33333373f, -0.2500084f, 0.1999899f, -0.16621207f, 0.14238907f, -0.13212356f, 0.1256589f, -0.07286021f};
  // log((1+s)/(1-s)) = 2s + s^3 (2/3 + s^2 P(s^2)), the same interval: 2^-29, 2^-66
  static constexpr float atanh[] = {0.39988384f, 0.2962381f};
  // sin r = r + r^3 P(r^2), |r| <= pi/4: 2^-27.9, 2^-62.9
  static constexpr float sine[] = {-0.16666655f, 0.008332188f, -0.00019518072f};
  // cos r = 1 - r^2/2 + r^4 P(r^2), |r| <= pi/4: 2^-33, 2^-63.9
  static constexpr float cosine[] = {0.041666646f, -0.001388731f, 2.4432338e-05f};
  // atan z = z + z^3 P(z^2), |z| <= tan(pi/8): 2^-30, 2^-59
  static constexpr float arctan[] = {-0.33333316f, 0.19998527f, -0.14244334f, 0.10598562f, -0.060880966f};
  // erf z = z + z P(z^2 - 1/2), |z| <= 1: 2^-28.9, 2^-58.9; so centred, P is rounded by less than erf changes
  static constexpr float erf[] = {
      -0.0345312618f, -0.281072199f, 0.0794100016f, -0.0182832945f, 0.00348011241f, -0.000565587718f, 7.89996047e-05f};
  // exp(z^2) erfc z = P(z) / Q(z), 1 <= z <= erfc_last: 2^-25.2, 2^-55.1; without cancellation
  static constexpr float erfcx_numerator[] = {0.998894989f, 1.16976237f, 0.609604895f, 0.156928226f};
  static constexpr float erfcx_denominator[] = {1.0f, 2.29142141f, 2.2146771f, 1.08035016f, 0.278152049f};
};

template <>
struct Numbers<double> {
  using Unsigned = std::uint64_t;
  static constexpr int fraction_bits = 52, bias = 1023, split_bits = 27;
  static constexpr double two_to_fraction = 0x1p52, magic = 0x1.8p52;
  static constexpr Unsigned magic_bits = 0x4338000000000000, two_to_fraction_bits = 0x4330000000000000,
                            sqrt_half_bits = 0x3fe6a09e667f3bcd;
  static constexpr double smallest_normal = 0x1p-1022, infinity = __builtin_huge_val();
  static constexpr double exp_lowest = -746.0, exp_highest = 710.0, expm1_lowest = -40.0, sigmoid_highest = 708.0,
                          softplus_linear = 40.0;
  static constexpr double erfc_last = 27.5, normal_last = 38.9;
  static constexpr double ln2_high = 0x1.62e42fefa4p-1, ln2_low = -0x1.8432a1b0e2634p-43;
  static constexpr double half_pi[] = {0x1.921fb544p+0, 0x1.0b4611a6p-34, 0x1.3198a2e037073p-69, 0.0};
  static constexpr double sine_last = 1e6;
  static constexpr double two_thirds = 0x1.5555555555555p-1, two_thirds_low = 0x1.5555555555555p-55;

  static constexpr double expm1[] = {
      0.5, 0.16666666666666677, 0.04166666666666661, 0.008333333333321443, 0.0013888888888923818,
      0.00019841269886570941, 2.4801587237502927e-05, 2.755724377533054e-06, 2.755735290455734e-07,
      2.510918646442376e-08, 2.0889502143497386e-09};
  static constexpr double log1p[] = {
      0.3333333333333314, -0.2499999999998798, 0.20000000000066856, -0.1666666666982542, 0.14285714280069503,
      -0.12499999691462241, 0.1111111114864354, -0.10000015206369264, 0.09090923898219899, -0.08332913511106707,
      0.07691530387774331, -0.07149440414792621, 0.06684583640185907, -0.061966657173187806, 0.05668403042874483,
      -0.05677872029965241, 0.06503475727012593, -0.05981461709195637, 0.02614897940854364};
  static constexpr double atanh[] = {
      0.4000000000000228, 0.2857142857008785, 0.22222222522191676, 0.18181784154816905, 0.1538676768829382,
      0.1325656424613011, 0.13198787200142834};
  static constexpr double sine[] = {
      -0.16666666666666666, 0.0083333333333331, -0.00019841269841057256, 2.7557319129434247e-06,
      -2.5052086031240047e-08, 1.605625861062588e-10, -7.485443506513529e-13};
  static constexpr double cosine[] = {
      0.041666666666666595, -0.0013888888888873316, 2.480158728897323e-05, -2.7557314205756297e-07,
      2.087570352694402e-09, -1.1358637549829504e-11};
  static constexpr double arctan[] = {
      -0.3333333333333319, 0.19999999999952245, -0.1428571428006407, 0.11111110776933703, -0.09090897572153826,
      0.07692056941709613, -0.0666306707209299, 0.05847621409049194, -0.050381010641752086, 0.03803403428945161,
      -0.01787381136989476};
  static constexpr double erf[] = {
      -0.03453126133013269, -0.2810721780454342, 0.07940998675593493, -0.018283884489154075, 0.0034802744966625464,
      -0.0005611894220946136, 7.829649529598779e-05, -9.614808857877847e-06, 1.053644679731194e-06,
      -1.0420307245268982e-07, 9.388497080809961e-09, -7.806962682214834e-10, 5.852743687459896e-11};
  static constexpr double erfcx_numerator[] = {
      0.99999999720047417, 2.3487517186985558, 2.7167270345502676, 1.9993608307857125, 1.0248002255327973,
      0.37886615220061393, 0.10133600859193095, 0.019065042610087245, 0.0023252570504393604, 0.00014560999775062235};
  static constexpr double erfcx_denominator[] = {
      1.0, 3.4771308544831543, 5.6402492211180295, 5.6388218831139909, 3.8629629865648001, 1.9041570922252968,
      0.68828968136935098, 0.18167410406084933, 0.03392095169275753, 0.0041214108133937923, 0.00025808700124344951};
};
// clang-format on

template <Real S>
struct UnsignedLanes {
  typedef typename Numbers<S>::Unsigned Vector __attribute__((vector_size(EVENGRAD_VECTOR_BYTES)));
};
template <Real S>
using UnsignedVector = typename UnsignedLanes<S>::Vector;

template <Real S>
UnsignedVector<S> to_bits(Lanes<S> x) {
  return (UnsignedVector<S>)x.v;
}

template <Real S>
Lanes<S> from_bits(UnsignedVector<S> bits) {
  return Lanes<S>((typename Lanes<S>::Vector)bits);
}

template <Real S>
inline constexpr typename Numbers<S>::Unsigned sign_bit = typename Numbers<S>::Unsigned{1} << (8 * sizeof(S) - 1);

/// c[first] + c[first + 1] x + ... of `length` terms, given x, x^2, x^4, ...
template <std::size_t first, std::size_t length, Real S, std::size_t count>
[[gnu::always_inline]] inline Lanes<S> polynomial_part(const Lanes<S>* powers, const S (&c)[count]) {
  if constexpr (length == 1) {
    return Lanes<S>(c[first]);
  } else {
    constexpr int level = 63 - __builtin_clzll(length - 1);
    constexpr std::size_t half = std::size_t{1} << level;
    return fma(powers[level], polynomial_part<first + half, length - half>(powers, c),
               polynomial_part<first, half>(powers, c));
  }
}

/// c[0] + c[1] x + c[2] x^2 + ... by halves (G. Estrin, 1960): the chain of dependent steps, which is what a loop over
/// lanes waits for, is shorter than Horner's, and fewer roundings follow each other.
template <Real S, std::size_t count>
[[gnu::always_inline]] inline Lanes<S> polynomial(Lanes<S> x, const S (&c)[count]) {
  static_assert(count > 1 && count <= 32);
  const Lanes<S> x2 = x * x, x4 = x2 * x2, x8 = x4 * x4;
  const Lanes<S> powers[] = {x, x2, x4, x8, x8 * x8};
  return polynomial_part<0, count>(powers, c);
}

template <Real S, std::size_t count>
struct Coefficients {
  S c[count];
};

/// The coefficients of factor P(ratio x) for those of P(x). Exact for powers of two and their negatives, and then every
/// step of the polynomial rounds as before: signs and factors cost no instruction.
template <Real S, std::size_t count>
constexpr Coefficients<S, count> rescaled(const S (&c)[count], S factor, S ratio) {
  Coefficients<S, count> result{};
  for (std::size_t i = 0; i < count; ++i, factor *= ratio) result.c[i] = factor * c[i];
  return result;
}

/// x within [low, high]; NaN stays NaN. One instruction on x86, whose minimum is the second one unless the first is
/// smaller; compilers keep the comparison and the choice.
template <Real S>
[[gnu::always_inline]] inline Lanes<S> at_most(Lanes<S> x, S high) {
  using Vector = typename Lanes<S>::Vector;
  const Vector bound = Lanes<S>(high).v;
#if EVENGRAD_VECTOR_BYTES == 64
  if constexpr (sizeof(S) == 4) return (Vector)_mm512_maskz_min_ps(static_cast<__mmask16>(-1), (__m512)bound, (__m512)x.v);
  else return (Vector)_mm512_maskz_min_pd(static_cast<__mmask8>(-1), (__m512d)bound, (__m512d)x.v);
#elif EVENGRAD_VECTOR_BYTES == 32
  if constexpr (sizeof(S) == 4) return (Vector)_mm256_min_ps((__m256)bound, (__m256)x.v);
  else return (Vector)_mm256_min_pd((__m256d)bound, (__m256d)x.v);
#else
  return bound < x.v ? bound : x.v;
#endif
}
template <Real S>
[[gnu::always_inline]] inline Lanes<S> at_least(Lanes<S> x, S low) {
  using Vector = typename Lanes<S>::Vector;
  const Vector bound = Lanes<S>(low).v;
#if EVENGRAD_VECTOR_BYTES == 64
  if constexpr (sizeof(S) == 4) return (Vector)_mm512_maskz_max_ps(static_cast<__mmask16>(-1), (__m512)bound, (__m512)x.v);
  else return (Vector)_mm512_maskz_max_pd(static_cast<__mmask8>(-1), (__m512d)bound, (__m512d)x.v);
#elif EVENGRAD_VECTOR_BYTES == 32
  if constexpr (sizeof(S) == 4) return (Vector)_mm256_max_ps((__m256)bound, (__m256)x.v);
  else return (Vector)_mm256_max_pd((__m256d)bound, (__m256d)x.v);
#else
  return bound > x.v ? bound : x.v;
#endif
}

template <Real S>
Lanes<S> magnitude(Lanes<S> x) {
  return from_bits<S>(to_bits(x) & ~sign_bit<S>);
}

template <Real S>
Lanes<S> copy_sign(Lanes<S> size, Lanes<S> sign) {
  return from_bits<S>(to_bits(size) | (to_bits(sign) & sign_bit<S>));
}

/// What rounding took from product = a * b: exact, but for subnormal remainders and one bit in double without fma.
template <Real S>
Lanes<S> product_error(Lanes<S> a, Lanes<S> b, Lanes<S> product) {
  if constexpr (fused) {
    return fma(a, b, -product);
  } else {
    constexpr auto high_part = ~((typename Numbers<S>::Unsigned{1} << Numbers<S>::split_bits) - 1);
    const Lanes<S> a_high = from_bits<S>(to_bits(a) & high_part), a_low = a - a_high;
    const Lanes<S> b_high = from_bits<S>(to_bits(b) & high_part), b_low = b - b_high;
    return ((a_high * b_high - product) + a_high * b_low + a_low * b_high) + a_low * b_low;
  }
}

// ---- the exponential ----

/// e^x = 2^n (1 + expm1); n is kept as n + magic, whose lowest bits are n as an integer.
template <Real S>
struct ExpParts {
  Lanes<S> expm1;
  Lanes<S> shifted;
};

/// The parts of e^(x + low), for |n| up to twice the exponent range; low is a correction below the rounding of x.
template <Real S>
[[gnu::always_inline]] inline ExpParts<S> exp_parts(Lanes<S> x, Lanes<S> low) {
  using C = Numbers<S>;
  const Lanes<S> shifted = fma(x, Lanes<S>(1.4426950408889634), Lanes<S>(C::magic));
  const Lanes<S> n = shifted - Lanes<S>(C::magic);
  const Lanes<S> r = fma(n, Lanes<S>(-C::ln2_high), x) + fma(n, Lanes<S>(-C::ln2_low), low);
  return {fma(r * r, polynomial(r, C::expm1), r), shifted};
}

/// x = n log 2 + r, |r| <= log(2)/2; n as in ExpParts.
template <Real S>
struct ExpArgument {
  Lanes<S> r;
  Lanes<S> shifted;
};

template <Real S>
[[gnu::always_inline]] inline ExpArgument<S> exp_argument(Lanes<S> x) {
  using C = Numbers<S>;
  const Lanes<S> shifted = fma(x, Lanes<S>(1.4426950408889634), Lanes<S>(C::magic));
  const Lanes<S> n = shifted - Lanes<S>(C::magic);
  return {fma(n, Lanes<S>(-C::ln2_low), fma(n, Lanes<S>(-C::ln2_high), x)), shifted};
}

template <Real S>
[[gnu::always_inline]] inline ExpParts<S> exp_parts(Lanes<S> x) {
  const ExpArgument<S> n = exp_argument(x);
  return {fma(n.r * n.r, polynomial(n.r, Numbers<S>::expm1), n.r), n.shifted};
}

/// x * 2^n with one rounding, into subnormals and infinity too; n as in ExpParts.
template <Real S>
[[gnu::always_inline]] inline Lanes<S> scale(Lanes<S> x, Lanes<S> shifted) {
  using C = Numbers<S>;
#if EVENGRAD_VECTOR_BYTES == 64
  const Lanes<S> n = shifted - Lanes<S>(C::magic);
  if constexpr (sizeof(S) == 4)
    return Lanes<S>(
        (typename Lanes<S>::Vector)_mm512_maskz_scalef_ps(static_cast<__mmask16>(-1), (__m512)x.v, (__m512)n.v));
  else
    return Lanes<S>(
        (typename Lanes<S>::Vector)_mm512_maskz_scalef_pd(static_cast<__mmask8>(-1), (__m512d)x.v, (__m512d)n.v));
#else
  // 2^n may be out of range where the result is not: multiply by 2^(n/2) and 2^(n - n/2).
  const UnsignedVector<S> biased = to_bits(shifted) - (C::magic_bits - 2 * C::bias);
  const UnsignedVector<S> half = biased >> 1;
  return x * from_bits<S>(half << C::fraction_bits) * from_bits<S>((biased - half) << C::fraction_bits);
#endif
}

/// 2^n for n from -64 to the end of the normal range, below that at most 2^-64.
template <Real S>
[[gnu::always_inline]] inline Lanes<S> power_of_two(Lanes<S> shifted) {
#if EVENGRAD_VECTOR_BYTES == 64
  return scale(Lanes<S>(1.0), shifted);
#else
  using C = Numbers<S>;
  return from_bits<S>((to_bits(at_least(shifted, C::magic - 64)) - (C::magic_bits - C::bias)) << C::fraction_bits);
#endif
}

/// e^x for x in [exp_lowest, exp_highest].
template <Real S>
[[gnu::always_inline]] inline Lanes<S> exp_in_range(Lanes<S> x) {
  const ExpParts<S> e = exp_parts(x);
  return scale(Lanes<S>(1.0) + e.expm1, e.shifted);
}

/// exp(-factor a^2) for factor 1 or 1/2 and 0 <= a <= erfc_last or normal_last. The square keeps its rounding error:
/// without it, the tails lose as many units in the last place as the exponent has.
template <Real S>
[[gnu::always_inline]] inline ExpParts<S> gaussian_parts(Lanes<S> a, S factor) {
  const Lanes<S> minus_a = a * Lanes<S>(-factor), x = minus_a * a;
  return exp_parts(x, product_error(minus_a, a, x));
}

/// y e^x from the parts of e^x.
template <Real S>
[[gnu::always_inline]] inline Lanes<S> times_exp(Lanes<S> y, const ExpParts<S>& e) {
  return scale(fma(y, e.expm1, y), e.shifted);
}

/// erf z / z - 1 for |z| <= 1, given z^2.
template <Real S>
[[gnu::always_inline]] inline Lanes<S> erf_excess(Lanes<S> square) {
  return polynomial(square - Lanes<S>(0.5), Numbers<S>::erf);
}

/// exp(z^2) erfc z for 1 <= z <= erfc_last.
template <Real S>
[[gnu::always_inline]] inline Lanes<S> erfcx(Lanes<S> z) {
  return polynomial(z, Numbers<S>::erfcx_numerator) / polynomial(z, Numbers<S>::erfcx_denominator);
}

// ---- the logarithm ----

/// x = 2^exponent (1 + f) with sqrt(1/2) <= 1 + f < sqrt(2), for positive, finite, normal x.
template <Real S>
struct LogParts {
  Lanes<S> exponent;
  Lanes<S> f;
  UnsignedVector<S> biased_exponent;
};

template <Real S>
[[gnu::always_inline]] inline LogParts<S> log_parts(Lanes<S> x) {
  using C = Numbers<S>;
  constexpr typename C::Unsigned one = typename C::Unsigned{1} << C::fraction_bits;
  const UnsignedVector<S> k = to_bits(x) + (C::bias * one - C::sqrt_half_bits);
  const UnsignedVector<S> biased = k >> C::fraction_bits;
  const Lanes<S> exponent = from_bits<S>(biased | C::two_to_fraction_bits) - Lanes<S>(C::two_to_fraction + C::bias);
  return {exponent, from_bits<S>((k & (one - 1)) + C::sqrt_half_bits) - Lanes<S>(1.0), biased};
}

/// log(1 + f) + high + low, where |high| is 0 or at least log 2.
template <Real S>
[[gnu::always_inline]] inline Lanes<S> log1p_sum(Lanes<S> f, Lanes<S> high, Lanes<S> low) {
  const Lanes<S> square = f * f;
  const Lanes<S> curved = fma(square * f, polynomial(f, Numbers<S>::log1p), square * Lanes<S>(-0.5));
  return high + (f + (curved + low));
}

/// log(u + lost) for u in [2^-fraction_bits, infinity) and its rounding error.
template <Real S>
[[gnu::always_inline]] inline Lanes<S> log_of_sum(Lanes<S> u, Lanes<S> lost) {
  using C = Numbers<S>;
  using L = Lanes<S>;
  const LogParts<S> parts = log_parts(u);
  const L twice_inverse_power = from_bits<S>((2 * C::bias + 1 - parts.biased_exponent) << C::fraction_bits);
  const L f = fma(lost, L(0.5) * twice_inverse_power, parts.f);
  return log1p_sum(f, parts.exponent * L(C::ln2_high), parts.exponent * L(C::ln2_low));
}

/// Lifts subnormals by 2^fraction_bits; `exponent` is what to add to the exponent for it.
template <Real S>
[[gnu::always_inline]] inline Lanes<S> lift_subnormals(Lanes<S> x, Lanes<S>& exponent) {
  using C = Numbers<S>;
  const Mask<S> tiny = x < Lanes<S>(C::smallest_normal);
  exponent = where(tiny, Lanes<S>(-double(C::fraction_bits)), Lanes<S>(0.0));
  return where(tiny, x * Lanes<S>(C::two_to_fraction), x);
}

/// log x for positive finite x as an unevaluated sum, `low` below the rounding of `high`.
template <Real S>
struct LongLog {
  Lanes<S> high;
  Lanes<S> low;
};

template <Real S>
LongLog<S> long_log(Lanes<S> x) {
  using C = Numbers<S>;
  using L = Lanes<S>;
  L lift;
  const LogParts<S> parts = log_parts(lift_subnormals(x, lift));
  const L n = parts.exponent + lift, f = parts.f;
  // s = f / (2 + f), then 2s + s^3 (2/3 + s^2 P(s^2)), each with its rounding error.
  const L d = f + L(2.0), d_low = f - (d - L(2.0));
  const L s = f / d, back = s * d;
  const L s_low = (((f - back) - product_error(s, d, back)) - s * d_low) / d;
  const L s2 = s * s, s2_low = product_error(s, s, s2) + L(2.0) * s * s_low;
  const L t = s2 * L(C::two_thirds);
  const L t_low = product_error(s2, L(C::two_thirds), t) + (s2 * L(C::two_thirds_low) + s2_low * L(C::two_thirds));
  const L rest = s2 * s2 * polynomial(s2, C::atanh);
  const L u = t + rest, u_low = ((t - u) + rest) + t_low;
  const L v = s * u, v_low = product_error(s, u, v) + (s * u_low + s_low * u);
  const L twice = L(2.0) * s;
  const L w = twice + v, w_low = ((twice - w) + v) + (L(2.0) * s_low + v_low);
  const L n_high = n * L(C::ln2_high);
  const L high = n_high + w;
  return {high, ((n_high - high) + w) + fma(n, L(C::ln2_low), w_low)};
}

// ---- sine and cosine ----

/// x = quadrant * pi/2 + value, |value| <= pi/4, for finite |x| >= 1024: multiplies by just those bits of 2/pi that can
/// matter (M. Payne and R. Hanek, 1983).
struct Remainder {
  double value;
  int quadrant;
};

[[gnu::noinline]] inline Remainder remainder_half_pi(double x) {
  static constexpr std::uint64_t two_over_pi[] = {
      0x0000000000000000, 0xa2f9836e4e441529, 0xfc2757d1f534ddc0, 0xdb6295993c439041, 0xfe5163abdebbc561,
      0xb7246e3a424dd2e0, 0x06492eea09d1921c, 0xfe1deb1cb129a73e, 0xe88235f52ebb4484, 0xe99c7026b45f7e41,
      0x3991d639835339f4, 0x9c845f8bbdf9283b, 0x1ff897ffde05980f, 0xef2f118b5a0a6d1f, 0x6d367ecf27cb09b7,
      0x4f463f669e5fea2d, 0x7527bac7ebe5f17b, 0x3d0739f78a5292ea, 0x6bfb5fb11f8d5d08, 0x56033046fc7b6bab};
  __extension__ typedef unsigned __int128 Wide;
  std::uint64_t bits;
  std::memcpy(&bits, &x, sizeof bits);
  const bool negative = bits >> 63;
  const std::uint64_t mantissa = (bits & 0xfffffffffffff) | 0x10000000000000;
  const int exponent = static_cast<int>(bits >> 52 & 0x7ff) - 1075;  // |x| = mantissa * 2^exponent

  // Bits of 2/pi that make a multiple of 4 drop out: take 192 from where the product's top two bits are the quadrant.
  const int from = exponent + 62, word = from / 64, shift = from % 64;
  std::uint64_t window[3];
  for (int i = 0; i < 3; ++i) {
    const Wide pair = static_cast<Wide>(two_over_pi[word + i]) << 64 | two_over_pi[word + i + 1];
    window[i] = static_cast<std::uint64_t>(pair >> (64 - shift));
  }
  const Wide low = static_cast<Wide>(mantissa) * window[2];
  const Wide middle = static_cast<Wide>(mantissa) * window[1] + (low >> 64);
  const Wide product = (static_cast<Wide>(mantissa * window[0]) << 64) + middle;
  const bool beyond_half = product >> 125 & 1;
  const Wide fraction = beyond_half ? -(product << 2) : product << 2;  // in units of 2^-128 quarter turns
  const double quarters = static_cast<double>(static_cast<std::uint64_t>(fraction >> 64)) * 0x1p-64 +
                          static_cast<double>(static_cast<std::uint64_t>(fraction)) * 0x1p-128;
  const double value = quarters * 1.5707963267948966 + quarters * 6.123233995736766e-17;
  const int quadrant = static_cast<int>(product >> 126) + beyond_half;
  return {beyond_half != negative ? -value : value, negative ? -quadrant : quadrant};
}

/// Whether the sign bit is set in any lane.
template <Real S>
bool any(Mask<S> mask) {
#if EVENGRAD_VECTOR_BYTES == 64
  return _mm512_movepi32_mask((__m512i)mask.v) != 0;
#elif EVENGRAD_VECTOR_BYTES == 32
  return _mm256_movemask_ps((__m256)mask.v) != 0;
#elif defined(__x86_64__)
  return _mm_movemask_ps((__m128)mask.v) != 0;
#else
  Bits<S> all = 0;
  for (Index lane = 0; lane < Lanes<S>::size; ++lane) all |= mask.v[lane];
  return all != 0;
#endif
}

template <Real S>
struct SineCosine {
  Lanes<S> sine;
  Lanes<S> cosine;
};

template <Real S>
[[gnu::always_inline]] inline SineCosine<S> sine_cosine(Lanes<S> x) {
  using C = Numbers<S>;
  using L = Lanes<S>;
  constexpr int sign_shift = static_cast<int>(8 * sizeof(S)) - 2;
  const L shifted = fma(x, L(0.63661977236758134), L(C::magic));
  const L n = shifted - L(C::magic);
  UnsignedVector<S> quadrant = to_bits(shifted);
  // The first difference is exact; the second one's rounding error goes to the small terms.
  const L first = fma(n, L(-C::half_pi[0]), x), second = fma(n, L(-C::half_pi[1]), first);
  const L error = fma(n, L(-C::half_pi[1]), first - second);
  L r = second + fma(n, L(-C::half_pi[3]), fma(n, L(-C::half_pi[2]), error));
  const L size = magnitude(x);
  if (any(size > L(C::sine_last))) [[unlikely]] {
    for (Index lane = 0; lane < L::size; ++lane) {
      if (size[lane] <= C::sine_last) continue;
      if (size[lane] < C::infinity) {
        const Remainder exact = remainder_half_pi(static_cast<double>(x[lane]));
        r.v[lane] = static_cast<S>(exact.value);
        quadrant[lane] = static_cast<typename C::Unsigned>(exact.quadrant);
      } else {
        r.v[lane] = x[lane] - x[lane];  // infinity has no sine
      }
    }
  }
  const L square = r * r;
  const L sine = fma(square * r, polynomial(square, C::sine), r);
  const L half = square * L(0.5), near = L(1.0) - half;
  const L cosine = near + fma(square * square, polynomial(square, C::cosine), (L(1.0) - near) - half);
  const UnsignedVector<S> odd = -(quadrant & 1);
  const auto choose = [odd](L if_odd, L if_even) { return (to_bits(if_odd) & odd) | (to_bits(if_even) & ~odd); };
  return {from_bits<S>(choose(cosine, where(x == L(0.0), x, sine)) ^ ((quadrant & 2) << sign_shift)),
          from_bits<S>(choose(sine, cosine) ^ (((quadrant + 1) & 2) << sign_shift))};
}

// ---- functions with their derivatives ----

template <Real S>
struct ValueSlope {
  Lanes<S> value;
  Lanes<S> slope;
};

template <Real S>
Dual<Lanes<S>> chain(const Dual<Lanes<S>>& x, const ValueSlope<S>& f) {
  return {f.value, along(f.slope, x.derivative)};
}

template <Real S>
[[gnu::always_inline]] inline ValueSlope<S> expm1_parts(Lanes<S> x) {
  using C = Numbers<S>;
  using L = Lanes<S>;
  const ExpParts<S> e = exp_parts(at_most(at_least(x, C::exp_lowest), C::exp_highest));
  // 2^n expm1 + (2^n - 1), with 2^(n-1) since 2^n may overflow before the sum does; below expm1_lowest it is all -1.
  const L half_power = scale(L(0.5), where(x < L(C::expm1_lowest), L(C::magic - 120), e.shifted));
  const L value = L(2.0) * fma(half_power, e.expm1, half_power - L(0.5));
  return {where(magnitude(x) < L(0x1p-60), x, value), scale(L(1.0) + e.expm1, e.shifted)};
}

template <Real S>
[[gnu::always_inline]] inline ValueSlope<S> tanh_parts(Lanes<S> x) {
  using C = Numbers<S>;
  using L = Lanes<S>;
  static constexpr auto expm1 = rescaled(C::expm1, S(2), S(-2));
  // With e = exp(-2|x|): tanh |x| = (1 - e) / (1 + e), and tanh' = (1 - tanh |x|) (1 + tanh |x|).
  // Here -2|x| = n log 2 - 2 r and e = 2^n (1 + 2 half): what exp_parts() computes, halved.
  const L a = at_most(magnitude(x), S(1 - C::exp_lowest / 2));
  const L shifted = fma(a, L(-2 * 1.4426950408889634), L(C::magic)), n = shifted - L(C::magic);
  const L r = fma(n, L(C::ln2_low / 2), fma(n, L(C::ln2_high / 2), a));
  const L half = fma(r * r, polynomial(r, expm1.c), -r), twice_power = scale(L(2.0), shifted);
  const L difference = fma(-twice_power, half, fma(twice_power, L(-0.5), L(1.0)));  // 1 - e
  const L divisor = L(2.0) - difference;
  const L rest = scale(fma(half, L(4.0), L(2.0)), shifted) / divisor;  // 1 - tanh |x|
  return {copy_sign(difference / divisor, x), rest * (L(2.0) - rest)};
}

/// 1 / (1 + e^-x) for all x: monotone, since exp and each later step is.
template <Real S>
[[gnu::always_inline]] inline ValueSlope<S> sigmoid_parts(Lanes<S> x) {
  using C = Numbers<S>;
  using L = Lanes<S>;
  static constexpr auto expm1 = rescaled(C::expm1, S(1), S(-1));
  // With x = n log 2 + r and p = e^-r, 1 / (1 + 2^-n p) = 2^n / (2^n + p) neither overflows nor loses subnormal results.
  const ExpArgument<S> n = exp_argument(at_most(at_least(x, C::exp_lowest), C::sigmoid_highest));
  const L p = L(1.0) + fma(n.r * n.r, polynomial(n.r, expm1.c), -n.r);
  const L inverse = L(1.0) / (power_of_two(n.shifted) + p);
  const L value = scale(inverse, n.shifted);
  return {value, value * (p * inverse)};
}

/// log(1 + e^x), monotone.
template <Real S>
[[gnu::always_inline]] inline ValueSlope<S> softplus_parts(Lanes<S> x) {
  using C = Numbers<S>;
  using L = Lanes<S>;
  const Mask<S> linear = x > L(C::softplus_linear);
  const L e = exp_in_range(at_least(where(linear, L(C::softplus_linear), x), C::exp_lowest));
  const L u = L(1.0) + e;
  return {where(linear, x, log_of_sum(u, where(e < L(1.0), e - (u - L(1.0)), L(0.0)))), e / u};
}

// erf, erfc and the normal distribution: a polynomial up to |z| = 1, beyond it exp(-z^2) times a ratio.

template <Real S>
[[gnu::always_inline]] inline ValueSlope<S> erf_parts(Lanes<S> x) {
  using C = Numbers<S>;
  using L = Lanes<S>;
  const L a = at_most(magnitude(x), C::erfc_last);
  const ExpParts<S> bell = gaussian_parts(a, S(1));
  const L near = fma(a, erf_excess(a * a), a), far = L(1.0) - times_exp(erfcx(a), bell);
  return {copy_sign(where(a < L(1.0), near, far), x), times_exp(L(1.1283791670955126), bell)};
}

template <Real S>
[[gnu::always_inline]] inline ValueSlope<S> erfc_parts(Lanes<S> x) {
  using C = Numbers<S>;
  using L = Lanes<S>;
  const L a = at_most(magnitude(x), C::erfc_last);
  const ExpParts<S> bell = gaussian_parts(a, S(1));
  const L tail = times_exp(erfcx(a), bell);
  const L near = fma(-x, erf_excess(x * x), L(1.0) - x);
  return {where(a < L(1.0), near, where(x < L(0.0), L(2.0) - tail, tail)), times_exp(L(-1.1283791670955126), bell)};
}

template <Real S>
[[gnu::always_inline]] inline ValueSlope<S> normal_cdf_parts(Lanes<S> x) {
  using C = Numbers<S>;
  using L = Lanes<S>;
  const L a = at_most(magnitude(x), C::normal_last);
  const ExpParts<S> bell = gaussian_parts(a, S(0.5));
  const L z = a * L(0.70710678118654752), tail = times_exp(L(0.5) * erfcx(z), bell);
  const L half = x * L(0.5 * 0.70710678118654752);
  const L near = fma(half, erf_excess(z * z), L(0.5) + half);
  return {where(z < L(1.0), near, where(x < L(0.0), tail, L(1.0) - tail)), times_exp(L(0.39894228040143268), bell)};
}

template <Real S>
Lanes<S> square_root(Lanes<S> x) {
  using Vector = typename Lanes<S>::Vector;
#if EVENGRAD_VECTOR_BYTES == 64
  if constexpr (sizeof(S) == 4)
    return Lanes<S>((Vector)_mm512_maskz_sqrt_ps(static_cast<__mmask16>(-1), (__m512)x.v));
  else
    return Lanes<S>((Vector)_mm512_maskz_sqrt_pd(static_cast<__mmask8>(-1), (__m512d)x.v));
#elif EVENGRAD_VECTOR_BYTES == 32
  if constexpr (sizeof(S) == 4)
    return Lanes<S>((Vector)_mm256_sqrt_ps((__m256)x.v));
  else
    return Lanes<S>((Vector)_mm256_sqrt_pd((__m256d)x.v));
#elif defined(__x86_64__)
  if constexpr (sizeof(S) == 4)
    return Lanes<S>((Vector)_mm_sqrt_ps((__m128)x.v));
  else
    return Lanes<S>((Vector)_mm_sqrt_pd((__m128d)x.v));
#else
  Vector r;
  for (Index lane = 0; lane < Lanes<S>::size; ++lane) {
    if constexpr (sizeof(S) == 4)
      r[lane] = __builtin_sqrtf(x.v[lane]);
    else
      r[lane] = __builtin_sqrt(x.v[lane]);
  }
  return r;
#endif
}

/// Whether v >= 0 is an integer.
template <Real S>
Mask<S> is_integer(Lanes<S> v) {
  const Lanes<S> step(Numbers<S>::two_to_fraction);
  return (v >= step) | ((v + step) - step == v);
}

}  // namespace detail

// ---- on lanes ----

/// e^x.
template <Real S>
Lanes<S> exp(Lanes<S> x) {
  using C = detail::Numbers<S>;
  return detail::exp_in_range(detail::at_most(detail::at_least(x, C::exp_lowest), C::exp_highest));
}

/// e^x - 1, accurate near 0.
template <Real S>
Lanes<S> expm1(Lanes<S> x) {
  return detail::expm1_parts(x).value;
}

/// The natural logarithm: -inf at 0, NaN below.
template <Real S>
Lanes<S> log(Lanes<S> x) {
  using C = detail::Numbers<S>;
  using L = Lanes<S>;
  L lift;
  const detail::LogParts<S> parts = detail::log_parts(detail::lift_subnormals(x, lift));
  const L n = parts.exponent + lift;
  const L result = detail::log1p_sum(parts.f, n * L(C::ln2_high), n * L(C::ln2_low));
  const L special = where(x == L(0.0), L(-double(C::infinity)), where(x < L(0.0), (x - x) / (x - x), x));
  return where((x > L(0.0)) & (x < L(C::infinity)), result, special);
}

/// log(1 + x), accurate near 0: -inf at -1, NaN below.
template <Real S>
Lanes<S> log1p(Lanes<S> x) {
  using C = detail::Numbers<S>;
  using L = Lanes<S>;
  const L u = x + L(1.0), x_kept = u - L(1.0);
  const L lost = (L(1.0) - (u - x_kept)) + (x - x_kept);
  const L result = detail::log_of_sum(u, lost);
  const L special = where(x == L(-1.0), L(-double(C::infinity)), where(x < L(-1.0), (x - x) / (x - x), x));
  return where((x > L(-1.0)) & (x < L(C::infinity)) & (x != L(0.0)), result, special);
}

/// The square root, correctly rounded: NaN below 0.
template <Real S>
Lanes<S> sqrt(Lanes<S> x) {
  return detail::square_root(x);
}

template <Real S>
Lanes<S> abs(Lanes<S> x) {
  return detail::magnitude(x);
}

/// -1, 0 or 1.
template <Real S>
Lanes<S> sign(Lanes<S> x) {
  using L = Lanes<S>;
  return where(x > L(0.0), L(1.0), where(x < L(0.0), L(-1.0), x));
}

/// The smaller one; NaN if either is.
template <Real S>
Lanes<S> min(Lanes<S> a, Lanes<S> b) {
  return where((a < b) | (a != a), a, b);
}
template <Real S>
Lanes<S> min(Lanes<S> x, double c) {
  return detail::at_most(x, static_cast<S>(c));
}
template <Real S>
Lanes<S> min(double c, Lanes<S> x) {
  return min(x, c);
}

/// The larger one; NaN if either is.
template <Real S>
Lanes<S> max(Lanes<S> a, Lanes<S> b) {
  return where((a > b) | (a != a), a, b);
}
template <Real S>
Lanes<S> max(Lanes<S> x, double c) {
  return detail::at_least(x, static_cast<S>(c));
}
template <Real S>
Lanes<S> max(double c, Lanes<S> x) {
  return max(x, c);
}

template <Real S>
Lanes<S> sin(Lanes<S> x) {
  return detail::sine_cosine(x).sine;
}

template <Real S>
Lanes<S> cos(Lanes<S> x) {
  return detail::sine_cosine(x).cosine;
}

template <Real S>
Lanes<S> tanh(Lanes<S> x) {
  return detail::tanh_parts(x).value;
}

template <Real S>
Lanes<S> atan(Lanes<S> x) {
  using C = detail::Numbers<S>;
  using L = Lanes<S>;
  // atan a = atan 1 + atan((a - 1) / (a + 1)) = pi/2 - atan(1/a): keeps the polynomial's argument below tan(pi/8).
  const L a = detail::magnitude(x);
  const Mask<S> far = a > L(2.4142135623730951), near = a < L(0.41421356237309503);
  const L z = where(far, L(-1.0), where(near, a, a - L(1.0))) / where(far, a, where(near, L(1.0), a + L(1.0)));
  const L square = z * z;
  constexpr double high = S(1.5707963267948966), low = sizeof(S) == 4 ? -4.37113883e-8 : 6.123233995736766e-17;
  const L turn = where(far, L(high), where(near, L(0.0), L(0.5 * high)));
  const L turn_low = where(far, L(low), where(near, L(0.0), L(0.5 * low)));
  return detail::copy_sign(turn + (z + fma(square * z, detail::polynomial(square, C::arctan), turn_low)), x);
}

/// The error function.
template <Real S>
Lanes<S> erf(Lanes<S> x) {
  return detail::erf_parts(x).value;
}

/// 1 - erf x, accurate where it is tiny.
template <Real S>
Lanes<S> erfc(Lanes<S> x) {
  return detail::erfc_parts(x).value;
}

/// 1 / (1 + e^-x), accurate where it is tiny.
template <Real S>
Lanes<S> sigmoid(Lanes<S> x) {
  return detail::sigmoid_parts(x).value;
}

/// log(1 + e^x), accurate where it is tiny.
template <Real S>
Lanes<S> softplus(Lanes<S> x) {
  return detail::softplus_parts(x).value;
}

/// log sigmoid(x) = -softplus(-x).
template <Real S>
Lanes<S> log_sigmoid(Lanes<S> x) {
  return -softplus(-x);
}

/// The standard normal distribution function, accurate where it is tiny.
template <Real S>
Lanes<S> normal_cdf(Lanes<S> x) {
  return detail::normal_cdf_parts(x).value;
}

/// The standard normal density.
template <Real S>
Lanes<S> normal_pdf(Lanes<S> x) {
  return detail::normal_cdf_parts(x).slope;
}

/// x^n by repeated multiplication.
template <Real S>
Lanes<S> pow(Lanes<S> x, int n) {
  if (n < 0) return Lanes<S>(1.0) / pow(x, -n);
  Lanes<S> result(1.0);
  for (; n > 0; n /= 2, x = x * x) {
    if (n % 2 == 1) result = result * x;
  }
  return result;
}

/// x^y with the special cases of IEEE 754: NaN for x < 0 unless y is an integer.
template <Real S>
Lanes<S> pow(Lanes<S> x, Lanes<S> y) {
  using C = detail::Numbers<S>;
  using L = Lanes<S>;
  const L a = detail::magnitude(x), infinity(C::infinity);
  const detail::LongLog<S> log = detail::long_log(a);
  const L product = y * log.high;
  const L exponent = detail::at_most(detail::at_least(product, C::exp_lowest), C::exp_highest);
  const L low = fma(y, log.low, detail::product_error(y, log.high, product));
  const detail::ExpParts<S> e = detail::exp_parts(exponent, where(exponent == product, low, L(0.0)));
  L size = detail::scale(L(1.0) + e.expm1, e.shifted);
  size = where(a == L(0.0), where(y < L(0.0), infinity, L(0.0)), size);
  size = where(a == infinity, where(y < L(0.0), L(0.0), infinity), size);
  size = where(a == L(1.0), L(1.0), size);

  const L b = detail::magnitude(y);
  const Mask<S> integer = detail::is_integer(b), odd = integer & !detail::is_integer(L(0.5) * b);
  const L nan = infinity - infinity;
  L result = where(odd, detail::copy_sign(size, x), size);
  result = where((x < L(0.0)) & !integer & (a < infinity), nan, result);
  result = where((x == x) & (y == y), result, x + y);
  return where((x == L(1.0)) | (y == L(0.0)), L(1.0), result);
}
template <Real S>
Lanes<S> pow(Lanes<S> x, double y) {
  return pow(x, Lanes<S>(y));
}
template <Real S>
Lanes<S> pow(double x, Lanes<S> y) {
  return pow(Lanes<S>(x), y);
}

// ---- on dual numbers ----

template <class T>
Dual<T> exp(const Dual<T>& x) {
  const T value = exp(x.value);
  return {value, along(value, x.derivative)};
}

template <Real S>
Dual<Lanes<S>> expm1(const Dual<Lanes<S>>& x) {
  return detail::chain(x, detail::expm1_parts(x.value));
}

template <class T>
Dual<T> log(const Dual<T>& x) {
  return {log(x.value), x.derivative / x.value};
}

template <class T>
Dual<T> log1p(const Dual<T>& x) {
  return {log1p(x.value), x.derivative / (T(1.0) + x.value)};
}

template <class T>
Dual<T> sqrt(const Dual<T>& x) {
  const T value = sqrt(x.value);
  return {value, T(0.5) * x.derivative / value};
}

/// The derivative at 0 is 0.
template <class T>
Dual<T> abs(const Dual<T>& x) {
  return {abs(x.value), sign(x.value) * x.derivative};
}

template <class T>
Dual<T> sign(const Dual<T>& x) {
  return {sign(x.value), T(0.0)};
}

/// The derivative of the smaller one; at a tie, of the second or of the constant.
template <class T>
Dual<T> min(const Dual<T>& a, const Dual<T>& b) {
  return {min(a.value, b.value), where(a.value < b.value, a.derivative, b.derivative)};
}
template <class T>
Dual<T> min(const Dual<T>& x, double c) {
  return {min(x.value, c), where(x.value < T(c), x.derivative, T(0.0))};
}
template <class T>
Dual<T> min(double c, const Dual<T>& x) {
  return min(x, c);
}

/// The derivative of the larger one; at a tie, of the second or of the constant.
template <class T>
Dual<T> max(const Dual<T>& a, const Dual<T>& b) {
  return {max(a.value, b.value), where(a.value > b.value, a.derivative, b.derivative)};
}
template <class T>
Dual<T> max(const Dual<T>& x, double c) {
  return {max(x.value, c), where(x.value > T(c), x.derivative, T(0.0))};
}
template <class T>
Dual<T> max(double c, const Dual<T>& x) {
  return max(x, c);
}

template <Real S>
Dual<Lanes<S>> sin(const Dual<Lanes<S>>& x) {
  const detail::SineCosine<S> f = detail::sine_cosine(x.value);
  return {f.sine, f.cosine * x.derivative};
}

template <Real S>
Dual<Lanes<S>> cos(const Dual<Lanes<S>>& x) {
  const detail::SineCosine<S> f = detail::sine_cosine(x.value);
  return {f.cosine, -f.sine * x.derivative};
}

template <Real S>
Dual<Lanes<S>> tanh(const Dual<Lanes<S>>& x) {
  return detail::chain(x, detail::tanh_parts(x.value));
}

template <class T>
Dual<T> atan(const Dual<T>& x) {
  // 1 / (1 + x^2) as (1/x)^2 where x^2 would overflow
  const auto large = abs(x.value) > T(1e10);
  const T q = T(1.0) / where(large, x.value, fma(x.value, x.value, T(1.0)));
  return {atan(x.value), along(where(large, q * q, q), x.derivative)};
}

template <Real S>
Dual<Lanes<S>> erf(const Dual<Lanes<S>>& x) {
  return detail::chain(x, detail::erf_parts(x.value));
}

template <Real S>
Dual<Lanes<S>> erfc(const Dual<Lanes<S>>& x) {
  return detail::chain(x, detail::erfc_parts(x.value));
}

template <Real S>
Dual<Lanes<S>> sigmoid(const Dual<Lanes<S>>& x) {
  return detail::chain(x, detail::sigmoid_parts(x.value));
}

template <Real S>
Dual<Lanes<S>> softplus(const Dual<Lanes<S>>& x) {
  return detail::chain(x, detail::softplus_parts(x.value));
}

template <class T>
Dual<T> log_sigmoid(const Dual<T>& x) {
  return -softplus(-x);
}

template <Real S>
Dual<Lanes<S>> normal_cdf(const Dual<Lanes<S>>& x) {
  return detail::chain(x, detail::normal_cdf_parts(x.value));
}

template <Real S>
Dual<Lanes<S>> normal_pdf(const Dual<Lanes<S>>& x) {
  const Lanes<S> value = normal_pdf(x.value);
  const Lanes<S> bounded = detail::copy_sign(detail::at_most(abs(x.value), detail::Numbers<S>::normal_last), x.value);
  return {value, along(-bounded * value, x.derivative)};
}

template <class T>
Dual<T> pow(const Dual<T>& x, int n) {
  if (n == 0) return Dual<T>(1.0);
  return {pow(x.value, n), static_cast<double>(n) * pow(x.value, n - 1) * x.derivative};
}

/// x^y for a constant y.
template <class T>
Dual<T> pow(const Dual<T>& x, double y) {
  if (y == 0) return Dual<T>(1.0);
  return {pow(x.value, y), T(y) * pow(x.value, y - 1.0) * x.derivative};
}

/// x^y; a base or exponent whose derivative is 0 adds nothing, even where the other term is infinite.
template <class T>
Dual<T> pow(const Dual<T>& x, const Dual<T>& y) {
  const T value = pow(x.value, y.value), zero(0.0);
  const T by_base = y.value * pow(x.value, y.value - T(1.0)) * x.derivative;
  const T by_exponent = value * log(x.value) * y.derivative;
  return {value, where(x.derivative == zero, zero, by_base) + where(y.derivative == zero, zero, by_exponent)};
}
template <class T>
Dual<T> pow(double x, const Dual<T>& y) {
  return pow(Dual<T>(x), y);
}

}  // namespace EVENGRAD_ISA
}  // namespace evengrad
