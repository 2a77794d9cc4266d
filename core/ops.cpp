#include <evengrad/core/ops.hpp>

#include <evengrad/core/kernels/kernels.hpp>

#include <algorithm>

namespace evengrad {

namespace {

// Below this many multiply-adds one thread works alone: a cautious guess, still to be measured on an idle machine.
constexpr Index work_for_threads = 2'000'000;
// Numbers of a tile: the product leaves them in the second-level cache for the activation to pick up.
constexpr Index tile_numbers = 32 * 1024;

// Calls body(begin, end) on tiles of rows, on several threads where the work is worth it.
template <class Body>
void for_row_tiles(ThreadPool& pool, Index rows, Index cols, Index work, Body&& body) {
  const bool parallel = work >= work_for_threads && pool.threads() > 1;
  Index tile = std::max<Index>(12, tile_numbers / std::max<Index>(cols, 1));
  if (parallel) tile = std::min(tile, (rows + pool.threads() - 1) / pool.threads());
  const int tiles = static_cast<int>((rows + tile - 1) / tile);
  const auto piece = [&](int i) { body(rows * i / tiles, rows * (i + 1) / tiles); };
  if (parallel) {
    pool.run(tiles, piece);
  } else {
    for (int i = 0; i < tiles; ++i) piece(i);
  }
}

// out (M, N) = left (M, K) * right (K, N).
template <Real S>
void multiply_matrices(ThreadPool& pool, Arena& arena, kernels::Left<S> left, Index m, Index k, Index n,
                       kernels::Right<S> right, Target<S> out) {
  const auto& kernel = kernels::kernels<S>();
  const Arena::Mark mark = arena.mark();
  const kernels::Panels<S> panels =
      kernel.pack(right, m, k, n, arena.allocate<S>(static_cast<std::size_t>(kernel.packed_size(k, n))));
  for_row_tiles(pool, m, n, m * k * n, [&](Index begin, Index end) {
    const kernels::Left<S> rows{left.data + begin * left.row_stride, left.row_stride, left.col_stride};
    kernel.product(rows, k, panels, {nullptr, out.accumulate}, {out.data + begin * n, end - begin, n, n});
  });
  arena.release(mark);
}

template <Real S>
void require_one_net(std::string_view op, const Var<S>& x) {
  if (x.shape().nets != 1) throw ShapeError(text("[", op, "] works on one net at a time, got ", x.shape()));
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
  const kernels::Panels<S> panels = kernel.pack(
      {weight.data(), 1, in}, batch, in, out, arena.allocate<S>(static_cast<std::size_t>(kernel.packed_size(in, out))));
  for_row_tiles(step.pool(), batch, out, batch * in * out, [&](Index begin, Index end) {
    const Index at = begin * out, count = (end - begin) * out;
    kernel.product({x.data() + begin * in, in, 1}, in, panels, {bias, false}, {y + at, end - begin, out, out});
    if (z) std::copy_n(y + at, count, z + at);
    if (activated) (*f)(y + at, y + at, d ? d + at : nullptr, count);
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
  // dL/dz (B, O), and db (O), the sums of its columns
  const S* gz = derivative ? step.scratch(batch * out) : gradient.data();
  const bool wants_bias = has_bias && step.wants(2);
  const Target<S> bias = wants_bias ? step.target(2) : Target<S>{};
  if (derivative && wants_bias) {
    kernel.multiply_and_sum({gradient.data(), batch, out, out}, derivative, const_cast<S*>(gz), bias.data,
                            bias.accumulate);
  } else if (derivative) {
    kernel.multiply(gradient.data(), derivative, const_cast<S*>(gz), batch * out, false);
  } else if (wants_bias) {
    kernel.column_sums({gz, batch, out, out}, bias.data, bias.accumulate);
  }
  if (step.wants(1)) {  // dW (O, I) = gz^T x: the sum over the batch runs in its order
    multiply_matrices<S>(step.pool(), step.arena(), {gz, 1, out}, out, batch, in, {x.data(), in, 1}, step.target(1));
  }
  if (step.wants(0)) {  // dx (B, I) = gz W
    multiply_matrices<S>(step.pool(), step.arena(), {gz, out, 1}, batch, out, in, {weight.data(), in, 1},
                         step.target(0));
  }
}

template <Real S>
Var<S> affine(const Var<S>& x, const Var<S>& weight, const Var<S>& bias, const Activation& f) {
  require_one_net("affine", x);
  const Shape in = x.shape(), w = weight.shape();
  if (in.cols != w.cols) {
    throw ShapeError(text("[affine] input is ", in, ", weight is ", w, ": the input's columns (", in.cols,
                          ") must equal the weight's (", w.cols, ")"));
  }
  if (bias && bias.shape() != Shape{1, w.rows}) {
    throw ShapeError(text("[affine] weight is ", w, ", bias is ", bias.shape(), ": expected ", Shape{1, w.rows}));
  }
  const Affine<S> op{&f, static_cast<bool>(bias)};
  return bias ? x.tape().record(op, {in.rows, w.rows}, {x, weight, bias})
              : x.tape().record(op, {in.rows, w.rows}, {x, weight});
}

// ---- activate -----------------------------------------------------------------------------------------------------

template <Real S>
void Activate<S>::forward(Forward<S>& step) {
  S* d = step.recording() ? step.keep(step.shape().size()) : nullptr;
  (*f)(step.input(0).data(), step.output().data(), d, step.shape().size());
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
  require_one_net("matmul", a);
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
  if (step.shape(1).rows == gradient.rows()) {
    step.add(1, factor * gradient);
  } else {
    S* sums = step.scratch(gradient.cols());
    kernels::kernels<S>().column_sums({gradient.data(), gradient.rows(), gradient.cols(), gradient.cols()}, sums, false);
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
  step.add(0, Matrix<S>::Constant(step.shape(0).rows, step.shape(0).cols, each));
}

template <Real S>
Var<S> add_scaled(std::string_view op, const Var<S>& a, const Var<S>& b, double factor) {
  const bool row = b.rows() == 1 && b.cols() == a.cols() && b.shape().nets == a.shape().nets;
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
  require_one_net("sum", x);
  return x.tape().record(Sum<S>{1.0}, {1, 1}, {x});
}

template <Real S>
Var<S> mean(const Var<S>& x) {
  require_one_net("mean", x);
  return x.tape().record(Sum<S>{1.0 / static_cast<double>(x.shape().size())}, {1, 1}, {x});
}

#define EVENGRAD_INSTANTIATE(S)                                                                  \
  template struct Affine<S>;                                                                     \
  template struct Activate<S>;                                                                   \
  template struct MatMul<S>;                                                                     \
  template struct AddScaled<S>;                                                                  \
  template struct Multiply<S>;                                                                   \
  template struct Scale<S>;                                                                      \
  template struct Sum<S>;                                                                        \
  template Var<S> affine(const Var<S>&, const Var<S>&, const Var<S>&, const Activation&);        \
  template Var<S> activate(const Var<S>&, const Activation&);                                    \
  template Var<S> matmul(const Var<S>&, const Var<S>&);                                          \
  template Var<S> operator+(const Var<S>&, const Var<S>&);                                       \
  template Var<S> operator-(const Var<S>&, const Var<S>&);                                       \
  template Var<S> operator*(const Var<S>&, const Var<S>&);                                       \
  template Var<S> scale(const Var<S>&, double);                                                  \
  template Var<S> sum(const Var<S>&);                                                            \
  template Var<S> mean(const Var<S>&);
EVENGRAD_INSTANTIATE(float)
EVENGRAD_INSTANTIATE(double)
#undef EVENGRAD_INSTANTIATE

}  // namespace evengrad
