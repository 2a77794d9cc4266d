// Lanes<S>: one SIMD register of S, with the operators that formulas use.
//
// A formula written once runs on Lanes (forward pass) and on Dual<Lanes> (value and derivative). Everything whose code
// depends on the instruction set lives in an inline namespace named after it, so the same template compiled with
// different flags gives different symbols and never breaks the one-definition rule.
#pragma once

#include <evengrad/core/real.hpp>

#include <cstdint>
#include <cstring>

#if defined(__x86_64__)
#include <immintrin.h>
#elif defined(__aarch64__)
#include <arm_neon.h>
#endif

#if defined(__AVX512F__) && defined(__AVX512DQ__)
#define EVENGRAD_ISA avx512
#define EVENGRAD_VECTOR_BYTES 64
#elif defined(__AVX2__) && defined(__FMA__)
#define EVENGRAD_ISA avx2
#define EVENGRAD_VECTOR_BYTES 32
#else
#define EVENGRAD_ISA baseline
#define EVENGRAD_VECTOR_BYTES 16
#endif

namespace evengrad {
inline namespace EVENGRAD_ISA {

template <Real S>
using Bits = std::conditional_t<sizeof(S) == 4, std::int32_t, std::int64_t>;

/// The outcome of a comparison, a lane each: all bits set or none.
template <Real S>
struct Mask {
  typedef Bits<S> Vector __attribute__((vector_size(EVENGRAD_VECTOR_BYTES)));
  Vector v;

  friend Mask operator&(Mask a, Mask b) { return {a.v & b.v}; }
  friend Mask operator|(Mask a, Mask b) { return {a.v | b.v}; }
  friend Mask operator!(Mask a) { return {~a.v}; }
};

/// One SIMD register of S.
template <Real S>
struct Lanes {
  using Scalar = S;
  typedef S Vector __attribute__((vector_size(EVENGRAD_VECTOR_BYTES)));
  typedef Bits<S> BitVector __attribute__((vector_size(EVENGRAD_VECTOR_BYTES)));
  static constexpr Index size = EVENGRAD_VECTOR_BYTES / static_cast<Index>(sizeof(S));

  Vector v;

  Lanes() = default;
  Lanes(Vector vector) : v(vector) {}
  /// The same number in every lane (c - 0 keeps the sign of a zero).
  Lanes(double c) : v(static_cast<S>(c) - Vector{}) {}

  static Lanes load(const S* p) {
    Lanes r;
    std::memcpy(&r.v, p, sizeof r.v);
    return r;
  }
  /// The first `count` <= size lanes from memory, zero in the others.
  static Lanes load(const S* p, Index count) {
#if EVENGRAD_VECTOR_BYTES == 64
    if constexpr (sizeof(S) == 4) return Lanes((Vector)_mm512_maskz_loadu_ps(first<__mmask16>(count), p));
    else return Lanes((Vector)_mm512_maskz_loadu_pd(first<__mmask8>(count), p));
#elif EVENGRAD_VECTOR_BYTES == 32
    if constexpr (sizeof(S) == 4) return Lanes((Vector)_mm256_maskload_ps(p, first(count)));
    else return Lanes((Vector)_mm256_maskload_pd(p, first(count)));
#else
    if (count == size) return load(p);
    Lanes r(0.0);
    for (Index i = 0; i < count; ++i) r.v[i] = p[i];
    return r;
#endif
  }
  void store(S* p) const { std::memcpy(p, &v, sizeof v); }
  void store(S* p, Index count) const {
#if EVENGRAD_VECTOR_BYTES == 64
    if constexpr (sizeof(S) == 4) _mm512_mask_storeu_ps(p, first<__mmask16>(count), (__m512)v);
    else _mm512_mask_storeu_pd(p, first<__mmask8>(count), (__m512d)v);
#else
    if (count == size) return store(p);
    // Pieces of constant size: AVX2's masked store takes tens of cycles on some machines, memcpy() is a call.
    S all[size];
    store(all);
    const S* from = all;
    if constexpr (size == 8) {
      if (count & 4) std::memcpy(p, from, 4 * sizeof(S)), p += 4, from += 4;
    }
    if constexpr (size >= 4) {
      if (count & 2) std::memcpy(p, from, 2 * sizeof(S)), p += 2, from += 2;
    }
    if (count & 1) *p = *from;
#endif
  }
  S operator[](Index lane) const { return v[lane]; }

  BitVector bits() const { return (BitVector)v; }
  static Lanes from_bits(BitVector b) { return Lanes((Vector)b); }

  friend Lanes operator+(Lanes a, Lanes b) { return a.v + b.v; }
  friend Lanes operator-(Lanes a, Lanes b) { return a.v - b.v; }
  friend Lanes operator*(Lanes a, Lanes b) { return a.v * b.v; }
  friend Lanes operator/(Lanes a, Lanes b) { return a.v / b.v; }
  friend Lanes operator-(Lanes a) { return -a.v; }
  Lanes& operator+=(Lanes b) { return *this = *this + b; }
  Lanes& operator-=(Lanes b) { return *this = *this - b; }
  Lanes& operator*=(Lanes b) { return *this = *this * b; }

  friend Mask<S> operator<(Lanes a, Lanes b) { return {a.v < b.v}; }
  friend Mask<S> operator<=(Lanes a, Lanes b) { return {a.v <= b.v}; }
  friend Mask<S> operator>(Lanes a, Lanes b) { return {a.v > b.v}; }
  friend Mask<S> operator>=(Lanes a, Lanes b) { return {a.v >= b.v}; }
  friend Mask<S> operator==(Lanes a, Lanes b) { return {a.v == b.v}; }
  friend Mask<S> operator!=(Lanes a, Lanes b) { return {a.v != b.v}; }

  /// a where the mask is set, else b.
  friend Lanes where(Mask<S> mask, Lanes a, Lanes b) { return mask.v ? a.v : b.v; }

 private:
  // The mask of the first `count` lanes. Masks keep what is loaded and stored in part in registers: with memcpy() the
  // inner loop of the products spilled them.
#if EVENGRAD_VECTOR_BYTES == 64
  template <class M>
  static M first(Index count) {
    return static_cast<M>((1u << count) - 1);
  }
#elif EVENGRAD_VECTOR_BYTES == 32
  static __m256i first(Index count) {
    static constexpr Bits<S> set_then_clear[16] = {-1, -1, -1, -1, sizeof(S) == 4 ? -1 : 0, sizeof(S) == 4 ? -1 : 0,
                                                   sizeof(S) == 4 ? -1 : 0, sizeof(S) == 4 ? -1 : 0};
    return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(set_then_clear + size - count));
  }
#endif
};

/// x, or 0 where its magnitude is below the limit.
template <Real S>
inline Lanes<S> flushed(Lanes<S> x, Lanes<S> limit = Lanes<S>(negligible<S>)) {
  constexpr auto all_but_sign = sizeof(S) == sizeof(float) ? Bits<S>{0x7fffffff} : static_cast<Bits<S>>(~0ull >> 1);
  return where(Lanes<S>::from_bits(x.bits() & all_but_sign) < limit, Lanes<S>(0.0), x);
}

template <Real S>
Lanes<S> where(Mask<S> mask, double a, double b) {
  return where(mask, Lanes<S>(a), Lanes<S>(b));
}

/// a * b + c with one rounding where the machine has it; never fused elsewhere, so a build's bits are fixed.
template <Real S>
inline Lanes<S> fma(Lanes<S> a, Lanes<S> b, Lanes<S> c) {
#if EVENGRAD_VECTOR_BYTES == 64
  if constexpr (sizeof(S) == 4) return Lanes<S>((typename Lanes<S>::Vector)_mm512_fmadd_ps((__m512)a.v, (__m512)b.v, (__m512)c.v));
  else return Lanes<S>((typename Lanes<S>::Vector)_mm512_fmadd_pd((__m512d)a.v, (__m512d)b.v, (__m512d)c.v));
#elif EVENGRAD_VECTOR_BYTES == 32
  if constexpr (sizeof(S) == 4) return Lanes<S>((typename Lanes<S>::Vector)_mm256_fmadd_ps((__m256)a.v, (__m256)b.v, (__m256)c.v));
  else return Lanes<S>((typename Lanes<S>::Vector)_mm256_fmadd_pd((__m256d)a.v, (__m256d)b.v, (__m256d)c.v));
#elif defined(__aarch64__)
  if constexpr (sizeof(S) == 4) return Lanes<S>((typename Lanes<S>::Vector)vfmaq_f32((float32x4_t)c.v, (float32x4_t)a.v, (float32x4_t)b.v));
  else return Lanes<S>((typename Lanes<S>::Vector)vfmaq_f64((float64x2_t)c.v, (float64x2_t)a.v, (float64x2_t)b.v));
#else
  return a * b + c;
#endif
}

}  // inline namespace EVENGRAD_ISA
}  // namespace evengrad
