// What a layer is: it records ops on a tape and owns its parameters.
#pragma once

#include <evengrad/core/ops.hpp>
#include <evengrad/core/random.hpp>
#include <evengrad/layers/roles.hpp>

#include <memory>
#include <string>

namespace evengrad {

/// How a forward pass is meant. Evaluation is the default.
struct Context {
  bool training = false;
  Rng rng{0};  ///< for dropout: one stream a step; a layer splits off its own by its name
};

/// One layer, or a whole model. Its parameters are values of the layer; visit() enumerates them.
template <Real S>
class Layer {
 public:
  virtual ~Layer() = default;

  /// x (batch, inputs) -> (batch, outputs), or samples of several rows: (batch, time, inputs), (batch, pixels,
  /// channels).
  virtual Var<S> forward(const Var<S>& x, const Context& context) = 0;

  /// f(forward(x)): a layer that can do both in one pass overrides this.
  virtual Var<S> forward(const Var<S>& x, const Context& context, const Activation& f) {
    return activate(forward(x, context), f);
  }

  /// Calls visitor(path, parameter) for each parameter and running statistic, in a fixed order.
  virtual void visit(const Path& path, ParameterVisitor<S> visitor);

  /// The function of an activation layer, so that the layer before it may fuse with it; null for every other layer.
  virtual const Activation* activation() const { return nullptr; }

  /// Tells, in the order of the forward pass, what each weight is for and what stands between the weights. As long as a
  /// layer tells nothing, each trained matrix is the weight of a product, with the next row of as many outputs its
  /// bias.
  virtual void roles(Roles<S>& roles, const Path& path);

  /// Draws every weight and bias; the stream of each is `rng.split(its name)`. What no initializer draws starts afresh.
  void initialize(const Initializer& init, const Rng& rng);

  /// Puts what no initializer draws back to its start: normalization, running statistics, learned slopes.
  virtual void reset() {}

  /// "Linear(784, 256)".
  virtual std::string describe() const = 0;

  /// How a net's line spells it, "linear(256)" (layers/registry.hpp). \throws Error if no word makes this layer.
  virtual std::string word() const;

  /// The shape of the output for an input of this shape. \throws ShapeError if the layer cannot take it.
  virtual Shape outputs(const Shape& inputs) const { return inputs; }

  virtual std::unique_ptr<Layer> clone() const = 0;
};

template <Real S>
void Layer<S>::visit(const Path&, ParameterVisitor<S>) {}

/// The weights of a model with their roles, in the order of its forward pass.
template <Real S>
std::vector<Weight<S>> weights(Layer<S>& model) {
  Roles<S> roles;
  model.roles(roles, Path());
  return roles.finish();
}

/// How many numbers a model trains.
template <Real S>
Index parameter_count(Layer<S>& model) {
  Index count = 0;
  model.visit(Path(), [&](const Path&, Parameter<S>& parameter) {
    if (parameter.trainable) count += parameter.value.size();
  });
  return count;
}

/// \throws ShapeError "Linear(3, 4): …" unless the input has this many columns.
void require_columns(const std::string& layer, Index expected, const Shape& inputs);

/// A layer whose copy is made by its copy constructor.
template <class Derived, Real S>
class ClonableLayer : public Layer<S> {
 public:
  std::unique_ptr<Layer<S>> clone() const override {
    return std::make_unique<Derived>(static_cast<const Derived&>(*this));
  }
};

}  // namespace evengrad
