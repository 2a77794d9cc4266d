// The measured hot loops behind the ops, as tables of functions: one table per instruction set, chosen when the program
// starts (kernels()).
//
// Element (r, c) of a view lies at data[r * stride + c].
//
// Every sum here is one sequential chain of multiply-adds in a documented order. An output's bits therefore depend
// neither on the batch around it, nor on the number of threads, nor on how loops are tiled.
//
// Products and sums below `negligible` (core/real.hpp) are stored as 0: gradients never become subnormal.
#pragma once

#include <evengrad/core/dispatch.hpp>
#include <evengrad/core/real.hpp>

namespace evengrad::kernels {

template <class S>  // a Real, const for what is only read
struct View {
  S* data;
  Index rows;
  Index cols;
  Index stride;  // elements between rows
};

/// The left factor of a product: element (m, k) at data[m * row_stride + k * col_stride]. One of the strides is 1.
template <Real S>
struct Left {
  const S* data;
  Index row_stride;
  Index col_stride;
};

/// The right factor: element (k, n) at data[k * row_stride + n * col_stride]. One of the strides is 1.
template <Real S>
struct Right {
  const S* data;
  Index row_stride;
  Index col_stride;
};

/// The right factor in panels of a few vectors' columns, as products read it: row k of panel i at
/// data[i * step + k * stride]; the last panel, with the columns left over, lies elsewhere and has a stride of its own.
template <Real S>
struct Panels {
  const S* data;
  Index step;
  Index stride;
  const S* last;
};

/// What a product's chains start from.
template <Real S>
struct Start {
  const S* row = nullptr;   // (cols): the same row for every output row (a bias); null starts from zero
  bool accumulate = false;  // continue from what the output holds
};

template <Real S>
struct Table {
  /// Name of the instruction set.
  const char* name;

  /// Room that pack() needs for a (k, n) right factor.
  Index (*packed_size)(Index k, Index n);

  /// Lays the right factor (k, n) of a product with m rows out in panels, in `packed` unless it can be read where it is.
  Panels<S> (*pack)(Right<S> right, Index m, Index k, Index n, S* packed);

  /// out(m, n) = start + sum over k, in ascending order, of left(m, k) * right(k, n).
  void (*product)(Left<S> left, Index k, Panels<S> right, Start<S> start, View<S> out);

  /// out(c, r) = in(r, c).
  void (*transpose)(View<const S> in, S* out, Index out_stride);

  /// out[i] = a[i] * b[i], or out[i] += a[i] * b[i].
  void (*multiply)(const S* a, const S* b, S* out, Index count, bool accumulate);

  /// out[c] = sum over r, in ascending order, of in(r, c), or added to what is there.
  void (*column_sums)(View<const S> in, S* out, bool accumulate);

  /// out(r, c) = a(r, c) * b(r, c), all with a's stride, and their column_sums() in the same pass.
  void (*multiply_and_sum)(View<const S> a, const S* b, S* out, S* sums, bool accumulate);

  /// numbers[i] = 0 where its magnitude is below `negligible`.
  void (*flush)(S* numbers, Index count);

  /// p(r, :) = softmax(z(r, :)); log_sum[r] = log sum_c exp(z(r, c)), computed from the row's maximum.
  void (*softmax_rows)(View<const S> z, S* p, double* log_sum);
};

// One table per instruction set (core/kernels/table.cpp, compiled once for each).
template <Real S>
const Table<S>& baseline_kernels();
template <Real S>
const Table<S>& avx2_kernels();
template <Real S>
const Table<S>& avx512_kernels();

/// The table for the best instruction set of this machine.
template <Real S>
const Table<S>& kernels();

/// The table for an instruction set, null where this build or this machine lacks it.
template <Real S>
const Table<S>* kernels_for(Isa isa);

}  // namespace evengrad::kernels
