#include <evengrad/core/gradient_check.hpp>
#include <evengrad/core/ops.hpp>
#include <evengrad/core/sequence_ops.hpp>

#include "../matrices.hpp"
#include "../temp_folder.hpp"

#include <complex>
#include <limits>
#include <utility>
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

// ---- positions and the last row -------------------------------------------------------------------------------------

TYPED_TEST(SequenceOps, PositionsAreAddedRowByRowAndPaddingTeachesThemNothing) {
  using S = TypeParam;
  Tape<S> tape;
  const std::int32_t lengths[] = {1, 3};
  Shape shape{2, 3, 4};
  shape.lengths = lengths;
  const Matrix<S> xs = random_matrix<S>(6, 4, 1), ps = random_matrix<S>(5, 4, 2), g = random_matrix<S>(6, 4, 3);
  const Var<S> x = tape.variable(xs, shape), p = tape.variable(ps);
  const Var<S> y = add_positions(x, p);
  for (Index t = 0; t < 6; ++t) EXPECT_TRUE(same_bits(y.value().row(t), xs.row(t) + ps.row(t % 3)));
  const Gradients<S> gradients = tape.backward(y, g);
  Matrix<S> expected = Matrix<S>::Zero(5, 4);
  expected.row(0) = g.row(0) + g.row(3);
  expected.row(1) = g.row(4);
  expected.row(2) = g.row(5);
  EXPECT_TRUE(same_bits(gradients[p], expected));
  EXPECT_TRUE(same_bits(gradients[x], g));
  EXPECT_EQ(
      error_of<ShapeError>([&] {
        add_positions(tape.constant(Matrix<S>::Zero(12, 4), {2, 6, 4}), p);
      }),
      "[positions] input is (2, 6, 4), there are 5 positions of 4 numbers: expected no more rows a sample, and as "
      "many columns");
}

TYPED_TEST(SequenceOps, LastIsTheLastRowThatCounts) {
  using S = TypeParam;
  Tape<S> tape;
  const std::int32_t lengths[] = {2, 3, 1};
  Shape shape{3, 3, 2};
  shape.lengths = lengths;
  const Matrix<S> xs = random_matrix<S>(9, 2, 1), g = random_matrix<S>(3, 2, 2);
  const Var<S> x = tape.variable(xs, shape), y = last(x);
  EXPECT_EQ(y.shape(), (Shape{3, 2}));
  Matrix<S> expected = Matrix<S>::Zero(3, 2), slopes = Matrix<S>::Zero(9, 2);
  expected.row(0) = xs.row(1);
  expected.row(1) = xs.row(5);
  expected.row(2) = xs.row(6);
  slopes.row(6) = g.row(2);
  slopes.row(1) = g.row(0);
  slopes.row(5) = g.row(1);
  EXPECT_TRUE(same_bits(y.value(), expected));
  EXPECT_TRUE(same_bits(tape.backward(y, g)[x], slopes));
}

// ---- attention ------------------------------------------------------------------------------------------------------

struct AttentionCase {
  Shape shape;  // of the output
  AttentionOptions options;
  std::vector<std::int32_t> lengths = {};

  Shape inputs() const {
    Shape in = shape.with_cols(3 * shape.cols);
    if (!lengths.empty()) in.lengths = lengths.data();
    return in;
  }
};

