// Reads what happens inside a net while it trains: from the tape and the gradients of some steps, a row a layer.
//
//   Trainer<float> trainer(net, data.train, data.test, {});
//   Probe<float> probe(trainer, net, data.train);
//   trainer.run();
//   for (const Finding& finding : findings(probe.record())) std::cout << finding.message << '\n';   //
//   training/health.hpp
#pragma once

#include <evengrad/init/net_theory.hpp>
#include <evengrad/layers/layer.hpp>
#include <evengrad/training/finite.hpp>
#include <evengrad/training/row.hpp>
#include <evengrad/training/silent_units.hpp>
#include <evengrad/training/tensor_summary.hpp>
#include <evengrad/training/trainer.hpp>

#include <limits>

namespace evengrad {

/// One layer at one probed step. Tensors are those of the step's batch before the update, gradients those of the batch
/// mean before they are clipped; units are counted on the probe's inputs, in evaluation mode, before the update.
struct LayerRow {
  std::int64_t step = 0;
  double layer = 0;       ///< from 1
  std::string name = {};  ///< of the layer that holds its weight: "layers.2"
  double hidden = 1;      ///< 0 for the output layer, of which no units are counted
  TensorSummary pre_activation, activation, pre_activation_gradient, activation_gradient;
  TensorSummary weight, weight_gradient, update;
  /// rms of the update over rms of the weights: infinite from weights of 0, NaN where no update came about.
  double update_ratio = std::numeric_limits<double>::quiet_NaN();

  double units = 0;
  double silent = 0;     ///< share of units whose activation is 0 for every input
  double saturated = 0;  ///< share of units with |f'| < 1e-3 max|f'| for every input
  double dormant = 0;  ///< share of units with a mean |activation| below 0.025 of the layer's mean (Sokar et al. 2023)
  double no_gradient = std::numeric_limits<double>::quiet_NaN();  ///< share whose bias had gradient 0 in every step of
                                                                  ///< the last whole epoch; NaN before there is one
  double inactive = 0;             ///< share of units that are not 0 for less than 1 % of the inputs
  double flat = 0;                 ///< share of (input, unit) with |f'| < 1e-3 max|f'| and f not 0
  double births = 0;               ///< units that are silent now and were not at the last probed step
  double revivals = 0;             ///< units that were silent then and are not now
  double inactive_bias = 0;        ///< the mean bias of the inactive units
  double inactive_bias_start = 0;  ///< and what it was at the first probed step

  template <class Fields>
  void fields(Fields& f) {
    f("step", step);
    f("layer", layer);
    f("name", name);
    f("hidden", hidden);
    pre_activation.fields(f, "pre_activation");
    activation.fields(f, "activation");
    pre_activation_gradient.fields(f, "pre_activation_gradient");
    activation_gradient.fields(f, "activation_gradient");
    weight.fields(f, "weight");
    weight_gradient.fields(f, "weight_gradient");
    update.fields(f, "update");
    f("update_ratio", update_ratio);
    f("units", units);
    f("silent", silent);
    f("saturated", saturated);
    f("dormant", dormant);
    f("no_gradient", no_gradient);
    f("inactive", inactive);
    f("flat", flat);
    f("births", births);
    f("revivals", revivals);
    f("inactive_bias", inactive_bias);
    f("inactive_bias_start", inactive_bias_start);
  }
};

/// What is known of a run besides its rows.
struct TrainingFacts {
  std::string optimizer = {};
  double learning_rate = 0, weight_decay = 0;
  std::int64_t batch_size = 0;
  std::int64_t warmup_steps = 0;
  bool clips = false;
  bool classification = true;
  double guess_loss = 0;                      ///< of answering with what the training set has on average
  std::optional<double> guess_accuracy = {};  ///< of always naming its most frequent class
  std::int64_t test_samples = 0;
  double input_center = 0;         ///< share of the inputs' mean square that is the square of their mean
  double input_deviation = 0;      ///< largest standard deviation of a feature
  std::string input_feature = {};  ///< which one
  std::vector<std::string> constant_features = {};  ///< of a table, with one value in all training rows
  double target_size = 0;                ///< root of the mean square of a regression's targets, as the net sees them
  std::vector<std::string> layers = {};  ///< names of all layers, "layers.0", …
  bool normalized_branches = false;      ///< the net has residual branches and normalization
  std::optional<NetOptions> theory = {};
};

/// Everything that the rules of training/health.hpp look at.
struct TrainingRecord {
  TrainingFacts facts;
  std::vector<LayerRow> rows;     ///< by step, then by layer
  std::vector<StepReport> steps;  ///< every step
  std::vector<EpochReport> epochs;
  std::optional<NonFinitePlace> broke = {};  ///< what ended the run
};

struct ProbeOptions {
  std::int64_t every = 0;  ///< probe every so many steps; 0: of the first third of the run the steps 1, 10, 100, 200,
                           ///< 500, 1,000, 2,000, 5,000, …; always step 1 and the last
  Index inputs = 0;  ///< training inputs on which units are counted, drawn once by the trainer's seed; 0: as many as 2
                     ///< batches, at least 128 and at most 512
  std::optional<NetOptions> theory = {};  ///< the net as it was initialized, for the rule initial_pairing
};

/// Inputs drawn from a training set by a seed, at most `count`, (samples * rows, columns) of their shape; those of a
/// smaller count come first.
template <Real S>
Matrix<S> draw_inputs(const Dataset<S>& train, Index count, std::uint64_t seed);

/// Watches a training run from its construction on. Training gives the same bits with a probe and without.
///
/// A run that goes on after a stop is told to its probe too: restore() what state() gave, once the trainer is restored.
/// Without, a probe starts afresh: births, revivals and bias starts then count from its own first probed step, and
/// no_gradient needs an epoch of its own.
template <Real S>
class Probe : public TrainingObserver<S> {
 public:
  /// All three must outlive it; the trainer may be run again. \throws UsageError for inputs or every < 0.
  Probe(Trainer<S>& trainer, Layer<S>& net, const Dataset<S>& train, const ProbeOptions& options = {});
  ~Probe() override { trainer_.observe(nullptr); }
  Probe(const Probe&) = delete;
  Probe& operator=(const Probe&) = delete;

