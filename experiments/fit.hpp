// How the experiments train a net: one way for all, and the protocol by which rates are chosen with other seeds than
// those that are reported.
#pragma once

#include <evengrad/experiments/rules.hpp>
#include <evengrad/experiments/statistics.hpp>
#include <evengrad/experiments/trials.hpp>
#include <evengrad/layers/mlp.hpp>
#include <evengrad/training/network_map.hpp>
#include <evengrad/training/trainer.hpp>

#include <cmath>
#include <functional>
#include <numeric>
#include <string>
#include <vector>

namespace evengrad {

/// A net whose loss ends above this many times that of the best constant answer, and no lower than it started, has
/// diverged: the bound of NetworkMap.
constexpr double divergence_bound = NetworkMap<float>::bound;

/// How a training ended.
enum class FitOutcome {
  learned,         ///< the training loss is at least 1 % below that of the best constant answer
  did_not_learn,   ///< it is not, though it neither diverged nor failed
  failed_on_test,  ///< not finite on test rows, or for regression beyond `divergence_bound` there
  diverged,        ///< a NaN, an infinity, or beyond `divergence_bound` on the training rows
};

/// One net and its training. What the data say is filled in: inputs and outputs of the net, the seed of the trainer.
struct FitOptions {
  MlpOptions net;
  Initializer initializer = evengrad::initializer("xavier");
  TrainerOptions trainer = {};
};

/// What came of it, in evaluation mode.
struct FitRecord {
  double loss_before = 0;    ///< over the training data
  double constant_loss = 0;  ///< of the best constant answer, over the training data
  /// Of the training and of the test data after the last step, as evaluated; infinity where they are not finite. The
  /// second is 0 where there are no test data.
  double final_loss = 0, final_test_loss = 0;
  /// The same for means over seeds: at most `divergence_bound` times `constant_loss`, which is what a net counts as
  /// that diverged.
  double loss = 0, test_loss = 0;
  double accuracy = 0, test_accuracy = 0;  ///< 0 for regression, without test data, and for what is not finite
  bool diverged = false;
  bool classifies = false;  ///< a classification

  FitOutcome outcome() const;

  template <class Fields>
  void fields(Fields& f) {
    f("loss_before", loss_before);
    f("constant_loss", constant_loss);
    f("final_loss", final_loss);
    f("final_test_loss", final_test_loss);
    f("loss", loss);
    f("accuracy", accuracy);
    f("test_loss", test_loss);
    f("test_accuracy", test_accuracy);
    f("diverged", diverged);
    f("classifies", classifies);
  }
};

/// Where an experiment looks in. What looks into steps, on_gradients and on_step, keeps its net from being trained
/// beside others.
template <Real S>
struct FitHooks {
  std::function<void(Sequential<S>& net)> on_start = {};  ///< after the initializer; may change the net
  std::function<void(std::int64_t step, const Tape<S>& tape, const Gradients<S>& gradients)> on_gradients = {};
  std::function<void(std::int64_t step, Sequential<S>& net)> on_step = {};  ///< after the update; may change the net
  std::function<void(const StepReport&)> on_loss = {};                      ///< the batch loss of the step
  std::function<void(Sequential<S>& net)> on_end = {};
  std::function<void(Trainer<S>& trainer)> on_trainer = {};  ///< before the first step; it lives to the last
};

/// Trains a model whose weights are drawn already, as a trial of `trials`. `prepare` sees the trainer before it starts
/// and may set its hooks.
template <Real S>
FitRecord fit_model(const Trials& trials, Layer<S>& model, TrainerOptions options, const Dataset<S>& train,
                    const Dataset<S>& test, const Rng& rng, const std::function<void(Trainer<S>&)>& prepare = {});

/// Draws a net from `rng` and trains it on `train`; `test` may be empty. Weights, order of the data and dropout are
/// functions of `rng`, so that trials with equal streams are paired whatever else differs.
template <Real S>
FitRecord fit(const Trials& trials, const FitOptions& options, const Dataset<S>& train, const Dataset<S>& test,
              const Rng& rng, const FitHooks<S>& hooks = {});

/// Several trained nets that differ in their seed, their rate chosen among several with a seed that is none of theirs.
template <class Cell, class Record>
struct Tuned {
  Cell cell;
  double rate = 0;
  std::vector<Record> records = {};  ///< one a seed

