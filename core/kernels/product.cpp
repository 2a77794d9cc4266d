// Matrix products. The right factor is packed into panels a few vectors wide; a micro-kernel keeps a block of outputs in
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
  for (Index j = 0; j < panel_width<S>; j += L::size) {
    for (Index i = 0; i < k; i += L::size) {
      const Index steps = k - i < L::size ? k - i : L::size;
      L block[L::size];
#pragma GCC unroll 16
      for (Index r = 0; r < L::size; ++r) {
        const S* row = data + (j + r) * col_stride + i;
        block[r] = j + r >= width ? L(0.0) : steps == L::size ? L::load(row) : L::load(row, steps);
      }
      transpose_block<S>(block);
      for (Index r = 0; r < steps; ++r) block[r].store(panel + (i + r) * panel_width<S> + j);
    }
  }
}

template <Real S>
void pack(const S* data, Index k, Index n, Index row_stride, Index col_stride, S* packed) {
  for (Index column = 0; column < n; column += panel_width<S>, packed += panel_width<S> * k) {
    const Index width = n - column < panel_width<S> ? n - column : panel_width<S>;
    if (col_stride == 1) {
      pack_rows(data + column, k, width, row_stride, packed);
    } else {
      pack_transposed(data + column * col_stride, k, width, col_stride, packed);
    }
  }
}

// out (rows x width, width <= vectors * lanes) = start + left * panel over `k` steps.
template <Real S, int rows, int vectors>
void block(Left<S> left, Index k, const S* panel, Start<S> start, S* out, Index out_stride, Index width) {
  using L = Lanes<S>;
  L sum[rows][vectors];
#pragma GCC unroll 16
  for (int r = 0; r < rows; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < vectors; ++v) {
      const S* from = start.accumulate ? out + r * out_stride : start.row;
      const Index left_over = width - v * L::size;
      sum[r][v] = !from                  ? L(0.0)
                  : left_over >= L::size ? L::load(from + v * L::size)
                                         : L::load(from + v * L::size, left_over);
    }
  }
  const S* a = left.data;
  for (Index i = 0; i < k; ++i, a += left.col_stride, panel += panel_width<S>) {
    L b[vectors];
#pragma GCC unroll 4
    for (int v = 0; v < vectors; ++v) b[v] = L::load(panel + v * L::size);
#pragma GCC unroll 16
    for (int r = 0; r < rows; ++r) {
      const L factor(a[r * left.row_stride]);
#pragma GCC unroll 4
      for (int v = 0; v < vectors; ++v) sum[r][v] = fma(factor, b[v], sum[r][v]);
    }
  }
#pragma GCC unroll 16
  for (int r = 0; r < rows; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < vectors; ++v) {
      S* to = out + r * out_stride + v * L::size;
      const Index left_over = width - v * L::size;
      left_over >= L::size ? sum[r][v].store(to) : sum[r][v].store(to, left_over);
    }
  }
}

template <Real S>
using Block = void (*)(Left<S>, Index, const S*, Start<S>, S*, Index, Index);

template <Real S, int vectors, int... rows>
constexpr Block<S> block_of(int count, std::integer_sequence<int, rows...>) {
  constexpr Block<S> blocks[] = {block<S, rows + 1, vectors>...};
  return blocks[count - 1];
}

template <Real S>
void product(Left<S> left, Index k, const S* packed, Start<S> start, View<S> out) {
  using Rows = std::make_integer_sequence<int, block_rows>;
  // Blocks of nearly equal height, so that no block is a thin remainder.
  const Index block_count = (out.rows + block_rows - 1) / block_rows;
  for (Index k_begin = 0; k_begin == 0 || k_begin < k; k_begin += k_block) {
    const Index steps = k - k_begin < k_block ? k - k_begin : k_block;
    const Start<S> from = k_begin == 0 ? start : Start<S>{nullptr, true};
    for (Index column = 0; column < out.cols; column += panel_width<S>) {
      const Index width = out.cols - column < panel_width<S> ? out.cols - column : panel_width<S>;
      const S* panel = packed + column * k + k_begin * panel_width<S>;
      const Start<S> here{from.row ? from.row + column : nullptr, from.accumulate};
      for (Index b = 0; b < block_count; ++b) {
        const Index row = out.rows * b / block_count;
        const int rows = static_cast<int>(out.rows * (b + 1) / block_count - row);
        const Left<S> a{left.data + row * left.row_stride + k_begin * left.col_stride, left.row_stride, left.col_stride};
        const auto run = width > Lanes<S>::size ? block_of<S, panel_vectors>(rows, Rows{}) : block_of<S, 1>(rows, Rows{});
        run(a, steps, panel, here, out.data + row * out.stride + column, out.stride, width);
      }
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
      L tile[L::size];
#pragma GCC unroll 16
      for (Index r = 0; r < L::size; ++r) {
        const S* from = in.data + (row + r) * in.stride + col;
        tile[r] = r >= rows ? L(0.0) : cols == L::size ? L::load(from) : L::load(from, cols);
      }
      transpose_block<S>(tile);
      for (Index c = 0; c < cols; ++c) {
        S* to = out + (col + c) * out_stride + row;
        rows == L::size ? tile[c].store(to) : tile[c].store(to, rows);
      }
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
