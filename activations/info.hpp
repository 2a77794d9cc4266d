// What a built-in activation says of itself, for people: shown by `list` and `theory`, and in the docs.
#pragma once

#include <string_view>

namespace evengrad {

/// Text about a formula. `formula` and `derivative` are in x, as the formula parser reads them where it can.
struct ActivationInfo {
  std::string_view formula;
  std::string_view derivative;
  std::string_view range;   ///< "(0, 1)"; a parenthesis is not reached
  int year;                 ///< of the source
  std::string_view source;  ///< author, year, title or venue
  std::string_view uses;    ///< known uses
  std::string_view notes;   ///< what a learner needs: strengths, pitfalls
};

/// A number that a formula takes: its name, where it is kept, and the values it may have.
template <class F>
struct FormulaParameter {
  std::string_view name;
  double F::*member;
  double lowest;
  double highest;
};

}  // namespace evengrad
