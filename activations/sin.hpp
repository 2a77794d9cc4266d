#pragma once

#include <evengrad/activations/info.hpp>
#include <evengrad/core/math.hpp>

namespace evengrad {

/// Sine. It has no limit at infinity: there its value is NaN.
struct Sin {
  static constexpr std::string_view name = "sin";
  static constexpr ActivationInfo info{
      .formula = "sin(x)",
      .derivative = "cos(x)",
      .range = "[-1, 1]",
      .year = 2020,
      .source =
          "Sitzmann, Martel, Bergman, Lindell and Wetzstein 2020, Implicit Neural Representations with Periodic "
          "Activation Functions (nets of sines: Lapedes and Farber 1987)",
      .uses = "SIREN: images, sound, shapes and fields as functions of coordinates",
      .notes =
          "Periodic, so its loss surface has many minima; SIREN multiplies the first layer by 30 and draws the others "
          "from U(-sqrt(6/fan_in)/30, sqrt(6/fan_in)/30) before the same factor. At small inputs it is the identity."};

  template <class T>
  T operator()(const T& x) const {
    return sin(x);
  }
};

}  // namespace evengrad
