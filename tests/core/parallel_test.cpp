#include <evengrad/core/error.hpp>
#include <evengrad/core/parallel.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <latch>
#include <thread>
#include <vector>

namespace evengrad {
namespace {

class ThreadPoolTest : public ::testing::TestWithParam<int> {};

TEST_P(ThreadPoolTest, RunsEveryPieceOnce) {
  ThreadPool pool(GetParam());
  EXPECT_EQ(pool.threads(), GetParam());
  for (int pieces : {0, 1, 2, 3, 4, 5, 64, 1000}) {
    // Plain numbers: a piece run by two threads, or a result not visible to the caller, is a race that TSan sees.
    std::vector<int> runs(static_cast<std::size_t>(pieces));
    pool.run(pieces, [&](int piece) { ++runs[static_cast<std::size_t>(piece)]; });
    EXPECT_EQ(runs, std::vector<int>(static_cast<std::size_t>(pieces), 1));
  }
}

TEST_P(ThreadPoolTest, ManyRoundsSeeEachOthersResults) {
  ThreadPool pool(GetParam());
  std::vector<int> sums(8);
  constexpr int rounds = 3000;
  for (int round = 0; round < rounds; ++round) {
    // A piece reads what another piece, perhaps on another thread, wrote in the round before.
    std::vector<int> next(8);
    pool.run(8, [&](int piece) {
      const auto i = static_cast<std::size_t>(piece);
      next[i] = sums[(i + 1) % 8] + 1;
    });
    sums.swap(next);
  }
  EXPECT_EQ(sums, std::vector<int>(8, rounds));
}

TEST_P(ThreadPoolTest, WakesThreadsThatWentToSleep) {
  ThreadPool pool(GetParam());
  for (int round = 0; round < 5; ++round) {
    std::this_thread::sleep_for(std::chrono::milliseconds(3));
    std::atomic<int> count{0};
    pool.run(16, [&](int) { ++count; });
    EXPECT_EQ(count, 16);
  }
}

TEST_P(ThreadPoolTest, MayEndAtOnceOrRightAfterWork) {
  for (int i = 0; i < 50; ++i) {
    const ThreadPool unused(GetParam());
    ThreadPool used(GetParam());
    std::atomic<int> count{0};
    used.run(4, [&](int) { ++count; });
    EXPECT_EQ(count, 4);
  }
}

INSTANTIATE_TEST_SUITE_P(Threads, ThreadPoolTest, ::testing::Values(1, 2, 3, 4));

// Two pieces that wait for each other end only if two threads run them; else the test's time limit ends it.
TEST(ThreadPool, UsesSeveralThreads) {
  ThreadPool pool(2);
  std::latch both(2);
  pool.run(2, [&](int) { both.arrive_and_wait(); });
  EXPECT_TRUE(both.try_wait());
}

TEST(ThreadPool, RefusesNoThreads) {
  EXPECT_THROW(ThreadPool(0), UsageError);
  EXPECT_THROW(ThreadPool(-1), UsageError);
}

}  // namespace
}  // namespace evengrad
