#include <evengrad/layers/recurrent.hpp>

#include <evengrad/core/numbers.hpp>

namespace evengrad {

template <Real S>
Recurrent<S>::Recurrent(const RecurrentOptions& options) : options_(options) {
  if (options.inputs < 1 || options.outputs < 1) {
    throw UsageError(text("a recurrent layer needs at least one input and one output, got ", options.inputs, " and ",
                          options.outputs));
  }
  const Index rows = gates_of(options.kind) * options.outputs;
  weight_ih_l0.value.setZero(rows, options.inputs);
  weight_hh_l0.value.setZero(rows, options.outputs);
  bias_ih_l0.rank = bias_hh_l0.rank = 1;
  bias_ih_l0.value.setZero(1, rows);
  bias_hh_l0.value.setZero(1, rows);
  Recurrent::reset();
}

template <Real S>
Var<S> Recurrent<S>::forward(const Var<S>& x, const Context&) {
  Tape<S>& tape = x.tape();
  const RecurrentInputs<S> in{affine(x, tape.parameter(weight_ih_l0), tape.parameter(bias_ih_l0)),
                              tape.parameter(weight_hh_l0), tape.parameter(bias_hh_l0)};
  switch (options_.kind) {
    case CellKind::rnn:
      return rnn(in, options_.state);
    case CellKind::lstm:
      return lstm(in, options_.gate, options_.state);
    case CellKind::gru:
      break;
  }
  return gru(in, options_.gate, options_.state);
}

template <Real S>
void Recurrent<S>::visit(const Path& path, ParameterVisitor<S> visitor) {
  visitor(Path(path, "weight_ih_l0"), weight_ih_l0);
  visitor(Path(path, "weight_hh_l0"), weight_hh_l0);
  visitor(Path(path, "bias_ih_l0"), bias_ih_l0);
  visitor(Path(path, "bias_hh_l0"), bias_hh_l0);
}

template <Real S>
void Recurrent<S>::roles(Roles<S>& roles, const Path& path) {
  const Index gates = gates_of(options_.kind), n = options_.outputs;
  roles.weight(Path(path, "weight_ih_l0"), weight_ih_l0, {.fan_in = options_.inputs, .fan_out = n, .gates = gates});
  roles.bias(Path(path, "bias_ih_l0"), bias_ih_l0);
  const bool one_activation = options_.kind == CellKind::rnn;
  if (one_activation) roles.input({&options_.state, 0});  // the state of the step before
  roles.weight(Path(path, "weight_hh_l0"), weight_hh_l0,
               {.fan_in = n, .fan_out = n, .kind = WeightKind::recurrent, .gates = gates});
  if (one_activation) roles.activation(options_.state);
  roles.not_plain();
}

template <Real S>
void Recurrent<S>::reset() {
  const Index n = options_.outputs;
  bias_hh_l0.value.setZero();
  if (options_.kind == CellKind::lstm) {
    bias_hh_l0.value.middleCols(n, n).setConstant(static_cast<S>(options_.forget_bias));
  }
}

template <Real S>
std::string Recurrent<S>::describe() const {
  const bool is_rnn = options_.kind == CellKind::rnn;
  std::string name = is_rnn ? "RNN" : options_.kind == CellKind::lstm ? "LSTM" : "GRU";
  return text(name, "(", options_.inputs, ", ", options_.outputs, is_rnn ? ", " + options_.state.name() : "",
              !is_rnn && options_.gate.name() != "sigmoid" ? ", gate " + options_.gate.name() : "",
              !is_rnn && options_.state.name() != "tanh" ? ", state " + options_.state.name() : "", ")");
}

template <Real S>
std::string Recurrent<S>::word() const {
  const Index n = options_.outputs;
  if (options_.kind == CellKind::rnn) return text("rnn(", n, ", activation=", options_.state.name(), ")");
  const bool is_lstm = options_.kind == CellKind::lstm;
  return text(is_lstm ? "lstm(" : "gru(", n, options_.gate.name() != "sigmoid" ? ", gate=" + options_.gate.name() : "",
              options_.state.name() != "tanh" ? ", state=" + options_.state.name() : "",
              is_lstm && options_.forget_bias != 1 ? ", forget_bias=" + number_text(options_.forget_bias) : "", ")");
}

template <Real S>
Shape Recurrent<S>::outputs(const Shape& inputs) const {
  if (inputs.is_image()) {
    throw ShapeError(text(describe(), ": input is ", inputs, ": expected sequences, (batch, time, features)"));
  }
  require_columns(describe(), options_.inputs, inputs);
  return inputs.with_cols(options_.outputs);
}

template class Recurrent<float>;
template class Recurrent<double>;

}  // namespace evengrad
