// Sums and bounds of a tensor in one pass.
#pragma once

#include <evengrad/core/real.hpp>

namespace evengrad::sums {

struct Sums {
  double sum = 0, magnitude = 0, squares = 0;  ///< of x, |x| and x^2
  double min = 0, max = 0;
};

/// Of `count` >= 1 finite numbers, added up in eight chains whatever the instruction set.
template <Real S>
using AddUp = Sums (*)(const S* x, Index count);

template <Real S>
AddUp<S> baseline_add_up();
template <Real S>
AddUp<S> avx2_add_up();
template <Real S>
AddUp<S> avx512_add_up();

}  // namespace evengrad::sums
