#include <evengrad/experiments/trials.hpp>

#include <evengrad/core/error.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <exception>
#include <thread>

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

void Trials::run_all(const Set& set, FunctionRef<void(int)> trial, const Save& save, const Restore& restore) {
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

  std::atomic<std::size_t> next = 0;
  std::atomic<bool> failed = false;
  std::vector<std::exception_ptr> errors(open.size());
  const auto work = [&] {
    for (std::size_t n = next++; n < open.size() && !failed; n = next++) {
      try {
        check_stop();
        const auto start = std::chrono::steady_clock::now();
        trial(open[n]);
        const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
        const std::lock_guard lock(progress_);
        if (store) {
          store->add(stored_as, {open[n], set.label ? set.label(open[n]) : "", save(open[n]), took.count()});
        }
        done_ += set.share / set.count;
        if (settings_.on_progress) settings_.on_progress(std::min(done_, 1.0), set.what);
      } catch (...) {
        errors[n] = std::current_exception();
        failed = true;
      }
    }
  };
  std::vector<std::thread> threads;
  for (int t = 1; t < std::min(set.jobs, static_cast<int>(open.size())); ++t) {
    try {
      threads.emplace_back(work);
    } catch (const std::system_error&) {
      break;  // the system has no more threads: go on with those there are
    }
  }
  work();
  for (std::thread& thread : threads) thread.join();
  check_stop();
  for (const std::exception_ptr& error : errors) {
    if (error) std::rethrow_exception(error);
  }
}

}  // namespace evengrad
