#include <evengrad/core/kernels/ensemble.hpp>
#include <evengrad/core/kernels/isa.hpp>
#include <evengrad/core/math.hpp>

#include <utility>

namespace evengrad::kernels {
inline namespace EVENGRAD_ISA {
namespace {

// Outputs held in registers: rows * cols multiply-adds need only rows + cols loads, which leaves the product limited by
// the multiply-adds and not by the loads.
constexpr int block_rows = EVENGRAD_VECTOR_BYTES == 64 ? 6 : 4;
constexpr int block_cols = EVENGRAD_VECTOR_BYTES == 64 ? 4 : 3;

template <Real S, int rows, int cols>
void block(Factor<S> left, Factor<S> right, Index k, const S* start, S* out, Index out_stride) {
  using L = Lanes<S>;
  L sum[rows][cols];
#pragma GCC unroll 8
  for (int r = 0; r < rows; ++r) {
#pragma GCC unroll 8
    for (int c = 0; c < cols; ++c) sum[r][c] = start ? L::load(start + c * L::size) : L(0.0);
  }
  const S *a = left.data, *b = right.data;
  for (Index i = 0; i < k; ++i, a += left.k_stride, b += right.k_stride) {
    L factor[cols];
#pragma GCC unroll 8
    for (int c = 0; c < cols; ++c) factor[c] = L::load(b + c * right.stride);
#pragma GCC unroll 8
    for (int r = 0; r < rows; ++r) {
      const L row = L::load(a + r * left.stride);
#pragma GCC unroll 8
      for (int c = 0; c < cols; ++c) sum[r][c] = fma(row, factor[c], sum[r][c]);
    }
  }
#pragma GCC unroll 8
  for (int r = 0; r < rows; ++r) {
#pragma GCC unroll 8
    for (int c = 0; c < cols; ++c) flushed(sum[r][c]).store(out + r * out_stride + c * L::size);
  }
}

template <Real S>
using Block = void (*)(Factor<S>, Factor<S>, Index, const S*, S*, Index);

template <Real S, int... i>
constexpr Block<S> block_of(Index rows, Index cols, std::integer_sequence<int, i...>) {
  constexpr Block<S> blocks[] = {block<S, i / block_cols + 1, i % block_cols + 1>...};
  return blocks[(rows - 1) * block_cols + cols - 1];
}

template <Real S>
void product(Factor<S> left, Factor<S> right, Index k, const S* start, S* out, Index m, Index n) {
  constexpr Index lanes = Lanes<S>::size;
  // Blocks of nearly equal size, so that none is a thin remainder.
  const Index row_blocks = (m + block_rows - 1) / block_rows, col_blocks = (n + block_cols - 1) / block_cols;
  for (Index i = 0; i < row_blocks; ++i) {
    const Index row = m * i / row_blocks, rows = m * (i + 1) / row_blocks - row;
    for (Index j = 0; j < col_blocks; ++j) {
      const Index col = n * j / col_blocks, cols = n * (j + 1) / col_blocks - col;
      const auto run = block_of<S>(rows, cols, std::make_integer_sequence<int, block_rows * block_cols>{});
      run({left.data + row * left.stride, left.stride, left.k_stride},
          {right.data + col * right.stride, right.stride, right.k_stride}, k, start ? start + col * lanes : nullptr,
          out + (row * n + col) * lanes, n * lanes);
    }
  }
}

template <Real S>
void column_sums(const S* in, Index rows, Index cols, S* out) {
  using L = Lanes<S>;
  for (Index c = 0; c < cols * L::size; c += L::size) {
    L sum(0.0);
    for (Index r = 0; r < rows; ++r) sum += L::load(in + r * cols * L::size + c);
    flushed(sum).store(out + c);
  }
}

// The rows of softmax_rows() and of SoftmaxCrossEntropy in one pass: alone, a net with three classes fills three lanes
// of a vector; here all are full.
template <Real S>
void cross_entropy(const S* logits, const S* labels, Index batch, Index classes, double smoothing, S* slopes, S* loss,
                   S* right) {
  using L = Lanes<S>;
  using D = Lanes<double>;
  const double share_of_loss = smoothing / static_cast<double>(classes);
  const L scale(S(1) / static_cast<S>(batch)), share(static_cast<S>(smoothing) / static_cast<S>(classes));
  const L hit(1 - static_cast<S>(smoothing)), zero(0.0), one(1.0);
  double total[L::size] = {};
  L answered_rightly(0.0);
  for (Index r = 0; r < batch; ++r, logits += classes * L::size, slopes += classes * L::size) {
    const L label = L::load(labels + r * L::size);
    L largest = L::load(logits), answer = classes == 1 ? where(largest > zero, one, zero) : zero, of_label = zero;
    for (Index c = 1; c < classes; ++c) {
      const L z = L::load(logits + c * L::size);
      answer = where(z > largest, L(static_cast<double>(c)), answer);
      largest = where(z > largest, z, largest);
    }
    answered_rightly += where(answer == label, one, zero);
    double sum[L::size] = {}, log_sum[L::size];
    for (Index c = 0; c < classes; ++c) {
      const L z = L::load(logits + c * L::size);
      of_label = where(label == L(static_cast<double>(c)), z, of_label);
      exp(z - largest).store(slopes + c * L::size);
      for (Index n = 0; n < L::size; ++n) sum[n] += static_cast<double>(slopes[c * L::size + n]);
    }
    for (Index n = 0; n < L::size; n += D::size) log(D::load(sum + n)).store(log_sum + n);
    S inverse[L::size];
    for (Index n = 0; n < L::size; ++n) {
      inverse[n] = static_cast<S>(1.0 / sum[n]);
      log_sum[n] += static_cast<double>(largest[n]);
      double term = (1 - smoothing) * (log_sum[n] - static_cast<double>(of_label[n]));
      if (smoothing > 0) {
        for (Index c = 0; c < classes; ++c) {
          term += share_of_loss * (log_sum[n] - static_cast<double>(logits[c * L::size + n]));
        }
      }
      total[n] += term;
    }
    for (Index c = 0; c < classes; ++c) {
      const L p = L::load(slopes + c * L::size) * L::load(inverse);
      const L target = share + where(label == L(static_cast<double>(c)), hit, zero);
      flushed(scale * (p - target)).store(slopes + c * L::size);
    }
  }
  for (Index n = 0; n < L::size; ++n) loss[n] = static_cast<S>(total[n] / static_cast<double>(batch));
  answered_rightly.store(right);
}

template <Real S>
void check_finite(const S* numbers, Index count, S* out) {
  using L = Lanes<S>;
  constexpr Index chains = 4;
  const L zero(0.0);
  L sum[chains] = {zero, zero, zero, zero};
  for (Index i = 0; i < count; ++i, numbers += L::size) sum[i % chains] = fma(L::load(numbers), zero, sum[i % chains]);
  ((sum[0] + sum[1]) + (sum[2] + sum[3])).store(out);
}

}  // namespace
}  // namespace EVENGRAD_ISA

template <Real S>
const EnsembleTable<S>& EVENGRAD_ISA_NAME(ensemble)() {
  static const EnsembleTable<S> table{Lanes<S>::size, product<S>, column_sums<S>, cross_entropy<S>, check_finite<S>};
  return table;
}

template const EnsembleTable<float>& EVENGRAD_ISA_NAME(ensemble)<float>();
template const EnsembleTable<double>& EVENGRAD_ISA_NAME(ensemble)<double>();

}  // namespace evengrad::kernels
