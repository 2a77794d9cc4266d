#include <evengrad/training/trainer.hpp>

#include <evengrad/core/names.hpp>
#include <evengrad/core/utf8.hpp>
#include <evengrad/layers/losses.hpp>
#include <evengrad/optim/clip.hpp>
#include <evengrad/training/finite.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <limits>
#include <map>
#include <numeric>
#include <utility>

namespace evengrad {

namespace {

// Rows of one forward pass in evaluation; results do not depend on it.
constexpr Index evaluation_batch = 1000;

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

void check_settings(const TrainerOptions& options) {
  if (options.batch_size < 1) throw UsageError(text("batch size must be at least 1, got ", options.batch_size));
  if (options.epochs < 0) throw UsageError(text("epochs must not be negative, got ", options.epochs));
  if (options.steps && *options.steps < 0) throw UsageError(text("steps must not be negative, got ", *options.steps));
  if (options.clip_norm && !(*options.clip_norm > 0)) {
    throw UsageError(text("clip norm must be positive, got ", *options.clip_norm));
  }
  if (options.clip_value && !(*options.clip_value > 0)) {
    throw UsageError(text("clip value must be positive, got ", *options.clip_value));
  }
  if (!(options.label_smoothing >= 0 && options.label_smoothing < 1)) {
    throw UsageError(text("label smoothing must be in [0, 1), got ", options.label_smoothing));
  }
}

std::string loss_for(const TrainerOptions& options, Task task) {
  std::string loss = options.loss;
  if (loss.empty()) loss = task == Task::classification ? "cross_entropy" : "mse";
  std::vector<std::string> known;
  for (const LossInfo& info : losses()) known.push_back(info.name);
  if (std::find(known.begin(), known.end(), loss) == known.end()) {
    throw UsageError(unknown_name("loss", loss, known));
  }
  if (loss == "cross_entropy" && task == Task::regression) {
    throw UsageError("loss cross_entropy needs classes, and this is a regression: use mse or huber");
  }
  if (loss != "cross_entropy" && options.label_smoothing > 0) {
    throw UsageError(text("label smoothing goes with the loss cross_entropy, not with ", loss));
  }
  return loss;
}

// Whatever forward passes and losses take for granted: they do not look at labels and targets again.
template <Real S>
void check_data(const Layer<S>& model, const Dataset<S>& data, Task task, const std::string& loss) {
  check(data);
  const auto task_name = [](Task t) { return t == Task::classification ? "classification" : "regression"; };
  if (data.task != task) {
    throw UsageError(text("data ", in_quotes(data.name), ": its task is ", task_name(data.task),
                          ", that of the training set is ", task_name(task)));
  }
  if (data.label_per_row && loss != "cross_entropy") {
    throw UsageError(text("data ", in_quotes(data.name), ": each row of a sample has a label, or none, and the loss ",
                          loss, " wants one per sample: use cross_entropy"));
  }
  const Shape outputs = model.outputs(data.shape(1));
  const Index needed = required_outputs(data, loss), rows = data.label_per_row ? data.shape(1).rows : 1;
  if (outputs.cols != needed) {
    throw ShapeError(text("the model has ", outputs.cols, " output(s), ", data.name, " needs ", needed));
  }
  if (outputs.rows != rows) {
    throw ShapeError(text("the model answers each sample with ", outputs.rows, " row(s), ", data.name, " needs ", rows,
                          rows == 1 ? ": end the net with last, mean or flatten" : ""));
  }
  if (loss != "bce" || task == Task::classification) return;
  for (Index row = 0; row < data.size(); ++row) {
    for (Index column = 0; column < data.targets.cols(); ++column) {
      const S target = data.targets(row, column);
      if (target >= 0 && target <= 1) continue;
      throw Error(text("data ", in_quotes(data.name), ": targets row ", row + 1, ", column ", column + 1, " is ",
                       target, ", and the loss bce needs 0 to 1: use mse or huber"));
    }
  }
}

// The options with the loss that an empty name stands for, if all fits together.
template <Real S>
TrainerOptions checked(TrainerOptions options, const Layer<S>& model, const Dataset<S>& train, const Dataset<S>& test) {
  check_settings(options);
  options.loss = loss_for(options, train.task);
  if (train.size() == 0) throw Error(text("the training set of ", train.name, " is empty"));
  check_data(model, train, train.task, options.loss);
  if (test.size() > 0) check_data(model, test, train.task, options.loss);
  return options;
}

}  // namespace

template <Real S>
Trainer<S>::Trainer(Layer<S>& model, const Dataset<S>& train, const Dataset<S>& test, TrainerOptions options)
    : model_(model),
      train_(train),
      test_(test),
      options_(checked(std::move(options), model, train, test)),
      optimizer_(options_.optimizer),
      order_(
          train.size(),
          {options_.batch_size, options_.shuffle, train.text.empty() ? 0 : std::ssize(train.text) - train.sample.rows},
          Rng(options_.seed).split("batches")),
      schedule_(options_.schedule, total_steps(), options_.warmup_steps),
      dropout_(Rng(options_.seed).split("dropout")),
      tape_({.threads = options_.threads}),
      evaluation_tape_({.recording = false, .threads = options_.threads}),
      base_rate_(optimizer_.learning_rate()) {}

template <Real S>
std::int64_t Trainer<S>::total_steps() const {
  return options_.steps.value_or(options_.epochs * order_.batches());
}

template <Real S>
Var<S> Trainer<S>::loss_of(const Var<S>& output, const Batch<S>& batch) {
  if (options_.loss == "cross_entropy") return softmax_cross_entropy(output, batch.labels(), options_.label_smoothing);
  Tape<S>& tape = output.tape();
  const Var<S> target = tape.constant(output.shape(), [&](MutableMap<S> y) {
    if (train_.task == Task::regression) {
      y = batch.targets();
      return;
    }
    for (Index r = 0; r < y.rows(); ++r) {
      const Index label = batch.labels()[static_cast<std::size_t>(r)];
      if (y.cols() == 1) {
        y(r, 0) = static_cast<S>(label);
      } else {
        y.row(r).setZero();
        y(r, label) = 1;
      }
    }
  });
  if (options_.loss == "bce") return binary_cross_entropy(output, target);
  if (options_.loss == "huber") return huber(output, target);
  return mean_squared_error(output, target);
}

template <Real S>
Index Trainer<S>::count_right(const Var<S>& output, const Batch<S>& batch) const {
  if (train_.task == Task::regression) return 0;
  const ConstMap<S> z = output.value();
  Index right = 0;
  const Shape shape = output.shape();
  for (Index r = 0; r < z.rows(); ++r) {
    if (r % shape.rows >= shape.length(r / shape.rows)) continue;
    Index largest = z(r, 0) > 0;
    if (z.cols() > 1) z.row(r).maxCoeff(&largest);
    right += largest == batch.labels()[static_cast<std::size_t>(r)];
  }
  return right;
}

template <Real S>
typename Trainer<S>::Seen Trainer<S>::step(const Batch<S>& batch, double learning_rate) {
  tape_.clear();
  const std::int64_t number = optimizer_.steps() + 1;
  tape_.keep_pre_activations(observer_ && observer_->before_step(number));
  const Context context{.training = true, .rng = dropout_.split(static_cast<std::uint64_t>(number))};
  const Var<S> output = model_.forward(tape_.view(batch.inputs(), batch.shape()), context);
  const Var<S> loss = loss_of(output, batch);
  const Seen seen{static_cast<double>(loss.item()), count_right(output, batch), batch.answers()};
  if (!std::isfinite(seen.loss)) report_non_finite<S>(tape_, nullptr, number);

  Gradients<S> gradients = tape_.backward(loss);
  bool finite = true;
  model_.visit(Path(), [&](const Path&, Parameter<S>& parameter) {
    const ConstMap<S> g = std::as_const(gradients).find(parameter);
    finite = finite && all_finite(g.data(), g.size());
  });
  if (!finite) report_non_finite<S>(tape_, &gradients, number);
  if (observer_) observer_->after_backward(number, tape_, gradients);
  if (on_gradients) on_gradients(number, tape_, gradients);
  if (options_.clip_value) clip_value<S>(model_, gradients, *options_.clip_value);
  if (options_.clip_norm) clip_norm<S>(model_, gradients, *options_.clip_norm);
  optimizer_.set_learning_rate(learning_rate);
  optimizer_.step(model_, gradients);
  check_weights(number, [&](const Parameter<S>& parameter, Index) {
    const ConstMap<S> gradient = std::as_const(gradients).find(parameter);
    return gradient.data() ? static_cast<double>(gradient.cwiseAbs().maxCoeff()) : 0;
  });
  return seen;
}

// Nothing that is not finite leaves a step: whatever is saved between two steps is good.
template <Real S>
void Trainer<S>::check_weights(std::int64_t step,
                               FunctionRef<double(const Parameter<S>&, Index begin)> largest_gradient) {
  Index begin = 0;
  model_.visit(Path(), [&](const Path& path, Parameter<S>& parameter) {
    const Index here = std::exchange(begin, begin + parameter.value.size());
    if (all_finite(parameter.value.data(), parameter.value.size())) return;
    const std::string layer = path.str();
    throw NonFiniteStep(
        text("step ", step, ": a NaN or infinity in ", layer, " after the update, op ", optimizer_.name(),
             ": try a smaller learning rate"),
        {step, layer.substr(0, layer.rfind('.')), optimizer_.name(), "update", largest_gradient(parameter, here)});
  });
}

template <Real S>
void Trainer<S>::check_stop() const {
  if (stop && stop()) throw Stopped();
}

// The epoch in progress, from 0. One that was stopped after its last step is still to be reported.
template <Real S>
std::int64_t Trainer<S>::epoch() const {
  return (progress_.samples > 0 ? progress_.step - 1 : progress_.step) / order_.batches();
}

template <Real S>
void Trainer<S>::train() {
  const std::int64_t total = total_steps(), batches = order_.batches();
  Batch<S> batch;
  bool go_on = true;
  while (!finished() && go_on && !waited_enough()) {
    const auto start = std::chrono::steady_clock::now();
    const std::int64_t now = epoch();
    order_.start_epoch(now);
    for (Index b = progress_.step - now * batches; b < batches && progress_.step < total; ++b) {
      check_stop();
      batch.gather(train_, order_.batch(b));
      const double rate = schedule_.rate(base_rate_, progress_.step);
      count_step(step(batch, rate), batch.size(), rate);
    }
    go_on = end_epoch(seconds_since(start));
  }
  if (best_.empty()) return;
  auto best = best_.begin();
  model_.visit(Path(), [&](const Path&, Parameter<S>& parameter) { parameter.value = *++best; });
}

template <Real S>
void Trainer<S>::stop_early(const Dataset<S>& validation, std::int64_t patience) {
  if (patience < 1) throw UsageError(text("early stopping must wait for at least 1 epoch, got ", patience));
  check(validation);
  validation_ = &validation;
  patience_ = patience;
  best_.assign(1, Matrix<S>{{std::numeric_limits<S>::max(), S{0}}});
  model_.visit(Path(), [&](const Path&, Parameter<S>& parameter) { best_.push_back(parameter.value); });
}

// After an epoch: the weights are kept if they are the best so far.
template <Real S>
void Trainer<S>::compare_with_best() {
  const auto loss = static_cast<S>(measure(*validation_, [&] { check_stop(); }).loss);
  if (!(loss < best_.front()(0, 0))) return;
  best_.front() << loss, static_cast<S>(epoch() + 1);
  auto best = best_.begin();
  model_.visit(Path(), [&](const Path&, Parameter<S>& parameter) { *++best = parameter.value; });
}

template <Real S>
void Trainer<S>::count_step(const Seen& seen, Index samples, double learning_rate) {
  ++progress_.step;
  progress_.loss += seen.loss * static_cast<double>(seen.answers);
  progress_.right += seen.right;
  progress_.answers += seen.answers;
  progress_.samples += samples;
  const StepReport done{progress_.step, epoch() + 1, train_.squared_unit() * seen.loss, learning_rate};
  if (observer_) observer_->after_step(done);
  if (on_loss) on_loss(done);
  if (on_step) on_step(done);
}

// Reports the epoch; false if that is to be the last.
template <Real S>
bool Trainer<S>::end_epoch(double seconds) {
  const double answers = static_cast<double>(progress_.answers);
  EpochReport report{.epoch = epoch() + 1, .train = {train_.squared_unit() * progress_.loss / answers, {}}, .test = {}};
  if (train_.task == Task::classification) report.train.accuracy = static_cast<double>(progress_.right) / answers;
  report.seconds = seconds;
  if (test_.size() > 0) report.test = measure(test_, [&] { check_stop(); });
  if (validation_) compare_with_best();
  progress_ = {.step = progress_.step};
  if (observer_) observer_->after_epoch(report);
  return !on_epoch || on_epoch(report);
}

template <Real S>
TrainResult Trainer<S>::run() {
  return complete([&] { train(); });
}

template <Real S>
TrainResult Trainer<S>::complete(FunctionRef<void()> training) {
  const auto start = std::chrono::steady_clock::now();
  TrainResult result;
  try {
    training();
    result.train = measure(train_, [&] { check_stop(); });
    if (test_.size() > 0) result.test = measure(test_, [&] { check_stop(); });
  } catch (const Stopped&) {
    result.stopped = true;
  }
  result.steps = progress_.step;
  result.epochs = progress_.step / order_.batches();
  result.seconds = seconds_since(start);
  return result;
}

template <Real S>
Metrics Trainer<S>::evaluate(const Dataset<S>& data) {
  if (&data != &train_ && &data != &test_) check(data);
  return measure(data, [] {});
}

template <Real S>
void Trainer<S>::check(const Dataset<S>& data) const {
  check_data(model_, data, train_.task, options_.loss);
}

template <Real S>
Metrics Trainer<S>::measure(const Dataset<S>& data, FunctionRef<void()> before_batch) {
  const std::vector<Index> rows = rows_of(data, 0, data.size());
  // As many rows for nets of sequences and images, but no fewer samples than a training step takes.
  const Index at_once = std::max(evaluation_batch / data.shape(1).rows, std::min(evaluation_batch, Index{16}));
  Batch<S> batch;
  double loss = 0;
  Index right = 0, answers = 0;
  for (Index begin = 0; begin < data.size(); begin += at_once) {
    before_batch();
    const Index count = std::min(at_once, data.size() - begin);
    batch.gather(data, std::span(rows).subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(count)));
    evaluation_tape_.clear();
    const Var<S> output = model_.forward(evaluation_tape_.view(batch.inputs(), batch.shape()), Context{});
    const double mean = static_cast<double>(loss_of(output, batch).item());
    // The last update may have left weights that are finite and outputs that are not.
    if (!std::isfinite(mean)) report_non_finite<S>(evaluation_tape_, nullptr, progress_.step);
    loss += mean * static_cast<double>(batch.answers());
    right += count_right(output, batch);
    answers += batch.answers();
  }
  const double all = static_cast<double>(answers);
  Metrics metrics{.loss = data.squared_unit() * loss / all, .accuracy = {}};
  if (data.task == Task::classification) metrics.accuracy = static_cast<double>(right) / all;
  return metrics;
}

