#include "load.hpp"
#include "options.hpp"
#include "program.hpp"

#include <evengrad/core/error.hpp>
#include <evengrad/core/names.hpp>
#include <evengrad/core/utf8.hpp>
#include <evengrad/training/evaluation.hpp>
#include <evengrad/training/setup.hpp>

#include <spdlog/spdlog.h>

#include <algorithm>
#include <cmath>
#include <iostream>
#include <thread>

namespace evengrad::cli {

namespace {

struct EvaluateArguments {
  std::string model;
  DataOptions data;
  std::string loss;
  int threads = static_cast<int>(std::max(1u, std::thread::hardware_concurrency()));

  template <class F>
  void fields(F& f) {
    data.fields(f);
    f.group("Evaluation");
    f({.name = "loss", .help = "cross_entropy, bce, mse or huber [by the task]", .show_default = false}, loss);
    f({.name = "threads", .help = "Number of threads; results do not depend on it", .affects_result = false}, threads);
  }
};

std::string percent(double share) { return text(significant(100 * share), " %"); }

void print_classes(const Evaluation& found, const std::vector<std::string>& names) {
  constexpr Index most = 30;
  const Evaluation::Counts& counts = found.confusion;
  if (counts.rows() > most) return;
  std::cout << "\nclass                 rows   correct\n";
  for (Index c = 0; c < counts.rows(); ++c) {
    const Index rows = counts.row(c).sum();
    char line[120];
    std::snprintf(line, sizeof line, "%-16.40s %9s  %8s\n", on_one_line(names[static_cast<std::size_t>(c)], 40).c_str(),
                  grouped(rows).c_str(),
                  rows > 0 ? percent(static_cast<double>(counts(c, c)) / static_cast<double>(rows)).c_str() : "-");
    std::cout << line;
  }
}

int evaluate(EvaluateArguments& arguments, const Global& global) {
  if (arguments.threads < 1) throw UsageError(text("--threads must be at least 1, got ", arguments.threads));
  SavedModel<double> saved = load_model<double>(arguments.model);
  DataOptions& options = arguments.data;
  options.seed = global.seed;
  options.roots = data_roots();
  options.trained_on = saved.data;
  if (!saved.data.tokens.empty()) {
    options.context = saved.inputs.rows;
    if (options.name.ends_with(".txt") && !options.items) options.items = saved.data.lines ? Items::lines : Items::text;
  }
  if (options.table.task && *options.table.task != saved.data.task) {
    throw UsageError(text("--task ", choice_word(*options.table.task), " contradicts the model in ",
                          in_quotes(arguments.model), ", which was trained for ", choice_word(saved.data.task)));
  }
  const DatasetInfo* set = find_dataset(options.name);
  const bool of_text = options.items || (set && std::holds_alternative<TextSet>(set->source));
  const bool images = options.name.starts_with("idx:") || (set && std::holds_alternative<ImageSet>(set->source));
  const bool held_out = options.test_fraction.has_value();
  if (of_text) {
    // Its test part, which training did not see.
  } else if (images && !held_out) {
    options.samples = 1;  // of the training images, which are not looked at
  } else if (!held_out) {
    options.test_fraction = 0;
  }
  Split<double> split = load_data<double>(options);
  for (const std::string& note : split.notes) spdlog::info("{}", note);
  shape_samples(split, saved.inputs, saved.data.order);
  const Dataset<double>& data = images || of_text || held_out ? split.test : split.train;
  if (data.size() == 0) throw UsageError("--test-fraction: no row is held out");

  TrainerOptions how{.loss = loss_of(saved, arguments.loss), .threads = arguments.threads};
  check_fit(saved, arguments.model, data, how.loss);
  const Dataset<double> none;
  Trainer<double> trainer(saved.model, data, none, how);
  const double loss = trainer.evaluate(data).loss;
  const Evaluation found = judge_answers<double>(saved.model, data);

  const std::string part = images || of_text ? "the test set" : held_out ? "the rows held out" : "all rows";
  Json document = document_header();
  document["model"] = widths<double>(saved.model);
  document["trained_on"] = saved.data.name;
  document["data"] = data.name;
  document["part"] = images || of_text ? "test set" : held_out ? "held out" : "all";
  document["rows"] = data.size();
  document["task"] = choice_word(data.task);
  document["loss_function"] = trainer.options().loss;
  document["loss"] = loss;
  std::string line = text("loss ", significant(loss), " (", trainer.options().loss, ")");
  std::vector<std::string> names = data.class_names;
  const Evaluation::Counts& counts = found.confusion;
  if (data.task == Task::classification) {
    for (auto c = std::ssize(names); c < counts.cols(); ++c) names.push_back(std::to_string(c));
    const double accuracy = static_cast<double>(counts.trace()) / static_cast<double>(counts.sum());
    line += ", accuracy " + percent(accuracy);
    document["accuracy"] = accuracy;
    document["classes"] = names;
    document["confusion"] = Json::array();  // a row for each true class, a column for each answer
    for (const auto& row : counts.rowwise())
      document["confusion"].push_back(std::vector<Index>(row.begin(), row.end()));
  } else {
    line +=
        text(", R² ", found.r2 ? significant(*found.r2) : "undefined (the targets are constant)",
             ", mean absolute error ", significant(*found.mae), ", root mean square error ", significant(*found.rmse));
    document["r2"] = found.r2 ? Json(*found.r2) : Json(nullptr);
    document["mae"] = *found.mae;
    document["rmse"] = *found.rmse;
  }
  if (global.json) {
    print_json(document);
    return 0;
  }
  std::cout << "model  " << widths<double>(saved.model) << ", trained on " << on_one_line(saved.data.name) << '\n'
            << "data   " << on_one_line(data.name) << ": " << part << ", " << grouped(data.size()) << '\n'
            << line << '\n';
  if (data.task == Task::classification) print_classes(found, names);
  return 0;
}

}  // namespace

Command add_evaluate(CLI::App& program, Global& global) {
  CLI::App* app = program.add_subcommand("evaluate", "Measure a saved model on data with known answers");
  auto a = std::make_shared<EvaluateArguments>();
  app->add_option("MODEL", a->model, "A model that train --save wrote")->required();
  CommandOptions options(*app, global);
  a->fields(options);
  return {app, [a, &global] { return evaluate(*a, global); }};
}

}  // namespace evengrad::cli
