#pragma once

#include <evengrad/layers/layer.hpp>

namespace evengrad {

struct LinearOptions {
  Index inputs = 0;
  Index outputs = 0;
  bool bias = true;
};

/// x W^T + b, with the weight (outputs, inputs) and the bias (outputs), as PyTorch's nn.Linear. Starts at zero: an
/// initializer fills it.
template <Real S>
class Linear : public ClonableLayer<Linear<S>, S> {
 public:
  /// \throws UsageError if a width is not positive.
  explicit Linear(const LinearOptions& options);

  using Layer<S>::forward;
  Var<S> forward(const Var<S>& x, const Context& context) override { return forward(x, context, Activation()); }
  Var<S> forward(const Var<S>& x, const Context& context, const Activation& f) override;
  void visit(const Path& path, ParameterVisitor<S> visitor) override;
  void roles(Roles<S>& roles, const Path& path) override;
  std::string describe() const override;
  std::string word() const override;
  Shape outputs(const Shape& inputs) const override;

  Parameter<S> weight;
  Parameter<S> bias;  ///< empty without bias
};

}  // namespace evengrad
