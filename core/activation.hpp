// Activation: a formula behind a handle. The formula is a struct with a name and one generic call operator
//
//   struct SiLU {
//     static constexpr std::string_view name = "silu";
//     template <class T> T operator()(const T& z) const { return z * sigmoid(z); }
//   };
//
// evaluated on Lanes (the value) and on Dual<Lanes> (the value and its exact derivative in one pass).
#pragma once

#include <evengrad/core/formula_kernel.hpp>

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace evengrad {

/// A point where a formula or its derivative is not smooth. The derivative there is the formula's own (a subgradient).
using Kinks = std::vector<double>;

/// What every part of the program calls an activation: a name, a kernel and its kinks. A small value; copies share the
/// formula.
class Activation {
 public:
  /// The identity.
  Activation();
  Activation(std::string name, std::shared_ptr<const void> formula, FormulaKernels kernels, Kinks kinks)
      : name_(std::move(name)),
        formula_(std::move(formula)),
        kernels_(kernels),
        kinks_(std::move(kinks)),
        fades_(fades()) {}

  /// The name with its parameters, as the command line accepts it: "leaky_relu(0.2)".
  const std::string& name() const { return name_; }
  const Kinks& kinks() const { return kinks_; }
  bool is_identity() const { return formula_ == nullptr; }

  /// f and, unless null, f' of `count` numbers. `value` may be `z` itself.
  template <Real S>
  void operator()(const S* z, S* value, S* derivative, Index count) const {
    if constexpr (sizeof(S) == sizeof(float)) {
      kernels_.f32(formula_.get(), z, value, derivative, count);
    } else {
      kernels_.f64(formula_.get(), z, value, derivative, count);
    }
  }

  /// The same for training: values and slopes below `negligible` are 0, for layers behind them not to be slowed down.
  template <Real S>
  void apply(const S* z, S* value, S* derivative, Index count) const;

  /// f(z), in double.
  double value(double z) const;
  /// f'(z), in double.
  double derivative(double z) const;

 private:
  bool fades() const;

  std::string name_;
  std::shared_ptr<const void> formula_;
  FormulaKernels kernels_;
  Kinks kinks_;
  bool fades_ = false;  // has a tail that runs through subnormal numbers
};

/// Puts a formula behind a handle, with the given kernels (those of this file's compiler flags by default).
/// A formula may have a member `Kinks kinks() const`, or a static array `kinks`; it is smooth otherwise.
template <class F>
Activation make_activation(F formula = {}, std::string name = std::string(F::name),
                           FormulaKernels kernels = formula_kernels<F>()) {
  Kinks kinks;
  if constexpr (requires { formula.kinks(); }) {
    kinks = formula.kinks();
  } else if constexpr (requires { Kinks(std::begin(F::kinks), std::end(F::kinks)); }) {
    kinks.assign(std::begin(F::kinks), std::end(F::kinks));
  }
  return {std::move(name), std::make_shared<const F>(std::move(formula)), kernels, std::move(kinks)};
}

}  // namespace evengrad
