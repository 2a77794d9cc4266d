#include "load.hpp"
#include "options.hpp"
#include "program.hpp"
#include "train_files.hpp"
#include "train_health.hpp"
#include "train_store.hpp"

#include <evengrad/activations/registry.hpp>
#include <evengrad/core/error.hpp>
#include <evengrad/core/utf8.hpp>
#include <evengrad/experiments/html_writer.hpp>
#include <evengrad/experiments/statistics.hpp>
#include <evengrad/experiments/training_report.hpp>
#include <evengrad/init/recommend.hpp>
#include <evengrad/layers/mlp.hpp>
#include <evengrad/layers/registry.hpp>
#include <evengrad/training/digest.hpp>
#include <evengrad/training/evaluation.hpp>
#include <evengrad/training/model_file.hpp>
#include <evengrad/training/setup.hpp>
#include <evengrad/training/silent_units.hpp>
#include <evengrad/training/trainer.hpp>

#include <spdlog/spdlog.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <iostream>
#include <map>
#include <thread>

namespace evengrad::cli {

namespace {

struct TrainArguments : TrainingSetup {
  Dtype dtype = Dtype::float32;
  bool dry_run = false;
  std::string save_init, save, load, rename;
  std::optional<SavedModel<double>> loaded;  // what --load names, if its file says what it is
  TrainFileOptions files;
  HealthArguments health;
  std::string out;
  bool reinit_dead = false;
  std::string report;
  std::int64_t early_stopping = 0;

  template <class F>
  void fields(F& f) {
    TrainingSetup::fields(f);
    f({.name = "dtype", .help = "float32 or float64"}, dtype);
    f({.name = "early-stopping",
       .help = "End after so many epochs without a better loss on a tenth of the training rows, with the best weights",
       .show_default = false},
      early_stopping);
    f({.name = "folds",
       .help = "Cross-validate: train as many nets, each tested on another part of the rows, and report the mean",
       .show_default = false},
      data.folds);
    f({.name = "reinit-dead", .help = "Reinitialize silent units after each epoch"}, reinit_dead);
    f({.name = "threads", .help = "Number of threads; results do not depend on it", .affects_result = false},
      trainer.threads);
    f({.name = "dry-run",
       .help = "Print the model, what it needs and what theory expects of it, and stop",
       .affects_result = false},
      dry_run);
    f.group("Models");
    f({.name = "save", .help = "Save the trained model (safetensors)", .type = "PATH", .affects_result = false}, save);
    f({.name = "save-init", .help = "Save the model before training", .type = "PATH", .affects_result = false},
      save_init);
    f({.name = "load",
       .help = "Start from a saved model: its net, its features and their normalization",
       .type = "PATH"},
      load);
    f({.name = "rename",
       .help = "Other names for the tensors of --load: fc1=layers.0,out=layers.4",
       .type = "LIST",
       .show_default = false},
      rename);
    f.group("Diagnostics");
    f({.name = "log", .help = "JSON lines: one per step and one per epoch", .type = "PATH", .affects_result = false},
      files.log);
    f({.name = "report",
       .help = "One HTML page: loss, layers over time, findings",
       .type = "PATH",
       .affects_result = false},
      report);
    health.fields(f);
    f({.name = "out",
       .help = "Folder for a results store of all that (docs/results.md)",
       .type = "PATH",
       .affects_result = false},
      out);
    f.group("Checkpoints");
    files.fields(f);
  }
};

std::string percent(const std::optional<double>& accuracy) {
  if (!accuracy) return "-";
  char text[16];
  std::snprintf(text, sizeof text, "%.2f %%", 100 * *accuracy);
  return text;
}

Json or_null(const std::optional<double>& value) { return value ? Json(*value) : Json(nullptr); }

// The command that goes on with a run.
std::string resume_command(const std::vector<std::string>& command) {
  std::string line;
  for (const std::string& word : command) {
    if (word != "--overwrite" && word != "--resume") line += shell_quoted(word) + " ";
  }
  return line + "--resume";
}

// "loss 0.2415, accuracy 91.02 %"
std::string metrics_text(const Metrics& metrics) {
  return "loss " + significant(metrics.loss) + (metrics.accuracy ? ", accuracy " + percent(metrics.accuracy) : "");
}

// What a model gets right, beside its loss.
template <Real S>
Json to_json(const Evaluation& found, const Dataset<S>& data) {
  if (data.task == Task::regression) {
    return {{"r2", or_null(found.r2)}, {"mae", or_null(found.mae)}, {"rmse", or_null(found.rmse)}};
  }
  Json document{{"classes", data.class_names}, {"class_accuracy", Json::array()}, {"confusion", Json::array()}};
  for (Index c = 0; c < found.confusion.rows(); ++c) {
    const auto row = found.confusion.row(c);
    document["class_accuracy"].push_back(or_null(found.class_accuracy(c)));
    document["confusion"].push_back(std::vector<Index>(row.begin(), row.end()));
  }
  return document;
}

// What the page of --report says of how the run was asked for.
struct Asked {
  std::string command;
  ResultOptions options;
};

template <Real S>
struct TrainRun {
  const TrainArguments& arguments;
  const Global& global;
  const Asked& asked;
  TrainFiles& files;
  TrainStore& store;
  TrainHealth health;
  Split<S> data;
  Dataset<S> validation;  // of early stopping
  Sequential<S> model;

