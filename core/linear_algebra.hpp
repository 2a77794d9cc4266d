// Products and the QR factorization of matrices outside the tape. Eigen blocks its own by the processor's cache sizes,
// so their last bits differ from machine to machine; here the order of every sum depends on nothing but the shapes.
#pragma once

#include <evengrad/core/types.hpp>

namespace evengrad {

namespace detail {

/// A matrix where it lies: element (r, c) at data[r * row_stride + c * col_stride]. One of the strides is 1.
template <Real S>
struct Factor {
  const S* data;
  Index rows, cols, row_stride, col_stride;
};

/// out (a.rows, b.cols), row-major without gaps, becomes a b.
template <Real S>
void product(Factor<S> a, Factor<S> b, S* out);

template <class X>
using InMemory = Eigen::Ref<const typename X::PlainObject, 0, Eigen::OuterStride<>>;

template <class X>
Factor<typename X::Scalar> factor(const Eigen::Ref<const X, 0, Eigen::OuterStride<>>& x) {
  return {x.data(), x.rows(), x.cols(), x.rowStride(), x.colStride()};
}

}  // namespace detail

/// The matrix product a b of any two expressions of Eigen, by the kernels of the engine: every output is one chain of
/// multiply-adds in ascending order. Use it for every product of two matrices whose numbers somebody sees.
template <class A, class B>
Matrix<typename A::Scalar> product(const Eigen::MatrixBase<A>& a, const Eigen::MatrixBase<B>& b) {
  const detail::InMemory<A> left(a.derived());
  const detail::InMemory<B> right(b.derived());
  eigen_assert(left.cols() == right.rows());
  Matrix<typename A::Scalar> out(left.rows(), right.cols());
  detail::product(detail::factor<typename A::PlainObject>(left), detail::factor<typename B::PlainObject>(right),
                  out.data());
  return out;
}

/// x = q r: orthonormal columns (n, m) and an upper triangle (m, m).
struct Qr {
  Matrix<double> q, r;
};

/// Factorizes x (n, m), n >= m, by Householder reflections, column by column. All sums run down the rows in order,
/// without fused multiply-adds: the same bits for every instruction set.
Qr factorize(Matrix<double> x);

}  // namespace evengrad
