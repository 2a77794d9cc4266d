#pragma once

#include <evengrad/core/tape.hpp>

namespace evengrad {

/// Throws NonFiniteError naming the first NaN or infinity that the forward pass of this step made, or else the first
/// that the backward pass made: layer, op, direction, step.
template <Real S>
[[noreturn]] void report_non_finite(const Tape<S>& tape, const Gradients<S>* gradients, std::int64_t step);

/// True if every number is finite.
template <Real S>
bool all_finite(const S* numbers, Index count);

}  // namespace evengrad
