#include <evengrad/layers/prelu.hpp>

#include "../matrices.hpp"

namespace evengrad {
namespace {

TEST(PReLU, OneSlopeOrOneAColumn) {
  PReLULayer<double> shared, each({.slopes = 2, .slope = 0.5});
  each.weight.value << 0.5, -1;
  Tape<double> tape;
  const Var<double> x = tape.constant(Matrix<double>{{-4, -4}, {3, 0}});
  EXPECT_EQ(shared.forward(x, {}).value(), (Matrix<double>{{-1, -1}, {3, 0}}));
  EXPECT_EQ(each.forward(x, {}).value(), (Matrix<double>{{-2, 4}, {3, 0}}));
}

TEST(PReLU, SlopesLearnFromTheNegativeSide) {
  PReLULayer<double> shared, each({.slopes = 2});
  Tape<double> tape;
  const Var<double> x = tape.constant(Matrix<double>{{-4, 5}, {-2, -1}});
  const Matrix<double> g{{1, 10}, {100, 1000}};
  const Var<double> a = shared.forward(x, {}), b = each.forward(x, {});
  EXPECT_EQ(tape.backward(a, g).of(shared.weight), (Matrix<double>{{-4 - 200 - 1000}}));
  EXPECT_EQ(tape.backward(b, g).of(each.weight), (Matrix<double>{{-4 - 200, -1000}}));
}

TEST(PReLU, ProbesSeeItsDerivative) {
  PReLULayer<double> layer;
  Tape<double> tape;
  const Node<double>& node = tape.node(layer.forward(tape.variable(Matrix<double>{{-4, 5}}), {}));
  EXPECT_EQ(node.activation_derivative[0], 0.25);
  EXPECT_EQ(node.activation_derivative[1], 1);
  EXPECT_EQ(node.pre_activation[1], 5);
}

TEST(PReLU, WrongWidthsAreRefused) {
  EXPECT_THROW(PReLULayer<float>({.slopes = 0}), UsageError);
  PReLULayer<float> layer({.slopes = 3});
  Tape<float> tape;
  EXPECT_THROW(layer.forward(tape.constant(Matrix<float>::Zero(2, 2)), {}), ShapeError);
  EXPECT_THROW(layer.outputs({1, 2}), ShapeError);
}

}  // namespace
}  // namespace evengrad
