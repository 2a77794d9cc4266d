#include <evengrad/core/gradient_check.hpp>
#include <evengrad/core/ops.hpp>
#include <evengrad/core/recurrence_ops.hpp>

#include "../matrices.hpp"
#include "../temp_folder.hpp"

#include <cmath>
#include <limits>
#include <vector>

namespace evengrad {
namespace {

struct TestSigmoid {
  static constexpr std::string_view name = "test_sigmoid";
  template <class T>
  T operator()(const T& x) const {
    return 1.0 / (1.0 + exp(-x));
  }
};

const Activation gate = make_activation(TestSigmoid{}), state = make_activation(TestTanh{});

constexpr CellKind kinds[] = {CellKind::rnn, CellKind::lstm, CellKind::gru};
constexpr Index gates_of(CellKind kind) { return kind == CellKind::rnn ? 1 : kind == CellKind::lstm ? 4 : 3; }
constexpr Index batch = 3, time_steps = 5, n = 4;
constexpr std::int32_t some_lengths[] = {2, 5, 1};

template <Real S>
Var<S> run(CellKind kind, const RecurrentInputs<S>& in) {
  return kind == CellKind::rnn ? rnn(in, state) : kind == CellKind::lstm ? lstm(in, gate, state) : gru(in, gate, state);
}

Shape sequences(CellKind kind, bool padded) {
  Shape shape{batch, time_steps, gates_of(kind) * n};
  if (padded) shape.lengths = some_lengths;
  return shape;
}

std::vector<Matrix<double>> some_inputs(CellKind kind) {
  const Index rows = gates_of(kind) * n;
  return {random_matrix<double>(batch * time_steps, rows, 1), random_matrix<double>(rows, n, 2) / 2,
          random_matrix<double>(1, rows, 3)};
}

double sigmoid_of(double z) { return 1 / (1 + std::exp(-z)); }

// Number by number, as the papers have it.
Matrix<double> by_definition(CellKind kind, const std::vector<Matrix<double>>& in, const Shape& shape) {
  Matrix<double> out = Matrix<double>::Zero(batch * time_steps, n);
  for (Index b = 0; b < batch; ++b) {
    std::vector<double> h(n, 0.0), c(n, 0.0);
    for (Index t = 0; t < shape.length(b); ++t) {
      const std::vector<double> before = h;
      const auto p = [&](Index g, Index j) { return in[0](b * time_steps + t, g * n + j); };
      const auto recurrent = [&](Index g, Index j) {
        double sum = in[2](0, g * n + j);
        for (Index k = 0; k < n; ++k) sum += in[1](g * n + j, k) * before[static_cast<std::size_t>(k)];
        return sum;
      };
      for (Index j = 0; j < n; ++j) {
        const auto at = static_cast<std::size_t>(j);
        const auto z = [&](Index g) { return p(g, j) + recurrent(g, j); };
        if (kind == CellKind::rnn) {
          h[at] = std::tanh(z(0));
        } else if (kind == CellKind::lstm) {
          c[at] = sigmoid_of(z(1)) * c[at] + sigmoid_of(z(0)) * std::tanh(z(2));
          h[at] = sigmoid_of(z(3)) * std::tanh(c[at]);
        } else {
          const double mix = sigmoid_of(z(1)), made = std::tanh(p(2, j) + sigmoid_of(z(0)) * recurrent(2, j));
          h[at] = (1 - mix) * made + mix * before[at];
        }
        out(b * time_steps + t, j) = h[at];
      }
    }
  }
  return out;
}

TEST(Recurrence, IsItsDefinition) {
  for (const CellKind kind : kinds) {
    for (const bool padded : {false, true}) {
      for (const bool recording : {false, true}) {
        Tape<double> tape({.recording = recording});
        const auto in = some_inputs(kind);
        const Shape shape = sequences(kind, padded);
        const Var<double> y =
            run<double>(kind, {tape.variable(in[0], shape), tape.constant(in[1]), tape.constant(in[2])});
        EXPECT_EQ(y.shape(), (Shape{batch, time_steps, n}));
        EXPECT_EQ(y.shape().length(0), padded ? 2 : time_steps);
        EXPECT_LT((y.value() - by_definition(kind, in, shape)).cwiseAbs().maxCoeff(), 1e-14)
            << static_cast<int>(kind) << padded << recording;
      }
    }
  }
}

TEST(Recurrence, EveryGradientIsRight) {
  for (const CellKind kind : kinds) {
    for (const bool padded : {false, true}) {
      for (const bool biased : {false, true}) {
        auto in = some_inputs(kind);
        if (!biased) in.pop_back();
        const auto result = gradient_check(
            [&](Tape<double>& tape, std::span<const Var<double>> v) {
              return run<double>(kind,
                                 {tape.reshape(v[0], sequences(kind, padded)), v[1], biased ? v[2] : Var<double>()});
            },
            in);
        EXPECT_TRUE(result.ok()) << static_cast<int>(kind) << padded << biased << ": " << result.str();
      }
    }
  }
}

// Each value taken in twice: both gradients go to one place.
TEST(Recurrence, GradientsAddUp) {
  for (const CellKind kind : kinds) {
    const auto result = gradient_check(
        [&](Tape<double>& tape, std::span<const Var<double>> v) {
          const Var<double> x = tape.reshape(v[0], sequences(kind, false));
          return run<double>(kind, {x, v[1], v[2]}) * run<double>(kind, {scale(x, 0.5), v[1], v[2]});
        },
        some_inputs(kind));
    EXPECT_TRUE(result.ok()) << static_cast<int>(kind) << ": " << result.str();
  }
}

TEST(Recurrence, PaddingIsNeitherReadNorGivenAGradient) {
  for (const CellKind kind : kinds) {
    auto in = some_inputs(kind);
    const auto outcome = [&](double padding) {
      const Shape shape = sequences(kind, true);
      for (Index b = 0; b < batch; ++b) {
        for (Index t = shape.length(b); t < time_steps; ++t) in[0].row(b * time_steps + t).setConstant(padding);
      }
      Tape<double> tape;
      const Var<double> x = tape.variable(in[0], shape), w = tape.variable(in[1]), bias = tape.variable(in[2]);
      const Var<double> y = run<double>(kind, {x, w, bias});
      const Gradients<double> g = tape.backward(y, Matrix<double>::Ones(batch * time_steps, n));
      for (Index b = 0; b < batch; ++b) {
        for (Index t = shape.length(b); t < time_steps; ++t) {
          EXPECT_EQ(g[x].row(b * time_steps + t).cwiseAbs().sum(), 0) << b << " " << t;
        }
      }
      return std::vector<Matrix<double>>{y.value(), g[x], g[w], g[bias]};
    };
    const auto first = outcome(0), second = outcome(std::numeric_limits<double>::quiet_NaN());
    for (std::size_t i = 0; i < first.size(); ++i) EXPECT_TRUE(same_bits(first[i], second[i])) << i;
  }
}

TEST(Recurrence, RefusesShapesThatDoNotFit) {
  Tape<double> tape;
  const auto zero = [&](Index rows, Index cols) { return tape.constant(Matrix<double>::Zero(rows, cols)); };
  const Var<double> p = tape.reshape(zero(6, 8), {2, 3, 8});
  EXPECT_EQ(error_of<ShapeError>([&] {
              lstm<double>({p, zero(8, 3), {}}, gate, state);
            }),
            "[lstm] the recurrent weight is (8, 3): expected 4 rows a column");
  EXPECT_EQ(error_of<ShapeError>([&] {
              gru<double>({p, zero(6, 2), {}}, gate, state);
            }),
            "[gru] the inputs' products are (2, 3, 8), the recurrent weight is (6, 2): expected (batch, time, 6)");
  EXPECT_EQ(error_of<ShapeError>([&] {
              lstm<double>({p, zero(8, 2), zero(1, 2)}, gate, state);
            }),
            "[lstm] the recurrent weight is (8, 2), its bias is (1, 2): expected (1, 8)");
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

template <CellKind kind>
class RecurrenceMutation : public ::testing::Test {
 protected:
  using Op = Recurrence<double, kind>;

  template <class O>
  static bool is_right(const O& op) {
    return gradient_check(
               [&](Tape<double>& tape, std::span<const Var<double>> v) {
                 return tape.record(op, {batch, time_steps, n},
                                    {tape.reshape(v[0], sequences(kind, false)), v[1], v[2]});
               },
               some_inputs(kind))
        .ok();
  }
  template <class Change>
  static void caught(const char* planted, Change) {
    const Op op{&gate, &state};
    EXPECT_TRUE(is_right(op)) << planted << ": the op itself";
    EXPECT_FALSE((is_right(Mutant<Op, Change>{op}))) << planted << " went unnoticed";
  }
};

using RnnMutation = RecurrenceMutation<CellKind::rnn>;
using LstmMutation = RecurrenceMutation<CellKind::lstm>;
using GruMutation = RecurrenceMutation<CellKind::gru>;

TEST_F(RnnMutation, NotThroughTime) {
  caught("the state before is a constant", [](const Op&, Pull<double>& step) {
    written(step, 0) = step.gradient().array() * (1 - step.output().array().square());
  });
}
TEST_F(RnnMutation, TheWeightsGradientIsTransposed) {
  caught("a transposed gradient", [](const Op&, Pull<double>& step) {
    const Matrix<double> dw = written(step, 1);
    written(step, 1) = dw.transpose();
  });
}
TEST_F(RnnMutation, TheWeightSeesTheStateOfItsOwnStep) {
  caught("h(t) for h(t-1)", [](const Op&, Pull<double>& step) {
    written(step, 1) = written(step, 0).transpose().lazyProduct(step.output());
  });
}
TEST_F(RnnMutation, TheBiasHasNoPartInTheFirstStep) {
  caught("the bias's first step is forgotten", [](const Op&, Pull<double>& step) {
    for (Index b = 0; b < batch; ++b) written(step, 2) -= written(step, 0).row(b * time_steps);
  });
}
TEST_F(LstmMutation, TheForgetGateSeesItsOwnState) {
  caught("gates exchanged", [](const Op&, Pull<double>& step) {
    const Matrix<double> dp = written(step, 0);
    written(step, 0).leftCols(n) = dp.middleCols(n, n);
    written(step, 0).middleCols(n, n) = dp.leftCols(n);
  });
}
TEST_F(LstmMutation, TheLastGateOfTheWeight) {
  caught("no gradient of the output gate's recurrent weight",
         [](const Op&, Pull<double>& step) { written(step, 1).bottomRows(n).setZero(); });
}
TEST_F(GruMutation, TheResetGateActsOnTheInputsToo) {
  caught("the same gradient for both halves of n", [](const Op&, Pull<double>& step) {
    written(step, 2).rightCols(n) = written(step, 0).rightCols(n).colwise().sum();
  });
}
TEST_F(GruMutation, TheLastStepIsForgotten) {
  caught("the last step", [](const Op&, Pull<double>& step) { written(step, 0).row(time_steps - 1).setZero(); });
}

}  // namespace
}  // namespace evengrad
