// A map of networks, trained on all cores and kept in a results store, and what the writers write of it.
#pragma once

#include <evengrad/experiments/experiment.hpp>
#include <evengrad/training/network_map.hpp>

namespace evengrad {

struct TrainedMap {
  NetworkMapOptions options;
  std::string data;                ///< its name
  double constant_loss = 0;        ///< of the best answer that ignores the input
  double bar = 0, bound = 0;       ///< times that, see NetworkMap
  std::vector<Pixel> pixels = {};  ///< row by row, from the lowest value of both axes
  std::vector<MapCurve> theory = {};
  std::vector<std::string> commands = {};  ///< of each pixel alone
  std::string conclusion = {};             ///< one sentence, made from the numbers
};

/// Trains every pixel once. \throws Interrupted when asked to stop.
template <Real S>
TrainedMap train_map(const NetworkMap<S>& map, const DataOptions& data, const ExperimentSettings& settings);

/// A row a pixel: settings, loss, the steps at which it learned or diverged, its command.
Table pixel_table(const TrainedMap& map);

/// The number of the pixel that learned with the fewest steps, of equal ones with the lowest loss; null if none
/// learned.
std::optional<std::size_t> fastest_pixel(const TrainedMap& map);

}  // namespace evengrad