  TrainRun(const TrainArguments& given, const Global& options, const Asked& how, TrainFiles& run_files,
           TrainStore& run_store)
      : arguments(given),
        global(options),
        asked(how),
        files(run_files),
        store(run_store),
        health(given.health, options),
        data(load(given)),
        validation(hold_out()),
        model(make_model()) {}

  static Split<S> load(const TrainArguments& arguments) {
    Split<S> split = load_data<S>(arguments.data);
    for (const std::string& note : split.notes) spdlog::info("{}", note);
    shape_samples(split, arguments);
    return split;
  }

  // Takes the rows from the training set that early stopping looks at: the test set must not choose the weights.
  Dataset<S> hold_out() {
    if (arguments.early_stopping == 0) return {};
    constexpr double share = 0.1;
    Split<S> parts = split_rows(data.train, share, Rng(global.seed).split("early stopping"));
    if (parts.test.size() == 0) {
      throw UsageError(text("--early-stopping: a tenth of ", data.train.size(), " training rows is none to look at"));
    }
    data.train = std::move(parts.train);
    return std::move(parts.test);
  }

  Sequential<S> make_model() {
    if (arguments.loaded) check_fit(*arguments.loaded, arguments.load, data.train, arguments.trainer.loss);
    Sequential<S> net = make_net<S>(arguments, data.train);
    if (files.resumes() && arguments.save_init.empty()) return net;  // its weights are in the checkpoint
    initialize(net, arguments, data.train);
    if (arguments.loaded) {
      Sequential<double> from = arguments.loaded->model;
      copy_parameters<S>(from, net);
    } else if (!arguments.load.empty()) {
      load_parameters<S>(arguments.load, net, arguments.rename);
    }
    return net;
  }

  void say(const std::string& line) const {
    if (!global.json && !global.quiet) std::cout << line << '\n' << std::flush;
  }

  void describe() {
    const Dataset<S>& train = data.train;
    say(text("data   ", train.name, ": ", grouped(train.size()), " training and ", grouped(data.test.size()),
             " test samples, ", grouped(train.features()), " features, ",
             train.task == Task::classification ? text(train.classes, " classes")
                                                : text(train.targets.cols(), " target(s)")));
    say(text("model  ", widths<S>(model), ", ", arguments.activation, ", ",
             arguments.load.empty() ? text("init ", arguments.init) : text("from ", arguments.load), ", ",
             grouped(parameter_count<S>(model)), " parameters, ", choice_word(arguments.dtype)));
    const OptimizerOptions& optimizer = arguments.trainer.optimizer;
    say(text("train  ", optimizer.name, ", lr ", Optimizer<S>(optimizer).learning_rate(), ", batch ",
             arguments.trainer.batch_size, ", seed ", global.seed, ", ", arguments.trainer.threads,
             arguments.trainer.threads == 1 ? " thread" : " threads"));
  }

  void advise() {
    const auto net = theory_net<S>(arguments, model);
    if (net && parse_call(arguments.init).name == "auto") {
      const NetKind kind{
          .depth = net->depth, .residual = net->residual, .normalized = net->batch_norm || net->layer_norm};
      const Recommendation chosen = recommend(net->activation, kind);
      say(text("init   auto is ", chosen.init, ": ", chosen.reason));
    }
    // A wrong pairing is said before it costs an hour, with the number that theory predicts.
    TrainingRecord beforehand;
    if (arguments.load.empty()) beforehand.facts.theory = net;
    for (const Finding& finding : health.judge(beforehand)) spdlog::warn("{}", finding.message);
  }

