#pragma once

#include <evengrad/layers/layer.hpp>

#include <vector>

namespace evengrad {

/// Layers one after the other, named by their position as PyTorch's nn.Sequential names them (activations count). A value:
/// a copy has its own parameters.
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
  Var<S> forward(const Var<S>& x, const Context& context) override;
  void visit(const Path& path, ParameterVisitor<S> visitor) override;
  std::string describe() const override;
  Index outputs(Index inputs) const override;
  std::unique_ptr<Layer<S>> clone() const override { return std::make_unique<Sequential>(*this); }

 private:
  std::vector<std::unique_ptr<Layer<S>>> layers_;
};

}  // namespace evengrad
