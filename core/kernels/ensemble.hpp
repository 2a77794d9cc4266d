// Kernels for several nets of one shape that train side by side: lane n of every vector belongs to net n, so there are
// as many nets as a vector has lanes. A number of all nets is one vector; matrices are row-major matrices of such
// vectors.
//
// Every chain of operations is that of the kernels for one net (kernels.hpp, layers/losses.cpp) in the same order: what
// a lane holds is, bit for bit, what its net computes alone.
#pragma once

#include <evengrad/core/dispatch.hpp>
#include <evengrad/core/real.hpp>

namespace evengrad::kernels {

/// How a factor of a product is read: vector (i, k) at data + i * stride + k * k_stride, strides in numbers.
template <Real S>
struct Factor {
  const S* data;
  Index stride;
  Index k_stride;
};

template <Real S>
struct EnsembleTable {
  Index lanes;

  /// out(m, n) = start(n) + sum over k, in ascending order, of left(m, k) * right(n, k); a null start is zero.
  void (*product)(Factor<S> left, Factor<S> right, Index k, const S* start, S* out, Index m, Index n);

  /// out(c) = sum over r, in ascending order, of in(r, c).
  void (*column_sums)(const S* in, Index rows, Index cols, S* out);

  /// The mean cross-entropy of a batch in loss (lanes) and its slopes (batch, classes), with the samples answered
  /// rightly in right (lanes). The labels (batch) are numbers of classes.
  void (*cross_entropy)(const S* logits, const S* labels, Index batch, Index classes, double smoothing, S* slopes,
                        S* loss, S* right);

  /// out (lanes) is 0 for a net all of whose `count` numbers are finite, else NaN.
  void (*check_finite)(const S* numbers, Index count, S* out);
};

template <Real S>
const EnsembleTable<S>& baseline_ensemble();
template <Real S>
const EnsembleTable<S>& avx2_ensemble();
template <Real S>
const EnsembleTable<S>& avx512_ensemble();

/// The table for an instruction set, null where this build or this machine lacks it.
template <Real S>
const EnsembleTable<S>* ensemble_for(Isa isa);

}  // namespace evengrad::kernels
