#include <evengrad/core/parallel.hpp>

#include <evengrad/core/error.hpp>

#include <atomic>
#include <thread>
#include <vector>

namespace evengrad {

namespace {
// Pieces of one step follow each other within microseconds: look for the next a while before going to sleep.
constexpr int spins = 4000;

inline void pause_briefly() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#endif
}
}  // namespace

struct ThreadPool::Shared {
  // What to call: written before `unclaimed`, read by who has claimed a piece, so never while it is read.
  void (*call)(void*, int) = nullptr;
  void* context = nullptr;
  std::atomic<int> unclaimed{0};         // pieces nobody has taken
  std::atomic<int> unfinished{0};        // pieces that are not done: the caller waits for these, not for the threads
  std::atomic<std::uint64_t> rounds{0};  // calls of run; a worker waits for the next
  std::atomic<bool> stop{false};
  std::vector<std::thread> workers;

  // Also runs when a thread could not be started: those before it must not wait for ever.
  ~Shared() {
    stop = true;
    wake_workers();
    for (std::thread& worker : workers) worker.join();
  }

  void wake_workers() {
    rounds.fetch_add(1);
    rounds.notify_all();
  }

  void take_pieces() {
    for (int left = unclaimed.load(); left > 0;) {
      if (!unclaimed.compare_exchange_weak(left, left - 1)) continue;
      call(context, left - 1);
      if (unfinished.fetch_sub(1) == 1) unfinished.notify_one();
      left = unclaimed.load();
    }
  }

  void work() {
    for (std::uint64_t seen = 0;;) {
      for (int i = 0; i < spins && rounds.load() == seen; ++i) pause_briefly();
      rounds.wait(seen);
      if (stop.load()) return;
      seen = rounds.load();
      take_pieces();
    }
  }
};

ThreadPool::ThreadPool(int threads) : threads_(threads) {
  constexpr int most = 1024;  // a typing error should not start as many as the system gives
  if (threads < 1 || threads > most) throw UsageError(text("threads must be 1 to ", most, ", got ", threads));
  if (threads == 1) return;
  shared_ = std::make_unique<Shared>();
  for (int i = 1; i < threads; ++i) shared_->workers.emplace_back([shared = shared_.get()] { shared->work(); });
}

ThreadPool::~ThreadPool() = default;

void ThreadPool::run_pieces(int pieces, void (*call)(void*, int), void* context) {
  shared_->call = call;
  shared_->context = context;
  shared_->unfinished.store(pieces);
  shared_->unclaimed.store(pieces);
  shared_->wake_workers();
  shared_->take_pieces();
  for (int i = 0; i < spins && shared_->unfinished.load() != 0; ++i) pause_briefly();
  for (int left = shared_->unfinished.load(); left != 0; left = shared_->unfinished.load()) {
    shared_->unfinished.wait(left);
  }
}

}  // namespace evengrad
