#include <evengrad/activations/registry.hpp>
#include <evengrad/experiments/hidden_layers.hpp>

#include <gtest/gtest.h>

namespace evengrad {
namespace {

Matrix<double> drawn(Index rows, Index cols) {
  Matrix<double> x(rows, cols);
  Rng(3).fill_normal(std::span<double>(x.data(), static_cast<std::size_t>(x.size())));
  return x;
}

TEST(StochasticMask, DropsInTrainingAndIsGeluInEvaluation) {
  const Matrix<double> x = drawn(200, 50);
  StochasticMask<double> mask;
  Tape<double> tape;
  const Var<double> in = tape.variable(x);
  const Var<double> trained = mask.forward(in, {.training = true, .rng = Rng(1)});
  const Matrix<double> y = trained.value(), again = mask.forward(in, {.training = true, .rng = Rng(1)}).value();
  const Matrix<double> other = mask.forward(in, {.training = true, .rng = Rng(2)}).value();
  const Matrix<double> mean = mask.forward(in, {}).value(), gelu = activate(in, activation("gelu")).value();
  EXPECT_EQ(y, again);
  EXPECT_NE(y, other);
  EXPECT_TRUE((y.array() == 0 || y.array() == x.array()).all());
  EXPECT_LT((mean - gelu).cwiseAbs().maxCoeff(), 1e-14);
  EXPECT_NEAR(y.mean(), gelu.mean(), 0.02);  // 10,000 draws whose variance is below 0.2: 4 standard errors
  const Matrix<double> slope = tape.backward(trained, Matrix<double>::Ones(200, 50))[in];
  EXPECT_TRUE((slope.array() == (y.array() != 0).cast<double>()).all());
}

TEST(HiddenLayers, TakeThePlaceOfActivationsAndKeepTheWeights) {
  auto net = mlp<double>({.inputs = 3, .hidden = {4, 4}, .outputs = 2, .activations = {activation("relu")}});
  net.initialize(initializer("he"), Rng(1));
  const Matrix<double> x = drawn(5, 3);
  const Matrix<double> first = dynamic_cast<Linear<double>&>(net[0]).weight.value;
  replace_activations(net, HiddenSoftmax<double>(4));
  ASSERT_EQ(net.size(), 5u);
  EXPECT_EQ(dynamic_cast<Linear<double>&>(net[0]).weight.value, first);
  Tape<double> tape;
  const Matrix<double> hidden = net.forward(tape.constant(x), {}, 0, 2).value();
  EXPECT_LT((hidden.rowwise().sum().array() - 4).abs().maxCoeff(), 1e-14);
  EXPECT_EQ(net.forward(tape.constant(x), {}).cols(), 2);
}

}  // namespace
}  // namespace evengrad
