#include <evengrad/layers/losses.hpp>

#include <evengrad/core/kernels/kernels.hpp>
#include <evengrad/layers/loss_terms.hpp>

#include <algorithm>
#include <cmath>

namespace evengrad {

namespace {

template <Real S>
void require_same_shape(std::string_view loss, const Var<S>& prediction, const Var<S>& target) {
  const Shape p = prediction.shape(), t = target.shape();
  if (p != t || p.size() == 0) {
    throw ShapeError(text("[", loss, "] predictions are ", p, ", targets ", t, ": expected the same shape, not empty"));
  }
}

// Calls use(begin, end) for each run of rows, in order, that is not padding.
template <class Use>
void each_counted(const Shape& shape, Use use) {
  if (!shape.lengths) return use(Index{0}, shape.matrix_rows());
  for (Index block = 0; block < shape.blocks; ++block)
    use(block * shape.rows, block * shape.rows + shape.length(block));
}

// The number of elements that are not padding.
double counted(const Shape& shape) { return static_cast<double>(shape.counted_rows() * shape.cols); }

// The mean over all elements of term(prediction, target), added in double, in order.
template <Real S, class Term>
void mean_of_terms(Forward<S>& step, Term term) {
  const ConstMap<S> prediction = step.input(0), target = step.input(1);
  double total = 0;
  each_counted(step.shape(0), [&](Index begin, Index end) {
    for (Index i = begin * prediction.cols(); i < end * prediction.cols(); ++i) {
      total += term(static_cast<double>(prediction.data()[i]), static_cast<double>(target.data()[i]));
    }
  });
  step.output()(0, 0) = static_cast<S>(total / counted(step.shape(0)));
}

// Adds slope(prediction, target), scaled by the mean and by the loss's own gradient, to the gradient of an input.
template <Real S, class Slope>
void add_slopes(Pull<S>& step, int input, Slope slope) {
  if (!step.wants(input)) return;
  const ConstMap<S> prediction = step.input(0), target = step.input(1);
  const double scale = static_cast<double>(step.gradient()(0, 0)) / counted(step.shape(0));
  const Target<S> to = step.target(input);
  if (step.shape(0).lengths && !to.accumulate) std::fill_n(to.data, prediction.size(), S(0));
  each_counted(step.shape(0), [&](Index begin, Index end) {
    for (Index i = begin * prediction.cols(); i < end * prediction.cols(); ++i) {
      const double z = static_cast<double>(prediction.data()[i]), t = static_cast<double>(target.data()[i]);
      const S g = flushed(static_cast<S>(scale * slope(z, t)));
      to.data[i] = to.accumulate ? to.data[i] + g : g;
    }
  });
}

}  // namespace

template <Real S>
void SoftmaxCrossEntropy<S>::forward(Forward<S>& step) {
  const ConstMap<S> logits = step.input(0);
  const Index batch = logits.rows(), classes = logits.cols();
  S* p = step.keep(logits.size());
  auto* log_sum = step.template keep<double>(batch);
  kernels::kernels<S>().softmax_rows({logits.data(), batch, classes, classes}, p, log_sum);

  const double share = smoothing / static_cast<double>(classes);
  double total = 0;
  auto* kept = step.template keep<std::int32_t>(batch);
  std::fill_n(kept, batch, no_label);
  each_counted(step.shape(0),
               [&](Index begin, Index end) { std::copy(labels.begin() + begin, labels.begin() + end, kept + begin); });
  const Index count = batch - std::count(kept, kept + batch, no_label);
  for (Index r = 0; r < batch; ++r) {
    if (kept[r] == no_label) continue;
    const double z_label = static_cast<double>(logits(r, kept[r]));
    double loss = (1 - smoothing) * (log_sum[r] - z_label);
    if (smoothing > 0) {
      for (Index c = 0; c < classes; ++c) loss += share * (log_sum[r] - static_cast<double>(logits(r, c)));
    }
    total += loss;
  }
  step.output()(0, 0) = static_cast<S>(total / static_cast<double>(count));
  labels_kept = count;
  kept_labels = kept;
  probabilities = p;
}

template <Real S>
void SoftmaxCrossEntropy<S>::pull(Pull<S>& step) const {
  const Shape& shape = step.shape(0);
  const S scale = step.gradient()(0, 0) / static_cast<S>(labels_kept);
  const S share = static_cast<S>(smoothing) / static_cast<S>(shape.cols);
  const Target<S> to = step.target(0);
  for (Index r = 0; r < shape.matrix_rows(); ++r) {
    if (kept_labels[r] == no_label) {
      if (!to.accumulate) std::fill_n(to.data + r * shape.cols, shape.cols, S(0));
      continue;
    }
    for (Index c = 0; c < shape.cols; ++c) {
      const Index i = r * shape.cols + c;
      const S target = share + (kept_labels[r] == c ? 1 - static_cast<S>(smoothing) : S(0));
      const S g = flushed(scale * (probabilities[i] - target));
      to.data[i] = to.accumulate ? to.data[i] + g : g;
    }
  }
}

template <Real S>
Var<S> softmax_cross_entropy(const Var<S>& logits, std::span<const std::int32_t> labels, double smoothing) {
  const Shape shape = logits.shape();
  if (static_cast<Index>(labels.size()) != shape.matrix_rows() || shape.size() == 0) {
    throw ShapeError(
        text("[softmax_cross_entropy] logits are ", shape, ", labels ", labels.size(), ": expected a label a row"));
  }
  if (!(smoothing >= 0 && smoothing <= 1)) {
    throw UsageError(text("label smoothing must be in [0, 1], got ", smoothing));
  }
  bool any = false;
  each_counted(shape, [&](Index begin, Index end) {
    for (Index r = begin; r < end; ++r) {
      const std::int32_t label = labels[static_cast<std::size_t>(r)];
      any |= label != no_label;
      if (label != no_label && (label < 0 || label >= shape.cols)) {
        throw Error(text("[softmax_cross_entropy] label ", label, " of row ", r, " is outside the ", shape.cols,
                         " classes [0, ", shape.cols - 1, "]"));
      }
    }
  });
  if (!any) throw Error("[softmax_cross_entropy] no row of the batch has a label");
  return logits.tape().record(SoftmaxCrossEntropy<S>{labels, smoothing}, {1, 1}, {logits});
}

template <Real S>
void MeanSquaredError<S>::forward(Forward<S>& step) {
  mean_of_terms(step, SquaredError{});
}

template <Real S>
void MeanSquaredError<S>::pull(Pull<S>& step) const {
  add_slopes(step, 0, [](double y, double t) { return SquaredError{}.slope(y, t); });
  add_slopes(step, 1, [](double y, double t) { return 2 * (t - y); });
}

template <Real S>
Var<S> mean_squared_error(const Var<S>& prediction, const Var<S>& target) {
  require_same_shape("mean_squared_error", prediction, target);
  return prediction.tape().record(MeanSquaredError<S>{}, {1, 1}, {prediction, target});
}

template <Real S>
void BinaryCrossEntropy<S>::forward(Forward<S>& step) {
  mean_of_terms(step, SigmoidCrossEntropy{});
}

template <Real S>
void BinaryCrossEntropy<S>::pull(Pull<S>& step) const {
  add_slopes(step, 0, [](double z, double t) { return SigmoidCrossEntropy{}.slope(z, t); });
  add_slopes(step, 1, [](double z, double) { return -z; });
}

template <Real S>
Var<S> binary_cross_entropy(const Var<S>& logits, const Var<S>& target) {
  require_same_shape("binary_cross_entropy", logits, target);
  const ConstMap<S> t = target.value();
  for (Index i = 0; i < t.size(); ++i) {
    if (!(t.data()[i] >= 0 && t.data()[i] <= 1)) {
      throw Error(text("[binary_cross_entropy] target ", t.data()[i], " of row ", i / t.cols(), " is outside [0, 1]"));
    }
  }
  return logits.tape().record(BinaryCrossEntropy<S>{}, {1, 1}, {logits, target});
}

template <Real S>
void HuberLoss<S>::forward(Forward<S>& step) {
  mean_of_terms(step, HuberError{delta});
}

template <Real S>
void HuberLoss<S>::pull(Pull<S>& step) const {
  add_slopes(step, 0, [f = HuberError{delta}](double y, double t) { return f.slope(y, t); });
  add_slopes(step, 1, [f = HuberError{delta}](double y, double t) { return f.slope(t, y); });
}

template <Real S>
Var<S> huber(const Var<S>& prediction, const Var<S>& target, double delta) {
  require_same_shape("huber", prediction, target);
  if (!(delta > 0) || !std::isfinite(delta)) {
    throw UsageError(text("huber: delta must be positive and finite, got ", delta));
  }
  return prediction.tape().record(HuberLoss<S>{delta}, {1, 1}, {prediction, target});
}

template <Real S>
void SoftTargets<S>::forward(Forward<S>& step) {
  const Shape shape = step.shape(0);
  S* d = step.keep(shape.size());
  S* scaled = step.keep(shape.size());
  S* target = step.keep(shape.size());
  const Index rows = shape.matrix_rows();
  double* log_sum = step.template keep<double>(2 * rows);  // the student's, then the teacher's
  const S* logits[] = {step.input(0).data(), teacher};
  S* probabilities[] = {d, target};
  for (int side = 0; side < 2; ++side) {
    for (Index i = 0; i < shape.size(); ++i) {
      scaled[i] = static_cast<S>(static_cast<double>(logits[side][i]) / temperature);
    }
    kernels::kernels<S>().softmax_rows({scaled, rows, shape.cols, shape.cols}, probabilities[side],
                                       log_sum + side * rows);
  }
  double total = 0;
  for (Index r = 0; r < rows; ++r) {
    for (Index c = 0; c < shape.cols; ++c) {
      const Index i = r * shape.cols + c;
      if (r % shape.rows >= shape.length(r / shape.rows)) {
        d[i] = 0;
        continue;
      }
      const double ahead = static_cast<double>(logits[1][i]) - static_cast<double>(logits[0][i]);
      const double log_ratio = ahead / temperature - log_sum[rows + r] + log_sum[r];
      total += static_cast<double>(target[i]) * log_ratio;
      d[i] -= target[i];
    }
  }
  difference = d;
  step.output()(0, 0) = static_cast<S>(temperature * temperature * total / static_cast<double>(shape.counted_rows()));
}

template <Real S>
void SoftTargets<S>::pull(Pull<S>& step) const {
  const Shape shape = step.shape(0);
  const double scale =
      static_cast<double>(step.gradient()(0, 0)) * temperature / static_cast<double>(shape.counted_rows());
  step.add(0, static_cast<S>(scale) * ConstMap<S>(difference, shape.matrix_rows(), shape.cols));
}

template <Real S>
Var<S> distillation(const Var<S>& logits, const MatrixRef<S>& teacher, std::span<const std::int32_t> labels,
                    const DistillationOptions& options) {
  const Shape shape = logits.shape(), given{teacher.rows(), teacher.cols()};
  if (logits.rows() != teacher.rows() || logits.cols() != teacher.cols()) {
    throw ShapeError(text("[distillation] logits are ", shape, ", the teacher's ", given, ": expected the same shape"));
  }
  if (!(options.temperature > 0) || !std::isfinite(options.temperature)) {
    throw UsageError(text("distillation: the temperature must be positive and finite, got ", options.temperature));
  }
  if (!(options.soft_share >= 0 && options.soft_share <= 1)) {
    throw UsageError(text("distillation: the share of the soft targets must be in [0, 1], got ", options.soft_share));
  }
  const Matrix<S> packed = teacher;  // a reference to a block of columns has gaps between its rows
  const Var<S> hard = softmax_cross_entropy(logits, labels);
  const Var<S> soft = logits.tape().record(SoftTargets<S>{packed.data(), options.temperature}, {1, 1}, {logits});
  return scale(hard, 1 - options.soft_share) + scale(soft, options.soft_share);
}

const std::vector<LossInfo>& losses() {
  static const std::vector<LossInfo> list = {
      {"cross_entropy", "-log softmax(z)[label]", "classification"},
      {"mse", "(z - y)^2, y one-hot for classes", "regression"},
      {"huber", "e^2/2 where |e| = |z - y| <= 1, else |e| - 1/2; y one-hot for classes", "regression"},
      {"bce", "softplus(z) - y z, y one-hot for classes", "any"},
  };
  return list;
}

#define EVENGRAD_INSTANTIATE(S)                                                                   \
  template struct SoftmaxCrossEntropy<S>;                                                         \
  template struct MeanSquaredError<S>;                                                            \
  template struct BinaryCrossEntropy<S>;                                                          \
  template struct HuberLoss<S>;                                                                   \
  template struct SoftTargets<S>;                                                                 \
  template Var<S> softmax_cross_entropy(const Var<S>&, std::span<const std::int32_t>, double);    \
  template Var<S> mean_squared_error(const Var<S>&, const Var<S>&);                               \
  template Var<S> binary_cross_entropy(const Var<S>&, const Var<S>&);                             \
  template Var<S> huber(const Var<S>&, const Var<S>&, double);                                    \
  template Var<S> distillation(const Var<S>&, const MatrixRef<S>&, std::span<const std::int32_t>, \
                               const DistillationOptions&);
EVENGRAD_INSTANTIATE(float)
EVENGRAD_INSTANTIATE(double)
#undef EVENGRAD_INSTANTIATE

}  // namespace evengrad
