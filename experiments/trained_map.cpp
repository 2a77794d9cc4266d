#include <evengrad/experiments/trained_map.hpp>

#include <evengrad/core/error.hpp>
#include <evengrad/experiments/trials.hpp>

#include <algorithm>
#include <cmath>

namespace evengrad {

namespace {

// Pixels of one trial: several vectors full, and little lost when a run is interrupted.
constexpr Index pixels_a_trial = 64;

std::string conclude(const TrainedMap& map) {
  const auto count = [&](auto&& of) { return std::count_if(map.pixels.begin(), map.pixels.end(), of); };
  const auto learned = count([](const Pixel& p) { return p.learned > 0; });
  const auto diverged = count([](const Pixel& p) { return p.diverged > 0; });
  std::string words = text("Of ", map.pixels.size(), " networks ", learned, " learn (below half the loss of the best ",
                           "constant answer), ", diverged, " diverge (above ten times it).");
  if (const auto fastest = fastest_pixel(map)) {
    const MapAxis &x = map.options.x, &y = map.options.y;
    const auto i = static_cast<Index>(*fastest);
    words += text(" The first is at it in step ", map.pixels[*fastest].learned, ": ", x.setting, " ", x.at(i % x.count),
                  ", ", y.setting, " ", y.at(i / x.count), ".");
  }
  return words;
}

}  // namespace

std::optional<std::size_t> fastest_pixel(const TrainedMap& map) {
  std::optional<std::size_t> best;
  for (std::size_t i = 0; i < map.pixels.size(); ++i) {
    const Pixel& p = map.pixels[i];
    if (p.learned == 0) continue;
    const auto rank = [](const Pixel& of) { return std::pair(of.learned, of.loss); };
    if (!best || rank(p) < rank(map.pixels[*best])) best = i;
  }
  return best;
}

template <Real S>
TrainedMap train_map(const NetworkMap<S>& map, const DataOptions& data, const ExperimentSettings& settings) {
  TrainedMap trained{.options = map.options(),
                     .data = map.data().name,
                     .constant_loss = constant_answer_loss(map.data()),
                     .bar = NetworkMap<S>::bar,
                     .bound = NetworkMap<S>::bound};
  Trials trials(settings);
  const std::vector<MapBatch> batches = map.batches(pixels_a_trial);
  // loss, diverged, learned of each pixel
  const std::vector<std::vector<double>> rows = trials.run(
      "pixels", static_cast<int>(batches.size()), 1,
      [&](int i) {
        std::vector<double> numbers;
        for (const Pixel& p : map.train(batches[static_cast<std::size_t>(i)].pixels, settings.stop)) {
          numbers.insert(numbers.end(), {p.loss, static_cast<double>(p.diverged), static_cast<double>(p.learned)});
        }
        trials.check_stop();
        return numbers;
      },
      [&](int i) {
        const std::vector<Index>& batch = batches[static_cast<std::size_t>(i)].pixels;
        return text(batch.size(), " from pixel ", batch.front());
      });
  trained.pixels.resize(static_cast<std::size_t>(map.size()));
  for (std::size_t b = 0; b < batches.size(); ++b) {
    for (std::size_t i = 0; i < batches[b].pixels.size(); ++i) {
      const double* numbers = rows[b].data() + 3 * i;
      trained.pixels[static_cast<std::size_t>(batches[b].pixels[i])] = {
          numbers[0], static_cast<std::int64_t>(numbers[1]), static_cast<std::int64_t>(numbers[2])};
    }
  }
  trained.theory = map.theory();
  for (Index i = 0; i < map.size(); ++i) {
    trained.commands.push_back(pixel_command(map, i, data));
  }
  trained.conclusion = conclude(trained);
  return trained;
}

template TrainedMap train_map(const NetworkMap<float>&, const DataOptions&, const ExperimentSettings&);
template TrainedMap train_map(const NetworkMap<double>&, const DataOptions&, const ExperimentSettings&);

Table pixel_table(const TrainedMap& map) {
  const MapAxis &x = map.options.x, &y = map.options.y;
  Table table{.name = "pixels",
              .title = "Networks: training loss after the last step, and the steps at which they learned or diverged",
              .columns = {x.setting, y.setting, "train_loss", "learned", "diverged", "command"}};
  for (std::size_t i = 0; i < map.pixels.size(); ++i) {
    const Pixel& p = map.pixels[i];
    const auto number = static_cast<Index>(i);
    table.rows.push_back({x.at(number % x.count), y.at(number / x.count), p.loss, static_cast<double>(p.learned),
                          static_cast<double>(p.diverged), map.commands[i]});
  }
  return table;
}

}  // namespace evengrad
