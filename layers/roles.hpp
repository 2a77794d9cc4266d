// What the weights of a model are for: every layer tells it, in the order of its forward pass, and initializers,
// theory, probes and health rules ask for it instead of asking for a layer's class.
#pragma once

#include <evengrad/core/parameter.hpp>
#include <evengrad/init/initializer.hpp>

#include <string>
#include <vector>

namespace evengrad {

/// A weight of a model with its bias, and its place in the net.
template <Real S>
struct Weight {
  std::string layer;  ///< "layers.0"
  std::string name;   ///< "layers.0.weight"
  Parameter<S>* weight = nullptr;
  std::string bias_name = {};
  Parameter<S>* bias = nullptr;  ///< null without one
  WeightRole role = {};
};

/// Collects what the layers tell. Activations must outlive it.
template <Real S>
class Roles {
 public:
  /// A weight; `role` says what the layer knows of it: fans, kind, gates.
  void weight(const Path& path, Parameter<S>& weight, WeightRole role);
  /// The bias of the newest weight.
  void bias(const Path& path, Parameter<S>& bias);

  /// Follows the newest weight.
  void activation(const Activation& f);
  void normalization(std::string_view name);
  void dropout(double share) { input_dropout_ = 1 - (1 - input_dropout_) * (1 - share); }
  void begin_residual() { begins_.push_back(weights_.size()); }
  void end_residual();
  /// The layer is more than a product and its activation.
  void not_plain() { plain_ = false; }

  /// The input of the weight to come, for layers with branches: `const auto input = roles.input(); …;
  /// roles.input(input);`
  struct Input {
    const Activation* activation = nullptr;
    double dropout = 0;
  };
  Input input() const { return {input_activation_, input_dropout_}; }
  void input(const Input& input) { input_activation_ = input.activation, input_dropout_ = input.dropout; }

  /// All weights, once every layer has told: roles are complete.
  std::vector<Weight<S>> finish();
  /// Products with a bias, each with an activation behind it or none: no normalization, dropout, branch or sum.
  bool plain() const { return plain_; }
  /// The normalization of the net, "batch", "layer", …; empty without one.
  const std::string& norm() const { return norm_; }

 private:
  std::vector<Weight<S>> weights_;
  std::vector<std::size_t> begins_;  // of the residual branches in progress
  const Activation* input_activation_ = nullptr;
  double input_dropout_ = 0;
  Index branches_ = 0;
  std::string norm_;
  bool plain_ = true;
};

}  // namespace evengrad
