#pragma once

#include <evengrad/layers/layer.hpp>

namespace evengrad {

struct EmbeddingOptions {
  Index tokens = 0;  ///< how many there are: inputs are 0 to tokens - 1
  Index width = 0;
};

/// A learned row for each token, as PyTorch's nn.Embedding: (batch, time, 1) -> (batch, time, width), and a sample that
/// is a row of tokens, (batch, time), likewise. Starts at zero: an initializer fills it.
template <Real S>
class Embedding : public ClonableLayer<Embedding<S>, S> {
 public:
  /// \throws UsageError for fewer than one token or column.
  explicit Embedding(const EmbeddingOptions& options);

  using Layer<S>::forward;
  /// \throws Error for a token that there is not.
  Var<S> forward(const Var<S>& x, const Context& context) override;
  void visit(const Path& path, ParameterVisitor<S> visitor) override { visitor(Path(path, "weight"), weight); }
  void roles(Roles<S>& roles, const Path& path) override;
  std::string describe() const override;
  std::string word() const override;
  Shape outputs(const Shape& inputs) const override;

  Parameter<S> weight;  ///< (tokens, width)
  bool tied = false;    ///< the weight makes the net's outputs too (TiedHead)
};

}  // namespace evengrad
