#pragma once

#include <evengrad/activations/info.hpp>
#include <evengrad/core/math.hpp>

#include <array>

namespace evengrad {

/// Piecewise linear sigmoid, relu6(x + 3) / 6; its derivative at both kinks is 0.
struct HardSigmoid {
  static constexpr std::string_view name = "hard_sigmoid";
  static constexpr std::array<std::string_view, 1> aliases{"hardsigmoid"};
  static constexpr std::array kinks{-3.0, 3.0};
  static constexpr ActivationInfo info{
      .formula = "min(max(x + 3, 0), 6)/6",
      .derivative = "where(x > -3, where(x < 3, 1/6, 0), 0)",
      .range = "[0, 1]",
      .year = 2019,
      .source =
          "Howard et al. 2019, Searching for MobileNetV3 (with other slopes: Courbariaux, Bengio and David 2015, "
          "BinaryConnect)",
      .uses = "squeeze-and-excitation gates of MobileNetV3",
      .notes =
          "Slopes differ between tools: 1/6 here and in PyTorch, 0.2 in Keras 2, 1/2 in BinaryConnect. Exactly flat "
          "beyond 3, where a unit gets no gradient at all."};

  template <class T>
  T operator()(const T& x) const {
    return where(x <= -3.0, T(0.0), where(x >= 3.0, T(1.0), (x + 3.0) * (1.0 / 6.0)));
  }
};

}  // namespace evengrad