  // What the model would be, layer by layer, without training it.
  int dry_run() {
    describe();
    advise();
    Json document = document_header();
    document["layers"] = Json::array();
    say("\nlayer        outputs  parameters");
    Index activations = data.train.features();
    for (const LayerSummary& layer : model.summary(data.train.shape(1))) {
      char line[200];
      std::snprintf(line, sizeof line, "%-10s  %8s  %10s  %s", layer.name.c_str(), grouped(layer.outputs.cols).c_str(),
                    grouped(layer.parameters).c_str(), layer.layer.c_str());
      say(line);
      document["layers"].push_back({{"name", layer.name},
                                    {"layer", layer.layer},
                                    {"outputs", layer.outputs.cols},
                                    {"parameters", layer.parameters}});
      activations += 2 * layer.outputs.size();
    }
    const Index parameters = parameter_count<S>(model);
    const auto bytes_of = [](Index numbers) { return static_cast<double>(sizeof(S)) * static_cast<double>(numbers); };
    const double arena = bytes_of(parameters + 2 * activations * arguments.trainer.batch_size);
    const double bytes = arena + bytes_of(3 * parameters);  // weights and at most two states of the optimizer
    Trainer<S> trainer(model, data.train, data.test, arguments.trainer);
    say(text("\n", grouped(parameters), " parameters, about ", significant(bytes / 1e6, 3), " MB while training, ",
             grouped(trainer.total_steps()), " steps"));
    if (const auto net = theory_net<S>(arguments, model)) {
      const NetTheory theory = predict(*net);
      const double ratio = theory.gradient_ratio.value;
      say(text("theory: mean square pre-activation ", significant(theory.layers.front().q.value, 3), " in layer 1, ",
               significant(theory.layers.back().q.value, 3), " in layer ", net->depth,
               "; the gradient reaches layer 1 at ", significant(ratio, 3), " of its size"));
      document["theory"] = {{"gradient_ratio", ratio},
                            {"q_first", theory.layers.front().q.value},
                            {"q_last", theory.layers.back().q.value}};
    }
    document["parameters"] = parameters;
    document["training_bytes"] = bytes;
    document["arena_bytes"] = arena;
    document["steps"] = trainer.total_steps();
    document["seed"] = global.seed;
    if (global.json) print_json(document);
    return 0;
  }

  // A report's charts over time want some points.
  std::int64_t looks_every(std::int64_t steps) const {
    constexpr std::int64_t looks = 40;
    if (arguments.health.every || arguments.report.empty()) return arguments.health.every.value_or(0);
    return std::max<std::int64_t>(1, steps / looks);
  }

