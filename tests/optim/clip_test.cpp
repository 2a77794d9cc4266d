#include <evengrad/core/ops.hpp>
#include <evengrad/optim/clip.hpp>

#include "../matrices.hpp"

#include <limits>

namespace evengrad {
namespace {

template <Real S>
struct Two {
  Parameter<S> a, b, idle;

  void visit(const Path& path, ParameterVisitor<S> visitor) {
    visitor(Path(path, "a"), a);
    visitor(Path(path, "b"), b);
    visitor(Path(path, "idle"), idle);
  }
};

// Gradients of these numbers: those of a and of b.
template <Real S>
Gradients<S> gradients(Two<S>& model, const Matrix<S>& a, const Matrix<S>& b) {
  model.a.value = Matrix<S>::Zero(a.rows(), a.cols());
  model.b.value = Matrix<S>::Zero(b.rows(), b.cols());
  static Tape<S> tape;
  tape.clear();
  return tape.backward(sum(tape.parameter(model.a) * tape.constant(a)) +
                       sum(tape.parameter(model.b) * tape.constant(b)));
}

TEST(ClipNorm, ScalesAllGradientsTogether) {
  Two<double> model;
  Gradients<double> g = gradients(model, Matrix<double>{{3, 0}}, Matrix<double>{{-4}});
  EXPECT_DOUBLE_EQ(clip_norm(model, g, 2.5), 5);
  const double factor = 2.5 / (5 + 1e-6);
  EXPECT_EQ(g.of(model.a), (Matrix<double>{{3 * factor, 0}}));
  EXPECT_EQ(g.of(model.b), (Matrix<double>{{-4 * factor}}));
}

TEST(ClipNorm, LeavesSmallAndZeroGradients) {
  Two<double> model;
  Gradients<double> g = gradients(model, Matrix<double>{{3, 0}}, Matrix<double>{{-4}});
  EXPECT_DOUBLE_EQ(clip_norm(model, g, 6), 5);
  EXPECT_EQ(g.of(model.b)(0, 0), -4);
  g = gradients(model, Matrix<double>{{0, 0}}, Matrix<double>{{0}});
  EXPECT_EQ(clip_norm(model, g, 1), 0);
  EXPECT_EQ(g.of(model.a), (Matrix<double>{{0, 0}}));
}

TEST(ClipNorm, HugeGradientsBecomeSmall) {
  for (const double huge : {1e150, 1e300}) {  // the square of the second one is no double
    Two<double> model;
    Gradients<double> g = gradients(model, Matrix<double>{{huge, 0}}, Matrix<double>{{-huge}});
    EXPECT_NEAR(clip_norm(model, g, 1) / huge, std::sqrt(2.0), 1e-14);
    EXPECT_NEAR(g.of(model.a)(0, 0), std::sqrt(0.5), 1e-12);
    EXPECT_NEAR(g.of(model.b)(0, 0), -std::sqrt(0.5), 1e-12);
  }
}

TEST(ClipNorm, HugeGradientsInFloatKeepTheirDigits) {
  Two<float> model;
  const Matrix<float> largest = Matrix<float>::Constant(100, 100, std::numeric_limits<float>::max());
  Gradients<float> g = gradients(model, largest, Matrix<float>{{0}});
  EXPECT_NEAR(clip_norm(model, g, 1e-3) / std::numeric_limits<float>::max(), 100, 1e-10);
  EXPECT_LT((g.of(model.a).array() - 1e-5f).abs().maxCoeff(), 2e-12f);
}

// Dividing by an infinite norm would turn every gradient into 0 or NaN, and hide where the infinity came from.
TEST(ClipNorm, GradientsThatAreNotFiniteStayToBeFound) {
  for (const double bad : {HUGE_VAL, std::nan("")}) {
    Two<double> model;
    Gradients<double> g = gradients(model, Matrix<double>{{3, 1}}, Matrix<double>{{bad}});
    EXPECT_FALSE(std::isfinite(clip_norm(model, g, 1)));
    EXPECT_EQ(g.of(model.a), (Matrix<double>{{3, 1}}));
    EXPECT_FALSE(std::isfinite(g.of(model.b)(0, 0)));
  }
}

TEST(ClipValue, LimitsEveryComponent) {
  Two<double> model;
  Gradients<double> g = gradients(model, Matrix<double>{{3, -0.2}}, Matrix<double>{{-4}});
  clip_value(model, g, 0.5);
  EXPECT_EQ(g.of(model.a), (Matrix<double>{{0.5, -0.2}}));
  EXPECT_EQ(g.of(model.b), (Matrix<double>{{-0.5}}));
  g = gradients(model, Matrix<double>{{HUGE_VAL, std::nan("")}}, Matrix<double>{{0}});
  clip_value(model, g, 0.5);
  EXPECT_EQ(g.of(model.a)(0, 0), 0.5);
  EXPECT_TRUE(std::isnan(g.of(model.a)(0, 1)));
}

}  // namespace
}  // namespace evengrad
