// 4. Probing a network: after a step, everything can still be read from the tape and the gradients. No hooks.
#include <evengrad/evengrad.hpp>

#include <cmath>
#include <iomanip>
#include <iostream>

using namespace evengrad;

int main() {
  // Twenty layers of sigmoid: the textbook's vanishing gradient.
  auto net = mlp<double>(
      {.inputs = 64, .hidden = std::vector<Index>(20, 64), .outputs = 10, .activations = {activation("sigmoid")}});
  net.initialize(initializer("xavier"), Rng(1));

  Matrix<double> x(128, 64);
  Rng(2).fill_normal(std::span<double>(x.data(), static_cast<std::size_t>(x.size())));
  std::vector<std::int32_t> labels(128);
  for (std::size_t i = 0; i < labels.size(); ++i) labels[i] = static_cast<std::int32_t>(i % 10);

  Tape<double> tape({.keep_pre_activations = true});
  const Var<double> loss = softmax_cross_entropy<double>(net.forward(tape.constant(x), {}), labels);
  const Gradients<double> gradients = tape.backward(loss);

  double first = 0, last = 0;
  std::cout << "layer        rms(z)    rms(dL/da)\n" << std::scientific << std::setprecision(2);
  for (std::size_t i = 0; i < tape.nodes().size(); ++i) {
    const Node<double>& node = tape.nodes()[i];
    if (node.op != "affine" || !node.activation_derivative) continue;
    const ConstMap<double> z(node.pre_activation, node.shape.rows, node.shape.cols);
    const double count = static_cast<double>(z.size());
    last = gradients.node(i).norm() / std::sqrt(count);
    if (first == 0) first = last;
    std::cout << std::left << std::setw(10) << node.scope << z.norm() / std::sqrt(count) << "  " << last << '\n';
  }
  std::cout << "the gradient reaches the first layer at " << first / last << " of its size\n";
  return first / last < 1e-9 ? 0 : 1;
}
