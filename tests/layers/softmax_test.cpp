#include <evengrad/layers/softmax.hpp>

#include "../matrices.hpp"

#include <cmath>
#include <limits>

namespace evengrad {
namespace {

TEST(Softmax, KnownValues) {
  Tape<double> tape;
  const Var<double> x = tape.constant(Matrix<double>{{0, 2 * std::log(3.0)}});
  EXPECT_NEAR(softmax(x).value()(0, 1), 0.9, 1e-15);
  EXPECT_NEAR(softmax(x, 2).value()(0, 1), 0.75, 1e-15);
  EXPECT_NEAR(log_softmax(x, 2).value()(0, 0), std::log(0.25), 1e-15);
}

TEST(Softmax, RowsSumToOneWhateverTheirSize) {
  Tape<float> tape;
  const Matrix<float> y = softmax(tape.constant(1e4f * random_matrix<float>(50, 9, 1))).value();
  EXPECT_TRUE(y.allFinite());
  EXPECT_LT((y.rowwise().sum().array() - 1).abs().maxCoeff(), 1e-6f);
}

template <class S>
class WideSoftmax : public ::testing::Test {};
using Reals = ::testing::Types<float, double>;
TYPED_TEST_SUITE(WideSoftmax, Reals);

// Against sums in long double, and a gradient whose sum over a row must vanish.
TYPED_TEST(WideSoftmax, AMillionColumns) {
  using S = TypeParam;
  constexpr Index columns = 1'000'000;
  const double unit = static_cast<double>(std::numeric_limits<S>::epsilon());
  const double summed = 1e3 * 0x1p-53;  // a million roundings in double, as a random walk
  const Matrix<S> x = S(3) * random_matrix<S>(2, columns, 1);
  Tape<S> tape;
  const Var<S> in = tape.variable(x);
  const Var<S> y = softmax(in), log_y = log_softmax(in);
  for (Index r = 0; r < x.rows(); ++r) {
    long double sum = 0, total = 0;
    for (Index c = 0; c < columns; ++c) sum += std::exp(static_cast<long double>(x(r, c)));
    const long double log_sum = std::log(sum);
    double worst = 0, worst_log = 0;
    for (Index c = 0; c < columns; ++c) {
      const auto exact = static_cast<double>(static_cast<long double>(x(r, c)) - log_sum);
      worst = std::max(worst, std::abs(static_cast<double>(y.value()(r, c)) / std::exp(exact) - 1));
      worst_log = std::max(worst_log, std::abs(static_cast<double>(log_y.value()(r, c)) - exact) / std::abs(exact));
      total += static_cast<long double>(y.value()(r, c));
    }
    EXPECT_LT(worst, 16 * unit + summed);  // the rounding of x - max, up to 30, counts
    EXPECT_LT(worst_log, 2 * unit + summed);
    EXPECT_LT(std::abs(static_cast<double>(total - 1)), 4 * unit + summed);
  }
  const Matrix<S> seed = random_matrix<S>(2, columns, 2);
  for (const Var<S>& out : {y, log_y}) {
    const Matrix<S> gradient = tape.backward(out, seed)[in];
    EXPECT_TRUE(gradient.allFinite());
    const double size = gradient.template cast<double>().cwiseAbs().sum();
    EXPECT_LT(gradient.template cast<double>().rowwise().sum().cwiseAbs().maxCoeff(), 2 * unit * size);
  }
}

TEST(LogSoftmax, IsFiniteWhereTheProbabilityIsRoundedToZero) {
  Tape<float> tape;
  const Var<float> x = tape.constant(Matrix<float>{{0, 500}});
  EXPECT_EQ(softmax(x).value()(0, 0), 0);
  EXPECT_EQ(log_softmax(x).value()(0, 0), -500);
}

TEST(Softmax, TemperaturesOutOfRangeAreRefused) {
  Tape<float> tape;
  const Var<float> x = tape.constant(Matrix<float>::Zero(1, 2));
  for (const double t : {0.0, -1.0, std::nan(""), HUGE_VAL}) {
    EXPECT_THROW(softmax(x, t), UsageError) << t;
    EXPECT_THROW(log_softmax(x, t), UsageError) << t;
  }
  EXPECT_THROW(softmax(tape.constant(Matrix<float>(2, 0))), ShapeError);
}

}  // namespace
}  // namespace evengrad
