// Initializers. One formula serves all scaled ones: variance_scaling(gain, fan, distribution) draws weights with
// Var W = gain^2 / fan; the usual names are aliases and mean the same whatever the activation.
#pragma once

#include <evengrad/core/activation.hpp>
#include <evengrad/core/random.hpp>
#include <evengrad/core/types.hpp>

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace evengrad {

enum class Fan { in, out, average };
enum class Distribution { normal, uniform, truncated, orthogonal, identity, constant };

/// How the numbers of one weight or bias are drawn.
struct Draw {
  Distribution distribution = Distribution::constant;
  /// Standard deviation of normal, uniform and truncated; factor of orthogonal and identity; the value of constant.
  double scale = 0;
};

/// What a weight does with its input.
enum class WeightKind {
  linear,
  convolution,
  recurrent,  ///< takes a layer's own state of the step before
  embedding,  ///< rows are looked up, not summed
};

/// Where a weight stands in its net: all that an initializer may depend on.
struct WeightRole {
  Index fan_in = 1;   ///< numbers that one output sums: for a convolution receptive field * channels / groups
  Index fan_out = 1;  ///< outputs that one input reaches, of one gate
  WeightKind kind = WeightKind::linear;
  Index gates = 1;  ///< blocks of as many rows each, drawn one by one: the gates of an LSTM
  Index layer = 0;                               ///< 0 is the first weight
  Index layers = 1;                              ///< weights in the net, the output's included
  const Activation* activation = nullptr;        ///< that follows this weight; null for the output layer
  const Activation* input_activation = nullptr;  ///< that its inputs come from; null for the data
  bool residual = false;                         ///< the net adds layers' inputs to their outputs
  bool normalized = false;                       ///< the net normalizes pre-activations
  double input_dropout = 0;                      ///< share of its inputs that is dropped in training
  bool ends_branch = false;                      ///< the last weight before a residual sum
  Index branches = 0;                            ///< residual sums in the net
};

/// The draws of a weight (fan_out, fan_in) and of its bias (fan_out).
struct LayerDraws {
  Draw weight;
  Draw bias;
};

/// A standard deviation of gain / sqrt(fan): Glorot and Bengio 2010, He et al. 2015, LeCun et al. 1998.
Draw variance_scaling(double gain, Fan fan, Distribution distribution, const WeightRole& role);

/// A rule that says how each layer is drawn. A value; copies share the rule.
class Initializer {
 public:
  using Rule = std::function<LayerDraws(const WeightRole&)>;
  Initializer(std::string name, Rule rule) : name_(std::move(name)), rule_(std::move(rule)) {}

  /// As the command line accepts it: "he_uniform", "xavier(gain=1.6667)", "lecun(gain=second_moment)".
  const std::string& name() const { return name_; }
  LayerDraws operator()(const WeightRole& role) const { return rule_(role); }

 private:
  std::string name_;
  Rule rule_;
};

/// The initializer of this name, with its arguments: `he`, `xavier_uniform`, `normal(0.02)`, `orthogonal(gain=1.4)`. A
/// gain may be a number or one of gain_names(), then that of the activation whose outputs a weight sums (in the first
/// layer, of the one behind it). `residual` makes the weights between L hidden layers so small that a residual net
/// grows the signal by little more than e: divided by sqrt(L) where E[f] = 0, by about 1.13 L for ReLU, whose means add
/// up: `he(residual)`; `matched(residual)` solves for the scale. \throws UsageError for an unknown name (with the
/// nearest known one) or a wrong argument.
Initializer initializer(std::string_view text);

/// What `list` and the docs say of an initializer.
struct InitializerInfo {
  std::string name;
  std::vector<std::string> aliases;
  std::string formula;
  std::string source;
};
const std::vector<InitializerInfo>& initializers();

/// Fills values with the draw, from the stream `rng`. Numbers are drawn in double and rounded, so that float and double
/// nets start alike.
template <Real S>
void fill(Matrix<S>& values, const Draw& draw, Rng rng);

}  // namespace evengrad
