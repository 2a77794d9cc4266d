#include "program.hpp"

#include <evengrad/activations/registry.hpp>
#include <evengrad/core/error.hpp>
#include <evengrad/core/names.hpp>
#include <evengrad/data/registry.hpp>
#include <evengrad/experiments/experiment.hpp>
#include <evengrad/init/initializer.hpp>
#include <evengrad/layers/losses.hpp>
#include <evengrad/optim/optimizer.hpp>
#include <evengrad/optim/schedule.hpp>
#include <evengrad/training/health.hpp>

#include <iostream>

namespace evengrad::cli {

namespace {

struct Row {
  std::string name;
  std::string text;
  Json json;
};

struct Kind {
  std::string name;
  std::vector<Row> (*rows)();
};

std::string with_aliases(std::string name, const std::vector<std::string>& aliases) {
  for (const std::string& alias : aliases) name += ", " + alias;
  return name;
}

std::vector<Row> list_activations() {
  std::vector<Row> rows;
  for (const ActivationEntry& entry : activations()) {
    std::vector<std::string> aliases(entry.aliases.begin(), entry.aliases.end());
    rows.push_back({with_aliases(std::string(entry.name), aliases),
                    text(entry.info.formula, "  (", entry.info.year, ")"),
                    {{"name", entry.name},
                     {"aliases", aliases},
                     {"formula", entry.info.formula},
                     {"derivative", entry.info.derivative},
                     {"range", entry.info.range},
                     {"year", entry.info.year},
                     {"source", entry.info.source},
                     {"uses", entry.info.uses},
                     {"notes", entry.info.notes}}});
  }
  return rows;
}

std::vector<Row> list_initializers() {
  std::vector<Row> rows;
  for (const InitializerInfo& info : initializers()) {
    rows.push_back(
        {with_aliases(info.name, info.aliases),
         info.formula,
         {{"name", info.name}, {"aliases", info.aliases}, {"formula", info.formula}, {"source", info.source}}});
  }
  return rows;
}

std::vector<Row> list_optimizers() {
  std::vector<Row> rows;
  for (const OptimizerInfo& info : optimizers()) {
    rows.push_back({info.name,
                    text(info.formula, "  (lr ", info.learning_rate, ")"),
                    {{"name", info.name},
                     {"formula", info.formula},
                     {"learning_rate", info.learning_rate},
                     {"source", info.source}}});
  }
  return rows;
}

std::vector<Row> list_schedules() {
  std::vector<Row> rows;
  for (const ScheduleInfo& info : schedules()) {
    rows.push_back({info.name, info.formula, {{"name", info.name}, {"formula", info.formula}}});
  }
  return rows;
}

std::vector<Row> list_losses() {
  std::vector<Row> rows;
  for (const LossInfo& info : losses()) {
    rows.push_back({info.name, info.formula, {{"name", info.name}, {"formula", info.formula}, {"task", info.task}}});
  }
  return rows;
}

std::vector<Row> list_datasets() {
  std::vector<Row> rows;
  for (const DatasetInfo& info : datasets()) {
    rows.push_back({std::string(info.name),
                    std::string(info.description),
                    {{"name", info.name}, {"description", info.description}}});
  }
  return rows;
}

std::vector<Row> list_experiments() {
  std::vector<Row> rows;
  for (const Experiment& experiment : experiments()) {
    const std::vector<std::string> claims = claim_ids(experiment);
    rows.push_back({experiment.name,
                    text(experiment.question, " (", claims.front(), " to ", claims.back(), ")"),
                    {{"name", experiment.name},
                     {"title", experiment.title},
                     {"question", experiment.question},
                     {"claims", claims}}});
  }
  return rows;
}

std::vector<Row> list_rules() {
  std::vector<Row> rows;
  for (const HealthRule& rule : health_rules()) {
    rows.push_back({rule.name,
                    text(rule.sees, "  (T = ", rule.threshold, ")"),
                    {{"name", rule.name},
                     {"sees", rule.sees},
                     {"threshold", rule.threshold},
                     {"source", rule.source},
                     {"try", rule.cure}}});
  }
  return rows;
}

const std::vector<Kind>& kinds() {
  static const std::vector<Kind> list = {{"activations", list_activations}, {"initializers", list_initializers},
                                         {"optimizers", list_optimizers},   {"schedules", list_schedules},
                                         {"losses", list_losses},           {"datasets", list_datasets},
                                         {"experiments", list_experiments}, {"rules", list_rules}};
  return list;
}

int list(const std::string& what, const Global& global) {
  Json document = document_header();
  std::vector<std::string> known;
  bool found = false;
  for (const Kind& kind : kinds()) {
    known.push_back(kind.name);
    if (!what.empty() && what != kind.name) continue;
    found = true;
    const std::vector<Row> rows = kind.rows();
    std::size_t width = 0;
    for (const Row& row : rows) width = std::max(width, row.name.size());
    width = std::min<std::size_t>(width, 46);
    document[kind.name] = Json::array();
    if (!global.json) std::cout << kind.name << ":\n";
    for (const Row& row : rows) {
      document[kind.name].push_back(row.json);
      if (global.json) continue;
      std::cout << "  " << row.name << std::string(row.name.size() < width ? width - row.name.size() : 0, ' ') << "  "
                << row.text << '\n';
    }
    if (!global.json && what.empty() && &kind != &kinds().back()) std::cout << '\n';
  }
  if (!found) throw UsageError(unknown_name("list", what, known));
  if (global.json) print_json(document);
  return 0;
}

}  // namespace

Command add_list(CLI::App& program, Global& global) {
  CLI::App* app = program.add_subcommand(
      "list", "What there is: activations, initializers, optimizers, schedules, losses, datasets, experiments, rules");
  auto what = std::make_shared<std::string>();
  app->add_option("WHAT", *what, "One of them; all without");
  return {app, [what, &global] { return list(*what, global); }};
}

}  // namespace evengrad::cli
