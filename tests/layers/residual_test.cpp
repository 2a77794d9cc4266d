#include <evengrad/layers/linear.hpp>
#include <evengrad/layers/residual.hpp>

#include "../matrices.hpp"
#include "../temp_folder.hpp"

namespace evengrad {
namespace {

Sequential<double> inner(Index outputs) {
  Sequential<double> layers;
  layers.add(Linear<double>({.inputs = 3, .outputs = outputs})).weight.value.setConstant(2);
  return layers;
}

TEST(Residual, AddsItsInput) {
  Residual<double> layer(inner(3));
  Tape<double> tape;
  EXPECT_EQ(layer.forward(tape.constant(Matrix<double>{{1, 2, 3}}), {}).value(), (Matrix<double>{{13, 14, 15}}));
}

TEST(Residual, NamesItsInnerLayers) {
  Sequential<double> net;
  net.add(Residual<double>(inner(3)));
  std::vector<std::string> names;
  net.visit(Path(), [&](const Path& path, Parameter<double>&) { names.push_back(path.str()); });
  EXPECT_EQ(names, (std::vector<std::string>{"0.inner.0.weight", "0.inner.0.bias"}));
  Tape<double> tape;
  net.forward(tape.constant(Matrix<double>::Ones(2, 3)), {});
  EXPECT_EQ(tape.nodes()[1].scope, "0.inner.0");
}

TEST(Residual, AnotherWidthIsRefusedByName) {
  Sequential<double> net;
  net.add(Residual<double>(inner(1)));
  Tape<double> tape;
  const std::string error = error_of<ShapeError>([&] { net.forward(tape.constant(Matrix<double>::Ones(1, 3)), {}); });
  EXPECT_NE(error.find("layer 0, Residual(Linear(3, 1)): [residual] input is (1, 3)"), std::string::npos) << error;
  EXPECT_NE(error.find("(1, 1)"), std::string::npos) << error;
  EXPECT_THROW(net.outputs({1, 3}), ShapeError);
}

}  // namespace
}  // namespace evengrad
