// The activations' passes, and formulas of the same functions beside them. A formula is typed in other words than the
// built-in's own, which would get the built-in's kernel.
//
//   activations --benchmark_filter=relu        at the end: how many times a built-in's time each of its formulas takes
//
// Arguments of each: bits of the number type; how many numbers: 1 Ki (level-1 cache), 64 Ki (level 2), 4 Mi (memory);
// slope 0 for the value alone (evaluation) or 1 for value and derivative in one pass (training). With the derivative at
// hand a backward pass is one multiplication whatever the function: `backward`.
#include <evengrad/core/kernels/kernels.hpp>
#include <evengrad/evengrad.hpp>

#include <benchmark/benchmark.h>

#include <cstdio>
#include <map>
#include <string>

namespace {

using namespace evengrad;

// Built-in and formula.
const std::pair<const char*, const char*> twins[] = {
    {"sigmoid", "0.5 + 0.5*tanh(x/2)"},
    {"tanh", "2*sigmoid(2*x) - 1"},
    {"relu", "(x + abs(x))/2"},
    {"relu", "where(x < 0, 0, x)"},
    {"leaky_relu", "max(x, 0.01*x)"},
    {"relu6", "max(min(x, 6), 0)"},
    {"elu", "max(x, 0) + min(expm1(x), 0)"},
    {"selu", "1.0507009873554805*max(x, 0) + 1.7580993408473766*min(expm1(x), 0)"},
    {"gelu", "x*(1 + erf(x/sqrt(2)))/2"},
    {"gelu_tanh", "x*(1 + tanh(sqrt(2/pi)*(x + 0.044715*x^3)))/2"},
    {"quick_gelu", "x/(1 + exp(-1.702*x))"},
    {"silu", "x/(1 + exp(-x))"},
    {"mish", "x*tanh(log1p(exp(x)))"},
    {"softplus", "max(x, 0) + log1p(exp(-abs(x)))"},
    {"softsign", "x/(abs(x) + 1)"},
    {"hard_swish", "x*relu6(x + 3)/6"},
    {"log_sigmoid", "min(x, 0) - log1p(exp(-abs(x)))"},
};

template <Real S>
void run(benchmark::State& state, const Activation& f) {
  const Index count = state.range(1);
  Matrix<S> z(1, count), value(1, count), slope(1, count);  // which start at a cache line, as in a net
  Rng(1).fill_normal<S>({z.data(), static_cast<std::size_t>(count)});
  for (auto _ : state) {
    f(z.data(), value.data(), state.range(2) == 1 ? slope.data() : nullptr, count);
    benchmark::ClobberMemory();
  }
  state.SetItemsProcessed(state.iterations() * state.range(1));
}

template <Real S>
void run_backward(benchmark::State& state) {
  Matrix<S> gradient = Matrix<S>::Ones(1, state.range(1));
  const Matrix<S> slope = gradient;
  for (auto _ : state) {
    kernels::kernels<S>().multiply(gradient.data(), slope.data(), gradient.data(), state.range(1), false);
    benchmark::ClobberMemory();
  }
  state.SetItemsProcessed(state.iterations() * state.range(1));
}

constexpr std::int64_t counts[] = {1 << 10, 1 << 16, 1 << 22};

void add(const std::string& name, const Activation& f) {
  benchmark::RegisterBenchmark(
      name.c_str(),
      [f](benchmark::State& state) { state.range(0) == 32 ? run<float>(state, f) : run<double>(state, f); })
      ->ArgNames({"bits", "count", "slope"})
      ->ArgsProduct({{32, 64}, {std::begin(counts), std::end(counts)}, {0, 1}});
}

// Prints as usual, and keeps each time.
class Reporter : public benchmark::ConsoleReporter {
 public:
  void ReportRuns(const std::vector<Run>& runs) override {
    ConsoleReporter::ReportRuns(runs);
    for (const Run& run : runs) {
      if (run.run_type == Run::RT_Iteration)
        times_[{run.run_name.function_name, run.run_name.args}] = run.GetAdjustedCPUTime();
    }
  }

  void print_ratios() const {
    for (const auto& [name, formula] : twins) {
      std::string line;
      for (const auto& [key, time] : times_) {
        const auto builtin = times_.find({name, key.second});
        if (key.first != formula || builtin == times_.end()) continue;
        char ratio[64];
        std::snprintf(ratio, sizeof ratio, "  %s %.2f", key.second.c_str(), time / builtin->second);
        line += ratio;
      }
      if (!line.empty()) std::printf("%s over %s:%s\n", formula, name, line.c_str());
    }
  }

 private:
  std::map<std::pair<std::string, std::string>, double> times_;
};

}  // namespace

int main(int argc, char** argv) {
  benchmark::RegisterBenchmark(
      "backward",
      [](benchmark::State& state) { state.range(0) == 32 ? run_backward<float>(state) : run_backward<double>(state); })
      ->ArgNames({"bits", "count"})
      ->ArgsProduct({{32, 64}, {std::begin(counts), std::end(counts)}});
  for (const ActivationEntry& entry : activations()) {
    if (entry.name == "identity") continue;  // nothing is computed
    add(entry.name, activation(entry.name));
    for (const auto& [name, formula] : twins) {
      if (entry.name == name) add(formula, activation(formula));
    }
  }
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  Reporter reporter;
  benchmark::RunSpecifiedBenchmarks(&reporter);
  reporter.print_ratios();
  benchmark::Shutdown();
  return 0;
}
