#include <evengrad/activations/registry.hpp>
#include <evengrad/experiments/scans.hpp>

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace evengrad {
namespace {

TEST(Scans, FindExtrema) {
  const Extremum top = highest([](double x) { return std::sin(x); }, 0, 3);
  EXPECT_NEAR(top.at, M_PI / 2, 1e-7);
  EXPECT_NEAR(top.value, 1, 1e-15);
  const Extremum bottom = lowest([](double x) { return x * x - 2 * x; }, -10, 10);
  EXPECT_NEAR(bottom.at, 1, 1e-7);
  EXPECT_NEAR(bottom.value, -1, 1e-15);
}

TEST(Scans, FindExtremaAtTheEdgeAndAtAKink) {
  EXPECT_EQ(highest([](double x) { return x; }, -1, 2).value, 2);
  const Extremum kink = lowest([](double x) { return std::abs(x - 0.123456789); }, -1, 1);
  EXPECT_NEAR(kink.at, 0.123456789, 1e-8);
}

TEST(Scans, FindTheVeryFirstFloat) {
  const Activation identity;
  const auto first = [&](float limit, float from, float to) {
    return first_float(identity, from, to, [&](float v, float) { return std::abs(v) > std::abs(limit); });
  };
  EXPECT_EQ(first(3, 1, 8), std::nextafter(3.0F, 4.0F));
  EXPECT_EQ(first(-3, -1, -8), std::nextafter(-3.0F, -4.0F));
  EXPECT_EQ(first(8, 1, 8), std::nullopt);
}

TEST(Scans, RangesCoverBothSigns) {
  const FloatRange range = float_range(activation("min(max(x, -2), 3)"), 1 << 12);
  EXPECT_EQ(range.least, -2);
  EXPECT_EQ(range.greatest, 3);
  EXPECT_GT(float_range(Activation(), 1 << 12).greatest, 0.9 * static_cast<double>(std::numeric_limits<float>::max()));
}

}  // namespace
}  // namespace evengrad
