#include "options.hpp"
#include "results_folder.hpp"

#include <evengrad/activations/registry.hpp>
#include <evengrad/core/error.hpp>
#include <evengrad/core/names.hpp>
#include <evengrad/core/utf8.hpp>
#include <evengrad/data/registry.hpp>
#include <evengrad/experiments/comparison.hpp>
#include <evengrad/experiments/csv_writer.hpp>
#include <evengrad/experiments/json_writer.hpp>
#include <evengrad/experiments/terminal_writer.hpp>
#include <evengrad/experiments/trained_map.hpp>

#include <spdlog/spdlog.h>

#include <chrono>
#include <iostream>
#include <thread>

namespace evengrad::cli {

namespace {

struct CompareArguments {
  DataOptions data;
  ComparisonOptions options;
  ResultsOptions results;
  std::string activations, inits;
  std::string depths = "3", widths = "64", lrs = "0.001,0.003,0.01";
  std::string map;
  Dtype dtype = Dtype::float32;
  int jobs = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));

  CompareArguments() { options.trainer.steps = 600; }

  template <class F>
  void fields(F& f) {
    f.group("Nets");
    f({.name = "activations",
       .help = "Names and formulas: relu,gelu,\"x*tanh(exp(x))\"",
       .type = "LIST",
       .required = true},
      activations);
    f({.name = "inits",
       .help = "Initializers: xavier,he,matched,critical (required unless --map is given)",
       .type = "LIST",
       .show_default = false},
      inits);
    f({.name = "depths", .help = "Hidden layers", .type = "LIST"}, depths);
    f({.name = "widths", .help = "Units per layer", .type = "LIST"}, widths);
    f({.name = "lrs", .help = "Learning rates; each kind of net takes its best", .type = "LIST"}, lrs);
    f({.name = "seeds", .help = "Nets of each kind whose results are reported; others choose the rate"}, options.seeds);
    f({.name = "map",
       .help = "Every pixel a network: two of sigma_w, sigma_b, depth, lr as NAME=FROM:TO:PIXELS[:log]",
       .type = "X,Y",
       .show_default = false},
      map);
    f({.name = "dtype", .help = "float32, or for a map float64"}, dtype);
    f({.name = "jobs", .help = "Trainings at once; results do not depend on it", .affects_result = false}, jobs);
    data.fields(f);
    options.trainer.fields(f);
    f.group("Results");
    results.fields(f);
  }
};

std::vector<double> numbers(const std::string& option, const std::string& given) {
  std::vector<double> list;
  for (const std::string& part : split_list(given)) list.push_back(parse_number(option, part));
  return list;
}

std::vector<Index> whole_numbers(const std::string& option, const std::string& given) {
  constexpr double most = 10000;
  std::vector<Index> list;
  for (const double x : numbers(option, given)) {
    if (!(x >= 1 && x <= most) || x != std::floor(x)) {
      throw UsageError(text(option, ": expected whole numbers from 1 to ", most, ", got ", significant(x)));
    }
    list.push_back(static_cast<Index>(x));
  }
  return list;
}

// Everything that determines the results, in words.
std::string described(const CLI::App& app, const Global& global) {
  std::string words;
  for (const CLI::Option* option : options_with_effect(app, global)) {
    if (option->count() == 0) continue;
    words += text(words.empty() ? "" : "; ", option->get_name().substr(2), " ", CLI::detail::join(option->results()));
  }
  return words;
}

// The data, and where results go while they come in.
struct Run {
  Run(CompareArguments& a, const Global& global, const std::string& options)
      : folder(a.results, {{"command", "compare"}, {"seed", std::to_string(global.seed)}, {"options", options}}),
        progress(global, 1000, "‰"),
        settings{.seed = global.seed, .seeds = a.options.seeds, .jobs = a.jobs} {
    settings.experiment = "compare";
    settings.options = options;
    settings.store = folder.store();
    settings.stop = [] { return interrupted() != 0; };
    settings.on_progress = [this](double share, const std::string& what) {
      progress.update(static_cast<std::int64_t>(1000 * share), what);
    };
  }
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;

  ResultsFolder folder;
  Progress progress;
  ExperimentSettings settings;
  std::chrono::steady_clock::time_point start = std::chrono::steady_clock::now();

  double seconds() const { return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count(); }
  int stopped() {
    progress.clear();
    spdlog::warn(folder.how_to_go_on());
    return 128 + interrupted();
  }
};

template <Real S>
Split<S> read_data(CompareArguments& a, const Global& global) {
  a.data.seed = global.seed;
  a.data.roots = data_roots();
  Split<S> data = load_data<S>(a.data);
  for (const std::string& note : data.notes) spdlog::info("{}", note);
  if (!data.train.tokens.empty()) {
    throw UsageError(text("compare trains multilayer perceptrons, which cannot take the text ", in_quotes(a.data.name),
                          ": use train --net"));
  }
  return data;
}

