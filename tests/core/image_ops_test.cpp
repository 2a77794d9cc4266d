// The ops of images against sums written out, with errors planted, and on input that they must refuse.
#include <evengrad/core/gradient_check.hpp>
#include <evengrad/core/image_ops.hpp>
#include <evengrad/core/ops.hpp>

#include "../matrices.hpp"
#include "../temp_folder.hpp"

#include <cmath>
#include <limits>

namespace evengrad {
namespace {

// What PyTorch's conv2d does, as a sum: x (B, H W, C), weight (O, C/groups k k).
Matrix<double> convolved(const Matrix<double>& x, const Shape& in, const Matrix<double>& weight,
                         const Matrix<double>& bias, const Window& window, Index groups) {
  const Shape out = windowed("test", in, window, weight.rows());
  const Index k = window.size, depth = in.cols / groups, filters = out.cols / groups;
  Matrix<double> y(out.matrix_rows(), out.cols);
  for (Index b = 0; b < in.blocks; ++b) {
    for (Index p = 0; p < out.rows; ++p) {
      for (Index o = 0; o < out.cols; ++o) {
        double sum = bias(0, o);
        for (Index c = 0; c < depth; ++c) {
          for (Index t = 0; t < k * k; ++t) {
            const Index iy = p / out.width * window.stride - window.before + t / k;
            const Index ix = p % out.width * window.stride - window.before + t % k;
            if (iy < 0 || ix < 0 || iy >= in.height || ix >= in.width) continue;
            sum += weight(o, c * k * k + t) * x((b * in.height + iy) * in.width + ix, o / filters * depth + c);
          }
        }
        y(b * out.rows + p, o) = sum;
      }
    }
  }
  return y;
}

struct Case {
  Shape in;
  Window window;
  Index outputs, groups;
};

const std::vector<Case>& cases() {
  static const std::vector<Case> list = {
      {Shape::image(3, 5, 4, 2), Window::same(3), 3, 1},    {Shape::image(2, 6, 7, 3), {3, 2, 0, 0}, 4, 1},
      {Shape::image(2, 6, 5, 1), Window::same(5), 2, 1},    {Shape::image(2, 5, 5, 3), Window::same(2), 2, 1},
      {Shape::image(2, 7, 5, 4), Window::same(3, 2), 6, 2}, {Shape::image(2, 4, 4, 4), Window::same(3), 4, 4},
      {Shape::image(2, 6, 4, 3), {2, 2, 0, 0}, 3, 3},       {Shape::image(2, 3, 3, 2), {1, 1, 0, 0}, 5, 1},
      {Shape::image(1, 3, 2, 2), {4, 3, 3, 6}, 2, 1},       {Shape::image(2, 4, 4, 2), Window::same(3), 4, 2},
      {Shape::image(1, 40, 40, 24), Window::same(3), 2, 1},  // more than one tile of patches
  };
  return list;
}

TEST(Convolve, IsTheSumWrittenOut) {
  for (const auto& [in, window, outputs, groups] : cases()) {
    const Matrix<double> x = random_matrix<double>(in.matrix_rows(), in.cols, 1);
    const Matrix<double> w = random_matrix<double>(outputs, in.cols / groups * window.size * window.size, 2);
    const Matrix<double> b = random_matrix<double>(1, outputs, 3);
    const Matrix<double> expected = convolved(x, in, w, b, window, groups);
    Tape<double> tape;
    const Var<double> y = convolve(tape.constant(x, in), tape.constant(w), tape.constant(b), window, groups);
    ASSERT_EQ(y.rows(), expected.rows());
    EXPECT_LT((y.value() - expected).cwiseAbs().maxCoeff(), 1e-12) << y.shape();
    const Var<double> plain = convolve(tape.constant(x, in), tape.constant(w), {}, window, groups);
    const Matrix<double> none = Matrix<double>::Zero(1, outputs);
    EXPECT_LT((plain.value() - convolved(x, in, w, none, window, groups)).cwiseAbs().maxCoeff(), 1e-12) << y.shape();
  }
}

TEST(Convolve, GradientsAreRight) {
  const Activation tanh = make_activation(TestTanh{});
  for (const auto& [in, window, outputs, groups] : cases()) {
    if (in.size() > 1000) continue;
    const auto result = gradient_check(
        [&](Tape<double>& tape, std::span<const Var<double>> v) {
          const Var<double> x = tape.reshape(v[0], in);
          return convolve(x, v[1], v[2], window, groups, tanh) + convolve(x, v[1], {}, window, groups);
        },
        {random_matrix<double>(in.matrix_rows(), in.cols, 1),
         0.5 * random_matrix<double>(outputs, in.cols / groups * window.size * window.size, 2),
         random_matrix<double>(1, outputs, 3)});
    EXPECT_TRUE(result.ok()) << in << ": " << result.str();
  }
}

// Large enough for several chunks and threads: the gradients are those of the images one by one, added up.
TEST(Convolve, GradientsOfLargeBatchesAreSums) {
  for (const Index groups : {1, 4}) {
    const Shape in = Shape::image(37, 16, 16, 4), one = Shape::image(1, 16, 16, 4);
    const Matrix<double> x = random_matrix<double>(in.matrix_rows(), 4, 1),
                         w = random_matrix<double>(16, 36 / groups, 2);
    const Matrix<double> seed = random_matrix<double>(in.matrix_rows(), 16, 3), b = random_matrix<double>(1, 16, 4);
    const auto run = [&](Index begin, const Shape& shape, int threads) {
      Tape<double> tape({.threads = threads});
      const Var<double> vx = tape.variable(x.middleRows(begin, shape.matrix_rows()), shape), vw = tape.variable(w),
                        vb = tape.variable(b);
      const Gradients<double> g =
          tape.backward(convolve(vx, vw, vb, Window::same(3), groups), seed.middleRows(begin, shape.matrix_rows()));
      return std::vector<Matrix<double>>{g[vx], g[vw], g[vb]};
    };
    const auto all = run(0, in, 1);
    Matrix<double> dw = Matrix<double>::Zero(w.rows(), w.cols()), db = Matrix<double>::Zero(1, 16);
    for (Index i = 0; i < in.blocks; ++i) {
      const auto alone = run(i * one.rows, one, 1);
      EXPECT_TRUE(same_bits(alone[0], all[0].middleRows(i * one.rows, one.rows))) << i;
      dw += alone[1];
      db += alone[2];
    }
    EXPECT_LT((dw - all[1]).norm(), 1e-13 * dw.norm());
    EXPECT_LT((db - all[2]).norm(), 1e-13 * db.norm());
    for (const int threads : {2, 3, 7}) {
      const auto again = run(0, in, threads);
      for (std::size_t i = 0; i < 3; ++i) EXPECT_TRUE(same_bits(again[i], all[i])) << threads << " threads, " << i;
    }
  }
}

TEST(Convolve, APreActivationIsKeptWhereItIsAskedFor) {
  const Activation tanh = make_activation(TestTanh{});
  const Shape in = Shape::image(2, 4, 4, 3);
  const Matrix<double> x = random_matrix<double>(32, 3, 1), w = random_matrix<double>(5, 27, 2);
  Tape<double> tape({.keep_pre_activations = true});
  const Var<double> y = convolve(tape.constant(x, in), tape.variable(w), {}, Window::same(3), 1, tanh);
  const Var<double> z = convolve(tape.constant(x, in), tape.variable(w), {}, Window::same(3));
  const Node<double>& node = tape.node(y);
  EXPECT_EQ(node.role, OpRole::product);
  EXPECT_TRUE(same_bits(ConstMap<double>(node.pre_activation, 32, 5), z.value()));
}

TEST(Convolve, ErrorsSayTheShapes) {
  Tape<float> tape;
  const Var<float> x = tape.constant(random_matrix<float>(32, 3, 1), Shape::image(2, 4, 4, 3));
  const auto refusal = [&](Index rows, Index cols, const Window& window, Index groups) {
    const Var<float> w = tape.constant(random_matrix<float>(rows, cols, 2));
    return error_of<ShapeError>([&] { convolve(x, w, Var<float>(), window, groups); });
  };
  EXPECT_EQ(refusal(5, 26, Window::same(3), 1),
            "[convolve] input is (2, 4 x 4, 3), weight is (5, 26): expected 27 columns, 3 channels of 3 x 3");
  EXPECT_EQ(refusal(4, 27, Window::same(3), 2), "[convolve] 3 channels and 4 outputs cannot be split into 2 groups");
  EXPECT_EQ(refusal(4, 75, {5, 1, 0, 0}, 1), "[convolve] input is (2, 4 x 4, 3): smaller than a window of 5 x 5");
  const Var<float> rows = tape.constant(random_matrix<float>(32, 3, 1));
  EXPECT_EQ(error_of<ShapeError>([&] {
              max_pool(rows, {2, 2});
            }),
            "[max_pool] input is (32, 3): expected images, (batch, height x width, channels)");
  EXPECT_NE(error_of<ShapeError>([&] { upsample(x, 100'000); }).find("at most 16384 x 16384 pixels"),
            std::string::npos);
}

// ---- pools and others, by hand --------------------------------------------------------------------------------------

Matrix<double> numbers(Index rows, Index cols, std::initializer_list<double> values) {
  Matrix<double> m(rows, cols);
  std::copy(values.begin(), values.end(), m.data());
  return m;
}

TEST(Pools, TakeEachWindow) {
  // Two channels of 3 x 3 pixels; of a window of 2 the last row and column are left over.
  const Matrix<double> x = numbers(9, 2, {1, 9, 2, 8, 3, 7, 4, 6, 5, 5, 6, 4, 7, 3, 8, 2, 9, 1});
  const Shape image = Shape::image(1, 3, 3, 2);
  Tape<double> tape;
  const Var<double> v = tape.variable(x, image);
  const Var<double> most = max_pool(v, {2, 2}), mean = average_pool(v, {2, 1});
  EXPECT_EQ(most.shape(), Shape::image(1, 1, 1, 2));
  EXPECT_EQ(most.value(), numbers(1, 2, {5, 9}));
  EXPECT_EQ(mean.shape(), Shape::image(1, 2, 2, 2));
  EXPECT_EQ(mean.value(), numbers(4, 2, {3, 7, 4, 6, 6, 4, 7, 3}));
  const Matrix<double> seed = numbers(1, 2, {10, 20});
  Matrix<double> expected = Matrix<double>::Zero(9, 2);
  expected(4, 0) = 10;
  expected(0, 1) = 20;
  EXPECT_EQ(tape.backward(most, seed)[v], expected);
}

TEST(Pools, TheFirstOfEqualNumbersHasTheGradientAndNaNStays) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  Tape<double> tape;
  const Var<double> v = tape.variable(numbers(4, 2, {2, 1, 2, nan, 1, 3, 2, 4}), Shape::image(1, 2, 2, 2));
  const Var<double> y = max_pool(v, {2, 2});
  EXPECT_EQ(y.value()(0, 0), 2);
  EXPECT_TRUE(std::isnan(y.value()(0, 1)));
  EXPECT_EQ(tape.backward(y, numbers(1, 2, {1, 0}))[v].col(0), numbers(4, 1, {1, 0, 0, 0}));
}

TEST(Images, UpsampleConcatMeanAndFlatten) {
  Tape<double> tape;
  const Var<double> v = tape.variable(numbers(2, 2, {1, 2, 3, 4}), Shape::image(1, 1, 2, 2));
  const Var<double> up = upsample(v, 2);
  EXPECT_EQ(up.shape(), Shape::image(1, 2, 4, 2));
  EXPECT_EQ(up.value(), numbers(8, 2, {1, 2, 1, 2, 3, 4, 3, 4, 1, 2, 1, 2, 3, 4, 3, 4}));
  const Var<double> both = concat(v, tape.reshape(tape.constant(numbers(2, 1, {7, 8})), Shape::image(1, 1, 2, 1)));
  EXPECT_EQ(both.shape(), Shape::image(1, 1, 2, 3));
  EXPECT_EQ(both.value(), numbers(2, 3, {1, 2, 7, 3, 4, 8}));
  EXPECT_EQ(mean_of_rows(v).value(), numbers(1, 2, {2, 3}));
  EXPECT_EQ(mean_of_rows(v).shape(), (Shape{1, 2}));
  EXPECT_EQ(flatten(v).value(), numbers(1, 4, {1, 3, 2, 4})) << "channel after channel";
  const Var<double> sequence = tape.constant(numbers(2, 2, {1, 2, 3, 4}), {1, 2, 2});
  EXPECT_EQ(flatten(sequence).value(), numbers(1, 4, {1, 2, 3, 4})) << "step after step";
  EXPECT_NE(error_of<ShapeError>([&] { concat(v, sequence); }).find("expected the same but for the columns"),
            std::string::npos);
}

TEST(Images, PaddingDoesNotCountInAMean) {
  const std::int32_t lengths[] = {2, 3};
  Shape shape(2, 3, 1);
  shape.lengths = lengths;
  Tape<double> tape;
  const Var<double> v = tape.variable(numbers(6, 1, {1, 3, 100, 1, 2, 6}), shape);
  const Var<double> y = mean_of_rows(v);
  EXPECT_EQ(y.value(), numbers(2, 1, {2, 3}));
  const Matrix<double> g = tape.backward(y, numbers(2, 1, {1, 3}))[v];
  EXPECT_EQ(g, numbers(6, 1, {0.5, 0.5, 0, 1, 1, 1}));
  EXPECT_NE(error_of<ShapeError>([&] { flatten(v); }).find("several lengths"), std::string::npos);
}

// ---- does the gradient check see an error? --------------------------------------------------------------------------

template <class O, class Change>
struct Mutant : O {
  void pull(Pull<double>& step) const {
    O::pull(step);
    Change()(static_cast<const O&>(*this), step);
  }
};

MutableMap<double> written(Pull<double>& step, int input) {
  return {step.target(input).data, step.shape(input).matrix_rows(), step.shape(input).cols};
}

template <class O>
bool is_right(const O& op, const Shape& in, const Shape& out, const std::vector<Matrix<double>>& inputs) {
  return gradient_check(
             [&](Tape<double>& tape, std::span<const Var<double>> v) {
               const Var<double> x = tape.reshape(v[0], in);
               if (v.size() == 1) return tape.record(op, out, {x});
               if (v.size() == 2) return tape.record(op, out, {x, tape.reshape(v[1], in)});
               return tape.record(op, out, {x, v[1], v[2]});
             },
             inputs)
      .ok();
}

template <class O, class Change>
void expect_caught(const char* planted, const O& op, const Shape& in, const Shape& out,
                   const std::vector<Matrix<double>>& inputs, Change) {
  EXPECT_TRUE(is_right(op, in, out, inputs)) << planted << ": the op itself";
  EXPECT_FALSE((is_right(Mutant<O, Change>{op}, in, out, inputs))) << planted << " went unnoticed";
}

class ConvolveMutation : public ::testing::Test {
 protected:
  using Op = Convolve<double>;
  template <class Change>
  void caught(const char* planted, Change change) {
    const Activation tanh = make_activation(TestTanh{});
    expect_caught(planted, Op{Window::same(3), 1, &tanh}, in, Shape::image(2, 4, 3, 2),
                  {random_matrix<double>(24, 2, 1), random_matrix<double>(2, 18, 2), random_matrix<double>(1, 2, 3)},
                  change);
  }
  const Shape in = Shape::image(2, 4, 3, 2);
};

TEST_F(ConvolveMutation, KernelsAreFlippedInTheWeight) {
  caught("a flipped kernel", [](const Op&, Pull<double>& step) {
    Matrix<double> dw = written(step, 1);
    for (Index c = 0; c < 18; ++c) written(step, 1).col(c) = dw.col(c / 9 * 9 + 8 - c % 9);
  });
}
TEST_F(ConvolveMutation, TapsBeforeChannels) {
  caught("the weight's gradient in another order", [](const Op&, Pull<double>& step) {
    Matrix<double> dw = written(step, 1);
    for (Index c = 0; c < 18; ++c) written(step, 1).col(c % 9 * 2 + c / 9) = dw.col(c);
  });
}
TEST_F(ConvolveMutation, TheCornerGetsNothing) {
  caught("the last pixel's window is forgotten", [](const Op&, Pull<double>& step) { written(step, 0).row(23) *= 0; });
}
TEST_F(ConvolveMutation, TheDerivativeIsForgotten) {
  caught("dL/dy for dL/dz in the bias",
         [](const Op&, Pull<double>& step) { written(step, 2) = step.gradient().colwise().sum(); });
}
TEST_F(ConvolveMutation, OfTheFirstImageOnly) {
  caught("the second image's bias", [](const Op& op, Pull<double>& step) {
    const ConstMap<double> d(op.derivative, 24, 2);
    written(step, 2) = step.gradient().cwiseProduct(d).topRows(12).colwise().sum();
  });
}

TEST(PoolMutation, EveryNumberOfAWindowGetsTheGradient) {
  using Op = MaximumOfWindows<double>;
  expect_caught("no choice", Op{{2, 2}}, Shape::image(2, 4, 4, 2), Shape::image(2, 2, 2, 2),
                {random_matrix<double>(32, 2, 1)}, [](const Op&, Pull<double>& step) {
                  for (Index r = 0; r < 16; ++r) written(step, 0).row(r).array() += 0.25;
                });
}
TEST(PoolMutation, TheNextChannelsPlace) {
  using Op = MaximumOfWindows<double>;
  expect_caught("places of another channel", Op{{2, 2}}, Shape::image(2, 4, 4, 2), Shape::image(2, 2, 2, 2),
                {random_matrix<double>(32, 2, 1)}, [](const Op& op, Pull<double>& step) {
                  written(step, 0).setZero();
                  for (Index i = 0; i < 16; ++i) {
                    written(step, 0)(i / 8 * 16 + op.where[i ^ 1], i % 2) += step.gradient().data()[i];
                  }
                });
}
TEST(PoolMutation, AMeanWithoutItsShare) {
  using Op = MeanOfWindows<double>;
  expect_caught("a sum", Op{{2, 1}}, Shape::image(1, 3, 3, 2), Shape::image(1, 2, 2, 2),
                {random_matrix<double>(9, 2, 1)}, [](const Op&, Pull<double>& step) { written(step, 0) *= 4; });
}
TEST(PoolMutation, UpsamplingTakesOnePixel) {
  using Op = RepeatPixels<double>;
  expect_caught("the first pixel only", Op{2}, Shape::image(1, 2, 2, 1), Shape::image(1, 4, 4, 1),
                {random_matrix<double>(4, 1, 1)}, [](const Op&, Pull<double>& step) {
                  for (Index i = 0; i < 4; ++i) written(step, 0)(i, 0) = step.gradient()(i / 2 * 8 + i % 2 * 2, 0);
                });
}
TEST(PoolMutation, TheMeanOfAllRows) {
  using Op = MeanOfRows<double>;
  expect_caught("a sum", Op{}, {3, 4, 2}, {3, 2}, {random_matrix<double>(12, 2, 1)},
                [](const Op&, Pull<double>& step) { written(step, 0) *= 4; });
}
TEST(PoolMutation, NotTurnedBack) {
  using Op = ChannelsFirst<double>;
  expect_caught("the order of the output", Op{}, Shape::image(2, 2, 2, 3), {2, 12}, {random_matrix<double>(8, 3, 1)},
                [](const Op&, Pull<double>& step) { std::copy_n(step.gradient().data(), 24, step.target(0).data); });
}
TEST(PoolMutation, ConcatGivesTheOthersPart) {
  using Op = Concatenate<double>;
  expect_caught("the halves are exchanged", Op{}, {2, 3, 2}, {2, 3, 4},
                {random_matrix<double>(6, 2, 1), random_matrix<double>(6, 2, 2)},
                [](const Op&, Pull<double>& step) { written(step, 0) = step.gradient().rightCols(2); });
}

}  // namespace
}  // namespace evengrad
