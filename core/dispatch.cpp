#include <evengrad/core/dispatch.hpp>

#include <evengrad/core/kernels/ensemble.hpp>
#include <evengrad/core/kernels/kernels.hpp>

namespace evengrad {

namespace {

Isa machine_isa() {
#if defined(EVENGRAD_DISPATCH)
  __builtin_cpu_init();
  const bool avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  const bool avx512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512dq") &&
                      __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512bw");
  return avx2 && avx512 ? Isa::avx512 : avx2 ? Isa::avx2 : Isa::baseline;
#else
  return Isa::baseline;
#endif
}

Isa& chosen_isa() {
  static Isa isa = machine_isa();
  return isa;
}

}  // namespace

Isa best_isa() { return chosen_isa(); }

bool limit_isa(Isa isa) {
  if (isa > machine_isa()) return false;
  chosen_isa() = isa;
  return true;
}

const char* name_of(Isa isa) {
  return isa == Isa::avx512 ? "avx512" : isa == Isa::avx2 ? "avx2" : "baseline";
}

namespace kernels {

template <Real S>
const Table<S>* kernels_for(Isa isa) {
  if (isa > best_isa()) return nullptr;
#if defined(EVENGRAD_DISPATCH)
  if (isa == Isa::avx512) return &avx512_kernels<S>();
  if (isa == Isa::avx2) return &avx2_kernels<S>();
#endif
  return &baseline_kernels<S>();
}

template <Real S>
const Table<S>& kernels() {
  static const Table<S>& table = *kernels_for<S>(best_isa());
  return table;
}

template <Real S>
const EnsembleTable<S>* ensemble_for(Isa isa) {
  if (isa > best_isa()) return nullptr;
#if defined(EVENGRAD_DISPATCH)
  if (isa == Isa::avx512) return &avx512_ensemble<S>();
  if (isa == Isa::avx2) return &avx2_ensemble<S>();
#endif
  return &baseline_ensemble<S>();
}

template const Table<float>* kernels_for(Isa);
template const Table<double>* kernels_for(Isa);
template const Table<float>& kernels();
template const Table<double>& kernels();
template const EnsembleTable<float>* ensemble_for(Isa);
template const EnsembleTable<double>* ensemble_for(Isa);

}  // namespace kernels
}  // namespace evengrad
