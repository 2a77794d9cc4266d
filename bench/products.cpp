// The three products of a layer (forward, dW, dx) by shape, as the five training steps call them: packing included, one
// thread, float32. Eigen's product of the same matrices beside each.
//
//   products --benchmark_filter=512        the counter `share` is the share of the peak of multiply-adds (peak.hpp)
//   products --isa=avx2                    with the kernels for another instruction set
#include <evengrad/evengrad.hpp>

#include "isa_option.hpp"
#include "peak.hpp"

#include <evengrad/core/kernels/kernels.hpp>

#include <benchmark/benchmark.h>

namespace {

using namespace evengrad;

struct Shapes {
  Index batch, inputs, outputs;
};

// Of toy, spiral, mnist_small, mnist_gelu and deep_tanh.
const Shapes layers[] = {{32, 16, 16},    {128, 64, 64},   {128, 64, 3},    {64, 784, 128}, {64, 128, 128},
                        {64, 128, 10},   {256, 784, 512}, {256, 512, 512}, {256, 512, 10}, {64, 64, 64}};
const char* const kinds[] = {"forward", "dW", "dx"};

struct Matrices {
  Matrix<float> x, w, g, y, dw, dx;
  explicit Matrices(const Shapes& l)
      : x(l.batch, l.inputs), w(l.outputs, l.inputs), g(l.batch, l.outputs), y(g), dw(w), dx(x) {
    for (Matrix<float>* m : {&x, &w, &g}) {
      Rng(1).fill_normal(std::span<float>(m->data(), static_cast<std::size_t>(m->size())));
    }
  }
};

void count(benchmark::State& state, const Shapes& l) {
  static const double peak = bench::peak_flops(best_isa(), 1);
  const double flop = 2.0 * static_cast<double>(l.batch * l.inputs * l.outputs);
  state.counters["FLOP/s"] = benchmark::Counter(flop, benchmark::Counter::kIsIterationInvariantRate);
  state.counters["share"] = benchmark::Counter(flop / peak, benchmark::Counter::kIsIterationInvariantRate);
}

void ours(benchmark::State& state, const Shapes& l, int kind) {
  Matrices m(l);
  const auto& kernel = kernels::kernels<float>();
  const Index b = l.batch, i = l.inputs, o = l.outputs;
  std::vector<float> room(static_cast<std::size_t>(kernel.packed_size(std::max(b, std::max(i, o)), std::max(i, o))));
  const auto multiply = [&](kernels::Left<float> left, Index rows, Index k, kernels::Right<float> right, float* out,
                            Index cols) {
    kernel.product(left, k, kernel.pack(right, rows, k, cols, room.data()), {}, {out, rows, cols, cols});
  };
  for (auto _ : state) {
    if (kind == 0) multiply({m.x.data(), i, 1}, b, i, {m.w.data(), 1, i}, m.y.data(), o);
    if (kind == 1) multiply({m.g.data(), 1, o}, o, b, {m.x.data(), i, 1}, m.dw.data(), i);
    if (kind == 2) multiply({m.g.data(), o, 1}, b, o, {m.w.data(), i, 1}, m.dx.data(), i);
    benchmark::ClobberMemory();
  }
  count(state, l);
}

void eigen(benchmark::State& state, const Shapes& l, int kind) {
  Matrices m(l);
  for (auto _ : state) {
    if (kind == 0) m.y.noalias() = m.x * m.w.transpose();
    if (kind == 1) m.dw.noalias() = m.g.transpose() * m.x;
    if (kind == 2) m.dx.noalias() = m.g * m.w;
    benchmark::ClobberMemory();
  }
  count(state, l);
}

}  // namespace

int main(int argc, char** argv) {
  bench::take_isa_option(argc, argv);
  for (const Shapes& l : layers) {
    for (int kind = 0; kind < 3; ++kind) {
      const std::string shape = text(kinds[kind], "/", l.batch, "x", l.inputs, "x", l.outputs);
      benchmark::RegisterBenchmark(shape.c_str(), [&l, kind](benchmark::State& state) { ours(state, l, kind); });
      benchmark::RegisterBenchmark((shape + "/eigen").c_str(),
                                   [&l, kind](benchmark::State& state) { eigen(state, l, kind); });
    }
  }
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}