  int run() {
    if (arguments.dry_run) return dry_run();
    describe();
    advise();
    if (!arguments.save_init.empty()) save_model(arguments.save_init, model, model_data(data), data.train.shape(1));
    Trainer<S> trainer(model, data.train, data.test, arguments.trainer);
    if (validation.size() > 0) trainer.stop_early(validation, arguments.early_stopping);
    files.begin(trainer, data);
    Probe<S> probe(trainer, model, data.train,
                   {.every = looks_every(trainer.total_steps()),
                    .theory = arguments.load.empty() ? theory_net<S>(arguments, model) : std::optional<NetOptions>{}});
    if (const std::vector<double> seen = files.take_probe(); !seen.empty()) restore(probe, seen);
    health.begin(trainer.steps(), files.resumes());
    store.begin(probe.record());
    const std::int64_t begin = trainer.steps(), total = trainer.total_steps();
    if (files.resumes()) say(text("resume from step ", grouped(begin), " of ", grouped(total)));
    Progress progress(global, total - begin, "steps");
    probe.on_rows = [&](std::span<const LayerRow> rows) {
      progress.clear();
      health.show(rows);
      store.add_rows(probe.record(), rows.size());
    };
    std::optional<double> smooth_loss;
    trainer.stop = [] { return interrupted() != 0; };
    trainer.on_step = [&](const StepReport& step) {
      smooth_loss = smooth_loss ? 0.98 * *smooth_loss + 0.02 * step.loss : step.loss;
      if (files.logs()) {
        files.write({{"step", step.step}, {"epoch", step.epoch}, {"loss", step.loss}, {"lr", step.learning_rate}});
      }
      if (step.step % 16 == 0 || step.step == total) {
        progress.update(step.step - begin, text("epoch ", step.epoch, "  loss ", significant(*smooth_loss)));
      }
      if (files.saves_after(step.step)) files.save(trainer.state(), probe.state());
    };
    bool headed = false;
    trainer.on_epoch = [&](const EpochReport& epoch) {
      if (files.logs()) {
        Json row{{"epoch", epoch.epoch},
                 {"train_loss", epoch.train.loss},
                 {"train_accuracy", or_null(epoch.train.accuracy)}};
        row["test_loss"] = epoch.test ? Json(epoch.test->loss) : Json(nullptr);
        row["test_accuracy"] = epoch.test ? or_null(epoch.test->accuracy) : Json(nullptr);
        files.write(row);
        files.flush();
      }
      store.add_epoch(probe.record());
      progress.clear();
      if (!headed) say("\nepoch  train loss  train acc  test loss   test acc    seconds");
      headed = true;
      if (!told(epoch.epoch, (total - 1) / std::max<std::int64_t>(1, steps_an_epoch()) + 1))
        return after_epoch(trainer, probe, epoch);
      char line[120];
      std::snprintf(line, sizeof line, "%5lld  %10s  %9s  %9s  %9s  %9.2f", static_cast<long long>(epoch.epoch),
                    significant(epoch.train.loss).c_str(), percent(epoch.train.accuracy).c_str(),
                    epoch.test ? significant(epoch.test->loss).c_str() : "-",
                    epoch.test ? percent(epoch.test->accuracy).c_str() : "-", epoch.seconds);
      say(line);
      return after_epoch(trainer, probe, epoch);
    };
    TrainResult result;
    try {
      result = trainer.run();
    } catch (const NonFiniteStep& error) {
      progress.clear();
      files.close();
      health.close();
      probe.broke(error);
      report(nullptr, trainer, probe.record());
      throw NonFiniteError(text(error.what(), " (", files.kept(), " is kept)"));
    }
    progress.clear();
    health.close();
    if (result.stopped) return stop(trainer, probe);
    files.close();
    if (!arguments.save.empty()) save_model(arguments.save, model, model_data(data), data.train.shape(1));
    report(&result, trainer, probe.record());
    return 0;
  }

  void restore(Probe<S>& probe, const std::vector<double>& seen) const {
    try {
      probe.restore(seen);
    } catch (const Error& error) {
      throw FileError(
          text("cannot go on from the checkpoint in ", in_quotes(arguments.files.checkpoint), ": ", error.what()));
    }
  }

  void renew_silent_units(Trainer<S>& trainer, std::int64_t epoch) {
    constexpr Index most = 512;  // inputs
    const Matrix<S> inputs = draw_inputs(data.train, most, global.seed);
    const Rng rng = Rng(global.seed).split("reinit-dead").split(static_cast<std::uint64_t>(epoch));
    const Index renewed =
        reinitialize_silent_units<S>(model, inputs, initializer(arguments.init), rng, &trainer.optimizer());
    if (renewed > 0) say(text("       ", renewed, " silent units drawn anew"));
  }

  // Of many epochs a line every so many, the first and the last.
  static bool told(std::int64_t epoch, std::int64_t epochs) {
    constexpr std::int64_t lines = 20;
    return epoch == 1 || epoch == epochs || epoch % ((epochs - 1) / lines + 1) == 0;
  }
  std::int64_t steps_an_epoch() const { return (data.train.size() - 1) / arguments.trainer.batch_size + 1; }

  bool after_epoch(Trainer<S>& trainer, Probe<S>& probe, const EpochReport& epoch) {
    health.leave_table();
    if (arguments.reinit_dead) renew_silent_units(trainer, epoch.epoch);
    if (files.saves()) files.save(trainer.state(), probe.state());
    return true;
  }

  // Ctrl-C: what is done is saved, and the last line says how to go on.
  int stop(Trainer<S>& trainer, Probe<S>& probe) {
    if (files.saves()) files.save(trainer.state(), probe.state());
    files.close();
    std::cerr << "evengrad: interrupted at step " << grouped(trainer.steps()) << " of "
              << grouped(trainer.total_steps());
    if (files.saves()) {
      std::cerr << "; go on with: " << resume_command(global.command) << '\n';
    } else {
      std::cerr << "; nothing was saved: with --checkpoint DIR the run could go on from here\n";
    }
    return 128 + interrupted();
  }

