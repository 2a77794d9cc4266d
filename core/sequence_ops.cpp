#include <evengrad/core/sequence_ops.hpp>

#include <evengrad/core/kernels/kernels.hpp>

#include <algorithm>
#include <cmath>

namespace evengrad {

// ---- embedding ------------------------------------------------------------------------------------------------------

namespace {

// Calls use(row, token) for every token that counts, in order.
template <Real S, class Use>
void for_each_token(const Shape& shape, const S* tokens, Use use) {
  for (Index b = 0, row = 0; b < shape.blocks; ++b, row += shape.rows) {
    for (Index t = 0; t < shape.length(b); ++t) use(row + t, tokens[row + t]);
  }
}

}  // namespace

template <Real S>
void Embed<S>::forward(Forward<S>& step) {
  const Index n = step.shape().cols;
  const S* weight = step.input(1).data();
  MutableMap<S> out = step.output();
  if (step.shape().lengths) out.setZero();
  for_each_token(step.shape(), step.input(0).data(), [&](Index row, S token) {
    std::copy_n(weight + static_cast<Index>(token) * n, n, out.data() + row * n);
  });
}

template <Real S>
void Embed<S>::pull(Pull<S>& step) const {
  if (step.wants(0)) step.add(0, Matrix<S>::Zero(step.shape(0).matrix_rows(), step.shape(0).cols));
  if (!step.wants(1)) return;
  const Index n = step.shape().cols;
  const Target<S> to = step.target(1);
  MutableMap<S> sums(to.data, step.shape(1).matrix_rows(), n);
  if (!to.accumulate) sums.setZero();
  const ConstMap<S> gradient = step.gradient();
  for_each_token(step.shape(), step.input(0).data(),
                 [&](Index row, S token) { sums.row(static_cast<Index>(token)) += gradient.row(row); });
}

template <Real S>
Var<S> embedding(const Var<S>& x, const Var<S>& weight) {
  const Shape in = x.shape(), w = weight.shape();
  const bool row_of_tokens = in.rows == 1 && !in.is_image();
  if (in.cols != 1 && !row_of_tokens) {
    throw ShapeError(text("[embedding] input is ", in, ": expected tokens, (batch, time, 1) or (batch, time)"));
  }
  Shape out = in.with_cols(w.cols);
  if (row_of_tokens) out = {in.blocks, in.cols, w.cols};
  const S tokens = static_cast<S>(w.matrix_rows());
  for_each_token(out, x.value().data(), [&](Index row, S token) {
    if (token >= 0 && token < tokens && token == std::floor(token)) return;
    throw Error(text("[embedding] token ", token, " at position ", row % out.rows, " of sample ", row / out.rows,
                     ": expected a whole number from 0 to ", w.matrix_rows() - 1));
  });
  return x.tape().record(Embed<S>{}, out, {x, weight});
}

#define EVENGRAD_INSTANTIATE(S) \
  template struct Embed<S>;     \
  template Var<S> embedding(const Var<S>&, const Var<S>&);
EVENGRAD_INSTANTIATE(float)
EVENGRAD_INSTANTIATE(double)
#undef EVENGRAD_INSTANTIATE

}  // namespace evengrad
