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

/// x (batch, time, N) plus row t of `positions` (at least time, N) at time t.
template <Real S>
struct AddPositions {
  static constexpr std::string_view name = "positions";
  void forward(Forward<S>& step);
  void pull(Pull<S>& step) const;
};

struct AttentionOptions {
  Index heads = 1;
  bool causal = false;   ///< each row attends to itself and to the rows before it
  double rope = 0;       ///< base of rotary positions, usually 10,000; 0 for none
  bool qk_norm = false;  ///< queries and keys of root mean square 1
};

/// softmax(q k^T / sqrt(d)) v for each head, d = N / heads: x holds the columns q, k and v, each of all heads,
/// (batch, time, 3 N) -> (batch, time, N).
template <Real S>
struct Attend {
  static constexpr std::string_view name = "attention";
  AttentionOptions options;
  const S* weights = nullptr;      // softmax, (batch, heads, time, time); causal: written up to the diagonal's tile
  const S* turned = nullptr;       // q and k as they are multiplied, (batch, heads, 2, time, d); null where x has them
  const S* inverse_rms = nullptr;  // of q and k, (batch, heads, 2, time)
  const double* angles = nullptr;  // cosine and sine, (time, d / 2, 2)

  void forward(Forward<S>& step);
  void pull(Pull<S>& step) const;
};

/// The last row of each sample that is no padding: (batch, time, N) -> (batch, N).
template <Real S>
struct LastRow {
  static constexpr std::string_view name = "last";
  void forward(Forward<S>& step);
  void pull(Pull<S>& step) const;
};

/// The embedding of tokens, whole numbers stored as S: x (batch, time, 1), or (batch, time) with a row of tokens a
/// sample, and weight (tokens, N) -> (batch, time, N). The weight's gradient sums in the order of the rows of x; tokens
/// have none. \throws ShapeError for x of another shape, Error that names the first token that is not in the weight.
template <Real S>
Var<S> embedding(const Var<S>& x, const Var<S>& weight);

/// x (batch, time, N) + positions (rows, N), row by row of each sample. \throws ShapeError unless rows >= time and the
/// columns are the same.
template <Real S>
Var<S> add_positions(const Var<S>& x, const Var<S>& positions);

/// Multi-head scaled dot-product attention (Vaswani et al. 2017) of the projections side by side, columns q, k, v:
/// x (batch, time, 3 N) -> (batch, time, N). Padding gets no weight, its rows are 0. Rotary positions (Su et al. 2021)
/// turn the pairs (i, i + d/2) of a head's columns, as LLaMA's of Hugging Face do; qk_norm (Henry et al. 2020) divides
/// q and k of each head by sqrt(mean square + 1e-6). \throws ShapeError unless 3 N is a multiple of 3 heads, and with
/// rope d even.
template <Real S>
Var<S> attention(const Var<S>& x, const AttentionOptions& options);

/// The last row of each sample that is no padding: (batch, time, N) -> (batch, N).
template <Real S>
Var<S> last(const Var<S>& x);

}  // namespace evengrad
