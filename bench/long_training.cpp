// What a training step costs after many: subnormal numbers in averages and gradients once slowed it down up to six
// times.
//
//   long_training --benchmark_filter=gelu
//
// Arguments of each: steps taken before the clock runs, then dtype (32 or 64 bits). Late steps should cost what early
// ones do.
#include <evengrad/evengrad.hpp>

#include "isa_option.hpp"

#include <benchmark/benchmark.h>

#include <algorithm>

namespace {

using namespace evengrad;

constexpr Index batch = 128;

template <Real S>
void run(benchmark::State& state, const char* f, const char* optimizer_name, double learning_rate) {
  const Split<S> data = load_data<S>({.name = "spirals", .samples = 1024});
  const Dataset<S>& train = data.train;
  Mlp<S> net(
      {.inputs = train.features(), .hidden = {64, 64, 64}, .outputs = train.classes, .activations = {activation(f)}});
  net.initialize(initializer("he"), Rng(1));
  Optimizer<S> optimizer({.name = optimizer_name, .learning_rate = learning_rate});
  Tape<S> tape;
  Index row = 0;
  const auto step = [&] {
    tape.clear();
    const Index count = std::min(batch, train.size() - row);
    const Var<S> output = net.forward(tape.constant(train.inputs.middleRows(row, count)), {.training = true});
    const Var<S> loss = softmax_cross_entropy<S>(
        output, std::span(train.labels).subspan(static_cast<std::size_t>(row), static_cast<std::size_t>(count)));
    optimizer.step(net, tape.backward(loss));
    row = (row + count) % train.size();
  };
  for (std::int64_t i = 0; i < state.range(0); ++i) step();
  for (auto _ : state) step();
}

}  // namespace

int main(int argc, char** argv) {
  bench::take_isa_option(argc, argv);
  const struct {
    const char *activation, *optimizer;
    double learning_rate;
  } cases[] = {{"relu", "adam", 1e-3}, {"gelu", "adam", 3e-3}, {"silu", "momentum", 0.05}, {"tanh", "rmsprop", 1e-3}};
  for (const auto& c : cases) {
    benchmark::RegisterBenchmark(c.activation,
                                 [c](benchmark::State& state) {
                                   state.range(1) == 32
                                       ? run<float>(state, c.activation, c.optimizer, c.learning_rate)
                                       : run<double>(state, c.activation, c.optimizer, c.learning_rate);
                                 })
        ->ArgNames({"after", "bits"})
        ->ArgsProduct({{0, 60'000}, {32, 64}})
        ->Iterations(1000);
  }
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}
