// A program of somebody else's: its own activation, its own data, its own training loop.
#include <evengrad/evengrad.hpp>

#include <cstdio>

using namespace evengrad;

struct Bump {
  static constexpr std::string_view name = "bump";
  template <class T>
  T operator()(const T& x) const {
    return x * exp(-x * x);
  }
};

int main() {
  auto net = mlp<double>({.inputs = 1, .hidden = {16}, .outputs = 1, .activations = {make_activation<Bump>()}});
  net.initialize(initializer("lecun"), Rng(1));
  Optimizer<double> adam({.name = "adam", .learning_rate = 0.01});
  const Matrix<double> x = Matrix<double>::NullaryExpr(32, 1, [](Index i) { return static_cast<double>(i) / 16 - 1; });
  const Matrix<double> y = (3 * x.array()).sin();
  double first = 0, last = 0;
  Tape<double> tape;
  for (int step = 0; step < 400; ++step) {
    tape.clear();
    const Var<double> loss = mean_squared_error(net.forward(tape.constant(x), {.training = true}), tape.constant(y));
    adam.step(net, tape.backward(loss));
    last = loss.item();
    if (step == 0) first = last;
  }
  std::printf("loss %g -> %g\n", first, last);
  return last < 0.01 * first ? 0 : 1;
}
