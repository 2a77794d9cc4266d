#include <evengrad/core/ops.hpp>

#include <evengrad/core/kernels/kernels.hpp>

#include <algorithm>

namespace evengrad {

namespace {

// Below this many multiply-adds one thread works alone: a product of 6.4 million (64 x 784 by 784 x 128) takes 1.15
// times as long on two cores that share no cache, since each fetches what the other wrote; those of 512 units gain.
constexpr Index work_for_threads = 8'000'000;
// Numbers of a tile: the product leaves them in the second-level cache for the activation to pick up.
constexpr Index tile_numbers = 32 * 1024;

// The pieces that a product of this many multiply-adds is computed in, a thread each. A thread always has the same
// columns or rows, so that most of what it reads is what it has written.
int pieces_of(const ThreadPool& pool, Index work) { return work >= work_for_threads ? pool.threads() : 1; }

// The columns of a piece: whole panels, but for the last.
template <Real S>
Part columns_of(Index cols, int piece, int pieces) {
  if (pieces == 1) return {0, cols};
  const Index width = kernels::kernels<S>().packed_size(1, 1), panels = (cols + width - 1) / width;
  const Part of_panels = part_of(panels, piece, pieces);
  return {std::min(cols, of_panels.begin * width), std::min(cols, of_panels.end * width)};
}

template <Real S>
S* room_for(Arena& arena, Index k, Index n) {
  return arena.allocate<S>(static_cast<std::size_t>(kernels::kernels<S>().packed_size(k, n)));
}

// Columns of the right factor (k, n) of a product with m rows, in their part of the room for all.
template <Real S>
kernels::Panels<S> pack_columns(kernels::Right<S> right, Index m, Index k, Part columns, S* room) {
  return kernels::kernels<S>().pack({right.data + columns.begin * right.col_stride, right.row_stride, right.col_stride},
                                    m, k, columns.size(), room + columns.begin * k);
}

// Columns of out (M, N) = left (M, K) * right (K, N).
template <Real S>
void multiply_columns(kernels::Left<S> left, Index m, Index k, Index n, kernels::Right<S> right, Part columns, S* room,
                      Target<S> out) {
  kernels::kernels<S>().product(left, k, pack_columns(right, m, k, columns, room), {nullptr, out.accumulate},
                                {out.data + columns.begin, m, columns.size(), n});
}

template <Real S>
void multiply_matrices(ThreadPool& pool, Arena& arena, kernels::Left<S> left, Index m, Index k, Index n,
                       kernels::Right<S> right, Target<S> out) {
  const Arena::Mark mark = arena.mark();
  S* room = room_for<S>(arena, k, n);
  const int pieces = pieces_of(pool, m * k * n);
  pool.run(pieces, [&](int i) { multiply_columns(left, m, k, n, right, columns_of<S>(n, i, pieces), room, out); });
  arena.release(mark);
}

}  // namespace

// ---- affine -------------------------------------------------------------------------------------------------------

template <Real S>
void Affine<S>::forward(Forward<S>& step) {
  const auto& kernel = kernels::kernels<S>();
  const ConstMap<S> x = step.input(0), weight = step.input(1);
  const Index batch = x.rows(), in = x.cols(), out = weight.rows();
  const S* bias = has_bias ? step.input(2).data() : nullptr;
  S* y = step.output().data();
  const bool activated = !f->is_identity();
  S* d = activated && step.recording() ? step.keep(batch * out) : nullptr;
  S* z = step.keep_pre_activation() ? step.keep(batch * out) : nullptr;

  Arena& arena = step.arena();
  const Arena::Mark mark = arena.mark();
  S* room = room_for<S>(arena, in, out);
  const int pieces = pieces_of(step.pool(), batch * in * out);
  step.pool().run(pieces, [&](int i) {
    const Part columns = columns_of<S>(out, i, pieces);
    if (columns.size() == 0) return;
    const kernels::Panels<S> panels = pack_columns<S>({weight.data(), 1, in}, batch, in, columns, room);
    const Index tile = std::max<Index>(12, tile_numbers / columns.size());
    for (Index row = 0; row < batch; row += tile) {
      const Index rows = std::min(tile, batch - row), first = row * out + columns.begin;
      kernel.product({x.data() + row * in, in, 1}, in, panels, {bias ? bias + columns.begin : nullptr, false},
                     {y + first, rows, columns.size(), out});
      // One run of numbers where the rows are whole, else a run a row.
      const Index runs = columns.size() == out ? 1 : rows, length = rows * columns.size() / runs;
      for (Index r = 0; r < runs; ++r) {
        const Index at = first + r * out;
        if (z) std::copy_n(y + at, length, z + at);
        if (activated) f->apply(y + at, y + at, d ? d + at : nullptr, length);
      }
    }
  });
  arena.release(mark);
  derivative = d;
  step.set_activation_derivative(d);
  step.set_pre_activation(z, f->kinks());
}

template <Real S>
void Affine<S>::pull(Pull<S>& step) const {
  const auto& kernel = kernels::kernels<S>();
  const ConstMap<S> x = step.input(0), weight = step.input(1), gradient = step.gradient();
  const Index batch = x.rows(), in = x.cols(), out = weight.rows();
  const bool wants_bias = has_bias && step.wants(2), wants_weight = step.wants(1), wants_input = step.wants(0);
  S* gz = derivative ? step.scratch(batch * out) : const_cast<S*>(gradient.data());  // dL/dz (B, O)
  const Target<S> db = wants_bias ? step.target(2) : Target<S>{}, dw = wants_weight ? step.target(1) : Target<S>{},
                  dx = wants_input ? step.target(0) : Target<S>{};
  // Of x x^T both gradients go to one place, one after the other.
  const int pieces = dw.data == dx.data ? 1 : pieces_of(step.pool(), batch * in * out);
  S* room = wants_weight ? room_for<S>(step.arena(), batch, in) : nullptr;
  auto* packed = step.template scratch<kernels::Panels<S>>(pieces);
  step.pool().run(pieces, [&](int i) {
    const Part of_out = columns_of<S>(out, i, pieces);
    const kernels::View<const S> given{gradient.data() + of_out.begin, batch, of_out.size(), out};
    if (derivative && wants_bias) {
      kernel.multiply_and_sum(given, derivative + of_out.begin, gz + of_out.begin, db.data + of_out.begin,
                              db.accumulate);
    } else if (derivative) {
      const Part rows = part_of(batch, i, pieces);
      kernel.multiply(gradient.data() + rows.begin * out, derivative + rows.begin * out, gz + rows.begin * out,
                      rows.size() * out, false);
    } else if (wants_bias) {
      kernel.column_sums(given, db.data + of_out.begin, db.accumulate);
    }
    if (wants_weight) packed[i] = pack_columns<S>({x.data(), in, 1}, out, batch, columns_of<S>(in, i, pieces), room);
  });
  S* input_room = wants_input ? room_for<S>(step.arena(), out, in) : nullptr;
  step.pool().run(pieces, [&](int i) {
    if (wants_weight) {  // dW (O, I) = gz^T x: the sum over the batch runs in its order
      const Part rows = part_of(out, i, pieces);
      kernel.product({gz + rows.begin, 1, out}, batch,
                     {packed[0].data, packed[0].step, packed[0].stride, packed[pieces - 1].last},
                     {nullptr, dw.accumulate}, {dw.data + rows.begin * in, rows.size(), in, in});
    }
    if (wants_input) {  // dx (B, I) = gz W
      multiply_columns<S>({gz, out, 1}, batch, out, in, {weight.data(), in, 1}, columns_of<S>(in, i, pieces),
                          input_room, dx);
    }
  });
}

template <Real S>
Var<S> affine(const Var<S>& x, const Var<S>& weight, const Var<S>& bias, const Activation& f) {
  const Shape in = x.shape(), w = weight.shape();
  const Index outputs = w.matrix_rows();
  if (in.cols != w.cols) {
    throw ShapeError(text("[affine] input is ", in, ", weight is ", w, ": the input's columns (", in.cols,
                          ") must equal the weight's (", w.cols, ")"));
  }
  if (bias && bias.shape() != Shape{1, outputs}) {
    throw ShapeError(text("[affine] weight is ", w, ", bias is ", bias.shape(), ": expected ", Shape{1, outputs}));
  }
  const Affine<S> op{&f, static_cast<bool>(bias)};
  const Shape out = in.with_cols(outputs);
  return bias ? x.tape().record(op, out, {x, weight, bias}) : x.tape().record(op, out, {x, weight});
}

// ---- activate -----------------------------------------------------------------------------------------------------

template <Real S>
void Activate<S>::forward(Forward<S>& step) {
  S* d = step.recording() ? step.keep(step.shape().size()) : nullptr;
  f->apply(step.input(0).data(), step.output().data(), d, step.shape().size());
  derivative = d;
  step.set_activation_derivative(d);
  step.set_pre_activation(step.input(0).data(), f->kinks());
}

template <Real S>
void Activate<S>::pull(Pull<S>& step) const {
  const Target<S> to = step.target(0);
  kernels::kernels<S>().multiply(step.gradient().data(), derivative, to.data, step.shape().size(), to.accumulate);
}

template <Real S>
Var<S> activate(const Var<S>& x, const Activation& f) {
  return x.tape().record(Activate<S>{&f}, x.shape(), {x});
}

// ---- matmul -------------------------------------------------------------------------------------------------------

template <Real S>
void MatMul<S>::forward(Forward<S>& step) {
  const ConstMap<S> a = step.input(0), b = step.input(1);
  multiply_matrices<S>(step.pool(), step.arena(), {a.data(), a.cols(), 1}, a.rows(), a.cols(), b.cols(),
                       {b.data(), b.cols(), 1}, {step.output().data(), false});
}

template <Real S>
void MatMul<S>::pull(Pull<S>& step) const {
  const ConstMap<S> a = step.input(0), b = step.input(1), gradient = step.gradient();
  const Index m = a.rows(), k = a.cols(), n = b.cols();
  if (step.wants(0)) {  // dA = g B^T
    multiply_matrices<S>(step.pool(), step.arena(), {gradient.data(), n, 1}, m, n, k, {b.data(), 1, n}, step.target(0));
  }
  if (step.wants(1)) {  // dB = A^T g
    multiply_matrices<S>(step.pool(), step.arena(), {a.data(), 1, k}, k, m, n, {gradient.data(), n, 1}, step.target(1));
  }
}

template <Real S>
Var<S> matmul(const Var<S>& a, const Var<S>& b) {
  if (a.cols() != b.rows()) {
    throw ShapeError(text("[matmul] ", a.shape(), " times ", b.shape(), ": the left one's columns (", a.cols(),
                          ") must equal the right one's rows (", b.rows(), ")"));
  }
  return a.tape().record(MatMul<S>{}, {a.rows(), b.cols()}, {a, b});
}

// ---- element by element -------------------------------------------------------------------------------------------

template <Real S>
void AddScaled<S>::forward(Forward<S>& step) {
  const ConstMap<S> a = step.input(0), b = step.input(1);
  if (a.rows() == b.rows()) {
    step.output() = a + factor * b;
  } else {
    step.output() = a.rowwise() + factor * b.row(0);
  }
}

template <Real S>
void AddScaled<S>::pull(Pull<S>& step) const {
  const ConstMap<S> gradient = step.gradient();
  step.add(0, gradient);
  if (!step.wants(1)) return;
  if (step.shape(1).matrix_rows() == gradient.rows()) {
    step.add(1, factor * gradient);
  } else {
    S* sums = step.scratch(gradient.cols());
    kernels::kernels<S>().column_sums({gradient.data(), gradient.rows(), gradient.cols(), gradient.cols()}, sums,
                                      false);
    step.add(1, factor * ConstMap<S>(sums, 1, gradient.cols()));
  }
}

template <Real S>
void Multiply<S>::forward(Forward<S>& step) {
  step.output() = step.input(0).cwiseProduct(step.input(1));
}

template <Real S>
void Multiply<S>::pull(Pull<S>& step) const {
  step.add(0, step.gradient().cwiseProduct(step.input(1)));
  step.add(1, step.gradient().cwiseProduct(step.input(0)));
}

template <Real S>
void Scale<S>::forward(Forward<S>& step) {
  step.output() = factor * step.input(0);
}

template <Real S>
void Scale<S>::pull(Pull<S>& step) const {
  step.add(0, factor * step.gradient());
}

template <Real S>
void Sum<S>::forward(Forward<S>& step) {
  const ConstMap<S> x = step.input(0);
  double total = 0;
  for (Index i = 0; i < x.size(); ++i) total += static_cast<double>(x.data()[i]);
  step.output()(0, 0) = static_cast<S>(factor * total);
}

template <Real S>
void Sum<S>::pull(Pull<S>& step) const {
  const S each = static_cast<S>(factor * static_cast<double>(step.gradient()(0, 0)));
  step.add(0, Matrix<S>::Constant(step.shape(0).matrix_rows(), step.shape(0).cols, each));
}

template <Real S>
Var<S> add_scaled(std::string_view op, const Var<S>& a, const Var<S>& b, double factor) {
  const bool row = b.rows() == 1 && b.cols() == a.cols();
  if (a.shape() != b.shape() && !row) {
    throw ShapeError(text("[", op, "] the left one is ", a.shape(), ", the right one ", b.shape(),
                          ": expected the same shape or one row of ", a.cols()));
  }
  return a.tape().record(AddScaled<S>{static_cast<S>(factor)}, a.shape(), {a, b});
}

template <Real S>
Var<S> operator+(const Var<S>& a, const Var<S>& b) {
  return add_scaled("add", a, b, 1);
}

template <Real S>
Var<S> operator-(const Var<S>& a, const Var<S>& b) {
  return add_scaled("subtract", a, b, -1);
}

template <Real S>
Var<S> operator*(const Var<S>& a, const Var<S>& b) {
  if (a.shape() != b.shape()) {
    throw ShapeError(text("[multiply] the left one is ", a.shape(), ", the right one ", b.shape(),
                          ": element by element they must be equal (a product of matrices is matmul)"));
  }
  return a.tape().record(Multiply<S>{}, a.shape(), {a, b});
}

template <Real S>
Var<S> scale(const Var<S>& x, double factor) {
  return x.tape().record(Scale<S>{static_cast<S>(factor)}, x.shape(), {x});
}

template <Real S>
Var<S> sum(const Var<S>& x) {
  return x.tape().record(Sum<S>{1.0}, {1, 1}, {x});
}

template <Real S>
Var<S> mean(const Var<S>& x) {
  return x.tape().record(Sum<S>{1.0 / static_cast<double>(x.shape().size())}, {1, 1}, {x});
}

#define EVENGRAD_INSTANTIATE(S)                                                           \
  template struct Affine<S>;                                                              \
  template struct Activate<S>;                                                            \
  template struct MatMul<S>;                                                              \
  template struct AddScaled<S>;                                                           \
  template struct Multiply<S>;                                                            \
  template struct Scale<S>;                                                               \
  template struct Sum<S>;                                                                 \
  template Var<S> affine(const Var<S>&, const Var<S>&, const Var<S>&, const Activation&); \
  template Var<S> activate(const Var<S>&, const Activation&);                             \
  template Var<S> matmul(const Var<S>&, const Var<S>&);                                   \
  template Var<S> operator+(const Var<S>&, const Var<S>&);                                \
  template Var<S> operator-(const Var<S>&, const Var<S>&);                                \
  template Var<S> operator*(const Var<S>&, const Var<S>&);                                \
  template Var<S> scale(const Var<S>&, double);                                           \
  template Var<S> sum(const Var<S>&);                                                     \
  template Var<S> mean(const Var<S>&);
EVENGRAD_INSTANTIATE(float)
EVENGRAD_INSTANTIATE(double)
#undef EVENGRAD_INSTANTIATE

}  // namespace evengrad
