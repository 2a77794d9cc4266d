#include <evengrad/training/probe.hpp>

#include <evengrad/init/extrema.hpp>

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>

namespace evengrad {

namespace {

// The decade of a number by its binary exponent: at most one power of ten lies between two powers of two.
template <Real S>
struct DecadeTable {
  using Bits = std::conditional_t<sizeof(S) == 4, std::uint32_t, std::uint64_t>;
  static constexpr int mantissa_bits = std::numeric_limits<S>::digits - 1;
  static constexpr int exponents = sizeof(S) == 4 ? 256 : 2048;
  struct Entry {
    S next;  // where the next decade begins
    int decade;
  };

  DecadeTable() {
    constexpr int bias = exponents / 2 - 1, last = TensorSummary::decades - 1;
    for (int e = 0; e < exponents; ++e) {
      const double low = std::ldexp(1.0, e - bias);
      int decade = 0;
      while (decade < last && low >= static_cast<S>(std::pow(10.0, TensorSummary::lowest + decade + 1))) ++decade;
      const double next = std::pow(10.0, TensorSummary::lowest + decade + 1);
      table[static_cast<std::size_t>(e)] = {decade < last ? static_cast<S>(next) : std::numeric_limits<S>::infinity(),
                                            decade};
    }
  }

  std::size_t bin(S x) const {
    const Entry& entry = table[static_cast<std::size_t>(std::bit_cast<Bits>(x) << 1 >> 1 >> mantissa_bits)];
    const int decade = entry.decade + (std::abs(x) >= entry.next);
    constexpr int zero = TensorSummary::decades;
    return static_cast<std::size_t>(x == 0 ? zero : x > 0 ? zero + 1 + decade : zero - 1 - decade);
  }

