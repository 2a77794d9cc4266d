// How a formula becomes a loop: it is evaluated on whole vectors, with or without its derivative. Compiled per instruction
// set, so nothing of the standard library's code comes in here.
#pragma once

#include <evengrad/core/dual.hpp>

namespace evengrad {

/// value[i] = f(z[i]) and derivative[i] = f'(z[i]); a null derivative is not computed. `value` may be `z` itself.
template <Real S>
using FormulaKernel = void (*)(const void* formula, const S* z, S* value, S* derivative, Index count);

/// A formula's kernel for both scalar types.
struct FormulaKernels {
  FormulaKernel<float> f32;
  FormulaKernel<double> f64;
};

inline namespace EVENGRAD_ISA {

/// Whole vectors, and one body with everything inlined: left to itself, g++ 12 calls what is long, and the value of gelu
/// took 1.6 times as long.
template <bool with_derivative, Real S, class F>
[[gnu::flatten]] void run_formula_vectors(const F& f, const S* z, S* value, S* derivative, Index count) {
  using L = Lanes<S>;
  for (Index i = 0; i < count; i += L::size) {
    const L x = L::load(z + i);
    if constexpr (with_derivative) {
      const Dual<L> y = f(Dual<L>(x, L(1.0)));
      y.value.store(value + i);
      y.derivative.store(derivative + i);
    } else {
      f(x).store(value + i);
    }
  }
}

template <Real S, class F>
void run_formula(const void* formula, const S* z, S* value, S* derivative, Index count) {
  using L = Lanes<S>;
  const F f = *static_cast<const F*>(formula);
  const auto run = [&f](const S* from, S* to, S* slope, Index length) {
    slope ? run_formula_vectors<true>(f, from, to, slope, length)
          : run_formula_vectors<false>(f, from, to, slope, length);
  };
  const Index whole = count - count % L::size, rest = count - whole;
  run(z, value, derivative, whole);
  if (rest == 0) return;
  S last[L::size], slope[L::size];
  L::load(z + whole, rest).store(last);
  run(last, last, derivative ? slope : nullptr, L::size);
  L::load(last).store(value + whole, rest);
  if (derivative) L::load(slope).store(derivative + whole, rest);
}

/// The kernels of F compiled with the flags of the including file.
template <class F>
FormulaKernels formula_kernels() {
  return {run_formula<float, F>, run_formula<double, F>};
}

}  // inline namespace EVENGRAD_ISA

}  // namespace evengrad
