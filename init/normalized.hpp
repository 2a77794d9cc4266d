// The repair of an activation: g = a f + b, with E[g^2] = E[g'^2] = 1 at N(0, 1). At sigma_w2 = 1 without biases it
// keeps the variance of the signal and of the gradient; it does not keep two inputs apart, whose correlation still
// rises.
#pragma once

#include <evengrad/core/activation.hpp>

namespace evengrad {

struct Repair {
  double a = 1, b = 0;
  double chi_parallel = 0;  ///< slope of the variance map at q = 1, below 1 where that is stable
};

/// a = 1 / sqrt(E[f'^2]); of the two b the one with the smaller chi_parallel, at a tie the one nearer to 0. Real, since
/// Var f <= E[f'^2] (Poincare). \throws UsageError for a function whose moments do not exist or whose slope is 0.
Repair repair(const Activation& f);

/// a f + b, named "normalized(<f's name>)", at the speed of f's kernel.
Activation normalized(const Activation& f);

/// Makes `normalized(f)` an activation wherever a name is accepted. A program calls it once; again does no harm.
void add_normalized();

}  // namespace evengrad