template <Real S>
void Trainer<S>::visit_state(FunctionRef<void(const std::string&, Matrix<S>&)> visitor) {
  model_.visit(Path(),
               [&](const Path& path, Parameter<S>& parameter) { visitor("model." + path.str(), parameter.value); });
  optimizer_.visit_state(model_,
                         [&](const Path& path, Matrix<S>& state) { visitor("optimizer." + path.str(), state); });
  for (std::size_t i = 0; i < best_.size(); ++i) visitor("best." + std::to_string(i), best_[i]);
}

template <Real S>
TrainingState Trainer<S>::state() {
  TrainingState all{.progress = progress_, .tensors = {}};
  visit_state([&](const std::string& name, Matrix<S>& value) {
    all.tensors.push_back(
        {name, {value.rows(), value.cols()}, std::vector<S>(value.data(), value.data() + value.size())});
  });
  return all;
}

template <Real S>
void Trainer<S>::check_progress(const TrainingProgress& progress) const {
  const std::int64_t total = total_steps();
  if (progress.step < 0 || progress.step > total) {
    throw Error(text("it is of step ", progress.step, ", and this run has ", total, " steps"));
  }
  const Index within = progress.step % order_.batches();  // batches of the epoch in progress
  const bool reported = progress.samples == 0 && (within == 0 || progress.step == total);
  const Index seen = within == 0 && progress.step > 0 ? train_.size() : within * options_.batch_size;
  if (!(reported || progress.samples == seen) || progress.right < 0 || progress.right > progress.answers) {
    throw Error(text("its step ", progress.step, " does not fit its ", progress.samples, " samples and ",
                     progress.right, " right answers of the epoch in progress"));
  }
}

