#include <evengrad/activations/registry.hpp>
#include <evengrad/layers/activation_layer.hpp>
#include <evengrad/layers/linear.hpp>
#include <evengrad/layers/sequential.hpp>

#include "../matrices.hpp"
#include "../temp_folder.hpp"

namespace evengrad {
namespace {

Sequential<double> net() {
  Sequential<double> layers;
  layers.add(Linear<double>({.inputs = 3, .outputs = 4})).weight.value = random_matrix<double>(4, 3, 1);
  layers.add(ActivationLayer<double>(activation("tanh")));
  layers.add(ActivationLayer<double>(activation("relu")));
  layers.add(Linear<double>({.inputs = 4, .outputs = 2})).weight.value = random_matrix<double>(2, 4, 2);
  return layers;
}

std::vector<std::string> ops(const Tape<double>& tape) {
  std::vector<std::string> names;
  for (const Node<double>& node : tape.nodes()) {
    if (node.op != "parameter" && node.op != "constant") names.push_back(text(node.op, " in ", node.scope));
  }
  return names;
}

TEST(Sequential, FusesALinearLayerWithTheActivationBehindIt) {
  Sequential<double> layers = net();
  Tape<double> tape;
  layers.forward(tape.constant(random_matrix<double>(5, 3, 3)), {});
  EXPECT_EQ(ops(tape), (std::vector<std::string>{"affine in 0", "activate in 2", "affine in 3"}));
}

TEST(Sequential, ARangeStopsWhereItEnds) {
  Sequential<double> layers = net();
  Tape<double> tape;
  const Var<double> x = tape.constant(random_matrix<double>(5, 3, 3));
  const Matrix<double> whole = layers.forward(x, {}).value();
  const Var<double> half = layers.forward(x, {}, 0, 1);  // not fused with what comes after
  EXPECT_TRUE(same_bits(layers.forward(half, {}, 1, 4).value(), whole));
  EXPECT_TRUE(same_bits(layers.forward(x, {}, 2, 2).value(), x.value()));
}

TEST(Sequential, NamesTheLayerThatDoesNotFit) {
  Sequential<double> layers = net();
  layers.add(Linear<double>({.inputs = 9, .outputs = 1}));
  Tape<double> tape;
  const auto x = tape.constant(random_matrix<double>(5, 3, 3));
  EXPECT_NE(error_of<ShapeError>([&] { layers.forward(x, {}); }).find("layer 4, Linear(9, 1)"), std::string::npos);
  EXPECT_NE(error_of<ShapeError>([&] { layers.outputs({1, 3}); }).find("layer 4, Linear(9, 1)"), std::string::npos);
  EXPECT_THROW(layers.summary({1, 3}), ShapeError);
}

TEST(Sequential, AssignmentCopies) {
  Sequential<double> a = net(), b;
  b = a;
  dynamic_cast<Linear<double>&>(b[0]).weight.value.setZero();
  EXPECT_NE(dynamic_cast<Linear<double>&>(a[0]).weight.value.norm(), 0);
  Sequential<double> moved = std::move(a);
  EXPECT_EQ(moved.size(), 4u);
}

TEST(Sequential, SummaryCountsAndNames) {
  const std::vector<LayerSummary> lines = net().summary({1, 3});
  ASSERT_EQ(lines.size(), 4u);
  EXPECT_EQ(lines[3].name, "3");
  EXPECT_EQ(lines[3].outputs.cols, 2);
  EXPECT_EQ(lines[3].parameters, 10);
  EXPECT_EQ(lines[1].parameters, 0);
}

TEST(Linear, OptionsOutOfRangeAreRefused) {
  EXPECT_THROW(Linear<float>({.inputs = 0, .outputs = 3}), UsageError);
  EXPECT_THROW(Linear<float>({.inputs = 3, .outputs = -1}), UsageError);
}

}  // namespace
}  // namespace evengrad
