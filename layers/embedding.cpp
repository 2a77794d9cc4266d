#include <evengrad/layers/embedding.hpp>

#include <evengrad/core/sequence_ops.hpp>

namespace evengrad {

template <Real S>
Embedding<S>::Embedding(const EmbeddingOptions& options) {
  if (options.tokens < 1 || options.width < 1) {
    throw UsageError(
        text("an embedding needs at least one token and one column, got ", options.tokens, " and ", options.width));
  }
  weight.value.setZero(options.tokens, options.width);
}

template <Real S>
Var<S> Embedding<S>::forward(const Var<S>& x, const Context&) {
  return embedding(x, x.tape().parameter(weight));
}

template <Real S>
void Embedding<S>::roles(Roles<S>& roles, const Path& path) {
  // A row is looked up, not summed: one input reaches each of its numbers. Outputs of a tied one sum the columns.
  const Index tokens = weight.value.rows(), width = weight.value.cols();
  roles.weight(Path(path, "weight"), weight,
               {.fan_in = tied ? width : 1, .fan_out = tied ? tokens : width, .kind = WeightKind::embedding});
  roles.not_plain();
}

template <Real S>
std::string Embedding<S>::describe() const {
  return text("Embedding(", weight.value.rows(), ", ", weight.value.cols(), ")");
}

template <Real S>
std::string Embedding<S>::word() const {
  return text("embed(", weight.value.cols(), ", ", weight.value.rows(), ")");
}

template <Real S>
Shape Embedding<S>::outputs(const Shape& inputs) const {
  if (inputs.rows == 1 && !inputs.is_image()) return {inputs.blocks, inputs.cols, weight.value.cols()};
  require_columns(describe(), 1, inputs);
  return inputs.with_cols(weight.value.cols());
}

template class Embedding<float>;
template class Embedding<double>;

}  // namespace evengrad
