#include <evengrad/training/probe.hpp>

#include <evengrad/data/batches.hpp>

#include <evengrad/init/extrema.hpp>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <type_traits>

namespace evengrad {

namespace {

template <Real S>
std::span<const S> numbers(const Node<S>& node) {
  return {node.value, static_cast<std::size_t>(node.shape.size())};
}

template <Real S>
TensorSummary summarize_map(const ConstMap<S>& map) {
  return map.data() ? summarize(map.data(), map.size()) : TensorSummary{};
}

// What writes numbers one after the other, and what reads them back in the same order.
class NumberWriter {
 public:
  template <class T>
  void operator()(T& number) {
    numbers.push_back(static_cast<double>(number));
  }
  std::size_t count(std::size_t size) {
    numbers.push_back(static_cast<double>(size));
    return size;
  }

  std::vector<double> numbers;
};

class NumberReader {
 public:
  explicit NumberReader(std::span<const double> numbers) : rest_(numbers) {}
  template <class T>
  void operator()(T& number) {
    number = static_cast<T>(next());
  }
  std::size_t count(std::size_t) {
    const double size = next();
    if (!(size >= 0 && size <= static_cast<double>(rest_.size()))) fail();
    return static_cast<std::size_t>(size);
  }
  bool done() const { return rest_.empty(); }
  [[noreturn]] static void fail() { throw Error("it holds no state of a probe of this run"); }

 private:
  double next() {
    if (rest_.empty()) fail();
    const double number = rest_.front();
    rest_ = rest_.subspan(1);
    return number;
  }

