#include <evengrad/layers/sequential.hpp>

#include <evengrad/layers/tied_head.hpp>

#include <algorithm>

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
Sequential<S>::Sequential(const Sequential& other) : Layer<S>(other), name_(other.name_), skips_(other.skips_) {
  Embedding<S>* embedding = nullptr;
  for (const auto& layer : other.layers_) {
    layers_.push_back(layer->clone());
    if (auto* found = dynamic_cast<Embedding<S>*>(layers_.back().get())) embedding = found;
    if (auto* head = dynamic_cast<TiedHead<S>*>(layers_.back().get()); head && embedding) head->tie(*embedding);
  }
}

template <Real S>
void Sequential<S>::skip(std::size_t begin, std::size_t end) {
  if (begin >= end || end > layers_.size()) {
    throw UsageError(text("skip(", begin, ", ", end, "): expected a range of the ", layers_.size(), " layers"));
  }
  for (const Skip& other : skips_) {
    const bool apart = end <= other.begin || other.end <= begin;
    const bool inside = (other.begin <= begin && end <= other.end) || (begin <= other.begin && other.end <= end);
    if (!apart && !inside) throw UsageError(text("skip(", begin, ", ", end, ") crosses another"));
  }
  const auto outer = [](const Skip& a, const Skip& b) {
    return a.begin != b.begin ? a.begin < b.begin : a.end > b.end;
  };
  const Skip added{begin, end};
  skips_.insert(std::upper_bound(skips_.begin(), skips_.end(), added, outer), added);
}

template <Real S>
Var<S> Sequential<S>::run(const Var<S>& x, const Context& context, std::size_t begin, std::size_t end,
                          std::span<const Skip>& skips) {
  Var<S> y = x;
  for (std::size_t i = begin; i < end;) {
    if (!skips.empty() && skips.front().begin == i) {
      const Skip skip = skips.front();
      skips = skips.subspan(1);
      const Var<S> inner = run(y, context, i, skip.end, skips);
      if (inner.shape() != y.shape()) {
        throw ShapeError(text("[residual] layers ", i, " to ", skip.end - 1, " make ", inner.shape(), " of ", y.shape(),
                              ": expected the same shape, to add them"));
      }
      y = y + inner;
      i = skip.end;
      continue;
    }
    Layer<S>& layer = *layers_[i];
    const std::size_t limit = skips.empty() ? end : std::min(end, skips.front().begin);
    const Activation* f = i + 1 < limit && !layer.activation() ? layers_[i + 1]->activation() : nullptr;
    const typename Tape<S>::Scope scope(x.tape(), static_cast<Index>(i));
    y = named(layer, i, [&] { return f ? layer.forward(y, context, *f) : layer.forward(y, context); });
    i += f ? 2 : 1;
  }
  return y;
}

template <Real S>
Var<S> Sequential<S>::forward(const Var<S>& x, const Context& context, std::size_t begin, std::size_t end) {
  std::span<const Skip> skips = skips_;
  while (!skips.empty() && skips.front().begin < begin) skips = skips.subspan(1);
  if (name_.empty()) return run(x, context, begin, end, skips);
  const typename Tape<S>::Scope scope(x.tape(), name_);
  return run(x, context, begin, end, skips);
}

template <Real S>
void Sequential<S>::reset() {
  for (const auto& layer : layers_) layer->reset();
}

template <Real S>
void Sequential<S>::visit(const Path& path, ParameterVisitor<S> visitor) {
  below(path, [&](const Path& at) {
    for (std::size_t i = 0; i < layers_.size(); ++i) layers_[i]->visit(Path(at, static_cast<Index>(i)), visitor);
  });
}

template <Real S>
void Sequential<S>::roles(Roles<S>& roles, const Path& path) {
  below(path, [&](const Path& at) {
    for (std::size_t i = 0; i < layers_.size(); ++i) {
      for (const Skip& skip : skips_) {
        if (skip.begin == i) roles.begin_residual();
      }
      layers_[i]->roles(roles, Path(at, static_cast<Index>(i)));
      for (const Skip& skip : skips_) {
        if (skip.end == i + 1) roles.end_residual();
      }
    }
  });
}

template <Real S>
std::string Sequential<S>::describe() const {
  std::string all;
  for (const auto& layer : layers_) all += (all.empty() ? "" : " → ") + layer->describe();
  return all;
}

template <Real S>
std::string Sequential<S>::word() const {
  std::string all;
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    if (i > 0) all += ' ';
    for (const Skip& skip : skips_) {
      if (skip.begin == i) all += "residual(";
    }
    all += layers_[i]->word();
    for (const Skip& skip : skips_) {
      if (skip.end == i + 1) all += ')';
    }
  }
  return all;
}

template <Real S>
Shape Sequential<S>::outputs(const Shape& inputs) const {
  Shape shape = inputs;
  std::vector<Shape> before(layers_.size());
  for (std::size_t i = 0; i < layers_.size(); ++i) {
    before[i] = shape;
    shape = named(*layers_[i], i, [&] { return layers_[i]->outputs(shape); });
    for (const Skip& skip : skips_) {
      if (skip.end != i + 1 || before[skip.begin] == shape) continue;
      throw ShapeError(text("residual: layers ", skip.begin, " to ", i, " make ", shape, " of ", before[skip.begin],
                            ": expected the same shape, to add them"));
    }
  }
  return shape;
}

template <Real S>
std::vector<LayerSummary> Sequential<S>::summary(const Shape& inputs) {
  std::vector<LayerSummary> lines;
  Shape shape = inputs;
  below(Path(), [&](const Path& at) {
    for (std::size_t i = 0; i < layers_.size(); ++i) {
      const Path name(at, static_cast<Index>(i));
      shape = named(*layers_[i], i, [&] { return layers_[i]->outputs(shape); });
      lines.push_back({name.str(), layers_[i]->describe(), shape, parameter_count(*layers_[i])});
    }
  });
  return lines;
}

template class Sequential<float>;
template class Sequential<double>;

}  // namespace evengrad
