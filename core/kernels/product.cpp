// Matrix products. The right factor is read in panels a few vectors wide; a micro-kernel keeps a block of outputs in
// registers and walks down k with one multiply-add chain per output.
#include <evengrad/core/kernels/table.hpp>
#include <evengrad/core/kernels/transpose.hpp>

namespace evengrad::kernels {
inline namespace EVENGRAD_ISA {
namespace {

// Outputs held in registers: block_rows x panel_vectors vectors, leaving room for one row of the panel and a broadcast.
constexpr int panel_vectors = 2;
constexpr int block_rows = EVENGRAD_VECTOR_BYTES == 64 ? 12 : 6;
// Steps of k between two visits to the outputs: a panel of this height stays in the first-level cache.
constexpr Index k_block = 256;
// Bytes of a right factor that is read where it lies: it stays in the first-level cache.
constexpr Index direct_bytes = 32 * 1024;

template <Real S>
constexpr Index panel_width = panel_vectors * Lanes<S>::size;

template <Real S>
Index packed_size(Index k, Index n) {
  return (n + panel_width<S> - 1) / panel_width<S> * panel_width<S> * k;
}

// Columns contiguous: a panel is a copy of `width` columns.
template <Real S>
void pack_rows(const S* data, Index k, Index width, Index row_stride, S* panel) {
  using L = Lanes<S>;
  if (width == panel_width<S>) {
    for (Index i = 0; i < k; ++i, data += row_stride, panel += panel_width<S>) {
#pragma GCC unroll 4
      for (Index j = 0; j < panel_width<S>; j += L::size) L::load(data + j).store(panel + j);
    }
    return;
  }
  for (Index i = 0; i < k; ++i, data += row_stride, panel += panel_width<S>) {
    for (Index j = 0; j < panel_width<S>; j += L::size) {
      const Index left = width - j;
      const L v = left >= L::size ? L::load(data + j) : left > 0 ? L::load(data + j, left) : L(0.0);
      v.store(panel + j);
    }
  }
}

// Rows contiguous (the right factor is a transposed weight): transpose block by block.
template <Real S>
void pack_transposed(const S* data, Index k, Index width, Index col_stride, S* panel) {
  using L = Lanes<S>;
  for (Index j = 0; j < width; j += L::size) {
    const Index cols = width - j < L::size ? width - j : L::size;
    for (Index i = 0; i < k; i += L::size) {
      const Index steps = k - i < L::size ? k - i : L::size;
      // The rows are as many streams, more than the machine follows by itself: ask for the next two blocks' lines.
#pragma GCC unroll 16
      for (Index r = 0; r < L::size; ++r) __builtin_prefetch(data + (j + r) * col_stride + i + 2 * L::size);
      transpose_to(data + j * col_stride + i, col_stride, cols, steps, panel + i * panel_width<S> + j, panel_width<S>);
    }
  }
}

template <Real S>
Panels<S> pack(Right<S> right, Index m, Index k, Index n, S* packed) {
  if (k == 0) return {packed, 0, panel_width<S>, packed};  // a factor without elements may have no address to count from
  const Index left_over = n % panel_width<S>, whole = n - left_over;
  if (right.col_stride == 1 && (m <= block_rows || k * right.row_stride * Index{sizeof(S)} <= direct_bytes)) {
    if (left_over > 0) pack_rows(right.data + whole, k, left_over, right.row_stride, packed);
    return {right.data, panel_width<S>, right.row_stride, packed};
  }
  S* panel = packed;
  for (Index column = 0; column < n; column += panel_width<S>, panel += panel_width<S> * k) {
    const Index width = column < whole ? panel_width<S> : left_over;
    if (right.col_stride == 1) {
      pack_rows(right.data + column, k, width, right.row_stride, panel);
    } else {
      pack_transposed(right.data + column * right.col_stride, k, width, right.col_stride, panel);
    }
  }
  return {packed, panel_width<S> * k, panel_width<S>, packed + whole * k};
}

// out (rows x width, width <= vectors * lanes) = start + left * panel over `k` steps. The left factor's element (r, i)
// is left[r * left_stride + i], or left[i * left_stride + r] where it is transposed. Outputs below the limit become 0.
template <Real S, int rows, int vectors, bool transposed>
void block(const S* left, Index left_stride, Index k, const S* panel, Index panel_stride, Start<S> start, S* out,
           Index out_stride, Index width, S limit) {
  using L = Lanes<S>;
  const Index tail = width - (vectors - 1) * L::size;
  const auto load = [tail](const S* from, int v) {
    return v < vectors - 1 ? L::load(from + v * L::size) : L::load(from + v * L::size, tail);
  };
  L sum[rows][vectors];
#pragma GCC unroll 16
  for (int r = 0; r < rows; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < vectors; ++v) sum[r][v] = L(0.0);
  }
  if (start.accumulate) {
#pragma GCC unroll 16
    for (int r = 0; r < rows; ++r) {
#pragma GCC unroll 4
      for (int v = 0; v < vectors; ++v) sum[r][v] = load(out + r * out_stride, v);
    }
  } else if (start.row) {
#pragma GCC unroll 4
    for (int v = 0; v < vectors; ++v) {
      const L bias = load(start.row, v);
#pragma GCC unroll 16
      for (int r = 0; r < rows; ++r) sum[r][v] = bias;
    }
  }
  // Rows in groups of three, which one pointer and the stride address: a pointer a row does not fit into registers.
  const S* group[(rows + 2) / 3];
#pragma GCC unroll 16
  for (int j = 0; j < (rows + 2) / 3; ++j) group[j] = left + 3 * j * left_stride;
  for (Index i = 0; i < k; ++i, panel += panel_stride) {
    L b[vectors];
#pragma GCC unroll 4
    for (int v = 0; v < vectors; ++v) b[v] = L::load(panel + v * L::size);
#pragma GCC unroll 16
    for (int r = 0; r < rows; ++r) {
      const L factor(transposed ? left[r] : group[r / 3][r % 3 * left_stride]);
#pragma GCC unroll 4
      for (int v = 0; v < vectors; ++v) sum[r][v] = fma(factor, b[v], sum[r][v]);
    }
    if constexpr (transposed) {
      left += left_stride;
    } else {
#pragma GCC unroll 16
      for (int j = 0; j < (rows + 2) / 3; ++j) ++group[j];
    }
  }
#pragma GCC unroll 16
  for (int r = 0; r < rows; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < vectors; ++v) {
      S* to = out + r * out_stride + v * L::size;
      const L result = flushed(sum[r][v], L(limit));
      v < vectors - 1 ? result.store(to) : result.store(to, tail);
    }
  }
}

template <Real S>
using Block = void (*)(const S*, Index, Index, const S*, Index, Start<S>, S*, Index, Index, S);

template <Real S, int vectors, bool transposed, int... rows>
Block<S> block_of(int count, std::integer_sequence<int, rows...>) {
  static constexpr Block<S> blocks[] = {block<S, rows + 1, vectors, transposed>...};
  return blocks[count - 1];
}

template <Real S>
Block<S> block_of(int rows, Index width, bool transposed) {
  constexpr std::make_integer_sequence<int, block_rows> all;
  if (width > Lanes<S>::size) {
    return transposed ? block_of<S, panel_vectors, true>(rows, all) : block_of<S, panel_vectors, false>(rows, all);
  }
  return transposed ? block_of<S, 1, true>(rows, all) : block_of<S, 1, false>(rows, all);
}

template <Real S>
void product(Left<S> left, Index k, Panels<S> right, Start<S> start, View<S> out) {
  const bool transposed = left.row_stride == 1 && left.col_stride != 1;
  const Index left_stride = transposed ? left.col_stride : left.row_stride;
  // Blocks of nearly equal height, so that no block is a thin remainder: the first `taller` have a row more.
  if (out.rows == 0) return;
  if (k == 0) left.data = out.data;  // read nowhere, but addresses are formed, and nothing may be added to null
  const Index block_count = (out.rows + block_rows - 1) / block_rows;
  const int height = static_cast<int>(out.rows / block_count), taller = static_cast<int>(out.rows % block_count);
  for (Index k_begin = 0; k_begin == 0 || k_begin < k; k_begin += k_block) {
    const Index steps = k - k_begin < k_block ? k - k_begin : k_block;
    const Start<S> from = k_begin == 0 ? start : Start<S>{nullptr, true};
    const S limit = k_begin + steps == k ? negligible<S> : S(0);  // of whole sums alone, however they are cut
    for (Index column = 0, i = 0; column < out.cols; column += panel_width<S>, ++i) {
      const bool whole = out.cols - column >= panel_width<S>;
      const Index width = whole ? panel_width<S> : out.cols - column;
      const Index stride = whole ? right.stride : panel_width<S>;
      const S* panel = (whole ? right.data + i * right.step : right.last) + k_begin * stride;
      const Start<S> here{from.row ? from.row + column : nullptr, from.accumulate};
      const S* rows = left.data + k_begin * left.col_stride;
      S* to = out.data + column;
      const auto run = [&](int rows_each, Index blocks) {
        if (blocks == 0) return;
        const Block<S> block = block_of<S>(rows_each, width, transposed);
        for (Index b = 0; b < blocks; ++b, rows += rows_each * left.row_stride, to += rows_each * out.stride) {
          block(rows, left_stride, steps, panel, stride, here, to, out.stride, width, limit);
        }
      };
      run(height + 1, taller);
      run(height, block_count - taller);
    }
  }
}

template <Real S>
void transpose(View<const S> in, S* out, Index out_stride) {
  using L = Lanes<S>;
  for (Index row = 0; row < in.rows; row += L::size) {
    const Index rows = in.rows - row < L::size ? in.rows - row : L::size;
    for (Index col = 0; col < in.cols; col += L::size) {
      const Index cols = in.cols - col < L::size ? in.cols - col : L::size;
      transpose_to(in.data + row * in.stride + col, in.stride, rows, cols, out + col * out_stride + row, out_stride);
    }
  }
}

}  // namespace

template <Real S>
void add_products(Table<S>& table) {
  table.packed_size = packed_size<S>;
  table.pack = pack<S>;
  table.product = product<S>;
  table.transpose = transpose<S>;
}

template void add_products<float>(Table<float>&);
template void add_products<double>(Table<double>&);

}  // inline namespace EVENGRAD_ISA
}  // namespace evengrad::kernels
