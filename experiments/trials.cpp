#include <evengrad/experiments/trials.hpp>

#include <evengrad/core/error.hpp>

#include <algorithm>
#include <atomic>
#include <exception>
#include <thread>

namespace evengrad {

Trials::Trials(const ExperimentSettings& settings) : settings_(settings) {
  if (settings.jobs < 1) throw UsageError(text("jobs must be at least 1, got ", settings.jobs));
}

void Trials::check_stop() const {
  if (settings_.stop && settings_.stop()) throw Interrupted();
}

void Trials::run_all(const std::string& what, int count, double share, FunctionRef<void(int)> trial) {
  check_stop();
  std::atomic<int> next = 0;
  std::atomic<bool> failed = false;
  std::vector<std::exception_ptr> errors(static_cast<std::size_t>(count));
  const auto work = [&] {
    for (int i = next++; i < count && !failed; i = next++) {
      try {
        check_stop();
        trial(i);
        const std::lock_guard lock(progress_);
        done_ += share / count;
        if (settings_.on_progress) settings_.on_progress(std::min(done_, 1.0), what);
      } catch (...) {
        errors[static_cast<std::size_t>(i)] = std::current_exception();
        failed = true;
      }
    }
  };
  std::vector<std::thread> threads;
  for (int t = 1; t < std::min(settings_.jobs, count); ++t) {
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
