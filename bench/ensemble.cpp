// Nets trained per second, one after another and side by side in the lanes of a vector.
//
//   ensemble [SECONDS]        a row a net and width: nets per second of both, and their ratio
//
// Both train the same nets from the same seeds in turns; the ratio is the median over the rounds.
#include <evengrad/evengrad.hpp>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>

namespace {

using namespace evengrad;

struct Workload {
  const char* name;
  const char* data;
  std::size_t depth;
  const char* activation;
  const char* optimizer;
  Index batch;
};

const Workload workloads[] = {
    {"spirals, 2 x relu, adam", "spirals", 2, "relu", "adam", 64},
    {"spirals, 3 x gelu, adam", "spirals", 3, "gelu", "adam", 64},
    {"sine, 2 x tanh, sgd", "sine", 2, "tanh", "sgd", 32},
};

constexpr Index widths[] = {8, 16, 32, 48, 64};

// Seconds that `count` nets take.
template <Real S>
double seconds(const Workload& work, const Dataset<S>& data, Index width, Index count, SideBySide when) {
  const Dataset<S> none{.task = data.task};
  std::vector<std::unique_ptr<Sequential<S>>> nets;
  std::vector<std::unique_ptr<Trainer<S>>> trainers;
  std::vector<Trainer<S>*> all;
  for (Index n = 0; n < count; ++n) {
    nets.push_back(std::make_unique<Sequential<S>>(mlp<S>({.inputs = data.features(),
                                                           .hidden = std::vector<Index>(work.depth, width),
                                                           .outputs = data.outputs(),
                                                           .activations = {activation(work.activation)}})));
    nets.back()->initialize(initializer("xavier"), Rng(1).split(static_cast<std::uint64_t>(n)));
    trainers.push_back(std::make_unique<Trainer<S>>(
        *nets.back(), data, none,
        TrainerOptions{.optimizer = {.name = work.optimizer, .learning_rate = 1e-3 * static_cast<double>(n + 1)},
                       .batch_size = work.batch,
                       .epochs = 20,
                       .seed = static_cast<std::uint64_t>(n)}));
    all.push_back(trainers.back().get());
  }
  const auto start = std::chrono::steady_clock::now();
  train_together<S>(all, when);
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

template <Real S>
void run(const Workload& work, const char* dtype, double budget) {
  const Dataset<S> data = load_data<S>({.name = work.data, .samples = 512, .test_fraction = 0.0, .seed = 1}).train;
  for (const Index width : widths) {
    const Index count = ensemble_lanes<S>();
    std::vector<double> ratios;
    double best[2] = {1e9, 1e9};
    for (double spent = 0; spent < budget || ratios.size() < 5;) {
      const double alone = seconds<S>(work, data, width, count, SideBySide::never);
      const double together = seconds<S>(work, data, width, count, SideBySide::always);
      best[0] = std::min(best[0], alone);
      best[1] = std::min(best[1], together);
      ratios.push_back(alone / together);
      spent += alone + together;
    }
    std::nth_element(ratios.begin(), ratios.begin() + std::ssize(ratios) / 2, ratios.end());
    std::printf("%-26s %-8s width %3td  %3td nets  alone %8.1f/s  together %8.1f/s  ratio %5.2f\n", work.name, dtype,
                width, count, static_cast<double>(count) / best[0], static_cast<double>(count) / best[1],
                ratios[ratios.size() / 2]);
  }
}

}  // namespace

int main(int argc, char** argv) {
  const double budget = argc > 1 ? std::atof(argv[1]) : 1;
  for (const Workload& work : workloads) {
    run<float>(work, "float32", budget);
    run<double>(work, "float64", budget);
  }
  return 0;
}
