#pragma once

#include <evengrad/layers/sequential.hpp>

namespace evengrad {

/// x + inner(x) (He et al. 2016).
template <Real S>
class Residual : public ClonableLayer<Residual<S>, S> {
 public:
  explicit Residual(Sequential<S> layers) : inner(std::move(layers)) {}

  using Layer<S>::forward;
  /// \throws ShapeError if inner does not keep the shape of x.
  Var<S> forward(const Var<S>& x, const Context& context) override;
  void visit(const Path& path, ParameterVisitor<S> visitor) override { inner.visit(Path(path, "inner"), visitor); }
  void roles(Roles<S>& roles, const Path& path) override;
  void reset() override { inner.reset(); }
  std::string describe() const override { return "Residual(" + inner.describe() + ")"; }
  Shape outputs(const Shape& inputs) const override;

  Sequential<S> inner;
};

}  // namespace evengrad
