// What the page of `train --report` shows of a run beside its outcome, thinned to what a reader can see.
#pragma once

#include <evengrad/data/dataset.hpp>
#include <evengrad/layers/layer.hpp>
#include <evengrad/training/probe.hpp>

#include <optional>
#include <string>
#include <vector>

namespace evengrad {

/// What a net answers over the plane of its two inputs.
struct DecisionBoundary {
  std::string x_label, y_label;
  std::vector<double> x, y;                 ///< the grid's axes, in the units of the data
  std::vector<std::vector<double>> values;  ///< one list a y: P(class 1) of two classes, else the class; or the output
  std::optional<Index> classes;             ///< null for regression
  std::vector<double> point_x, point_y;     ///< training samples, evenly chosen
  std::vector<double> point_label;          ///< class or target
};

/// On a grid a little wider than the training data; null unless there are two inputs.
template <Real S>
std::optional<DecisionBoundary> decision_boundary(Layer<S>& model, const Split<S>& data);

/// A JSON object with the fields `layers`, `log`, `epoch_log`, `probe`, `facts` and `boundary` of
/// docs/report.schema.json, numbers with six digits: at most about 2,000 steps, in each stretch those with the smallest
/// and the largest loss, and about 600 rows of layers.
std::string training_details(const TrainingRecord& record, const std::optional<DecisionBoundary>& boundary);

}  // namespace evengrad
