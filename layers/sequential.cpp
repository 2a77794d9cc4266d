#include <evengrad/layers/sequential.hpp>

namespace evengrad {

namespace {

// Adds the layer's name to an error about its input.
template <Real S>
Var<S> named_forward(Layer<S>& layer, std::size_t number, const Var<S>& x, const Context& context, const Activation* f) {
  const typename Tape<S>::Scope scope(x.tape(), static_cast<Index>(number));
  try {
    return f ? layer.forward(x, context, *f) : layer.forward(x, context);
  } catch (const ShapeError& error) {
    throw ShapeError(text("layer ", number, ", ", layer.describe(), ": ", error.what()));
  }
}

}  // namespace

template <Real S>
Sequential<S>::Sequential(const Sequential& other) : Layer<S>(other) {
  for (const auto& layer : other.layers_) layers_.push_back(layer->clone());
}

template <Real S>
Var<S> Sequential<S>::forward(const Var<S>& x, const Context& context) {
  Var<S> y = x;
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    const Activation* f = i + 1 < layers_.size() && !layers_[i]->activation() ? layers_[i + 1]->activation() : nullptr;
    y = named_forward(*layers_[i], i, y, context, f);
    if (f) ++i;
  }
  return y;
}

template <Real S>
void Sequential<S>::visit(const Path& path, ParameterVisitor<S> visitor) {
  for (std::size_t i = 0; i < layers_.size(); ++i) layers_[i]->visit(Path(path, static_cast<Index>(i)), visitor);
}

template <Real S>
std::string Sequential<S>::describe() const {
  std::string all;
  for (const auto& layer : layers_) all += (all.empty() ? "" : " → ") + layer->describe();
  return all;
}

template <Real S>
Index Sequential<S>::outputs(Index inputs) const {
  for (const auto& layer : layers_) inputs = layer->outputs(inputs);
  return inputs;
}

template class Sequential<float>;
template class Sequential<double>;

}  // namespace evengrad
