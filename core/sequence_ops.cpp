#include <evengrad/core/sequence_ops.hpp>

#include <evengrad/core/kernels/kernels.hpp>
#include <evengrad/core/math.hpp>

#include <algorithm>
#include <cmath>

namespace evengrad {

// ---- embedding ------------------------------------------------------------------------------------------------------

namespace {

// Calls use(row, token) for every token that counts, in order.
template <Real S, class Use>
void for_each_token(const Shape& shape, const S* tokens, Use use) {
  for (Index b = 0, row = 0; b < shape.blocks; ++b, row += shape.rows) {
    for (Index t = 0; t < shape.length(b); ++t) use(row + t, tokens[row + t]);
  }
}

}  // namespace

template <Real S>
void Embed<S>::forward(Forward<S>& step) {
  const Index n = step.shape().cols;
  const S* weight = step.input(1).data();
  MutableMap<S> out = step.output();
  if (step.shape().lengths) out.setZero();
  for_each_token(step.shape(), step.input(0).data(), [&](Index row, S token) {
    std::copy_n(weight + static_cast<Index>(token) * n, n, out.data() + row * n);
  });
}

template <Real S>
void Embed<S>::pull(Pull<S>& step) const {
  if (step.wants(0)) step.add(0, Matrix<S>::Zero(step.shape(0).matrix_rows(), step.shape(0).cols));
  if (!step.wants(1)) return;
  const Index n = step.shape().cols;
  const Target<S> to = step.target(1);
  MutableMap<S> sums(to.data, step.shape(1).matrix_rows(), n);
  if (!to.accumulate) sums.setZero();
  const ConstMap<S> gradient = step.gradient();
  for_each_token(step.shape(), step.input(0).data(),
                 [&](Index row, S token) { sums.row(static_cast<Index>(token)) += gradient.row(row); });
}

template <Real S>
Var<S> embedding(const Var<S>& x, const Var<S>& weight) {
  const Shape in = x.shape(), w = weight.shape();
  const bool row_of_tokens = in.rows == 1 && !in.is_image();
  if (in.cols != 1 && !row_of_tokens) {
    throw ShapeError(text("[embedding] input is ", in, ": expected tokens, (batch, time, 1) or (batch, time)"));
  }
  Shape out = in.with_cols(w.cols);
  if (row_of_tokens) out = {in.blocks, in.cols, w.cols};
  const S tokens = static_cast<S>(w.matrix_rows());
  for_each_token(out, x.value().data(), [&](Index row, S token) {
    if (token >= 0 && token < tokens && token == std::floor(token)) return;
    throw Error(text("[embedding] token ", token, " at position ", row % out.rows, " of sample ", row / out.rows,
                     ": expected a whole number from 0 to ", w.matrix_rows() - 1));
  });
  return x.tape().record(Embed<S>{}, out, {x, weight});
}

// ---- positions ------------------------------------------------------------------------------------------------------

template <Real S>
void AddPositions<S>::forward(Forward<S>& step) {
  const Shape shape = step.shape();
  MutableMap<S> out = step.output();
  for (Index b = 0; b < shape.blocks; ++b) {
    out.middleRows(b * shape.rows, shape.rows) =
        step.input(0).middleRows(b * shape.rows, shape.rows) + step.input(1).topRows(shape.rows);
  }
}

template <Real S>
void AddPositions<S>::pull(Pull<S>& step) const {
  const ConstMap<S> gradient = step.gradient();
  step.add(0, gradient);
  if (!step.wants(1)) return;
  const Shape shape = step.shape();
  const Target<S> to = step.target(1);
  MutableMap<S> sums(to.data, step.shape(1).matrix_rows(), shape.cols);
  if (!to.accumulate) sums.setZero();
  for (Index b = 0; b < shape.blocks; ++b) {
    sums.topRows(shape.length(b)) += gradient.middleRows(b * shape.rows, shape.length(b));
  }
}

template <Real S>
Var<S> add_positions(const Var<S>& x, const Var<S>& positions) {
  const Shape in = x.shape(), p = positions.shape();
  if (in.cols != p.cols || in.rows > p.matrix_rows()) {
    throw ShapeError(text("[positions] input is ", in, ", there are ", p.matrix_rows(), " positions of ", p.cols,
                          " numbers: expected no more rows a sample, and as many columns"));
  }
  return x.tape().record(AddPositions<S>{}, in, {x, positions});
}

// ---- attention ------------------------------------------------------------------------------------------------------

namespace {

constexpr double qk_eps = 1e-6;

// Rows of a tile: causal attention computes the weights up to the end of the diagonal's tile. A multiple of a panel's
// columns, so that products may end there.
template <Real S>
Index tile_rows() {
  return std::max<Index>(32, kernels::kernels<S>().packed_size(1, 1));
}

// A matrix where it lies, row after row.
template <Real S>
struct Rows {
  const S* data;
  Index stride;

