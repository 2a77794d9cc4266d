// Independent trials on several threads: what they return comes back in the order of their numbers and does not depend
// on how many threads there were. Those that a results store holds already are not run again.
#pragma once

#include <evengrad/experiments/crew.hpp>
#include <evengrad/experiments/experiment.hpp>

#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <type_traits>
#include <vector>

namespace evengrad {

/// Runs the trials of one experiment, a set after the other, and tells its progress.
class Trials {
 public:
  /// What a trial is, for people who query the store: "relu he 20".
  using Label = std::function<std::string(int trial)>;

  /// The settings must outlive it. \throws UsageError for fewer than one job.
  explicit Trials(const ExperimentSettings& settings);

  /// trial(0), ..., trial(count - 1) on the settings' threads; a trial must depend on nothing but its number and the
  /// settings. What is not Storable is not kept: such trials run again. `what` names the set, no two alike. `share` is
  /// the part of the whole experiment's work that these are, for the progress display. \throws Interrupted when asked
  /// to stop, else what a trial threw (the lowest number's if several did).
  template <class Trial>
  auto run(const std::string& what, int count, double share, Trial&& trial, const Label& label = {}) {
    return run_on(Crew(settings_.jobs, settings_.side_by_side), what, count, share, trial, label);
  }

  /// The same, one after the other with nothing beside: for trials that take times.
  template <class Trial>
  auto run_alone(const std::string& what, int count, double share, Trial&& trial, const Label& label = {}) {
    return run_on(Crew(1, SideBySide::never), what, count, share, trial, label);
  }

  /// For long trials, now and then. \throws Interrupted when asked to stop.
  void check_stop() const;

  /// trainer.run() for a trial, beside the nets of other trials where that pays; sets its `stop`.
  /// \throws Interrupted when asked to stop.
  template <Real S>
  TrainResult train(Trainer<S>& trainer) const {
    trainer.stop = [this] {
      check_stop();
      return false;
    };
    return Crew::train(trainer);
  }

 private:
  template <class Trial>
  auto run_on(Crew crew, const std::string& what, int count, double share, Trial& trial, const Label& label) {
    using Result = std::invoke_result_t<Trial&, int>;
    std::vector<std::optional<Result>> slots(static_cast<std::size_t>(count));
    const auto slot = [&](int i) -> std::optional<Result>& { return slots[static_cast<std::size_t>(i)]; };
    Set set{.what = what, .count = count, .share = share, .label = label};
    const auto compute = [&](int i) { slot(i).emplace(trial(i)); };
    if constexpr (Storable<Result>) {
      run_all(
          crew, set, compute, [&](int i) { return to_row(*slot(i)); },
          [&](int i, const Row& row) { slot(i).emplace(from_row<Result>(row)); });
    } else {
      run_all(crew, set, compute, {}, {});
    }
    std::vector<Result> results;
    for (std::optional<Result>& result : slots) results.push_back(std::move(*result));
    return results;
  }

  struct Set {
    const std::string& what;
    int count;
    double share;
    const Label& label;
  };
  using Save = std::function<Row(int)>;
  using Restore = std::function<void(int, const Row&)>;
  void run_all(Crew& crew, const Set& set, FunctionRef<void(int)> trial, const Save& save, const Restore& restore);

  const ExperimentSettings& settings_;
  std::set<std::string> sets_;
  std::mutex progress_;
  double done_ = 0;  // share of the experiment
};

}  // namespace evengrad