template <Real S>
void Trainer<S>::restore(const TrainingState& state) {
  check_progress(state.progress);
  std::map<std::string_view, const Tensor*> by_name;
  for (const Tensor& tensor : state.tensors) by_name[tensor.name] = &tensor;
  std::vector<const S*> sources;
  visit_state([&](const std::string& name, Matrix<S>& value) {
    const auto found = by_name.find(name);
    const auto* numbers = found == by_name.end() ? nullptr : std::get_if<std::vector<S>>(&found->second->values);
    const std::vector<Index> shape = {value.rows(), value.cols()};
    if (!numbers || found->second->shape != shape) {
      throw Error(text("it has no tensor ", in_quotes(name), " of ", value.rows(), " x ", value.cols(), " numbers of ",
                       8 * sizeof(S), " bits"));
    }
    sources.push_back(numbers->data());
    by_name.erase(found);
  });
  if (!by_name.empty()) {
    throw Error(text("its tensor ", in_quotes(by_name.begin()->first), " belongs to no part of this run"));
  }
  auto source = sources.begin();
  visit_state([&](const std::string&, Matrix<S>& value) { std::copy_n(*source++, value.size(), value.data()); });
  optimizer_.set_steps(state.progress.step);
  progress_ = state.progress;
}

template <Real S>
double constant_answer_loss(const Dataset<S>& data) {
  check(data);
  if (data.task == Task::regression) {
    const Matrix<double> y = data.targets.template cast<double>();
    return data.squared_unit() * (y.rowwise() - y.colwise().mean()).array().square().mean();
  }
  double entropy = 0;
  for (const double p : class_shares(data)) {
    if (p > 0) entropy -= p * std::log(p);
  }
  return entropy;
}

template double constant_answer_loss(const Dataset<float>&);
template double constant_answer_loss(const Dataset<double>&);
template class Trainer<float>;
template class Trainer<double>;

}  // namespace evengrad
