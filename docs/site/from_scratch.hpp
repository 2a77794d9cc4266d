// The engine from scratch: a tape, a layer, an initializer and a training loop. docs/site/from_scratch.md walks through
// it; a test holds its gradients against the real engine's.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <deque>
#include <functional>
#include <random>
#include <vector>

namespace from_scratch {

// [matrix] A table of numbers, row by row.
struct Matrix {
  int rows = 0, cols = 0;
  std::vector<double> numbers;

  Matrix() = default;
  Matrix(int r, int c) : rows(r), cols(c), numbers(static_cast<std::size_t>(r) * static_cast<std::size_t>(c)) {}
  double& operator()(int r, int c) { return numbers[static_cast<std::size_t>(r * cols + c)]; }
  double operator()(int r, int c) const { return numbers[static_cast<std::size_t>(r * cols + c)]; }
};
// [end]

// [tape] Every operation appends a node: its value, room for its gradient, and how to pass that gradient on.
struct Node {
  Matrix value, gradient;
  std::function<void()> pass_on = [] {};
};

class Tape {
 public:
  Node* add(Matrix value) {
    Node& node = nodes_.emplace_back();  // a deque: nodes stay where they are
    node.gradient = Matrix(value.rows, value.cols);
    node.value = std::move(value);
    return &node;
  }

  // From the loss back to the beginning, each node after all that used it.
  void backward(Node* loss) {
    loss->gradient(0, 0) = 1;
    for (auto node = nodes_.rbegin(); node != nodes_.rend(); ++node) node->pass_on();
  }

 private:
  std::deque<Node> nodes_;
};
// [end]

// [affine] y = x W^T + b; by the chain rule dx = dy W, dW = dy^T x, db = the column sums of dy.
inline Node* affine(Tape& tape, Node* x, Node* weight, Node* bias) {
  const int batch = x->value.rows, inputs = x->value.cols, outputs = weight->value.rows;
  Matrix sum(batch, outputs);
  for (int r = 0; r < batch; ++r) {
    for (int o = 0; o < outputs; ++o) {
      sum(r, o) = bias->value(0, o);
      for (int i = 0; i < inputs; ++i) sum(r, o) += x->value(r, i) * weight->value(o, i);
    }
  }
  Node* y = tape.add(std::move(sum));
  y->pass_on = [=] {
    for (int r = 0; r < batch; ++r) {
      for (int o = 0; o < outputs; ++o) {
        const double g = y->gradient(r, o);
        bias->gradient(0, o) += g;
        for (int i = 0; i < inputs; ++i) {
          x->gradient(r, i) += g * weight->value(o, i);
          weight->gradient(o, i) += g * x->value(r, i);
        }
      }
    }
  };
  return y;
}
// [end]

// [activation] y = f(x), number by number; dx = dy f'(x).
inline Node* apply(Tape& tape, Node* x, double (*f)(double), double (*slope)(double)) {
  Matrix values = x->value;
  for (double& v : values.numbers) v = f(v);
  Node* y = tape.add(std::move(values));
  y->pass_on = [=] {
    for (std::size_t i = 0; i < y->gradient.numbers.size(); ++i) {
      x->gradient.numbers[i] += y->gradient.numbers[i] * slope(x->value.numbers[i]);
    }
  };
  return y;
}
inline double tanh_of(double x) { return std::tanh(x); }
inline double tanh_slope(double x) { return 1 - std::tanh(x) * std::tanh(x); }
// [end]

// [loss] The mean of -log softmax(logits)[label]; its gradient is (softmax - one-hot) / batch.
inline Node* cross_entropy(Tape& tape, Node* logits, const std::vector<int>& labels) {
  const int batch = logits->value.rows, classes = logits->value.cols;
  Matrix p = logits->value, mean(1, 1);
  for (int r = 0; r < batch; ++r) {
    double largest = p(r, 0), total = 0;
    for (int c = 1; c < classes; ++c) largest = std::max(largest, p(r, c));
    for (int c = 0; c < classes; ++c) total += p(r, c) = std::exp(p(r, c) - largest);  // no overflow
    for (int c = 0; c < classes; ++c) p(r, c) /= total;
    mean(0, 0) -= std::log(p(r, labels[static_cast<std::size_t>(r)])) / batch;
  }
  Node* loss = tape.add(std::move(mean));
  loss->pass_on = [=] {
    for (int r = 0; r < batch; ++r) {
      for (int c = 0; c < classes; ++c) {
        const double target = c == labels[static_cast<std::size_t>(r)] ? 1 : 0;
        logits->gradient(r, c) += loss->gradient(0, 0) * (p(r, c) - target) / batch;
      }
    }
  };
  return loss;
}
// [end]

// [layer] Weights (outputs, inputs) and biases, which outlive the tape of a step.
struct Linear {
  Matrix weight, bias;
};
// [end]

// [initializer] Xavier: the variance 2 / (inputs + outputs) keeps signal and gradient of tanh about the same size from
// layer to layer.
inline Linear linear(int inputs, int outputs, std::mt19937& random) {
  Linear layer{Matrix(outputs, inputs), Matrix(1, outputs)};
  std::normal_distribution<double> normal(0, std::sqrt(2.0 / (inputs + outputs)));
  for (double& w : layer.weight.numbers) w = normal(random);
  return layer;
}
// [end]

// [net] Layers with tanh between them.
struct Net {
  std::vector<Linear> layers;

  Net(const std::vector<int>& widths, std::mt19937& random) {
    for (std::size_t i = 0; i + 1 < widths.size(); ++i) layers.push_back(linear(widths[i], widths[i + 1], random));
  }

  // The loss of a batch, and the nodes of all parameters in order: weight, bias, weight, bias, ...
  Node* loss(Tape& tape, const Matrix& inputs, const std::vector<int>& labels, std::vector<Node*>& parameters) const {
    Node* h = tape.add(inputs);
    for (std::size_t i = 0; i < layers.size(); ++i) {
      parameters.push_back(tape.add(layers[i].weight));
      parameters.push_back(tape.add(layers[i].bias));
      h = affine(tape, h, parameters[2 * i], parameters[2 * i + 1]);
      if (i + 1 < layers.size()) h = apply(tape, h, tanh_of, tanh_slope);
    }
    return cross_entropy(tape, h, labels);
  }
};
// [end]

// [training] Plain gradient descent on all samples: a new tape a step, and a step against the gradient.
inline double train(Net& net, const Matrix& inputs, const std::vector<int>& labels, double rate, int steps) {
  double last = 0;
  for (int step = 0; step < steps; ++step) {
    Tape tape;
    std::vector<Node*> parameters;
    Node* loss = net.loss(tape, inputs, labels, parameters);
    tape.backward(loss);
    for (std::size_t i = 0; i < parameters.size(); ++i) {
      Matrix& held = i % 2 == 0 ? net.layers[i / 2].weight : net.layers[i / 2].bias;
      for (std::size_t k = 0; k < held.numbers.size(); ++k)
        held.numbers[k] -= rate * parameters[i]->gradient.numbers[k];
    }
    last = loss->value(0, 0);
  }
  return last;
}
// [end]

}  // namespace from_scratch