  Measurement mean(const std::function<double(const Record&)>& of) const { return mean_interval(values(of)); }
  Measurement geometric_mean(const std::function<double(const Record&)>& of) const {
    return geometric_mean_interval(values(of));
  }
  std::vector<double> values(const std::function<double(const Record&)>& of) const {
    std::vector<double> samples;
    for (const Record& record : records) samples.push_back(of(record));
    return samples;
  }
};

/// The mean over seeds of b - a, both trained with the same seeds: its interval knows that they are paired.
template <class Cell, class Record>
Measurement paired_difference(const Tuned<Cell, Record>& a, const Tuned<Cell, Record>& b,
                              const std::function<double(const Record&)>& of) {
  const std::vector<double> of_a = a.values(of), of_b = b.values(of);
  std::vector<double> differences;
  for (std::size_t i = 0; i < of_a.size(); ++i) differences.push_back(of_b[i] - of_a[i]);
  return mean_interval(differences);
}

/// Trains each cell with one(cell, rate, seed): at each of its `rates` with seed 0, then at the rate whose
/// `selection(record)` is smallest with seeds 1 to `seeds`. A cell has a member `rates`. `name(cell)` labels its
/// trials.
template <class Cell, class One, class Selection, class Name>
auto tune_and_train(Trials& trials, const std::string& what, const std::vector<Cell>& cells, int seeds, double share,
                    const One& one, const Selection& selection, const Name& name, int selection_seeds = 1) {
  using Record = std::invoke_result_t<const One&, const Cell&, double, std::uint64_t>;
  std::vector<std::pair<std::size_t, double>> candidates;
  for (std::size_t c = 0; c < cells.size(); ++c) {
    if (cells[c].rates.size() == 1) continue;
    for (const double rate : cells[c].rates) candidates.emplace_back(c, rate);
  }
  const auto candidate = [&](int i) { return candidates[static_cast<std::size_t>(i / selection_seeds)]; };
  const int trial_count = static_cast<int>(candidates.size()) * selection_seeds;
  const auto tried = static_cast<double>(trial_count);
  const auto fresh = static_cast<double>(cells.size()) * seeds;
  const std::vector<double> scores = trials.run(
      what + ", rates", trial_count, share * tried / (tried + fresh),
      [&](int i) {
        const auto [c, rate] = candidate(i);
        return static_cast<double>(selection(one(cells[c], rate, static_cast<std::uint64_t>(i % selection_seeds))));
      },
      [&](int i) { return text(name(cells[candidate(i).first]), ", rate ", candidate(i).second); });
  std::vector<Tuned<Cell, Record>> all;
  for (std::size_t c = 0; c < cells.size(); ++c) {
    Tuned<Cell, Record> tuned{.cell = cells[c], .rate = cells[c].rates.front()};
    double best = INFINITY;
    for (std::size_t i = 0; i < candidates.size(); ++i) {
      if (candidates[i].first != c) continue;
      const auto first = scores.begin() + static_cast<std::ptrdiff_t>(i) * selection_seeds;
      const double score = std::accumulate(first, first + selection_seeds, 0.0);
      if (!(score < best)) continue;
      best = score;
      tuned.rate = candidates[i].second;
    }
    all.push_back(std::move(tuned));
  }
  std::vector<Record> records = trials.run(
      what, static_cast<int>(cells.size()) * seeds, share * fresh / (tried + fresh),
      [&](int i) {
        const auto& tuned = all[static_cast<std::size_t>(i / seeds)];
        return one(tuned.cell, tuned.rate, static_cast<std::uint64_t>(i % seeds + selection_seeds));
      },
      [&](int i) {
        const auto& tuned = all[static_cast<std::size_t>(i / seeds)];
        return text(name(tuned.cell), ", rate ", tuned.rate, ", seed ", i % seeds + selection_seeds);
      });
  for (std::size_t i = 0; i < records.size(); ++i) {
    all[i / static_cast<std::size_t>(seeds)].records.push_back(std::move(records[i]));
  }
  return all;
}

}  // namespace evengrad
