#include <evengrad/core/gradient_check.hpp>
#include <evengrad/core/ops.hpp>

#include "../matrices.hpp"

#include <gtest/gtest.h>

#include <array>

#include <functional>
#include <limits>
#include <vector>

namespace evengrad {
namespace {

using Long = long double;
using LongMatrix = Eigen::Matrix<Long, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor>;

const Activation& test_tanh() {
  static const Activation f = make_activation(TestTanh{});
  return f;
}
const Activation& test_hinge() {
  static const Activation f = make_activation(TestHinge{});
  return f;
}

template <class F>
std::string shape_error_of(F f) {
  try {
    f();
  } catch (const ShapeError& error) {
    return error.what();
  }
  return "no error";
}

// An op for both scalar types, with the shapes of its inputs.
struct OpCase {
  std::string name;
  std::vector<Shape> shapes;
  std::function<Var<float>(std::span<const Var<float>>)> f32;
  std::function<Var<double>(std::span<const Var<double>>)> f64;

  template <Real S>
  Var<S> operator()(std::span<const Var<S>> in) const {
    if constexpr (sizeof(S) == sizeof(float)) {
      return f32(in);
    } else {
      return f64(in);
    }
  }
};

template <class F>
OpCase op_case(std::string name, std::vector<Shape> shapes, F f) {
  return {std::move(name), std::move(shapes), f, f};
}

std::vector<OpCase> cases_of(Index b, Index i, Index o) {
  return {
      op_case("affine", {{b, i}, {o, i}, {1, o}}, [](auto in) { return affine(in[0], in[1], in[2]); }),
      op_case("affine without bias", {{b, i}, {o, i}}, [](auto in) { return affine(in[0], in[1], {}); }),
      op_case("affine tanh", {{b, i}, {o, i}, {1, o}},
              [](auto in) { return affine(in[0], in[1], in[2], test_tanh()); }),
      op_case("affine hinge", {{b, i}, {o, i}, {1, o}},
              [](auto in) { return affine(in[0], in[1], in[2], test_hinge()); }),
      op_case("activate", {{b, i}}, [](auto in) { return activate(in[0], test_tanh()); }),
      op_case("activate hinge", {{b, i}}, [](auto in) { return activate(in[0], test_hinge()); }),
      op_case("activate identity", {{b, i}}, [](auto in) { return activate(in[0], Activation()); }),
      op_case("matmul", {{b, i}, {i, o}}, [](auto in) { return matmul(in[0], in[1]); }),
      op_case("add", {{b, i}, {b, i}}, [](auto in) { return in[0] + in[1]; }),
      op_case("add a row", {{b, i}, {1, i}}, [](auto in) { return in[0] + in[1]; }),
      op_case("subtract", {{b, i}, {b, i}}, [](auto in) { return in[0] - in[1]; }),
      op_case("subtract a row", {{b, i}, {1, i}}, [](auto in) { return in[0] - in[1]; }),
      op_case("multiply", {{b, i}, {b, i}}, [](auto in) { return in[0] * in[1]; }),
      op_case("scale", {{b, i}}, [](auto in) { return scale(in[0], -1.75); }),
      op_case("sum", {{b, i}}, [](auto in) { return sum(in[0]); }),
      op_case("mean", {{b, i}}, [](auto in) { return mean(in[0]); }),
      op_case("all of them", {{b, i}, {o, i}, {1, o}},
              [](auto in) {
                const auto y = affine(in[0], in[1], in[2], test_tanh());
                const auto z = activate(matmul(y, in[1]) + in[0], test_tanh());
                return mean(z * z) + scale(sum(y - in[2]), 0.125);
              }),
  };
}

template <Real S>
struct Outcome {
  Matrix<S> value;
  std::vector<Matrix<S>> gradients;  // of each input, from random gradients of the value
};

template <Real S>
Outcome<S> run(const OpCase& op, const TapeOptions& options = {}) {
  Tape<S> tape(options);
  std::vector<Var<S>> in;
  for (const Shape& shape : op.shapes)
    in.push_back(tape.variable(random_matrix<S>(shape.matrix_rows(), shape.cols, in.size())));
  const Var<S> out = op(std::span<const Var<S>>(in));
  Outcome<S> outcome{out.value(), {}};
  const Gradients<S> gradients = tape.backward(out, random_matrix<S>(out.rows(), out.cols(), 99));
  for (const Var<S>& x : in) outcome.gradients.push_back(gradients[x]);
  return outcome;
}

template <Real S>
void expect_same_bits(const Outcome<S>& a, const Outcome<S>& b) {
  EXPECT_TRUE(same_bits(a.value, b.value));
  ASSERT_EQ(a.gradients.size(), b.gradients.size());
  for (std::size_t i = 0; i < a.gradients.size(); ++i) EXPECT_TRUE(same_bits(a.gradients[i], b.gradients[i])) << i;
}

double relative_distance(const Matrix<float>& a, const Matrix<double>& b) {
  return (a.cast<double>() - b).norm() / (b.norm() + 1e-30);
}

// Every entry within `terms` roundings of the sum of its terms' sizes.
template <Real S>
void expect_near(const Matrix<S>& got, const LongMatrix& exact, const LongMatrix& sizes, Index terms) {
  ASSERT_EQ(got.rows(), exact.rows());
  ASSERT_EQ(got.cols(), exact.cols());
  const Long unit = std::numeric_limits<S>::epsilon() * static_cast<Long>(terms + 2);
  EXPECT_LE(((got.template cast<Long>() - exact).cwiseAbs() - unit * sizes).maxCoeff(), 0);
}

using Sizes = std::array<Index, 3>;
const std::vector<Sizes> small_sizes{{1, 1, 1}, {1, 5, 3}, {7, 1, 1}, {2, 3, 7}, {5, 4, 2}, {9, 17, 11}};  // b, i, o

template <class S>
class OpsTest : public ::testing::Test {};
using Reals = ::testing::Types<float, double>;
TYPED_TEST_SUITE(OpsTest, Reals);

// ---- against references in long double ----------------------------------------------------------------------------

TYPED_TEST(OpsTest, AffineAndItsGradients) {
  using S = TypeParam;
  for (const auto [b, i, o] : small_sizes) {
    for (const bool activated : {false, true}) {
      Tape<S> tape;
      const Matrix<S> xs = random_matrix<S>(b, i, 1), ws = random_matrix<S>(o, i, 2), bs = random_matrix<S>(1, o, 3),
                      gs = random_matrix<S>(b, o, 4);
      const Var<S> x = tape.variable(xs), w = tape.variable(ws), bias = tape.variable(bs);
      const Var<S> y = affine(x, w, bias, activated ? test_hinge() : Activation());
      const Gradients<S> gradients = tape.backward(y, gs);

      const LongMatrix lx = xs.template cast<Long>(), lw = ws.template cast<Long>(), lb = bs.template cast<Long>();
      const LongMatrix z = (lx * lw.transpose()).rowwise() + lb.row(0);
      const LongMatrix size = (lx.cwiseAbs() * lw.cwiseAbs().transpose()).rowwise() + lb.cwiseAbs().row(0);
      LongMatrix f = z, slope = LongMatrix::Ones(b, o);
      if (activated) {
        f = z.unaryExpr([](Long v) { return v > 2 ? v / 2 + 1 : v > 0 ? v : Long(0); });
        slope = z.unaryExpr([](Long v) { return v > 2 ? Long(0.5) : v > 0 ? Long(1) : Long(0); });
      }
      expect_near<S>(y.value(), f, size, i + 1);
      const LongMatrix gz = gs.template cast<Long>().cwiseProduct(slope), ga = gz.cwiseAbs();
      expect_near<S>(gradients[x], gz * lw, ga * lw.cwiseAbs(), o + 1);
      expect_near<S>(gradients[w], gz.transpose() * lx, ga.transpose() * lx.cwiseAbs(), b + 1);
      expect_near<S>(gradients[bias], gz.colwise().sum(), ga.colwise().sum(), b + 1);
    }
  }
}

TYPED_TEST(OpsTest, MatmulAndItsGradients) {
  using S = TypeParam;
  for (const auto [m, k, n] : small_sizes) {
    Tape<S> tape;
    const Matrix<S> as = random_matrix<S>(m, k, 1), bs = random_matrix<S>(k, n, 2), gs = random_matrix<S>(m, n, 3);
    const Var<S> a = tape.variable(as), b = tape.variable(bs), y = matmul(a, b);
    const Gradients<S> gradients = tape.backward(y, gs);
    const LongMatrix la = as.template cast<Long>(), lb = bs.template cast<Long>(), g = gs.template cast<Long>();
    expect_near<S>(y.value(), la * lb, la.cwiseAbs() * lb.cwiseAbs(), k);
    expect_near<S>(gradients[a], g * lb.transpose(), g.cwiseAbs() * lb.cwiseAbs().transpose(), n);
    expect_near<S>(gradients[b], la.transpose() * g, la.cwiseAbs().transpose() * g.cwiseAbs(), m);
  }
}

TYPED_TEST(OpsTest, ElementByElement) {
  using S = TypeParam;
  for (const auto [b, i, o] : small_sizes) {
    Tape<S> tape;
    const Matrix<S> xs = random_matrix<S>(b, i, 1), ys = random_matrix<S>(b, i, 2), rows = random_matrix<S>(1, i, 3);
    const Var<S> x = tape.constant(xs), y = tape.constant(ys), row = tape.constant(rows);
    EXPECT_TRUE(same_bits((x + y).value(), xs + ys));
    EXPECT_TRUE(same_bits((x - y).value(), xs - ys));
    EXPECT_TRUE(same_bits((x * y).value(), xs.cwiseProduct(ys)));
    EXPECT_TRUE(same_bits((x + row).value(), xs.rowwise() + rows.row(0)));
    EXPECT_TRUE(same_bits((x - row).value(), xs.rowwise() - rows.row(0)));
    EXPECT_TRUE(same_bits(scale(x, 0.1).value(), S(0.1) * xs));
    double total = 0;
    for (Index e = 0; e < xs.size(); ++e) total += static_cast<double>(xs.data()[e]);
    EXPECT_EQ(sum(x).item(), static_cast<S>(total));
    const double average = total / static_cast<double>(b * i);
    EXPECT_LE(std::abs(static_cast<double>(mean(x).item()) - average),
              std::numeric_limits<S>::epsilon() * std::abs(average));
    const Matrix<S> z = activate(x, test_tanh()).value();
    EXPECT_LE((z.template cast<Long>() - xs.template cast<Long>().array().tanh().matrix()).cwiseAbs().maxCoeff(),
              2 * std::numeric_limits<S>::epsilon());
  }
}

TYPED_TEST(OpsTest, SumAddsInDouble) {
  using S = TypeParam;
  Tape<S> tape;
  Matrix<S> x = Matrix<S>::Constant(1, 20'000, S(1));
  x(0, 0) = S(1 << 24);  // in float, 2^24 + 1 is 2^24
  EXPECT_EQ(sum(tape.constant(x)).item(), static_cast<S>((1 << 24) + 19'999));
}

// ---- gradients ----------------------------------------------------------------------------------------------------

TEST(Ops, GradientsOfEveryOpAgreeWithNumericOnes) {
  for (const auto [b, i, o] : small_sizes) {
    for (const OpCase& op : cases_of(b, i, o)) {
      SCOPED_TRACE(text(op.name, " ", b, " ", i, " ", o));
      std::vector<Matrix<double>> inputs;
      for (const Shape& shape : op.shapes)
        inputs.push_back(random_matrix<double>(shape.matrix_rows(), shape.cols, inputs.size()));
      const auto result =
          gradient_check([&](Tape<double>&, std::span<const Var<double>> in) { return op(in); }, inputs);
      EXPECT_TRUE(result.ok()) << result.str();
      Index entries = 0;
      for (const Shape& shape : op.shapes) entries += shape.size();
      EXPECT_EQ(result.checked + result.skipped, entries);
    }
  }
}

TEST(Ops, GradientsOnTopOfOthersAgreeWithNumericOnes) {
  for (const OpCase& op : cases_of(3, 3, 3)) {  // every input is used twice: the second contribution adds
    SCOPED_TRACE(op.name);
    std::vector<Matrix<double>> inputs;
    for (const Shape& shape : op.shapes)
      inputs.push_back(random_matrix<double>(shape.matrix_rows(), shape.cols, inputs.size()));
    const auto twice = [&](Tape<double>&, std::span<const Var<double>> in) { return op(in) + scale(op(in), 0.5); };
    const auto result = gradient_check(twice, inputs);
    EXPECT_TRUE(result.ok()) << result.str();
  }
}

TEST(Ops, FloatAgreesWithDouble) {
  for (const auto [b, i, o] : {Sizes{1, 1, 1}, {9, 17, 11}, {33, 64, 31}}) {
    for (const OpCase& op : cases_of(b, i, o)) {
      SCOPED_TRACE(text(op.name, " ", b, " ", i, " ", o));
      const Outcome<float> single = run<float>(op);
      const Outcome<double> exact = run<double>(op);
      EXPECT_LE(relative_distance(single.value, exact.value), 1e-5);
      for (std::size_t n = 0; n < op.shapes.size(); ++n) {
        EXPECT_LE(relative_distance(single.gradients[n], exact.gradients[n]), 1e-5) << "input " << n;
      }
    }
  }
}

// ---- same bits ----------------------------------------------------------------------------------------------------

// (b, i, o) whose products are worth several threads, 8,000,000 multiply-adds; the last has few rows.
const std::vector<Sizes> large_sizes{{257, 311, 131}, {64, 1031, 131}, {9, 1801, 521}};

TYPED_TEST(OpsTest, ThreadsDoNotChangeBits) {
  using S = TypeParam;
  for (const auto [b, i, o] : large_sizes) {
    for (const OpCase& op : cases_of(b, i, o)) {
      SCOPED_TRACE(text(op.name, " ", b, " ", i, " ", o));
      const Outcome<S> one = run<S>(op);
      for (int threads : {2, 3, 7}) expect_same_bits(one, run<S>(op, {.threads = threads}));
    }
  }
}

TYPED_TEST(OpsTest, KeepingPreActivationsDoesNotChangeBits) {
  using S = TypeParam;
  for (const auto [b, i, o] : {Sizes{1, 1, 1}, {9, 17, 11}, {257, 129, 65}}) {
    for (const OpCase& op : cases_of(b, i, o)) {
      SCOPED_TRACE(text(op.name, " ", b, " ", i, " ", o));
      const Outcome<S> plain = run<S>(op);
      expect_same_bits(plain, run<S>(op, {.keep_pre_activations = true}));
      expect_same_bits(plain, run<S>(op, {.trace_kinks = true}));
      expect_same_bits(plain, run<S>(op, {.keep_pre_activations = true, .threads = 2}));
    }
  }
}

// A deep enough net of every op that works row by row.
template <Real S>
Matrix<S> predict(const Matrix<S>& x, const std::vector<Matrix<S>>& weights, const TapeOptions& options,
                  Matrix<S>* dx) {
  Tape<S> tape(options);
  const Var<S> in = tape.variable(x);
  Var<S> h = in;
  for (std::size_t layer = 0; layer + 1 < weights.size(); layer += 2) {
    h = affine(h, tape.constant(weights[layer]), tape.constant(weights[layer + 1]), test_tanh());
  }
  h = activate(scale(h * h + h, 0.5), test_hinge());
  h = matmul(h, tape.constant(weights.back()));
  const Matrix<S> value = h.value();
  if (dx) *dx = tape.backward(h, Matrix<S>::Ones(h.rows(), h.cols()))[in];
  return value;
}

TYPED_TEST(OpsTest, ASampleAloneHasTheBitsOfASampleInAnyBatch) {
  using S = TypeParam;
  for (const auto& widths : {std::vector<Index>{1, 1, 1}, {37, 19, 3}, {301, 67, 129}, {5, 531, 7}}) {
    std::vector<Matrix<S>> weights;
    for (std::size_t layer = 0; layer + 1 < widths.size(); ++layer) {
      weights.push_back(random_matrix<S>(widths[layer + 1], widths[layer], 10 + layer) /
                        std::sqrt(static_cast<S>(widths[layer])));
      weights.push_back(random_matrix<S>(1, widths[layer + 1], 20 + layer));
    }
    weights.push_back(random_matrix<S>(widths.back(), 11, 30));
    const Matrix<S> x = random_matrix<S>(257, widths[0], 40);
    Matrix<S> all_dx;
    const Matrix<S> all = predict(x, weights, {}, &all_dx);
    for (Index batch : {1, 2, 7, 33, 257}) {
      for (int threads : {1, 2}) {
        for (Index begin = 0; begin < 257; begin += std::max<Index>(batch, 19)) {
          const Index rows = std::min(batch, 257 - begin);
          SCOPED_TRACE(text("width ", widths[0], " rows ", begin, " to ", begin + rows, ", ", threads, " threads"));
          Matrix<S> dx;
          const Matrix<S> some = predict<S>(x.middleRows(begin, rows), weights, {.threads = threads}, &dx);
          ASSERT_TRUE(same_bits(some, all.middleRows(begin, rows)));
          ASSERT_TRUE(same_bits(dx, all_dx.middleRows(begin, rows)));
          const Matrix<S> evaluated =
              predict<S>(x.middleRows(begin, rows), weights, {.recording = false, .threads = threads}, nullptr);
          ASSERT_TRUE(same_bits(evaluated, some));
        }
      }
    }
  }
}

// ---- errors -------------------------------------------------------------------------------------------------------

TYPED_TEST(OpsTest, ShapeErrorsNameTheOpAndBothShapes) {
  using S = TypeParam;
  Tape<S> tape;
  const auto zeros = [&](Index rows, Index cols) { return tape.constant(Matrix<S>::Zero(rows, cols)); };
  const std::size_t before = tape.nodes().size();
  const Var<S> x = zeros(32, 64), w = zeros(10, 128), fit = zeros(10, 64), short_bias = zeros(1, 9),
               tall = zeros(2, 10);
  EXPECT_EQ(shape_error_of([&] { affine(x, w, {}); }),
            "[affine] input is (32, 64), weight is (10, 128): the input's columns (64) must equal the weight's (128)");
  EXPECT_EQ(shape_error_of([&] { affine(x, fit, short_bias); }),
            "[affine] weight is (10, 64), bias is (1, 9): expected (1, 10)");
  EXPECT_EQ(shape_error_of([&] { affine(x, fit, tall); }),
            "[affine] weight is (10, 64), bias is (2, 10): expected (1, 10)");
  EXPECT_EQ(shape_error_of([&] { matmul(x, w); }),
            "[matmul] (32, 64) times (10, 128): the left one's columns (64) must equal the right one's rows (10)");
  EXPECT_EQ(shape_error_of([&] { x + w; }),
            "[add] the left one is (32, 64), the right one (10, 128): expected the same shape or one row of 64");
  EXPECT_EQ(shape_error_of([&] { x - short_bias; }),
            "[subtract] the left one is (32, 64), the right one (1, 9): expected the same shape or one row of 64");
  EXPECT_EQ(shape_error_of([&] { x* w; }),
            "[multiply] the left one is (32, 64), the right one (10, 128): element by element they must be equal (a "
            "product of matrices is matmul)");
  EXPECT_EQ(tape.nodes().size(), before + 5);  // nothing half recorded
}

}  // namespace
}  // namespace evengrad
