#include <evengrad/experiments/trials.hpp>

#include <evengrad/core/error.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <chrono>

namespace evengrad {

namespace {

// Everything but the code, the set's name and the trial's number that determines a result.
std::string settings_json(const ExperimentSettings& settings, int count) {
  const nlohmann::ordered_json json = {{"profile", to_string(settings.profile)},
                                       {"seed", settings.seed},
                                       {"seeds", settings.seeds},
                                       {"options", settings.options},
                                       {"trials", count}};
  return json.dump(-1, ' ', false, nlohmann::ordered_json::error_handler_t::replace);
}

}  // namespace

Trials::Trials(const ExperimentSettings& settings) : settings_(settings) {
  if (settings.jobs < 1) throw UsageError(text("jobs must be at least 1, got ", settings.jobs));
}

void Trials::check_stop() const {
  if (settings_.stop && settings_.stop()) throw Interrupted();
}

void Trials::run_all(Crew& crew, const Set& set, FunctionRef<void(int)> trial, const Save& save,
                     const Restore& restore) {
  check_stop();
  if (!sets_.insert(set.what).second) throw Error(text("two sets of trials are called '", set.what, "'"));
  ResultsStore* store = save ? settings_.store : nullptr;
  const TrialSet stored_as{settings_.experiment, set.what, settings_json(settings_, set.count)};
  std::vector<int> open;
  {
    const auto stored = store ? store->trials(stored_as) : std::map<int, StoredTrial>();
    for (int i = 0; i < set.count; ++i) {
      if (const auto found = stored.find(i); found != stored.end()) {
        restore(i, found->second.result);
      } else {
        open.push_back(i);
      }
    }
  }
  done_ += set.share * static_cast<double>(set.count - static_cast<int>(open.size())) / std::max(set.count, 1);

  const auto finish = [&](int n) {
    check_stop();
    const int number = open[static_cast<std::size_t>(n)];
    const auto start = std::chrono::steady_clock::now();
    trial(number);
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
    const std::lock_guard lock(progress_);
    if (store) {
      const double busy = took.count() - Crew::idle_seconds();
      store->add(stored_as, {number, set.label ? set.label(number) : "", save(number), busy});
    }
    done_ += set.share / set.count;
    if (settings_.on_progress) settings_.on_progress(std::min(done_, 1.0), set.what);
  };
  try {
    crew.run(static_cast<int>(open.size()), finish);
  } catch (...) {
    check_stop();
    throw;
  }
  check_stop();
}

}  // namespace evengrad