  // `result` is null where a NaN or an infinity ended the run.
  void report(const TrainResult* result, const Trainer<S>& trainer, const TrainingRecord& record) {
    const std::int64_t steps = trainer.steps();
    store.set_findings(health.judge(record));
    if (!arguments.report.empty()) write_page(result, steps, record);
    if (!global.json) {
      say("");
      if (result) {
        std::cout << "final  train " << metrics_text(result->train);
        if (result->test) std::cout << "; test " << metrics_text(*result->test);
        if (result->test && !data.train.tokens.empty()) {
          std::cout << ", perplexity " << significant(std::exp(result->test->loss)) << ", "
                    << significant(result->test->loss / std::log(2.0)) << " bits per character";
        }
        std::cout << "  (" << grouped(steps) << " steps, " << significant(result->seconds, 3) << " s)\n";
        if (validation.size() > 0) say(text("best   the weights of epoch ", trainer.best_epoch()));
        if (const std::string line = judged_text(); !line.empty()) say(line);
        say(text("digest of the weights  ", weights_digest<S>(model).hex()));
        if (!arguments.save.empty()) say(text("saved  ", arguments.save));
      }
      for (const std::string& line : health.summary(record)) say(line);
      return;
    }
    Json document = outcome(result, steps, record);
    document["arena_bytes"] = trainer.arena_bytes();
    if (result && validation.size() > 0) document["best_epoch"] = trainer.best_epoch();
    if (result && data.test.size() > 0) document["test"] = to_json(judge_answers<S>(model, data.test), data.test);
    print_json(document);
  }

  // What the loss does not say of the test set.
  std::string judged_text() {
    if (data.test.size() == 0) return "";
    const Evaluation found = judge_answers<S>(model, data.test);
    if (data.test.task == Task::regression) {
      return text("test   R² ", found.r2 ? significant(*found.r2) : "undefined", ", mean absolute error ",
                  significant(*found.mae));
    }
    constexpr Index most = 10;
    if (data.test.classes > most) return "";
    std::string line = "test   accuracy by class:";
    for (Index c = 0; c < data.test.classes; ++c) {
      const auto k = static_cast<std::size_t>(c);
      const std::string name = data.test.class_names.empty() ? std::to_string(c) : data.test.class_names[k];
      line += text(c > 0 ? ", " : " ", on_one_line(name, 40), " ", percent(found.class_accuracy(c)));
    }
    return line;
  }

  // One fold of a cross-validation, without a word: its loss and accuracy on the test rows, or nothing if interrupted.
  std::optional<Metrics> run_fold() {
    Trainer<S> trainer(model, data.train, data.test, arguments.trainer);
    if (validation.size() > 0) trainer.stop_early(validation, arguments.early_stopping);
    trainer.stop = [] { return interrupted() != 0; };
    const TrainResult result = trainer.run();
    return result.stopped ? std::nullopt : result.test;
  }

  Json outcome(const TrainResult* result, std::int64_t steps, const TrainingRecord& record) {
    Json document = document_header();
    document["data"] = data.train.name;
    document["model"] = widths<S>(model);
    document["activation"] = arguments.activation;
    document["init"] = arguments.init;
    document["optimizer"] = arguments.trainer.optimizer.name;
    document["parameters"] = parameter_count<S>(model);
    document["seed"] = global.seed;
    document["steps"] = steps;
    document["epochs"] = result ? Json(result->epochs) : Json(nullptr);
    document["seconds"] = result ? Json(result->seconds) : Json(nullptr);
    document["final"] = nullptr;
    if (result) {
      document["final"] = {{"train_loss", result->train.loss},
                           {"train_accuracy", or_null(result->train.accuracy)},
                           {"test_loss", result->test ? Json(result->test->loss) : Json(nullptr)},
                           {"test_accuracy", result->test ? or_null(result->test->accuracy) : Json(nullptr)}};
      if (result->test && !data.train.tokens.empty()) {
        document["final"]["test_perplexity"] = std::exp(result->test->loss);
        document["final"]["test_bits_per_character"] = result->test->loss / std::log(2.0);
      }
      document["weights_digest"] = weights_digest<S>(model).hex();
    }
    document["findings"] = health.json(record);
    return document;
  }

