// How good a model's answers are, beyond its loss.
#pragma once

#include <evengrad/data/dataset.hpp>
#include <evengrad/layers/layer.hpp>

#include <optional>

namespace evengrad {

/// Of a classification the confusion matrix, of a regression errors in the targets' own units.
struct Evaluation {
  using Counts = Eigen::Matrix<Index, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;
  Counts confusion = {};                      ///< (classes, classes): rows of each true class by their answer
  std::optional<double> r2 = {};              ///< 1 - squared error / squared distance from the mean; none if constant
  std::optional<double> mae = {}, rmse = {};  ///< mean absolute, root mean square error

  /// The share of a class that was recognized; none where no row has it.
  std::optional<double> class_accuracy(Index c) const;
};

/// Judges the answers of a model that was trained on data like these. Throws what check() throws.
template <Real S>
Evaluation judge_answers(Layer<S>& model, const Dataset<S>& data);

}  // namespace evengrad
