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
  void (*call)(void*, int) = nullptr;
  void* context = nullptr;
  int pieces = 0;
  std::atomic<std::uint64_t> round{0};  // counts calls of run; a worker waits for the next
  std::atomic<int> next{0};
  std::atomic<int> working{0};
  std::atomic<bool> stop{false};
  std::vector<std::jthread> workers;

  // Also runs when a thread could not be started: those before it must not wait for ever.
  ~Shared() {
    stop = true;
    round.fetch_add(1, std::memory_order_release);
    round.notify_all();
  }

  void take_pieces() {
    for (int piece = next.fetch_add(1); piece < pieces; piece = next.fetch_add(1)) call(context, piece);
  }

  void work() {
    for (std::uint64_t seen = 0;;) {
      for (int i = 0; i < spins && round.load(std::memory_order_acquire) == seen; ++i) pause_briefly();
      round.wait(seen, std::memory_order_acquire);
      if (stop.load()) return;
      seen = round.load(std::memory_order_acquire);
      take_pieces();
      if (working.fetch_sub(1) == 1) working.notify_one();
    }
  }
};

ThreadPool::ThreadPool(int threads) : threads_(threads) {
  if (threads < 1) throw UsageError(text("threads must be at least 1, got ", threads));
  if (threads == 1) return;
  shared_ = std::make_unique<Shared>();
  for (int i = 1; i < threads; ++i) shared_->workers.emplace_back([shared = shared_.get()] { shared->work(); });
}

ThreadPool::~ThreadPool() = default;

void ThreadPool::run_pieces(int pieces, void (*call)(void*, int), void* context) {
  shared_->call = call;
  shared_->context = context;
  shared_->pieces = pieces;
  shared_->next.store(0);
  shared_->working.store(threads_ - 1);
  shared_->round.fetch_add(1, std::memory_order_release);
  shared_->round.notify_all();
  shared_->take_pieces();
  for (int i = 0; i < spins && shared_->working.load() != 0; ++i) pause_briefly();
  for (int left = shared_->working.load(); left != 0; left = shared_->working.load()) shared_->working.wait(left);
}

}  // namespace evengrad
