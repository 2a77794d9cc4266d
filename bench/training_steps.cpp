// One training step (forward, loss, backward, update) of five nets, through the public API.
//
//   training_steps --benchmark_filter=spiral        names: toy, spiral, mnist_small, mnist_gelu, deep_tanh
//
// Arguments of each: threads, then dtype (32 or 64 bits). The counter `share` is the share of the peak of multiply-adds
// (peak.hpp) of as many cores. --isa=avx2 runs what a machine with no more than that runs.
#include <evengrad/evengrad.hpp>

#include "isa_option.hpp"
#include "peak.hpp"

#include <benchmark/benchmark.h>

namespace {

using namespace evengrad;

struct Workload {
  const char* name;
  Index inputs;
  std::vector<Index> hidden;
  Index outputs;
  const char* activation;
  const char* init;
  Index batch;
  const char* loss;
  OptimizerOptions optimizer;
};

const Workload workloads[] = {
    {"toy", 2, {16, 16}, 1, "tanh", "xavier", 32, "mse", {.name = "sgd"}},
    {"spiral", 2, {64, 64, 64}, 3, "relu", "he", 128, "cross_entropy", {.name = "adam"}},
    {"mnist_small", 784, {128, 128}, 10, "relu", "he", 64, "cross_entropy", {.name = "momentum"}},
    {"mnist_gelu", 784, {512, 512, 512, 512}, 10, "gelu", "he", 256, "cross_entropy", {.name = "adam"}},
    {"deep_tanh", 64, std::vector<Index>(50, 64), 10, "tanh", "xavier", 64, "cross_entropy", {.name = "sgd"}},
};

template <Real S>
void run(benchmark::State& state, const Workload& work) {
  Mlp<S> net({.inputs = work.inputs, .hidden = work.hidden, .outputs = work.outputs, .activations = {activation(work.activation)}});
  net.initialize(initializer(work.init), Rng(1));
  Optimizer<S> optimizer(work.optimizer);
  Matrix<S> x(work.batch, work.inputs), y(work.batch, work.outputs);
  Rng(2).fill_normal(std::span<S>(x.data(), static_cast<std::size_t>(x.size())));
  Rng(3).fill_normal(std::span<S>(y.data(), static_cast<std::size_t>(y.size())));
  std::vector<std::int32_t> labels;
  for (Index i = 0; i < work.batch; ++i) labels.push_back(static_cast<std::int32_t>(i % work.outputs));

  Tape<S> tape({.threads = static_cast<int>(state.range(0))});
  for (auto _ : state) {
    tape.clear();
    const Var<S> output = net.forward(tape.constant(x), {.training = true});
    const Var<S> loss = std::string_view(work.loss) == "mse" ? mean_squared_error(output, tape.constant(y))
                                                             : softmax_cross_entropy<S>(output, labels);
    optimizer.step(net, tape.backward(loss));
  }
  // Multiply-adds of the products count twice; the first layer's input needs no gradient.
  double flop = 0, in = static_cast<double>(work.inputs);
  std::vector<Index> widths = work.hidden;
  widths.push_back(work.outputs);
  for (std::size_t i = 0; i < widths.size(); ++i) {
    flop += 2 * static_cast<double>(work.batch) * in * static_cast<double>(widths[i]) * (i == 0 ? 2 : 3);
    in = static_cast<double>(widths[i]);
  }
  state.counters["FLOP/s"] = benchmark::Counter(flop, benchmark::Counter::kIsIterationInvariantRate);
  const double peak = bench::peak_flops(best_isa(), static_cast<int>(state.range(0)));
  state.counters["share"] =
      benchmark::Counter(flop / (state.range(1) == 32 ? peak : peak / 2), benchmark::Counter::kIsIterationInvariantRate);
  state.counters["tape_bytes"] = static_cast<double>(tape.memory());
}

}  // namespace

int main(int argc, char** argv) {
  bench::take_isa_option(argc, argv);
  for (const Workload& work : workloads) {
    benchmark::RegisterBenchmark(work.name, [&work](benchmark::State& state) {
      state.range(1) == 32 ? run<float>(state, work) : run<double>(state, work);
    })->ArgNames({"threads", "bits"})->ArgsProduct({{1, 2}, {32, 64}})->UseRealTime();
  }
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}
