#include "program.hpp"

#include <evengrad/core/error.hpp>
#include <evengrad/core/file.hpp>
#include <evengrad/core/names.hpp>
#include <evengrad/core/utf8.hpp>
#include <evengrad/experiments/csv_writer.hpp>
#include <evengrad/experiments/experiment.hpp>
#include <evengrad/experiments/json_writer.hpp>
#include <evengrad/experiments/terminal_writer.hpp>

#include <spdlog/spdlog.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <thread>

namespace evengrad::cli {

namespace {

namespace fs = std::filesystem;

constexpr const char* results_file = "results.json";

struct RunOptions {
  std::vector<std::string> names;
  std::string profile = "quick";
  std::optional<int> seeds;
  int jobs = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
  std::string out;
  bool overwrite = false;
};

// The experiments of these names in the order of the one list.
std::vector<const Experiment*> chosen(const std::vector<std::string>& names) {
  std::vector<std::string> known = {"all"};
  for (const Experiment& experiment : experiments()) known.push_back(experiment.name);
  for (const std::string& name : names) {
    if (std::find(known.begin(), known.end(), name) == known.end()) {
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

// Files in the folder that an earlier run of any experiment wrote.
std::vector<fs::path> earlier_results(const fs::path& folder) {
  std::vector<fs::path> found;
  for (const fs::directory_entry& entry : fs::directory_iterator(folder)) {
    const std::string name = entry.path().filename().string();
    const bool table = std::any_of(experiments().begin(), experiments().end(), [&](const Experiment& experiment) {
      return name.starts_with(experiment.name + ".") && name.ends_with(".csv");
    });
    if (table || name == results_file) found.push_back(entry.path());
  }
  std::sort(found.begin(), found.end());
  return found;
}

// What the results in a folder are of, for the message that asks before they are replaced.
std::string describe_results(const fs::path& folder) {
  try {
    const Json document = Json::parse(read_file(folder / results_file));
    std::string names;
    for (const Json& experiment : document.at("experiments")) {
      names += (names.empty() ? "" : ", ") + experiment.at("name").get<std::string>();
    }
    return text("results of ", names, " (", document.at("profile").get<std::string>(), " profile, seed ",
                document.at("seed").get<std::uint64_t>(), ")");
  } catch (const std::exception&) {
    return "results of an earlier run";  // unreadable or of another version: still the user's
  }
}

// Makes the folder before hours of work go into what it shall hold.
void prepare_folder(const fs::path& folder, bool overwrite) {
  std::error_code error;
  fs::create_directories(folder, error);
  if (error) throw FileError(text("cannot create folder ", in_quotes(folder.string()), ": ", error.message()));
  if (::access(folder.c_str(), W_OK | X_OK) != 0) {
    throw FileError(text("cannot write into folder ", in_quotes(folder.string())));
  }
  if (!overwrite && !earlier_results(folder).empty()) {
    throw FileError(text("folder ", in_quotes(folder.string()), " holds ", describe_results(folder),
                         ": give --overwrite to replace them, or another --out"));
  }
}

void write_results(const fs::path& folder, const Results& results) {
  for (const fs::path& file : earlier_results(folder)) fs::remove(file);
  for (const Report& report : results.experiments) {
    for (const Table& table : report.tables) write_file_atomically(folder / csv_name(report, table), to_csv(table));
  }
  write_file_atomically(folder / results_file, to_json(results));
}

TerminalOptions terminal_options() {
  const char* no_color = std::getenv("NO_COLOR");
  TerminalOptions options;
  options.color = isatty(STDOUT_FILENO) && !(no_color && *no_color);
  winsize window{};
  if (isatty(STDOUT_FILENO) && ioctl(STDOUT_FILENO, TIOCGWINSZ, &window) == 0 && window.ws_col > 0) {
    options.width = std::clamp<std::size_t>(window.ws_col, 60, 120);
  }
  return options;
}

int run(const RunOptions& options, const Global& global) {
  if (options.jobs < 1) throw UsageError(text("--jobs must be at least 1, got ", options.jobs));
  if (options.seeds && *options.seeds < 1) throw UsageError(text("--seeds must be at least 1, got ", *options.seeds));
  const std::vector<const Experiment*> list = chosen(options.names);
  if (!options.out.empty()) prepare_folder(options.out, options.overwrite);

  Results results{.profile = options.profile == "full" ? Profile::full : Profile::quick, .seed = global.seed};
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
      results.experiments.push_back(run_experiment(*list[i], settings));
      progress.clear();
      if (!global.json) std::cout << to_terminal(results.experiments.back(), terminal) << '\n' << std::flush;
    }
  } catch (const Interrupted&) {
    return 128 + interrupted();
  }
  results.seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  if (!options.out.empty()) {
    write_results(options.out, results);
    spdlog::info("wrote {}", (fs::path(options.out) / results_file).string());
  }
  std::cout << (global.json ? to_json(results) : terminal_summary(results, terminal)) << std::flush;
  return 0;
}

}  // namespace

Command add_run(CLI::App& program, Global& global) {
  CLI::App* app =
      program.add_subcommand("run", "Run experiments that test textbook claims: numbers, intervals, verdicts");
  auto options = std::make_shared<RunOptions>();
  app->add_option("EXPERIMENT", options->names, "Names of experiments (evengrad list experiments), or all")->required();
  app->add_option("--profile", options->profile, "quick (minutes) or full (as many seeds and steps as it takes)")
      ->check(CLI::IsMember({"quick", "full"}))
      ->capture_default_str();
  app->add_option("--seeds", options->seeds, "Seeds that a measurement averages over; the profile's number without");
  app->add_option("--jobs", options->jobs, "Trials at once; results do not depend on it")->capture_default_str();
  app->add_option("--out", options->out, "Folder for results.json and a CSV file a table");
  app->add_flag("--overwrite", options->overwrite, "Replace the results that the folder holds");
  return {app, [options, &global] { return run(*options, global); }};
}

}  // namespace evengrad::cli
