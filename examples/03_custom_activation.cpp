// 3. A custom activation in one struct, and a training loop of one's own.
#include <evengrad/evengrad.hpp>

#include <iostream>

using namespace evengrad;

// The formula, written once. On Lanes it is the forward pass; on Dual<Lanes> it gives value and exact derivative.
struct Ripple {
  static constexpr std::string_view name = "ripple";
  template <class T>
  T operator()(const T& x) const {
    return x + 0.5 * sin(2.0 * x);
  }
};

int main() {
  // Registered, it is known by name everywhere: to activation(), to formulas and to saved models.
  add_activation<Ripple>();
  const Activation ripple = activation("ripple");
  std::cout << "ripple(1) = " << ripple.value(1) << ", ripple'(1) = " << ripple.derivative(1) << '\n';

  // A regression on y = sin(3 x), with our own loop.
  const Matrix<float> x = Matrix<float>::NullaryExpr(64, 1, [](Index i) { return static_cast<float>(i) / 32 - 1; });
  const Matrix<float> y = (3 * x.array()).sin();

  auto net = mlp<float>({.inputs = 1, .hidden = {32, 32}, .outputs = 1, .activations = {ripple}});
  net.initialize(initializer("lecun"), Rng(1));
  Optimizer<float> adam({.name = "adam", .learning_rate = 3e-3f});
  Tape<float> tape;
  float loss = 0;
  for (int step = 0; step < 500; ++step) {
    tape.clear();
    const Var<float> prediction = net.forward(tape.constant(x), {.training = true});
    const Var<float> error = mean_squared_error(prediction, tape.constant(y));
    adam.step(net, tape.backward(error));
    loss = error.item();
  }
  std::cout << "mean squared error " << loss << '\n';
  return loss < 1e-3f ? 0 : 1;
}
