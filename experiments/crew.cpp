#include <evengrad/experiments/crew.hpp>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <optional>
#include <system_error>
#include <thread>
#include <utility>
#include <variant>

namespace evengrad {

namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) { return std::chrono::duration<double>(Clock::now() - start).count(); }

// Unwinds a task that waits and is not wanted any more.
struct Unwanted {};

// A function that can pause: it has a thread of its own, which runs only while somebody waits in resume().
class Strand {
 public:
  /// \throws std::system_error if the system has no more threads.
  explicit Strand(std::function<void()> body)
      : thread_([this, body = std::move(body)] {
          wait_until(true);
          body();
          ended_ = true;
          hand_over(false);
        }) {}
  ~Strand() { thread_.join(); }

  /// Until the function pauses or ends; whether it has ended.
  bool resume() {
    hand_over(true);
    wait_until(false);
    return ended_;
  }
  /// Called by the function.
  void pause() {
    hand_over(false);
    wait_until(true);
  }

 private:
  void hand_over(bool inside) {
    const std::lock_guard lock(mutex_);
    inside_ = inside;
    changed_.notify_one();
  }
  void wait_until(bool inside) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return inside_ == inside; });
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  bool inside_ = false, ended_ = false;
  std::thread thread_;  // the last: it uses the others
};

}  // namespace

/// A task and, while it waits, the trainer that it waits with.
class Crew::Task {
 public:
  Task(SideBySide when, std::function<void()> body)
      : when_(when), strand_([this, body = std::move(body)] {
          here = this;
          body();
        }) {}

  bool resume() { return strand_.resume(); }

  template <Real S>
  TrainResult train(Trainer<S>& trainer) {
    trainer_ = &trainer;
    if (!why_alone(trainer).empty() || !pays(ensemble_lanes<S>())) return trainer.run();
    const auto start = Clock::now();
    strand_.pause();
    idle_seconds += seconds_since(start);
    if (unwanted) throw Unwanted();
    if (!outcome) return trainer.run();
    const TrainOutcome got = *std::exchange(outcome, std::nullopt);
    if (got.error) std::rethrow_exception(got.error);
    return got.result;
  }

  // What the crew asks of a task that waits.
  Index lanes() const {
    return std::visit([]<Real S>(Trainer<S>*) { return ensemble_lanes<S>(); }, trainer_);
  }
  bool is_like(const Task& other) const {
    return trainer_.index() == other.trainer_.index() &&
           std::visit(
               [&]<Real S>(Trainer<S>* trainer) { return alike(*trainer, *std::get<Trainer<S>*>(other.trainer_)); },
               trainer_);
  }
  bool pays(Index nets) const {
    return when_ == SideBySide::always ||
           std::visit([&](const auto* trainer) { return pays_side_by_side(*trainer, nets); }, trainer_);
  }
  static void train(const Group& group) {
    const auto start = Clock::now();
    std::visit(
        [&]<Real S>(Trainer<S>*) {
          std::vector<Trainer<S>*> trainers;
          for (const auto& task : group) trainers.push_back(std::get<Trainer<S>*>(task->trainer_));
          const std::vector<TrainOutcome> outcomes = train_together<S>(trainers, SideBySide::always);
          for (std::size_t i = 0; i < group.size(); ++i) group[i]->outcome = outcomes[i];
        },
        group.front()->trainer_);
    for (const auto& task : group) task->idle_seconds -= seconds_since(start) / static_cast<double>(group.size());
  }

  static thread_local Task* here;       // whose thread this is
  std::optional<TrainOutcome> outcome;  // none: it is to train alone
  bool unwanted = false;
  double idle_seconds = 0;

 private:
  const SideBySide when_;
  std::variant<Trainer<float>*, Trainer<double>*> trainer_;
  Strand strand_;  // the last: it uses the others
};

thread_local Crew::Task* Crew::Task::here = nullptr;

Crew::Crew(int threads, SideBySide when) : threads_(threads), when_(when) {}
Crew::~Crew() = default;

