#pragma once

#include <evengrad/core/image_ops.hpp>
#include <evengrad/layers/layer.hpp>

#include <optional>

namespace evengrad {

struct ConvOptions {
  Index inputs = 0;   ///< channels
  Index outputs = 0;  ///< channels
  Index size = 1;     ///< of a kernel, size x size pixels
  Index stride = 1;
  std::optional<Index> padding = {};  ///< zeros on each side; by default as many as keep height and width at stride 1
  Index groups = 1;                   ///< of channels; each is connected with the outputs of its own group only
  bool bias = true;
};

/// A convolution of images (batch, height x width, inputs), with the weight (outputs, inputs / groups, size, size) and
/// the bias (outputs), as PyTorch's nn.Conv2d. Starts at zero: an initializer fills it.
template <Real S>
class Conv : public ClonableLayer<Conv<S>, S> {
 public:
  /// \throws UsageError for numbers that are not positive, or channels that the groups do not divide.
  explicit Conv(const ConvOptions& options);

  using Layer<S>::forward;
  Var<S> forward(const Var<S>& x, const Context& context) override { return forward(x, context, Activation()); }
  Var<S> forward(const Var<S>& x, const Context& context, const Activation& f) override;
  void visit(const Path& path, ParameterVisitor<S> visitor) override;
  /// An output sums size * size * inputs / groups numbers; an input reaches size * size * outputs / groups of them,
  /// strides not counted.
  void roles(Roles<S>& roles, const Path& path) override;
  std::string describe() const override;
  std::string word() const override;
  Shape outputs(const Shape& inputs) const override;

  Parameter<S> weight;  ///< (outputs, inputs / groups * size * size)
  Parameter<S> bias;    ///< empty without bias

 private:
  ConvOptions options_;
  Window window_;
};

}  // namespace evengrad