  std::array<Entry, exponents> table;
};

// Where a layer stands on a tape: from its product to its activation.
struct LayerNodes {
  std::size_t affine = 0, output = 0;
  std::size_t weight = 0;
  std::size_t bias = 0;  // that of a normalization if there is one; the weight's where there is no bias
};

template <Real S>
std::vector<LayerNodes> layers_on(const Tape<S>& tape) {
  std::vector<LayerNodes> layers;
  const std::vector<Node<S>>& nodes = tape.nodes();
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    const Node<S>& node = nodes[i];
    if (node.op == "affine") {
      layers.push_back({i, i, node.inputs[1], node.input_count > 2 ? node.inputs[2] : node.inputs[1]});
    } else if (!layers.empty() && (node.op == "batch_norm" || node.op == "layer_norm")) {
      layers.back().bias = node.inputs[2];
    }
    if (!layers.empty() && node.activation_derivative) layers.back().output = i;
  }
  return layers;
}

template <Real S>
std::span<const S> numbers(const Node<S>& node) {
  return {node.value, static_cast<std::size_t>(node.shape.size())};
}

template <Real S>
TensorSummary summarize_map(const ConstMap<S>& map) {
  return map.data() ? summarize(map.data(), map.size()) : TensorSummary{};
}

// What a step made of one layer.
template <Real S>
LayerRow read_layer(std::int64_t step, const LayerNodes& at, const Tape<S>& tape, const Gradients<S>& gradients) {
  const std::vector<Node<S>>& nodes = tape.nodes();
  const Node<S>& output = nodes[at.output];
  const S* z = output.pre_activation ? output.pre_activation : output.value;
  LayerRow row;
  row.step = step;
  row.name = nodes[at.affine].scope;
  row.pre_activation = summarize(z, output.shape.size());
  row.activation = summarize(output.value, output.shape.size());
  const ConstMap<S> gradient = gradients.node(at.output);
  row.activation_gradient = summarize_map<S>(gradient);
  if (at.output != at.affine) {
    row.pre_activation_gradient = summarize_map<S>(gradients.node(output.inputs[0]));
  } else if (output.activation_derivative && gradient.data()) {
    const ConstMap<S> slopes(output.activation_derivative, gradient.rows(), gradient.cols());
    const Matrix<S> product = gradient.cwiseProduct(slopes);
    row.pre_activation_gradient = summarize(product.data(), product.size());
  } else {
    row.pre_activation_gradient = row.activation_gradient;
  }
  row.weight = summarize(nodes[at.weight].value, nodes[at.weight].shape.size());
  row.weight_gradient = summarize_map<S>(gradients.node(at.weight));
  return row;
}

// The loss, and for classes the accuracy, of an answer that does not look at the inputs.
template <Real S>
void guess(const Dataset<S>& data, const std::string& loss, TrainingFacts& facts) {
  const auto samples = static_cast<double>(data.size());
  Matrix<double> targets = data.targets.template cast<double>();
  if (data.task == Task::classification) {
    std::vector<double> shares(static_cast<std::size_t>(data.classes));
    for (const std::int32_t label : data.labels) shares[static_cast<std::size_t>(label)] += 1 / samples;
    facts.guess_accuracy = *std::max_element(shares.begin(), shares.end());
    if (loss == "cross_entropy") {
      for (const double share : shares) facts.guess_loss -= share > 0 ? share * std::log(share) : 0;
      return;
    }
    const Index outputs = required_outputs(data, loss);
    targets.setZero(data.size(), outputs);
    for (Index r = 0; r < data.size(); ++r) {
      const Index label = data.labels[static_cast<std::size_t>(r)];
      if (outputs > 1) targets(r, label) = 1;
      if (outputs == 1) targets(r, 0) = static_cast<double>(label);
    }
  }
  const Matrix<double> mean = targets.colwise().mean();
  const auto one = [&](double y, double p) {
    if (loss == "bce") return y > 0.5 ? -std::log(p) : -std::log1p(-p);
    const double distance = std::abs(y - p);
    return loss == "huber" ? (distance <= 1 ? distance * distance / 2 : distance - 0.5) : distance * distance;
  };
  for (Index r = 0; r < targets.rows(); ++r) {
    for (Index c = 0; c < targets.cols(); ++c) facts.guess_loss += one(targets(r, c), mean(0, c));
  }
  facts.guess_loss /= static_cast<double>(targets.size());
}

template <Real S>
void describe_inputs(const Matrix<S>& inputs, const Dataset<S>& data, TrainingFacts& facts) {
  const Matrix<double> x = inputs.template cast<double>();
  const Eigen::RowVectorXd mean = x.colwise().mean();
  const Eigen::RowVectorXd variance = (x.rowwise() - mean).colwise().squaredNorm() / static_cast<double>(x.rows());
  Index widest = 0;
  facts.input_deviation = std::sqrt(variance.maxCoeff(&widest));
  const auto number = static_cast<std::size_t>(widest);
  facts.input_feature = number < data.feature_names.size() ? data.feature_names[number] : text("feature ", widest + 1);
  const double square = mean.squaredNorm() + variance.sum();
  facts.input_center = square > 0 ? mean.squaredNorm() / square : 0;
}

}  // namespace

