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

template <Real S, class F>
void run_formula(const void* formula, const S* z, S* value, S* derivative, Index count) {
  using L = Lanes<S>;
  const F f = *static_cast<const F*>(formula);
  const auto apply = [&](const L& x, auto store) {
    if (derivative) {
      const Dual<L> y = f(Dual<L>(x, L(1.0)));
      store(y.value, value);
      store(y.derivative, derivative);
    } else {
      store(f(x), value);
    }
  };
  Index i = 0;
  for (; i + L::size <= count; i += L::size) {
    apply(L::load(z + i), [i](const L& v, S* out) { v.store(out + i); });
  }
  if (const Index rest = count - i; rest > 0) {
    apply(L::load(z + i, rest), [i, rest](const L& v, S* out) { v.store(out + i, rest); });
  }
}

/// The kernels of F compiled with the flags of the including file.
template <class F>
FormulaKernels formula_kernels() {
  return {run_formula<float, F>, run_formula<double, F>};
}

}  // inline namespace EVENGRAD_ISA

}  // namespace evengrad
