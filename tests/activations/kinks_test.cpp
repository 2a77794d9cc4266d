#include <evengrad/activations/formula.hpp>

#include <gtest/gtest.h>

#include <cmath>

namespace evengrad {
namespace {

void expect_kinks(const char* formula, const Kinks& expected) {
  const Kinks found = formula_activation(formula).kinks();
  ASSERT_EQ(found.size(), expected.size()) << formula;
  for (std::size_t i = 0; i < expected.size(); ++i) EXPECT_NEAR(found[i], expected[i], 1e-12) << formula;
}

TEST(Kinks, AreFoundWhereTheFormulaSwitches) {
  expect_kinks("abs(x)", {0});
  expect_kinks("sign(x - 2)", {2});
  expect_kinks("max(x, 0)", {0});
  expect_kinks("min(max(x, -1), 1)", {-1, 1});
  expect_kinks("where(x > 0.5, x, 0)", {0.5});
  expect_kinks("where(x > 0.1, x, 0)", {0.1});
  expect_kinks("where(x^2 < 2, 1, x)", {-std::sqrt(2.0), std::sqrt(2.0)});
  expect_kinks("max(sin(x), 0) + 0*min(x, 49)", [] {
    Kinks zeros;
    for (int k = -15; k <= 15; ++k) zeros.push_back(k * 3.14159265358979323846);
    return zeros;
  }());
  expect_kinks("relu(2*x - 3)", {1.5});
  expect_kinks("relu6(x/2) + hard_tanh(x)", {-1, 0, 1, 12});
  expect_kinks("leaky_relu(exp(x) - 2, 0.2)", {std::log(2.0)});
  expect_kinks("1e-8*abs(x)", {0});
  expect_kinks("1e8*abs(x)", {0});
  expect_kinks("max(0, 1e-4 - x^2)", {-0.01, 0.01});
  expect_kinks("where(x == 1, 5, x)", {1});
  expect_kinks("relu(max(x, 0.001))", {0.001});
}

TEST(Kinks, OfTheSecondDerivativeCount) {
  expect_kinks("x*abs(x)", {0});
  expect_kinks("elu(x)", {0});
  expect_kinks("x/(1 + abs(x))", {0});
}

TEST(Kinks, ArePlacesWithoutAValueToo) {
  expect_kinks("1/x", {0});
  expect_kinks("x/(x^2 - 4)", {-2, 2});
  expect_kinks("log(x)", {0});
  expect_kinks("sqrt(abs(x - 1))", {1});
  expect_kinks("where(x > 0, sqrt(x), 0)", {0});
}

TEST(Kinks, AreNotFoundInSmoothFormulas) {
  expect_kinks("x*sigmoid(x)", {});
  expect_kinks("abs(x)^2", {});
  expect_kinks("where(x > 1, x^2, x*x)", {});
  expect_kinks("max(x, x)", {});
  expect_kinks("abs(x^2 + 1)", {});
  expect_kinks("x/(1 + x^2)", {});
  expect_kinks("relu(x) - relu(-x)", {});
  expect_kinks("1e6*x*tanh(100*x) + where(x > 0, 0*x, 0)", {});
}

}  // namespace
}  // namespace evengrad
