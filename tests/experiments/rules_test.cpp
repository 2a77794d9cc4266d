#include <evengrad/experiments/rules.hpp>

#include <gtest/gtest.h>

#include <cmath>

namespace evengrad {
namespace {

constexpr Measurement low{1, 0.5, 1.5}, across{2, 1.5, 2.5}, high{3, 2.5, 3.5}, exact{2};

TEST(Rules, BelowDecidesByTheWholeInterval) {
  EXPECT_EQ(below(low, 2), Verdict::confirmed);
  EXPECT_EQ(below(across, 2), Verdict::undecided);
  EXPECT_EQ(below(high, 2), Verdict::refuted);
  EXPECT_EQ(below(exact, 2), Verdict::refuted);
  EXPECT_EQ(below(exact, 2.1), Verdict::confirmed);
}

TEST(Rules, AtLeastIsItsOpposite) {
  EXPECT_EQ(at_least(low, 2), Verdict::refuted);
  EXPECT_EQ(at_least(across, 2), Verdict::undecided);
  EXPECT_EQ(at_least(high, 2), Verdict::confirmed);
  EXPECT_EQ(at_least(exact, 2), Verdict::confirmed);
}

TEST(Rules, NearTakesAToleranceOnEitherSide) {
  EXPECT_EQ(near(low, 1, 0.5), Verdict::confirmed);
  EXPECT_EQ(near(low, 1, 0.4), Verdict::undecided);
  EXPECT_EQ(near(low, 2, 0.4), Verdict::refuted);
  EXPECT_EQ(near(low, 0, 0.4), Verdict::refuted);
  EXPECT_EQ(near({NAN}, 0, 1), Verdict::undecided);
  EXPECT_EQ(missed(low, 2, 0.4), "predicted 2, measured 1 [0.5, 1.5]");
  EXPECT_EQ(missed(low, 2, 0.6), "");
}

TEST(Rules, WhatHasNoNumberOrNoBoundsDecidesNothing) {
  EXPECT_EQ(below({NAN}, 2), Verdict::undecided);
  EXPECT_EQ(below({1, NAN, NAN}, 2), Verdict::undecided);
  EXPECT_EQ(below({1, -INFINITY, INFINITY}, 2), Verdict::undecided);
}

TEST(Rules, BothNeedsBoth) {
  using enum Verdict;
  EXPECT_EQ(both(confirmed, confirmed), confirmed);
  EXPECT_EQ(both(confirmed, undecided), undecided);
  EXPECT_EQ(both(undecided, refuted), refuted);
  EXPECT_EQ(both(refuted, confirmed), refuted);
}

TEST(Rules, AStatementOfAllCasesSaysEachVerdict) {
  const Ruling confirmed = all_below({{"a", low}, {"b", {1.9}}}, 2);
  EXPECT_EQ(confirmed.verdict, Verdict::confirmed);
  EXPECT_EQ(confirmed.condition, "holds for a (1), b (1.9)");
  EXPECT_EQ(all_below({{"a", high}, {"b", {7}}}, 2).verdict, Verdict::refuted);
  const Ruling conditional = all_below({{"a", high}, {"b", low}, {"c", across}}, 2);
  EXPECT_EQ(conditional.verdict, Verdict::conditional);
  EXPECT_EQ(conditional.condition, "holds for b (1); fails for a (3); open for c (2)");
  EXPECT_EQ(all_below({{"a", low}, {"b", across}}, 2).verdict, Verdict::undecided);
  EXPECT_EQ(all_below({{"a", high}, {"b", across}}, 2).verdict, Verdict::undecided);
  EXPECT_EQ(in_all({}).verdict, Verdict::undecided);
  EXPECT_EQ(all_at_least({{"a", high}}, 2).verdict, Verdict::confirmed);
  EXPECT_EQ(all_at_least({{"a", low}}, 2).verdict, Verdict::refuted);
}

TEST(Rules, NumbersInWords) {
  EXPECT_EQ(in_words(4.7882e-7), "4.79e-07");
  EXPECT_EQ(in_words(Measurement{0.25, 0.2, 0.3}, 2), "0.25 [0.2, 0.3]");
  EXPECT_EQ(in_words(Measurement{0.25, -INFINITY, INFINITY}), "0.25");
}

}  // namespace
}  // namespace evengrad
