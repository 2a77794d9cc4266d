// Gated feed-forward layers: GLU (Dauphin et al. 2017), ReGLU, GEGLU and SwiGLU (Shazeer 2020).
#pragma once

#include <evengrad/layers/linear.hpp>

#include <string_view>
#include <vector>

namespace evengrad {

struct GatedOptions {
  Index inputs = 0;
  Index hidden = 0;   ///< width of gate and up
  Index outputs = 0;  ///< of the projection down; 0 for none
  bool bias = false;  ///< the paper's layers have none
  Activation gate{};  ///< f; the identity gives the bilinear layer
};

/// (f(gate(x)) * up(x)), projected down: three linear layers where a plain feed-forward block has two, so the paper
/// takes two thirds of its hidden width. Linear layers are named gate, up and down.
template <Real S>
class Gated : public ClonableLayer<Gated<S>, S> {
 public:
  /// \throws UsageError if a width is not positive.
  explicit Gated(const GatedOptions& options);

  using Layer<S>::forward;
  Var<S> forward(const Var<S>& x, const Context& context) override;
  void visit(const Path& path, ParameterVisitor<S> visitor) override;
  void roles(Roles<S>& roles, const Path& path) override;
  std::string describe() const override;
  std::string word() const override;
  Shape outputs(const Shape& inputs) const override;

  Linear<S> gate, up;
  std::vector<Linear<S>> down;  ///< none or one

 private:
  Activation f_;
};

/// A named choice of the gate's activation.
struct GatedInfo {
  std::string_view name;  ///< "swiglu"
  std::string_view gate;  ///< the activation: "silu"
  std::string_view formula;
  std::string_view source;
};
const std::vector<GatedInfo>& gated_layers();

/// The gate's activation of a named layer: `Gated<float>({.inputs = 64, .hidden = 128, .gate = gate("swiglu")})`.
/// \throws UsageError for an unknown name.
Activation gate(std::string_view name);

}  // namespace evengrad
