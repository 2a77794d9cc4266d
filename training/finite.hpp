#pragma once

#include <evengrad/core/tape.hpp>

#include <string>

namespace evengrad {

/// Where the first NaN or infinity of a run came from.
struct NonFinitePlace {
  std::int64_t step = 0;
  std::string layer = {};      ///< "layers.2", "inputs", "targets"; empty for what belongs to none, as the loss
  std::string op = {};         ///< "affine", "adam"; empty where unknown
  std::string direction = {};  ///< "forward", "backward" or "update"
  double largest_before = 0;   ///< the largest |number| that went into the op; 0 where unknown
};

/// The error of a step, with its place.
class NonFiniteStep : public NonFiniteError {
 public:
  NonFiniteStep(const std::string& message, NonFinitePlace where) : NonFiniteError(message), place(std::move(where)) {}

  NonFinitePlace place;
};

/// Throws NonFiniteStep naming the first NaN or infinity that the forward pass of this step made, or else the first
/// that the backward pass made: layer, op, direction, step. Of the tape's constants the first is taken for the inputs,
/// others for the targets.
template <Real S>
[[noreturn]] void report_non_finite(const Tape<S>& tape, const Gradients<S>* gradients, std::int64_t step);

/// True if every number is finite.
template <Real S>
bool all_finite(const S* numbers, Index count);

}  // namespace evengrad
