#include <evengrad/training/lsuv.hpp>

#include <evengrad/layers/linear.hpp>

#include <cmath>

namespace evengrad {

namespace {

// The variance of what the linear layer made of its inputs in this forward pass, over samples and units.
template <Real S>
double variance_behind(const Tape<S>& tape, const Linear<S>& linear) {
  for (const Node<S>& node : tape.nodes()) {
    if (node.op != "affine" || tape.nodes()[node.inputs[1]].parameter_id != linear.weight.id.value()) continue;
    const ConstMap<S> z(node.pre_activation, node.shape.matrix_rows(), node.shape.cols);
    const auto numbers = z.template cast<double>().array();
    const double mean = numbers.mean();
    return (numbers - mean).square().mean();
  }
  return 0;
}

}  // namespace

template <Real S>
void initialize_lsuv(Mlp<S>& model, const MatrixRef<S>& inputs, const Rng& rng) {
  constexpr int most_rounds = 10;
  constexpr double close = 0.01;
  model.initialize(initializer("orthogonal"), rng);
  Tape<S> tape({.recording = false, .keep_pre_activations = true});
  for (std::size_t i = 0; i < model.layers.size(); ++i) {
    auto* linear = dynamic_cast<Linear<S>*>(&model.layers[i]);
    if (!linear) continue;
    for (int round = 0; round < most_rounds; ++round) {
      tape.clear();
      model.forward(tape.constant(inputs), Context{});
      const double variance = variance_behind(tape, *linear);
      if (!(variance > 0) || !std::isfinite(variance) || std::abs(variance - 1) < close) break;
      linear->weight.value *= static_cast<S>(1 / std::sqrt(variance));
    }
  }
}

template void initialize_lsuv(Mlp<float>&, const MatrixRef<float>&, const Rng&);
template void initialize_lsuv(Mlp<double>&, const MatrixRef<double>&, const Rng&);

}  // namespace evengrad
