#include <evengrad/activations/builtin.hpp>
#include <evengrad/activations/kernels/kernels.hpp>
#include <evengrad/core/kernels/isa.hpp>

namespace evengrad::kernels {
inline namespace EVENGRAD_ISA {

template <class... F>
const FormulaKernels* table(Formulas<F...>) {
  static constexpr FormulaKernels kernels[] = {{run_formula<float, F>, run_formula<double, F>}...};
  return kernels;
}

}  // namespace EVENGRAD_ISA

const FormulaKernels* EVENGRAD_ISA_NAME(builtins)() { return table(BuiltinFormulas{}); }

}  // namespace evengrad::kernels
