#pragma once

#include <evengrad/core/sequence_ops.hpp>
#include <evengrad/layers/linear.hpp>

namespace evengrad {

struct SelfAttentionOptions {
  Index width = 0;
  AttentionOptions attention = {};
  bool bias = true;
};

/// Multi-head self-attention (Vaswani et al. 2017) with the parameters of PyTorch's nn.MultiheadAttention:
/// in_proj_weight (3 width, width) makes queries, keys and values, in_proj_bias (3 width), out_proj.weight and
/// out_proj.bias. (batch, time, width) -> the same. Starts at zero: an initializer fills it, queries, keys and values
/// each by itself.
template <Real S>
class SelfAttention : public ClonableLayer<SelfAttention<S>, S> {
 public:
  /// \throws UsageError unless the width is a positive multiple of the heads, and with rope of twice the heads, whose
  /// base must be above 1.
  explicit SelfAttention(const SelfAttentionOptions& options);

  using Layer<S>::forward;
  Var<S> forward(const Var<S>& x, const Context& context) override { return forward(x, context, Activation()); }
  Var<S> forward(const Var<S>& x, const Context& context, const Activation& f) override;
  void visit(const Path& path, ParameterVisitor<S> visitor) override;
  void roles(Roles<S>& roles, const Path& path) override;
  std::string describe() const override;
  std::string word() const override;
  Shape outputs(const Shape& inputs) const override;

  Parameter<S> in_proj_weight, in_proj_bias;  ///< the bias is empty without bias
  Linear<S> out_proj;

 private:
  AttentionOptions options_;
};

}  // namespace evengrad
