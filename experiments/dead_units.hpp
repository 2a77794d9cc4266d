// Which hidden units are silent while a net trains: looks at a fixed set of inputs every few steps, with births and
// revivals.
#pragma once

#include <evengrad/experiments/fit.hpp>
#include <evengrad/training/silent_units.hpp>

namespace evengrad {

/// What the looks saw; shares are by look and layer, counts by layer.
struct UnitHistory {
  std::vector<double> steps;                ///< of each look; the first is 0, before any update
  std::vector<std::vector<double>> silent;  ///< units that are exactly 0 for every input
  std::vector<std::vector<double>> lost;    ///< units that are not above 0 for any input: of a ReLU the silent ones
  std::vector<std::vector<double>> zero;    ///< activations that are exactly 0
  // Of a ReLU unit, lost is silent.
  std::vector<double> born;      ///< units lost at the first look
  std::vector<double> deaths;    ///< how often a unit was lost that was not so at the look before
  std::vector<double> revivals;  ///< how often a unit was no longer lost

  /// The share of silent units in the whole net at a look, by default the last; its layers are equally wide.
  double silent_share() const { return mean(silent.back()); }
  double silent_share_at_start() const { return mean(silent.front()); }
  /// Of the times that units were or became lost, the share after which they recovered; 0 where none did.
  double recovered_share() const;
  static double mean(const std::vector<double>& layers);

  template <class Fields>
  void fields(Fields& f) {
    f("steps", steps);
    f("silent", silent);
    f("lost", lost);
    f("zero", zero);
    f("born", born);
    f("deaths", deaths);
    f("revivals", revivals);
  }
};

/// Takes the looks.
class UnitWatch {
 public:
  /// The inputs (samples, features) must outlive it.
  explicit UnitWatch(const Matrix<float>& inputs) : inputs_(inputs) {}

  void look(std::int64_t step, Sequential<float>& net);
  UnitHistory history;

 private:
  const Matrix<float>& inputs_;
  std::vector<std::vector<bool>> before_;
};

/// A training run that is watched.
struct WatchOptions {
  FitOptions fit;
  std::int64_t every = 8;        ///< steps from look to look
  double hidden_bias = 0;        ///< where the biases of the hidden layers start
  std::int64_t renew_every = 0;  ///< steps between calls of reinitialize_silent_units(); 0: never
  /// If set, a quarter of the first layer's units start so that their largest pre-activation over the inputs is minus
  /// this.
  std::optional<double> killed_by = {};
};

/// What came of it.
struct WatchRecord : FitRecord {
  UnitHistory units;
  std::vector<double> slopes;  ///< mean slope of each layer of learned slopes, at the end

  template <class Fields>
  void fields(Fields& f) {
    FitRecord::fields(f);
    units.fields(f);
    f("slopes", slopes);
  }
};

/// Trains a classifier on all of `data` and looks at `inputs`, as a trial of `trials`.
WatchRecord train_watched(const Trials& trials, const WatchOptions& options, const Dataset<float>& data,
                          const Dataset<float>& test, const Matrix<float>& inputs, const Rng& rng);

}  // namespace evengrad
