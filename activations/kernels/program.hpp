// A typed formula as a list of instructions on registers. A register holds a block of numbers, with their derivatives
// where those are asked for, so the cost of choosing an instruction is shared by the whole block.
#pragma once

#include <evengrad/core/dispatch.hpp>
#include <evengrad/core/formula_kernel.hpp>

// The functions of one argument: as a formula spells them, and as core/math.hpp does.
#define EVENGRAD_FORMULA_FUNCTIONS(F) \
  F(abs)                              \
  F(sign) F(exp) F(expm1) F(log) F(log1p) F(sqrt) F(sin) F(cos) F(tanh) F(atan) F(erf) F(erfc) F(sigmoid) F(softplus)

namespace evengrad::kernels {

enum class Op : unsigned char {
  constant,    // a.number; as an instruction only where the whole formula is one
  x,           // the input; as an instruction only where the whole formula is it
  negate,      // -a
  add,         // a + b; this one to power have two operands
  subtract,    // a - b
  multiply,    // a * b
  divide,      // a / b
  minimum,     // min(a, b)
  maximum,     // max(a, b)
  power,       // a ^ b
  power_int,   // a ^ n for the integer n
  less,        // a < b ? c : d
  less_equal,  // a <= b ? c : d
  equal,       // a == b ? c : d
  call,        // f(a) for an activation f
#define EVENGRAD_FUNCTION_OP(name) name##_,
  EVENGRAD_FORMULA_FUNCTIONS(EVENGRAD_FUNCTION_OP)
#undef EVENGRAD_FUNCTION_OP
};

/// A register, or a number where `reg` is negative.
struct Operand {
  int reg = -1;
  double number = 0;
};

struct Instruction {
  Op op;
  int out;  // register
  Operand a{}, b{}, c{}, d{};
  int n = 0;                      // of power_int
  double scale = 1;               // what two operands give is multiplied by it: cheaper than another pass
  bool unit_slope = false;        // of call: a is x plus a number
  bool value_only = false;        // no other instruction reads its slope
  const void* formula = nullptr;  // of call
  FormulaKernels kernels{};
};

inline constexpr int input_register = 0;   // x
inline constexpr int output_register = 1;  // the last instruction's
inline constexpr int most_registers = 256;

struct Program {
  const Instruction* code;
  int length;
  int registers;  // from 2 on they are scratch
};

struct ProgramKernels {
  /// The whole formula, as any activation: the formula is a Program with at most most_registers registers.
  FormulaKernels formula;
  /// Runs the code on registers of the caller: values[r][i] for i < count, a multiple of 16.
  void (*run)(const Program& program, double* const* values, Index count);
};

// activations/kernels/program.cpp
const ProgramKernels& baseline_programs();
const ProgramKernels& avx2_programs();
const ProgramKernels& avx512_programs();

/// Those for an instruction set; null where this build or this machine has none.
const ProgramKernels* programs(Isa isa);

}  // namespace evengrad::kernels
