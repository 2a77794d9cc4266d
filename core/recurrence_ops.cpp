#include <evengrad/core/recurrence_ops.hpp>

#include <evengrad/core/kernels/kernels.hpp>

#include <algorithm>
#include <iterator>
#include <type_traits>

namespace evengrad {

namespace {

// Below this many multiply-adds one thread works alone.
constexpr Index work_for_threads = 8'000'000;

template <Real S>
using Numbers = Eigen::Map<Eigen::Array<S, 1, Eigen::Dynamic>>;
template <Real S>
using ConstNumbers = Eigen::Map<const Eigen::Array<S, 1, Eigen::Dynamic>>;

// Arrays of (time, batch, n), one after another, as a step sees its share of the samples. Where nothing is kept for
// pull, all steps share the memory of one.
template <Real S>
struct Steps {
  S* memory;
  Index batch, n, times;  // times: steps that have memory of their own
  const S* zeros;         // (batch, n)

  S* at(int array, Index t, Index sample = 0) const {
    return memory + ((array * times + (times > 1 ? t : 0)) * batch + sample) * n;
  }
  const S* before(int array, Index t, Index sample = 0) const {
    return t > 0 ? at(array, t - 1, sample) : zeros + sample * n;
  }
};

// A step of a cell, for some of the samples.
template <Real S>
struct Step {
  const Steps<S>& steps;
  Index t;
  Part samples;
  Index count() const { return samples.size() * steps.n; }
  Numbers<S> operator()(int array) const { return {steps.at(array, t, samples.begin), count()}; }
  ConstNumbers<S> before(int array) const { return {steps.before(array, t, samples.begin), count()}; }
};

template <Real S>
struct ForwardStep : Step<S> {
  bool recording;
  const Steps<S>* kept_z;  // null where pre-activations are not kept

  // f of `from`, with its derivative where it is wanted.
  void apply(const Activation& f, int from, int to, int derivative) const {
    const Step<S>& at = *this;
    if (kept_z) Numbers<S>(kept_z->at(from, this->t, this->samples.begin), this->count()) = at(from);
    f.apply(at(from).data(), at(to).data(), recording ? at(derivative).data() : nullptr, this->count());
  }
  void flush(int array) const { kernels::kernels<S>().flush((*this)(array).data(), this->count()); }
};

template <Real S>
struct PullStep : Step<S> {
  const Steps<S>& slopes;  // dL/dz, an array for each sum that the products went into
  Numbers<S> dh, dc;       // dL/dh; what comes from the step behind, and goes to that before
  Numbers<S> dz(int array) const { return {slopes.at(array, this->t, this->samples.begin), this->count()}; }
};

// A cell's arrays: the sums z of the products first, `sums` of them, gate after gate; those of the recurrent product
// are `recurrent`. forward() makes h of them; pull() makes dL/dz of dL/dh and leaves in dh what reaches the state
// before other than through the products, if the cell `carries` any. The `activated` arrays are what activations act
// on: gates', from `first_state` on states'.

template <class S>
struct RnnCell {
  static constexpr int recurrent[] = {0};
  static constexpr int gates = 1, sums = 1;
  static constexpr bool carries = false;
  enum { z, slope, h, arrays };
  static constexpr int activated[] = {z}, first_state = 0;

  static void forward(const ForwardStep<S>& at, const Activation&, const Activation& f) { at.apply(f, z, h, slope); }
  static void pull(PullStep<S>& at) { at.dz(z) = at.dh * at(slope); }
};

template <class S>
struct LstmCell {
  static constexpr int recurrent[] = {0, 1, 2, 3};
  static constexpr int gates = 4, sums = 4;
  static constexpr bool carries = false;
  enum { i, f, g, o, c, state_c, h, di, df, dg, d_o, d_state, arrays };
  static constexpr int activated[] = {i, f, o, g, c}, first_state = 3;

