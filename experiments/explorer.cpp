#include <evengrad/experiments/explorer.hpp>

#include <evengrad/activations/registry.hpp>
#include <evengrad/core/error.hpp>
#include <evengrad/core/parallel.hpp>
#include <evengrad/init/net_theory.hpp>
#include <evengrad/init/recommend.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <map>
#include <thread>

namespace evengrad {

namespace {

using Json = nlohmann::ordered_json;

// A tenth apart, so that 0 and the kinks of hard activations are among them.
constexpr int points = 121;
double x_of(int point) { return (point - points / 2) / 10.0; }

const std::vector<Index> depths = {1, 2, 3, 4, 5, 6, 8, 10, 12, 15, 20, 25, 30, 40, 50, 70, 100};
const std::vector<std::string> names = {"pytorch",    "xavier",  "he",       "lecun",
                                        "orthogonal", "matched", "backward", "critical"};

// The stops of a slider.
const std::map<std::string, std::vector<double>> parameter_values = {
    {"slope", {-1, -0.5, 0, 0.01, 0.1, 0.2, 0.25, 0.3, 0.5, 1}},
    {"alpha", {0.1, 0.25, 0.5, 0.75, 1, 1.5, 2, 3, 5}},
    {"beta", {0.1, 0.25, 0.5, 0.75, 1, 1.5, 1.702, 2, 3, 5, 10}}};

double rounded(double number) {
  char digits[32];
  std::snprintf(digits, sizeof digits, "%.5g", number);
  return std::strtod(digits, nullptr);
}

Json rounded(std::vector<double> numbers) {
  for (double& number : numbers) number = rounded(number);
  return numbers;
}

Json or_null(const std::optional<double>& number) { return number ? Json(rounded(*number)) : Json(nullptr); }

Json gradients(const Activation& f) {
  Json all;
  for (const std::string& name : names) {
    try {
      const std::vector<double> by_depth = gradient_by_depth(f, initializer(name), depths.back());
      all[name] = Json::array();
      for (const Index depth : depths) {
        const double log = by_depth[static_cast<std::size_t>(depth - 1)];
        all[name].push_back(std::round(log * 1e4) / 1e4 + 0.0);  // no -0
      }
    } catch (const UsageError&) {
      all[name] = nullptr;
    }
  }
  return all;
}

Json variant(const ActivationEntry& entry, std::vector<double> values) {
  const Json value = entry.parameters.empty() ? Json(nullptr) : Json(values.front());
  const Activation f = make({&entry, std::move(values)});
  std::vector<double> shape, slope;
  for (int i = 0; i < points; ++i) {
    shape.push_back(f.value(x_of(i)));
    slope.push_back(f.derivative(x_of(i)));
  }
  const Moments m = moments(f);
  const Gains g = gains(f);
  Json critical = nullptr;
  if (const auto point = critical_point(f)) {
    critical = {{"sigma_w2", rounded(point->scales.weight)},
                {"sigma_b2", rounded(point->scales.bias)},
                {"q_star", or_null(point->q)},
                {"class", to_string(point->kind)}};
  }
  const Recommendation best = recommend(f);
  return {{"value", value},
          {"name", f.name()},
          {"f", rounded(std::move(shape))},
          {"slope", rounded(std::move(slope))},
          {"moments",
           {{"mean", rounded(m.mean)},
            {"second", rounded(m.second)},
            {"variance", rounded(m.variance)},
            {"derivative_second", rounded(m.derivative_second)}}},
          {"gains",
           {{"second_moment", or_null(g.second_moment)},
            {"fixed_point", or_null(g.fixed_point)},
            {"unit_variance", or_null(g.unit_variance)},
            {"backward", or_null(g.backward)},
            {"pytorch", or_null(g.pytorch)}}},
          {"critical", std::move(critical)},
          {"recommended", {{"init", best.init}, {"reason", best.reason}}},
          {"gradient_log10", gradients(f)}};
}

// The first parameter is explored, the others keep their defaults.
std::vector<std::vector<double>> variants(const ActivationEntry& entry) {
  std::vector<double> defaults;
  for (const ActivationParameter& parameter : entry.parameters) defaults.push_back(parameter.value);
  if (entry.parameters.empty()) return {defaults};
  const ActivationParameter& explored = entry.parameters.front();
  std::vector<double> stops = {explored.value};
  if (const auto found = parameter_values.find(explored.name); found != parameter_values.end()) {
    for (const double stop : found->second) {
      if (stop >= explored.lowest && stop <= explored.highest) stops.push_back(stop);
    }
  }
  std::sort(stops.begin(), stops.end());
  stops.erase(std::unique(stops.begin(), stops.end()), stops.end());
  std::vector<std::vector<double>> all;
  for (const double stop : stops) {
    all.push_back(defaults);
    all.back().front() = stop;
  }
  return all;
}

Json described(const ActivationEntry& entry) {
  Json parameter = nullptr;
  if (!entry.parameters.empty()) {
    const ActivationParameter& first = entry.parameters.front();
    parameter = {{"name", first.name}, {"default", first.value}};
  }
  return {{"name", entry.name},        {"formula", entry.info.formula}, {"derivative", entry.info.derivative},
          {"range", entry.info.range}, {"year", entry.info.year},       {"source", entry.info.source},
          {"uses", entry.info.uses},   {"notes", entry.info.notes},     {"parameter", std::move(parameter)}};
}

std::string make_json() {
  const std::vector<ActivationEntry>& entries = activations();
  struct Task {
    std::size_t entry;
    std::vector<double> values;
    Json result = {};
    std::exception_ptr error = {};
  };
  std::vector<Task> tasks;
  for (std::size_t e = 0; e < entries.size(); ++e) {
    for (std::vector<double>& values : variants(entries[e])) tasks.push_back({e, std::move(values)});
  }
  ThreadPool threads(static_cast<int>(std::clamp(std::thread::hardware_concurrency(), 1u, 16u)));
  threads.run(static_cast<int>(tasks.size()), [&](int i) {
    Task& task = tasks[static_cast<std::size_t>(i)];
    try {
      task.result = variant(entries[task.entry], task.values);
    } catch (...) {
      task.error = std::current_exception();
    }
  });

  std::vector<double> xs;
  for (int i = 0; i < points; ++i) xs.push_back(x_of(i));
  Json list = Json::array();
  for (const ActivationEntry& entry : entries) {
    list.push_back(described(entry));
    list.back()["variants"] = Json::array();
  }
  for (Task& task : tasks) {
    if (task.error) std::rethrow_exception(task.error);
    list[task.entry]["variants"].push_back(std::move(task.result));
  }
  const Json document = {{"x", xs}, {"depths", depths}, {"initializers", names}, {"activations", std::move(list)}};
  return document.dump();
}

}  // namespace

const std::string& explorer_json() {
  static const std::string json = make_json();
  return json;
}

}  // namespace evengrad
