#include <evengrad/training/tensor_summary.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <vector>

namespace evengrad {
namespace {

std::size_t bin(bool negative, int decade) {
  const auto zero = static_cast<std::ptrdiff_t>(TensorSummary::decades);
  const std::ptrdiff_t out = 1 + decade - TensorSummary::lowest;
  return static_cast<std::size_t>(negative ? zero - out : zero + out);
}

template <class S>
class Summaries : public testing::Test {};
using Scalars = testing::Types<float, double>;
TYPED_TEST_SUITE(Summaries, Scalars);

TYPED_TEST(Summaries, HaveMomentsAndSignedDecades) {
  const std::vector<TypeParam> x = {1, -1, 0, 10, -0.25, TypeParam(9.5), TypeParam(-0.0), 1000, TypeParam(1e-20)};
  const TensorSummary s = summarize(x.data(), static_cast<Index>(x.size()));
  EXPECT_NEAR(s.mean, 1019.25 / 9, 1e-12);
  EXPECT_NEAR(s.magnitude, 1021.75 / 9, 1e-12);
  const double square = (1 + 1 + 100 + 0.0625 + 90.25 + 1e6) / 9;
  EXPECT_NEAR(s.rms, std::sqrt(square), 1e-10);
  EXPECT_NEAR(s.deviation, std::sqrt(square - 1019.25 / 9 * 1019.25 / 9), 1e-9);
  EXPECT_EQ(s.min, -1);
  EXPECT_EQ(s.max, 1000);
  std::vector<double> expected(TensorSummary::bins, 0);
  expected[TensorSummary::decades] = 2;  // 0 and -0
  ++expected[bin(false, 0)];             // 1
  ++expected[bin(false, 0)];             // 9.5
  ++expected[bin(true, 0)];
  ++expected[bin(false, 1)];
  ++expected[bin(true, -1)];
  ++expected[bin(false, 3)];
  ++expected[bin(false, TensorSummary::lowest)];  // what is smaller is counted there
  EXPECT_EQ(s.histogram, expected);
}

TYPED_TEST(Summaries, EveryDecadeBeginsAtItsPowerOfTen) {
  for (int decade = TensorSummary::lowest + 1; decade <= TensorSummary::highest; ++decade) {
    const auto at = static_cast<TypeParam>(std::pow(10.0, decade));
    const TypeParam x[] = {at, -std::nextafter(at, TypeParam(0))};
    const TensorSummary s = summarize(x, 2);
    EXPECT_EQ(s.histogram[bin(false, decade)], 1) << decade;
    EXPECT_EQ(s.histogram[bin(true, decade - 1)], 1) << decade;
  }
}

TYPED_TEST(Summaries, AreTheSameForEveryCount) {
  std::vector<TypeParam> x;
  double sum = 0, magnitude = 0, squares = 0;
  for (int i = 0; i < 23; ++i) {
    x.push_back(static_cast<TypeParam>((i * 7 % 23 - 9) * 0.25));
    const auto wide = static_cast<double>(x.back());
    sum += wide, magnitude += std::abs(wide), squares += wide * wide;
    const TensorSummary s = summarize(x.data(), static_cast<Index>(x.size()));
    const auto n = static_cast<double>(x.size());
    EXPECT_DOUBLE_EQ(s.mean, sum / n);
    EXPECT_DOUBLE_EQ(s.magnitude, magnitude / n);
    EXPECT_DOUBLE_EQ(s.rms, std::sqrt(squares / n));
    EXPECT_EQ(s.min, *std::min_element(x.begin(), x.end()));
    EXPECT_EQ(s.max, *std::max_element(x.begin(), x.end()));
    EXPECT_EQ(std::accumulate(s.histogram.begin(), s.histogram.end(), 0.0), n);
  }
}

// Of a large matrix the histogram counts a sample that leaves out no column.
TYPED_TEST(Summaries, OfLargeTensorsCountASample) {
  constexpr int rows = 1000, cols = 60;  // 60,000 numbers: every 59th
  for (int column = 0; column < cols; column += 13) {
    std::vector<TypeParam> x(rows * cols, TypeParam(1));
    for (int row = 0; row < rows; ++row) x[static_cast<std::size_t>(row * cols + column)] = TypeParam(100);
    const TensorSummary s = summarize(x.data(), rows * cols);
    EXPECT_NEAR(s.mean, (59 + 100) / 60.0, 1e-12);
    const double counted = std::accumulate(s.histogram.begin(), s.histogram.end(), 0.0);
    EXPECT_GT(counted, 512);
    EXPECT_LE(counted, 1024);
    EXPECT_NEAR(s.histogram[bin(false, 2)] / counted, 1 / 60.0, 0.003);
  }
}

}  // namespace
}  // namespace evengrad
