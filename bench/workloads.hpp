// The five nets whose training step is measured. No header of evengrad: the programs of other libraries read this too.
#pragma once

#include <string_view>
#include <vector>

struct Workload {
  std::string_view name;
  long inputs;
  std::vector<long> hidden;
  long outputs;
  std::string_view activation;
  std::string_view init;
  long batch;
  std::string_view loss;
  std::string_view optimizer;
  double learning_rate;

  std::vector<long> widths() const {
    std::vector<long> all{inputs};
    all.insert(all.end(), hidden.begin(), hidden.end());
    all.push_back(outputs);
    return all;
  }
};

inline const Workload workloads[] = {
    {"toy", 2, {16, 16}, 1, "tanh", "xavier", 32, "mse", "sgd", 0.01},
    {"spiral", 2, {64, 64, 64}, 3, "relu", "he", 128, "cross_entropy", "adam", 1e-3},
    {"mnist_small", 784, {128, 128}, 10, "relu", "he", 64, "cross_entropy", "momentum", 0.01},
    {"mnist_gelu", 784, {512, 512, 512, 512}, 10, "gelu", "he", 256, "cross_entropy", "adam", 1e-3},
    {"deep_tanh", 64, std::vector<long>(50, 64), 10, "tanh", "xavier", 64, "cross_entropy", "sgd", 0.01},
};

/// Floating-point operations of a step's products: a multiply-add counts twice, and nobody needs the gradient of the
/// inputs.
inline double product_flop(const Workload& work) {
  double flop = 0;
  const std::vector<long> widths = work.widths();
  for (std::size_t i = 1; i < widths.size(); ++i)
    flop += 2.0 * static_cast<double>(work.batch * widths[i - 1] * widths[i]) * (i == 1 ? 2 : 3);
  return flop;
}
