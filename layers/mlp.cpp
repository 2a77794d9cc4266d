#include <evengrad/layers/mlp.hpp>

#include <evengrad/activations/registry.hpp>
#include <evengrad/layers/activation_layer.hpp>
#include <evengrad/layers/dropout.hpp>
#include <evengrad/layers/linear.hpp>
#include <evengrad/layers/prelu.hpp>

namespace evengrad {

namespace {

// The activation of hidden layer i.
const Activation& activation_of(const MlpOptions& options, std::size_t i) {
  return options.activations[options.activations.size() == 1 ? 0 : i];
}

// An activation that learns is a layer with parameters; every other is a function.
template <Real S>
void add_activation_layer(Sequential<S>& layers, const Activation& f, Index width) {
  const auto named = f.name().starts_with("prelu") ? named_activation(f.name()) : std::nullopt;
  if (named && named->entry->learned) {
    const double slope = named->values[0], per_channel = named->values[1];
    layers.add(PReLULayer<S>({.slopes = per_channel != 0 ? width : 1, .slope = slope}));
  } else {
    layers.add(ActivationLayer<S>(f));
  }
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
    const std::size_t begin = layers.size();
    const Index width = options.hidden[i];
    layers.add(Linear<S>({.inputs = inputs, .outputs = width}));
    if (options.norm == Norm::batch) layers.add(BatchNorm<S>({.features = width}));
    if (options.norm == Norm::layer) layers.add(LayerNorm<S>({.features = width}));
    add_activation_layer(layers, activation_of(options, i), width);
    if (options.dropout != 0) layers.add(Dropout<S>(options.dropout));
    if (options.residual && inputs == width) skips_.push_back({begin, layers.size()});
    inputs = width;
  }
  layers.add(Linear<S>({.inputs = inputs, .outputs = options.outputs}));
}

template <Real S>
Var<S> Mlp<S>::forward(const Var<S>& x, const Context& context) {
  const typename Tape<S>::Scope scope(x.tape(), "layers");
  Var<S> h = x;
  std::size_t done = 0;
  for (const Skip& skip : skips_) {
    h = layers.forward(h, context, done, skip.begin);
    h = h + layers.forward(h, context, skip.begin, skip.end);
    done = skip.end;
  }
  return layers.forward(h, context, done, layers.size());
}

template <Real S>
void Mlp<S>::initialize(const Initializer& init, const Rng& rng) {
  const auto depth = static_cast<Index>(options_.hidden.size());
  layers.reset();
  Index number = 0;
  for (std::size_t i = 0; i < layers.size(); ++i) {
    auto* linear = dynamic_cast<Linear<S>*>(&layers[i]);
    if (!linear) continue;
    WeightRole role{.fan_in = linear->weight.value.cols(), .fan_out = linear->weight.value.rows()};
    role.layer = number;
    role.layers = depth + 1;
    role.activation = number < depth ? &activation_of(options_, static_cast<std::size_t>(number)) : nullptr;
    role.input_activation = number > 0 ? &activation_of(options_, static_cast<std::size_t>(number - 1)) : nullptr;
    role.residual = options_.residual;
    role.normalized = options_.norm != Norm::none;
    role.input_dropout = number > 0 ? options_.dropout : 0;
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
