// Tasks on several threads, in which nets are trained: nets of different tasks that are alike train side by side in the
// lanes of a vector, and no task need know of another.
#pragma once

#include <evengrad/core/parameter.hpp>
#include <evengrad/training/ensemble.hpp>

#include <memory>
#include <mutex>
#include <vector>

namespace evengrad {

/// Runs tasks. One that comes to train() with a net that pays to be trained beside others waits there while further
/// tasks begin; when enough wait, a thread trains all of their nets at once and takes each task on from where it was.
class Crew {
 public:
  explicit Crew(int threads, SideBySide when = SideBySide::where_it_pays);
  ~Crew();

  /// task(0), ..., task(count - 1), begun in this order, no more than `threads` running at a time. Once one has thrown
  /// none is begun, those that wait are unwound, and what the lowest number threw is thrown.
  void run(int count, FunctionRef<void(int)> task);

  /// trainer.run(), within a task or not: the same bits. \throws what that throws.
  template <Real S>
  static TrainResult train(Trainer<S>& trainer);

  /// Seconds that the calling task has waited, less its share of those in which its nets were trained.
  static double idle_seconds();

 private:
  class Task;
  using Group = std::vector<std::unique_ptr<Task>>;  // of nets that are alike

  void work(FunctionRef<void(int)> task);
  void begin(int number, FunctionRef<void(int)> task);
  void go_on(std::unique_ptr<Task> task);
  void train(Group group);
  Group next_group();

  const int threads_;
  const SideBySide when_;
  std::mutex mutex_;  // for all below
  int count_ = 0, next_ = 0;
  Index waiting_ = 0;  // tasks in the groups
  bool failed_ = false;
  std::vector<Group> groups_;  // the oldest first
  std::vector<std::exception_ptr> errors_;
};

}  // namespace evengrad
