#include <evengrad/experiments/timing.hpp>

#include <gtest/gtest.h>

namespace evengrad {
namespace {

TEST(Timing, LongerActionsTakeLonger) {
  volatile double sink = 0;
  const auto work = [&](int count) {
    return [&sink, count] {
      for (int i = 0; i < count; ++i) sink = sink + 1;
    };
  };
  const std::vector<double> times = shortest_times({work(1000), work(30000)}, 5);
  ASSERT_EQ(times.size(), 2u);
  EXPECT_GT(times[0], 0);
  EXPECT_GT(times[1], 5 * times[0]);
}

TEST(Timing, CallsEachActionInTurn) {
  int calls = 0, order = 0, last = -1;
  const auto noted = [&](int number) {
    return [&, number] {
      ++calls;
      if (number != last) ++order;
      last = number;
    };
  };
  shortest_times({noted(0), noted(1), noted(2)}, 4, 0);
  EXPECT_EQ(order, 3 + 3 + 2 + 2 + 2);  // to count, forwards, and then back and forth from where it was
  EXPECT_EQ(calls, 3 * (4 + 4 * 2));    // one call is as long as asked for
}

TEST(Timing, RatiosAreTakenWithinARound) {
  // The second round ran at half the speed, the last met something else.
  const Measurement ratio = time_ratio({{1, 3}, {2, 6}, {1, 3}, {1, 3}, {1, 3}, {1, 3}, {1, 3}, {1, 3}, {1, 90}}, 1, 0);
  EXPECT_EQ(ratio.value, 3);
  EXPECT_EQ(ratio.low, 3);
  EXPECT_EQ(ratio.high, 3);
}

}  // namespace
}  // namespace evengrad
