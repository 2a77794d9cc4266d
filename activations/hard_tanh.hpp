#pragma once

#include <evengrad/activations/info.hpp>
#include <evengrad/core/math.hpp>

#include <array>

namespace evengrad {

/// Piecewise linear tanh; its derivative at both kinks is 0.
struct HardTanh {
  static constexpr std::string_view name = "hard_tanh";
  static constexpr std::array<std::string_view, 1> aliases{"hardtanh"};
  static constexpr std::array kinks{-1.0, 1.0};
  static constexpr ActivationInfo info{
      .formula = "min(max(x, -1), 1)",
      .derivative = "where(x > -1, where(x < 1, 1, 0), 0)",
      .range = "[-1, 1]",
      .year = 2004,
      .source = "Collobert 2004, Large Scale Machine Learning (thesis)",
      .uses =
          "SENNA (Natural Language Processing (Almost) from Scratch); binarized nets, whose straight-through estimator "
          "is its derivative",
      .notes = "Cheap, centred, and exactly flat beyond 1: a unit out there for every input gets no gradient."};

  template <class T>
  T operator()(const T& x) const {
    return where(x <= -1.0, T(-1.0), where(x >= 1.0, T(1.0), x));
  }
};

}  // namespace evengrad
