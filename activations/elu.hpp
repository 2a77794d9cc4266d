#pragma once

#include <evengrad/activations/info.hpp>
#include <evengrad/core/math.hpp>

#include <array>

namespace evengrad {

/// Exponential linear unit.
struct ELU {
  static constexpr std::string_view name = "elu";
  static constexpr std::array kinks{0.0};
  static constexpr ActivationInfo info{.formula = "where(x > 0, x, alpha*expm1(x))",
                                       .derivative = "where(x > 0, 1, alpha*exp(x))",
                                       .range = "(-alpha, inf)",
                                       .year = 2015,
                                       .source =
                                           "Clevert, Unterthiner and Hochreiter 2015, Fast and Accurate Deep Network "
                                           "Learning by Exponential Linear Units (ELUs)",
                                       .uses = "graph attention networks; the audio codecs SoundStream and EnCodec",
                                       .notes =
                                           "Negative outputs bring the mean closer to 0 than ReLU does. The derivative "
                                           "is continuous only for alpha = 1."};

  double alpha = 1.0;  ///< minus the limit at -inf
  static constexpr auto parameters() { return std::array{FormulaParameter<ELU>{"alpha", &ELU::alpha, 0.0, 100.0}}; }

  template <class T>
  T operator()(const T& x) const {
    return where(x > 0.0, x, alpha * expm1(x));
  }
};

}  // namespace evengrad
