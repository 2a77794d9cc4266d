#include <evengrad/layers/sequential.hpp>

namespace evengrad {

namespace {

// Adds the layer's name to an error about its input.
template <Real S, class Action>
auto named(const Layer<S>& layer, std::size_t number, Action action) {
  try {
    return action();
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
Var<S> Sequential<S>::forward(const Var<S>& x, const Context& context, std::size_t begin, std::size_t end) {
  Var<S> y = x;
  for (std::size_t i = begin; i < end; ++i) {
    Layer<S>& layer = *layers_[i];
    const Activation* f = i + 1 < end && !layer.activation() ? layers_[i + 1]->activation() : nullptr;
    const typename Tape<S>::Scope scope(x.tape(), static_cast<Index>(i));
    y = named(layer, i, [&] { return f ? layer.forward(y, context, *f) : layer.forward(y, context); });
    if (f) ++i;
  }
  return y;
}

template <Real S>
void Sequential<S>::reset() {
  for (const auto& layer : layers_) layer->reset();
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
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    inputs = named(*layers_[i], i, [&] { return layers_[i]->outputs(inputs); });
  }
  return inputs;
}

template <Real S>
std::vector<LayerSummary> Sequential<S>::summary(const Path& path, Index inputs) {
  std::vector<LayerSummary> lines;
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    const Path name(path, static_cast<Index>(i));
    inputs = named(*layers_[i], i, [&] { return layers_[i]->outputs(inputs); });
    LayerSummary line{name.str(), layers_[i]->describe(), inputs, 0};
    layers_[i]->visit(name, [&](const Path&, Parameter<S>& parameter) {
      if (parameter.trainable) line.parameters += parameter.value.size();
    });
    lines.push_back(std::move(line));
  }
  return lines;
}

template class Sequential<float>;
template class Sequential<double>;

}  // namespace evengrad
