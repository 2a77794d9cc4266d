#pragma once

#include <evengrad/experiments/experiment.hpp>
#include <evengrad/experiments/rules.hpp>

#include <evengrad/core/types.hpp>

namespace evengrad {

/// How large the experiment is.
struct VanishingPlan {
  int nets = 20;                                   ///< seeds of a measurement at the start
  int trained = 5;                                 ///< seeds of a measurement in training
  std::vector<Index> depths = {2, 5, 10, 20, 50};  ///< hidden layers
  Index deepest = 100;                             ///< where depth is put to the test
  Index width = 128;
  std::vector<Index> trained_depths = {2, 5, 10, 20, 50};
  Index stalled_depth = 30;
  Index trained_width = 64;
  std::int64_t steps = 300;
  std::int64_t long_steps = 1000;
};

/// What the settings ask for.
VanishingPlan vanishing_plan(const ExperimentSettings& settings);

/// Gradients by layer at the start and in training, and claims V1 to V13.
Report vanishing_gradients(const ExperimentSettings& settings, const VanishingPlan& plan);
Report vanishing_gradients(const ExperimentSettings& settings);

namespace vanishing {

/// A gradient of which less than this arrives has vanished.
constexpr double vanished = 0.01;
/// A net whose loss stays above this share of ln(classes) has not begun to learn; below the other one it has learned.
constexpr double stalled = 0.9, learned = 0.5;

/// V7: gates that pass exactly 1, and the share of the gradient that passes the whole net.
Ruling gates_and_whole(bool gates_are_one, const Measurement& whole);
/// V9: refuted where a net outside the family passes the gradient on and learns.
Ruling only_the_family(const Measurement& ratio, const Measurement& relative_loss);
/// V10: the share of neurons with gradients of one sign, for one sample, for a batch at the start and after training.
Ruling one_sign(const Measurement& sample, const Measurement& batch, const Measurement& trained);
/// V12: a wrong pairing does not begin to learn while the right one learns.
Verdict init_decides(const Measurement& wrong_loss, const Measurement& right_loss);

}  // namespace vanishing

}  // namespace evengrad
