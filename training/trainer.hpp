// Trains a model on a dataset: batches, loss, gradients, clipping, schedule, evaluation.
#pragma once

#include <evengrad/data/batches.hpp>
#include <evengrad/layers/layer.hpp>
#include <evengrad/layers/losses.hpp>
#include <evengrad/optim/optimizer.hpp>
#include <evengrad/optim/schedule.hpp>
#include <evengrad/training/safetensors.hpp>

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

  template <class F>
  void fields(F& f) {
    f.group("Training");
    f({.name = "epochs", .help = "Passes over the training data"}, epochs);
    f({.name = "steps", .help = "Number of steps, instead of epochs", .excludes = "epochs"}, steps);
    f({.name = "batch-size", .help = "Samples per step"}, batch_size);
    f({.name = "loss", .help = "cross_entropy, bce, mse or huber [by the task]", .show_default = false}, loss);
    f({.name = "label-smoothing", .help = "Share of each label spread over all classes, from 0 to below 1"},
      label_smoothing);
    optimizer.fields(f);
    f({.name = "schedule", .help = "Learning-rate schedule: constant, step, cosine, warmup"}, schedule);
    f({.name = "warmup-steps", .help = "The rate rises linearly over this many first steps, with any schedule"},
      warmup_steps);
    f({.name = "clip-norm", .help = "Largest norm of all gradients together"}, clip_norm);
    f({.name = "clip-value", .help = "Largest component of a gradient"}, clip_value);
    f({.name = "no-shuffle", .help = "Take batches in file order", .turns_off = true}, shuffle);
  }

  friend bool operator==(const TrainerOptions&, const TrainerOptions&) = default;
};

/// A loss, of one target in the squares of its unit, and, for classification, the share of right answers.
struct Metrics {
  double loss = 0;
  std::optional<double> accuracy;
};

/// One step: `loss` is the mean over the batch before the update, without penalties.
struct StepReport {
  std::int64_t step = 0;   ///< from 1
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
  bool stopped = false;     ///< by `stop`, before the end: there are no metrics
  double seconds = 0;       ///< of this run(), training and evaluation
  Metrics train;            ///< in evaluation mode, after the last step
  std::optional<Metrics> test;
};

/// How far a run is: steps, and the sums over the epoch in progress until it is reported.
struct TrainingProgress {
  std::int64_t step = 0;  ///< steps taken
  double loss = 0;        ///< over the samples seen
  Index right = 0;        ///< samples classified rightly
  Index samples = 0;      ///< samples seen
  Index answers = 0;      ///< labels or targets seen, of which a sample may have several
};

/// All that a run carries from step to step; what is random or scheduled is a function of the seed and the step.
struct TrainingState {
  TrainingProgress progress;
  std::vector<Tensor> tensors;  ///< "model.layers.0.weight", "optimizer.first.layers.0.weight", …
};

/// The outputs that a model for this data and loss has: one logit for two classes with bce, else one a class or target.
template <Real S>
Index required_outputs(const Dataset<S>& data, const std::string& loss) {
  const bool one_logit = data.task == Task::classification && data.classes == 2 && loss == "bce";
  return one_logit ? 1 : data.outputs();
}

/// The loss of the best answer that ignores the input: the entropy of the classes, or the variance of the targets.
/// \throws what check() of a dataset throws.
template <Real S>
double constant_answer_loss(const Dataset<S>& data);

/// Looks on while a trainer trains, and changes nothing.
template <Real S>
class TrainingObserver {
 public:
  virtual ~TrainingObserver() = default;
  /// Before the forward pass; true keeps pre-activations on the tape of this step, whose bits are the same.
  virtual bool before_step(std::int64_t /*step*/) { return false; }
  /// Between the backward pass and the update, with what both passes made: gradients before they are clipped.
  virtual void after_backward(std::int64_t /*step*/, const Tape<S>& /*tape*/, const Gradients<S>& /*gradients*/) {}
  virtual void after_step(const StepReport& /*step*/) {}
  virtual void after_epoch(const EpochReport& /*epoch*/) {}
};

template <Real S>
class Ensemble;

template <Real S>
class Trainer {
 public:
  /// The model and the data must outlive the trainer. `test` may be empty (0 samples). Everything that training relies
  /// on is checked here, once, for every loss: data must not change afterwards in a way that check() would refuse.
  /// \throws UsageError for a setting out of range or a loss that is not for this task, and what check() throws.
  Trainer(Layer<S>& model, const Dataset<S>& train, const Dataset<S>& test, TrainerOptions options);
  Trainer(Layer<S>& model, const Dataset<S>&& train, const Dataset<S>& test, TrainerOptions options) = delete;
  Trainer(Layer<S>& model, const Dataset<S>& train, const Dataset<S>&& test, TrainerOptions options) = delete;

