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

}  // inline namespace EVENGRAD_ISA
}  // namespace evengrad
