#include "options.hpp"
#include "results_folder.hpp"

#include <evengrad/core/error.hpp>
#include <evengrad/core/names.hpp>
#include <evengrad/core/same_name.hpp>
#include <evengrad/experiments/csv_writer.hpp>
#include <evengrad/experiments/experiment.hpp>
#include <evengrad/experiments/json_writer.hpp>
#include <evengrad/experiments/terminal_writer.hpp>

#include <spdlog/spdlog.h>

#include <algorithm>
#include <chrono>
#include <iostream>
#include <thread>

namespace evengrad::cli {

namespace {

struct RunOptions {
  std::vector<std::string> names;
  Profile profile = Profile::quick;
  std::optional<int> seeds;
  int jobs = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
  ResultsOptions results;

  template <class F>
  void fields(F& f) {
    f({.name = "profile", .help = "quick (minutes) or full (as many seeds and steps as it takes)"}, profile);
    f({.name = "seeds", .help = "Seeds that a measurement averages over [as many as the profile says]"}, seeds);
    f({.name = "jobs", .help = "Trials at once; results do not depend on it", .affects_result = false}, jobs);
    results.fields(f);
  }
};

// The experiments of these names in the order of the one list.
std::vector<const Experiment*> chosen(const std::vector<std::string>& given) {
  std::vector<std::string> known = {"all"};
  for (const Experiment& experiment : experiments()) known.push_back(experiment.name);
  std::vector<std::string> names;
  for (const std::string& name : given) {
    names.push_back(known_call(name, known));
    if (std::find(known.begin(), known.end(), names.back()) == known.end()) {
      throw UsageError(unknown_name("experiment", name, known));
    }
  }
  const auto wanted = [&](const std::string& name) {
    return std::find(names.begin(), names.end(), name) != names.end();
  };
  std::vector<const Experiment*> list;
  for (const Experiment& experiment : experiments()) {
    if (wanted("all") || wanted(experiment.name)) list.push_back(&experiment);
  }
  return list;
}

// "vanishing-gradients.gradients_at_init.csv"
std::string csv_name(const Report& report, const Table& table) { return report.name + "." + table.name + ".csv"; }

// Everything that is exported: a CSV file a table, and the document.
std::vector<std::pair<std::string, std::string>> exports(const Results& results) {
  std::vector<std::pair<std::string, std::string>> files;
  for (const Report& report : results.experiments) {
    for (const Table& table : report.tables) files.emplace_back(csv_name(report, table), to_csv(table));
  }
  files.emplace_back("results.json", to_json(results));
  return files;
}

int run(const RunOptions& options, const Global& global) {
  if (options.jobs < 1) throw UsageError(text("--jobs must be at least 1, got ", options.jobs));
  if (options.seeds && *options.seeds < 1) throw UsageError(text("--seeds must be at least 1, got ", *options.seeds));
  const std::vector<const Experiment*> list = chosen(options.names);
  const ResultsFolder folder(options.results, {{"command", "run"},
                                               {"profile", std::string(choice_word(options.profile))},
                                               {"seed", std::to_string(global.seed)},
                                               {"seeds", options.seeds ? std::to_string(*options.seeds) : "default"}});

  Results results{.profile = options.profile, .seed = global.seed, .seeds = options.seeds.value_or(0)};
  const TerminalOptions terminal = terminal_options();
  const auto start = std::chrono::steady_clock::now();
  try {
    Progress progress(global, 100 * static_cast<std::int64_t>(list.size()), "%");
    for (std::size_t i = 0; i < list.size(); ++i) {
      ExperimentSettings settings{
          .profile = results.profile, .seed = global.seed, .seeds = options.seeds.value_or(0), .jobs = options.jobs};
      settings.on_progress = [&](double share, const std::string& what) {
        progress.update(static_cast<std::int64_t>(100 * (static_cast<double>(i) + share)), list[i]->name + ": " + what);
      };
      settings.stop = [] { return interrupted() != 0; };
      settings.store = folder.store();
      settings.data_roots = data_roots();
      results.experiments.push_back(run_experiment(*list[i], settings));
      progress.clear();
      // Of many experiments the page has the rest.
      const bool brief = list.size() > 1 && folder;
      const Report& report = results.experiments.back();
      if (!global.json) {
        std::cout << (brief ? terminal_headline(report, terminal) : to_terminal(report, terminal)) << '\n'
                  << std::flush;
      }
    }
  } catch (const Interrupted&) {
    spdlog::warn(folder.how_to_go_on());
    return 128 + interrupted();
  }
  results.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  if (folder) folder.write(exports(results));
  std::cout << (global.json ? to_json(results) : terminal_summary(results, terminal)) << std::flush;
  return 0;
}

}  // namespace

Command add_run(CLI::App& program, Global& global) {
  CLI::App* app = program.add_subcommand("run", "Test textbook claims by experiments: numbers, intervals, verdicts");
  auto options = std::make_shared<RunOptions>();
  app->add_option("EXPERIMENT", options->names, "Names of experiments (evengrad list experiments), or all")->required();
  CommandOptions fields(*app, global);
  options->fields(fields);
  return {app, [options, &global] { return run(*options, global); }};
}

}  // namespace evengrad::cli