  static void forward(const ForwardStep<S>& at, const Activation& gate, const Activation& state) {
    at.apply(gate, i, i, di);
    at.apply(gate, f, f, df);
    at.apply(state, g, g, dg);
    at.apply(gate, o, o, d_o);
    at(c) = at(f) * at.before(c) + at(i) * at(g);
    at.flush(c);
    at.apply(state, c, state_c, d_state);
    at(h) = at(o) * at(state_c);
    at.flush(h);
  }
  static void pull(PullStep<S>& at) {
    at.dz(o) = at.dh * at(state_c) * at(d_o);
    at.dc += at.dh * at(o) * at(d_state);
    at.dz(i) = at.dc * at(g) * at(di);
    at.dz(f) = at.dc * at.before(c) * at(df);
    at.dz(g) = at.dc * at(i) * at(dg);
    at.dc *= at(f);
  }
};

template <class S>
struct GruCell {
  static constexpr int recurrent[] = {0, 1, 3};
  static constexpr int gates = 3, sums = 4;
  static constexpr bool carries = true;
  enum { r, z, n, hidden, h, dr, d_z, dn, arrays };  // hidden: the recurrent product of n, which r acts on
  static constexpr int activated[] = {r, z, n}, first_state = 2;

  static void forward(const ForwardStep<S>& at, const Activation& gate, const Activation& state) {
    at.apply(gate, r, r, dr);
    at.apply(gate, z, z, d_z);
    at(n) += at(r) * at(hidden);
    at.apply(state, n, n, dn);
    at(h) = at(n) + at(z) * (at.before(h) - at(n));
    at.flush(h);
  }
  static void pull(PullStep<S>& at) {
    at.dz(n) = at.dh * (S(1) - at(z)) * at(dn);
    at.dz(hidden) = at.dz(n) * at(r);
    at.dz(r) = at.dz(n) * at(hidden) * at(dr);
    at.dz(z) = at.dh * (at.before(h) - at(n)) * at(d_z);
    at.dh *= at(z);
  }
};

template <class S, CellKind kind>
using Cell = std::conditional_t<kind == CellKind::rnn, RnnCell<S>,
                                std::conditional_t<kind == CellKind::lstm, LstmCell<S>, GruCell<S>>>;

// The weight's blocks of a gate each, as right factors of (samples, n) products.
template <Real S>
kernels::Panels<S>* pack_gates(Arena& arena, const S* weight, Index batch, Index n, int gates, bool transposed) {
  const auto& kernel = kernels::kernels<S>();
  const Index size = kernel.packed_size(n, n);
  auto* panels = arena.allocate<kernels::Panels<S>>(static_cast<std::size_t>(gates));
  S* room = arena.allocate<S>(static_cast<std::size_t>(gates * size));
  for (int gate = 0; gate < gates; ++gate) {
    const S* block = weight + gate * n * n;
    panels[gate] = kernel.pack({block, transposed ? 1 : n, transposed ? n : 1}, batch, n, n, room + gate * size);
  }
  return panels;
}

int pieces_of(const ThreadPool& pool, Index batch, Index work) {
  return work < work_for_threads ? 1 : static_cast<int>(std::min<Index>(pool.threads(), batch));
}

template <Real S>
const S* zeros(Arena& arena, Index count) {
  S* numbers = arena.allocate<S>(static_cast<std::size_t>(count));
  std::fill_n(numbers, count, S(0));
  return numbers;
}

}  // namespace

template <Real S, CellKind kind>
void Recurrence<S, kind>::forward(Forward<S>& step) {
  using C = Cell<S, kind>;
  const auto& kernel = kernels::kernels<S>();
  const Shape& shape = step.shape();
  const Index batch = shape.blocks, time = shape.rows, n = shape.cols, gates = C::gates;
  const S* products = step.input(0).data();
  const S* weight = step.input(1).data();
  const S* bias = has_bias ? step.input(2).data() : nullptr;
  S* out = step.output().data();
  const bool recording = step.recording(), keeps_z = step.keep_pre_activation();
  const Index count = time * batch * n;
  const Steps<S> kept_z{keeps_z ? step.keep(C::arrays * count) : nullptr, batch, n, time, nullptr};
  S* kept = recording ? step.keep(C::arrays * count) : nullptr;
  Arena& arena = step.arena();
  const Arena::Mark mark = arena.mark();
  const Index times = recording ? time : 1;
  if (!recording) kept = arena.allocate<S>(static_cast<std::size_t>(C::arrays * batch * n));
  const Steps<S> steps{kept, batch, n, times, zeros<S>(arena, batch * n)};
  const kernels::Panels<S>* panels = pack_gates(arena, weight, batch, n, C::gates, true);

  const int pieces = pieces_of(step.pool(), batch, count * gates * n);
  step.pool().run(pieces, [&](int piece) {
    const Part samples = part_of(batch, piece, pieces);
    for (Index t = 0; t < time; ++t) {
      for (int gate_number = 0; gate_number < C::gates; ++gate_number) {
        const S* row_bias = bias ? bias + gate_number * n : nullptr;
        const int sum = C::recurrent[gate_number];
        for (Index b = samples.begin; b < samples.end; ++b) {
          const ConstNumbers<S> p(products + ((b * time + t) * gates + gate_number) * n, n);
          Numbers<S> z(steps.at(gate_number, t, b), n);
          if (row_bias && sum == gate_number) {
            z = p + ConstNumbers<S>(row_bias, n);
          } else {
            z = p;
          }
        }
        // The state before the first step is 0: of the product only the bias is left.
        const kernels::Start<S> start{sum == gate_number ? nullptr : row_bias, sum == gate_number};
        if (t > 0 || !start.accumulate) {
          kernel.product({steps.before(C::h, t, samples.begin), n, 1}, t > 0 ? n : 0, panels[gate_number], start,
                         {steps.at(sum, t, samples.begin), samples.size(), n, n});
        }
      }
      C::forward({{steps, t, samples}, recording, keeps_z ? &kept_z : nullptr}, *gate, *state);
      for (Index b = samples.begin; b < samples.end; ++b) {
        S* h = steps.at(C::h, t, b);
        if (t >= shape.length(b)) std::fill_n(h, n, S(0));
        std::copy_n(h, n, out + (b * time + t) * n);
      }
    }
  });
  saved = recording ? kept : nullptr;
  arena.release(mark);
  if (!keeps_z) return;
  for (int i = 0; i < static_cast<int>(std::size(C::activated)); ++i) {
    step.set_pre_activation(kept_z.at(C::activated[i], 0), (i < C::first_state ? gate : state)->kinks());
  }
  if (std::size(C::activated) > 1) step.set_pre_activation(nullptr, {});  // there is not one, but several
}

template <Real S, CellKind kind>
void Recurrence<S, kind>::pull(Pull<S>& step) const {
  using C = Cell<S, kind>;
  const auto& kernel = kernels::kernels<S>();
  const Shape& shape = step.shape();
  const Index batch = shape.blocks, time = shape.rows, n = shape.cols, gates = C::gates;
  const S* gradient = step.gradient().data();
  const S* weight = step.input(1).data();
  const bool wants_products = step.wants(0);
  const Target<S> to = wants_products ? step.target(0) : Target<S>{};
  const Index count = time * batch * n;
  Arena& arena = step.arena();
  const Steps<S> steps{const_cast<S*>(saved), batch, n, time, zeros<S>(arena, batch * n)};
  const Steps<S> slopes{step.scratch(C::sums * count), batch, n, time, nullptr};
  S* dh = step.scratch(batch * n);
  S* dc = step.scratch(batch * n);
  const kernels::Panels<S>* panels = pack_gates(arena, weight, batch, n, C::gates, false);

  const int pieces = pieces_of(step.pool(), batch, count * gates * n);
  step.pool().run(pieces, [&](int piece) {
    const Part samples = part_of(batch, piece, pieces);
    const Index first = samples.begin * n, numbers = samples.size() * n;
    std::fill_n(dh + first, numbers, S(0));
    std::fill_n(dc + first, numbers, S(0));
    for (Index t = time; t-- > 0;) {
      for (Index b = samples.begin; b < samples.end; ++b) {
        Numbers<S>(dh + b * n, n) += ConstNumbers<S>(gradient + (b * time + t) * n, n);
      }
      PullStep<S> at{{steps, t, samples}, slopes, {dh + first, numbers}, {dc + first, numbers}};
      C::pull(at);
      for (int sum = 0; sum < C::sums; ++sum) kernel.flush(at.dz(sum).data(), numbers);
      kernel.flush(dc + first, numbers);
      for (Index b = samples.begin; b < samples.end; ++b) {
        if (t < shape.length(b)) continue;
        std::fill_n(dh + b * n, n, S(0));
        std::fill_n(dc + b * n, n, S(0));
        for (int sum = 0; sum < C::sums; ++sum) std::fill_n(slopes.at(sum, t, b), n, S(0));
      }
      for (int g = 0; g < C::gates; ++g) {
        if (t > 0) {
          kernel.product({slopes.at(C::recurrent[g], t, samples.begin), n, 1}, n, panels[g],
                         {nullptr, C::carries || g > 0}, {dh + first, samples.size(), n, n});
        }
        for (Index b = samples.begin; wants_products && b < samples.end; ++b) {
          const ConstNumbers<S> dz(slopes.at(g, t, b), n);
          Numbers<S> dp(to.data + ((b * time + t) * gates + g) * n, n);
          if (to.accumulate) {
            dp += dz;
          } else {
            dp = dz;
          }
        }
      }
    }
  });

  if (step.wants(1)) {  // dW = sum over time, then batch, of dz h'^T
    const Target<S> dw = step.target(1);
    const Index k = (time - 1) * batch;
    S* room = step.scratch(kernel.packed_size(k, n));
    const kernels::Panels<S> states = kernel.pack({steps.at(C::h, 0), n, 1}, n, k, n, room);
    step.pool().run(pieces == 1 ? 1 : C::gates, [&](int piece) {
      const Part of_gates = part_of(C::gates, piece, pieces == 1 ? 1 : C::gates);
      for (Index g = of_gates.begin; g < of_gates.end; ++g) {
        kernel.product({slopes.at(C::recurrent[g], 0) + batch * n, 1, n}, k, states, {nullptr, dw.accumulate},
                       {dw.data + g * n * n, n, n, n});
      }
    });
  }
  if (has_bias && step.wants(2)) {
    const Target<S> db = step.target(2);
    for (int g = 0; g < C::gates; ++g) {
      kernel.column_sums({slopes.at(C::recurrent[g], 0), time * batch, n, n}, db.data + g * n, db.accumulate);
    }
  }
}

namespace {

template <CellKind kind, Real S>
Var<S> record(const RecurrentInputs<S>& in, const Activation& gate, const Activation& state) {
  using Op = Recurrence<S, kind>;
  const Shape p = in.products.shape(), w = in.weight.shape();
  const Index gates = Cell<S, kind>::gates, n = w.cols;
  if (w != Shape(gates * n, n) || n == 0) {
    throw ShapeError(text("[", Op::name, "] the recurrent weight is ", w, ": expected ", gates, " rows a column"));
  }
  if (p.cols != gates * n || p.is_image() || p.rows < 1) {
    throw ShapeError(text("[", Op::name, "] the inputs' products are ", p, ", the recurrent weight is ", w,
                          ": expected (batch, time, ", gates * n, ")"));
  }
  if (in.bias && in.bias.shape() != Shape{1, gates * n}) {
    throw ShapeError(text("[", Op::name, "] the recurrent weight is ", w, ", its bias is ", in.bias.shape(),
                          ": expected ", Shape{1, gates * n}));
  }
  const Op op{&gate, &state, static_cast<bool>(in.bias)};
  Tape<S>& tape = in.products.tape();
  return in.bias ? tape.record(op, p.with_cols(n), {in.products, in.weight, in.bias})
                 : tape.record(op, p.with_cols(n), {in.products, in.weight});
}

}  // namespace

template <Real S>
Var<S> rnn(const RecurrentInputs<S>& in, const Activation& f) {
  return record<CellKind::rnn>(in, f, f);
}

template <Real S>
Var<S> lstm(const RecurrentInputs<S>& in, const Activation& gate, const Activation& state) {
  return record<CellKind::lstm>(in, gate, state);
}

template <Real S>
Var<S> gru(const RecurrentInputs<S>& in, const Activation& gate, const Activation& state) {
  return record<CellKind::gru>(in, gate, state);
}

#define EVENGRAD_INSTANTIATE(S)                                                          \
  template struct Recurrence<S, CellKind::rnn>;                                          \
  template struct Recurrence<S, CellKind::lstm>;                                         \
  template struct Recurrence<S, CellKind::gru>;                                          \
  template Var<S> rnn(const RecurrentInputs<S>&, const Activation&);                     \
  template Var<S> lstm(const RecurrentInputs<S>&, const Activation&, const Activation&); \
  template Var<S> gru(const RecurrentInputs<S>&, const Activation&, const Activation&);
EVENGRAD_INSTANTIATE(float)
EVENGRAD_INSTANTIATE(double)
#undef EVENGRAD_INSTANTIATE

}  // namespace evengrad
