#pragma once

#include <evengrad/layers/layer.hpp>

namespace evengrad {

/// weight tanh(alpha x) + bias. x (B, C), alpha (1, 1), weight and bias (1, C) -> (B, C).
template <Real S>
struct DynamicTanh {
  static constexpr std::string_view name = "dyt";
  static constexpr OpRole role = OpRole::normalization;
  const Activation* tanh = nullptr;  // read by forward only
  const S* bounded = nullptr;        // tanh(alpha x), (B, C)
  const S* slope = nullptr;          // tanh' there

  void forward(Forward<S>& step);
  void pull(Pull<S>& step) const;
};

struct DyTOptions {
  Index features = 0;
  double alpha = 0.5;  ///< where it starts
};

/// Dynamic tanh in place of a normalization (Zhu et al. 2025): weight tanh(alpha x) + bias, all three learned.
template <Real S>
class DyT : public ClonableLayer<DyT<S>, S> {
 public:
  /// \throws UsageError for fewer than one feature.
  explicit DyT(const DyTOptions& options);

  using Layer<S>::forward;
  /// \throws ShapeError for another number of columns.
  Var<S> forward(const Var<S>& x, const Context& context) override;
  void visit(const Path& path, ParameterVisitor<S> visitor) override;
  void roles(Roles<S>& roles, const Path&) override { roles.normalization("dyt"); }
  void reset() override;
  std::string describe() const override;
  std::string word() const override;
  Shape outputs(const Shape& inputs) const override;

  Parameter<S> alpha, weight, bias;

 private:
  DyTOptions options_;
  Activation tanh_;
};

}  // namespace evengrad
