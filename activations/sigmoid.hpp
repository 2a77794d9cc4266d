#pragma once

#include <evengrad/activations/info.hpp>
#include <evengrad/core/math.hpp>

#include <array>

namespace evengrad {

/// Logistic function.
struct Sigmoid {
  static constexpr std::string_view name = "sigmoid";
  static constexpr std::array<std::string_view, 1> aliases{"logistic"};
  static constexpr ActivationInfo info{
      .formula = "1/(1 + exp(-x))",
      .derivative = "sigmoid(x)*sigmoid(-x)",
      .range = "(0, 1)",
      .year = 1986,
      .source =
          "Rumelhart, Hinton and Williams 1986, Learning representations by back-propagating errors (the function: "
          "Verhulst 1845)",
      .uses =
          "gates of LSTM and GRU; probabilities of binary outputs; hidden layers of the first nets trained by "
          "backpropagation",
      .notes =
          "The neuron of McCulloch and Pitts 1943 was a threshold; the sigmoid is its smooth relative, which has a "
          "derivative. Its slope is at most 1/4, so gradients shrink at every layer unless the weights make up for it, "
          "and its mean is 1/2 instead of 0. Saturates on both sides."};

  double pytorch_gain() const { return 1.0; }

  template <class T>
  T operator()(const T& x) const {
    return sigmoid(x);
  }
};

}  // namespace evengrad