// A letter a pixel, the highest value of the second axis on top; every so many where the terminal is narrower.
std::string picture(const TrainedMap& map) {
  const Index columns = map.options.x.count, rows = map.options.y.count;
  const Index across = std::max<Index>(1, (columns + 71) / 72), down = std::max(2 * across, (rows + 23) / 24);
  std::string lines;
  for (Index row = (rows - 1) / down * down; row >= 0; row -= down) {
    for (Index column = 0; column < columns; column += across) {
      const Pixel& p = map.pixels[static_cast<std::size_t>(row * columns + column)];
      lines += p.learned > 0 ? "█" : p.diverged > 0 ? "×" : "·";
    }
    lines += "\n";
  }
  return lines;
}

template <class T>
T only(const char* option, const std::vector<T>& list) {
  if (list.size() != 1) throw UsageError(text("--map: give one of ", option, ", got ", list.size()));
  return list.front();
}

template <Real S>
int make_map(CompareArguments& a, const Global& global, const CLI::App& app) {
  NetworkMapOptions options{.activation = only("--activations", split_list(a.activations)),
                            .init = a.inits.empty() ? "gaussian" : only("--inits", split_list(a.inits)),
                            .depth = only("--depths", whole_numbers("--depths", a.depths)),
                            .width = only("--widths", whole_numbers("--widths", a.widths)),
                            .trainer = a.options.trainer};
  if (app.get_option("--lrs")->count() > 0)
    options.trainer.optimizer.learning_rate = only("--lrs", numbers("--lrs", a.lrs));
  options.trainer.seed = global.seed;
  const std::vector<std::string> axes = split_list(a.map);
  if (axes.size() != 2) throw UsageError(text("--map: expected two axes, NAME=FROM:TO:PIXELS,NAME=…, got ", a.map));
  options.x = parse_map_axis(axes[0]);
  options.y = parse_map_axis(axes[1]);
  const NetworkMap<S> map(options, read_data<S>(a, global).train);
  Run run(a, global, described(app, global));
  TrainedMap trained;
  try {
    trained = train_map(map, a.data, run.settings);
  } catch (const Interrupted&) {
    return run.stopped();
  }
  run.progress.clear();
  const std::string document = to_json(trained, rerun_command(app, global), global.seed, run.seconds());
  if (run.folder) run.folder.write({{"compare.pixels.csv", to_csv(pixel_table(trained))}, {"results.json", document}});
  if (global.json) {
    std::cout << document << std::flush;
    return 0;
  }
  std::cout << picture(trained) << options.x.text() << " to the right, " << options.y.text()
            << " upwards: █ learned, × diverged, · neither\n";
  if (const auto fastest = fastest_pixel(trained)) {
    std::cout << "the fastest alone  " << trained.commands[*fastest] << "\n";
  }
  std::cout << "seed " << global.seed << ", " << significant(run.seconds(), 3) << " s\n"
            << trained.conclusion << std::endl;
  return 0;
}

int compare(CompareArguments& a, const Global& global, const CLI::App& app) {
  if (a.jobs < 1) throw UsageError(text("--jobs must be at least 1, got ", a.jobs));
  const bool wide = a.dtype == Dtype::float64;
  if (app.count("--epochs") > 0) a.options.trainer.steps.reset();
  if (!a.map.empty()) return wide ? make_map<double>(a, global, app) : make_map<float>(a, global, app);
  if (wide) throw UsageError("--dtype float64 needs --map");
  if (a.inits.empty()) throw UsageError("--inits is required without --map");
  ComparisonOptions& options = a.options;
  options.activations = split_list(a.activations);
  options.initializers = split_list(a.inits);
  options.depths = whole_numbers("--depths", a.depths);
  options.widths = whole_numbers("--widths", a.widths);
  options.rates = numbers("--lrs", a.lrs);
  // Names are checked before the data are read.
  for (const std::string& name : options.activations) activation(name);
  for (const std::string& name : options.initializers) initializer(name);
  Optimizer<float> checked(options.trainer.optimizer);
  const Split<float> data = read_data<float>(a, global);
  Run run(a, global, described(app, global));
  Comparison comparison;
  try {
    comparison = compare(options, data, run.settings);
  } catch (const Interrupted&) {
    return run.stopped();
  }
  run.progress.clear();
  const std::string document = to_json(comparison, rerun_command(app, global), global.seed, run.seconds());
  const Report report = comparison_report(comparison);
  if (run.folder) {
    std::vector<std::pair<std::string, std::string>> files;
    for (const Table& table : report.tables) files.emplace_back("compare." + table.name + ".csv", to_csv(table));
    files.emplace_back("results.json", document);
    run.folder.write(files);
  }
  if (global.json) {
    std::cout << document << std::flush;
  } else {
    std::cout << to_terminal(report, terminal_options()) << "\nseed " << global.seed << ", "
              << significant(run.seconds(), 3) << " s\n"
              << comparison.conclusion << std::endl;
  }
  return any_trained(comparison) ? 0 : 1;
}

}  // namespace

Command add_compare(CLI::App& program, Global& global) {
  CLI::App* app =
      program.add_subcommand("compare", "Train every activation with every initializer, and say which to use");
  auto a = std::make_shared<CompareArguments>();
  CommandOptions options(*app, global);
  a->fields(options);
  app->remove_option(app->get_option("--lr"));  // --lrs is the list to choose from
  return {app, [a, app, &global] { return compare(*a, global, *app); }};
}

}  // namespace evengrad::cli