  void write_page(const TrainResult* result, std::int64_t steps, const TrainingRecord& record) {
    Json document = outcome(result, steps, record);
    document["kind"] = "train";
    document["command"] = asked.command;
    document["options"] = Json::object();
    for (const auto& [name, value] : asked.options) {
      if (!value.empty()) document["options"][name] = value;
    }
    const bool classes = data.train.task == Task::classification;
    document["classes"] = classes ? Json(data.train.classes) : Json(nullptr);
    document["class_names"] = data.train.class_names;
    document.update(Json::parse(
        training_details(record, result ? decision_boundary<S>(model, data) : std::optional<DecisionBoundary>())));
    write_file_atomically(arguments.report, to_html(document.dump(-1, ' ', false, Json::error_handler_t::replace)));
    spdlog::info("wrote {}", arguments.report);
  }
};

// Every option that changes the result. The data are compared by their samples.
ResultOptions result_options(const CLI::App& app, const Global& global) {
  ResultOptions options{{"--seed", std::to_string(global.seed)}};
  for (const CLI::Option* option : options_with_effect(app, global)) {
    const std::string name = option->get_name();
    if (name == "--data") continue;
    options[name] = option->count() > 0 ? CLI::detail::join(option->results()) : option->get_default_str();
  }
  return options;
}

// Equal accuracies of all folds are not certainty: the interval holds Wilson's (1927) of that many rows.
Measurement with_sampling_error(const Measurement& found, Index tested) {
  constexpr double z = 1.96;
  const auto n = static_cast<double>(tested);
  const double p = found.value, centre = (p + z * z / (2 * n)) / (1 + z * z / n),
               half = z / (1 + z * z / n) * std::sqrt(p * (1 - p) / n + z * z / (4 * n * n));
  return {p, std::max(0.0, std::min(found.low.value_or(p), centre - half)),
          std::min(1.0, std::max(found.high.value_or(p), centre + half))};
}

Json interval_json(const Measurement& found) {
  return {{"mean", found.value}, {"low", or_null(found.low)}, {"high", or_null(found.high)}};
}

// Trains and tests on each part of the rows in turn.
template <Real S>
int cross_validate(TrainArguments& arguments, const Global& global, const Asked& asked, TrainFiles& files,
                   TrainStore& store) {
  Json document = document_header();
  document["data"] = arguments.data.name;
  document["seed"] = global.seed;
  document["folds"] = Json::array();
  std::vector<double> losses, accuracies, r2s;
  Index tested = 0;
  Progress progress(global, arguments.data.folds, "folds");
  for (arguments.data.fold = 0; arguments.data.fold < arguments.data.folds; ++arguments.data.fold) {
    TrainRun<S> run(arguments, global, asked, files, store);
    if (arguments.data.fold == 0) run.describe();
    const std::optional<Metrics> test = run.run_fold();
    if (!test) return 128 + interrupted();
    tested += run.data.test.size();
    losses.push_back(test->loss);
    if (test->accuracy) accuracies.push_back(*test->accuracy);
    const Evaluation found = judge_answers<S>(run.model, run.data.test);
    if (found.r2) r2s.push_back(*found.r2);
    document["folds"].push_back({{"test_loss", test->loss}, {"test_accuracy", or_null(test->accuracy)}});
    document["folds"].back()["test"] = to_json(found, run.data.test);
    progress.update(arguments.data.fold + 1);
  }
  progress.clear();
  std::string line = text("folds  ", arguments.data.folds, ": test ");
  const auto add = [&](const char* key, const char* name, const std::vector<double>& samples, auto shown) {
    if (samples.size() != losses.size()) return;
    Measurement found = mean_interval(samples);
    if (&samples == &accuracies) found = with_sampling_error(found, tested);
    document[key] = interval_json(found);
    line += text(line.ends_with("test ") ? "" : ", ", name, " ", shown(found.value), " [",
                 shown(found.low.value_or(found.value)), ", ", shown(found.high.value_or(found.value)), "]");
  };
  const auto number = [](double value) { return significant(value); };
  add("test_loss", "loss", losses, number);
  add("test_accuracy", "accuracy", accuracies, [](double value) { return percent(std::clamp(value, 0.0, 1.0)); });
  add("r2", "R²", r2s, number);
  if (global.json) {
    print_json(document);
  } else {
    std::cout << line << " (mean and 95 % interval over the folds)\n";
  }
  return 0;
}

// Before hours of training: that what comes of it can be written, each to a file of its own.
void check_outputs(const TrainArguments& arguments) {
  namespace fs = std::filesystem;
  const std::pair<std::string_view, fs::path> files[] = {{"--save-init", arguments.save_init},
                                                         {"--save", arguments.save},
                                                         {"--report", arguments.report},
                                                         {"--log", arguments.files.log},
                                                         {"--probe-log", arguments.health.log}};
  std::map<fs::path, std::string_view> options;
  for (const auto& [option, file] : files) {
    std::error_code ignored;
    if (file.empty() || fs::is_other(file, ignored)) continue;  // a device may take several outputs
    const fs::path real = fs::weakly_canonical(fs::absolute(file), ignored);
    const auto [other, is_new] = options.try_emplace(ignored ? file : real, option);
    if (!is_new) throw UsageError(text(other->second, " and ", option, " are one file, ", in_quotes(file.string())));
    if (!option.ends_with("log")) AtomicFile{file};  // logs are opened before the first step anyway
  }
  if (!arguments.report.empty()) require_page();
}

int train(TrainArguments& arguments, const Global& global, const CLI::App& app) {
  if (arguments.trainer.batch_size < 1) {
    throw UsageError(text("--batch-size must be at least 1, got ", arguments.trainer.batch_size));
  }
  arguments.data.seed = global.seed;
  arguments.data.roots = data_roots();
  arguments.trainer.seed = global.seed;
  if (!arguments.load.empty()) arguments.loaded = load_into(arguments, app, arguments.load);
  if (arguments.data.name.ends_with(".txt") && !arguments.data.items) {  // a table, but not for these nets
    const Takes kind = takes<float>(arguments.net);
    if (kind == Takes::tokens || kind == Takes::sequence) arguments.data.items = Items::text;
  }
  // Names are checked before the data are read: a typing error should not cost a minute.
  if (arguments.net.empty()) make_net<float>(arguments, {1, 1}, 1);
  initializer(arguments.init);
  Optimizer<float> checked(arguments.trainer.optimizer);
  const TrainHealth checked_health(arguments.health, global);
  if (arguments.reinit_dead && arguments.residual) {
    throw UsageError("--reinit-dead: in a residual net a unit's outgoing weights serve others too");
  }
  if (arguments.data.folds < 0 || arguments.data.folds == 1) {
    throw UsageError(text("--folds: expected 2 or more, got ", arguments.data.folds));
  }
  if (arguments.early_stopping < 0) throw UsageError("--early-stopping: the epochs to wait are at least 1");
  check_outputs(arguments);
  const Asked asked{rerun_command(app, global), result_options(app, global)};
  TrainFiles files(arguments.dry_run ? TrainFileOptions{} : arguments.files, asked.options);
  ResultOptions stored = asked.options;
  stored.erase("--epochs");  // which a resumed run may raise
  TrainStore store({arguments.dry_run ? "" : arguments.out, arguments.files.resume, arguments.files.overwrite},
                   {{"command", "train"}, {"data", arguments.data.name}, {"seed", std::to_string(global.seed)}},
                   Json(stored).dump(-1, ' ', false, Json::error_handler_t::replace));
  if (arguments.data.folds != 0) {
    for (const char* option :
         {"--save", "--save-init", "--log", "--report", "--probe-log", "--checkpoint", "--out", "--dry-run"}) {
      if (app.count(option) > 0) throw UsageError(text("--folds trains several nets: ", option, " is for one"));
    }
    return arguments.dtype == Dtype::float64 ? cross_validate<double>(arguments, global, asked, files, store)
                                             : cross_validate<float>(arguments, global, asked, files, store);
  }
  if (arguments.dtype == Dtype::float64) return TrainRun<double>(arguments, global, asked, files, store).run();
  return TrainRun<float>(arguments, global, asked, files, store).run();
}

}  // namespace

Command add_train(CLI::App& program, Global& global) {
  CLI::App* app = program.add_subcommand("train", "Train a network and report its loss and accuracy");
  auto a = std::make_shared<TrainArguments>();
  a->trainer.threads = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));
  CommandOptions options(*app, global);
  a->fields(options);
  return {app, [a, app, &global] { return train(*a, global, *app); }};
}

}  // namespace evengrad::cli
