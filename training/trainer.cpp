#include <evengrad/training/trainer.hpp>

#include <evengrad/core/names.hpp>
#include <evengrad/layers/losses.hpp>
#include <evengrad/optim/clip.hpp>
#include <evengrad/training/finite.hpp>

#include <chrono>
#include <cmath>
#include <numeric>

namespace evengrad {

namespace {

// Rows of one forward pass in evaluation; results do not depend on it.
constexpr Index evaluation_batch = 1000;

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

template <Real S>
void require(const TrainerOptions& options, const Layer<S>& model, const Dataset<S>& train, const Dataset<S>& test) {
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
  if (train.size() == 0) throw Error(text("the training set of ", train.name, " is empty"));
  for (const Dataset<S>* data : {&train, &test}) {
    if (data->size() == 0) continue;
    const Index outputs = model.outputs(data->features());
    const Index needed = required_outputs(*data, options.loss);
    if (outputs != needed) {
      throw ShapeError(text("the model has ", outputs, " output(s), ", data->name, " needs ", needed));
    }
  }
}

std::string loss_for(const TrainerOptions& options, Task task) {
  if (options.loss.empty()) return task == Task::classification ? "cross_entropy" : "mse";
  std::vector<std::string> known;
  for (const LossInfo& info : losses()) known.push_back(info.name);
  if (std::find(known.begin(), known.end(), options.loss) == known.end()) {
    throw UsageError(unknown_name("loss", options.loss, known));
  }
  if (options.loss == "cross_entropy" && task == Task::regression) {
    throw UsageError("loss cross_entropy needs classes, and this is a regression: use mse or huber");
  }
  return options.loss;
}

}  // namespace

template <Real S>
Trainer<S>::Trainer(Layer<S>& model, const Dataset<S>& train, const Dataset<S>& test, TrainerOptions options)
    : model_(model),
      train_(train),
      test_(test),
      options_((require(options, model, train, test), std::move(options))),
      optimizer_(options_.optimizer),
      order_(train.size(), {options_.batch_size, options_.shuffle}, Rng(options_.seed).split("batches")),
      schedule_(options_.schedule, total_steps(), options_.warmup_steps),
      dropout_(Rng(options_.seed).split("dropout")),
      tape_({.threads = options_.threads}),
      evaluation_tape_({.recording = false, .threads = options_.threads}) {
  options_.loss = loss_for(options_, train.task);
}

template <Real S>
std::int64_t Trainer<S>::total_steps() const {
  const Index batches = (train_.size() + options_.batch_size - 1) / options_.batch_size;
  return options_.steps.value_or(options_.epochs * batches);
}

template <Real S>
Var<S> Trainer<S>::loss_of(const Var<S>& output, const Batch<S>& batch) {
  if (options_.loss == "cross_entropy") return softmax_cross_entropy(output, batch.labels(), options_.label_smoothing);
  Tape<S>& tape = output.tape();
  const Var<S> target = tape.constant(output.rows(), output.cols(), [&](MutableMap<S> y) {
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
  for (Index r = 0; r < z.rows(); ++r) {
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
  const Context context{.training = true, .rng = dropout_.split(static_cast<std::uint64_t>(number))};
  const Var<S> output = model_.forward(tape_.constant(batch.inputs()), context);
  const Var<S> loss = loss_of(output, batch);
  const Seen seen{static_cast<double>(loss.item()), count_right(output, batch)};
  if (!std::isfinite(seen.loss)) report_non_finite<S>(tape_, nullptr, number);

  Gradients<S> gradients = tape_.backward(loss);
  bool finite = true;
  model_.visit(Path(), [&](const Path&, Parameter<S>& parameter) {
    const ConstMap<S> g = std::as_const(gradients).find(parameter);
    finite = finite && all_finite(g.data(), g.size());
  });
  if (!finite) report_non_finite<S>(tape_, &gradients, number);
  if (on_gradients) on_gradients(number, tape_, gradients);
  if (options_.clip_value) clip_value<S>(model_, gradients, *options_.clip_value);
  if (options_.clip_norm) clip_norm<S>(model_, gradients, *options_.clip_norm);
  optimizer_.set_learning_rate(learning_rate);
  optimizer_.step(model_, gradients);
  return seen;
}

template <Real S>
TrainResult Trainer<S>::run() {
  const auto start = std::chrono::steady_clock::now();
  const double base_rate = optimizer_.learning_rate();
  const std::int64_t total = total_steps();
  const bool classes = train_.task == Task::classification;
  TrainResult result;
  Batch<S> batch;
  bool go_on = true;
  for (std::int64_t epoch = 1; result.steps < total && go_on; ++epoch) {
    const auto epoch_start = std::chrono::steady_clock::now();
    order_.start_epoch(epoch - 1);
    double loss = 0;
    Index right = 0, samples = 0, b = 0;
    for (; b < order_.batches() && result.steps < total; ++b) {
      batch.gather(train_, order_.batch(b));
      const double rate = schedule_.rate(base_rate, result.steps);
      const Seen seen = step(batch, rate);
      ++result.steps;
      loss += seen.loss * static_cast<double>(batch.size());
      right += seen.right;
      samples += batch.size();
      if (on_step) on_step({result.steps, epoch, seen.loss, rate});
    }
    EpochReport report{.epoch = epoch, .train = {loss / static_cast<double>(samples), {}}, .test = {}};
    if (classes) report.train.accuracy = static_cast<double>(right) / static_cast<double>(samples);
    report.seconds = seconds_since(epoch_start);
    if (b == order_.batches()) ++result.epochs;
    if (test_.size() > 0) report.test = evaluate(test_);
    if (on_epoch) go_on = on_epoch(report);
  }
  result.train = evaluate(train_);
  if (test_.size() > 0) result.test = evaluate(test_);
  result.seconds = seconds_since(start);
  return result;
}

template <Real S>
Metrics Trainer<S>::evaluate(const Dataset<S>& data) {
  std::vector<Index> rows(static_cast<std::size_t>(data.size()));
  std::iota(rows.begin(), rows.end(), Index{0});
  Batch<S> batch;
  double loss = 0;
  Index right = 0;
  for (Index begin = 0; begin < data.size(); begin += evaluation_batch) {
    const Index count = std::min(evaluation_batch, data.size() - begin);
    batch.gather(data, std::span(rows).subspan(static_cast<std::size_t>(begin), static_cast<std::size_t>(count)));
    evaluation_tape_.clear();
    const Var<S> output = model_.forward(evaluation_tape_.constant(batch.inputs()), Context{});
    loss += static_cast<double>(loss_of(output, batch).item()) * static_cast<double>(count);
    right += count_right(output, batch);
  }
  const double samples = static_cast<double>(data.size());
  Metrics metrics{.loss = loss / samples, .accuracy = {}};
  if (data.task == Task::classification) metrics.accuracy = static_cast<double>(right) / samples;
  return metrics;
}

template class Trainer<float>;
template class Trainer<double>;

}  // namespace evengrad
