// The least and largest value and slope of an activation, and where they are.
#pragma once

#include <evengrad/core/activation.hpp>

#include <optional>

namespace evengrad {

/// An extremum that is attained. On an interval of equal values `at` is the point nearest 0.
struct Extremum {
  double at = 0;
  double value = 0;
};

/// Null where the bound is not attained: a limit at infinity, or none. At a kink both one-sided values count.
struct Extrema {
  std::optional<Extremum> value_min, value_max, derivative_min, derivative_max;
};

/// Searches |z| <= 1000 (wider if kinks lie further out): finely around 0 and the kinks, coarsely in the tails.
/// Positions to about 1e-8, values to rounding.
Extrema extrema(const Activation& f);

/// The supremum of |f'| over the same range, attained or not, to about 1 in 1,000: what "saturated" is measured by.
/// 0 where |f'| has no bound, as that of 1/x: then nothing is flat beside it.
double largest_slope(const Activation& f);

}  // namespace evengrad
