#include <evengrad/core/arena.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <vector>

namespace evengrad {
namespace {

TEST(Arena, HandsOutAlignedRoomThatDoesNotOverlap) {
  Arena arena;
  std::vector<std::pair<unsigned char*, std::size_t>> pieces;
  for (std::size_t i = 0; i < 200; ++i) {
    const std::size_t size = i * i % 5000;
    auto* p = arena.allocate<unsigned char>(size);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(p) % Arena::alignment, 0u);
    std::fill_n(p, size, static_cast<unsigned char>(i));
    pieces.push_back({p, size});
  }
  for (std::size_t i = 0; i < pieces.size(); ++i) {
    const auto [p, size] = pieces[i];
    EXPECT_EQ(std::count(p, p + size, static_cast<unsigned char>(i)), static_cast<std::ptrdiff_t>(size)) << i;
  }
}

TEST(Arena, GivesRoomForOneLargeValue) {
  Arena arena;
  arena.allocate<char>(1);
  auto* p = arena.allocate<double>(1'000'000);
  p[0] = p[999'999] = 1;
  EXPECT_GE(arena.capacity(), 8'000'000u);
}

TEST(Arena, ReleaseTakesBackWhatCameSinceTheMark) {
  Arena arena;
  arena.allocate<float>(10);
  const Arena::Mark mark = arena.mark();
  float* first = arena.allocate<float>(100);
  arena.allocate<float>(100'000);  // in another chunk
  arena.release(mark);
  EXPECT_EQ(arena.allocate<float>(100), first);
}

TEST(Arena, ReleasedChunksAreUsedAgain) {
  Arena arena;
  const Arena::Mark mark = arena.mark();
  std::size_t capacity = 0;
  for (int round = 0; round < 5; ++round) {
    arena.allocate<float>(1000);
    arena.allocate<float>(50'000);
    if (round == 0) capacity = arena.capacity();
    arena.release(mark);
  }
  EXPECT_EQ(arena.capacity(), capacity);
}

TEST(Arena, ClearMakesOneChunkThatHoldsAStep) {
  Arena arena;
  const auto step = [&] {
    std::vector<std::byte*> at;
    for (std::size_t size : {10'000, 3, 90'000, 64, 20'000}) at.push_back(arena.allocate<std::byte>(size));
    return at;
  };
  step();
  arena.clear();
  const std::size_t capacity = arena.capacity();
  const auto second = step();
  EXPECT_EQ(arena.capacity(), capacity);
  // One chunk: values lie one after the other.
  EXPECT_TRUE(std::is_sorted(second.begin(), second.end()));
  EXPECT_LE(second.back() - second.front(), static_cast<std::ptrdiff_t>(capacity));
  arena.clear();
  EXPECT_EQ(step(), second);
}

TEST(Arena, EmptyOnesMayBeCleared) {
  Arena arena;
  arena.clear();
  EXPECT_EQ(arena.capacity(), 0u);
  EXPECT_NE(arena.allocate<float>(0), nullptr);
}

}  // namespace
}  // namespace evengrad