template <Real S>
TensorSummary summarize(const S* x, Index count) {
  static const DecadeTable<S> decades;
  TensorSummary summary;
  summary.histogram.assign(TensorSummary::bins, 0);
  if (count == 0) return summary;
  const Eigen::Map<const Eigen::Array<S, 1, Eigen::Dynamic>> map(x, count);
  const auto n = static_cast<double>(count);
  // Blocks keep the casts to double in the cache.
  constexpr Index block = 1024;
  double sum = 0, magnitude = 0, squares = 0;
  for (Index begin = 0; begin < count; begin += block) {
    const Eigen::Array<double, 1, Eigen::Dynamic> part =
        map.segment(begin, std::min(block, count - begin)).template cast<double>();
    sum += part.sum();
    magnitude += part.abs().sum();
    squares += part.square().sum();
  }
  std::array<std::uint32_t, TensorSummary::bins> counts{};
  for (Index i = 0; i < count; ++i) ++counts[decades.bin(x[i])];
  std::copy(counts.begin(), counts.end(), summary.histogram.begin());
  summary.mean = sum / n;
  summary.magnitude = magnitude / n;
  summary.rms = std::sqrt(squares / n);
  summary.min = static_cast<double>(map.minCoeff());
  summary.max = static_cast<double>(map.maxCoeff());
  // The difference of squares is exact enough: a deviation below 1e-8 of the mean is taken for 0.
  summary.deviation = std::sqrt(std::max(0.0, squares / n - summary.mean * summary.mean));
  if (summary.min == summary.max) summary.deviation = 0;
  return summary;
}

template <Real S>
Probe<S>::Probe(Trainer<S>& trainer, Mlp<S>& net, const Dataset<S>& train, const ProbeOptions& options)
    : trainer_(trainer),
      net_(net),
      options_(options),
      batches_(BatchOrder(train.size(), {trainer.options().batch_size, false}, Rng(0)).batches()) {
  if (options.inputs < 1) throw UsageError(text("a probe needs at least 1 input, got ", options.inputs));
  if (options.every < 0) throw UsageError(text("a probe cannot look every ", options.every, " steps"));
  std::vector<Index> rows = Rng(trainer.options().seed).split("probe").permutation(train.size());
  rows.resize(static_cast<std::size_t>(std::min(options.inputs, train.size())));
  inputs_.resize(static_cast<Index>(rows.size()), train.features());
  for (std::size_t r = 0; r < rows.size(); ++r) inputs_.row(static_cast<Index>(r)) = train.inputs.row(rows[r]);

  const MlpOptions& shape = net.options();
  for (std::size_t l = 0; l < shape.hidden.size(); ++l) {
    largest_slopes_.push_back(l > 0 && shape.activations.size() == 1
                                  ? largest_slopes_.front()
                                  : largest_slope(shape.activations[shape.activations.size() == 1 ? 0 : l]));
  }
  layers_.resize(shape.hidden.size() + 1);

  const TrainerOptions& how = trainer.options();
  TrainingFacts& facts = record_.facts;
  facts.optimizer = how.optimizer.name;
  facts.learning_rate = Optimizer<S>(how.optimizer).learning_rate();
  facts.weight_decay = how.optimizer.weight_decay.value_or(how.optimizer.name == "adamw" ? 0.01 : 0);
  facts.batch_size = how.batch_size;
  facts.warmup_steps = how.warmup_steps;
  facts.clips = how.clip_norm || how.clip_value;
  facts.classification = train.task == Task::classification;
  facts.test_samples = trainer.test_samples();
  facts.theory = options.theory;
  guess(train, how.loss, facts);
  describe_inputs(inputs_, train, facts);
  trainer.observe(this);
}

template <Real S>
bool Probe<S>::wants(std::int64_t step) const {
  if (step == 1 || step == trainer_.total_steps()) return true;
  if (options_.every > 0) return step % options_.every == 0;
  while (step % 10 == 0) step /= 10;
  return step == 1 || step == 2 || step == 5;
}

template <Real S>
bool Probe<S>::before_step(std::int64_t step) {
  return wants(step);
}

