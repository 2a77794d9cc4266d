#include <evengrad/layers/softmax.hpp>

#include "../matrices.hpp"

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
