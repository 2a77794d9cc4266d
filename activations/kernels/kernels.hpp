// The kernels of the built-in activations and of typed formulas, compiled once per instruction set.
#pragma once

#include <evengrad/core/dispatch.hpp>
#include <evengrad/core/formula_kernel.hpp>

namespace evengrad::kernels {

// The built-in formulas' kernels, in the order of BuiltinFormulas (activations/kernels/builtin.cpp).
const FormulaKernels* baseline_builtins();
const FormulaKernels* avx2_builtins();
const FormulaKernels* avx512_builtins();

/// Those for an instruction set; null where this build or this machine has none.
const FormulaKernels* builtins(Isa isa);

}  // namespace evengrad::kernels
