// 1. Values, ops and gradients.
//
// A tape records what is computed. backward() walks it in reverse and returns the gradients as a value.
#include <evengrad/evengrad.hpp>

#include <iostream>

using namespace evengrad;

int main() {
  Tape<double> tape;

  // A variable is an input whose gradient we want; matrices are row-major (rows, columns).
  const Matrix<double> numbers{{1, 2}, {3, 4}};
  const Var<double> x = tape.variable(numbers);

  // y = mean(x * x + 3 x), recorded as it is computed.
  const Var<double> y = mean(x * x + scale(x, 3));
  std::cout << "y = " << y.item() << '\n';

  // dy/dx = (2 x + 3) / 4, as we expect from the formula.
  const Gradients<double> gradients = tape.backward(y);
  std::cout << "dy/dx =\n" << gradients[x] << '\n';
  const Matrix<double> expected = (2 * numbers.array() + 3) / 4;
  if (!gradients[x].isApprox(expected, 1e-14)) return 1;

  // A step ends with clear(): x and y are gone, the gradients are a value and stay.
  tape.clear();
  return 0;
}
