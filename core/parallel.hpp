// A few threads that wait for work. What they compute never depends on how many they are.
#pragma once

#include <evengrad/core/types.hpp>

#include <cstdint>
#include <memory>
#include <type_traits>

namespace evengrad {

struct Part {
  Index begin, end;
  Index size() const { return end - begin; }
};

/// Piece number `piece` of `count` things, of `pieces` whose sizes differ by at most one.
inline Part part_of(Index count, int piece, int pieces) {
  if (pieces == 1) return {0, count};  // without two divisions, which count in the smallest nets
  return {count * piece / pieces, count * (piece + 1) / pieces};
}

/// Runs independent pieces of work on `threads` threads, the calling one included.
class ThreadPool {
 public:
  /// \throws UsageError unless there are 1 to 1024.
  explicit ThreadPool(int threads = 1);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  int threads() const { return threads_; }

  /// Calls body(piece) for every piece in [0, pieces) and returns when all are done. Nothing is allocated.
  /// The body must not throw.
  template <class Body>
  void run(int pieces, Body&& body) {
    if (threads_ == 1 || pieces <= 1) {
      for (int piece = 0; piece < pieces; ++piece) body(piece);
      return;
    }
    run_pieces(
        pieces, [](void* context, int piece) { (*static_cast<std::remove_reference_t<Body>*>(context))(piece); },
        const_cast<void*>(static_cast<const void*>(&body)));
  }

 private:
  struct Shared;
  void run_pieces(int pieces, void (*call)(void*, int), void* context);

  int threads_;
  std::unique_ptr<Shared> shared_;
};

}  // namespace evengrad