  /// Called between the backward pass of a step and its update, with what both passes made.
  std::function<void(std::int64_t step, const Tape<S>& tape, const Gradients<S>& gradients)> on_gradients;
  /// Called after each step with its loss; must not look at the net, which may be one of several in a vector.
  std::function<void(const StepReport&)> on_loss;
  /// Called after each step and each epoch; an epoch's hook returns false to stop there. state() may be taken in both.
  std::function<void(const StepReport&)> on_step;
  std::function<bool(const EpochReport&)> on_epoch;
  /// Asked before each batch, of training and of evaluation; true makes run() return. Another run() goes on.
  std::function<bool()> stop;

  /// Who looks on beside these hooks, or null; called before them. It must outlive the training.
  void observe(TrainingObserver<S>* observer) { observer_ = observer; }

  /// Ends the training after the epoch that is the `patience`-th without a smaller loss on these data, which must
  /// outlive the trainer, and gives the model the weights that had the smallest. To be called before run() and
  /// restore(). \throws UsageError unless patience > 0, and what check() throws.
  void stop_early(const Dataset<S>& validation, std::int64_t patience);
  /// The epoch, from 1, whose weights were best on those data; 0: those before the first.
  std::int64_t best_epoch() const { return best_.empty() ? 0 : static_cast<std::int64_t>(best_.front()(0, 1)); }

  /// Trains to the end. \throws NonFiniteError at the first NaN or infinity, with layer, op, direction and step.
  TrainResult run();

  /// A copy of the state, between two steps.
  TrainingState state();
  /// Goes on from a state of a trainer with the same model, data and options: the same bits as without the stop.
  /// \throws Error naming what does not fit, with this trainer as it was.
  void restore(const TrainingState& state);

  /// Mean loss and accuracy in evaluation mode. \throws what check() throws.
  Metrics evaluate(const Dataset<S>& data);

  /// Whether evaluate() can take these data. \throws ShapeError where counts or widths disagree with each other or with
  /// the model, NonFiniteError for a NaN or an infinity, Error for a label that is not a class or a target that the
  /// loss cannot take (each names row and value), UsageError for another task than the training set's.
  void check(const Dataset<S>& data) const;

  /// Steps taken.
  std::int64_t steps() const { return progress_.step; }
  /// Steps of a whole run.
  std::int64_t total_steps() const;
  const TrainerOptions& options() const { return options_; }
  /// Bytes that a step's values, gradients and scratch have needed so far, all of them in one arena.
  std::size_t arena_bytes() const { return tape_.memory(); }
  const Dataset<S>& training_set() const { return train_; }
  /// Samples of the test set.
  Index test_samples() const { return test_.size(); }
  /// The optimizer; its state may be changed between two steps.
  Optimizer<S>& optimizer() { return optimizer_; }

 private:
  struct Seen {
    double loss;
    Index right;
    Index answers;
  };
  Var<S> loss_of(const Var<S>& output, const Batch<S>& batch);
  Seen step(const Batch<S>& batch, double learning_rate);
  Index count_right(const Var<S>& output, const Batch<S>& batch) const;
  /// `largest_gradient` is asked for max |g| of a parameter, whose first number is the model's number `begin`.
  void check_weights(std::int64_t step, FunctionRef<double(const Parameter<S>&, Index begin)> largest_gradient);
  void train();
  bool finished() const { return progress_.step >= total_steps() && progress_.samples == 0; }
  bool waited_enough() const { return !best_.empty() && epoch() - best_epoch() >= patience_; }
  void compare_with_best();
  std::int64_t epoch() const;
  void count_step(const Seen& seen, Index samples, double learning_rate);
  bool end_epoch(double seconds);
  TrainResult complete(FunctionRef<void()> training);
  Metrics measure(const Dataset<S>& data, FunctionRef<void()> before_batch);
  void check_stop() const;
  void check_progress(const TrainingProgress& progress) const;
  void visit_state(FunctionRef<void(const std::string&, Matrix<S>&)> visitor);

  struct Stopped {};
  friend class Ensemble<S>;  // takes the steps of several trainers at once

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
  double base_rate_;
  TrainingObserver<S>* observer_ = nullptr;
  TrainingProgress progress_;
  const Dataset<S>* validation_ = nullptr;
  std::int64_t patience_ = 0;
  std::vector<Matrix<S>> best_;  // its loss and its epoch, and the parameters of then; empty without stop_early()
};

}  // namespace evengrad
