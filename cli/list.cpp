#include "program.hpp"

#include <evengrad/core/error.hpp>
#include <evengrad/core/names.hpp>
#include <evengrad/core/same_name.hpp>
#include <evengrad/experiments/documents.hpp>
#include <evengrad/experiments/experiment.hpp>

#include <iostream>

namespace evengrad::cli {

namespace {

// What is shown behind a name.
struct Kind {
  std::string name;
  std::string (*about)(const Json& row);
};

std::string words(const Json& row, const char* key) { return row[key].get<std::string>(); }
std::string number(const Json& row, const char* key) { return text(row[key].get<double>()); }
std::string formula(const Json& row) { return words(row, "formula"); }

const Kind kinds[] = {
    {"activations", [](const Json& row) { return text(formula(row), "  (", number(row, "year"), ")"); }},
    {"initializers", formula},
    {"optimizers", [](const Json& row) { return text(formula(row), "  (lr ", number(row, "learning_rate"), ")"); }},
    {"schedules", formula},
    {"losses", formula},
    {"datasets", [](const Json& row) { return words(row, "description"); }},
    {"experiments",
     [](const Json& row) {
       return text(words(row, "question"), " (", row["claims"].front().get<std::string>(), " to ",
                   row["claims"].back().get<std::string>(), ")");
     }},
    {"rules", [](const Json& row) { return text(words(row, "sees"), "  (T = ", number(row, "threshold"), ")"); }},
    {"layers", [](const Json& row) { return text(words(row, "call"), ": ", words(row, "help")); }},
    {"nets",
     [](const Json& row) {
       return text(words(row, "call"), ": ", words(row, "help"), "\n      ", words(row, "line"));
     }},
    {"options", [](const Json& row) { return words(row, "help"); }}};

std::string with_aliases(const Json& row) {
  std::string name = words(row, "name");
  for (const Json& alias : row.value("aliases", Json::array())) name += ", " + alias.get<std::string>();
  return name;
}

Json experiment_list() {
  Json list = Json::array();
  for (const Experiment& experiment : experiments()) {
    list.push_back({{"name", experiment.name},
                    {"title", experiment.title},
                    {"question", experiment.question},
                    {"claims", claim_ids(experiment)}});
  }
  return list;
}

int list(const std::string& what, const Global& global) {
  Json lists = Json::parse(lists_json());
  lists["experiments"] = experiment_list();
  Json document = document_header();
  std::vector<std::string> known;
  bool found = what.empty();
  for (const Kind& kind : kinds) {
    known.push_back(kind.name);
    if (!what.empty() && !same_name(what, kind.name)) continue;
    found = true;
    document[kind.name] = lists[kind.name];
    if (global.json) continue;
    std::size_t width = 0;
    for (const Json& row : lists[kind.name]) width = std::max(width, with_aliases(row).size());
    width = std::min<std::size_t>(width, 46);
    if (what.empty() && &kind != kinds) std::cout << '\n';
    std::cout << kind.name << ":\n";
    for (const Json& row : lists[kind.name]) {
      std::string name = with_aliases(row);
      if (name.size() < width) name.resize(width, ' ');
      std::cout << "  " << name << "  " << kind.about(row) << '\n';
    }
  }
  if (!found) throw UsageError(unknown_name("list", what, known));
  if (global.json) print_json(document);
  return 0;
}

}  // namespace

Command add_list(CLI::App& program, Global& global) {
  CLI::App* app =
      program.add_subcommand("list", "What has a name: activations, initializers, optimizers, data sets, ...");
  auto what = std::make_shared<std::string>();
  app->add_option("WHAT", *what,
                  "activations, initializers, optimizers, schedules, losses, datasets, experiments, rules, options "
                  "(of train), or layers and nets (of --net) [all]");
  return {app, [what, &global] { return list(*what, global); }};
}

}  // namespace evengrad::cli