  /// Called after a probed step, with its rows.
  std::function<void(std::span<const LayerRow>)> on_rows;

  const TrainingRecord& record() const { return record_; }

  /// A copy of all that the rules and the rows to come depend on, between two steps: the record but for the histograms
  /// of its rows.
  std::vector<double> state();
  /// Goes on from it. \throws Error if it is not of such a probe at the trainer's step, with this one as it was.
  void restore(const std::vector<double>& state);

  /// Notes the error that ended the run.
  void broke(const NonFiniteStep& error) { record_.broke = error.place; }
  /// Training inputs drawn by the seed, (up to 512 or options.inputs, features). Units are counted on the first of
  /// them.
  const Matrix<S>& inputs() const { return inputs_; }
  /// Whether this step of the run is probed.
  bool wants(std::int64_t step) const;
  /// Probes this step too; `keep` says whether its rows become part of the record or are for on_rows() alone.
  void also(std::int64_t step, bool keep) { also_ = step, keep_also_ = keep; }

  // The trainer calls these.
  bool before_step(std::int64_t step) override;
  void after_backward(std::int64_t step, const Tape<S>& tape, const Gradients<S>& gradients) override;
  void after_step(const StepReport& step) override;
  void after_epoch(const EpochReport& epoch) override { record_.epochs.push_back(epoch); }

 private:
  /// What is remembered of a layer.
  struct Memory {
    std::vector<bool> silent;
    std::vector<S> first_bias;
    std::vector<bool> touched;  // units whose bias had a gradient since the epoch began
    std::size_t untouched = 0;  // how many had none
    double no_gradient = std::numeric_limits<double>::quiet_NaN();
    std::vector<S> weight;              // before the update of a probed step
    const S* trained_weight = nullptr;  // where it is after the update
  };

  /// Where a layer stands on a tape: from its product to its activation.
  struct Place {
    std::size_t product = 0, output = 0;
    std::size_t weight = 0;
    std::size_t bias = 0;  // that of a normalization if there is one; the weight's where there is no bias
  };

  /// Writes a state, or reads it.
  template <class Archive>
  static void exchange(Archive& archive, TrainingRecord& record, std::vector<Memory>& layers, bool& whole_epoch);
  /// By the options.
  bool plans(std::int64_t step) const;
  void find_layers(const Tape<S>& tape);
  LayerRow read_layer(std::int64_t step, std::size_t layer, const Tape<S>& tape, const Gradients<S>& gradients);
  void note_gradients(std::int64_t step, const Gradients<S>& gradients);
  static void count_units(LayerRow& row, const UnitShares& shares, std::span<const S> bias, Memory& memory);

  Trainer<S>& trainer_;
  Layer<S>& net_;
  ProbeOptions options_;
  Index batches_;  // an epoch
  Matrix<S> inputs_;
  Tape<S> units_tape_;                     // of these
  std::vector<double> largest_slopes_;     // one a hidden layer
  std::size_t nodes_ = 0;                  // on the tape of a step; every step's is alike
  std::vector<std::uint64_t> weight_ids_;  // one a layer
  std::vector<Place> places_;              // one a layer
  std::vector<Memory> layers_;
  Matrix<S> scratch_;
  TrainingRecord record_;
  std::size_t first_row_ = 0;  // of the newest probed step
  std::int64_t also_ = 0;      // a step to probe besides
  bool keep_also_ = true;
  bool whole_epoch_ = false;  // the epoch in progress was seen from its first step on
};

}  // namespace evengrad
