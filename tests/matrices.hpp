// What tests of the core share: random matrices, exact comparison, and two activations of their own.
#pragma once

#include <evengrad/core/activation.hpp>
#include <evengrad/core/math.hpp>
#include <evengrad/core/random.hpp>
#include <evengrad/core/types.hpp>

#include <gtest/gtest.h>

#include <array>
#include <cstring>

namespace evengrad {

/// Independent normal numbers; float and double matrices of one seed hold the same ones, rounded.
template <Real S>
Matrix<S> random_matrix(Index rows, Index cols, std::uint64_t seed) {
  Matrix<S> m(rows, cols);
  Rng(seed).fill_normal(std::span<S>(m.data(), static_cast<std::size_t>(m.size())));
  return m;
}

/// True if two matrices have the same shape and the same bits; unlike ==, this tells -0 from 0 and takes NaN as itself.
template <class A, class B>
::testing::AssertionResult same_bits(const A& a, const B& b) {
  using S = typename A::Scalar;
  static_assert(std::is_same_v<S, typename B::Scalar>);
  if (a.rows() != b.rows() || a.cols() != b.cols()) {
    return ::testing::AssertionFailure() << a.rows() << " x " << a.cols() << " against " << b.rows() << " x "
                                         << b.cols();
  }
  for (Index r = 0; r < a.rows(); ++r) {
    for (Index c = 0; c < a.cols(); ++c) {
      const S x = a(r, c), y = b(r, c);
      if (std::memcmp(&x, &y, sizeof(S)) != 0) {
        return ::testing::AssertionFailure() << "(" << r << ", " << c << "): " << x << " against " << y;
      }
    }
  }
  return ::testing::AssertionSuccess();
}

/// Smooth; bends everywhere.
struct TestTanh {
  static constexpr std::string_view name = "test_tanh";
  template <class T>
  T operator()(const T& x) const {
    return tanh(x);
  }
};

/// Kinks at 0 and at 2.
struct TestHinge {
  static constexpr std::string_view name = "test_hinge";
  static constexpr std::array kinks{0.0, 2.0};
  template <class T>
  T operator()(const T& x) const {
    return where(x > 0.0, where(x > 2.0, 0.5 * x + 1.0, x), T(0.0));
  }
};

/// A kink at 0.
struct TestRelu {
  static constexpr std::string_view name = "test_relu";
  static constexpr std::array kinks{0.0};
  template <class T>
  T operator()(const T& x) const {
    return where(x > 0.0, x, T(0.0));
  }
};

}  // namespace evengrad
