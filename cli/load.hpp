// Models from files: what a file says of its net and its data decides what the command line leaves open.
#pragma once

#include <evengrad/training/setup.hpp>

#include <CLI/CLI.hpp>

namespace evengrad::cli {

/// Reads the model of --load and sets what its file knows and the command line does not say: widths, activations, norm,
/// residual, dropout, loss, features, classes, normalization and task. Null where the file has parameters only, as
/// those from elsewhere: then the options describe the net.
/// \throws UsageError where an option that was given contradicts the file, naming both; FileError for a broken file.
std::optional<SavedModel<double>> load_into(TrainingSetup& setup, const CLI::App& command, const std::string& path);

/// The loss for this model: `given`, or by the task; one output for two classes is bce.
std::string loss_of(const SavedModel<double>& saved, const std::string& given);

/// \throws Error naming both sides unless the data have the model's features, and outputs with this loss.
template <Real S>
void check_fit(const SavedModel<double>& saved, const std::string& path, const Dataset<S>& data,
               const std::string& loss);

/// Copies all parameters of a model into one of the same layers, whatever dropout lies between them.
template <Real S>
void copy_parameters(Layer<double>& from, Layer<S>& to);

}  // namespace evengrad::cli