template <Real S>
void Probe<S>::count_units(LayerRow& row, const UnitShares& shares, std::span<const S> bias, Memory& memory) {
  const std::size_t units = shares.zero.size();
  const auto n = static_cast<double>(units);
  double layer_mean = 0;
  for (const double magnitude : shares.magnitude) layer_mean += magnitude / n;
  if (memory.first_bias.empty()) memory.first_bias.assign(bias.begin(), bias.end());
  const std::vector<bool> silent = shares.silent();
  const bool has_bias = bias.size() == units;
  for (std::size_t u = 0; u < units; ++u) {
    row.silent += silent[u] / n;
    row.saturated += (shares.flat[u] == 1) / n;
    row.dormant += (shares.magnitude[u] <= 0.025 * layer_mean) / n;
    if (!memory.silent.empty()) {
      row.births += silent[u] && !memory.silent[u];
      row.revivals += !silent[u] && memory.silent[u];
    }
    if (shares.zero[u] <= 0.99) continue;
    row.inactive += 1;
    if (!has_bias) continue;
    row.inactive_bias += static_cast<double>(bias[u]);
    row.inactive_bias_start += static_cast<double>(memory.first_bias[u]);
  }
  if (row.inactive > 0) {
    row.inactive_bias /= row.inactive;
    row.inactive_bias_start /= row.inactive;
  }
  row.inactive /= n;
  row.units = n;
  row.flat = shares.flat_not_zero;
  row.no_gradient = memory.no_gradient;
  memory.silent = silent;
}

template <Real S>
void Probe<S>::after_backward(std::int64_t step, const Tape<S>& tape, const Gradients<S>& gradients) {
  const std::vector<LayerNodes> layers = layers_on(tape);
  if (layers.size() != layers_.size()) throw Error("a probe watches another net than its trainer trains");
  const bool begins = (step - 1) % batches_ == 0, ends = step % batches_ == 0;
  whole_epoch_ = whole_epoch_ || begins;
  for (std::size_t l = 0; l < layers.size(); ++l) {
    Memory& memory = layers_[l];
    const ConstMap<S> gradient = gradients.node(layers[l].bias);
    if (begins) memory.touched.assign(static_cast<std::size_t>(gradient.cols()), false);
    if (!whole_epoch_) continue;
    for (std::size_t u = 0; u < memory.touched.size(); ++u) {
      if (!memory.touched[u]) memory.touched[u] = gradient(0, static_cast<Index>(u)) != 0;
    }
    if (ends && !memory.touched.empty()) {
      const auto untouched = std::count(memory.touched.begin(), memory.touched.end(), false);
      memory.no_gradient = static_cast<double>(untouched) / static_cast<double>(memory.touched.size());
    }
  }
  if (!wants(step)) return;

  const std::vector<UnitShares> units =
      largest_slopes_.empty() ? std::vector<UnitShares>{} : unit_shares<S>(net_, inputs_, largest_slopes_);
  first_row_ = record_.rows.size();
  for (std::size_t l = 0; l < layers.size(); ++l) {
    LayerRow row = read_layer(step, layers[l], tape, gradients);
    row.layer = static_cast<double>(l + 1);
    row.hidden = l + 1 < layers.size();
    if (l < units.size()) count_units(row, units[l], numbers(tape.nodes()[layers[l].bias]), layers_[l]);
    const std::span<const S> weight = numbers(tape.nodes()[layers[l].weight]);
    layers_[l].weight.assign(weight.begin(), weight.end());
    layers_[l].trained_weight = weight.data();
    record_.rows.push_back(std::move(row));
  }
}

template <Real S>
void Probe<S>::after_step(const StepReport& step) {
  record_.steps.push_back(step);
  if (!wants(step.step)) return;
  for (std::size_t l = 0; l < layers_.size(); ++l) {
    std::vector<S>& update = layers_[l].weight;
    for (std::size_t i = 0; i < update.size(); ++i) update[i] = layers_[l].trained_weight[i] - update[i];
    LayerRow& row = record_.rows[first_row_ + l];
    row.update = summarize(update.data(), static_cast<Index>(update.size()));
    row.update_ratio = row.update.rms / row.weight.rms;
  }
  if (on_rows) on_rows(std::span(record_.rows).subspan(first_row_));
}

template TensorSummary summarize(const float*, Index);
template TensorSummary summarize(const double*, Index);
template class Probe<float>;
template class Probe<double>;

}  // namespace evengrad
