// The matrix types of the public API.
#pragma once

#include <evengrad/core/real.hpp>

// Matrices cross between library and program, so both must align them alike, whatever -m flags either has. The CMake
// target says the same; this serves who compiles by hand.
#ifndef EIGEN_MAX_ALIGN_BYTES
#define EIGEN_MAX_ALIGN_BYTES 64
#endif
#include <Eigen/Core>

#include <cstdint>

namespace evengrad {

static_assert(EIGEN_MAX_ALIGN_BYTES == 64,
              "evengrad and its users need -DEIGEN_MAX_ALIGN_BYTES=64, before any include of Eigen");

/// Row-major (batch, features); a weight is (out, in), as in PyTorch.
template <Real S>
using Matrix = Eigen::Matrix<S, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

/// A read-only matrix argument: a Matrix, a Map or a block of rows, without a copy.
template <Real S>
using MatrixRef = Eigen::Ref<const Matrix<S>>;

/// The label of a row that does not count, as in PyTorch.
inline constexpr std::int32_t no_label = -100;

}  // namespace evengrad
