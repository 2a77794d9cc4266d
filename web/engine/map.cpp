// Maps of networks. The last one asked for is kept, so that a page may ask for its pixels share by share.
#include "calls.hpp"

#include <evengrad/activations/registry.hpp>
#include <evengrad/core/error.hpp>
#include <evengrad/core/names.hpp>
#include <evengrad/training/network_map.hpp>

#include <cmath>
#include <optional>
#include <variant>

namespace evengrad::page {

namespace {

constexpr std::int64_t most_pixels = 1 << 17, most_width = 256, most_batch = 64;

struct OpenMap {
  std::string asked;
  DataOptions data;
  std::variant<NetworkMap<float>, NetworkMap<double>> map;
};

template <Real S>
NetworkMap<S> make_map(NetworkMapOptions options, const DataOptions& data) {
  NetworkMap<S> map(std::move(options), load_data<S>(data).train);
  if (map.size() > most_pixels) throw UsageError(text("--map: at most ", most_pixels, " pixels, got ", map.size()));
  return map;
}

OpenMap make_map(const Options& options, std::string asked) {
  const std::uint64_t seed = options.seed();
  NetworkMapOptions map;
  const std::vector<std::string> axes = split_list(options.text("map"));
  if (axes.size() != 2) throw UsageError(text("--map: expected two axes, got ", axes.size()));
  map.x = parse_map_axis(axes[0]);
  map.y = parse_map_axis(axes[1]);
  map.activation = options.text("activation", map.activation);
  map.init = options.text("init", map.init);
  map.depth = static_cast<Index>(options.whole("depth", map.depth, 1, 1000));
  map.width = static_cast<Index>(options.whole("width", map.width, 1, most_width));
  map.trainer = read_trainer(options, seed);
  if (!options.has("steps") && !options.has("epochs")) throw UsageError("--steps is needed");
  const DataOptions data = read_data(options, seed);
  const auto dtype = parse_choice<Dtype>("dtype", options.text("dtype", "float32"));
  options.require_all_read();
  if (dtype == Dtype::float64) return {std::move(asked), data, make_map<double>(std::move(map), data)};
  return {std::move(asked), data, make_map<float>(std::move(map), data)};
}

// The map of these options, which are the same whatever is asked of it.
const OpenMap& map_of(const Options& options, std::string_view beside = {}) {
  static std::optional<OpenMap> last;
  Json json = options.json();
  if (!beside.empty()) json.erase(std::string(beside));
  std::string asked = json.dump(-1, ' ', false, Json::error_handler_t::replace);
  if (!last || last->asked != asked) {
    last.reset();
    last = make_map(Options(json), std::move(asked));
  }
  return *last;
}

Json or_null(double value) { return std::isfinite(value) ? Json(value) : Json(nullptr); }

Json numbers(const std::vector<double>& values) {
  Json list = Json::array();
  for (const double value : values) list.push_back(or_null(value));
  return list;
}

std::int64_t steps_of(const TrainerOptions& trainer, Index samples) {
  if (trainer.steps) return *trainer.steps;
  return trainer.epochs * ((samples + trainer.batch_size - 1) / trainer.batch_size);
}

void map_plan(const Options& options, Answer& answer) {
  const OpenMap& open = map_of(options);
  std::visit(
      [&](const auto& map) {
        answer.json = {{"columns", map.columns()},
                       {"rows", map.rows()},
                       {"steps", steps_of(map.options().trainer, map.data().size())},
                       {"constant_loss", constant_answer_loss(map.data())},
                       {"batches", Json::array()},
                       {"command", map_command(map, open.data)}};
        for (const MapBatch& batch : map.batches(most_batch)) {
          answer.json["batches"].push_back(
              {{"edge", batch.edge},
               {"pixels", answer.array(std::vector<std::int32_t>(batch.pixels.begin(), batch.pixels.end()))}});
        }
      },
      open.map);
}

void map_theory(const Options& options, Answer& answer) {
  answer.json = Json::array();
  std::visit(
      [&](const auto& map) {
        for (const MapCurve& curve : map.theory()) {
          answer.json.push_back(
              {{"name", curve.name}, {"source", curve.source}, {"x", numbers(curve.x)}, {"y", numbers(curve.y)}});
        }
      },
      map_of(options).map);
}

void map_pixels(const Options& options, Answer& answer) {
  const std::vector<std::int64_t> asked = options.wholes("pixels", 0, most_pixels);
  const std::vector<Index> pixels(asked.begin(), asked.end());
  const OpenMap& open = map_of(options, "pixels");
  std::vector<double> trained;
  std::visit(
      [&](const auto& map) {
        for (const Pixel& pixel : map.train(pixels)) {
          trained.insert(trained.end(),
                         {pixel.loss, static_cast<double>(pixel.learned), static_cast<double>(pixel.diverged)});
        }
      },
      open.map);
  answer.json = answer.array(std::move(trained));
}

void map_pixel(const Options& options, Answer& answer) {
  const auto pixel = static_cast<Index>(options.whole("pixel", 0, 0, most_pixels));
  const OpenMap& open = map_of(options, "pixel");
  std::visit(
      [&](const auto& map) {
        const PixelSettings settings = map.settings(pixel);
        const PixelRun run = map.run(pixel);
        Json train = options.json();
        for (const char* other : {"map", "pixel", "depth", "width", "dtype"}) train.erase(other);
        std::string hidden;
        for (Index i = 0; i < settings.depth; ++i) hidden += text(i > 0 ? "," : "", map.options().width);
        train["hidden"] = hidden;
        train["activation"] = map.options().activation;
        train["init"] = settings.init;
        if (settings.learning_rate) train["lr"] = *settings.learning_rate;
        answer.json = {{"init", settings.init},
                       {"depth", settings.depth},
                       {"lr", settings.learning_rate ? Json(*settings.learning_rate) : Json(nullptr)},
                       {"command", pixel_command(map, pixel, open.data)},
                       {"train", std::move(train)},
                       {"losses", answer.array(run.losses)},
                       {"loss", or_null(run.loss)},
                       {"digest", run.weights_digest}};
      },
      open.map);
}

}  // namespace

std::span<const Method> map_methods() {
  static constexpr Method methods[] = {
      {"map_plan", map_plan}, {"map_theory", map_theory}, {"map", map_pixels}, {"map_pixel", map_pixel}};
  return methods;
}

}  // namespace evengrad::page
