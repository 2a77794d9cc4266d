// The ops of the engine. Each is one struct: forward, what it saves, and pull (its gradient) side by side, recorded by
// a free function. Shapes are those in memory, (rows, features): B is the batch, or batch * time; I and O are a layer's
// inputs and outputs. The result has the samples, height and width and lengths of the first input.
#pragma once

#include <evengrad/core/activation.hpp>
#include <evengrad/core/tape.hpp>

namespace evengrad {

/// f(x W^T + b): product, bias, activation and derivative in one pass over cache-hot tiles.
/// x (B, I), weight (O, I), bias (1, O) -> (B, O).
template <Real S>
struct Affine {
  static constexpr std::string_view name = "affine";
  static constexpr OpRole role = OpRole::product;
  const Activation* f = nullptr;  // read by forward only
  bool has_bias = true;
  const S* derivative = nullptr;  // f'(z), (B, O); null where f is the identity

  void forward(Forward<S>& step);
  void pull(Pull<S>& step) const;
};

/// f(x), element by element.
template <Real S>
struct Activate {
  static constexpr std::string_view name = "activate";
  static constexpr OpRole role = OpRole::activation;
  const Activation* f = nullptr;
  const S* derivative = nullptr;

  void forward(Forward<S>& step);
  void pull(Pull<S>& step) const;
};

/// a b for a (M, K) and b (K, N).
template <Real S>
struct MatMul {
  static constexpr std::string_view name = "matmul";
  void forward(Forward<S>& step);
  void pull(Pull<S>& step) const;
};

/// a + factor * b; b has a's shape, or one row that is added to every row of a.
template <Real S>
struct AddScaled {
  static constexpr std::string_view name = "add";
  static constexpr OpRole role = OpRole::addition;
  S factor = 1;
  void forward(Forward<S>& step);
  void pull(Pull<S>& step) const;
};

/// a * b, element by element.
template <Real S>
struct Multiply {
  static constexpr std::string_view name = "multiply";
  void forward(Forward<S>& step);
  void pull(Pull<S>& step) const;
};

/// factor * x.
template <Real S>
struct Scale {
  static constexpr std::string_view name = "scale";
  S factor = 1;
  void forward(Forward<S>& step);
  void pull(Pull<S>& step) const;
};

/// factor * (sum of all elements), added in double, in order: (1, 1).
template <Real S>
struct Sum {
  static constexpr std::string_view name = "sum";
  double factor = 1;
  void forward(Forward<S>& step);
  void pull(Pull<S>& step) const;
};

/// f(x weight^T + bias). x (B, I), weight (O, I), bias (1, O) or an empty Var for none; returns (B, O).
/// \throws ShapeError with both shapes if they do not fit.
template <Real S>
Var<S> affine(const Var<S>& x, const Var<S>& weight, const Var<S>& bias, const Activation& f = {});

/// f(x), element by element.
template <Real S>
Var<S> activate(const Var<S>& x, const Activation& f);

/// The matrix product a b: (M, K) times (K, N).
template <Real S>
Var<S> matmul(const Var<S>& a, const Var<S>& b);

/// a + b; b may be one row, which is added to every row of a.
template <Real S>
Var<S> operator+(const Var<S>& a, const Var<S>& b);

/// a - b; b may be one row.
template <Real S>
Var<S> operator-(const Var<S>& a, const Var<S>& b);

/// a * b, element by element.
template <Real S>
Var<S> operator*(const Var<S>& a, const Var<S>& b);

/// factor * x.
template <Real S>
Var<S> scale(const Var<S>& x, double factor);

/// The sum of all elements, (1, 1).
template <Real S>
Var<S> sum(const Var<S>& x);

/// The mean of all elements, (1, 1).
template <Real S>
Var<S> mean(const Var<S>& x);

}  // namespace evengrad
