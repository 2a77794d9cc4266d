// Subnormal numbers slow some processors down by a factor: after long training none may be left anywhere.
#include <evengrad/activations/registry.hpp>
#include <evengrad/data/registry.hpp>
#include <evengrad/layers/losses.hpp>
#include <evengrad/layers/mlp.hpp>
#include <evengrad/optim/optimizer.hpp>

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <span>

namespace evengrad {
namespace {

struct Case {
  std::string activation, optimizer;
  double learning_rate;
  double weight_decay = 0;
  std::string loss = "cross_entropy";
};

void PrintTo(const Case& c, std::ostream* out) { *out << c.activation << ", " << c.optimizer << ", " << c.loss; }

// A net that separates two far groups at once, in which half of the first hidden units die after 200 steps: from then
// on probabilities, gradients and averages decay towards 0. The steps suffice for averages that lose a thousandth a
// step.
template <Real S>
std::map<std::string, Index> subnormals_after_training(const Case& c, int steps) {
  constexpr Index batch = 16, width = 8;
  const Index outputs = c.loss == "cross_entropy" ? 3 : 1;
  Mlp<S> net({.inputs = 2, .hidden = {width, width}, .outputs = outputs, .activations = {activation(c.activation)}});
  net.initialize(initializer("he"), Rng(1));
  OptimizerOptions options{.name = c.optimizer, .learning_rate = c.learning_rate};
  if (c.weight_decay > 0) options.weight_decay = c.weight_decay;
  Optimizer<S> optimizer(options);
  Matrix<S> x(batch, 2), target(batch, 1);
  std::vector<std::int32_t> labels;
  for (Index i = 0; i < batch; ++i) {
    const bool second = i % 2 == 1;
    x(i, 0) = second ? S(4) : S(-4);
    x(i, 1) = S(0.1) * static_cast<S>(i);
    target(i, 0) = second;
    labels.push_back(second);
  }
  std::map<std::string, Index> found;
  const auto count = [&](const std::string& where, const S* numbers, Index size) {
    if (!numbers) return;
    for (Index i = 0; i < size; ++i) found[where] += std::fpclassify(numbers[i]) == FP_SUBNORMAL;
  };
  Tape<S> tape;
  for (int step = 1; step <= steps; ++step) {
    tape.clear();
    const Var<S> output = net.forward(tape.view(x), {.training = true});
    const Var<S> loss = c.loss == "cross_entropy" ? softmax_cross_entropy<S>(output, labels)
                        : c.loss == "bce"         ? binary_cross_entropy(output, tape.view(target))
                                                  : mean_squared_error(output, tape.view(target));
    const Gradients<S> gradients = tape.backward(loss);
    optimizer.step(net, gradients);
    if (step == 200) {  // the first layer's biases, and logits as far apart as long training takes them
      Index parameter = 0;
      net.visit(Path(), [&](const Path&, Parameter<S>& p) {
        if (parameter == 1) p.value.leftCols(width / 2).setConstant(S(-200));
        if (parameter == 4) p.value *= S(20);
        ++parameter;
      });
    }
    if (step % 2000 != 0) continue;
    for (std::size_t i = 0; i < tape.nodes().size(); ++i) {
      const Node<S>& node = tape.nodes()[i];
      const Index size = node.shape.size();
      count(node.op == "parameter" ? "weights" : "activations", node.value, size);
      count("slopes", node.activation_derivative, size);
      count("gradients", gradients.node(i).data(), size);
    }
    optimizer.visit_state(net, [&](const Path&, Matrix<S>& state) { count("moments", state.data(), state.size()); });
  }
  return found;
}

class Subnormals : public ::testing::TestWithParam<Case> {};

TEST_P(Subnormals, AreNowhereAfterLongTraining) {
  constexpr int steps = 20'000;
  for (const auto& [where, count] : subnormals_after_training<float>(GetParam(), steps)) {
    EXPECT_EQ(count, 0) << where << ", float";
  }
  for (const auto& [where, count] : subnormals_after_training<double>(GetParam(), steps)) {
    EXPECT_EQ(count, 0) << where << ", double";
  }
}

INSTANTIATE_TEST_SUITE_P(
    Training, Subnormals,
    ::testing::Values(Case{"relu", "adam", 0.003}, Case{"relu", "adamw", 0.003, 3.0}, Case{"relu", "sgd", 0.1, 0.1},
                      Case{"relu", "momentum", 0.1, 0.1}, Case{"relu", "nesterov", 0.1}, Case{"relu", "rmsprop", 0.003},
                      Case{"gelu", "adam", 0.003}, Case{"gelu", "momentum", 0.1}, Case{"silu", "adam", 0.003},
                      Case{"sigmoid", "rmsprop", 0.003}, Case{"tanh", "adam", 0.003}, Case{"elu", "adam", 0.003},
                      Case{"softplus", "adam", 0.003}, Case{"mish", "sgd", 0.1},
                      Case{"x*sigmoid(1.702*x)", "adam", 0.003}, Case{"relu", "adam", 0.003, 0, "mse"},
                      Case{"gelu", "adam", 0.003, 0, "bce"}));

}  // namespace
}  // namespace evengrad