// More than one tile, with a rest; one row; one head of one column.
const std::vector<AttentionCase>& attention_cases() {
  static const std::vector<AttentionCase> list = {
      {{2, 5, 6}, {.heads = 2}},
      {{2, 5, 6}, {.heads = 2, .causal = true}},
      {{3, 4, 8}, {.heads = 2, .causal = true, .rope = 10'000}},
      {{3, 4, 8}, {.heads = 4, .qk_norm = true}},
      {{2, 7, 12}, {.heads = 3, .causal = true, .rope = 100, .qk_norm = true}},
      {{3, 4, 4}, {.heads = 1}, {4, 1, 2}},
      {{3, 5, 8}, {.heads = 2, .causal = true, .rope = 50, .qk_norm = true}, {2, 5, 3}},
      {{1, 1, 1}, {.heads = 1, .causal = true}},
      {{1, 75, 4}, {.heads = 2, .causal = true}},
      {{2, 70, 4}, {.heads = 1}, {70, 33}},
  };
  return list;
}

using LongMatrix = Eigen::Matrix<long double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

// The definition, one number after the other.
LongMatrix reference(const AttentionCase& test, const Matrix<double>& x) {
  const Index n = test.shape.cols, heads = test.options.heads, d = n / heads, time = test.shape.rows;
  LongMatrix out = LongMatrix::Zero(x.rows(), n);
  for (Index b = 0; b < test.shape.blocks; ++b) {
    const Index rows = test.inputs().length(b);
    for (Index h = 0; h < heads; ++h) {
      const auto part = [&](Index which, bool turn) {
        LongMatrix m = x.block(b * time, which * n + h * d, rows, d).cast<long double>();
        for (Index t = 0; t < rows && turn; ++t) {
          if (test.options.qk_norm) m.row(t) /= std::sqrt(m.row(t).squaredNorm() / static_cast<long double>(d) + 1e-6L);
          if (test.options.rope == 0) continue;
          for (Index i = 0; i < d / 2; ++i) {
            const std::complex<long double> turned =
                std::complex(m(t, i), m(t, i + d / 2)) *
                std::polar(1.0L, static_cast<long double>(t) *
                                     std::pow(static_cast<long double>(test.options.rope),
                                              -2.0L * static_cast<long double>(i) / static_cast<long double>(d)));
            m(t, i) = turned.real();
            m(t, i + d / 2) = turned.imag();
          }
        }
        return m;
      };
      const LongMatrix q = part(0, true), k = part(1, true), v = part(2, false);
      for (Index r = 0; r < rows; ++r) {
        const Index columns = test.options.causal ? r + 1 : rows;
        long double total = 0;
        Eigen::Matrix<long double, 1, Eigen::Dynamic> sum = Eigen::Matrix<long double, 1, Eigen::Dynamic>::Zero(d);
        for (Index c = 0; c < columns; ++c) {
          const long double weight = std::exp(q.row(r).dot(k.row(c)) / std::sqrt(static_cast<long double>(d)));
          total += weight;
          sum += weight * v.row(c);
        }
        out.block(b * time + r, h * d, 1, d) = sum / total;
      }
    }
  }
  return out;
}

std::string name_of(const AttentionCase& test) {
  return text(test.shape, ", ", test.options.heads, " heads, causal ", test.options.causal, ", rope ",
              test.options.rope, ", qk norm ", test.options.qk_norm, ", lengths ", test.lengths.size());
}

TEST(Attention, IsItsDefinition) {
  for (const AttentionCase& test : attention_cases()) {
    const Matrix<double> x = random_matrix<double>(test.shape.matrix_rows(), 3 * test.shape.cols, 1);
    const Matrix<double> exact = reference(test, x).cast<double>();
    for (const bool recording : {true, false}) {
      Tape<double> tape({.recording = recording});
      const Var<double> y = attention(tape.variable(x, test.inputs()), test.options);
      EXPECT_EQ(y.shape(), test.shape);
      EXPECT_LE((y.value() - exact).cwiseAbs().maxCoeff(), 1e-13) << name_of(test);
      Tape<float> single({.recording = recording});
      const Var<float> z = attention(single.variable(x.cast<float>(), test.inputs()), test.options);
      EXPECT_LE((z.value().cast<double>() - exact).cwiseAbs().maxCoeff(), 1e-5) << name_of(test);
    }
  }
}

TEST(Attention, LargeScoresDoNotOverflow) {
  Tape<float> tape;
  const Var<float> y = attention(tape.constant(1e4f * random_matrix<float>(6, 12, 1), {2, 3, 12}), {.heads = 2});
  EXPECT_TRUE(y.value().allFinite());
}

TEST(SequenceGradients, OfAttention) {
  for (const AttentionCase& test : attention_cases()) {
    const auto result = gradient_check(
        [&](Tape<double>& tape, std::span<const Var<double>> in) {
          return attention(tape.reshape(in[0], test.inputs()), test.options);
        },
        {random_matrix<double>(test.shape.matrix_rows(), 3 * test.shape.cols, 2)}, {.max_entries = 200});
    EXPECT_TRUE(result.ok()) << name_of(test) << ": " << result.str();
    const auto twice = gradient_check(  // the second contribution adds
        [&](Tape<double>& tape, std::span<const Var<double>> in) {
          const Var<double> x = tape.reshape(in[0], test.inputs());
          return attention(x, test.options) + scale(attention(x, test.options), 0.5);
        },
        {random_matrix<double>(test.shape.matrix_rows(), 3 * test.shape.cols, 2)}, {.max_entries = 50});
    EXPECT_TRUE(twice.ok()) << name_of(test) << ": " << twice.str();
  }
}

TYPED_TEST(SequenceOps, AttentionOfPaddingIsZeroAndWithoutGradient) {
  using S = TypeParam;
  for (const AttentionCase& test : attention_cases()) {
    if (test.lengths.empty()) continue;
    const Matrix<S> x = random_matrix<S>(test.shape.matrix_rows(), 3 * test.shape.cols, 1),
                    g = random_matrix<S>(test.shape.matrix_rows(), test.shape.cols, 2);
    Matrix<S> other = x;
    const auto outcome = [&](const Matrix<S>& values) {
      Tape<S> tape;
      const Var<S> v = tape.variable(values, test.inputs()), y = attention(v, test.options);
      return std::pair<Matrix<S>, Matrix<S>>(y.value(), tape.backward(y, g)[v]);
    };
    for (Index b = 0; b < test.shape.blocks; ++b) {
      other.middleRows(b * test.shape.rows, test.shape.rows)
          .bottomRows(test.shape.rows - test.lengths[b])
          .setConstant(9);
    }
    const auto [y, slopes] = outcome(x);
    const auto [same_y, same_slopes] = outcome(other);
    EXPECT_TRUE(same_bits(y, same_y));
    EXPECT_TRUE(same_bits(slopes, same_slopes));
    for (Index b = 0; b < test.shape.blocks; ++b) {
      for (Index t = test.lengths[b]; t < test.shape.rows; ++t) {
        EXPECT_EQ(y.row(b * test.shape.rows + t).squaredNorm(), 0);
        EXPECT_EQ(slopes.row(b * test.shape.rows + t).squaredNorm(), 0);
      }
    }
  }
}

// Causal: what comes later changes no bit of what was before, so a text can be written token by token.
TYPED_TEST(SequenceOps, ThePastDoesNotSeeTheFuture) {
  using S = TypeParam;
  Tape<S> tape;
  const AttentionOptions options{.heads = 2, .causal = true, .rope = 10'000};
  const Matrix<S> x = random_matrix<S>(75, 24, 1);
  const Matrix<S> all = attention(tape.constant(x, {1, 75, 24}), options).value();
  for (const Index rows : {1, 2, 31, 32, 33, 64, 70}) {
    const Var<S> start = attention(tape.constant(x.topRows(rows), {1, rows, 24}), options);
    EXPECT_TRUE(same_bits(start.value(), all.topRows(rows))) << rows;
  }
}

TYPED_TEST(SequenceOps, AttentionHasTheSameBitsAloneAndOnAnyThreads) {
  using S = TypeParam;
  const Shape shape{9, 150, 48};  // enough for several threads
  const AttentionOptions options{.heads = 3, .causal = true, .rope = 10'000, .qk_norm = true};
  const Matrix<S> x = random_matrix<S>(shape.matrix_rows(), 3 * shape.cols, 1),
                  g = random_matrix<S>(shape.matrix_rows(), shape.cols, 2);
  const auto outcome = [&](Index first, Index samples, int threads) {
    Tape<S> tape({.threads = threads});
    const Index begin = first * shape.rows, rows = samples * shape.rows;
    const Var<S> v = tape.variable(x.middleRows(begin, rows), {samples, shape.rows, x.cols()});
    const Var<S> y = attention(v, options);
    return std::pair<Matrix<S>, Matrix<S>>(y.value(), tape.backward(y, g.middleRows(begin, rows))[v]);
  };
  const auto [y, slopes] = outcome(0, 9, 1);
  for (const int threads : {2, 3, 7}) {
    const auto [other_y, other_slopes] = outcome(0, 9, threads);
    EXPECT_TRUE(same_bits(other_y, y));
    EXPECT_TRUE(same_bits(other_slopes, slopes));
  }
  for (const Index b : {0, 4, 8}) {
    const auto [alone, alone_slopes] = outcome(b, 1, 2);
    EXPECT_TRUE(same_bits(alone, y.middleRows(b * 150, 150)));
    EXPECT_TRUE(same_bits(alone_slopes, slopes.middleRows(b * 150, 150)));
  }
}

TEST(Attention, ShapesThatDoNotFitAreNamed) {
  Tape<double> tape;
  const Var<double> x = tape.constant(Matrix<double>::Zero(6, 12), {2, 3, 12});
  EXPECT_EQ(error_of<ShapeError>([&] { attention(x, {.heads = 3}); }),
            "[attention] input is (2, 3, 12): expected queries, keys and values of 3 heads, a multiple of 9 columns");
  EXPECT_EQ(error_of<ShapeError>([&] { attention(x, {.heads = 4, .rope = 10}); }),
            "[attention] input is (2, 3, 12): rotary positions turn pairs, expected an even number of columns a head, "
            "got 1");
}

}  // namespace
}  // namespace evengrad
