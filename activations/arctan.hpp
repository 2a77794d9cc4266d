#pragma once

#include <evengrad/activations/info.hpp>
#include <evengrad/core/math.hpp>

namespace evengrad {

/// Inverse tangent.
struct Arctan {
  static constexpr std::string_view name = "arctan";
  static constexpr ActivationInfo info{
      .formula = "atan(x)",
      .derivative = "1/(1 + x^2)",
      .range = "(-pi/2, pi/2)",
      .year = 2002,
      .source = "Kamruzzaman and Aziz 2002, A Note on Activation Function in Multilayer Feedforward Learning",
      .uses = "small function approximators; a bounded output that saturates slowly",
      .notes = "Like tanh, slope 1 at 0, but its tails approach their limits as 1/x, so gradients fade later."};

  template <class T>
  T operator()(const T& x) const {
    return atan(x);
  }
};

}  // namespace evengrad
