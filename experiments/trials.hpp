// Independent trials on several threads: what they return comes back in the order of their numbers and does not depend
// on how many threads there were.
#pragma once

#include <evengrad/core/parameter.hpp>
#include <evengrad/experiments/experiment.hpp>

#include <mutex>
#include <optional>
#include <string>
#include <type_traits>
#include <vector>

namespace evengrad {

/// Runs the trials of one experiment, a set after the other, and tells its progress.
class Trials {
 public:
  /// The settings must outlive it. \throws UsageError for fewer than one job.
  explicit Trials(const ExperimentSettings& settings);

  /// trial(0), ..., trial(count - 1) on the settings' threads; a trial must depend on nothing but its number.
  /// `share` is the part of the whole experiment's work that these are, for the progress display.
  /// \throws Interrupted when asked to stop, else what a trial threw (the lowest number's if several did).
  template <class Trial>
  auto run(const std::string& what, int count, double share, Trial&& trial) {
    using Result = std::invoke_result_t<Trial&, int>;
    std::vector<std::optional<Result>> slots(static_cast<std::size_t>(count));
    run_all(what, count, share, [&](int i) { slots[static_cast<std::size_t>(i)].emplace(trial(i)); });
    std::vector<Result> results;
    for (std::optional<Result>& slot : slots) results.push_back(std::move(*slot));
    return results;
  }

  /// For long trials, now and then. \throws Interrupted when asked to stop.
  void check_stop() const;

 private:
  void run_all(const std::string& what, int count, double share, FunctionRef<void(int)> trial);

  const ExperimentSettings& settings_;
  std::mutex progress_;
  double done_ = 0;  // share of the experiment
};

}  // namespace evengrad
