// The matrix types of the public API.
#pragma once

#include <evengrad/core/real.hpp>

#include <Eigen/Core>

namespace evengrad {

/// Row-major (batch, features); a weight is (out, in), as in PyTorch.
template <Real S>
using Matrix = Eigen::Matrix<S, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

/// A read-only matrix argument: a Matrix, a Map or a block of rows, without a copy.
template <Real S>
using MatrixRef = Eigen::Ref<const Matrix<S>>;

}  // namespace evengrad
