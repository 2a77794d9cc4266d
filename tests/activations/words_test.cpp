#include <evengrad/activations/words.hpp>

#include <gtest/gtest.h>

namespace evengrad {
namespace {

TEST(Words, NamesAndNumbersEndWhereTheyShould) {
  EXPECT_EQ(name_length("relu6(x)"), 5u);
  EXPECT_EQ(name_length("_a1+"), 3u);
  EXPECT_EQ(name_length("6relu"), 0u);
  EXPECT_EQ(name_length(""), 0u);
  EXPECT_EQ(number_length("12.50*x"), 5u);
  EXPECT_EQ(number_length(".5"), 2u);
  EXPECT_EQ(number_length("5."), 2u);
  EXPECT_EQ(number_length("1e-3x"), 4u);
  EXPECT_EQ(number_length("1e3.5"), 3u);
  EXPECT_EQ(number_length("1e*x"), 1u);
  EXPECT_EQ(number_length("1e+"), 1u);
  EXPECT_EQ(number_length("."), 0u);
  EXPECT_EQ(number_length("-1"), 0u);
  EXPECT_EQ(number_length(""), 0u);
}

TEST(Words, AFormulaMentionsX) {
  for (const char* text : {"x", "2*x", "relu(x)", "2x", "1e3x", "(x)",
                           "\xff"
                           "x",
                           "max(0,x"})
    EXPECT_TRUE(mentions_x(text)) << text;
  for (const char* text : {"", "exp", "max", "xx", "x1", "leaky_relu(0.2)", "_x", "X"})
    EXPECT_FALSE(mentions_x(text)) << text;
}

TEST(Words, BlanksAreTrimmed) {
  EXPECT_EQ(trimmed(" \t a b\r\n"), "a b");
  EXPECT_EQ(trimmed(" \n "), "");
}

}  // namespace
}  // namespace evengrad
