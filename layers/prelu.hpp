#pragma once

#include <evengrad/layers/layer.hpp>

namespace evengrad {

/// x where x > 0, else slope * x. x (B, C), slope (1, 1) or (1, C) -> (B, C).
template <Real S>
struct ParametricReLU {
  static constexpr std::string_view name = "prelu";
  static constexpr OpRole role = OpRole::activation;
  const S* derivative = nullptr;  // dy/dx, (B, C)

  void forward(Forward<S>& step);
  void pull(Pull<S>& step) const;
};

struct PReLUOptions {
  Index slopes = 1;     ///< 1: one for the layer; else one a feature
  double slope = 0.25;  ///< to start from
};

/// A ReLU that learns the slope of its negative side (He et al. 2015), as PyTorch's nn.PReLU.
template <Real S>
class PReLULayer : public ClonableLayer<PReLULayer<S>, S> {
 public:
  /// \throws UsageError for fewer than one slope.
  explicit PReLULayer(const PReLUOptions& options = {});

  using Layer<S>::forward;
  /// \throws ShapeError if there are several slopes, but not one a column.
  Var<S> forward(const Var<S>& x, const Context& context) override;
  void visit(const Path& path, ParameterVisitor<S> visitor) override { visitor(Path(path, "weight"), weight); }
  void roles(Roles<S>& roles, const Path&) override { roles.activation(start_), roles.not_plain(); }
  void reset() override { weight.value.setConstant(1, options_.slopes, static_cast<S>(options_.slope)); }
  std::string describe() const override { return text("PReLU(", options_.slopes, ")"); }
  std::string word() const override { return start_.name(); }
  Shape outputs(const Shape& inputs) const override;

  Parameter<S> weight;  ///< the slopes, (1, 1) or (1, C); named as PyTorch names them

 private:
  PReLUOptions options_;
  Activation start_;  // with the slope that it starts from
};

}  // namespace evengrad