template <Real S>
TrainResult Crew::train(Trainer<S>& trainer) {
  return Task::here ? Task::here->train(trainer) : trainer.run();
}

double Crew::idle_seconds() { return Task::here ? Task::here->idle_seconds : 0; }

void Crew::run(int count, FunctionRef<void(int)> task) {
  count_ = count;
  next_ = 0;
  failed_ = false;
  errors_.assign(static_cast<std::size_t>(count), nullptr);
  std::vector<std::thread> threads;
  for (int t = 1; t < std::min(threads_, count); ++t) {
    try {
      threads.emplace_back([&] { work(task); });
    } catch (const std::system_error&) {
      break;  // the system has no more threads: go on with those there are
    }
  }
  work(task);
  for (std::thread& thread : threads) thread.join();
  for (const std::exception_ptr& error : errors_) {
    if (error) std::rethrow_exception(error);
  }
}

void Crew::work(FunctionRef<void(int)> task) {
  for (;;) {
    int number = -1;
    Group group;
    {
      const std::lock_guard lock(mutex_);
      group = next_group();
      if (group.empty()) {
        if (failed_ || next_ == count_) return;
        number = next_++;
      }
    }
    if (group.empty()) {
      begin(number, task);
    } else {
      train(std::move(group));
    }
  }
}

// The tasks that are to go on, if any: those of a full vector or, if too many wait or nothing else is to begin, of the
// oldest group.
Crew::Group Crew::next_group() {
  constexpr Index vectors_waiting = 3;  // what waits is not done: whoever is killed now would lose its start
  if (groups_.empty()) return {};
  const Index lanes = groups_.front().front()->lanes();
  auto ready = std::find_if(groups_.begin(), groups_.end(),
                            [](const Group& group) { return std::ssize(group) == group.front()->lanes(); });
  if (ready == groups_.end() && (failed_ || next_ == count_ || waiting_ >= vectors_waiting * lanes)) {
    ready = groups_.begin();
  }
  if (ready == groups_.end()) return {};
  Group group;
  if (failed_ || ready->front()->pays(std::ssize(*ready))) {
    group = std::move(*ready);
    groups_.erase(ready);
  } else {  // alone: the others of the group may do so on other threads
    group.push_back(std::move(ready->front()));
    ready->erase(ready->begin());
    if (ready->empty()) groups_.erase(ready);
  }
  waiting_ -= std::ssize(group);
  return group;
}

void Crew::begin(int number, FunctionRef<void(int)> task) {
  const auto body = [this, number, task] {
    try {
      task(number);
    } catch (const Unwanted&) {
    } catch (...) {
      const std::lock_guard lock(mutex_);
      errors_[static_cast<std::size_t>(number)] = std::current_exception();
      failed_ = true;
    }
  };
  std::unique_ptr<Task> strand;
  if (when_ != SideBySide::never) {
    try {
      strand = std::make_unique<Task>(when_, body);
    } catch (const std::system_error&) {  // no more threads: it trains alone
    }
  }
  strand ? go_on(std::move(strand)) : body();
}

void Crew::go_on(std::unique_ptr<Task> task) {
  if (task->resume()) return;
  const std::lock_guard lock(mutex_);
  ++waiting_;
  const auto like = std::find_if(groups_.begin(), groups_.end(), [&](const Group& group) {
    return std::ssize(group) < task->lanes() && group.front()->is_like(*task);
  });
  Group& group = like == groups_.end() ? groups_.emplace_back() : *like;
  group.push_back(std::move(task));
}

void Crew::train(Group group) {
  bool unwanted;
  {
    const std::lock_guard lock(mutex_);
    unwanted = failed_;
  }
  if (!unwanted && group.front()->pays(std::ssize(group))) Task::train(group);
  for (std::unique_ptr<Task>& task : group) {
    task->unwanted = unwanted;
    go_on(std::move(task));
  }
}

template TrainResult Crew::train(Trainer<float>&);
template TrainResult Crew::train(Trainer<double>&);

}  // namespace evengrad
