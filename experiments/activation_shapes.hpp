// Experiment "activation-shapes": the exact numbers that textbooks give for each activation, measured by scans of the
// engine's own functions and by sampling.
#pragma once

#include <evengrad/experiments/experiment.hpp>
#include <evengrad/experiments/rules.hpp>

namespace evengrad {

/// How much is measured. The defaults are those of the quick profile.
struct ShapesPlan {
  int draws = 1'000'000;            ///< of the random mask, at each of nine points
  int batches = 10;                 ///< of samples of N(0, 1): the interval of a mean is over batches
  Index samples = 1'000'000;        ///< a batch
  std::uint32_t float_stride = 64;  ///< every so many-th float is looked at where a range is measured
  int trained = 5;                  ///< seeds of the nets that compare GELU with its random sibling
  std::string data = "mnist";
  Index train_rows = 1000, test_rows = 2000;
  Index width = 128;
  std::int64_t steps = 300;
};

/// The sizes of the settings' profile; `settings.seeds` replaces the number of trained nets.
ShapesPlan shapes_plan(const ExperimentSettings& settings);

/// Claims S1 to S26 (section 1 of the list of claims).
Report activation_shapes(const ExperimentSettings& settings);
Report activation_shapes(const ExperimentSettings& settings, const ShapesPlan& plan);

/// Rules of single claims; tests pin them down.
namespace shapes {

constexpr double exact = 1e-6;       ///< how near a measured constant is to theory's
constexpr double centred = 0.01;     ///< "zero-centred": the mean of f(z), z ~ N(0, 1), is no farther from 0
constexpr double half_width = 1e-3;  ///< "a practical approximation": half precision resolves no more near 1

/// S7: "very slightly" non-monotonic against others that are simply so: its dip and its steepest descent are each less
/// than half of theirs. Conditional where it falls somewhere, but not slightly; refuted where it never falls.
Ruling very_slightly(double dip, double descent, double other_dip, double other_descent);

/// S14: a stochastic regularizer is random, and closes at least half of the gap that dropout closes (`change` and
/// `by_dropout` are changes of test loss - training loss). Conditional where only one is so.
Ruling stochastic_regularizer(bool random, const Measurement& change, const Measurement& by_dropout);

/// S16: one function at beta = 1, and whether it stays one when beta is trained.
Ruling same_function(double apart_at_one, double apart_elsewhere);

}  // namespace shapes

}  // namespace evengrad
