// Numbers found by looking: extrema by a dense scan, and what a function does at the floats themselves. Deliberately
// another way than init/extrema, which the experiments compare with it.
#pragma once

#include <evengrad/core/activation.hpp>
#include <evengrad/core/parameter.hpp>
#include <evengrad/init/extrema.hpp>

#include <optional>

namespace evengrad {

/// The largest f on [low, high]: the best of 20,001 points, refined by golden section (Kiefer 1953) between its
/// neighbours. Positions of smooth extrema to about 1e-8.
Extremum highest(FunctionRef<double(double)> f, double low, double high);
/// The smallest one.
Extremum lowest(FunctionRef<double(double)> f, double low, double high);

/// The first float on the way from `from` to `to` (both of one sign, `from` nearer to 0) at which this holds of value
/// and derivative; null where it holds at none. Looks at every float.
std::optional<float> first_float(const Activation& f, float from, float to,
                                 FunctionRef<bool(float value, float derivative)> holds);

/// The least and greatest value over the finite floats, both signs, every `stride`-th of them. NaN is no value.
struct FloatRange {
  double least = 0, greatest = 0;

  template <class Fields>
  void fields(Fields& f) {
    f("least", least);
    f("greatest", greatest);
  }
};
FloatRange float_range(const Activation& f, std::uint32_t stride);

}  // namespace evengrad
