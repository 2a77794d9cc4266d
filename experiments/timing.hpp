// Times of short actions on a machine that does other things too.
#pragma once

#include <evengrad/experiments/report.hpp>

#include <functional>
#include <vector>

namespace evengrad {

/// The shortest time of each action in seconds. All are called in turn, `repetitions` times, forwards and backwards, so
/// that whatever the machine does, and whichever action comes before, meets them alike; each time an action is called
/// once to warm up, and then so often in a row that it takes at least `least_seconds`, of which the mean counts.
std::vector<double> shortest_times(const std::vector<std::function<void()>>& actions, int repetitions,
                                   double least_seconds = 50e-6);

/// The ratio of two columns of times over rounds of shortest_times(): the median with its interval.
Measurement time_ratio(const std::vector<std::vector<double>>& rounds, std::size_t of, std::size_t over);

}  // namespace evengrad
