#pragma once

#include <evengrad/layers/layer.hpp>

#include <span>
#include <vector>

namespace evengrad {

/// One line of a model's description.
struct LayerSummary {
  std::string name;      ///< "layers.0"
  std::string layer;     ///< "Linear(784, 256)"
  Shape outputs;         ///< of one sample
  Index parameters = 0;  ///< numbers that it trains
};

/// Layers one after the other, named by their position as PyTorch's nn.Sequential names them (activations count). A
/// value: a copy has its own parameters.
template <Real S>
class Sequential : public Layer<S> {
 public:
  /// With a name the parameters are those of PyTorch's `self.name = nn.Sequential(...)`: "layers.0.weight".
  explicit Sequential(std::string name = {}) : name_(std::move(name)) {}
  Sequential(const Sequential& other);
  Sequential(Sequential&&) noexcept = default;
  Sequential& operator=(Sequential other) noexcept {
    name_.swap(other.name_);
    layers_.swap(other.layers_);
    skips_.swap(other.skips_);
    return *this;
  }

  /// Adds a layer and returns it: `net.add(Linear<float>({.inputs = 2, .outputs = 16}))`.
  template <class L>
  requires std::derived_from<L, Layer<S>> L& add(L layer) {
    auto owned = std::make_unique<L>(std::move(layer));
    L& reference = *owned;
    layers_.push_back(std::move(owned));
    return reference;
  }
  Layer<S>& add(std::unique_ptr<Layer<S>> layer) { return *layers_.emplace_back(std::move(layer)); }

  /// Adds the input of the layers from `begin` up to, not including, `end` to their output (He et al. 2016). The sum
  /// takes no number. Skips may lie one in another: the outer first. \throws UsageError for a range that is empty, that
  /// is not of these layers, or that crosses another.
  void skip(std::size_t begin, std::size_t end);

  std::size_t size() const { return layers_.size(); }
  Layer<S>& operator[](std::size_t i) { return *layers_[i]; }
  const Layer<S>& operator[](std::size_t i) const { return *layers_[i]; }

  using Layer<S>::forward;
  /// \throws ShapeError if a layer cannot take what the one before it gives, or a skip cannot be added.
  Var<S> forward(const Var<S>& x, const Context& context) override { return forward(x, context, 0, layers_.size()); }
  /// The layers from `begin` up to, not including, `end`.
  Var<S> forward(const Var<S>& x, const Context& context, std::size_t begin, std::size_t end);
  void visit(const Path& path, ParameterVisitor<S> visitor) override;
  void roles(Roles<S>& roles, const Path& path) override;
  void reset() override;
  std::string describe() const override;
  std::string word() const override;
  Shape outputs(const Shape& inputs) const override;
  /// A line a layer, for an input of this shape. \throws as forward().
  std::vector<LayerSummary> summary(const Shape& inputs);
  std::unique_ptr<Layer<S>> clone() const override { return std::make_unique<Sequential>(*this); }

 private:
  struct Skip {
    std::size_t begin, end;
  };

  Var<S> run(const Var<S>& x, const Context& context, std::size_t begin, std::size_t end, std::span<const Skip>& skips);
  // Calls use(path) with the path that the layers' numbers are added to.
  template <class Use>
  void below(const Path& path, Use use) {
    name_.empty() ? use(path) : use(Path(path, name_));
  }

  std::string name_;
  std::vector<std::unique_ptr<Layer<S>>> layers_;
  std::vector<Skip> skips_;  // by their begin, the outer first
};

}  // namespace evengrad
