#include <evengrad/core/utf8.hpp>

#include <gtest/gtest.h>

namespace evengrad {
namespace {

constexpr auto npos = std::string_view::npos;

TEST(Utf8, WellFormedTextIsValid) {
  EXPECT_EQ(first_invalid_utf8(""), npos);
  EXPECT_EQ(first_invalid_utf8("plain"), npos);
  EXPECT_EQ(first_invalid_utf8("\xc2\x80 \xdf\xbf \xe0\xa0\x80 \xed\x9f\xbf \xee\x80\x80 \xef\xbf\xbf"), npos);
  EXPECT_EQ(first_invalid_utf8("\xf0\x90\x80\x80 \xf4\x8f\xbf\xbf"), npos);
}

TEST(Utf8, TheFirstBadByteIsFound) {
  EXPECT_EQ(first_invalid_utf8("ab\x80"), 2u);
  EXPECT_EQ(first_invalid_utf8("\xc0\x80"), 0u);          // overlong
  EXPECT_EQ(first_invalid_utf8("\xc1\xbf"), 0u);          // overlong
  EXPECT_EQ(first_invalid_utf8("x\xe0\x9f\xbf"), 1u);     // overlong
  EXPECT_EQ(first_invalid_utf8("\xf0\x8f\xbf\xbf"), 0u);  // overlong
  EXPECT_EQ(first_invalid_utf8("\xed\xa0\x80"), 0u);      // surrogate
  EXPECT_EQ(first_invalid_utf8("\xf4\x90\x80\x80"), 0u);  // above U+10FFFF
  EXPECT_EQ(first_invalid_utf8("\xf5\x80\x80\x80"), 0u);  // above U+10FFFF
  EXPECT_EQ(first_invalid_utf8("\xc3"), 0u);              // cut off
  EXPECT_EQ(first_invalid_utf8("\xe2\x82"), 0u);          // cut off
  EXPECT_EQ(first_invalid_utf8("\xf0\x9f\x98 "), 0u);     // cut off
  EXPECT_EQ(first_invalid_utf8("\xe2\x28\xa1"), 0u);      // no continuation
  EXPECT_EQ(first_invalid_utf8("\xc3\xa9\xff"), 2u);
}

TEST(Utf8, QuotedTextStaysOnOneLine) {
  EXPECT_EQ(in_quotes("plain"), "'plain'");
  EXPECT_EQ(in_quotes("caf\xc3\xa9"), "'caf\xc3\xa9'");
  EXPECT_EQ(in_quotes(std::string_view("a\n\0\x1b\x7f\xff", 6)), "'a\\x0a\\x00\\x1b\\x7f\\xff'");
  EXPECT_EQ(in_quotes("abcdef", 3), "'abc…'");
  EXPECT_EQ(in_quotes("abc", 3), "'abc'");
  EXPECT_EQ(in_quotes("ab\xc3\xa9z", 3), "'ab\xc3\xa9…'");  // never half a character
}

}  // namespace
}  // namespace evengrad
