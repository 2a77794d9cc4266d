// What verdicts are made of: a rule is a function of numbers, and these are its parts.
#pragma once

#include <evengrad/experiments/report.hpp>

namespace evengrad {

/// What a rule says: a verdict, and for a conditional one where the statement holds and where it does not.
struct Ruling {
  Verdict verdict = Verdict::undecided;
  std::string condition = {};
};

/// Confirmed if the whole interval lies below the limit, refuted if none of it does, else undecided. A number without
/// an interval is exact. NaN decides nothing.
Verdict below(const Measurement& m, double limit);

/// Confirmed if the whole interval lies at the limit or above, refuted if all of it lies below, else undecided.
Verdict at_least(const Measurement& m, double limit);

/// Confirmed if the whole interval lies within tolerance of the target, refuted if none of it does, else undecided.
Verdict near(const Measurement& m, double target, double tolerance);

/// Confirmed where both are, refuted where one is, else undecided.
Verdict both(Verdict a, Verdict b);

/// A statement about one of several cases.
struct Case {
  std::string name;  ///< "he"
  Verdict verdict = Verdict::undecided;
  std::string numbers = {};  ///< what decided it: "8.9e-06"
};

/// A statement that claims all of the cases: confirmed or refuted where every case is, conditional where it holds in
/// some and fails in others, else undecided. The condition names the cases with their numbers, whatever the verdict.
Ruling in_all(const std::vector<Case>& cases);

/// A case with the number that decides it.
struct MeasuredCase {
  std::string name;
  Measurement measured;
};

/// in_all() of below() or at_least() the limit.
Ruling all_below(const std::vector<MeasuredCase>& cases, double limit);
Ruling all_at_least(const std::vector<MeasuredCase>& cases, double limit);

/// What surprises where a measurement does not agree with the prediction: no part of its interval is within tolerance
/// of it. Empty where it agrees.
std::string missed(const Measurement& m, double predicted, double tolerance);

/// "4.788e-07", "4.788e-07 [4.7e-07, 4.9e-07]": how numbers stand in texts.
std::string in_words(double number, int digits = 3);
std::string in_words(const Measurement& m, int digits = 3);

}  // namespace evengrad
