#pragma once

#include <evengrad/experiments/experiment.hpp>
#include <evengrad/experiments/rules.hpp>

#include <evengrad/core/types.hpp>

namespace evengrad {

/// How large the experiment is.
struct PairingPlan {
  int nets = 10;                                        ///< seeds of a measurement at the start
  int narrow_nets = 200;                                ///< of the narrow nets whose random spread is measured
  int trained = 3;                                      ///< seeds of a measurement in training
  std::vector<Index> depths = {5, 20, 50};              ///< of the matrix at the start, hidden layers
  Index width = 128;                                    ///< of the matrix at the start
  Index wide = 256;                                     ///< where a band around infinite width shall be narrow
  Index narrow = 64;                                    ///< where it shall be wide
  Index deep = 50;                                      ///< where depth is put to the test; at least 31
  std::vector<Index> smooth_depths = {10, 20, 30, 50};  ///< where GELU and SiLU meet He
  Index checked = 20;                                   ///< of single pairings at the start
  std::vector<Index> trained_depths = {5, 20};          ///< of the matrix in training
  std::vector<Index> wrong_depths = {5, 10, 20, 30};    ///< of nets with the wrong initializer in training
  Index trained_width = 64;
  std::int64_t steps = 300;
  std::int64_t long_steps = 1000;
  int recommended = 5;  ///< seeds of what the guide recommends, trained for long_steps
  Index correlated_depth = 100, correlated_width = 512;
};

/// What the settings ask for.
PairingPlan pairing_plan(const ExperimentSettings& settings);

/// Activations and initializers, every pair of them: signals and gradients at the start, losses after training, and
/// claims I1 to I17.
Report init_pairing(const ExperimentSettings& settings, const PairingPlan& plan);
Report init_pairing(const ExperimentSettings& settings);

namespace pairing {

/// Neither above the target by more than the factor, nor below it.
Verdict within_factor(const Measurement& m, double target, double factor);
/// Confirmed where the whole interval of a lies below that of b, refuted where it lies above, else undecided.
Verdict less(const Measurement& a, const Measurement& b);
/// Confirmed for refuted and the other way round.
Verdict inverse(Verdict verdict);

/// The first layer with a number that is not finite in float32: where the largest of `count` normal numbers, at about
/// sqrt(2 ln count) deviations, passes the largest float. `q` holds the variances of layers 1, 2, ...; 0 where none.
Index overflowing_layer(const std::vector<double>& q, Index count);

/// Of one net: whether its signal keeps its size at the start, and whether it learns.
struct Outcome {
  std::string name;
  bool stable = false, learns = false;
};
/// I17: stable nets learn and others do not. Confirmed without an exception, refuted where at least half are
/// exceptions, else conditional, with the counts.
Ruling stable_means_learning(const std::vector<Outcome>& nets);

}  // namespace pairing

}  // namespace evengrad
