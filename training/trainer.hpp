// Trains a model on a dataset: batches, loss, gradients, clipping, schedule, evaluation.
#pragma once

#include <evengrad/data/batches.hpp>
#include <evengrad/layers/layer.hpp>
#include <evengrad/layers/losses.hpp>
#include <evengrad/optim/optimizer.hpp>
#include <evengrad/optim/schedule.hpp>

#include <functional>
#include <optional>

namespace evengrad {

struct TrainerOptions {
  OptimizerOptions optimizer = {.name = "adam"};
  std::string schedule = "constant";
  std::int64_t warmup_steps = 0;
  std::optional<double> clip_norm = {};   ///< largest norm of all gradients together
  std::optional<double> clip_value = {};  ///< largest component of any gradient
  std::string loss = {};                  ///< one of losses(); empty: cross_entropy or, for regression, mse
  double label_smoothing = 0;
  Index batch_size = 64;
  std::int64_t epochs = 10;
  std::optional<std::int64_t> steps = {};  ///< instead of epochs
  bool shuffle = true;                     ///< otherwise batches come in file order
  std::uint64_t seed = 1;
  int threads = 1;
};

/// A loss and, for classification, the share of right answers.
struct Metrics {
  double loss = 0;
  std::optional<double> accuracy;
};

/// One step: `loss` is the mean over the batch before the update, without penalties.
struct StepReport {
  std::int64_t step = 0;  ///< from 1
  std::int64_t epoch = 0;  ///< from 1
  double loss = 0;
  double learning_rate = 0;
};

/// One epoch: `train` is the sample-weighted mean of what its steps saw; `test` is evaluated after it.
struct EpochReport {
  std::int64_t epoch = 0;  ///< from 1
  Metrics train;
  std::optional<Metrics> test;
  double seconds = 0;  ///< of training, without the evaluation
};

struct TrainResult {
  std::int64_t steps = 0;
  std::int64_t epochs = 0;  ///< complete ones
  double seconds = 0;       ///< training and evaluation
  Metrics train;            ///< in evaluation mode, after the last step
  std::optional<Metrics> test;
};

/// The outputs that a model for this data and loss has: one logit for two classes with bce, else one a class or target.
template <Real S>
Index required_outputs(const Dataset<S>& data, const std::string& loss) {
  const bool one_logit = data.task == Task::classification && data.classes == 2 && loss == "bce";
  return one_logit ? 1 : data.outputs();
}

template <Real S>
class Trainer {
 public:
  /// The model and the data must outlive the trainer. `test` may be empty (0 samples).
  /// \throws UsageError for a setting out of range, ShapeError if model and data do not fit.
  Trainer(Layer<S>& model, const Dataset<S>& train, const Dataset<S>& test, TrainerOptions options);

  /// Called between the backward pass of a step and its update, with what both passes made.
  std::function<void(std::int64_t step, const Tape<S>& tape, const Gradients<S>& gradients)> on_gradients;
  /// Called after each step and each epoch; an epoch's hook returns false to stop there.
  std::function<void(const StepReport&)> on_step;
  std::function<bool(const EpochReport&)> on_epoch;

  /// Trains to the end. \throws NonFiniteError at the first NaN or infinity, with layer, op, direction and step.
  TrainResult run();

  /// Mean loss and accuracy in evaluation mode.
  Metrics evaluate(const Dataset<S>& data);

  /// Steps of a whole run.
  std::int64_t total_steps() const;
  const TrainerOptions& options() const { return options_; }

 private:
  struct Seen {
    double loss;
    Index right;
  };
  Var<S> loss_of(const Var<S>& output, const Batch<S>& batch);
  Seen step(const Batch<S>& batch, double learning_rate);
  Index count_right(const Var<S>& output, const Batch<S>& batch) const;

  Layer<S>& model_;
  const Dataset<S>& train_;
  const Dataset<S>& test_;
  TrainerOptions options_;
  Optimizer<S> optimizer_;
  BatchOrder order_;
  Schedule schedule_;
  Rng dropout_;
  Tape<S> tape_;
  Tape<S> evaluation_tape_;
};

}  // namespace evengrad
