// The ops of sequences (batch, time, features): embedding, positions, attention, the last row.
#pragma once

#include <evengrad/core/tape.hpp>

namespace evengrad {

/// The row of `weight` that each token names. x: whole numbers, (batch, time, 1) or (batch, time); weight (tokens, N)
/// -> (batch, time, N). Padding is 0 and is not looked up.
template <Real S>
struct Embed {
  static constexpr std::string_view name = "embedding";
  void forward(Forward<S>& step);
  void pull(Pull<S>& step) const;
};

/// The embedding of tokens, whole numbers stored as S: x (batch, time, 1), or (batch, time) with a row of tokens a
/// sample, and weight (tokens, N) -> (batch, time, N). The weight's gradient sums in the order of the rows of x; tokens
/// have none. \throws ShapeError for x of another shape, Error that names the first token that is not in the weight.
template <Real S>
Var<S> embedding(const Var<S>& x, const Var<S>& weight);

}  // namespace evengrad
