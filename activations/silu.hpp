#pragma once

#include <evengrad/activations/gated.hpp>
#include <evengrad/activations/info.hpp>
#include <evengrad/core/math.hpp>

#include <array>

namespace evengrad {

/// Sigmoid linear unit, x sigmoid(beta x), also known as swish.
struct SiLU {
  static constexpr std::string_view name = "silu";
  static constexpr std::array<std::string_view, 1> aliases{"swish"};
  static constexpr ActivationInfo info{
      .formula = "x*sigmoid(beta*x)",
      .derivative = "sigmoid(beta*x)*(1 + beta*x*sigmoid(-beta*x))",
      .range = "[-0.278/beta, inf)",
      .year = 2016,
      .source =
          "Hendrycks and Gimpel 2016, Gaussian Error Linear Units (GELUs); Elfwing, Uchibe and Doya 2017; as swish: "
          "Ramachandran, Zoph and Le 2017",
      .uses = "EfficientNet, YOLOv5, the U-Nets of diffusion models; as the gate of SwiGLU in PaLM and LLaMA",
      .notes =
          "Smooth and not monotonic: it falls before it rises. Between the identity (halved) for small beta and ReLU "
          "for large. LLaMA does not use GELU but SwiGLU, whose gate is this function."};

  double beta = 1.0;  ///< steepness of the gate
  static constexpr auto parameters() { return std::array{FormulaParameter<SiLU>{"beta", &SiLU::beta, 0.001, 1000.0}}; }

  template <class T>
  T operator()(const T& x) const {
    return gated(x, sigmoid(beta * x));
  }
};

}  // namespace evengrad
