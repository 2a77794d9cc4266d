// The multilayer perceptron that the experiments and the command line build.
#pragma once

#include <evengrad/init/initializer.hpp>
#include <evengrad/layers/normalization.hpp>
#include <evengrad/layers/sequential.hpp>

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

/// Linear, [norm], activation, [dropout], Linear, ..., Linear. Parameters are named as those of PyTorch's
/// `self.layers = nn.Sequential(...)`: "layers.0.weight", "layers.2.weight", ...; a residual sum takes no number.
template <Real S>
class Mlp : public ClonableLayer<Mlp<S>, S> {
 public:
  /// All weights zero; initialize() draws them. \throws UsageError for widths below 1, a wrong number of
  /// activations, or dropout outside [0, 1).
  explicit Mlp(const MlpOptions& options);

  /// x (batch, inputs) -> logits (batch, outputs).
  Var<S> forward(const Var<S>& x, const Context& context) override;
  void visit(const Path& path, ParameterVisitor<S> visitor) override { layers.visit(Path(path, "layers"), visitor); }
  void reset() override { layers.reset(); }
  std::string describe() const override { return layers.describe(); }
  Index outputs(Index inputs) const override { return layers.outputs(inputs); }
  /// A line a layer: name, what it is, outputs, parameters.
  std::vector<LayerSummary> summary() { return layers.summary(Path(Path(), "layers"), options_.inputs); }
  /// Draws every weight and bias; the stream of each is `rng.split(its name)`. Normalization and learned slopes start
  /// afresh.
  void initialize(const Initializer& init, const Rng& rng);

  const MlpOptions& options() const { return options_; }

  Sequential<S> layers;

 private:
  // The layers [begin, end) whose input is added to their output.
  struct Skip {
    std::size_t begin, end;
  };

  MlpOptions options_;
  std::vector<Skip> skips_;
};

/// How many numbers a model trains.
template <Real S, class M>
Index parameter_count(M& model) {
  Index count = 0;
  model.visit(Path(), [&](const Path&, Parameter<S>& parameter) {
    if (parameter.trainable) count += parameter.value.size();
  });
  return count;
}

}  // namespace evengrad
