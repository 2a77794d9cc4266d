// The engine from scratch of the site's chapter: its gradients are the real engine's, it learns, and it is short.
#include "../../docs/site/from_scratch.hpp"
#include "../paths.hpp"

#include <evengrad/evengrad.hpp>

#include <gtest/gtest.h>

#include <fstream>
#include <string>

namespace evengrad {
namespace {

const std::vector<int> widths = {2, 7, 5, 3};

// Samples (12, 2) of three classes.
from_scratch::Matrix inputs() {
  from_scratch::Matrix x(12, 2);
  for (int r = 0; r < 12; ++r) x(r, 0) = std::sin(1.3 * r), x(r, 1) = std::cos(2.1 * r) - 0.2;
  return x;
}

TEST(FromScratch, GradientsAreTheEngines) {
  std::mt19937 random(1);
  from_scratch::Net small(widths, random);
  const from_scratch::Matrix x = inputs();
  std::vector<int> labels;
  for (int r = 0; r < 12; ++r) labels.push_back(r % 3);
  from_scratch::Tape own;
  std::vector<from_scratch::Node*> nodes;
  from_scratch::Node* own_loss = small.loss(own, x, labels, nodes);
  own.backward(own_loss);

  Mlp<double> net({.inputs = 2, .hidden = {7, 5}, .outputs = 3, .activations = {activation("tanh")}});
  std::vector<Parameter<double>*> parameters;
  net.visit(Path(), [&](const Path&, Parameter<double>& parameter) { parameters.push_back(&parameter); });
  ASSERT_EQ(parameters.size(), nodes.size());
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    const std::vector<double>& numbers = nodes[i]->value.numbers;
    ASSERT_EQ(static_cast<std::size_t>(parameters[i]->value.size()), numbers.size());
    std::copy(numbers.begin(), numbers.end(), parameters[i]->value.data());
  }
  Matrix<double> samples(12, 2);
  std::copy(x.numbers.begin(), x.numbers.end(), samples.data());
  const std::vector<std::int32_t> classes(labels.begin(), labels.end());
  Tape<double> tape;
  const Var<double> loss = softmax_cross_entropy(net.forward(tape.constant(samples), Context{}), classes);
  const Gradients<double> gradients = tape.backward(loss);
  EXPECT_NEAR(own_loss->value(0, 0), loss.item(), 1e-14);
  double largest = 0;
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    const auto expected = gradients.of(*parameters[i]);
    for (std::size_t k = 0; k < nodes[i]->gradient.numbers.size(); ++k) {
      const double g = expected.data()[k];
      EXPECT_NEAR(nodes[i]->gradient.numbers[k], g, 1e-14) << "parameter " << i << ", number " << k;
      largest = std::max(largest, std::abs(g));
    }
  }
  EXPECT_GT(largest, 1e-3);
}

TEST(FromScratch, Learns) {
  std::mt19937 random(1);
  from_scratch::Net net({2, 8, 2}, random);
  from_scratch::Matrix x(4, 2);
  x.numbers = {0, 0, 0, 1, 1, 0, 1, 1};
  const std::vector<int> exclusive_or = {0, 1, 1, 0};
  EXPECT_LT(from_scratch::train(net, x, exclusive_or, 0.5, 2000), 0.05);  // guessing: 0.69
}

TEST(FromScratch, HasAtMost200Lines) {
  std::ifstream file(test::source_folder + "/docs/site/from_scratch.hpp");
  ASSERT_TRUE(file.good());
  int lines = 0;
  for (std::string line; std::getline(file, line);) ++lines;
  EXPECT_LE(lines, 200);
}

}  // namespace
}  // namespace evengrad
