// The results store of a training run: what its probe saw, its epochs and findings, for reports and queries.
#pragma once

#include "results_folder.hpp"

#include <evengrad/training/health.hpp>

#include <optional>
#include <span>
#include <string>
#include <vector>

namespace evengrad::cli {

/// Does nothing without a folder. docs/results.md describes the layout.
class TrainStore {
 public:
  /// `settings` is all that the run's result depends on, as JSON. \throws FileError for a folder that holds results
  /// which are neither to be gone on with nor overwritten, or cannot be used.
  TrainStore(const ResultsOptions& options, const ResultsFolder::Facts& facts, std::string settings);

  /// Starts, or goes on behind what this record holds: what a killed run wrote after it is taken away.
  void begin(const TrainingRecord& record);
  /// The newest rows of the record, those of one step.
  void add_rows(const TrainingRecord& record, std::size_t count);
  /// The newest epoch of the record, with the losses of its steps.
  void add_epoch(const TrainingRecord& record);
  void set_findings(const std::vector<Finding>& findings);

 private:
  TrialSet set(const char* name) const { return {"train", name, settings_}; }

  std::string settings_;
  std::optional<ResultsFolder> folder_;
};

}  // namespace evengrad::cli
