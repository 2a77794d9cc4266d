#include <evengrad/layers/mlp.hpp>

#include <evengrad/activations/registry.hpp>
#include <evengrad/layers/activation_layer.hpp>
#include <evengrad/layers/dropout.hpp>
#include <evengrad/layers/prelu.hpp>

namespace evengrad {

template <Real S>
std::unique_ptr<Layer<S>> activation_layer(const Activation& f, Index width) {
  const auto named = f.name().starts_with("prelu") ? named_activation(f.name()) : std::nullopt;
  if (!named || !named->entry->learned) return std::make_unique<ActivationLayer<S>>(f);
  const double slope = named->values[0], per_channel = named->values[1];
  return std::make_unique<PReLULayer<S>>(PReLUOptions{.slopes = per_channel != 0 ? width : 1, .slope = slope});
}

template <Real S>
Sequential<S> mlp(const MlpOptions& options) {
  const std::size_t depth = options.hidden.size();
  if (depth > 0 && options.activations.size() != 1 && options.activations.size() != depth) {
    throw UsageError(text("expected one activation, or one for each of the ", depth, " hidden layers, got ",
                          options.activations.size()));
  }
  Sequential<S> layers("layers");
  Index inputs = options.inputs;
  for (std::size_t i = 0; i < depth; ++i) {
    const std::size_t begin = layers.size();
    const Index width = options.hidden[i];
    layers.add(Linear<S>({.inputs = inputs, .outputs = width}));
    if (options.norm == Norm::batch) layers.add(BatchNorm<S>({.features = width}));
    if (options.norm == Norm::layer) layers.add(LayerNorm<S>({.features = width}));
    layers.add(activation_layer<S>(options.activations[options.activations.size() == 1 ? 0 : i], width));
    if (options.dropout != 0) layers.add(Dropout<S>(options.dropout));
    if (options.residual && inputs == width) layers.skip(begin, layers.size());
    inputs = width;
  }
  layers.add(Linear<S>({.inputs = inputs, .outputs = options.outputs}));
  return layers;
}

template <Real S>
std::optional<MlpOptions> find_mlp(Sequential<S>& net) {
  Roles<S> roles;
  net.roles(roles, Path());
  const std::vector<Weight<S>> all = roles.finish();
  if (all.empty()) return std::nullopt;
  MlpOptions options;
  options.inputs = all.front().weight->value.cols();
  options.outputs = all.back().weight->value.rows();
  for (std::size_t l = 0; l + 1 < all.size(); ++l) {
    if (!all[l].role.activation) return std::nullopt;
    options.hidden.push_back(all[l].weight->value.rows());
    options.activations.push_back(*all[l].role.activation);
  }
  for (const Norm norm : {Norm::batch, Norm::layer}) {
    if (roles.norm() == choice_word(norm)) options.norm = norm;
  }
  options.dropout = all.back().role.input_dropout;
  options.residual = all.front().role.residual;
  // Whatever else the net has shows in its line. A net with a layer that no word makes is none of these either.
  try {
    if (mlp<S>(options).word() != net.word()) return std::nullopt;
  } catch (const Error&) {
    return std::nullopt;
  }
  return options;
}

#define EVENGRAD_INSTANTIATE(S)                                \
  template std::optional<MlpOptions> find_mlp(Sequential<S>&); \
  template Sequential<S> mlp(const MlpOptions&);               \
  template std::unique_ptr<Layer<S>> activation_layer(const Activation&, Index);
EVENGRAD_INSTANTIATE(float)
EVENGRAD_INSTANTIATE(double)
#undef EVENGRAD_INSTANTIATE

}  // namespace evengrad
