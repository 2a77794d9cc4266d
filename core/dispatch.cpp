#include <evengrad/core/dispatch.hpp>

#include <evengrad/core/kernels/kernels.hpp>

namespace evengrad {

Isa best_isa() {
#if defined(EVENGRAD_DISPATCH)
  static const Isa isa = [] {
    __builtin_cpu_init();
    const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    const bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
                        __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw");
    return avx2 && avx512 ? Isa::avx512 : avx2 ? Isa::avx2 : Isa::baseline;
  }();
  return isa;
#else
  return Isa::baseline;
#endif
}

namespace kernels {

template <Real S>
const Table<S>& kernels() {
#if defined(EVENGRAD_DISPATCH)
  switch (best_isa()) {
    case Isa::avx512: return avx512_kernels<S>();
    case Isa::avx2: return avx2_kernels<S>();
    case Isa::baseline: break;
  }
#endif
  return baseline_kernels<S>();
}

template const Table<float>& kernels<float>();
template const Table<double>& kernels<double>();

}  // namespace kernels
}  // namespace evengrad
