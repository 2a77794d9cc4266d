// The multilayer perceptron that the experiments and the command line build.
#pragma once

#include <evengrad/init/initializer.hpp>
#include <evengrad/layers/sequential.hpp>

namespace evengrad {

struct MlpOptions {
  Index inputs = 0;
  std::vector<Index> hidden;
  Index outputs = 0;
  /// One for all hidden layers, or one a hidden layer; the output layer has none (logits).
  std::vector<Activation> activations;
};

/// Linear, activation, Linear, ..., Linear. Parameters are named as those of PyTorch's
/// `self.layers = nn.Sequential(...)`: "layers.0.weight", "layers.2.weight", ...
template <Real S>
class Mlp : public ClonableLayer<Mlp<S>, S> {
 public:
  /// All weights zero; initialize() draws them. \throws UsageError for widths below 1 or a wrong number of activations.
  explicit Mlp(const MlpOptions& options);

  /// x (batch, inputs) -> logits (batch, outputs).
  Var<S> forward(const Var<S>& x, const Context& context) override;
  void visit(const Path& path, ParameterVisitor<S> visitor) override { layers.visit(Path(path, "layers"), visitor); }
  std::string describe() const override { return layers.describe(); }
  Index outputs(Index inputs) const override { return layers.outputs(inputs); }
  /// Draws every weight and bias; the stream of each is `rng.split(its name)`.
  void initialize(const Initializer& init, const Rng& rng);

  const MlpOptions& options() const { return options_; }

  Sequential<S> layers;

 private:
  MlpOptions options_;
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
