#include <evengrad/layers/normalization.hpp>

#include <evengrad/core/names.hpp>

#include <algorithm>
#include <cmath>

namespace evengrad {

namespace {

// The sum of term(c) in eight interleaved chains: a fixed order, and one that vectorizes.
template <class Term>
double sum_of(Index count, Term term) {
  double part[8] = {};
  Index c = 0;
  for (; c + 8 <= count; c += 8) {
    for (Index k = 0; k < 8; ++k) part[k] += term(c + k);
  }
  for (; c < count; ++c) part[c % 8] += term(c);
  return ((part[0] + part[1]) + (part[2] + part[3])) + ((part[4] + part[5]) + (part[6] + part[7]));
}

// sums[c] = the sum over the rows, in their order, of term(r, c).
template <class Term>
void column_sums(const Shape& shape, double* sums, Term term) {
  std::fill_n(sums, shape.cols, 0.0);
  for (Index r = 0; r < shape.matrix_rows(); ++r) {
    for (Index c = 0; c < shape.cols; ++c) sums[c] += term(r, c);
  }
}

// out = weight * normalized + bias.
template <Real S>
void scale_and_shift(Forward<S>& step, const S* normalized) {
  const ConstMap<S> x(normalized, step.shape().matrix_rows(), step.shape().cols);
  step.output() = (x.array().rowwise() * step.input(1).row(0).array()).rowwise() + step.input(2).row(0).array();
}

// The gradients of weight and bias, and their sums over the batch: in double, row after row.
template <Real S>
void pull_weight_and_bias(Pull<S>& step, const S* normalized, double* weight_sums, double* bias_sums) {
  const Shape shape = step.shape();
  const S* g = step.gradient().data();
  column_sums(shape, weight_sums, [=](Index r, Index c) {
    return static_cast<double>(g[r * shape.cols + c]) * static_cast<double>(normalized[r * shape.cols + c]);
  });
  column_sums(shape, bias_sums, [=](Index r, Index c) { return static_cast<double>(g[r * shape.cols + c]); });
  using Row = Eigen::Map<const Eigen::RowVectorXd>;
  step.add(1, Row(weight_sums, shape.cols).template cast<S>());
  step.add(2, Row(bias_sums, shape.cols).template cast<S>());
}

template <Real S>
void require_features(std::string_view op, const Var<S>& x, Index features) {
  const Shape shape = x.shape();
  if (shape.cols != features) {
    throw ShapeError(text("[", op, "] input is ", shape, ": expected ", features, " columns"));
  }
}

void require_options(std::string_view layer, Index features, double eps) {
  if (features < 1) throw UsageError(text(layer, " needs at least one feature, got ", features));
  if (!(eps > 0)) throw UsageError(text(layer, ": eps must be positive, got ", eps));
}

}  // namespace

// ---- batch ----------------------------------------------------------------------------------------------------------

template <Real S>
void BatchNormalize<S>::forward(Forward<S>& step) {
  const Shape shape = step.shape(0);
  const Index cols = shape.cols;
  const S* x = step.input(0).data();
  double* mean = step.template keep<double>(cols);
  double* inverse = step.template keep<double>(cols);  // of the deviation
  const auto batch = static_cast<double>(shape.matrix_rows());

  if (running.training) {
    column_sums(shape, mean, [=](Index r, Index c) { return static_cast<double>(x[r * cols + c]); });
    for (Index c = 0; c < cols; ++c) mean[c] /= batch;
    column_sums(shape, inverse, [=](Index r, Index c) {
      const double difference = static_cast<double>(x[r * cols + c]) - mean[c];
      return difference * difference;
    });
    for (Index c = 0; c < cols; ++c) {
      const auto towards = [&](S& statistic, double value) {
        statistic = static_cast<S>((1 - running.momentum) * static_cast<double>(statistic) + running.momentum * value);
      };
      towards(running.mean[c], mean[c]);
      towards(running.variance[c], inverse[c] / (batch - 1));
      inverse[c] = 1 / std::sqrt(inverse[c] / batch + eps);
    }
  } else {
    for (Index c = 0; c < cols; ++c) {
      mean[c] = static_cast<double>(running.mean[c]);
      inverse[c] = 1 / std::sqrt(static_cast<double>(running.variance[c]) + eps);
    }
  }

  S* to = step.keep(shape.size());
  for (Index r = 0; r < shape.matrix_rows(); ++r) {
    for (Index c = 0; c < cols; ++c) {
      to[r * cols + c] = static_cast<S>((static_cast<double>(x[r * cols + c]) - mean[c]) * inverse[c]);
    }
  }
  normalized = to;
  inverse_deviation = inverse;
  scale_and_shift(step, to);
}

template <Real S>
void BatchNormalize<S>::pull(Pull<S>& step) const {
  const Shape shape = step.shape();
  const Index cols = shape.cols;
  double* weight_sums = step.template scratch<double>(cols);  // sum of g * normalized
  double* bias_sums = step.template scratch<double>(cols);    // sum of g
  pull_weight_and_bias(step, normalized, weight_sums, bias_sums);
  if (!step.wants(0)) return;

  // Every row moves the batch's mean and deviation; running ones stay where they are.
  const double share = running.training ? 1 / static_cast<double>(shape.matrix_rows()) : 0;
  const S* g = step.gradient().data();
  const ConstMap<S> weight = step.input(1);
  const Target<S> to = step.target(0);
  for (Index r = 0; r < shape.matrix_rows(); ++r) {
    for (Index c = 0; c < cols; ++c) {
      const Index i = r * cols + c;
      const double through_batch = share * (bias_sums[c] + static_cast<double>(normalized[i]) * weight_sums[c]);
      const double factor = static_cast<double>(weight(0, c)) * inverse_deviation[c];
      const S dx = static_cast<S>(factor * (static_cast<double>(g[i]) - through_batch));
      to.data[i] = to.accumulate ? to.data[i] + dx : dx;
    }
  }
}

template <Real S>
BatchNorm<S>::BatchNorm(const BatchNormOptions& options) : options_(options) {
  require_options("batch normalization", options.features, options.eps);
  if (!(options.momentum >= 0 && options.momentum <= 1)) {
    throw UsageError(text("batch normalization: momentum must be in [0, 1], got ", options.momentum));
  }
  for (Parameter<S>* parameter : {&weight, &bias, &running_mean, &running_var}) parameter->rank = 1;
  running_mean.trainable = running_var.trainable = false;
  reset();
}

template <Real S>
void BatchNorm<S>::reset() {
  weight.value.setOnes(1, options_.features);
  bias.value.setZero(1, options_.features);
  running_mean.value.setZero(1, options_.features);
  running_var.value.setOnes(1, options_.features);
}

template <Real S>
Var<S> BatchNorm<S>::forward(const Var<S>& x, const Context& context) {
  require_features("batch_norm", x, options_.features);
  if (x.shape().lengths) {
    throw ShapeError(text("[batch_norm] input is ", x.shape(),
                          ", sequences of several lengths: its statistics would count their padding; use layer norm"));
  }
  if (context.training && x.rows() < 2) {
    throw ShapeError(text("[batch_norm] input is ", x.shape(),
                          ": a training batch of one row has no variance; use a batch size that leaves no single row"));
  }
  Tape<S>& tape = x.tape();
  const RunningStatistics<S> running{running_mean.value.data(), running_var.value.data(), options_.momentum,
                                     context.training};
  return tape.record(BatchNormalize<S>{options_.eps, running}, x.shape(),
                     {x, tape.parameter(weight), tape.parameter(bias)});
}

template <Real S>
void BatchNorm<S>::visit(const Path& path, ParameterVisitor<S> visitor) {
  visitor(Path(path, "weight"), weight);
  visitor(Path(path, "bias"), bias);
  visitor(Path(path, "running_mean"), running_mean);
  visitor(Path(path, "running_var"), running_var);
}

template <Real S>
std::string BatchNorm<S>::describe() const {
  return text("BatchNorm(", options_.features, ")");
}

template <Real S>
Shape BatchNorm<S>::outputs(const Shape& inputs) const {
  require_columns(describe(), options_.features, inputs);
  return inputs;
}

// ---- layer ----------------------------------------------------------------------------------------------------------

template <Real S>
void LayerNormalize<S>::forward(Forward<S>& step) {
  const Shape shape = step.shape(0);
  const auto count = static_cast<double>(shape.cols);
  S* to = step.keep(shape.size());
  double* inverse = step.template keep<double>(shape.matrix_rows());
  for (Index r = 0; r < shape.matrix_rows(); ++r) {
    const S* x = step.input(0).data() + r * shape.cols;
    const double mean = sum_of(shape.cols, [=](Index c) { return static_cast<double>(x[c]); }) / count;
    const double variance = sum_of(shape.cols,
                                   [=](Index c) {
                                     const double difference = static_cast<double>(x[c]) - mean;
                                     return difference * difference;
                                   }) /
                            count;
    inverse[r] = 1 / std::sqrt(variance + eps);
    for (Index c = 0; c < shape.cols; ++c) {
      to[r * shape.cols + c] = static_cast<S>((static_cast<double>(x[c]) - mean) * inverse[r]);
    }
  }
  normalized = to;
  inverse_deviation = inverse;
  scale_and_shift(step, to);
}

template <Real S>
void LayerNormalize<S>::pull(Pull<S>& step) const {
  const Shape shape = step.shape();
  pull_weight_and_bias(step, normalized, step.template scratch<double>(shape.cols),
                       step.template scratch<double>(shape.cols));
  if (!step.wants(0)) return;

  const auto count = static_cast<double>(shape.cols);
  const S* weight = step.input(1).data();
  const Target<S> to = step.target(0);
  for (Index r = 0; r < shape.matrix_rows(); ++r) {
    const S* g = step.gradient().data() + r * shape.cols;
    const S* n = normalized + r * shape.cols;
    const auto weighted = [=](Index c) { return static_cast<double>(g[c]) * static_cast<double>(weight[c]); };
    const double mean = sum_of(shape.cols, weighted) / count;
    const double slope = sum_of(shape.cols, [=](Index c) { return weighted(c) * static_cast<double>(n[c]); }) / count;
    S* out = to.data + r * shape.cols;
    for (Index c = 0; c < shape.cols; ++c) {
      const S dx = static_cast<S>(inverse_deviation[r] * (weighted(c) - mean - static_cast<double>(n[c]) * slope));
      out[c] = to.accumulate ? out[c] + dx : dx;
    }
  }
}

template <Real S>
LayerNorm<S>::LayerNorm(const LayerNormOptions& options) : options_(options) {
  require_options("layer normalization", options.features, options.eps);
  weight.rank = bias.rank = 1;
  reset();
}

template <Real S>
void LayerNorm<S>::reset() {
  weight.value.setOnes(1, options_.features);
  bias.value.setZero(1, options_.features);
}

template <Real S>
Var<S> LayerNorm<S>::forward(const Var<S>& x, const Context&) {
  require_features("layer_norm", x, options_.features);
  Tape<S>& tape = x.tape();
  return tape.record(LayerNormalize<S>{options_.eps}, x.shape(), {x, tape.parameter(weight), tape.parameter(bias)});
}

template <Real S>
void LayerNorm<S>::visit(const Path& path, ParameterVisitor<S> visitor) {
  visitor(Path(path, "weight"), weight);
  visitor(Path(path, "bias"), bias);
}

template <Real S>
std::string LayerNorm<S>::describe() const {
  return text("LayerNorm(", options_.features, ")");
}

template <Real S>
Shape LayerNorm<S>::outputs(const Shape& inputs) const {
  require_columns(describe(), options_.features, inputs);
  return inputs;
}

// ---- group ----------------------------------------------------------------------------------------------------------

namespace {

// Calls use(group, begin) for each group of each sample: its number of all, and where its first numbers are. A group
// has `wide` numbers in each row of the sample.
template <class Use>
void each_group(const Shape& shape, Index groups, Use use) {
  const Index wide = shape.cols / groups;
  for (Index group = 0; group < shape.blocks * groups; ++group) {
    use(group, group / groups * shape.rows * shape.cols + group % groups * wide);
  }
}

// The mean over a group's numbers of term(i, c), the place and the column of each: a row's sums added up.
template <class Term>
double mean_of_group(const Shape& shape, Index groups, Index begin, Term term) {
  const Index wide = shape.cols / groups, first = begin % shape.cols;
  double sum = 0;
  for (Index r = 0; r < shape.rows; ++r) {
    sum += sum_of(wide, [&](Index c) { return term(begin + r * shape.cols + c, first + c); });
  }
  return sum / static_cast<double>(wide * shape.rows);
}

}  // namespace

template <Real S>
void GroupNormalize<S>::forward(Forward<S>& step) {
  const Shape shape = step.shape(0);
  const Index wide = shape.cols / groups;
  const S* x = step.input(0).data();
  S* to = step.keep(shape.size());
  double* inverse = step.template keep<double>(shape.blocks * groups);
  each_group(shape, groups, [&](Index group, Index begin) {
    const double mean = mean_of_group(shape, groups, begin, [=](Index i, Index) { return static_cast<double>(x[i]); });
    const double variance = mean_of_group(shape, groups, begin, [=](Index i, Index) {
      const double difference = static_cast<double>(x[i]) - mean;
      return difference * difference;
    });
    inverse[group] = 1 / std::sqrt(variance + eps);
    for (Index r = 0; r < shape.rows; ++r) {
      for (Index i = begin + r * shape.cols; i < begin + r * shape.cols + wide; ++i) {
        to[i] = static_cast<S>((static_cast<double>(x[i]) - mean) * inverse[group]);
      }
    }
  });
  normalized = to;
  inverse_deviation = inverse;
  scale_and_shift(step, to);
}

template <Real S>
void GroupNormalize<S>::pull(Pull<S>& step) const {
  const Shape shape = step.shape();
  const Index wide = shape.cols / groups;
  pull_weight_and_bias(step, normalized, step.template scratch<double>(shape.cols),
                       step.template scratch<double>(shape.cols));
  if (!step.wants(0)) return;

  const S* weight = step.input(1).data();
  const S* g = step.gradient().data();
  const Target<S> to = step.target(0);
  const auto weighted = [=](Index i, Index c) { return static_cast<double>(g[i]) * static_cast<double>(weight[c]); };
  each_group(shape, groups, [&](Index group, Index begin) {
    const double mean = mean_of_group(shape, groups, begin, weighted);
    const double slope = mean_of_group(
        shape, groups, begin, [&](Index i, Index c) { return weighted(i, c) * static_cast<double>(normalized[i]); });
    for (Index r = 0; r < shape.rows; ++r) {
      for (Index c = 0; c < wide; ++c) {
        const Index i = begin + r * shape.cols + c;
        const double through = mean + static_cast<double>(normalized[i]) * slope;
        const S dx = static_cast<S>(inverse_deviation[group] * (weighted(i, i % shape.cols) - through));
        to.data[i] = to.accumulate ? to.data[i] + dx : dx;
      }
    }
  });
}

template <Real S>
GroupNorm<S>::GroupNorm(const GroupNormOptions& options) : options_(options) {
  require_options("group normalization", options.features, options.eps);
  if (options.groups < 1 || options.features % options.groups != 0) {
    throw UsageError(
        text("group normalization: ", options.features, " features cannot be split into ", options.groups, " groups"));
  }
  weight.rank = bias.rank = 1;
  reset();
}

template <Real S>
void GroupNorm<S>::reset() {
  weight.value.setOnes(1, options_.features);
  bias.value.setZero(1, options_.features);
}

template <Real S>
Var<S> GroupNorm<S>::forward(const Var<S>& x, const Context&) {
  require_features("group_norm", x, options_.features);
  if (x.shape().lengths) {
    throw ShapeError(text("[group_norm] input is ", x.shape(),
                          ", sequences of several lengths: its statistics would count their padding; use layer norm"));
  }
  Tape<S>& tape = x.tape();
  return tape.record(GroupNormalize<S>{options_.groups, options_.eps}, x.shape(),
                     {x, tape.parameter(weight), tape.parameter(bias)});
}

template <Real S>
void GroupNorm<S>::visit(const Path& path, ParameterVisitor<S> visitor) {
  visitor(Path(path, "weight"), weight);
  visitor(Path(path, "bias"), bias);
}

template <Real S>
Shape GroupNorm<S>::outputs(const Shape& inputs) const {
  require_columns(describe(), options_.features, inputs);
  return inputs;
}

// ---- root mean square -----------------------------------------------------------------------------------------------

template <Real S>
void RmsNormalize<S>::forward(Forward<S>& step) {
  const Shape shape = step.shape(0);
  const auto count = static_cast<double>(shape.cols);
  S* to = has_weight ? step.keep(shape.size()) : step.output().data();
  double* inverse = step.template keep<double>(shape.matrix_rows());
  for (Index r = 0; r < shape.matrix_rows(); ++r) {
    const S* x = step.input(0).data() + r * shape.cols;
    const double squares =
        sum_of(shape.cols, [=](Index c) { return static_cast<double>(x[c]) * static_cast<double>(x[c]); });
    inverse[r] = 1 / std::sqrt(squares / count + eps);
    for (Index c = 0; c < shape.cols; ++c) {
      to[r * shape.cols + c] = static_cast<S>(static_cast<double>(x[c]) * inverse[r]);
    }
  }
  normalized = to;
  inverse_rms = inverse;
  if (!has_weight) return;
  const ConstMap<S> unit(to, shape.matrix_rows(), shape.cols);
  step.output() = unit.array().rowwise() * step.input(1).row(0).array();
}

template <Real S>
void RmsNormalize<S>::pull(Pull<S>& step) const {
  const Shape shape = step.shape();
  const Index cols = shape.cols;
  const S* weight = nullptr;
  if (has_weight) {
    weight = step.input(1).data();
    double* sums = step.template scratch<double>(cols);
    const S* g = step.gradient().data();
    column_sums(shape, sums, [=, this](Index r, Index c) {
      return static_cast<double>(g[r * cols + c]) * static_cast<double>(normalized[r * cols + c]);
    });
    step.add(1, Eigen::Map<const Eigen::RowVectorXd>(sums, cols).template cast<S>());
  }
  if (!step.wants(0)) return;
  const Target<S> to = step.target(0);
  for (Index r = 0; r < shape.matrix_rows(); ++r) {
    const S* g = step.gradient().data() + r * cols;
    const S* n = normalized + r * cols;
    const auto weighted = [=](Index c) {
      return weight ? static_cast<double>(g[c]) * static_cast<double>(weight[c]) : static_cast<double>(g[c]);
    };
    const double along = sum_of(cols, [=](Index c) { return weighted(c) * static_cast<double>(n[c]); });
    const double slope = along / static_cast<double>(cols);
    S* out = to.data + r * cols;
    for (Index c = 0; c < cols; ++c) {
      const S dx = static_cast<S>(inverse_rms[r] * (weighted(c) - static_cast<double>(n[c]) * slope));
      out[c] = to.accumulate ? out[c] + dx : dx;
    }
  }
}

template <Real S>
RmsNorm<S>::RmsNorm(const RmsNormOptions& options) : options_(options) {
  require_options("RMS normalization", options.features, options.eps);
  weight.rank = 1;
  reset();
}

template <Real S>
void RmsNorm<S>::reset() {
  if (options_.gain) weight.value.setOnes(1, options_.features);
}

template <Real S>
Var<S> RmsNorm<S>::forward(const Var<S>& x, const Context&) {
  require_features("rms_norm", x, options_.features);
  const RmsNormalize<S> op{options_.eps, options_.gain};
  return options_.gain ? x.tape().record(op, x.shape(), {x, x.tape().parameter(weight)})
                       : x.tape().record(op, x.shape(), {x});
}

template <Real S>
void RmsNorm<S>::visit(const Path& path, ParameterVisitor<S> visitor) {
  if (options_.gain) visitor(Path(path, "weight"), weight);
}

template <Real S>
std::string RmsNorm<S>::describe() const {
  return text("RmsNorm(", options_.features, options_.gain ? ")" : ", no gain)");
}

template <Real S>
Shape RmsNorm<S>::outputs(const Shape& inputs) const {
  require_columns(describe(), options_.features, inputs);
  return inputs;
}

#define EVENGRAD_INSTANTIATE(S)      \
  template struct BatchNormalize<S>; \
  template struct LayerNormalize<S>; \
  template struct RmsNormalize<S>;   \
  template class BatchNorm<S>;       \
  template class LayerNorm<S>;       \
  template class RmsNorm<S>;         \
  template struct GroupNormalize<S>; \
  template class GroupNorm<S>;
EVENGRAD_INSTANTIATE(float)
EVENGRAD_INSTANTIATE(double)
#undef EVENGRAD_INSTANTIATE

}  // namespace evengrad
