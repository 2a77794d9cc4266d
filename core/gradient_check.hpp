// Are the gradients right? Every entry is compared with a numeric derivative, in double.
//
//   const GradientCheckResult result = gradient_check(
//       [](Tape<double>&, std::span<const Var<double>> in) { return matmul(in[0], in[1]); }, {a, b});
//   if (!result.ok()) std::cout << result.str();
#pragma once

#include <evengrad/core/tape.hpp>

#include <span>
#include <string>
#include <vector>

namespace evengrad {

struct GradientCheckOptions {
  double step = 2e-3;       ///< the widest of the three central differences: step, step/2, step/4
  double absolute = 1e-10;  ///< an entry is right within absolute + relative * |numeric|
  double relative = 1e-9;
  int halvings = 6;                ///< a stencil that crosses a kink is tried again with half the step, so often
  double skipped_fraction = 0.05;  ///< more entries than these at kinks, and the check fails
  Index max_entries = 0;           ///< of each input and parameter, spread over it; 0 for all
  int threads = 1;
};

/// One partial derivative.
struct GradientEntry {
  std::string where;  ///< "input 0" or a parameter's name
  Index row = 0;
  Index col = 0;
  double analytic = 0;
  double numeric = 0;
  double excess = 0;  ///< |analytic - numeric| / tolerance: wrong above 1

  /// "input 0 (2, 3): analytic 1.5, numeric 1.25, difference 0.25 (2e+08 times the tolerance)".
  std::string str() const;
};

struct GradientCheckResult {
  Index checked = 0;
  Index wrong = 0;
  Index skipped = 0;            ///< at a kink
  GradientEntry worst;          ///< the entry with the largest excess
  double skipped_fraction = 0;  ///< how many of all entries may be skipped

  /// True if something was checked, nothing was wrong, and few entries were skipped.
  bool ok() const;
  /// The verdict with its numbers, one line.
  std::string str() const;
};

/// What is checked: records a computation of any shape from the inputs. It must give the same for the same inputs.
using GradientCheckFunction = FunctionRef<Var<double>(Tape<double>&, std::span<const Var<double>>)>;

struct NamedParameter {
  std::string name;
  Parameter<double>* parameter;
};

/// Compares the gradients of f with numeric ones: central differences of three widths, extrapolated (Richardson) to an
/// error of order step^6. An output that is not (1, 1) is summed with fixed irregular weights, so that gradients at
/// wrong places do not cancel. A stencil that would cross a kink of an activation shrinks; if it still does, it is
/// skipped. Each entry of a parameter is changed in place and put back.
GradientCheckResult gradient_check(GradientCheckFunction f, std::vector<Matrix<double>> inputs,
                                   const GradientCheckOptions& options = {},
                                   std::span<const NamedParameter> parameters = {});

/// The same for all trainable parameters of a model, and for the inputs, if any.
template <class Model>
requires requires(Model& model, ParameterVisitor<double> visitor) { model.visit(Path(), visitor); }
GradientCheckResult gradient_check(Model& model, GradientCheckFunction f, std::vector<Matrix<double>> inputs = {},
                                   const GradientCheckOptions& options = {}) {
  std::vector<NamedParameter> parameters;
  model.visit(Path(), [&](const Path& path, Parameter<double>& parameter) {
    if (parameter.trainable) parameters.push_back({path.str(), &parameter});
  });
  return gradient_check(f, std::move(inputs), options, parameters);
}

}  // namespace evengrad
