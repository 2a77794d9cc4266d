#include <evengrad/core/numbers.hpp>
#include <evengrad/core/random.hpp>

#include <gtest/gtest.h>

#include <bit>
#include <cmath>

namespace evengrad {
namespace {

TEST(Numbers, AreTheShortestThatReadBack) {
  EXPECT_EQ(number_text(0.2), "0.2");
  EXPECT_EQ(number_text(100000), "1e+05");
  EXPECT_EQ(number_text(12345), "12345");
  EXPECT_EQ(number_text(-1e-300), "-1e-300");
  EXPECT_EQ(number_text(-0.0), "-0");
  EXPECT_EQ(number_text(-INFINITY), "-inf");
}

TEST(Numbers, AreReadAsFarAsTheyGo) {
  for (const std::string_view text : {"12.5*x", ".5", "5.", "1e-3x", "1e", "1e+", "-7e2,", "inf", "-Infinity", "nan"}) {
    const NumberRead library = read_number(text), own = portable::read_number(text);
    EXPECT_GT(library.length, 0u) << text;
    EXPECT_EQ(own.length, library.length) << text;
    EXPECT_TRUE(own.value == library.value || std::isnan(library.value)) << text;
  }
  for (const std::string_view text : {"", "-", ".", "+1", " 1", "e5", "x", "--1", "0x"}) {
    EXPECT_EQ(portable::read_number(text).length, read_number(text).length) << text;
  }
  for (const std::string_view text : {"1e400", "-1e400", "1e-400"}) {
    EXPECT_FALSE(read_number(text).in_range) << text;
    EXPECT_FALSE(portable::read_number(text).in_range) << text;
    EXPECT_EQ(portable::read_number(text).length, text.size());
  }
  EXPECT_TRUE(portable::read_number("0e999").in_range);
  EXPECT_EQ(portable::read_number("5e-324").value, 5e-324);
}

// Doubles of every size, whole ones and short ones: both ways write the same text, and both read it back.
TEST(Numbers, ThePortableWayWritesAndReadsTheSame) {
  Rng rng = Rng(1).split("numbers");
  for (int i = 0; i < 20000; ++i) {
    const std::uint64_t bits = rng.next();
    const double any = std::bit_cast<double>(bits);
    const double exponent = static_cast<double>(static_cast<int>(bits % 44) - 22);
    for (const double value : {any, static_cast<double>(bits >> 40), std::pow(10, exponent),
                               std::round(1000 * rng.uniform()) * std::pow(10, exponent)}) {
      if (!std::isfinite(value)) continue;
      const std::string written = number_text(value);
      ASSERT_EQ(portable::number_text(value), written);
      ASSERT_EQ(portable::read_number(written).value, value);
      ASSERT_EQ(read_number(written).value, value);
    }
  }
}

}  // namespace
}  // namespace evengrad
