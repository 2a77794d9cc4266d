// The ops of recurrent layers. Each is one node for a whole sequence: the inputs' products x W_ih^T + b_ih of all steps
// come in at once (an affine before it), then state follows state.
#pragma once

#include <evengrad/core/activation.hpp>
#include <evengrad/core/tape.hpp>

namespace evengrad {

enum class CellKind { rnn, lstm, gru };

/// h(t) from the inputs' products p (batch, time, gates * N), weight (gates * N, N) and bias (1, gates * N), the latter
/// two of the recurrent product h(t-1) W^T + b -> (batch, time, N). Gates are blocks of N columns and rows. The state
/// before the first step is 0. Beyond a sample's length the output is 0 and nothing has a gradient.
/// What a step does once its products are there depends on the cell: see rnn(), lstm() and gru().
template <Real S, CellKind kind>
struct Recurrence {
  static constexpr std::string_view name = kind == CellKind::rnn ? "rnn" : kind == CellKind::lstm ? "lstm" : "gru";
  const Activation* gate = nullptr;  // read by forward only, like state
  const Activation* state = nullptr;
  bool has_bias = true;
  const S* saved = nullptr;  // the cell's arrays, each (time, batch, N)

  void forward(Forward<S>& step);
  void pull(Pull<S>& step) const;
};

/// What a recurrent op takes: p, weight, and bias or an empty Var for none.
template <Real S>
struct RecurrentInputs {
  Var<S> products, weight, bias;
};

/// h = f(p + h' W^T + b), h' being the state of the step before (Elman 1990; PyTorch's nn.RNN).
/// \throws ShapeError if the shapes do not fit, as the others.
template <Real S>
Var<S> rnn(const RecurrentInputs<S>& in, const Activation& f);

/// Gates i, f, o = gate(z) and g = state(z) of z = p + h' W^T + b in the order i f g o; c = f c' + i g; h = o state(c)
/// (Hochreiter and Schmidhuber 1997, Gers et al. 2000; PyTorch's nn.LSTM).
template <Real S>
Var<S> lstm(const RecurrentInputs<S>& in, const Activation& gate, const Activation& state);

/// Gates r, z = gate(p + h' W^T + b), n = state(p + r (h' W^T + b)) in the order r z n; h = (1 - z) n + z h' (Cho et
/// al. 2014, in the form of PyTorch's nn.GRU).
template <Real S>
Var<S> gru(const RecurrentInputs<S>& in, const Activation& gate, const Activation& state);

}  // namespace evengrad
