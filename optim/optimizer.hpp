// Optimizers keep only state. step() walks the model's visit(), so there is nothing to register and nothing to zero.
#pragma once

#include <evengrad/core/tape.hpp>
#include <evengrad/optim/kernels/update.hpp>

#include <optional>

namespace evengrad {

/// Something with parameters: a layer, an Mlp, or a struct of one's own with a visit(path, visitor).
template <class M, class S>
concept Model = requires(M& model, ParameterVisitor<S> visitor) {
  model.visit(Path(), visitor);
};

/// The settings of every optimizer; each uses some. What is not given is PyTorch's default.
struct OptimizerOptions {
  std::string name = "sgd";  ///< one of optimizer_names()
  std::optional<double> learning_rate = {};
  std::optional<double> momentum = {};
  std::optional<double> beta1 = {};
  std::optional<double> beta2 = {};
  std::optional<double> eps = {};
  std::optional<double> alpha = {};
  std::optional<double> weight_decay = {};  ///< coupled (L2), except for adamw
  bool decay_biases = true;                 ///< false: weight decay skips every vector (biases, normalization)

  template <class F>
  void fields(F& f) {
    f({.name = "optimizer", .help = "sgd, momentum, nesterov, adam, adamw, rmsprop"}, name);
    f({.name = "lr", .help = "Learning rate [the optimizer's: evengrad list optimizers]"}, learning_rate);
    f({.name = "momentum", .help = "Momentum coefficient, for momentum and nesterov"}, momentum);
    f({.name = "beta1", .help = "Decay rate of the first moment, for adam and adamw"}, beta1);
    f({.name = "beta2", .help = "Decay rate of the second moment, for adam and adamw"}, beta2);
    f({.name = "alpha", .help = "Decay rate of the squared gradient, for rmsprop"}, alpha);
    f({.name = "eps", .help = "Added to the denominator, for adam, adamw and rmsprop"}, eps);
    f({.name = "weight-decay", .help = "L2 penalty; decoupled for adamw"}, weight_decay);
    f({.name = "no-decay-biases", .help = "Exempt biases and normalization from weight decay", .turns_off = true},
      decay_biases);
  }

  friend bool operator==(const OptimizerOptions&, const OptimizerOptions&) = default;
};

/// One rule with its state. `Optimizer<float> adam({.name = "adam", .learning_rate = 1e-3});`
template <Real S>
class Optimizer {
 public:
  /// \throws UsageError for an unknown name, a setting that the rule does not have, or a value out of range.
  explicit Optimizer(const OptimizerOptions& options);

  const std::string& name() const { return name_; }
  double learning_rate() const { return rates_.learning_rate; }
  void set_learning_rate(double rate) { rates_.learning_rate = rate; }
  /// Steps taken.
  std::int64_t steps() const { return steps_; }

  /// One update of every trainable parameter of the model.
  /// \throws Error with the name of a parameter that took no part in the loss.
  template <Model<S> M>
  void step(M& model, const Gradients<S>& gradients) {
    begin_step();
    model.visit(Path(), [&](const Path& path, Parameter<S>& parameter) {
      if (parameter.trainable) update(path, parameter, gradients);
    });
  }

  /// Calls visitor(path, state) for every state vector of the model's parameters: "first.layers.0.weight".
  template <Model<S> M>
  void visit_state(M& model, FunctionRef<void(const Path&, Matrix<S>&)> visitor) {
    next_ = 0;
    model.visit(Path(), [&](const Path& path, Parameter<S>& parameter) {
      if (parameter.trainable) visit_one(path, parameter, visitor);
    });
  }
  void set_steps(std::int64_t steps) { steps_ = steps; }

  /// For weights that lie elsewhere (training/ensemble.cpp): counts a step; then, for each parameter, rates() are what
  /// rule() updates it with.
  void begin_step();
  updates::Rates rates(const Parameter<S>& parameter) const;
  updates::Update<S> rule() const { return rule_; }

 private:
  struct State {
    Matrix<S> first, second;
  };

  void update(const Path& path, Parameter<S>& parameter, const Gradients<S>& gradients);
  void visit_one(const Path& path, Parameter<S>& parameter, FunctionRef<void(const Path&, Matrix<S>&)> visitor);
  State& state_of(const Parameter<S>& parameter);

  std::string name_;
  updates::Update<S> rule_;
  int state_count_;
  updates::Rates rates_;
  double weight_decay_;
  bool decoupled_;
  bool adaptive_;
  bool decay_biases_;
  std::int64_t steps_ = 0;
  std::vector<State> states_;  // in the order of visit()
  std::size_t next_ = 0;       // whose turn it is within a step
};

/// Name, formula and defaults of each optimizer, for `list` and the docs.
struct OptimizerInfo {
  std::string name;
  std::string formula;
  double learning_rate;
  std::string source;
};
const std::vector<OptimizerInfo>& optimizers();

}  // namespace evengrad
