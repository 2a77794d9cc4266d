#include <evengrad/experiments/json_writer.hpp>

#include <evengrad/training/provenance.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>

namespace evengrad {

namespace {

using Json = nlohmann::ordered_json;  // writes non-finite numbers as null

constexpr int schema_version = 1;

Json optional(const std::optional<double>& number) { return number ? Json(*number) : Json(nullptr); }

Json measurement(const Measurement& m) {
  return {{"value", m.value}, {"low", optional(m.low)}, {"high", optional(m.high)}};
}

Json claim_json(const Claim& claim) {
  const Measurement* m = claim.measured ? &*claim.measured : nullptr;
  return {{"id", claim.id},
          {"statement", claim.statement},
          {"source", claim.source},
          {"predicted", optional(claim.predicted)},
          {"measured", m ? Json(m->value) : Json(nullptr)},
          {"low", m ? optional(m->low) : Json(nullptr)},
          {"high", m ? optional(m->high) : Json(nullptr)},
          {"tolerance", optional(claim.tolerance)},
          {"rule", claim.rule},
          {"verdict", to_string(claim.verdict)},
          {"condition", claim.condition.empty() ? Json(nullptr) : Json(claim.condition)},
          {"surprise", claim.surprise.empty() ? Json(nullptr) : Json(claim.surprise)},
          {"timing", claim.timing}};
}

Json cell_json(const Cell& cell) {
  if (const auto* words = std::get_if<std::string>(&cell)) return *words;
  if (const auto* number = std::get_if<double>(&cell)) return *number;
  return measurement(std::get<Measurement>(cell));
}

Json table_json(const Table& table) {
  Json rows = Json::array();
  for (const std::vector<Cell>& row : table.rows) {
    Json cells = Json::array();
    for (const Cell& cell : row) cells.push_back(cell_json(cell));
    rows.push_back(std::move(cells));
  }
  return {{"name", table.name}, {"title", table.title}, {"columns", table.columns}, {"rows", std::move(rows)}};
}

Json series_json(const Series& series) {
  return {{"chart", series.chart},
          {"name", series.name},
          {"x_label", series.x_label},
          {"y_label", series.y_label},
          {"log_y", series.log_y},
          {"x", series.x},
          {"y", series.y},
          {"low", series.low},
          {"high", series.high},
          {"theory", series.theory}};
}

Json heat_map_json(const HeatMap& map) {
  return {
      {"name", map.name}, {"title", map.title},     {"row_label", map.row_label}, {"column_label", map.column_label},
      {"rows", map.rows}, {"columns", map.columns}, {"values", map.values},       {"log", map.log}};
}

template <class T>
Json array(const std::vector<T>& values, Json (*convert)(const T&)) {
  Json json = Json::array();
  for (const T& value : values) json.push_back(convert(value));
  return json;
}

Json report_json(const Report& report) {
  return {{"name", report.name},
          {"title", report.title},
          {"question", report.question},
          {"answer", report.answer},
          {"notes", report.notes},
          {"claims", array(report.claims, claim_json)},
          {"tables", array(report.tables, table_json)},
          {"series", array(report.series, series_json)},
          {"heat_maps", array(report.heat_maps, heat_map_json)}};
}

Json cell_json(const ComparisonCell& cell, const std::string& metric) {
  const Pairing& pairing = cell.pairing;
  const bool built = cell.refused.empty();
  const auto number = [&](double x) { return built ? Json(x) : Json(nullptr); };
  Json trained = Json::array();
  for (const ComparisonRecord& record : cell.records) trained.push_back(record.metric);
  return {{"activation", pairing.activation},
          {"init", pairing.initializer},
          {"depth", pairing.depth},
          {"width", pairing.width},
          {"lr", number(cell.rate)},
          {"seeds", cell.records.size()},
          {"metric", metric},
          {"mean", number(cell.metric.value)},
          {"low", optional(cell.metric.low)},
          {"high", optional(cell.metric.high)},
          {"values", std::move(trained)},
          {"r2", cell.r2 ? measurement(*cell.r2) : Json(nullptr)},
          {"diverged", cell.count(FitOutcome::diverged)},
          {"failed_on_test", cell.count(FitOutcome::failed_on_test)},
          {"did_not_learn", cell.count(FitOutcome::did_not_learn)},
          {"gradient_ratio", number(cell.gradient_ratio.value)},
          {"gradient_ratio_theory", number(cell.forecast.gradient_ratio)},
          {"signal_ratio_theory", number(cell.forecast.signal_ratio)},
          {"silent_fraction", number(cell.silent_fraction)},
          {"trains_probability", number(cell.forecast.probability)},
          {"expected_rank", number(cell.forecast.rank)},
          {"trained", std::count_if(cell.records.begin(), cell.records.end(), [](const auto& r) { return r.trains; })},
          {"refused", built ? Json(nullptr) : Json(cell.refused)}};
}

Json axis_json(const MapAxis& axis) {
  std::vector<double> values;
  for (Index i = 0; i < axis.count; ++i) values.push_back(axis.at(i));
  return {{"setting", axis.setting}, {"log", axis.log}, {"values", std::move(values)}};
}

// A list a row of pixels.
Json by_rows(const TrainedMap& map, double (*number)(const Pixel&)) {
  Json rows = Json::array();
  for (std::size_t i = 0; i < map.pixels.size(); ++i) {
    if (static_cast<Index>(i) % map.options.x.count == 0) rows.push_back(Json::array());
    rows.back().push_back(number(map.pixels[i]));
  }
  return rows;
}

Json curve_json(const MapCurve& curve) {
  return {{"name", curve.name}, {"source", curve.source}, {"x", curve.x}, {"y", curve.y}};
}

Json header() {
  const Provenance& made = provenance();
  return {{"schema_version", schema_version},
          {"provenance",
           {{"version", made.version},
            {"commit", made.commit},
            {"compiler", made.compiler},
            {"flags", made.flags},
            {"cpu", made.cpu}}}};
}

std::string written(const Json& document) {
  return document.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace

std::string to_json(const Results& results) {
  Json document = header();
  document["kind"] = "run";
  document["command"] = command(results);
  document["profile"] = to_string(results.profile);
  document["seed"] = results.seed;
  document["seconds"] = results.seconds;
  document["experiments"] = Json::array();
  for (const Report& report : results.experiments) {
    document["experiments"].push_back(report_json(report));
    document["experiments"].back()["command"] = command(results, report.name);
  }
  return written(document);
}

std::string to_json(const Comparison& comparison, const std::string& command, std::uint64_t seed, double seconds) {
  Json document = header();
  document["kind"] = "compare";
  document["command"] = command;
  document["data"] = comparison.data;
  document["seed"] = seed;
  document["seconds"] = seconds;
  document["test_rows"] = comparison.test_rows;
  document["constant_metric"] = comparison.constant_metric;
  document["cells"] = Json::array();
  for (const ComparisonCell& cell : comparison.cells) document["cells"].push_back(cell_json(cell, comparison.metric));
  document["pairings"] = Json::array();
  for (const ComparedPairing& p : comparison.pairings) {
    document["pairings"].push_back({{"activation", p.activation},
                                    {"init", p.initializer},
                                    {"mean", p.metric.value},
                                    {"low", optional(p.metric.low)},
                                    {"high", optional(p.metric.high)},
                                    {"r2", p.r2 ? measurement(*p.r2) : Json(nullptr)},
                                    {"behind", measurement(p.behind)},
                                    {"best_is_better", measurement({p.best_is_better})},
                                    {"worse", p.worse},
                                    {"verdict", p.verdict}});
  }
  document["conclusion"] = comparison.conclusion;
  Json& oracle = document["oracle"];
  for (const ForecastScore& score : comparison.scores) oracle["brier"][score.name] = score.brier;
  oracle["rank_correlation"] = comparison.rank_correlation;
  oracle["calibration"] = Json::array();
  for (const CalibrationBin& bin : comparison.calibration) {
    oracle["calibration"].push_back({{"from", bin.low},
                                     {"to", bin.high},
                                     {"nets", bin.forecasts},
                                     {"forecast", bin.forecast},
                                     {"observed", bin.observed}});
  }
  oracle["failures"] = comparison.failures;
  document["report"] = report_json(comparison_report(comparison));
  return written(document);
}

std::string to_json(const TrainedMap& map, const std::string& command, std::uint64_t seed, double seconds) {
  const NetworkMapOptions& options = map.options;
  const TrainerOptions& trainer = options.trainer;
  Json document = header();
  document["kind"] = "map";
  document["command"] = command;
  document["data"] = map.data;
  document["seed"] = seed;
  document["seconds"] = seconds;
  document["activation"] = options.activation;
  document["init"] = options.init;
  document["depth"] = options.depth;
  document["width"] = options.width;
  document["optimizer"] = trainer.optimizer.name;
  document["lr"] = optional(trainer.optimizer.learning_rate);
  document["steps"] = trainer.steps ? Json(*trainer.steps) : Json(nullptr);
  document["epochs"] = trainer.steps ? Json(nullptr) : Json(trainer.epochs);
  document["batch_size"] = trainer.batch_size;
  document["constant_loss"] = map.constant_loss;
  document["bar"] = map.bar;
  document["bound"] = map.bound;
  document["x"] = axis_json(options.x);
  document["y"] = axis_json(options.y);
  document["train_loss"] = by_rows(map, [](const Pixel& p) { return p.loss; });
  document["learned"] = by_rows(map, [](const Pixel& p) { return static_cast<double>(p.learned); });
  document["diverged"] = by_rows(map, [](const Pixel& p) { return static_cast<double>(p.diverged); });
  document["theory"] = array(map.theory, curve_json);
  document["conclusion"] = map.conclusion;
  const auto fastest = fastest_pixel(map);
  document["fastest"] = nullptr;
  if (fastest) {
    document["fastest"] = {{"column", static_cast<Index>(*fastest) % options.x.count},
                           {"row", static_cast<Index>(*fastest) / options.x.count},
                           {"command", map.commands[*fastest]}};
  }
  return written(document);
}

}  // namespace evengrad