  std::span<const double> rest_;
};

// Of a list its length and then each element by `visit`.
template <class Archive, class List, class Visitor>
void exchange_list(Archive& archive, List& list, const Visitor& visit) {
  list.resize(archive.count(list.size()));
  for (std::size_t i = 0; i < list.size(); ++i) {
    auto element = static_cast<typename List::value_type>(std::move(list[i]));
    visit(element);
    list[i] = std::move(element);
  }
}

template <class Archive>
void exchange_optional(Archive& archive, std::optional<double>& number) {
  double value = number.value_or(std::numeric_limits<double>::quiet_NaN());
  archive(value);
  number = std::isnan(value) ? std::nullopt : std::optional(value);
}

// The fields of a row that are numbers.
template <class Archive>
struct RowNumbers {
  Archive& archive;
  template <class T>
  void operator()(const char*, T& field) {
    if constexpr (std::is_arithmetic_v<T>) archive(field);
  }
};

// The loss, and for classes the accuracy, of an answer that does not look at the inputs.
template <Real S>
void guess(const Dataset<S>& data, const std::string& loss, TrainingFacts& facts) {
  Matrix<double> targets = data.targets.template cast<double>();
  if (data.task == Task::classification) {
    const std::vector<double> shares = class_shares(data);
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
  facts.guess_loss *= data.squared_unit() / static_cast<double>(targets.size());
  if (data.task == Task::regression) facts.target_size = std::sqrt(targets.array().square().mean());
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
  // Of the named ones; a category that no training row has is no column.
  for (std::size_t f = 0; f < data.feature_names.size(); ++f) {
    if (data.feature_names[f].find('=') != std::string::npos) continue;
    const auto column = static_cast<Index>(f);
    Index row = 0;
    while (row < data.size() && data.inputs(row, column) == data.inputs(0, column)) ++row;
    if (row == data.size()) facts.constant_features.push_back(data.feature_names[f]);
  }
}

}  // namespace

template <Real S>
Matrix<S> draw_inputs(const Dataset<S>& train, Index count, std::uint64_t seed) {
  Rng rng = Rng(seed).split("probe");
  std::vector<Index> rows = rows_of(train, 0, train.size());
  const auto drawn = static_cast<std::size_t>(std::min(count, train.size()));
  for (std::size_t at = 0; at < drawn; ++at) std::swap(rows[at], rows[at + rng.below(rows.size() - at)]);
  Batch<S> batch;
  batch.gather(train, std::span(rows).first(drawn));
  return batch.inputs();
}

template <Real S>
Probe<S>::Probe(Trainer<S>& trainer, Layer<S>& net, const Dataset<S>& train, const ProbeOptions& options)
    : trainer_(trainer), net_(net), options_(options), batches_((train.size() - 1) / trainer.options().batch_size + 1) {
  if (options.inputs < 0) throw UsageError(text("a probe cannot count on ", options.inputs, " inputs"));
  if (&train != &trainer.training_set()) trainer.check(train);
  if (options.every < 0) throw UsageError(text("a probe cannot look every ", options.every, " steps"));
  constexpr Index fewest = 128, most = 512;
  const Index two_batches = 2 * std::min(most, trainer.options().batch_size);
  inputs_ = draw_inputs(train, options.inputs > 0 ? options.inputs : std::clamp(two_batches, fewest, most),
                        trainer.options().seed);

  const TrainerOptions& how = trainer.options();
  TrainingFacts& facts = record_.facts;
  std::map<std::string, double> slopes;  // each takes milliseconds
  for (const Weight<S>& weight : weights(net)) {
    // Neither is the weight of a product on the tape.
    if (weight.role.kind == WeightKind::embedding || weight.role.kind == WeightKind::recurrent) continue;
    facts.layers.push_back(weight.layer);
    facts.normalized_branches |= weight.role.residual && weight.role.normalized;
    weight_ids_.push_back(weight.weight->id.value());
    const Activation f = weight.role.activation ? *weight.role.activation : Activation();
    const auto known = slopes.find(f.name());
    largest_slopes_.push_back(known != slopes.end() ? known->second : slopes[f.name()] = largest_slope(f));
  }
  if (facts.layers.empty()) throw UsageError("a probe needs a net with weights");
  largest_slopes_.pop_back();  // units are those of hidden layers
  layers_.resize(facts.layers.size());

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
  if (train.tokens.empty()) describe_inputs(inputs_, train, facts);
  trainer.observe(this);
}

template <Real S>
bool Probe<S>::wants(std::int64_t step) const {
  return step == also_ || plans(step);
}

template <Real S>
bool Probe<S>::plans(std::int64_t step) const {
  if (step == 1 || step == trainer_.total_steps()) return true;
  if (options_.every > 0) return step % options_.every == 0;
  if (step >= trainer_.total_steps() / 3) return false;  // the last one is near
  if (step < 100) return step == 10;
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
    if (u < shares.flat.size()) row.saturated += (shares.flat[u] == 1) / n;  // of an activation
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
void Probe<S>::find_layers(const Tape<S>& tape) {
  const std::vector<Node<S>>& nodes = tape.nodes();
  if (nodes.size() == nodes_) return;
  places_.assign(layers_.size(), {});
  std::size_t found = 0;
  Place* place = nullptr;  // of the layer in progress
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    const Node<S>& node = nodes[i];
    if (node.role == OpRole::product) {
      const std::uint32_t weight = nodes[node.inputs[1]].storage;
      const auto at = std::find(weight_ids_.begin(), weight_ids_.end(), nodes[weight].parameter_id);
      place = at == weight_ids_.end() ? nullptr : &places_[static_cast<std::size_t>(at - weight_ids_.begin())];
      if (place && place->weight > 0) place = nullptr;  // a weight that is used again
      if (!place) continue;
      *place = {i, i, weight, node.input_count > 2 ? node.inputs[2] : weight};
      ++found;
    } else if (place && node.role == OpRole::normalization && node.input_count > 2) {
      place->bias = node.inputs[2];
    }
    if (place && node.activation_derivative) place->output = i;
  }
  if (found != layers_.size()) throw Error("a probe watches another net than its trainer trains");
  nodes_ = nodes.size();
}

// What a step made of one layer.
template <Real S>
LayerRow Probe<S>::read_layer(std::int64_t step, std::size_t layer, const Tape<S>& tape,
                              const Gradients<S>& gradients) {
  const Place& at = places_[layer];
  const std::vector<Node<S>>& nodes = tape.nodes();
  const Node<S>& output = nodes[at.output];
  LayerRow row;
  row.step = step;
  row.layer = static_cast<double>(layer + 1);
  row.name = nodes[at.product].scope;
  row.hidden = layer + 1 < layers_.size();
  const Index count = output.shape.size();
  row.activation = summarize(output.value, count);
  row.pre_activation = output.pre_activation ? summarize(output.pre_activation, count) : row.activation;
  const ConstMap<S> gradient = gradients.node(at.output);
  row.activation_gradient = summarize_map<S>(gradient);
  if (at.output != at.product) {
    row.pre_activation_gradient = summarize_map<S>(gradients.node(output.inputs[0]));
  } else if (output.activation_derivative && gradient.data()) {
    scratch_ = gradient.cwiseProduct(ConstMap<S>(output.activation_derivative, gradient.rows(), gradient.cols()));
    row.pre_activation_gradient = summarize(scratch_.data(), scratch_.size());
  } else {
    row.pre_activation_gradient = row.activation_gradient;
  }
  row.weight = summarize(nodes[at.weight].value, nodes[at.weight].shape.size());
  row.weight_gradient = summarize_map<S>(gradients.node(at.weight));
  return row;
}

// Every step: which units had no gradient since the epoch began.
template <Real S>
void Probe<S>::note_gradients(std::int64_t step, const Gradients<S>& gradients) {
  const bool begins = (step - 1) % batches_ == 0, ends = step % batches_ == 0;
  whole_epoch_ = whole_epoch_ || begins;
  if (!whole_epoch_) return;
  for (std::size_t l = 0; l < layers_.size(); ++l) {
    Memory& memory = layers_[l];
    if (begins || memory.untouched > 0) {
      const ConstMap<S> gradient = gradients.node(places_[l].bias);
      if (begins) {
        memory.touched.assign(static_cast<std::size_t>(gradient.cols()), false);
        memory.untouched = memory.touched.size();
      }
      for (std::size_t u = 0; u < memory.touched.size(); ++u) {
        if (memory.touched[u] || gradient(0, static_cast<Index>(u)) == 0) continue;
        memory.touched[u] = true;
        --memory.untouched;
      }
    }
    if (ends && !memory.touched.empty()) {
      memory.no_gradient = static_cast<double>(memory.untouched) / static_cast<double>(memory.touched.size());
    }
  }
}

template <Real S>
void Probe<S>::after_backward(std::int64_t step, const Tape<S>& tape, const Gradients<S>& gradients) {
  find_layers(tape);
  note_gradients(step, gradients);
  if (!wants(step)) return;

  std::vector<UnitShares> units;
  if (!largest_slopes_.empty()) {
    units = unit_shares<S>(units_tape_, net_, inputs_, largest_slopes_, trainer_.training_set().shape(1));
  }
  first_row_ = record_.rows.size();
  for (std::size_t l = 0; l < layers_.size(); ++l) {
    LayerRow row = read_layer(step, l, tape, gradients);
    if (l < units.size()) count_units(row, units[l], numbers(tape.nodes()[places_[l].bias]), layers_[l]);
    const std::span<const S> weight = numbers(tape.nodes()[places_[l].weight]);
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
  if (!plans(step.step) && !keep_also_) record_.rows.resize(first_row_);
}

template <Real S>
template <class Archive>
void Probe<S>::exchange(Archive& archive, TrainingRecord& record, std::vector<Memory>& layers, bool& whole_epoch) {
  exchange_list(archive, record.rows, [&](LayerRow& row) {
    RowNumbers<Archive> numbers{archive};
    row.fields(numbers);
  });
  exchange_list(archive, record.steps, [&](StepReport& step) {
    archive(step.step), archive(step.epoch), archive(step.loss), archive(step.learning_rate);
  });
  exchange_list(archive, record.epochs, [&](EpochReport& epoch) {
    archive(epoch.epoch), archive(epoch.train.loss), archive(epoch.seconds);
    exchange_optional(archive, epoch.train.accuracy);
    bool tested = epoch.test.has_value();
    archive(tested);
    if (!tested) return;
    if (!epoch.test) epoch.test.emplace();
    archive(epoch.test->loss);
    exchange_optional(archive, epoch.test->accuracy);
  });
  const auto number = [&](auto& element) { archive(element); };
  exchange_list(archive, layers, [&](Memory& memory) {
    exchange_list(archive, memory.silent, number);
    exchange_list(archive, memory.first_bias, number);
    exchange_list(archive, memory.touched, number);
    archive(memory.untouched), archive(memory.no_gradient);
  });
  archive(whole_epoch);
}

template <Real S>
std::vector<double> Probe<S>::state() {
  NumberWriter writer;
  exchange(writer, record_, layers_, whole_epoch_);
  return std::move(writer.numbers);
}

template <Real S>
void Probe<S>::restore(const std::vector<double>& state) {
  NumberReader reader(state);
  TrainingRecord record;
  std::vector<Memory> layers;
  bool whole_epoch = false;
  exchange(reader, record, layers, whole_epoch);
  const std::int64_t step = record.steps.empty() ? 0 : record.steps.back().step;
  if (!reader.done() || layers.size() != layers_.size() || step != trainer_.steps()) NumberReader::fail();
  for (LayerRow& row : record.rows) {
    if (!(row.layer >= 1 && row.layer <= static_cast<double>(layers.size()))) NumberReader::fail();
    row.name = record_.facts.layers[static_cast<std::size_t>(row.layer) - 1];
  }
  record_.rows = std::move(record.rows);
  record_.steps = std::move(record.steps);
  record_.epochs = std::move(record.epochs);
  layers_ = std::move(layers);
  whole_epoch_ = whole_epoch;
}

template Matrix<float> draw_inputs(const Dataset<float>&, Index, std::uint64_t);
template Matrix<double> draw_inputs(const Dataset<double>&, Index, std::uint64_t);
template class Probe<float>;
template class Probe<double>;

}  // namespace evengrad
