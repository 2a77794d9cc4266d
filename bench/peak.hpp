// The most multiply-adds a second that a core does: the measure of every share that a benchmark prints.
#pragma once

#include <evengrad/core/dispatch.hpp>

#include <algorithm>
#include <chrono>
#include <thread>
#include <vector>

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace evengrad::bench {

// Twelve independent chains: more than the latency of a multiply-add times the number of units. The compiler must not know
// that they start alike: it would compute equal ones once (g++ 12 ran 8 of 12, and the peak came out half as large again).
inline constexpr int chains = 12;

#if defined(__x86_64__)
[[gnu::target("avx512f"), gnu::noinline]] inline void run_avx512(long steps) {
  const __m512 a = _mm512_set1_ps(0.999f), b = _mm512_set1_ps(1e-3f);
  __m512 sum[chains] = {a, a, a, a, a, a, a, a, a, a, a, a};
#pragma GCC unroll 12
  for (int c = 0; c < chains; ++c) asm volatile("" : "+v"(sum[c]));
  for (long i = 0; i < steps; ++i) {
#pragma GCC unroll 12
    for (int c = 0; c < chains; ++c) sum[c] = _mm512_fmadd_ps(sum[c], a, b);
  }
#pragma GCC unroll 12
  for (int c = 0; c < chains; ++c) asm volatile("" ::"v"(sum[c]));
}

[[gnu::target("avx2,fma"), gnu::noinline]] inline void run_avx2(long steps) {
  const __m256 a = _mm256_set1_ps(0.999f), b = _mm256_set1_ps(1e-3f);
  __m256 sum[chains] = {a, a, a, a, a, a, a, a, a, a, a, a};
#pragma GCC unroll 12
  for (int c = 0; c < chains; ++c) asm volatile("" : "+x"(sum[c]));
  for (long i = 0; i < steps; ++i) {
#pragma GCC unroll 12
    for (int c = 0; c < chains; ++c) sum[c] = _mm256_fmadd_ps(sum[c], a, b);
  }
#pragma GCC unroll 12
  for (int c = 0; c < chains; ++c) asm volatile("" ::"x"(sum[c]));
}
#endif

[[gnu::noinline]] inline void run_baseline(long steps) {
  typedef float Four __attribute__((vector_size(16)));
  const Four a = {0.999f, 0.999f, 0.999f, 0.999f}, b = {1e-3f, 1e-3f, 1e-3f, 1e-3f};
  Four sum[chains];
  volatile float start = 0.999f;
#pragma GCC unroll 12
  for (int c = 0; c < chains; ++c) sum[c] = start - Four{};
  for (long i = 0; i < steps; ++i) {
#pragma GCC unroll 12
    for (int c = 0; c < chains; ++c) sum[c] = sum[c] * a + b;
  }
  float total = 0;
  for (int c = 0; c < chains; ++c) total += sum[c][0];
  [[maybe_unused]] volatile const float kept = total;
}

/// Floating-point operations (float32, two a multiply-add) a second on `threads` threads: each one's best burst of
/// about 100 us, since others may use the machine.
inline double peak_flops(Isa isa, int threads, double seconds = 0.2) {
  using Clock = std::chrono::steady_clock;
  std::vector<double> best(static_cast<std::size_t>(threads), 0.0);
  const auto measure = [&](double& mine) {
    constexpr long steps = 50'000;
    const long lanes = isa == Isa::avx512 ? 16 : isa == Isa::avx2 ? 8 : 4;
    const auto end = Clock::now() + std::chrono::duration<double>(seconds);
    while (Clock::now() < end) {
      const auto start = Clock::now();
#if defined(__x86_64__)
      if (isa == Isa::avx512) run_avx512(steps);
      if (isa == Isa::avx2) run_avx2(steps);
#endif
      if (isa == Isa::baseline) run_baseline(steps);
      const std::chrono::duration<double> took = Clock::now() - start;
      mine = std::max(mine, static_cast<double>(2 * steps * chains * lanes) / took.count());
    }
  };
  std::vector<std::thread> workers;
  for (std::size_t i = 1; i < best.size(); ++i) workers.emplace_back([&, i] { measure(best[i]); });
  measure(best[0]);
  for (std::thread& worker : workers) worker.join();
  double total = 0;
  for (const double each : best) total += each;
  return total;
}

}  // namespace evengrad::bench
