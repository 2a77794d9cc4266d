// What the page asks of activations and initializers alone: lists, curves, what follows from a formula.
#include "calls.hpp"

#include <evengrad/core/error.hpp>
#include <evengrad/experiments/documents.hpp>

#include <cmath>

namespace evengrad::page {

namespace {

void lists(const Options&, Answer& answer) {
  answer.json = Json::parse(lists_json());
  Json generators = Json::array();  // images are not in the page
  for (Json& dataset : answer.json["datasets"]) {
    if (dataset.contains("samples")) generators.push_back(std::move(dataset));
  }
  answer.json["datasets"] = std::move(generators);
  answer.json["version"] = EVENGRAD_VERSION;
  answer.json["commit"] = EVENGRAD_COMMIT;
}

void theory(const Options& options, Answer& answer) {
  answer.json = Json::parse(theory_json(options.text("activation")));
}

void curve(const Options& options, Answer& answer) {
  constexpr double widest = 1e6;
  const Activation f = activation(options.text("activation"));
  const double from = options.number("from", -4, -widest, widest), to = options.number("to", 4, -widest, widest);
  const auto points = static_cast<std::size_t>(options.whole("points", 401, 2, 100'000));
  if (!(from < to)) throw UsageError(text("--from must be less than --to, got ", from, " and ", to));
  std::vector<double> x(points), value(points), slope(points);
  for (std::size_t i = 0; i < points; ++i) {
    x[i] = from + (to - from) * static_cast<double>(i) / static_cast<double>(points - 1);
  }
  f(x.data(), value.data(), slope.data(), static_cast<Index>(points));
  std::vector<double> kinks;
  for (const double kink : f.kinks()) {
    if (kink >= from && kink <= to) kinks.push_back(kink);
  }
  answer.json = {{"x", answer.array(std::move(x))},
                 {"value", answer.array(std::move(value))},
                 {"slope", answer.array(std::move(slope))},
                 {"kinks", kinks}};
}

double below(double z) { return std::erfc(-z / std::sqrt(2)) / 2; }

// Cells so fine that an edge within one moves a share by less than 1e-4.
void shares(const Options& options, Answer& answer) {
  constexpr std::size_t cells = 1 << 16;
  constexpr double reach = 8;  // standard deviations
  const Activation f = activation(options.text("activation"));
  const double mean = options.number("mean", 0, -1e6, 1e6), deviation = options.number("std", 1, 1e-6, 1e6);
  std::vector<double> z(cells), value(cells), slope(cells);
  const auto edge = [&](std::size_t i) { return reach * (2 * static_cast<double>(i) / cells - 1); };
  for (std::size_t i = 0; i < cells; ++i) z[i] = mean + deviation * (edge(i) + edge(i + 1)) / 2;
  f(z.data(), value.data(), slope.data(), static_cast<Index>(cells));
  const double steepest = largest_slope(f), flat = 1e-3 * steepest;
  double saturated = 0;
  for (std::size_t i = 0; i < cells; ++i) {
    if (std::abs(slope[i]) < flat) saturated += below(edge(i + 1)) - below(edge(i));
  }
  answer.json = {{"negative", below(-mean / deviation)},
                 {"zero", zero_probability(f, deviation * deviation, mean)},
                 {"saturated", steepest > 0 ? Json(saturated) : Json(nullptr)},
                 {"steepest", steepest}};
}

void recommended(const Options& options, Answer& answer) {
  const NetKind kind{.depth = static_cast<Index>(options.whole("depth", 20, 1, 1000)),
                     .residual = options.flag("residual"),
                     .normalized = options.flag("normalized")};
  const Recommendation chosen = recommend(activation(options.text("activation")), kind);
  answer.json = {{"init", chosen.init}, {"reason", chosen.reason}};
}

}  // namespace

std::span<const Method> theory_methods() {
  static constexpr Method all[] = {
      {"list", lists}, {"theory", theory}, {"curve", curve}, {"shares", shares}, {"recommend", recommended}};
  return all;
}

}  // namespace evengrad::page