  kernels::Left<S> left(Index row) const { return {data + row * stride, stride, 1}; }
};

// One sample's head in the columns of x, and the arithmetic with it.
template <Real S>
struct Head {
  const kernels::Table<S>& kernel;
  Index time, rows, d;  // rows: that count
  bool causal;
  Rows<S> q, k, v;

  // Calls use(begin, end, columns) for tiles of rows with the columns that they may have weights in.
  template <class Use>
  void for_each_tile(Use use) const {
    const Index tile = tile_rows<S>();
    for (Index begin = 0; begin < rows; begin += tile) {
      const Index end = std::min(rows, begin + tile);
      use(begin, end, causal ? end : rows);
    }
  }
  Index columns_of(Index row) const { return causal ? row + 1 : rows; }

  kernels::Panels<S> pack(const Rows<S>& right, S* room) const {  // (rows, d)
    return kernel.pack({right.data, right.stride, 1}, rows, rows, d, room);
  }
  kernels::Panels<S> pack_transposed(const Rows<S>& right, S* room) const {  // (d, rows)
    return kernel.pack({right.data, 1, right.stride}, rows, d, rows, room);
  }
  Index room() const { return std::max(kernel.packed_size(rows, d), kernel.packed_size(d, rows)); }

  // weights (rows, time) = softmax(q k^T / sqrt(d)); out = weights v.
  void forward(S* weights, S* room, S* out, Index out_stride) const {
    const S scale = static_cast<S>(1 / std::sqrt(static_cast<double>(d)));
    const kernels::Panels<S> keys = pack_transposed(k, room);
    for_each_tile([&](Index begin, Index end, Index columns) {
      S* tile = weights + begin * time;
      kernel.product(q.left(begin), d, keys, {}, {tile, end - begin, columns, time});
      for (Index r = begin; r < end; ++r) {
        S* row = weights + r * time;
        const Index count = columns_of(r);
        for (Index c = 0; c < count; ++c) row[c] *= scale;
        double log_sum = 0;
        kernel.softmax_rows({row, 1, count, time}, row, &log_sum);
        std::fill(row + count, row + columns, S(0));
      }
    });
    const kernels::Panels<S> values = pack(v, room);
    for_each_tile([&](Index begin, Index end, Index columns) {
      kernel.product({weights + begin * time, time, 1}, columns, values, {},
                     {out + begin * out_stride, end - begin, d, out_stride});
    });
  }

  // to (rows, d) = matrix^T right, both (rows, …), where row r of the matrix has the columns of its tile.
  void transposed_product(const S* matrix, const Rows<S>& right, S* room, Target<S> to, Index to_stride) const {
    const kernels::Panels<S> all = pack(right, room);
    for_each_tile([&](Index begin, Index end, Index) {
      const Index first = causal ? begin : 0, panel = kernel.packed_size(1, 1);
      kernel.product({matrix + first * time + begin, 1, time}, rows - first,
                     {all.data + first * all.stride, all.step, all.stride, all.last + first * panel},
                     {nullptr, to.accumulate}, {to.data + begin * to_stride, end - begin, d, to_stride});
    });
  }

