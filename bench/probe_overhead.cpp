// What a probe costs: training runs with and without one, at the default schedule, in turns.
//
//   probe_overhead        the counter `overhead` is the median share by which the probe lengthens a run
#include <evengrad/evengrad.hpp>

#include <benchmark/benchmark.h>

#include <algorithm>
#include <ctime>

namespace {

using namespace evengrad;

struct Workload {
  const char* name;
  const char* activation;
  Index inputs;
  std::vector<Index> hidden;
  Index outputs;
  Index batch;
};

const Workload workloads[] = {{"toy", "relu", 2, {16, 16}, 2, 32},
                              {"spiral", "relu", 2, {64, 64, 64}, 3, 128},
                              {"mnist_small", "relu", 784, {128, 128}, 10, 64},
                              {"deep_tanh", "tanh", 64, std::vector<Index>(50, 64), 10, 64}};

Dataset<float> random_data(const Workload& work) {
  Dataset<float> data{.name = "random", .inputs = Matrix<float>(4096, work.inputs), .classes = work.outputs};
  Rng(2).fill_normal(std::span<float>(data.inputs.data(), static_cast<std::size_t>(data.inputs.size())));
  for (Index i = 0; i < data.inputs.rows(); ++i) data.labels.push_back(static_cast<std::int32_t>(i % work.outputs));
  return data;
}

// Processor time of a run from the making of the probe to what the rules find.
double seconds(const Workload& work, const Dataset<float>& data, std::int64_t steps, bool probed) {
  auto net = mlp<float>({.inputs = work.inputs,
                         .hidden = work.hidden,
                         .outputs = work.outputs,
                         .activations = {activation(work.activation)}});
  net.initialize(initializer("auto"), Rng(1));
  const Dataset<float> none{.name = "none", .inputs = Matrix<float>(0, work.inputs), .classes = work.outputs};
  Trainer<float> trainer(net, data, none, {.batch_size = work.batch, .steps = steps});
  const auto start = static_cast<double>(std::clock());
  std::optional<Probe<float>> probe;
  if (probed) probe.emplace(trainer, net, data);
  trainer.run();
  if (probe) benchmark::DoNotOptimize(findings(probe->record()).size());
  return (static_cast<double>(std::clock()) - start) / CLOCKS_PER_SEC;
}

double median(std::vector<double>& numbers) {
  std::sort(numbers.begin(), numbers.end());
  return numbers[numbers.size() / 2];
}

// Each pair of runs stands side by side in time, so that what else the machine does meets both.
void overhead(benchmark::State& state, const Workload& work, std::int64_t steps) {
  const Dataset<float> data = random_data(work);
  std::vector<double> plain, ratios;
  for (auto _ : state) {
    plain.push_back(seconds(work, data, steps, false));
    const double probed = seconds(work, data, steps, true);
    ratios.push_back(probed / plain.back());
    state.SetIterationTime(plain.back() + probed);
  }
  state.counters["plain_s"] = median(plain);
  state.counters["overhead"] = median(ratios) - 1;
}

}  // namespace

int main(int argc, char** argv) {
  for (const Workload& work : workloads) {
    for (const std::int64_t steps : {300, 1000, 3000}) {
      benchmark::RegisterBenchmark(text(work.name, "_", steps, "_steps").c_str(),
                                   [&work, steps](benchmark::State& state) { overhead(state, work, steps); })
          ->UseManualTime()
          ->Iterations(21)
          ->Unit(benchmark::kMillisecond);
    }
  }
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}
