// Formulas in x that a user types, as activations: "x*sigmoid(1.702*x)".
//
//   + - * / ^   ( )   numbers   pi   e   x
//   where(a < b, c, d)   with < <= > >= == !=
//   min max abs sign exp expm1 log log1p sqrt sin cos tanh atan erf erfc sigmoid softplus
//   every activation of the registry, as a function of its first argument: elu(x, alpha=1.5)
//
// ^ binds tighter than a minus before it, -x^2 = -(x^2), and groups from the right. An integer exponent is repeated
// multiplication, for x below 0 too. At a tie, min and max have the derivative of the second argument, or of the
// constant one; abs and sign have derivative 0 at 0.
#pragma once

#include <evengrad/core/activation.hpp>
#include <evengrad/core/dispatch.hpp>
#include <evengrad/core/error.hpp>

namespace evengrad {

/// What is wrong with a formula, and at which byte of it (without the blanks around it), from 0.
class FormulaError : public UsageError {
 public:
  FormulaError(const std::string& message, std::size_t place) : UsageError(message), at(place) {}
  std::size_t at;
};

/// The formula as an activation, named by its text, with exact derivatives and its kinks in [-50, 50].
/// Runs on an instruction set that this machine has.
/// \throws FormulaError that points at the character, for what is not a formula or is too large for one.
Activation formula_activation(std::string_view text, Isa isa = best_isa());

/// Whether the name means something in formulas by itself: x, pi, e, where, min, exp, ...
bool is_formula_word(std::string_view name);

}  // namespace evengrad
