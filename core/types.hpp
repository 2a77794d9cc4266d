// The scalar concept and the matrix types of the public API.
#pragma once

#include <Eigen/Core>
#include <concepts>

namespace evengrad {

/// The scalar types the library is instantiated for.
template <class S>
concept Real = std::same_as<S, float> || std::same_as<S, double>;

using Index = Eigen::Index;

/// Row-major (batch, features); a weight is (out, in), as in PyTorch.
template <Real S>
using Matrix = Eigen::Matrix<S, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

/// A read-only matrix argument: a Matrix, a Map or a block of rows, without a copy.
template <Real S>
using MatrixRef = Eigen::Ref<const Matrix<S>>;

}  // namespace evengrad
