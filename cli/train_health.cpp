#include "train_health.hpp"

#include <evengrad/core/error.hpp>

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <fstream>
#include <functional>
#include <iostream>
#include <limits>

namespace evengrad::cli {

namespace {

std::string percent(double share) { return std::isnan(share) ? "-" : significant(100 * share, 3) + " %"; }

Json to_json(LayerRow row) {
  Json document;
  for (const auto& [name, value] : to_row(std::move(row))) {
    std::visit([&, &name = name](const auto& held) { document[name] = held; }, value);
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

// Of the terminal that this is.
TableSize window(int file, const TableSize& otherwise) {
  winsize size{};
  if (!isatty(file) || ioctl(file, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return otherwise;
  return {size.ws_col, size.ws_row > 0 ? size.ws_row : otherwise.height};
}

}  // namespace

std::vector<std::string> health_table(std::span<const LayerRow> rows, const TableSize& size) {
  struct Column {
    std::string head;
    std::size_t width;
    std::function<std::string(const LayerRow&)> cell;
  };
  const auto share = [](double LayerRow::*value) {
    return [value](const LayerRow& row) { return row.units > 0 ? percent(row.*value) : "-"; };
  };
  const auto count = [](double LayerRow::*value) {
    return [value](const LayerRow& row) { return row.units > 0 ? significant(row.*value, 6) : "-"; };
  };
  std::vector<Column> columns = {
      {"z mean ± spread", 18,
       [](const LayerRow& row) {
         return significant(row.pre_activation.mean, 3) + " ± " + significant(row.pre_activation.deviation, 3);
       }},
      {"|gradient|", 11, [](const LayerRow& row) { return significant(row.weight_gradient.magnitude, 3); }},
      {"update/w", 10, [](const LayerRow& row) { return significant(row.update_ratio, 3); }},
      {"silent", 8, share(&LayerRow::silent)},
      {"saturated", 10, share(&LayerRow::saturated)},
      {"dormant", 9, share(&LayerRow::dormant)},
      {"no grad.", 10, share(&LayerRow::no_gradient)},
      {"inactive", 10, share(&LayerRow::inactive)},
      {"births", 8, count(&LayerRow::births)},
      {"revivals", 9, count(&LayerRow::revivals)}};
  const auto characters = [](const std::string& part) { return part.size() - (part.find("±") != part.npos); };
  for (Column& column : columns) {  // numbers of a net that explodes are long
    for (const LayerRow& row : rows) column.width = std::max(column.width, characters(column.cell(row)) + 1);
  }
  const auto line = [&](std::string words, const std::function<std::string(const Column&)>& cell) {
    std::size_t used = 13;
    words.resize(std::max(used, words.size()), ' ');
    for (const Column& column : columns) {
      used += column.width;
      if (used > size.width) break;
      const std::string part = cell(column);
      words += std::string(column.width - std::min(characters(part), column.width - 1), ' ') + part;
    }
    return words;
  };
  std::vector<std::string> lines;
  if (rows.empty()) return lines;
  lines.push_back(line("step " + grouped(rows.front().step), [](const Column& column) { return column.head; }));
  // Room for the heading, the line that stands for what is left out, and the cursor's.
  const std::size_t room = std::max<std::size_t>(2, size.height - std::min<std::size_t>(size.height, 3));
  const std::size_t skipped = rows.size() > room ? rows.size() - room : 0, first = (rows.size() - skipped + 1) / 2;
  for (std::size_t i = 0; i < rows.size(); ++i) {
    if (skipped > 0 && i == first) {
      lines.push_back(text("… ", skipped, " more layers"));
      i += skipped;
    }
    lines.push_back(line(rows[i].name, [&](const Column& column) { return column.cell(rows[i]); }));
  }
  return lines;
}

TrainHealth::TrainHealth(const HealthArguments& arguments, const Global& global)
    : arguments_(arguments),
      live_(arguments.show && !global.quiet && global.progress != "never" &&
            (global.progress == "always" || isatty(STDERR_FILENO))) {
  if (arguments.every && *arguments.every < 1) {
    throw UsageError(text("--probe-every must be at least 1, got ", *arguments.every));
  }
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
  const std::vector<std::string> lines = health_table(rows, window(STDERR_FILENO, {}));
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
    constexpr std::size_t unbounded = std::numeric_limits<std::size_t>::max();
    TableSize size = window(STDOUT_FILENO, {unbounded, unbounded});
    size.height = unbounded;
    lines = health_table(std::span(record.rows).last(layers), size);
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