  // From g (rows, d), the gradient of weights v: those of q, k and v. `slopes` (time, time) is room.
  void pull(const S* weights, const Rows<S>& g, S* slopes, S* room, Target<S> dq, Target<S> dk, Index qk_stride,
            Target<S> dv, Index v_stride) const {
    const S scale = static_cast<S>(1 / std::sqrt(static_cast<double>(d)));
    const kernels::Panels<S> values = pack_transposed(v, room);
    for_each_tile([&](Index begin, Index end, Index columns) {
      kernel.product(g.left(begin), d, values, {}, {slopes + begin * time, end - begin, columns, time});
      for (Index r = begin; r < end; ++r) {
        const S* p = weights + r * time;
        S* row = slopes + r * time;
        const Index count = columns_of(r);
        S part[8] = {};
        Index c = 0;
        for (; c + 8 <= count; c += 8) {
          for (Index i = 0; i < 8; ++i) part[i] += p[c + i] * row[c + i];
        }
        for (; c < count; ++c) part[c % 8] += p[c] * row[c];
        const S mean = ((part[0] + part[1]) + (part[2] + part[3])) + ((part[4] + part[5]) + (part[6] + part[7]));
        for (c = 0; c < count; ++c) row[c] = scale * p[c] * (row[c] - mean);
        std::fill(row + count, row + columns, S(0));
      }
    });
    transposed_product(weights, g, room, dv, v_stride);
    transposed_product(slopes, q, room, dk, qk_stride);
    const kernels::Panels<S> keys = pack(k, room);
    for_each_tile([&](Index begin, Index end, Index columns) {
      kernel.product({slopes + begin * time, time, 1}, columns, keys, {nullptr, dq.accumulate},
                     {dq.data + begin * qk_stride, end - begin, d, qk_stride});
    });
  }
};

// Below this many multiply-adds one thread works alone.
constexpr Index work_for_threads = 8'000'000;

// Calls body(sample, head, piece) for all, in pieces that run side by side.
template <class Body>
void for_each_head(ThreadPool& pool, int pieces, Index samples, Index heads, Body body) {
  pool.run(pieces, [&](int piece) {
    const Part part = part_of(samples * heads, piece, pieces);
    for (Index i = part.begin; i < part.end; ++i) body(i / heads, i % heads, piece);
  });
}

int pieces_of(const ThreadPool& pool, const Shape& shape) {
  return shape.matrix_rows() * shape.rows * shape.cols >= work_for_threads ? pool.threads() : 1;
}

// Turns the pairs (i, i + d/2) of a row by the angles of its time, or back.
template <Real S>
void rotate(S* row, Index d, const double* angles, double direction) {
  for (Index i = 0; i < d / 2; ++i) {
    const double cosine = angles[2 * i], sine = direction * angles[2 * i + 1];
    const auto a = static_cast<double>(row[i]), b = static_cast<double>(row[i + d / 2]);
    row[i] = static_cast<S>(a * cosine - b * sine);
    row[i + d / 2] = static_cast<S>(b * cosine + a * sine);
  }
}

template <Real S>
double mean_product(const S* a, const S* b, Index count) {
  double sum = 0;
  for (Index c = 0; c < count; ++c) sum += static_cast<double>(a[c]) * static_cast<double>(b[c]);
  return sum / static_cast<double>(count);
}

}  // namespace

template <Real S>
void Attend<S>::forward(Forward<S>& step) {
  const Shape shape = step.shape();
  const Index time = shape.rows, n = shape.cols, heads = options.heads, d = n / heads, samples = shape.blocks;
  const S* x = step.input(0).data();
  const auto& kernel = kernels::kernels<S>();
  S* changed = nullptr;
  S* inverse = nullptr;
  if (options.rope != 0 || options.qk_norm) changed = step.keep(samples * heads * 2 * time * d);
  if (options.qk_norm) inverse = step.keep(samples * heads * 2 * time);
  if (options.rope != 0) {
    double* table = step.template keep<double>(time * d);
    angles = table;
    const double log_base = log(Lanes<double>(options.rope))[0];
    for (Index i = 0; i < d / 2; ++i) {
      const double rate = exp(Lanes<double>(-2.0 * static_cast<double>(i) / static_cast<double>(d) * log_base))[0];
      for (Index t = 0; t < time; ++t) {
        const Lanes<double> angle(static_cast<double>(t) * rate);
        table[t * d + 2 * i] = cos(angle)[0];
        table[t * d + 2 * i + 1] = sin(angle)[0];
      }
    }
  }
  turned = changed;
  inverse_rms = inverse;
  const int pieces = pieces_of(step.pool(), shape);
  S* kept = step.recording() ? step.keep(samples * heads * time * time) : nullptr;
  weights = kept;
  const Arena::Mark mark = step.arena().mark();
  const Index room = std::max(kernel.packed_size(time, d), kernel.packed_size(d, time));
  S* rooms = step.keep(pieces * room);
  S* spare = kept ? nullptr : step.keep(pieces * time * time);
  S* out = step.output().data();
  for_each_head(step.pool(), pieces, samples, heads, [&](Index b, Index h, int piece) {
    const Index rows = shape.length(b), which = b * heads + h;
    const S* from = x + b * time * 3 * n + h * d;
    Head<S> head{kernel, time, rows, d, options.causal, {from, 3 * n}, {from + n, 3 * n}, {from + 2 * n, 3 * n}};
    if (changed) {
      for (Index part = 0; part < 2; ++part) {
        S* to = changed + (2 * which + part) * time * d;
        for (Index t = 0; t < rows; ++t) {
          S* row = std::copy_n(from + t * 3 * n + part * n, d, to + t * d) - d;
          if (inverse) {
            const double each = 1 / std::sqrt(mean_product(row, row, d) + qk_eps);
            inverse[(2 * which + part) * time + t] = static_cast<S>(each);
            for (Index c = 0; c < d; ++c) row[c] = static_cast<S>(each * static_cast<double>(row[c]));
          }
          if (angles) rotate(row, d, angles + t * d, 1);
        }
        (part == 0 ? head.q : head.k) = {to, d};
      }
    }
    S* to = out + b * time * n + h * d;
    head.forward(kept ? kept + which * time * time : spare + piece * time * time, rooms + piece * room, to, n);
    for (Index t = rows; t < time; ++t) std::fill_n(to + t * n, d, S(0));
  });
  step.arena().release(mark);
}

template <Real S>
void Attend<S>::pull(Pull<S>& step) const {
  const Shape shape = step.shape();
  const Index time = shape.rows, n = shape.cols, heads = options.heads, d = n / heads;
  const auto& kernel = kernels::kernels<S>();
  const S* x = step.input(0).data();
  const S* g = step.gradient().data();
  const Target<S> all = step.target(0);
  const int pieces = pieces_of(step.pool(), shape);
  const Index room = std::max(kernel.packed_size(time, d), kernel.packed_size(d, time));
  S* rooms = step.scratch(pieces * room);
  S* slopes = step.scratch(pieces * time * time);
  S* turned_back = turned ? step.scratch(pieces * 2 * time * d) : nullptr;
  for_each_head(step.pool(), pieces, shape.blocks, heads, [&](Index b, Index h, int piece) {
    const Index rows = shape.length(b), which = b * heads + h, first = b * time * 3 * n + h * d;
    const S* from = x + first;
    Head<S> head{kernel, time, rows, d, options.causal, {from, 3 * n}, {from + n, 3 * n}, {from + 2 * n, 3 * n}};
    S* to = all.data + first;
    Target<S> dq{to, all.accumulate}, dk{to + n, all.accumulate};
    if (turned) {
      head.q = {turned + 2 * which * time * d, d};
      head.k = {turned + (2 * which + 1) * time * d, d};
      dq = {turned_back + piece * 2 * time * d, false};
      dk = {dq.data + time * d, false};
    }
    head.pull(weights + which * time * time, {g + b * time * n + h * d, n}, slopes + piece * time * time,
              rooms + piece * room, dq, dk, turned ? d : 3 * n, {to + 2 * n, all.accumulate}, 3 * n);
    for (Index part = 0; turned && part < 2; ++part) {
      const Rows<S>& y = part == 0 ? head.q : head.k;
      for (Index t = 0; t < rows; ++t) {
        S* slope = (part == 0 ? dq : dk).data + t * d;
        if (inverse_rms) {  // along y the length does not change
          const S along = static_cast<S>(mean_product(slope, y.data + t * d, d));
          const S factor = inverse_rms[(2 * which + part) * time + t];
          for (Index c = 0; c < d; ++c) slope[c] = factor * (slope[c] - along * y.data[t * d + c]);
        }
        if (angles) rotate(slope, d, angles + t * d, -1);
        S* target = to + t * 3 * n + part * n;
        for (Index c = 0; c < d; ++c) target[c] = all.accumulate ? target[c] + slope[c] : slope[c];
      }
    }
    for (Index t = all.accumulate ? time : rows; t < time; ++t) {
      for (Index part = 0; part < 3; ++part) std::fill_n(to + t * 3 * n + part * n, d, S(0));
    }
  });
}

template <Real S>
Var<S> attention(const Var<S>& x, const AttentionOptions& options) {
  const Shape in = x.shape();
  if (options.heads < 1 || in.cols % (3 * options.heads) != 0) {
    throw ShapeError(text("[attention] input is ", in, ": expected queries, keys and values of ", options.heads,
                          " heads, a multiple of ", 3 * options.heads, " columns"));
  }
  if (options.rope != 0 && in.cols / 3 / options.heads % 2 != 0) {
    throw ShapeError(text("[attention] input is ", in, ": rotary positions turn pairs, expected an even number of ",
                          "columns a head, got ", in.cols / 3 / options.heads));
  }
  return x.tape().record(Attend<S>{options}, in.with_cols(in.cols / 3), {x});
}

// ---- last -----------------------------------------------------------------------------------------------------------

template <Real S>
void LastRow<S>::forward(Forward<S>& step) {
  const Shape in = step.shape(0);
  MutableMap<S> out = step.output();
  for (Index b = 0; b < in.blocks; ++b) out.row(b) = step.input(0).row(b * in.rows + in.length(b) - 1);
}

template <Real S>
void LastRow<S>::pull(Pull<S>& step) const {
  const Shape in = step.shape(0);
  const Target<S> to = step.target(0);
  MutableMap<S> slopes(to.data, in.matrix_rows(), in.cols);
  if (!to.accumulate) slopes.setZero();
  for (Index b = 0; b < in.blocks; ++b) slopes.row(b * in.rows + in.length(b) - 1) += step.gradient().row(b);
}

template <Real S>
Var<S> last(const Var<S>& x) {
  return x.tape().record(LastRow<S>{}, {x.shape().blocks, x.cols()}, {x});
}

#define EVENGRAD_INSTANTIATE(S)                                      \
  template struct Embed<S>;                                          \
  template struct AddPositions<S>;                                   \
  template struct Attend<S>;                                         \
  template struct LastRow<S>;                                        \
  template Var<S> embedding(const Var<S>&, const Var<S>&);           \
  template Var<S> add_positions(const Var<S>&, const Var<S>&);       \
  template Var<S> attention(const Var<S>&, const AttentionOptions&); \
  template Var<S> last(const Var<S>&);
EVENGRAD_INSTANTIATE(float)
EVENGRAD_INSTANTIATE(double)
#undef EVENGRAD_INSTANTIATE

}  // namespace evengrad
