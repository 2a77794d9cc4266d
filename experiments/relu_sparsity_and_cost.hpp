#pragma once

#include <evengrad/experiments/experiment.hpp>
#include <evengrad/experiments/rules.hpp>

#include <evengrad/core/types.hpp>

namespace evengrad {

/// How large the experiment is.
struct CostPlan {
  int nets = 10;                                ///< seeds of a measurement that is not a time
  int rounds = 9;                               ///< of times
  int repetitions = 5;                          ///< a round keeps the shortest of so many
  Index width = 256, depth = 30, inputs = 256;  ///< of nets at their start
  Index trained_width = 64, trained_depth = 5;
  std::int64_t epochs = 40;
  Index features = 128;                               ///< of the linear probe
  std::vector<Index> sizes = {2048, 65536, 1 << 22};  ///< numbers that an activation is applied to
  std::vector<Index> models = {64, 128, 256, 512};    ///< widths d of feed-forward blocks d, 4d, d
  Index tokens = 128;
  Index product = 512;  ///< the weight's rows and columns
};

/// What the settings ask for.
CostPlan cost_plan(const ExperimentSettings& settings);

/// Zeros in ReLU nets, what they are worth, and what activations cost: claims R1 to R9.
Report relu_sparsity_and_cost(const ExperimentSettings& settings, const CostPlan& plan);
Report relu_sparsity_and_cost(const ExperimentSettings& settings);

namespace cost {

/// a b, multiplying nothing by a zero of a.
Matrix<float> skipping_product(const Matrix<float>& a, const Matrix<float>& b);

/// The test accuracy of the linear classifier of two classes that fits +1 and -1 best in the mean square over the
/// training features (a constant is added), with a ridge of 1e-6 a sample.
double probe_accuracy(const Matrix<double>& train, const std::vector<std::int32_t>& train_labels,
                      const Matrix<double>& test, const std::vector<std::int32_t>& test_labels);

/// Multiply-adds, counted twice, of one Transformer layer of width d on s tokens: its feed-forward block (d, 4d, d),
/// and its attention (four projections, scores and the weighted sum).
double feed_forward_flop(double s, double d);
double attention_flop(double s, double d);

}  // namespace cost

}  // namespace evengrad
