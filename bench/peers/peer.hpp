// What the programs beside evengrad share: the work as files, how it is timed, and the questions bench/peers/run asks.
//
// A program is started once a round with a folder of workloads and a number of threads. It answers each line on
// standard input with a line of JSON; between questions bench/peers/run stops it, so that waiting threads disturb
// nobody.
//
//   step WORKLOAD SECONDS       losses after each of the first steps; microseconds a step, the median of its samples
//   kernel NAME COUNT SECONDS   nanoseconds an element of each pass, and the largest error
//
// `PROGRAM FOLDER THREADS ten_steps` takes ten steps of toy and prints its peak memory: the start-up measurement.
#pragma once

#include "../workloads.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <iostream>
#include <memory>
#include <new>
#include <sstream>
#include <stdexcept>
#include <string>
#include <utility>

namespace peers {

/// Starts at a cache line, as what the libraries allocate themselves does.
template <class T>
struct CacheAligned {
  static constexpr std::align_val_t line{64};
  using value_type = T;
  T* allocate(std::size_t count) { return static_cast<T*>(::operator new(count * sizeof(T), line)); }
  void deallocate(T* p, std::size_t) { ::operator delete(p, line); }
  bool operator==(const CacheAligned&) const = default;
};
using Numbers = std::vector<float, CacheAligned<float>>;

/// A workload with its batch and initial weights, as `peer_evengrad` wrote them: float32, x (batch, inputs), then the
/// targets (batch, outputs) or labels (batch), then weight (out, in) and bias (out) of each layer.
struct Work {
  struct Layer {
    long inputs, outputs;
    std::vector<float> weight, bias;
  };
  const Workload* shape;
  std::vector<float> x, targets;
  std::vector<std::int64_t> labels;
  std::vector<Layer> layers;

