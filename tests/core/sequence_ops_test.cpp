#include <evengrad/core/gradient_check.hpp>
#include <evengrad/core/ops.hpp>
#include <evengrad/core/sequence_ops.hpp>

#include "../matrices.hpp"
#include "../temp_folder.hpp"

#include <limits>
#include <vector>

namespace evengrad {
namespace {

template <class S>
class SequenceOps : public ::testing::Test {};
using Reals = ::testing::Types<float, double>;
TYPED_TEST_SUITE(SequenceOps, Reals);

// ---- embedding ------------------------------------------------------------------------------------------------------

TYPED_TEST(SequenceOps, EmbeddingLooksRowsUpAndAddsTheirGradients) {
  using S = TypeParam;
  Tape<S> tape;
  Matrix<S> tokens(6, 1), weight(3, 2);
  tokens << 2, 0, 2, 2, 1, 0;
  weight << 1, 2, 3, 4, 5, 6;
  const Var<S> w = tape.variable(weight);
  const Var<S> y = embedding(tape.constant(tokens, {2, 3, 1}), w);
  EXPECT_EQ(y.shape(), (Shape{2, 3, 2}));
  Matrix<S> expected(6, 2);
  expected << 5, 6, 1, 2, 5, 6, 5, 6, 3, 4, 1, 2;
  EXPECT_EQ(y.value(), expected);
  Matrix<S> g(6, 2), sums(3, 2);
  g << 1, 10, 2, 20, 3, 30, 4, 40, 5, 50, 6, 60;
  sums << 8, 80, 5, 50, 8, 80;
  EXPECT_EQ(tape.backward(y, g)[w], sums);
}

TYPED_TEST(SequenceOps, ARowOfTokensIsASequence) {
  using S = TypeParam;
  Tape<S> tape;
  Matrix<S> tokens(2, 3);
  tokens << 2, 0, 2, 2, 1, 0;
  const Matrix<S> weight = random_matrix<S>(3, 4, 1);
  const Var<S> w = tape.constant(weight);
  const Var<S> y = embedding(tape.constant(tokens), w);
  EXPECT_EQ(y.shape(), (Shape{2, 3, 4}));
  EXPECT_EQ(y.value(), embedding(tape.constant(tokens.template reshaped<Eigen::RowMajor>(), {2, 3, 1}), w).value());
}

TYPED_TEST(SequenceOps, PaddingIsNotLookedUp) {
  using S = TypeParam;
  Tape<S> tape;
  Matrix<S> tokens(4, 1);
  tokens << 1, -7, 0, 2;
  const std::int32_t lengths[] = {1, 2};
  Shape shape{2, 2, 1};
  shape.lengths = lengths;
  const Matrix<S> weight = random_matrix<S>(3, 4, 1);
  const Var<S> w = tape.variable(weight);
  const Var<S> y = embedding(tape.constant(tokens, shape), w);
  EXPECT_EQ(y.shape().length(0), 1);
  EXPECT_EQ(y.value().row(1), Matrix<S>::Zero(1, 4));
  EXPECT_EQ(y.value().row(3), weight.row(2));
  EXPECT_EQ(tape.backward(y, Matrix<S>::Ones(4, 4))[w], Matrix<S>::Ones(3, 4));  // each token once, the padding not
}

TYPED_TEST(SequenceOps, ATokenThatThereIsNotIsNamed) {
  using S = TypeParam;
  Tape<S> tape;
  const Var<S> w = tape.constant(Matrix<S>::Zero(27, 2));
  const auto refusal = [&](S token) {
    Matrix<S> tokens = Matrix<S>::Zero(6, 1);
    tokens(4, 0) = token;
    return error_of<Error>([&] { embedding(tape.constant(tokens, {2, 3, 1}), w); });
  };
  EXPECT_EQ(refusal(27), "[embedding] token 27 at position 1 of sample 1: expected a whole number from 0 to 26");
  for (const S wrong : {S(-1), S(0.5), std::numeric_limits<S>::quiet_NaN(), S(1e30)}) EXPECT_NE(refusal(wrong), "");
  EXPECT_EQ(error_of<ShapeError>([&] {
              embedding(tape.constant(Matrix<S>::Zero(6, 2), {2, 3, 2}), w);
            }),
            "[embedding] input is (2, 3, 2): expected tokens, (batch, time, 1) or (batch, time)");
}

TEST(SequenceGradients, OfTheEmbedding) {
  Matrix<double> tokens(6, 1);
  tokens << 2, 0, 2, 2, 1, 0;
  const auto result = gradient_check(
      [&](Tape<double>& tape, std::span<const Var<double>> in) {
        return embedding(tape.constant(tokens, {2, 3, 1}), in[0]);
      },
      {random_matrix<double>(4, 3, 1)});
  EXPECT_TRUE(result.ok()) << result.str();
}

}  // namespace
}  // namespace evengrad
