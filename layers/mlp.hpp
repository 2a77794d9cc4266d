// The multilayer perceptron that the experiments and the command line build.
#pragma once

#include <evengrad/layers/linear.hpp>
#include <evengrad/layers/normalization.hpp>
#include <evengrad/layers/sequential.hpp>

#include <optional>

namespace evengrad {

struct MlpOptions {
  Index inputs = 0;
  std::vector<Index> hidden;
  Index outputs = 0;
  /// One for all hidden layers, or one a hidden layer; the output layer has none (logits).
  /// `prelu` is a layer that learns its slope: one for the layer, one a unit with `prelu(per_channel=1)`.
  std::vector<Activation> activations;
  Norm norm = Norm::none;  ///< between linear and activation
  double dropout = 0;      ///< after each activation, in [0, 1)
  /// Adds its input h to what a hidden layer makes of it: h + f(norm(W h + b)), where both are of one width (the first
  /// hidden layer too, if the data are as wide).
  bool residual = false;
};

/// Linear, [norm], activation, [dropout], Linear, ..., Linear: x (batch, inputs) -> logits (batch, outputs). Parameters
/// are named as those of PyTorch's `self.layers = nn.Sequential(...)`: "layers.0.weight", "layers.2.weight", ...; a
/// residual sum takes no number. All weights are zero; initialize() draws them. \throws UsageError for widths below 1,
/// a wrong number of activations, or dropout outside [0, 1).
template <Real S>
Sequential<S> mlp(const MlpOptions& options);

/// The options of which mlp() makes this net; null if it is none.
template <Real S>
std::optional<MlpOptions> find_mlp(Sequential<S>& net);

/// mlp() as a type: `Mlp<float> net({.inputs = 2, .hidden = {64, 64}, .outputs = 2, .activations = {gelu}})`.
template <Real S>
class Mlp : public Sequential<S> {
 public:
  explicit Mlp(const MlpOptions& options) : Sequential<S>(mlp<S>(options)) {}
};

/// The layer of an activation for samples of this width: one that learns has parameters, every other is a function.
template <Real S>
std::unique_ptr<Layer<S>> activation_layer(const Activation& f, Index width);

}  // namespace evengrad
