#pragma once

#include <evengrad/experiments/experiment.hpp>
#include <evengrad/experiments/rules.hpp>

#include <evengrad/layers/mlp.hpp>

namespace evengrad {

/// How large the experiment is.
struct LinearPlan {
  int nets = 20;                                  ///< seeds of what takes milliseconds
  int trained = 5;                                ///< seeds of a fit by training
  int curves = 3;                                 ///< seeds of a deep linear learning curve
  int narrow = 200;                               ///< seeds of a narrow deep net
  std::vector<Index> widths = {8, 32, 128, 512};  ///< of one hidden layer
  std::int64_t steps = 1500;                      ///< of a fit by training
  std::int64_t short_steps = 1000;                ///< of nets with a few units
  double time_step = 1e-3;                        ///< of gradient descent as a differential equation
};

/// What the settings ask for.
LinearPlan linear_plan(const ExperimentSettings& settings);

/// What nets without a bend can do, what one hidden layer with one can, and claims U1 to U5.
Report linear_and_universal(const ExperimentSettings& settings, const LinearPlan& plan);
Report linear_and_universal(const ExperimentSettings& settings);

namespace linear {

/// Strength of a mode at the given times (rising, from 0) in a linear net of `depth` weights under gradient flow: du/dt
/// = depth u^(2 - 2/depth) (s - u) from u0 (Saxe, McClelland and Ganguli 2013, "Exact solutions to the nonlinear
/// dynamics of learning in deep linear neural networks"), by Runge and Kutta's method.
std::vector<double> mode_strength(Index depth, double s, double u0, const std::vector<double>& times);

/// The root mean square of what is left of sin 3x on [-pi/2, pi/2] by the best polynomial of this degree.
double polynomial_residual(int degree);

/// The weights of a net of two units a layer that is |x| exactly: relu(x) + relu(-x), then passed on.
template <Real S>
void set_absolute_value(Sequential<S>& net);

/// The probability that all units of some layer of a ReLU net are silent for one given input, for weights symmetric
/// around 0 and no biases: 1 - (1 - 2^-width)^depth (Lu et al. 2019, "Dying ReLU and initialization").
double dead_for_an_input(Index depth, Index width);

/// U1: linear nets are one linear map (the largest relative difference), and none beats the best one on XOR.
Verdict collapses(const Measurement& difference, const Measurement& squared_error);
/// U2: depth buys nothing where the best error is the same, and nothing where it is learned in the same way.
Ruling depth_is_wasted(const Measurement& error_ratio, const Measurement& curve_difference);
/// U4: what a net can represent is not what it learns.
Verdict represented_but_not_learned(double represented_error, const Measurement& failing);

}  // namespace linear

}  // namespace evengrad
