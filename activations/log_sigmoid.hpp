#pragma once

#include <evengrad/activations/info.hpp>
#include <evengrad/core/math.hpp>

#include <array>

namespace evengrad {

/// Logarithm of the sigmoid, -softplus(-x).
struct LogSigmoid {
  static constexpr std::string_view name = "log_sigmoid";
  static constexpr std::array<std::string_view, 1> aliases{"logsigmoid"};
  static constexpr ActivationInfo info{
      .formula = "-log1p(exp(-x))",
      .derivative = "1/(1 + exp(x))",
      .range = "(-inf, 0)",
      .year = 1958,
      .source = "Cox 1958, The Regression Analysis of Binary Sequences (as a log-likelihood)",
      .uses = "losses: binary cross-entropy on logits, negative sampling in word2vec, DPO; rarely a hidden layer",
      .notes =
          "All outputs are negative, and the slope lies between 0 and 1. log(sigmoid(x)) written out overflows for "
          "very negative x; this form does not."};

  template <class T>
  T operator()(const T& x) const {
    return -softplus(-x);
  }
};

}  // namespace evengrad
