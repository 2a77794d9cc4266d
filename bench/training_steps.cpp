// One training step (forward, loss, backward, update) of five nets, through the public API.
//
//   training_steps --benchmark_filter=spiral        names: toy, spiral, mnist_small, mnist_gelu, deep_tanh
//
// Arguments of each: threads, then dtype (32 or 64 bits). The counter `share` is the share of the peak of multiply-adds
// (peak.hpp) of as many cores. --isa=avx2 runs what a machine with no more than that runs.
#include <evengrad/evengrad.hpp>

#include "isa_option.hpp"
#include "peak.hpp"
#include "workloads.hpp"

#include <benchmark/benchmark.h>

namespace {

using namespace evengrad;

template <Real S>
void run(benchmark::State& state, const Workload& work) {
  auto net = mlp<S>({.inputs = work.inputs,
                     .hidden = {work.hidden.begin(), work.hidden.end()},
                     .outputs = work.outputs,
                     .activations = {activation(work.activation)}});
  net.initialize(initializer(work.init), Rng(1));
  Optimizer<S> optimizer({.name = std::string(work.optimizer), .learning_rate = work.learning_rate});
  Matrix<S> x(work.batch, work.inputs), y(work.batch, work.outputs);
  Rng(2).fill_normal(std::span<S>(x.data(), static_cast<std::size_t>(x.size())));
  Rng(3).fill_normal(std::span<S>(y.data(), static_cast<std::size_t>(y.size())));
  std::vector<std::int32_t> labels;
  for (Index i = 0; i < work.batch; ++i) labels.push_back(static_cast<std::int32_t>(i % work.outputs));

  Tape<S> tape({.threads = static_cast<int>(state.range(0))});
  for (auto _ : state) {
    tape.clear();
    const Var<S> output = net.forward(tape.view(x), {.training = true});
    const Var<S> loss =
        work.loss == "mse" ? mean_squared_error(output, tape.view(y)) : softmax_cross_entropy<S>(output, labels);
    optimizer.step(net, tape.backward(loss));
  }
  const double flop = product_flop(work);
  state.counters["FLOP/s"] = benchmark::Counter(flop, benchmark::Counter::kIsIterationInvariantRate);
  const double peak = bench::peak_flops(best_isa(), static_cast<int>(state.range(0)));
  state.counters["share"] = benchmark::Counter(flop / (state.range(1) == 32 ? peak : peak / 2),
                                               benchmark::Counter::kIsIterationInvariantRate);
  state.counters["tape_bytes"] = static_cast<double>(tape.memory());
}

}  // namespace

int main(int argc, char** argv) {
  bench::take_isa_option(argc, argv);
  for (const Workload& work : workloads) {
    benchmark::RegisterBenchmark(
        std::string(work.name).c_str(),
        [&work](benchmark::State& state) { state.range(1) == 32 ? run<float>(state, work) : run<double>(state, work); })
        ->ArgNames({"threads", "bits"})
        ->ArgsProduct({{1, 2}, {32, 64}})
        ->UseRealTime();
  }
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}
