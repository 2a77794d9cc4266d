#pragma once

#include <evengrad/experiments/experiment.hpp>
#include <evengrad/experiments/rules.hpp>

#include <evengrad/core/types.hpp>

namespace evengrad {

/// How large the experiment is.
struct DyingPlan {
  int nets = 10;                  ///< seeds of a measurement at the start
  int trained = 12;               ///< seeds of a measurement in training
  Index inputs = 512;             ///< on which a unit has to be silent: of Gaussian data, or all training data
  Index dimension = 256;          ///< of Gaussian data
  Index width = 256, depth = 50;  ///< of the nets at their start
  Index trained_width = 64, trained_depth = 10, prelu_depth = 8;
  Index norm_width = 256, norm_depth = 30;
  std::vector<double> rates = {0.001, 0.003, 0.006, 0.01, 0.03, 0.06, 0.1, 0.2, 0.3, 0.5, 1};
  std::int64_t epochs = 40;
};

/// What the settings ask for.
DyingPlan dying_plan(const ExperimentSettings& settings);

/// Silent units at the start and in training, what kills them and what prevents it: claims D1 to D21.
Report dying_relu(const ExperimentSettings& settings, const DyingPlan& plan);
Report dying_relu(const ExperimentSettings& settings);

namespace dying {

/// The share of silent units of each layer that theory expects of a He-ReLU net on m orthogonal inputs of variance 1,
/// where every bias starts at `bias`; without, the correlation of two inputs follows the arc-cosine kernel of order 1
/// (Cho and Saul 2009).
struct StartTheory {
  std::vector<double> silent, correlation;
};
StartTheory start_theory(Index depth, double m, double bias);

/// D2: of so many silent units (counted each time that they fell silent) so many became active again.
Case never_again(const std::string& name, double silent, double revived);
/// D6: the share of silent units at rates that grow.
Ruling ten_to_forty(const std::vector<MeasuredCase>& shares);
/// Whether at least half of the silent share goes, where there is one (above 1 %) to begin with.
Verdict prevents(const Measurement& without, const Measurement& gone);

}  // namespace dying

}  // namespace evengrad
