#include <evengrad/layers/mlp.hpp>
#include <evengrad/training/lsuv.hpp>

#include <evengrad/activations/registry.hpp>
#include <evengrad/layers/linear.hpp>

#include <gtest/gtest.h>

using namespace evengrad;

namespace {

// The variance of the pre-activations of each linear layer, computed with Eigen alone.
std::vector<double> variances(Sequential<double>& net, const Matrix<double>& x, const Activation& f) {
  std::vector<double> all;
  Matrix<double> h = x;
  for (std::size_t i = 0; i < net.size(); ++i) {
    auto* linear = dynamic_cast<Linear<double>*>(&net[i]);
    if (!linear) continue;
    const Matrix<double> z = (h * linear->weight.value.transpose()).rowwise() + linear->bias.value.row(0);
    all.push_back((z.array() - z.mean()).square().mean());
    h = z.unaryExpr([&](double v) { return f.value(v); });
  }
  return all;
}

}  // namespace

TEST(Lsuv, GivesEveryLayerUnitVariance) {
  Matrix<double> x(200, 12);
  Rng(1).fill_normal(std::span<double>(x.data(), static_cast<std::size_t>(x.size())));
  x *= 37;  // whatever the scale of the data
  for (const char* name : {"relu", "sigmoid", "gelu", "x*tanh(exp(x))"}) {
    const Activation f = activation(name);
    auto net =
        mlp<double>({.inputs = 12, .hidden = {40, 40, 40, 40, 40, 40, 40, 40}, .outputs = 5, .activations = {f}});
    initialize_lsuv<double>(net, x, Rng(2));
    for (const double variance : variances(net, x, f)) EXPECT_NEAR(variance, 1, 0.011) << name;
  }
}

TEST(Lsuv, LeavesALayerWithoutVariationAlone) {
  const Matrix<double> x = Matrix<double>::Zero(10, 3);
  auto net = mlp<double>({.inputs = 3, .hidden = {4}, .outputs = 2, .activations = {activation("relu")}});
  initialize_lsuv<double>(net, x, Rng(2));
  EXPECT_TRUE(dynamic_cast<Linear<double>&>(net[0]).weight.value.allFinite());
}
