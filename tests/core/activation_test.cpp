#include <evengrad/core/activation.hpp>

#include "../matrices.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace evengrad {
namespace {

// a x^2: a formula with a parameter.
struct Parabola {
  static constexpr std::string_view name = "parabola";
  double a = 1;
  template <class T>
  T operator()(const T& x) const {
    return a * x * x;
  }
};

// |x - at|: its kink depends on its parameter.
struct Valley {
  static constexpr std::string_view name = "valley";
  double at = 0;
  Kinks kinks() const { return {at}; }
  template <class T>
  T operator()(const T& x) const {
    return where(x > at, x - at, at - x);
  }
};

template <class S>
class ActivationTest : public ::testing::Test {};
using Reals = ::testing::Types<float, double>;
TYPED_TEST_SUITE(ActivationTest, Reals);

TYPED_TEST(ActivationTest, GivesValueAndDerivativeOfAFormulaForEveryCount) {
  using S = TypeParam;
  const Activation f = make_activation(Parabola{3});
  for (Index count = 0; count <= 40; ++count) {
    std::vector<S> z(static_cast<std::size_t>(count)), y(z.size() + 1, S(-7)), d = y, only = y;
    for (Index i = 0; i < count; ++i) z[static_cast<std::size_t>(i)] = static_cast<S>(0.25 * double(i) - 3);
    f(z.data(), y.data(), d.data(), count);
    f(z.data(), only.data(), static_cast<S*>(nullptr), count);
    for (std::size_t i = 0; i < z.size(); ++i) {
      EXPECT_EQ(y[i], S(3) * z[i] * z[i]);  // exact: few bits
      EXPECT_EQ(d[i], S(6) * z[i]);
    }
    EXPECT_EQ(only, y);
    EXPECT_EQ(y.back(), S(-7)) << "written beyond " << count;
    EXPECT_EQ(d.back(), S(-7)) << "written beyond " << count;
  }
}

TYPED_TEST(ActivationTest, MayWriteOverItsInput) {
  using S = TypeParam;
  const Activation f = make_activation(TestTanh{});
  const Matrix<S> z = random_matrix<S>(3, 15, 1);
  Matrix<S> apart(3, 15), apart_d(3, 15), in_place = z, in_place_d(3, 15);
  f(z.data(), apart.data(), apart_d.data(), z.size());
  f(in_place.data(), in_place.data(), in_place_d.data(), z.size());
  EXPECT_TRUE(same_bits(in_place, apart));
  EXPECT_TRUE(same_bits(in_place_d, apart_d));
}

TYPED_TEST(ActivationTest, AnElementDoesNotDependOnItsNeighbours) {
  using S = TypeParam;
  const Activation f = make_activation(TestTanh{});
  const Matrix<S> z = 5 * random_matrix<S>(1, 67, 2);
  Matrix<S> y(1, 67), d(1, 67);
  f(z.data(), y.data(), d.data(), 67);
  for (Index i = 0; i < 67; ++i) {
    S value, derivative;
    f(z.data() + i, &value, &derivative, 1);
    EXPECT_EQ(value, y(0, i));
    EXPECT_EQ(derivative, d(0, i));
  }
}

TYPED_TEST(ActivationTest, TheDefaultIsTheIdentity) {
  using S = TypeParam;
  const Activation f;
  EXPECT_TRUE(f.is_identity());
  EXPECT_EQ(f.name(), "identity");
  const S z[3] = {-1, 0, 2};
  S y[3], d[3];
  f(z, y, d, 3);
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(y[i], z[i]);
    EXPECT_EQ(d[i], S(1));
  }
}

TEST(Activation, KnowsItsNameAndKinks) {
  const Activation parabola = make_activation(Parabola{2}, "parabola(2)");
  EXPECT_EQ(parabola.name(), "parabola(2)");
  EXPECT_FALSE(parabola.is_identity());
  EXPECT_TRUE(parabola.kinks().empty());
  EXPECT_EQ(make_activation(Valley{1.5}).kinks(), Kinks{1.5});
  EXPECT_EQ(make_activation(TestHinge{}).kinks(), (Kinks{0, 2}));
}

TEST(Activation, TellsValueAndDerivativeOfOneNumber) {
  const Activation f = make_activation(Valley{1});
  EXPECT_EQ(f.value(3), 2);
  EXPECT_EQ(f.derivative(3), 1);
  EXPECT_EQ(f.value(-1), 2);
  EXPECT_EQ(f.derivative(-1), -1);
}

TEST(Activation, CopiesShareTheFormulaAndOutliveTheOriginal) {
  Activation copy;
  {
    const Activation original = make_activation(Parabola{4});
    copy = original;
  }
  EXPECT_EQ(copy.value(2), 16);
}

}  // namespace
}  // namespace evengrad
