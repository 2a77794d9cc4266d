#include <evengrad/experiments/timing.hpp>

#include <evengrad/experiments/statistics.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>

namespace evengrad {

namespace {

double seconds(const std::function<void()>& action, int calls) {
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < calls; ++i) action();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count() / calls;
}

}  // namespace

std::vector<double> shortest_times(const std::vector<std::function<void()>>& actions, int repetitions,
                                   double least_seconds) {
  std::vector<int> calls;
  for (const auto& action : actions) {
    action();
    const double once = std::max(1e-8, seconds(action, 3));
    calls.push_back(static_cast<int>(std::ceil(std::max(1.0, least_seconds / once))));
  }
  std::vector<double> shortest(actions.size(), INFINITY);
  for (int r = 0; r < repetitions; ++r) {
    for (std::size_t k = 0; k < actions.size(); ++k) {
      const std::size_t i = r % 2 == 0 ? k : actions.size() - 1 - k;
      actions[i]();  // its data, not another's, are in the caches
      shortest[i] = std::min(shortest[i], seconds(actions[i], calls[i]));
    }
  }
  return shortest;
}

Measurement time_ratio(const std::vector<std::vector<double>>& rounds, std::size_t of, std::size_t over) {
  std::vector<double> ratios;
  for (const std::vector<double>& times : rounds) ratios.push_back(times[of] / times[over]);
  return median_interval(ratios);
}

}  // namespace evengrad
