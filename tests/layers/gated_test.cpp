#include <evengrad/activations/registry.hpp>
#include <evengrad/layers/gated.hpp>

#include "../matrices.hpp"
#include "../temp_folder.hpp"

namespace evengrad {
namespace {

TEST(Gated, IsTheProductOfGateAndUpProjectedDown) {
  Gated<double> layer({.inputs = 2, .hidden = 2, .outputs = 1, .gate = gate("reglu")});
  layer.gate.weight.value << 1, 0, 0, 1;
  layer.up.weight.value << 3, 0, 0, 5;
  layer.down.front().weight.value << 1, 1;
  Tape<double> tape;
  EXPECT_EQ(layer.forward(tape.constant(Matrix<double>{{2, -7}, {2, 1}}), {}).value(), (Matrix<double>{{12}, {17}}));
}

TEST(Gated, NamesAreGateUpAndDown) {
  Gated<float> whole({.inputs = 4, .hidden = 6, .outputs = 4, .gate = gate("swiglu")});
  std::vector<std::string> names;
  whole.visit(Path(), [&](const Path& path, Parameter<float>&) { names.push_back(path.str()); });
  EXPECT_EQ(names, (std::vector<std::string>{"gate.weight", "up.weight", "down.weight"}));
  EXPECT_EQ(whole.describe(), "swiglu(4, 6, 4)");
  EXPECT_EQ(Gated<float>({.inputs = 4, .hidden = 6, .gate = gate("glu")}).describe(), "glu(4, 6)");
  EXPECT_EQ(Gated<float>({.inputs = 4, .hidden = 6, .gate = activation("tanh")}).describe(), "Gated tanh(4, 6)");
}

TEST(Gated, GatesAreThePapers) {
  EXPECT_EQ(gate("glu").name(), "sigmoid");
  EXPECT_EQ(gate("geglu").name(), "gelu");
  EXPECT_TRUE(gate("bilinear").is_identity());
  EXPECT_NE(error_of<UsageError>([] { gate("swigul"); }).find("'swiglu'"), std::string::npos);
  for (const GatedInfo& info : gated_layers()) EXPECT_EQ(gate(info.name).name(), info.gate);
}

TEST(Gated, WrongWidthsAreRefused) {
  EXPECT_THROW(Gated<float>({.inputs = 4, .hidden = 0}), UsageError);
  EXPECT_THROW(Gated<float>({.inputs = 4, .hidden = 6, .outputs = -1}), UsageError);
  EXPECT_THROW(Gated<float>({.inputs = 4, .hidden = 6}).outputs({1, 5}), ShapeError);
}

}  // namespace
}  // namespace evengrad
