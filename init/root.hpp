// Roots of functions of one variable.
#pragma once

#include <functional>

namespace evengrad {

/// The root of g on [low, high], to rounding, where it is `at_low` and `at_high` at the ends (TOMS 748). NaN where
/// these have one sign or g is not finite on the way.
double bracketed_root(const std::function<double(double)>& g, double low, double high, double at_low, double at_high);

}  // namespace evengrad
