// What a probe costs: training runs with and without one, at the default schedule, in turns.
//
//   probe_overhead        the counter `overhead` is the share by which the probe lengthens the run
#include <evengrad/evengrad.hpp>

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cmath>
#include <ctime>

namespace {

using namespace evengrad;

struct Workload {
  const char* name;
  Index inputs;
  std::vector<Index> hidden;
  Index batch;
  std::int64_t steps;
};

const Workload workloads[] = {
    {"spirals_1000_steps", 2, {64, 64}, 64, 1000},
    {"deep_1000_steps", 64, std::vector<Index>(20, 64), 64, 1000},
    {"fashion_mnist_one_epoch", 784, {256, 128, 100}, 64, 938},
    {"fashion_mnist_ten_epochs", 784, {256, 128, 100}, 128, 4690},
};

Dataset<float> random_data(Index inputs) {
  Dataset<float> data{.name = "random", .inputs = Matrix<float>(4096, inputs), .classes = 10};
  Rng(2).fill_normal(std::span<float>(data.inputs.data(), static_cast<std::size_t>(data.inputs.size())));
  for (Index i = 0; i < data.inputs.rows(); ++i) data.labels.push_back(static_cast<std::int32_t>(i % 10));
  return data;
}

double seconds(const Workload& work, const Dataset<float>& data, bool probed) {
  Mlp<float> net({.inputs = work.inputs, .hidden = work.hidden, .outputs = 10, .activations = {activation("relu")}});
  net.initialize(initializer("he"), Rng(1));
  const Dataset<float> none{.name = "none", .inputs = Matrix<float>(0, work.inputs), .classes = 10};
  Trainer<float> trainer(net, data, none, {.batch_size = work.batch, .steps = work.steps});
  const double start = static_cast<double>(std::clock());
  std::optional<Probe<float>> probe;
  if (probed) probe.emplace(trainer, net, data);
  trainer.run();
  if (probe) benchmark::DoNotOptimize(findings(probe->record()).size());
  return (static_cast<double>(std::clock()) - start) / CLOCKS_PER_SEC;
}

void overhead(benchmark::State& state, const Workload& work) {
  const Dataset<float> data = random_data(work.inputs);
  // The fastest of each: what else the machine does only ever adds.
  double plain = INFINITY, probed = INFINITY;
  for (auto _ : state) {
    plain = std::min(plain, seconds(work, data, false));
    probed = std::min(probed, seconds(work, data, true));
    state.SetIterationTime(plain + probed);
  }
  state.counters["plain_s"] = plain;
  state.counters["probed_s"] = probed;
  state.counters["overhead"] = probed / plain - 1;
}

}  // namespace

int main(int argc, char** argv) {
  for (const Workload& work : workloads) {
    benchmark::RegisterBenchmark(work.name, [&work](benchmark::State& state) { overhead(state, work); })
        ->UseManualTime()
        ->Iterations(5)
        ->Unit(benchmark::kMillisecond);
  }
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}
