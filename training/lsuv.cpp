#include <evengrad/training/lsuv.hpp>

#include <cmath>

namespace evengrad {

namespace {

// The variance of the products with this weight in this forward pass, over samples and units.
template <Real S>
double variance_behind(const Tape<S>& tape, const Parameter<S>& weight) {
  for (const Node<S>& node : tape.nodes()) {
    if (node.role != OpRole::product || tape.nodes()[node.inputs[1]].parameter_id != weight.id.value()) continue;
    const ConstMap<S> z(node.pre_activation, node.shape.matrix_rows(), node.shape.cols);
    const auto numbers = z.template cast<double>().array();
    const double mean = numbers.mean();
    return (numbers - mean).square().mean();
  }
  return 0;
}

}  // namespace

template <Real S>
void initialize_lsuv(Layer<S>& model, const MatrixRef<S>& inputs, const Rng& rng, const Shape& shape) {
  constexpr int most_rounds = 10;
  constexpr double close = 0.01;
  model.initialize(initializer("orthogonal"), rng);
  Tape<S> tape({.recording = false, .keep_pre_activations = true});
  for (const Weight<S>& weight : weights(model)) {
    for (int round = 0; round < most_rounds; ++round) {
      tape.clear();
      model.forward(tape.constant(inputs, shape.cols > 0 ? shape : Shape(inputs.rows(), inputs.cols())), Context{});
      const double variance = variance_behind(tape, *weight.weight);
      if (!(variance > 0) || !std::isfinite(variance) || std::abs(variance - 1) < close) break;
      weight.weight->value *= static_cast<S>(1 / std::sqrt(variance));
    }
  }
}

template void initialize_lsuv(Layer<float>&, const MatrixRef<float>&, const Rng&, const Shape&);
template void initialize_lsuv(Layer<double>&, const MatrixRef<double>&, const Rng&, const Shape&);

}  // namespace evengrad
