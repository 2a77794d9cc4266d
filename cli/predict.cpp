#include "program.hpp"

#include <evengrad/core/error.hpp>
#include <evengrad/core/file.hpp>
#include <evengrad/core/numbers.hpp>
#include <evengrad/data/csv.hpp>
#include <evengrad/training/model_file.hpp>
#include <evengrad/training/predict.hpp>

#include <spdlog/spdlog.h>

#include <iostream>

namespace evengrad::cli {

namespace {

struct PredictArguments {
  std::string model, data, out;
};

// The model's features, found by name in whatever order the file has them; the rest (a label, say) is left alone.
Matrix<double> read_features(CsvReader& csv, const std::vector<std::string>& names, Index inputs) {
  std::vector<Index> columns;
  for (const std::string& name : names) columns.push_back(csv.column(name));
  if (names.empty()) {
    if (static_cast<Index>(csv.header().size()) < inputs) {
      throw UsageError(text("the model takes ", inputs, " features, the file has ", csv.header().size(), " columns"));
    }
    for (Index c = 0; c < inputs; ++c) columns.push_back(c);
  }
  std::vector<double> numbers;
  while (csv.next_row()) {
    for (const Index column : columns) numbers.push_back(csv.number(column));
  }
  const Index rows = inputs > 0 ? static_cast<Index>(numbers.size()) / inputs : 0;
  return Eigen::Map<const Matrix<double>>(numbers.data(), rows, inputs);
}

int predict_file(const PredictArguments& arguments, const Global& global) {
  SavedModel<double> saved = load_model<double>(arguments.model);
  const Index features = saved.model.options().inputs;
  CsvReader csv(arguments.data);
  Matrix<double> inputs = read_features(csv, saved.data.feature_names, features);
  saved.data.normalization.apply(inputs);
  const Matrix<double> result = predict<double>(saved.model, inputs, saved.data.task);

  const bool classes = saved.data.task == Task::classification;
  std::vector<std::string> names = saved.data.class_names;
  for (Index c = static_cast<Index>(names.size()); c < result.cols(); ++c) names.push_back(std::to_string(c));
  std::string csv_text = classes ? "class" : "";
  for (Index c = 0; c < result.cols(); ++c) {
    const std::string column = classes              ? "probability_" + names[static_cast<std::size_t>(c)]
                               : result.cols() == 1 ? "prediction"
                                                    : text("prediction_", c + 1);
    csv_text += (csv_text.empty() ? "" : ",") + csv_cell(column);
  }
  Json rows = Json::array();
  for (Index r = 0; r < result.rows(); ++r) {
    Index best = 0;
    result.row(r).maxCoeff(&best);
    const std::vector<double> numbers(result.row(r).begin(), result.row(r).end());
    std::string line = classes ? csv_cell(names[static_cast<std::size_t>(best)]) : "";
    for (const double number : numbers) line += (line.empty() ? "" : ",") + number_text(number);
    csv_text += "\n" + line;
    if (global.json) {
      rows.push_back(classes ? Json{{"class", names[static_cast<std::size_t>(best)]}, {"probabilities", numbers}}
                             : Json{{"prediction", numbers}});
    }
  }
  csv_text += '\n';
  if (!arguments.out.empty()) {
    write_file_atomically(arguments.out, csv_text);
    spdlog::info("wrote {} predictions to {}", result.rows(), arguments.out);
  }
  if (global.json) {
    Json document = document_header();
    if (classes) document["classes"] = std::vector<std::string>(names.begin(), names.begin() + result.cols());
    document["predictions"] = rows;
    print_json(document);
  } else if (arguments.out.empty()) {
    std::cout << csv_text;
  }
  return 0;
}

}  // namespace

Command add_predict(CLI::App& program, Global& global) {
  CLI::App* app = program.add_subcommand("predict", "Apply a saved model to the rows of a CSV file");
  auto a = std::make_shared<PredictArguments>();
  app->add_option("MODEL", a->model, "A model that train --save wrote")->required();
  app->add_option("--data", a->data, "A CSV file with a column for each of the model's features, found by name")
      ->required();
  app->add_option("--out", a->out, "Write a CSV file instead of standard output")->type_name("PATH");
  return {app, [a, &global] { return predict_file(*a, global); }};
}

}  // namespace evengrad::cli
