#pragma once

#include <evengrad/layers/sequential.hpp>

namespace evengrad {

/// x and inner(x) side by side, x first: the skip connection of a U-Net (Ronneberger et al. 2015).
template <Real S>
class Concat : public ClonableLayer<Concat<S>, S> {
 public:
  explicit Concat(Sequential<S> layers) : inner(std::move(layers)) {}

  using Layer<S>::forward;
  /// \throws ShapeError if inner does not keep the rows of x.
  Var<S> forward(const Var<S>& x, const Context& context) override;
  void visit(const Path& path, ParameterVisitor<S> visitor) override { inner.visit(Path(path, "inner"), visitor); }
  void roles(Roles<S>& roles, const Path& path) override;
  void reset() override { inner.reset(); }
  std::string describe() const override { return "Concat(" + inner.describe() + ")"; }
  std::string word() const override { return "concat(" + inner.word() + ")"; }
  Shape outputs(const Shape& inputs) const override;

  Sequential<S> inner;
};

}  // namespace evengrad
