// Saves models of several kinds and lets PyTorch compute the same outputs from the files. Built where PyTorch is.
#include <evengrad/evengrad.hpp>

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <limits>

#include "../paths.hpp"
#include "../temp_folder.hpp"

using namespace evengrad;

namespace {

struct Case {
  const char* activation;
  Norm norm;
  double dropout;
};

void PrintTo(const Case& c, std::ostream* out) { *out << c.activation << (c.norm == Norm::none ? "" : ", normalized"); }

}  // namespace

class PyTorchExport : public testing::TestWithParam<Case> {};

TEST_P(PyTorchExport, GivesTheSameOutputs) {
  const TempFolder folder;
  Split<float> data = load_data<float>({.name = "moons", .seed = 3});
  auto net = mlp<float>({.inputs = 2,
                         .hidden = {24, 16},
                         .outputs = 2,
                         .activations = {activation(GetParam().activation)},
                         .norm = GetParam().norm,
                         .dropout = GetParam().dropout});
  net.initialize(initializer("he"), Rng(3));
  Trainer<float>(net, data.train, data.test, {.epochs = 3, .seed = 3}).run();
  const auto model = folder.path() / "model.safetensors", outputs = folder.path() / "outputs.csv";
  save_model(model, net, {.name = "moons"});

  Tape<float> tape({.recording = false});
  const Matrix<float> x = data.test.inputs.topRows(100);
  const ConstMap<float> logits = net.forward(tape.constant(x), {}).value();
  std::ofstream csv(outputs);
  csv.precision(std::numeric_limits<float>::max_digits10);
  csv << "x1,x2,logit1,logit2\n";
  for (Index r = 0; r < x.rows(); ++r) {
    csv << x(r, 0) << ',' << x(r, 1) << ',' << logits(r, 0) << ',' << logits(r, 1) << '\n';
  }
  csv.close();
  const std::string command = std::string(EVENGRAD_PYTHON " ") + test::source_folder +
                              "/scripts/check_pytorch_export.py " + model.string() + " " + outputs.string();
  EXPECT_EQ(std::system(command.c_str()), 0) << command;
}

INSTANTIATE_TEST_SUITE_P(Models, PyTorchExport,
                         testing::Values(Case{"relu", Norm::none, 0}, Case{"gelu", Norm::none, 0.2},
                                         Case{"tanh", Norm::batch, 0}, Case{"silu", Norm::layer, 0.1},
                                         Case{"prelu", Norm::none, 0}, Case{"leaky_relu(0.2)", Norm::batch, 0.5}));
