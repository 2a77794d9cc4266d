// Transposes a square block held in registers by log2(size) rounds of two-operand shuffles, instead of element by
// element.
#pragma once

#include <evengrad/core/lanes.hpp>

#include <utility>

namespace evengrad {
inline namespace EVENGRAD_ISA {

template <Real S, int half, std::size_t... lane>
inline void exchange_halves(Lanes<S>& a, Lanes<S>& b, std::index_sequence<lane...>) {
  constexpr int size = sizeof...(lane);
  const auto x = a.v, y = b.v;
  a.v = __builtin_shufflevector(x, y, (lane & half ? size + int(lane) - half : int(lane))...);
  b.v = __builtin_shufflevector(x, y, (lane & half ? size + int(lane) : int(lane) + half)...);
}

template <Real S, int half = 1>
inline void transpose_block(Lanes<S>* rows) {
  constexpr int size = Lanes<S>::size;
  if constexpr (half < size) {
#pragma GCC unroll 16
    for (int i = 0; i < size; ++i) {
      if (!(i & half)) exchange_halves<S, half>(rows[i], rows[i + half], std::make_index_sequence<size>{});
    }
    transpose_block<S, 2 * half>(rows);
  }
}

/// The block (rows, cols), each at most the number of lanes, of a matrix, into its transposed place. Whole blocks stay in
/// registers.
template <Real S>
[[gnu::always_inline]] inline void transpose_to(const S* in, Index in_stride, Index rows, Index cols, S* out,
                                                Index out_stride) {
  using L = Lanes<S>;
  L tile[L::size];
  if (rows == L::size && cols == L::size) {
#pragma GCC unroll 16
    for (Index r = 0; r < L::size; ++r) tile[r] = L::load(in + r * in_stride);
    transpose_block<S>(tile);
#pragma GCC unroll 16
    for (Index c = 0; c < L::size; ++c) tile[c].store(out + c * out_stride);
    return;
  }
  for (Index r = 0; r < L::size; ++r) tile[r] = r < rows ? L::load(in + r * in_stride, cols) : L(0.0);
  transpose_block<S>(tile);
  for (Index c = 0; c < cols; ++c) tile[c].store(out + c * out_stride, rows);
}

}  // inline namespace EVENGRAD_ISA
}  // namespace evengrad
