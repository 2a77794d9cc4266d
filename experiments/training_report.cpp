#include <evengrad/experiments/training_report.hpp>

#include <evengrad/training/predict.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>

namespace evengrad {

namespace {

using Json = nlohmann::ordered_json;

// Six digits; "3" for 3.
Json rounded(double number) {
  constexpr double exact = 9007199254740992;
  if (std::abs(number) < exact && number == std::floor(number)) return static_cast<std::int64_t>(number);
  char digits[32];
  std::snprintf(digits, sizeof digits, "%.6g", number);
  return std::strtod(digits, nullptr);
}

Json rounded(const std::vector<double>& numbers) {
  Json list = Json::array();
  for (const double number : numbers) list.push_back(rounded(number));
  return list;
}

Json or_null(const std::optional<double>& number) { return number ? rounded(*number) : Json(nullptr); }

// At most `most` of 0, ..., count - 1, evenly spread, the first and the last among them.
std::vector<std::size_t> evenly(std::size_t count, std::size_t most) {
  std::vector<std::size_t> chosen;
  const std::size_t n = std::min(count, std::max<std::size_t>(most, 2));
  for (std::size_t i = 0; i < n; ++i) chosen.push_back(n == 1 ? 0 : i * (count - 1) / (n - 1));
  return chosen;
}

// Of each of 1,000 stretches of steps the ones with the least and the largest loss, in their order; the ends stay.
std::vector<std::size_t> telling_steps(const std::vector<StepReport>& steps) {
  constexpr std::size_t stretches = 1000;
  std::vector<std::size_t> chosen;
  for (std::size_t s = 0; s < stretches; ++s) {
    const std::size_t begin = s * steps.size() / stretches, end = (s + 1) * steps.size() / stretches;
    if (begin == end) continue;
    const auto less = [](const StepReport& a, const StepReport& b) { return a.loss < b.loss; };
    const auto [least, most] = std::minmax_element(steps.begin() + static_cast<std::ptrdiff_t>(begin),
                                                   steps.begin() + static_cast<std::ptrdiff_t>(end), less);
    chosen.push_back(static_cast<std::size_t>(least - steps.begin()));
    chosen.push_back(static_cast<std::size_t>(most - steps.begin()));
  }
  if (!steps.empty()) chosen.insert(chosen.end(), {0, steps.size() - 1});
  std::sort(chosen.begin(), chosen.end());
  chosen.erase(std::unique(chosen.begin(), chosen.end()), chosen.end());
  return chosen;
}

Json log_json(const std::vector<StepReport>& steps) {
  Json log = {{"step", Json::array()}, {"epoch", Json::array()}, {"loss", Json::array()}, {"lr", Json::array()}};
  for (const std::size_t i : telling_steps(steps)) {
    log["step"].push_back(steps[i].step);
    log["epoch"].push_back(steps[i].epoch);
    log["loss"].push_back(rounded(steps[i].loss));
    log["lr"].push_back(rounded(steps[i].learning_rate));
  }
  return log;
}

Json epochs_json(const TrainingRecord& record) {
  Json list = Json::array();
  for (const EpochReport& epoch : record.epochs) {
    const auto after = std::upper_bound(record.steps.begin(), record.steps.end(), epoch.epoch,
                                        [](std::int64_t number, const StepReport& s) { return number < s.epoch; });
    list.push_back({{"epoch", epoch.epoch},
                    {"step", after == record.steps.begin() ? Json(nullptr) : Json(std::prev(after)->step)},
                    {"train_loss", rounded(epoch.train.loss)},
                    {"train_accuracy", or_null(epoch.train.accuracy)},
                    {"test_loss", epoch.test ? rounded(epoch.test->loss) : Json(nullptr)},
                    {"test_accuracy", epoch.test ? or_null(epoch.test->accuracy) : Json(nullptr)},
                    {"seconds", rounded(epoch.seconds)}});
  }
  return list;
}

Json row_json(LayerRow row) {
  Json json;
  for (const auto& [name, value] : to_row(std::move(row))) {
    if (const auto* number = std::get_if<double>(&value)) json[name] = rounded(*number);
    if (const auto* words = std::get_if<std::string>(&value)) json[name] = *words;
    if (const auto* numbers = std::get_if<std::vector<double>>(&value)) json[name] = rounded(*numbers);
  }
  return json;
}

// Rows come as one of each layer a step.
Json probe_json(const std::vector<LayerRow>& rows) {
  constexpr std::size_t most_rows = 600, most_layers = 150;
  Json list = Json::array();
  if (rows.empty()) return list;
  const auto layers = static_cast<std::size_t>(rows.back().layer);
  const std::vector<std::size_t> kept_layers = evenly(layers, most_layers);
  std::size_t next = 0;  // the first step not yet told
  for (const std::size_t step : evenly(rows.size() / layers, most_rows / kept_layers.size())) {
    for (const std::size_t layer : kept_layers) {
      LayerRow row = rows[step * layers + layer];
      for (std::size_t between = next; between < step; ++between) {
        row.births += rows[between * layers + layer].births;
        row.revivals += rows[between * layers + layer].revivals;
      }
      list.push_back(row_json(std::move(row)));
    }
    next = step + 1;
  }
  return list;
}

Json facts_json(const TrainingFacts& facts) {
  return {{"optimizer", facts.optimizer},
          {"learning_rate", facts.learning_rate},
          {"weight_decay", facts.weight_decay},
          {"batch_size", facts.batch_size},
          {"warmup_steps", facts.warmup_steps},
          {"clips", facts.clips},
          {"classification", facts.classification},
          {"guess_loss", rounded(facts.guess_loss)},
          {"guess_accuracy", or_null(facts.guess_accuracy)},
          {"test_samples", facts.test_samples}};
}

Json boundary_json(const DecisionBoundary& b) {
  Json values = Json::array();
  for (const std::vector<double>& line : b.values) values.push_back(rounded(line));
  return {{"x_label", b.x_label},
          {"y_label", b.y_label},
          {"x", rounded(b.x)},
          {"y", rounded(b.y)},
          {"values", std::move(values)},
          {"classes", b.classes ? Json(*b.classes) : Json(nullptr)},
          {"points", {{"x", rounded(b.point_x)}, {"y", rounded(b.point_y)}, {"label", rounded(b.point_label)}}}};
}

}  // namespace

template <Real S>
std::optional<DecisionBoundary> decision_boundary(Layer<S>& model, const Split<S>& data) {
  constexpr Index side = 81;
  constexpr std::size_t most_points = 1000;
  constexpr double margin = 0.1;  // of the data's range, on each side
  const Dataset<S>& train = data.train;
  if (train.features() != 2 || train.size() == 0) return std::nullopt;

  DecisionBoundary b;
  b.x_label = train.feature_names.empty() ? "x1" : train.feature_names[0];
  b.y_label = train.feature_names.empty() ? "x2" : train.feature_names[1];
  // x -> (x - mean) / scale was done to the inputs, with one pair of numbers or one a feature.
  const auto in_units = [&](double number, std::size_t feature) {
    const Normalization& n = data.normalization;
    if (n.mean.empty()) return number;
    const std::size_t i = n.mean.size() == 1 ? 0 : feature;
    return number * n.scale[i] + n.mean[i];
  };
  std::vector<double> axes[2];
  for (Index feature = 0; feature < 2; ++feature) {
    const double low = train.inputs.col(feature).minCoeff(), high = train.inputs.col(feature).maxCoeff();
    const double room = high > low ? margin * (high - low) : 1;
    for (Index i = 0; i < side; ++i) {
      axes[feature].push_back(low - room + (high - low + 2 * room) * static_cast<double>(i) / (side - 1));
    }
  }
  Matrix<S> grid(side * side, 2);
  for (Index row = 0; row < side; ++row) {
    for (Index column = 0; column < side; ++column) {
      grid(row * side + column, 0) = static_cast<S>(axes[0][static_cast<std::size_t>(column)]);
      grid(row * side + column, 1) = static_cast<S>(axes[1][static_cast<std::size_t>(row)]);
    }
  }
  const Matrix<double> answers = predict<S>(model, grid, train.task);
  const bool classes = train.task == Task::classification;
  for (Index row = 0; row < side; ++row) {
    b.values.emplace_back();
    for (Index column = 0; column < side; ++column) {
      const auto answer = answers.row(row * side + column);
      Index best = 0;
      if (classes) answer.maxCoeff(&best);
      b.values.back().push_back(!classes ? answer(0) : train.classes == 2 ? answer(1) : static_cast<double>(best));
    }
  }
  for (const double x : axes[0]) b.x.push_back(in_units(x, 0));
  for (const double y : axes[1]) b.y.push_back(in_units(y, 1));
  if (classes) b.classes = train.classes;
  for (const std::size_t i : evenly(static_cast<std::size_t>(train.size()), most_points)) {
    const auto row = static_cast<Index>(i);
    b.point_x.push_back(in_units(train.inputs(row, 0), 0));
    b.point_y.push_back(in_units(train.inputs(row, 1), 1));
    b.point_label.push_back(classes ? train.labels[i] : static_cast<double>(train.targets(row, 0)));
  }
  return b;
}

template std::optional<DecisionBoundary> decision_boundary(Layer<float>& model, const Split<float>& data);
template std::optional<DecisionBoundary> decision_boundary(Layer<double>& model, const Split<double>& data);

std::string training_details(const TrainingRecord& record, const std::optional<DecisionBoundary>& boundary) {
  Json layers = Json::array();
  for (const LayerRow& row : record.rows) {
    if (row.step != record.rows.front().step) break;
    layers.push_back(row.name);
  }
  const Json details = {
      {"layers", std::move(layers)},       {"log", log_json(record.steps)},
      {"epoch_log", epochs_json(record)},  {"probe", probe_json(record.rows)},
      {"facts", facts_json(record.facts)}, {"boundary", boundary ? boundary_json(*boundary) : Json(nullptr)}};
  return details.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace evengrad
