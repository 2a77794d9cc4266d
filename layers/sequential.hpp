#pragma once

#include <evengrad/layers/layer.hpp>

#include <vector>

namespace evengrad {

/// One line of a model's description.
struct LayerSummary {
  std::string name;   ///< "layers.0"
  std::string layer;  ///< "Linear(784, 256)"
  Index outputs = 0;
  Index parameters = 0;  ///< numbers that it trains
};

/// Layers one after the other, named by their position as PyTorch's nn.Sequential names them (activations count). A
/// value: a copy has its own parameters.
template <Real S>
class Sequential : public Layer<S> {
 public:
  Sequential() = default;
  Sequential(const Sequential& other);
  Sequential(Sequential&&) noexcept = default;
  Sequential& operator=(Sequential other) noexcept {
    layers_.swap(other.layers_);
    return *this;
  }

  /// Adds a layer and returns it: `net.add(Linear<float>({.inputs = 2, .outputs = 16}))`.
  template <class L>
  L& add(L layer) {
    auto owned = std::make_unique<L>(std::move(layer));
    L& reference = *owned;
    layers_.push_back(std::move(owned));
    return reference;
  }

  std::size_t size() const { return layers_.size(); }
  Layer<S>& operator[](std::size_t i) { return *layers_[i]; }
  const Layer<S>& operator[](std::size_t i) const { return *layers_[i]; }

  using Layer<S>::forward;
  Var<S> forward(const Var<S>& x, const Context& context) override { return forward(x, context, 0, layers_.size()); }
  /// The layers from `begin` up to, not including, `end`.
  Var<S> forward(const Var<S>& x, const Context& context, std::size_t begin, std::size_t end);
  void visit(const Path& path, ParameterVisitor<S> visitor) override;
  void reset() override;
  std::string describe() const override;
  Index outputs(Index inputs) const override;
  /// A line a layer, for an input of `inputs` columns; names start with `path`. \throws ShapeError if a layer cannot
  /// take what the one before it gives.
  std::vector<LayerSummary> summary(const Path& path, Index inputs);
  std::unique_ptr<Layer<S>> clone() const override { return std::make_unique<Sequential>(*this); }

 private:
  std::vector<std::unique_ptr<Layer<S>>> layers_;
};

}  // namespace evengrad
