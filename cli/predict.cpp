#include "options.hpp"
#include "program.hpp"

#include <evengrad/core/error.hpp>
#include <evengrad/core/file.hpp>
#include <evengrad/core/numbers.hpp>
#include <evengrad/core/utf8.hpp>
#include <evengrad/data/csv.hpp>
#include <evengrad/data/table.hpp>
#include <evengrad/training/model_file.hpp>
#include <evengrad/training/predict.hpp>
#include <evengrad/training/setup.hpp>

#include <spdlog/spdlog.h>

#include <iostream>

namespace evengrad::cli {

namespace {

struct PredictArguments {
  std::string model, data, out;
  TableOptions table;
};

// What a model says of rows, as lines of CSV or rows of JSON.
class Predictions {
 public:
  Predictions(const ModelData& data, Index outputs) : classes_(data.task == Task::classification) {
    if (classes_) names_ = data.class_names;
    for (Index c = static_cast<Index>(names_.size()); c < outputs; ++c) names_.push_back(std::to_string(c));
    targets_ = data.encoding.targets;
  }

  std::string header() const {
    std::string line = classes_ ? "class" : "";
    for (std::size_t c = 0; c < names_.size(); ++c) {
      const std::string column = classes_                           ? "probability_" + names_[c]
                                 : names_.size() == 1               ? "prediction"
                                 : targets_.size() == names_.size() ? "prediction_" + targets_[c]
                                                                    : text("prediction_", c + 1);
      line += (line.empty() ? "" : ",") + csv_cell(column);
    }
    return line + '\n';
  }

  std::string line(const Eigen::RowVectorXd& row) const {
    std::string line = classes_ ? csv_cell(best(row)) : "";
    for (const double number : row) line += (line.empty() ? "" : ",") + number_text(number);
    return line + '\n';
  }

  Json json(const Eigen::RowVectorXd& row) const {
    const std::vector<double> numbers(row.begin(), row.end());
    return classes_ ? Json{{"class", best(row)}, {"probabilities", numbers}} : Json{{"prediction", numbers}};
  }

  const std::vector<std::string>& classes() const { return names_; }
  bool classifies() const { return classes_; }

 private:
  const std::string& best(const Eigen::RowVectorXd& row) const {
    Index largest = 0;
    row.maxCoeff(&largest);
    return names_[static_cast<std::size_t>(largest)];
  }

  bool classes_;
  std::vector<std::string> names_, targets_;
};

// Block by block: the file may be larger than memory.
int predict_file(const PredictArguments& arguments, const Global& global) {
  SavedModel<double> saved = load_model<double>(arguments.model);
  if (!saved.data.tokens.empty()) {
    throw Error(text("the model in ", in_quotes(arguments.model),
                     " is of text, not of the columns of a table: use evaluate or generate"));
  }
  TableOptions options = arguments.table;
  options.missing_values = saved.data.encoding.missing_values;
  CsvTable table(std::filesystem::path(arguments.data), options);
  const Index inputs = saved.inputs.size();
  const TableEncoding encoding = encoding_for(saved.data, table, inputs);
  const TableEncoder encoder(table, encoding);
  const Index outputs = saved.outputs();
  const Predictions predictions(saved.data, outputs == 1 && saved.data.task == Task::classification ? 2 : outputs);

  std::optional<AtomicFile> file;
  if (!arguments.out.empty()) file.emplace(arguments.out);
  const auto write = [&](const std::string& lines) {
    if (file) file->write(lines);
    if (!file && !global.json) std::cout << lines;
  };
  if (global.json) {  // written row by row: as one value a million rows take a gigabyte
    Json document = document_header();
    if (predictions.classifies()) document["classes"] = predictions.classes();
    const std::string head = document.dump(2, ' ', false, Json::error_handler_t::replace);
    std::cout << head.substr(0, head.rfind('\n')) << ",\n  \"predictions\": [";
  }
  constexpr Index block = 1000;
  Matrix<double> features;
  Index total = 0, filled = 0, held = block;
  write(predictions.header());
  while (held == block) {
    features.resize(block, inputs);
    for (held = 0; held < block && table.next_row(); ++held) {
      encoder.encode({features.row(held).data(), static_cast<std::size_t>(inputs)});
      filled += features.row(held).hasNaN();
    }
    features.conservativeResize(held, inputs);
    fill_missing(features, encoding);
    saved.data.normalization.apply(features);
    permute_pixels(features, saved.inputs, saved.data.order);
    Matrix<double> result = predict<double>(saved.model, features, saved.data.task, saved.inputs);
    saved.data.target_units.undo(result);
    std::string lines;
    for (Index r = 0; r < held; ++r) {
      lines += predictions.line(result.row(r));
      if (!global.json) continue;
      std::cout << (total + r > 0 ? ",\n    " : "\n    ")
                << predictions.json(result.row(r)).dump(-1, ' ', false, Json::error_handler_t::replace);
    }
    write(lines);
    total += held;
  }
  if (filled > 0) {
    spdlog::warn("{} of {} rows lack a value, or have one that training did not see: the training mean stands for it",
                 filled, total);
  }
  if (file) {
    file->commit();
    spdlog::info("wrote {} predictions to {}", total, arguments.out);
  }
  if (global.json) std::cout << (total > 0 ? "\n  ]\n}\n" : "]\n}\n");
  return 0;
}

}  // namespace

Command add_predict(CLI::App& program, Global& global) {
  CLI::App* app = program.add_subcommand("predict", "Apply a saved model to the rows of a CSV file");
  auto a = std::make_shared<PredictArguments>();
  app->add_option("MODEL", a->model, "A model that train --save wrote")->required();
  app->add_option("--data", a->data, "A CSV file with a column for each of the model's features, found by name")
      ->required();
  CommandOptions options(*app, global);
  a->table.fields_of_file(options);
  app->add_option("--out", a->out, "Write a CSV file instead of standard output")->type_name("PATH");
  return {app, [a, &global] { return predict_file(*a, global); }};
}

}  // namespace evengrad::cli
