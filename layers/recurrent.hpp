#pragma once

#include <evengrad/core/recurrence_ops.hpp>
#include <evengrad/layers/layer.hpp>

namespace evengrad {

struct RecurrentOptions {
  CellKind kind = CellKind::lstm;
  Index inputs = 0;
  Index outputs = 0;
  Activation gate = {};    ///< of an LSTM's or a GRU's gates: usually sigmoid
  Activation state = {};   ///< usually tanh; the activation of an rnn
  double forget_bias = 1;  ///< of an LSTM: what its forget gates start from (Jozefowicz et al. 2015)
};

/// A recurrent layer, (batch, time, inputs) -> (batch, time, outputs): PyTorch's nn.RNN, nn.LSTM or nn.GRU of one
/// layer, with its parameters' names, shapes and order of gates (core/recurrence_ops.hpp). Each sample starts from a
/// state of 0 and ends at its length. Starts at zero: an initializer fills the weights, gate by gate, and the inputs'
/// bias; the other bias starts at 0, or at forget_bias.
template <Real S>
class Recurrent : public ClonableLayer<Recurrent<S>, S> {
 public:
  /// \throws UsageError if a width is not positive.
  explicit Recurrent(const RecurrentOptions& options);

  using Layer<S>::forward;
  Var<S> forward(const Var<S>& x, const Context& context) override;
  void visit(const Path& path, ParameterVisitor<S> visitor) override;
  void roles(Roles<S>& roles, const Path& path) override;
  void reset() override;
  std::string describe() const override;
  std::string word() const override;
  Shape outputs(const Shape& inputs) const override;

  Parameter<S> weight_ih_l0;  ///< (gates * outputs, inputs)
  Parameter<S> weight_hh_l0;  ///< (gates * outputs, outputs)
  Parameter<S> bias_ih_l0;    ///< (gates * outputs)
  Parameter<S> bias_hh_l0;    ///< (gates * outputs)

 private:
  RecurrentOptions options_;
};

/// Blocks of rows of a recurrent layer's weights: 1, 4 (i f g o) or 3 (r z n).
constexpr Index gates_of(CellKind kind) { return kind == CellKind::rnn ? 1 : kind == CellKind::lstm ? 4 : 3; }

}  // namespace evengrad
