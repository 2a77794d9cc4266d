// Experiment "softmax": the printed numbers, stability and Jacobian of softmax, and what temperature, distillation and
// softmax in hidden layers do to trained nets.
#pragma once

#include <evengrad/core/types.hpp>
#include <evengrad/experiments/experiment.hpp>
#include <evengrad/experiments/rules.hpp>

namespace evengrad {

/// How much is measured. The defaults are those of the quick profile.
struct SoftmaxPlan {
  int draws = 100'000;  ///< of a class, at each temperature
  int trained = 10;     ///< seeds
  std::string data = "mnist";
  Index teacher_rows = 4000;  ///< images that the teacher sees
  Index rows = 500;           ///< of those, what students and the net that is to be calibrated see
  Index test_rows = 2000;     ///< half of them choose the temperature
  Index width = 64;
  std::int64_t steps = 600;
  std::int64_t hidden_steps = 600;   ///< of the nets with a hidden softmax
  std::int64_t output_steps = 2000;  ///< of those with the wrong output layer
};

/// The sizes of the settings' profile; `settings.seeds` replaces the number of seeds.
SoftmaxPlan softmax_plan(const ExperimentSettings& settings);

/// Claims M1 to M12 (section 8 of the list of claims).
Report softmax_claims(const ExperimentSettings& settings);
Report softmax_claims(const ExperimentSettings& settings, const SoftmaxPlan& plan);

/// Parts that tests pin down.
namespace softmax_parts {

/// E ||J||_F^2 / n of the Jacobian of softmax over n units z ~ N(0, 1): the factor of the squared gradient through it.
/// With S = sum e^z_i, 1 / S^k is the integral of t^(k-1) e^(-tS) / (k-1)!, in which the expectations of the units
/// separate; for large n it tends to e / n^2.
double backward_factor(Index n);

/// The temperature at which the mean cross-entropy of softmax(logits / T) is least (Guo et al. 2017).
double fitted_temperature(const Matrix<double>& logits, const std::vector<std::int32_t>& labels);

/// The mean cross-entropy, and the expected calibration error over 15 bins of confidence (Guo et al. 2017).
struct Calibration {
  double loss = 0, error = 0;
};
Calibration calibration(const Matrix<double>& logits, const std::vector<std::int32_t>& labels, double temperature);

}  // namespace softmax_parts

}  // namespace evengrad
