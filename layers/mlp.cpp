#include <evengrad/layers/mlp.hpp>

#include <evengrad/layers/activation_layer.hpp>
#include <evengrad/layers/linear.hpp>

namespace evengrad {

namespace {

// The activation of hidden layer i.
const Activation& activation_of(const MlpOptions& options, std::size_t i) {
  return options.activations[options.activations.size() == 1 ? 0 : i];
}

}  // namespace

template <Real S>
Mlp<S>::Mlp(const MlpOptions& options) : options_(options) {
  const std::size_t depth = options.hidden.size();
  if (depth > 0 && options.activations.size() != 1 && options.activations.size() != depth) {
    throw UsageError(text("expected one activation, or one for each of the ", depth, " hidden layers, got ",
                          options.activations.size()));
  }
  Index inputs = options.inputs;
  for (std::size_t i = 0; i < depth; ++i) {
    layers.add(Linear<S>({.inputs = inputs, .outputs = options.hidden[i]}));
    layers.add(ActivationLayer<S>(activation_of(options, i)));
    inputs = options.hidden[i];
  }
  layers.add(Linear<S>({.inputs = inputs, .outputs = options.outputs}));
}

template <Real S>
Var<S> Mlp<S>::forward(const Var<S>& x, const Context& context) {
  const typename Tape<S>::Scope scope(x.tape(), "layers");
  return layers.forward(x, context);
}

template <Real S>
void Mlp<S>::initialize(const Initializer& init, const Rng& rng) {
  const auto depth = static_cast<Index>(options_.hidden.size());
  Index number = 0;
  for (std::size_t i = 0; i < layers.size(); ++i) {
    auto* linear = dynamic_cast<Linear<S>*>(&layers[i]);
    if (!linear) continue;
    WeightRole role{.fan_in = linear->weight.value.cols(), .fan_out = linear->weight.value.rows()};
    role.layer = number;
    role.layers = depth + 1;
    role.activation = number < depth ? &activation_of(options_, static_cast<std::size_t>(number)) : nullptr;
    role.input_activation = number > 0 ? &activation_of(options_, static_cast<std::size_t>(number - 1)) : nullptr;
    const LayerDraws draws = init(role);
    const std::string name = text("layers.", i);
    fill(linear->weight.value, draws.weight, rng.split(name + ".weight"));
    fill(linear->bias.value, draws.bias, rng.split(name + ".bias"));
    ++number;
  }
}

template class Mlp<float>;
template class Mlp<double>;

}  // namespace evengrad
