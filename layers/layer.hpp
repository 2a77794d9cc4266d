// What a layer is: it records ops on a tape and owns its parameters.
#pragma once

#include <evengrad/core/ops.hpp>
#include <evengrad/core/random.hpp>

#include <memory>
#include <string>

namespace evengrad {

/// How a forward pass is meant. Evaluation is the default.
struct Context {
  bool training = false;
  Rng rng{0};  ///< for dropout: one stream a step; a layer splits off its own by its name
};

/// One layer. Its parameters are values of the layer; visit() enumerates them.
template <Real S>
class Layer {
 public:
  virtual ~Layer() = default;

  /// x (batch, inputs) -> (batch, outputs).
  virtual Var<S> forward(const Var<S>& x, const Context& context) = 0;

  /// f(forward(x)): a layer that can do both in one pass overrides this.
  virtual Var<S> forward(const Var<S>& x, const Context& context, const Activation& f) {
    return activate(forward(x, context), f);
  }

  /// Calls visitor(path, parameter) for each parameter and running statistic, in a fixed order.
  virtual void visit(const Path& path, ParameterVisitor<S> visitor);

  /// The function of an activation layer, so that the layer before it may fuse with it; null for every other layer.
  virtual const Activation* activation() const { return nullptr; }

  /// Puts what no initializer draws back to its start: normalization, running statistics, learned slopes.
  virtual void reset() {}

  /// "Linear(784, 256)".
  virtual std::string describe() const = 0;

  /// The columns of the output for an input of `inputs` columns. \throws ShapeError if the layer cannot take it.
  virtual Index outputs(Index inputs) const { return inputs; }

  virtual std::unique_ptr<Layer> clone() const = 0;
};

template <Real S>
void Layer<S>::visit(const Path&, ParameterVisitor<S>) {}

/// A layer whose copy is made by its copy constructor.
template <class Derived, Real S>
class ClonableLayer : public Layer<S> {
 public:
  std::unique_ptr<Layer<S>> clone() const override {
    return std::make_unique<Derived>(static_cast<const Derived&>(*this));
  }
};

}  // namespace evengrad
