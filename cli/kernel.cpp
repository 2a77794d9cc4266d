#include "program.hpp"

#include <evengrad/activations/registry.hpp>
#include <evengrad/core/error.hpp>
#include <evengrad/core/numbers.hpp>
#include <evengrad/data/registry.hpp>
#include <evengrad/init/kernel.hpp>

#include <filesystem>
#include <fstream>
#include <iostream>

namespace evengrad::cli {

namespace {

struct KernelArguments {
  std::string activation, init = "auto", data, out;
  Index depth = 3, rows = 50;
};

void write_csv(const std::filesystem::path& path, const Matrix<double>& matrix) {
  std::ofstream file(path);
  for (Index i = 0; i < matrix.rows(); ++i) {
    for (Index j = 0; j < matrix.cols(); ++j) file << (j > 0 ? "," : "") << number_text(matrix(i, j));
    file << "\r\n";
  }
  if (!file.flush()) throw FileError(path.string() + ": cannot be written");
}

Json rows_of(const Matrix<double>& matrix) {
  Json rows = Json::array();
  for (Index i = 0; i < matrix.rows(); ++i) {
    rows.push_back(std::vector<double>(matrix.row(i).begin(), matrix.row(i).end()));
  }
  return rows;
}

int kernel(const KernelArguments& arguments, const Global& global) {
  if (arguments.depth < 1 || arguments.depth > 1000) {
    throw UsageError(text("--depth must be from 1 to 1000, got ", arguments.depth));
  }
  if (arguments.rows < 1 || arguments.rows > 2000) {
    throw UsageError(text("--rows must be from 1 to 2000, got ", arguments.rows));
  }
  const Activation f = activation(arguments.activation);
  const Dataset<double> data = load_data<double>({.name = arguments.data, .seed = global.seed}).train;
  if (!data.tokens.empty()) {
    throw UsageError(
        text("--data ", arguments.data, ": kernels compare rows of numbers, and its inputs are characters"));
  }
  const Matrix<double> inputs = data.inputs.topRows(std::min(arguments.rows, data.size()));
  const NetKernels k = net_kernels(f, initializer(arguments.init), arguments.depth, inputs);
  const bool closed = closed_kernel(f, {}).has_value();
  if (!arguments.out.empty()) {
    std::error_code error;
    std::filesystem::create_directories(arguments.out, error);
    if (error) throw FileError(text("--out ", arguments.out, ": ", error.message()));
    write_csv(std::filesystem::path(arguments.out) / "nngp.csv", k.nngp);
    write_csv(std::filesystem::path(arguments.out) / "ntk.csv", k.ntk);
  }
  if (global.json) {
    Json document = document_header();
    document["activation"] = f.name();
    document["init"] = arguments.init;
    document["depth"] = arguments.depth;
    document["data"] = arguments.data;
    document["rows"] = inputs.rows();
    document["form"] = closed ? "closed" : "quadrature";
    document["nngp"] = rows_of(k.nngp);
    document["ntk"] = rows_of(k.ntk);
    print_json(document);
    return 0;
  }
  std::cout << f.name() << ", " << arguments.init << ", " << arguments.depth << " hidden layers, " << inputs.rows()
            << " rows of " << arguments.data << (closed ? ", closed form" : ", by quadrature") << "\n\n";
  const Index shown = std::min<Index>(inputs.rows(), 6);
  for (const auto& [name, matrix] : {std::pair("NNGP", &k.nngp), std::pair("NTK", &k.ntk)}) {
    std::cout << name << (shown < inputs.rows() ? text(", its first ", shown, " rows and columns") : "") << '\n';
    for (Index i = 0; i < shown; ++i) {
      for (Index j = 0; j < shown; ++j) {
        char cell[32];
        std::snprintf(cell, sizeof cell, "%12s", significant((*matrix)(i, j), 6).c_str());
        std::cout << cell;
      }
      std::cout << '\n';
    }
  }
  std::cout << (arguments.out.empty() ? "--out FOLDER writes nngp.csv and ntk.csv, --json prints both"
                                      : "wrote nngp.csv and ntk.csv to " + arguments.out)
            << '\n';
  return 0;
}

}  // namespace

Command add_kernel(CLI::App& program, Global& global) {
  CLI::App* app = program.add_subcommand("kernel", "Kernels of the infinitely wide net: NNGP and NTK");
  auto a = std::make_shared<KernelArguments>();
  app->add_option("--activation", a->activation, "A name or a formula in x")->required();
  app->add_option("--data", a->data, "A dataset's name or a CSV file")->required();
  app->add_option("--init", a->init, "Initializer (evengrad list initializers)")->capture_default_str();
  app->add_option("--depth", a->depth, "Hidden layers")->capture_default_str();
  app->add_option("--rows", a->rows, "Only the first rows of the training data")->capture_default_str();
  app->add_option("--out", a->out, "Folder for nngp.csv and ntk.csv");
  return {app, [a, &global] { return kernel(*a, global); }};
}

}  // namespace evengrad::cli