  bool is(std::string_view activation) const { return shape->activation == activation; }
};

inline Work load_work(const std::string& folder, std::string_view name) {
  const auto shape =
      std::find_if(std::begin(workloads), std::end(workloads), [&](const Workload& w) { return w.name == name; });
  const std::string path = folder + "/" + std::string(name) + ".bin";
  std::ifstream file(path, std::ios::binary);
  if (shape == std::end(workloads) || !file) throw std::runtime_error("no workload " + path);
  const auto read = [&](long count) {
    std::vector<float> numbers(static_cast<std::size_t>(count));
    if (!file.read(reinterpret_cast<char*>(numbers.data()), count * 4)) throw std::runtime_error(path + " is short");
    return numbers;
  };
  Work work{.shape = shape, .x = read(shape->batch * shape->inputs), .targets = {}, .labels = {}, .layers = {}};
  if (shape->loss == "mse") {
    work.targets = read(shape->batch * shape->outputs);
  } else {
    for (const float label : read(shape->batch)) work.labels.push_back(static_cast<std::int64_t>(label));
  }
  const std::vector<long> widths = shape->widths();
  for (std::size_t i = 1; i < widths.size(); ++i) {
    std::vector<float> weight = read(widths[i - 1] * widths[i]);
    work.layers.push_back({widths[i - 1], widths[i], std::move(weight), read(widths[i])});
  }
  return work;
}

/// A net with its optimizer, at the workload's initial weights, and its batch.
class Net {
 public:
  virtual ~Net() = default;
  /// So many training steps on the batch.
  virtual void run(int steps) = 0;
  /// The loss of the batch, now.
  virtual double loss() = 0;
};

/// An activation over buffers of its own. Passes by name: "forward", "backward", and "training" where the forward pass
/// of training does more than "forward".
struct Kernel {
  std::vector<std::pair<std::string, std::function<void()>>> passes;
  float* x = nullptr;        ///< what "forward" reads
  const float* y = nullptr;  ///< and writes
};

struct Peer {
  std::function<std::unique_ptr<Net>(const Work&)> make;                   ///< null for what the library cannot do
  std::function<Kernel(const std::string& name, long count)> kernel = {};  ///< empty for what it does not have
};

using Clock = std::chrono::steady_clock;
inline double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

inline double median(std::vector<double> numbers) {
  std::sort(numbers.begin(), numbers.end());
  return numbers[numbers.size() / 2];
}

constexpr int loss_steps = 10;    // after so many steps the losses are compared
constexpr int warm_steps = 3;     // untimed: the optimizer's state, arenas, caches
constexpr int longest_run = 500;  // then from the initial weights again: everybody works on the same numbers

inline void answer_step(const Peer& peer, const Work& work, double budget) {
  std::unique_ptr<Net> net = peer.make(work);
  if (!net) {
    std::printf("{}\n");
    return;
  }
  std::printf("{\"losses\": [");
  for (int i = 0; i < loss_steps; ++i) {
    net->run(1);
    std::printf("%s%.9g", i > 0 ? ", " : "", net->loss());
  }
  auto start = Clock::now();
  net->run(warm_steps);
  const double estimate = seconds_since(start) / warm_steps;
  const int steps = std::clamp(static_cast<int>(0.02 / estimate), 1, longest_run);
  std::vector<double> samples;
  for (double spent = 0; spent < budget;) {
    net = peer.make(work);
    net->run(warm_steps);
    start = Clock::now();
    net->run(steps);
    samples.push_back(seconds_since(start));
    spent += samples.back();
  }
  std::printf("], \"us\": %.6g}\n", median(samples) / steps * 1e6);
}

/// The activation in double, stable in the tails.
inline double exact(const std::string& name, double x) {
  const auto sigmoid = [](double z) { return z < 0 ? std::exp(z) / (1 + std::exp(z)) : 1 / (1 + std::exp(-z)); };
  const auto softplus = [](double z) { return std::max(z, 0.0) + std::log1p(std::exp(-std::abs(z))); };
  if (name == "relu") return std::max(x, 0.0);
  if (name == "sigmoid") return sigmoid(x);
  if (name == "tanh") return std::tanh(x);
  if (name == "elu") return x > 0 ? x : std::expm1(x);
  if (name == "gelu") return x * std::erfc(-x / std::sqrt(2.0)) / 2;
  if (name == "gelu_tanh") return x * sigmoid(2 * std::sqrt(2 / std::acos(-1.0)) * (x + 0.044715 * x * x * x));
  if (name == "silu") return x * sigmoid(x);
  if (name == "mish") return x * std::tanh(softplus(x));
  if (name == "softplus") return softplus(x);
  return x;
}

/// The largest error of "forward" as a share of what evengrad promises of its own: 4 units in the last place, times the
/// condition number |x f'/f| where that is above 1. Half of the inputs lie in [-8, 8], half in [-80, 80]; results below
/// the smallest normal number do not count.
inline double worst_error(const Kernel& kernel, const std::string& name, long count) {
  for (long i = 0; i < count; ++i)
    kernel.x[i] =
        static_cast<float>((static_cast<double>(i) / static_cast<double>(count) * 2 - 1) * (i % 2 == 0 ? 8 : 80));
  kernel.passes.front().second();
  double worst = 0;
  for (long i = 0; i < count; ++i) {
    const double x = kernel.x[i], y = exact(name, x), h = 1e-6 * std::max(1.0, std::abs(x));
    if (!(std::abs(y) >= 1.2e-38)) continue;
    const double condition = std::abs(x / y * (exact(name, x + h) - exact(name, x - h)) / (2 * h));
    const double unit = std::ldexp(1.0, std::ilogb(y) - 23);
    const double error = std::abs(kernel.y[i] - y) / (4 * unit * std::max(1.0, condition));
    worst = std::isnan(error) ? HUGE_VAL : std::max(worst, error);
  }
  return std::min(worst, 1e30);  // JSON has no infinity
}

inline void answer_kernel(const Peer& peer, const std::string& name, long count, double budget) {
  const Kernel kernel = peer.kernel ? peer.kernel(name, count) : Kernel();
  std::printf("{");
  for (const auto& [pass, call] : kernel.passes) {
    auto start = Clock::now();
    call();
    call();
    const int calls = std::max(1, static_cast<int>(0.002 / (seconds_since(start) / 2)));
    std::vector<double> samples;
    for (double spent = 0; spent < budget;) {
      start = Clock::now();
      for (int i = 0; i < calls; ++i) call();
      samples.push_back(seconds_since(start));
      spent += samples.back();
    }
    std::printf("\"%s\": %.4g, ", pass.c_str(), median(samples) / calls / static_cast<double>(count) * 1e9);
  }
  if (kernel.passes.empty()) {
    std::printf("}\n");
  } else {
    std::printf("\"error\": %.4g}\n", worst_error(kernel, name, std::min(count, 1L << 16)));
  }
}

/// The largest resident set so far in KiB; a parent's does not count, as it would in getrusage().
inline long peak_memory() {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    if (word == "VmHWM:" && status >> word) return std::stol(word);
  }
  return 0;
}

/// The main() of a peer.
inline int serve(int argc, char** argv, const Peer& peer) {
  if (argc < 3) {
    std::fprintf(stderr, "usage: %s FOLDER THREADS [ten_steps], see bench/peers/peer.hpp\n", argv[0]);
    return 2;
  }
  if (argc > 3) {
    peer.make(load_work(argv[1], "toy"))->run(10);
    std::printf("{\"peak_kib\": %ld}\n", peak_memory());
    return 0;
  }
  for (std::string line; std::getline(std::cin, line);) {
    std::istringstream words(line);
    std::string question, name;
    long count = 0;
    double budget = 0;
    words >> question;
    if (question == "step" && words >> name >> budget) {
      answer_step(peer, load_work(argv[1], name), budget);
    } else if (question == "kernel" && words >> name >> count >> budget) {
      answer_kernel(peer, name, count, budget);
    } else {
      throw std::runtime_error("cannot answer: " + line);
    }
    std::fflush(stdout);
  }
  return 0;
}

}  // namespace peers
