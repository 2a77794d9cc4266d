#include <evengrad/layers/losses.hpp>

#include <evengrad/core/kernels/kernels.hpp>

#include <algorithm>

namespace evengrad {

template <Real S>
void SoftmaxCrossEntropy<S>::forward(Forward<S>& step) {
  const ConstMap<S> logits = step.input(0);
  const Index batch = logits.rows(), classes = logits.cols();
  S* p = step.keep(logits.size());
  auto* log_sum = step.template keep<double>(batch);
  kernels::kernels<S>().softmax_rows({logits.data(), batch, classes, classes}, p, log_sum);

  const double share = smoothing / static_cast<double>(classes);
  double total = 0;
  for (Index r = 0; r < batch; ++r) {
    const double z_label = static_cast<double>(logits(r, labels[static_cast<std::size_t>(r)]));
    double loss = (1 - smoothing) * (log_sum[r] - z_label);
    if (smoothing > 0) {
      for (Index c = 0; c < classes; ++c) loss += share * (log_sum[r] - static_cast<double>(logits(r, c)));
    }
    total += loss;
  }
  step.output()(0, 0) = static_cast<S>(total / static_cast<double>(batch));

  if (!step.recording()) return;
  auto* kept = step.template keep<std::int32_t>(batch);
  std::copy(labels.begin(), labels.end(), kept);
  kept_labels = kept;
  probabilities = p;
}

template <Real S>
void SoftmaxCrossEntropy<S>::pull(Pull<S>& step) const {
  const Shape& shape = step.shape(0);
  const S scale = step.gradient()(0, 0) / static_cast<S>(shape.rows);
  const S share = static_cast<S>(smoothing) / static_cast<S>(shape.cols);
  const Target<S> to = step.target(0);
  for (Index r = 0; r < shape.rows; ++r) {
    for (Index c = 0; c < shape.cols; ++c) {
      const Index i = r * shape.cols + c;
      const S target = share + (kept_labels[r] == c ? 1 - static_cast<S>(smoothing) : S(0));
      const S g = scale * (probabilities[i] - target);
      to.data[i] = to.accumulate ? to.data[i] + g : g;
    }
  }
}

template <Real S>
Var<S> softmax_cross_entropy(const Var<S>& logits, std::span<const std::int32_t> labels, double smoothing) {
  const Shape& shape = logits.shape();
  if (static_cast<Index>(labels.size()) != shape.rows || shape.rows == 0 || shape.cols == 0) {
    throw ShapeError(text("[softmax_cross_entropy] logits are ", shape, ", labels ", labels.size(),
                          ": expected a label a row"));
  }
  for (std::size_t r = 0; r < labels.size(); ++r) {
    if (labels[r] < 0 || labels[r] >= shape.cols) {
      throw Error(text("[softmax_cross_entropy] label ", labels[r], " of row ", r, " is outside the ", shape.cols,
                       " classes [0, ", shape.cols - 1, "]"));
    }
  }
  return logits.tape().record(SoftmaxCrossEntropy<S>{labels, smoothing}, {1, 1}, {logits});
}

template <Real S>
void MeanSquaredError<S>::forward(Forward<S>& step) {
  const ConstMap<S> prediction = step.input(0), target = step.input(1);
  double total = 0;
  for (Index i = 0; i < prediction.size(); ++i) {
    const double error = static_cast<double>(prediction.data()[i]) - static_cast<double>(target.data()[i]);
    total += error * error;
  }
  step.output()(0, 0) = static_cast<S>(total / static_cast<double>(prediction.size()));
}

template <Real S>
void MeanSquaredError<S>::pull(Pull<S>& step) const {
  const S scale = 2 * step.gradient()(0, 0) / static_cast<S>(step.shape(0).size());
  step.add(0, scale * (step.input(0) - step.input(1)));
  step.add(1, scale * (step.input(1) - step.input(0)));
}

template <Real S>
Var<S> mean_squared_error(const Var<S>& prediction, const Var<S>& target) {
  if (prediction.shape() != target.shape() || prediction.shape().size() == 0) {
    throw ShapeError(text("[mean_squared_error] predictions are ", prediction.shape(), ", targets ", target.shape(),
                          ": expected the same shape, not empty"));
  }
  return prediction.tape().record(MeanSquaredError<S>{}, {1, 1}, {prediction, target});
}

#define EVENGRAD_INSTANTIATE(S)                                                                   \
  template struct SoftmaxCrossEntropy<S>;                                                         \
  template struct MeanSquaredError<S>;                                                            \
  template Var<S> softmax_cross_entropy(const Var<S>&, std::span<const std::int32_t>, double);    \
  template Var<S> mean_squared_error(const Var<S>&, const Var<S>&);
EVENGRAD_INSTANTIATE(float)
EVENGRAD_INSTANTIATE(double)
#undef EVENGRAD_INSTANTIATE

}  // namespace evengrad
