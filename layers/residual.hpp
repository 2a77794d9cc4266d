#pragma once

#include <evengrad/layers/sequential.hpp>

#include <optional>

namespace evengrad {

/// x + inner(x), or shortcut(x) + inner(x) where inner changes the shape (He et al. 2016).
template <Real S>
class Residual : public ClonableLayer<Residual<S>, S> {
 public:
  explicit Residual(Sequential<S> layers, std::optional<Sequential<S>> projection = {})
      : inner(std::move(layers)), shortcut(std::move(projection)) {}

  using Layer<S>::forward;
  /// \throws ShapeError if inner and shortcut do not make the same shape of x.
  Var<S> forward(const Var<S>& x, const Context& context) override;
  void visit(const Path& path, ParameterVisitor<S> visitor) override;
  void roles(Roles<S>& roles, const Path& path) override;
  void reset() override;
  std::string describe() const override;
  std::string word() const override;
  Shape outputs(const Shape& inputs) const override;

  Sequential<S> inner;
  std::optional<Sequential<S>> shortcut;  ///< none: x itself
};

}  // namespace evengrad
