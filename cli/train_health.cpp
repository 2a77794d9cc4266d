#include "train_health.hpp"

#include <evengrad/core/error.hpp>

#include <unistd.h>

#include <cmath>
#include <cstdio>
#include <fstream>
#include <iostream>

namespace evengrad::cli {

namespace {

std::string percent(double share) { return std::isnan(share) ? "-" : significant(100 * share, 3) + " %"; }

Json to_json(LayerRow row) {
  Json document;
  for (const auto& [name, value] : to_row(std::move(row))) {
    std::visit([&](const auto& held) { document[name] = held; }, value);
  }
  return document;
}

// How many bytes of the log belong to steps up to this one.
std::uint64_t bytes_until(const std::string& path, std::int64_t step) {
  std::ifstream file(path, std::ios::binary);
  std::uint64_t bytes = 0;
  for (std::string line; std::getline(file, line) && !file.eof(); bytes += line.size() + 1) {
    const Json row = Json::parse(line, nullptr, false);
    if (!row.is_object() || !row.contains("step") || row["step"].get<double>() > static_cast<double>(step)) break;
  }
  return bytes;
}

}  // namespace

std::vector<std::string> health_table(std::span<const LayerRow> rows) {
  std::vector<std::string> lines;
  char line[200];
  constexpr const char* format = "%-10s %8s %20s %10s %10s %9s %9s %9s %9s %9s %7s %8s";
  std::snprintf(line, sizeof line, format, "layer", "step", "z mean ± spread", "|gradient|", "update/w", "silent",
                "saturated", "dormant", "no grad.", "inactive", "births", "revivals");
  lines.emplace_back(line);
  for (const LayerRow& row : rows) {
    const bool counted = row.units > 0;
    const auto share = [&](double value) { return counted ? percent(value) : "-"; };
    std::snprintf(
        line, sizeof line, format, row.name.c_str(), grouped(row.step).c_str(),
        (significant(row.pre_activation.mean, 3) + " ± " + significant(row.pre_activation.deviation, 3)).c_str(),
        significant(row.weight_gradient.magnitude, 3).c_str(), significant(row.update_ratio, 3).c_str(),
        share(row.silent).c_str(), share(row.saturated).c_str(), share(row.dormant).c_str(),
        share(row.no_gradient).c_str(), share(row.inactive).c_str(), counted ? significant(row.births, 6).c_str() : "-",
        counted ? significant(row.revivals, 6).c_str() : "-");
    lines.emplace_back(line);
  }
  return lines;
}

TrainHealth::TrainHealth(const HealthArguments& arguments, const Global& global)
    : arguments_(arguments), live_(arguments.show && !global.quiet && isatty(STDERR_FILENO)) {
  for (const std::string& given : arguments.thresholds) {
    const auto [rule, value] = parse_threshold(given);
    thresholds_[rule] = value;
  }
}

void TrainHealth::begin(std::int64_t begin, bool resumes) {
  if (!arguments_.log.empty()) log_.emplace(arguments_.log, resumes ? bytes_until(arguments_.log, begin) : 0);
}

void TrainHealth::show(std::span<const LayerRow> rows) {
  if (log_) {
    for (const LayerRow& row : rows) log_->write_line(to_json(row).dump());
    log_->flush();
  }
  if (!live_) return;
  if (drawn_ > 0) std::cerr << "\033[" << drawn_ << "A\033[J";
  const std::vector<std::string> lines = health_table(rows);
  for (const std::string& line : lines) std::cerr << line << '\n';
  std::cerr << std::flush;
  drawn_ = lines.size();
}

void TrainHealth::close() {
  if (log_) log_->close();
  log_.reset();
}

std::vector<std::string> TrainHealth::summary(const TrainingRecord& record) const {
  std::vector<std::string> lines;
  if (arguments_.show && !record.rows.empty()) {
    const std::size_t layers = record.rows.empty() ? 0 : static_cast<std::size_t>(record.rows.back().layer);
    lines = health_table(std::span(record.rows).last(layers));
  }
  const std::vector<Finding> all = judge(record);
  if (record.rows.empty() && all.empty()) return {"health  nothing was probed"};
  if (all.empty()) {
    lines.push_back(text("health  no findings by ", health_rules().size(), " rules"));
    return lines;
  }
  lines.push_back(text("health  ", all.size(), all.size() == 1 ? " finding" : " findings, causes first"));
  for (const Finding& finding : all) {
    lines.push_back(text("  ", finding.rule, " (", finding.severity, "), ", finding.where,
                         finding.since_step == 0 ? "" : text(", since step ", grouped(finding.since_step)), ": ",
                         finding.message, ". Try: ", finding.remedy));
  }
  return lines;
}

Json TrainHealth::json(const TrainingRecord& record) const {
  Json list = Json::array();
  for (const Finding& finding : judge(record)) {
    list.push_back({{"rule", finding.rule},
                    {"severity", finding.severity},
                    {"where", finding.where},
                    {"since_step", finding.since_step},
                    {"message", finding.message},
                    {"try", finding.remedy}});
  }
  return list;
}

}  // namespace evengrad::cli
