// Which activation with which initializer, at which depth and width, on your data: every pairing trained with rates of
// its own, and theory's forecast of it scored.
#pragma once

#include <evengrad/experiments/fit.hpp>

#include <map>
#include <optional>

namespace evengrad {

struct ComparisonOptions {
  std::vector<std::string> activations, initializers;  ///< names or formulas
  std::vector<Index> depths = {3};                     ///< hidden layers
  std::vector<Index> widths = {64};
  std::vector<double> rates;         ///< each cell takes its best of these
  int seeds = 5;                     ///< for the results; others choose the rates
  TrainerOptions trainer;            ///< but for rate and seed
  double validation_fraction = 0.2;  ///< of the training rows, held out while rates are chosen
};

/// One way to build a net.
struct Pairing {
  std::string activation, initializer;
  Index depth = 0, width = 0;
  std::vector<double> rates = {};  ///< to choose among
};

/// "gelu, he, depth 20, width 64"
std::string to_string(const Pairing& pairing);

/// What theory says of a cell before anything is trained.
struct Forecast {
  double probability = 0.5;   ///< that it trains, see forecast()
  double gradient_ratio = 0;  ///< layer 1 over the last, at infinite width; NaN where theory is silent
  double signal_ratio = 0;    ///< mean square pre-activation of the last layer over that of the first
  double rank = 0;            ///< expected, from 1; of equal probabilities the mean

  template <class Fields>
  void fields(Fields& f) {
    f("probability", probability);
    f("gradient_ratio", gradient_ratio);
    f("signal_ratio", signal_ratio);
    f("rank", rank);
  }
};

/// The forecast for a net of this kind, without a rank: the more decades the gradient changes over the layers, the less
/// it is expected to train. The two numbers of the logistic curve are the only ones here that come from data: a fit to
/// 180 cells (ten activations, six initializers, depths 3, 10 and 30) on two moons with seed 11 and Adam, where its
/// Brier score was 0.025. How much the signal changes added nothing there.
Forecast forecast(const Activation& activation, const Initializer& initializer, Index depth, Index width);

/// A net trained with one seed.
struct ComparisonRecord : FitRecord {
  double silent_fraction = 0;  ///< of hidden units, exactly 0 for all of 512 training inputs, after training
  double metric = 0;           ///< test accuracy, or test loss for regression; NaN where the net has none, see ended()
  std::vector<double> parts;   ///< the same of equal parts of the test rows, at most one a row; see TestScores
  bool trains = false;         ///< the training loss is below half of that of the best constant answer

  /// It has a result: it neither diverged nor failed on the test rows.
  bool ended() const { return outcome() != FitOutcome::diverged && outcome() != FitOutcome::failed_on_test; }

  template <class Fields>
  void fields(Fields& f) {
    FitRecord::fields(f);
    f("silent_fraction", silent_fraction);
    f("metric", metric);
    f("parts", parts);
    f("trains", trains);
  }
};

/// One pairing at one depth and width.
struct ComparisonCell {
  Pairing pairing;
  std::string refused;  ///< why this pairing cannot be built; empty otherwise
  Forecast forecast;
  double rate = 0;
  std::vector<ComparisonRecord> records;    ///< one a seed
  Measurement metric;                       ///< mean over the nets that ended; NaN where none did
  std::optional<Measurement> r2;            ///< the same as a share of the test targets' variance; regression only
  Measurement gradient_ratio;               ///< measured at the start, geometric mean over nets
  double silent_fraction = 0;               ///< mean over seeds
  std::map<FitOutcome, int> outcomes = {};  ///< how many nets ended in which way

  int count(FitOutcome outcome) const { return outcomes.contains(outcome) ? outcomes.at(outcome) : 0; }
};

/// An activation with an initializer over all depths and widths.
struct ComparedPairing {
  std::string activation, initializer;
  Measurement metric = {};  ///< mean over depths and widths, of the seeds that ended everywhere; NaN without one
  std::optional<Measurement> r2 = {};  ///< regression only
  /// What the best has before it, paired by seeds and test rows: the difference of accuracies, or this loss over the
  /// best one's. Its interval is corrected for the number of pairs that could be compared (Bonferroni). Without
  /// interval for the best itself and where not every net ended.
  Measurement behind = {};
  double best_is_better = 0.5;  ///< share of pairs of nets of one depth and width in which the best's is better
  std::map<FitOutcome, int> outcomes = {};
  /// The whole interval of `behind` is on the side of the best, or nets of it diverged, failed on test rows or did not
  /// learn and those of the best did not.
  bool worse = false;
  std::string verdict = {};  ///< in words: "tied with the best", "did not learn", "2 of 6 nets diverged"
};

/// How good a forecaster of "trains" was.
struct ForecastScore {
  std::string name;
  double brier = 0;  ///< mean squared difference between probability and outcome; a coin scores 0.25
};

/// Of forecasts within a range, how many came true.
struct CalibrationBin {
  double low = 0, high = 0;
  int forecasts = 0;  ///< nets
  double forecast = 0, observed = 0;
};

struct Comparison {
  std::string data;
  std::string metric;  ///< "test_accuracy" or "test_loss"
  bool larger_is_better = true;
  Index test_rows = 0;
  /// What the best constant answer reaches on the test rows: the share of the largest class, or the variance.
  double constant_metric = std::nan("");
  std::vector<ComparisonCell> cells;
  std::vector<ComparedPairing> pairings;  ///< the best first
  std::string conclusion;                 ///< one line
  std::vector<ForecastScore> scores;      ///< theory first, then the simple rules it has to beat
  double rank_correlation = 0;            ///< Spearman's, of expected and measured rank; NaN where either is constant
  std::vector<CalibrationBin> calibration;
  std::vector<std::string> failures;  ///< cells where theory was sure and wrong
};

/// Forecasts every cell, then trains it: rates chosen on validation rows with two seeds, results on the test rows with
/// others. \throws UsageError for a name, a size or a rate that is wrong, and Error where all training targets are
/// equal.
Comparison compare(const ComparisonOptions& options, const Split<float>& data, const ExperimentSettings& settings);

/// The pairings and the conclusion, from the records of the cells: those whose nets all ended and learned come first,
/// by their metric, then those of which some failed, those that did not learn, and those that failed with every net.
void rank(Comparison& comparison, const Rng& rng);

/// Scores the forecasts of the cells by what became of them.
void score_forecasts(Comparison& comparison);

/// Whether any net has a result, so that there is something to compare.
bool any_trained(const Comparison& comparison);

/// "2 diverged, 1 learned"
std::string to_string(const std::map<FitOutcome, int>& outcomes);

/// The comparison for the writers: tables, heat maps, and what the oracle scored.
Report comparison_report(const Comparison& comparison);

}  // namespace evengrad
