// What the page asks of activations and initializers alone: lists, curves, what follows from a formula.
#include "calls.hpp"

#include <evengrad/activations/registry.hpp>
#include <evengrad/core/error.hpp>
#include <evengrad/data/registry.hpp>
#include <evengrad/experiments/documents.hpp>
#include <evengrad/init/extrema.hpp>
#include <evengrad/init/recommend.hpp>
#include <evengrad/layers/losses.hpp>
#include <evengrad/optim/optimizer.hpp>
#include <evengrad/optim/schedule.hpp>
#include <evengrad/training/health.hpp>

#include <cmath>

namespace evengrad::page {

namespace {

Json activation_list() {
  Json list = Json::array();
  for (const ActivationEntry& entry : activations()) {
    Json parameters = Json::array();
    for (const ActivationParameter& p : entry.parameters) {
      parameters.push_back({{"name", p.name}, {"value", p.value}, {"lowest", p.lowest}, {"highest", p.highest}});
    }
    list.push_back({{"name", entry.name},
                    {"aliases", entry.aliases},
                    {"formula", entry.info.formula},
                    {"derivative", entry.info.derivative},
                    {"range", entry.info.range},
                    {"year", entry.info.year},
                    {"source", entry.info.source},
                    {"uses", entry.info.uses},
                    {"notes", entry.info.notes},
                    {"learned", entry.learned},
                    {"parameters", std::move(parameters)}});
  }
  return list;
}

// Those that can be drawn, with the shape that a few samples show.
Json dataset_list() {
  Json list = Json::array();
  for (const DatasetInfo& info : datasets()) {
    const auto* generator = std::get_if<Generator>(&info.source);
    if (!generator) continue;
    constexpr Index few = 8;
    const Dataset<double> shape = generator->draw(few, generator->noise, Rng(1));
    list.push_back({{"name", info.name},
                    {"description", info.description},
                    {"samples", generator->samples},
                    {"noise", generator->noise},
                    {"features", shape.features()},
                    {"classes", shape.task == Task::classification ? Json(shape.classes) : Json(nullptr)}});
  }
  return list;
}

template <class Infos, class ToJson>
Json list_of(const Infos& infos, ToJson to_json) {
  Json list = Json::array();
  for (const auto& info : infos) list.push_back(to_json(info));
  return list;
}

void lists(const Options&, Answer& answer) {
  answer.json = {{"activations", activation_list()},
                 {"initializers", list_of(initializers(),
                                          [](const InitializerInfo& info) -> Json {
                                            return {{"name", info.name},
                                                    {"aliases", info.aliases},
                                                    {"formula", info.formula},
                                                    {"source", info.source}};
                                          })},
                 {"optimizers", list_of(optimizers(),
                                        [](const OptimizerInfo& info) -> Json {
                                          return {{"name", info.name},
                                                  {"formula", info.formula},
                                                  {"learning_rate", info.learning_rate},
                                                  {"source", info.source}};
                                        })},
                 {"schedules", list_of(schedules(),
                                       [](const ScheduleInfo& info) -> Json {
                                         return {{"name", info.name}, {"formula", info.formula}};
                                       })},
                 {"losses", list_of(losses(),
                                    [](const LossInfo& info) -> Json {
                                      return {{"name", info.name}, {"formula", info.formula}, {"task", info.task}};
                                    })},
                 {"datasets", dataset_list()},
                 {"rules", list_of(health_rules(),
                                   [](const HealthRule& rule) -> Json {
                                     return {{"name", rule.name},
                                             {"sees", rule.sees},
                                             {"threshold", rule.threshold},
                                             {"source", rule.source},
                                             {"try", rule.cure}};
                                   })},
                 {"version", EVENGRAD_VERSION},
                 {"commit", EVENGRAD_COMMIT}};
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
  const double flat = 1e-3 * largest_slope(f);
  double saturated = 0;
  for (std::size_t i = 0; i < cells; ++i) {
    if (std::abs(slope[i]) < flat) saturated += below(edge(i + 1)) - below(edge(i));
  }
  answer.json = {{"negative", below(-mean / deviation)},
                 {"zero", zero_probability(f, deviation * deviation, mean)},
                 {"saturated", saturated}};
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
