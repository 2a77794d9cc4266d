#include <evengrad/core/gradient_check.hpp>
#include <evengrad/layers/losses.hpp>

#include "../matrices.hpp"
#include "../temp_folder.hpp"

#include <limits>

namespace evengrad {
namespace {

constexpr Index rows = 7, cols = 5;
const std::vector<std::int32_t> labels{0, 4, 2, 2, 1, 3, 0};

using Inputs = std::span<const Var<double>>;

TEST(Losses, EveryGradientIsRight) {
  const Matrix<double> y = 2 * random_matrix<double>(rows, cols, 1), t = random_matrix<double>(rows, cols, 2);
  const Matrix<double> shares = t.array().cos().square();
  const auto ok = [](const char* name, GradientCheckFunction f, std::vector<Matrix<double>> inputs) {
    const GradientCheckResult result = gradient_check(f, std::move(inputs));
    EXPECT_TRUE(result.ok()) << name << ": " << result.str();
  };
  ok("cross-entropy", [](Tape<double>&, Inputs in) { return softmax_cross_entropy(in[0], labels); }, {y});
  ok("smoothed", [](Tape<double>&, Inputs in) { return softmax_cross_entropy(in[0], labels, 0.2); }, {y});
  ok("mse", [](Tape<double>&, Inputs in) { return mean_squared_error(in[0], in[1]); }, {y, t});
  ok("huber", [](Tape<double>&, Inputs in) { return huber(in[0], in[1], 0.7); }, {y, t});
  ok("distillation", [&](Tape<double>&, Inputs in) { return distillation<double>(in[0], t, labels, {3, 0.4}); }, {y});
  // Targets leave [0, 1] by the stencil's width nowhere.
  ok("bce", [](Tape<double>&, Inputs in) { return binary_cross_entropy(in[0], in[1]); },
     {y, 0.01 + 0.98 * shares.array()});
}

// Three sequences of 2, 4 and 1 steps in a batch of (3, 4, cols): the loss is that of the seven rows that count, and
// the padding has no gradient.
TEST(Losses, PaddingDoesNotCount) {
  const Index counted[] = {0, 1, 4, 5, 6, 7, 8};
  const std::int32_t lengths[] = {2, 4, 1};
  Shape shape(3, 4, cols);
  shape.lengths = lengths;
  Matrix<double> y = 2 * random_matrix<double>(12, cols, 1), t = random_matrix<double>(12, cols, 2).cwiseAbs();
  t /= t.maxCoeff();
  std::vector<std::int32_t> all(12, -1);  // not even a label
  Matrix<double> some_y(rows, cols), some_t(rows, cols);
  for (std::size_t i = 0; i < std::size(counted); ++i) {
    const auto row = static_cast<Index>(i);
    some_y.row(row) = y.row(counted[i]);
    some_t.row(row) = t.row(counted[i]);
    all[static_cast<std::size_t>(counted[i])] = labels[i];
  }
  const auto check = [&](const char* name, auto loss) {
    Tape<double> tape;
    const Var<double> x = tape.variable(y, shape), plain = tape.variable(some_y);
    const Var<double> padded = loss(x, tape.constant(t, shape), t, all);
    const Var<double> expected = loss(plain, tape.constant(some_t), some_t, labels);
    EXPECT_DOUBLE_EQ(padded.item(), expected.item()) << name;
    const Gradients<double> gradients = tape.backward(padded + expected);
    Matrix<double> spread = Matrix<double>::Zero(12, cols);
    for (std::size_t i = 0; i < std::size(counted); ++i) {
      spread.row(counted[i]) = gradients[plain].row(static_cast<Index>(i));
    }
    EXPECT_TRUE(gradients[x].isApprox(spread, 1e-14)) << name;
    EXPECT_EQ(gradients[x].row(2).norm(), 0) << name;
  };
  using V = const Var<double>&;
  using M = const Matrix<double>&;
  using L = const std::vector<std::int32_t>&;
  check("cross-entropy", [](V z, V, M, L l) { return softmax_cross_entropy(z, l, 0.1); });
  check("mse", [](V z, V target, M, L) { return mean_squared_error(z, target); });
  check("huber", [](V z, V target, M, L) { return huber(z, target, 0.7); });
  check("bce", [](V z, V target, M, L) { return binary_cross_entropy(z, target); });
  check("distillation", [](V z, V, M target, L l) { return distillation<double>(z, target, l, {3, 0.4}); });
}

TEST(CrossEntropy, RowsWithoutALabelDoNotCount) {
  Tape<double> tape;
  const Var<double> z = tape.variable(Matrix<double>{{0, 0}, {5, -3}, {0, 0}});
  const std::vector<std::int32_t> some{0, no_label, 1};
  const Var<double> loss = softmax_cross_entropy(z, some);
  EXPECT_DOUBLE_EQ(loss.item(), std::log(2.0));
  EXPECT_TRUE(tape.backward(loss)[z].isApprox(Matrix<double>{{-0.25, 0.25}, {0, 0}, {0.25, -0.25}}, 1e-15));
  const std::vector<std::int32_t> none(3, no_label);
  EXPECT_THROW(softmax_cross_entropy(z, none), Error);
}

TEST(Losses, ALossUsedTwiceAddsUp) {
  const Matrix<double> y = random_matrix<double>(rows, cols, 1), t = random_matrix<double>(rows, cols, 2);
  const auto result = gradient_check(
      [](Tape<double>&, Inputs in) {
        return huber(in[0], in[1]) + mean_squared_error(in[0], in[1]) + softmax_cross_entropy(in[0], labels);
      },
      {y, t});
  EXPECT_TRUE(result.ok()) << result.str();
}

template <Real S>
double one_bce(S logit, S target, S* gradient = nullptr) {
  Tape<S> tape;
  const Var<S> z = tape.variable(Matrix<S>::Constant(1, 1, logit));
  const Var<S> loss = binary_cross_entropy(z, tape.constant(Matrix<S>::Constant(1, 1, target)));
  if (gradient) *gradient = tape.backward(loss)[z](0, 0);
  return static_cast<double>(loss.item());
}

TEST(BinaryCrossEntropy, KnownValues) {
  EXPECT_DOUBLE_EQ(one_bce<double>(0, 1), std::log(2.0));
  EXPECT_NEAR(one_bce<double>(2, 1), -std::log(1 / (1 + std::exp(-2.0))), 1e-15);
  EXPECT_DOUBLE_EQ(one_bce<double>(2, 0.25), 0.25 * std::log1p(std::exp(-2.0)) + 0.75 * std::log1p(std::exp(2.0)));
}

// A gradient became NaN exactly when the model was most wrong elsewhere (burn #5373).
TEST(BinaryCrossEntropy, IsRightHoweverWrongTheModelIs) {
  for (const float size : {50.0f, 1e4f, 1e30f}) {
    float gradient;
    EXPECT_EQ(one_bce<float>(size, 0, &gradient), static_cast<double>(size));
    EXPECT_EQ(gradient, 1);
    EXPECT_EQ(one_bce<float>(-size, 1, &gradient), static_cast<double>(size));
    EXPECT_EQ(gradient, -1);
  }
  double gradient;
  EXPECT_DOUBLE_EQ(one_bce<double>(-40, 0, &gradient), std::exp(-40.0));
  EXPECT_DOUBLE_EQ(gradient, std::exp(-40.0));
}

TEST(BinaryCrossEntropy, TargetsOutsideAreRefused) {
  Tape<float> tape;
  const Var<float> z = tape.constant(Matrix<float>::Zero(2, 1));
  for (const float bad : {-0.1f, 1.1f, std::numeric_limits<float>::quiet_NaN()}) {
    const Var<float> t = tape.constant(Matrix<float>{{0}, {bad}});
    const std::string error = error_of<Error>([&] { binary_cross_entropy(z, t); });
    EXPECT_NE(error.find("row 1"), std::string::npos) << error;
  }
}

TEST(CrossEntropy, KnownValues) {
  Tape<double> tape;
  const Var<double> z = tape.constant(Matrix<double>{{0, std::log(3.0)}});
  const std::vector<std::int32_t> second{1};
  EXPECT_NEAR(softmax_cross_entropy(z, second).item(), -std::log(0.75), 1e-15);
  // Smoothing 0.2: targets 0.1 and 0.9.
  EXPECT_NEAR(softmax_cross_entropy(z, second, 0.2).item(), -0.1 * std::log(0.25) - 0.9 * std::log(0.75), 1e-15);
}

TEST(CrossEntropy, HugeLogits) {
  Tape<float> tape;
  const Var<float> equal = tape.variable(Matrix<float>::Constant(1, 4, 1e30f));
  const std::vector<std::int32_t> label{2};
  const Var<float> loss = softmax_cross_entropy(equal, label);
  EXPECT_TRUE(std::isfinite(loss.item()));
  const Matrix<float> gradient = tape.backward(loss)[equal];
  EXPECT_EQ(gradient, (Matrix<float>{{0.25f, 0.25f, -0.75f, 0.25f}}));
  for (const float huge : {std::numeric_limits<float>::max(), std::numeric_limits<float>::lowest()}) {
    const Var<float> z = tape.constant(Matrix<float>::Constant(3, 4, huge));
    const float item = softmax_cross_entropy(z, std::vector<std::int32_t>{0, 1, 2}, 0.1).item();
    EXPECT_TRUE(std::isfinite(item)) << huge;
  }
  // In double, what the logits lack of log 4 is not lost in their size.
  Tape<double> exact;
  const Var<double> large = exact.constant(Matrix<double>::Constant(2, 4, 1e6));
  EXPECT_NEAR(softmax_cross_entropy(large, std::vector<std::int32_t>{0, 3}).item(), std::log(4.0), 1e-9);
  // Certain, and wrong: the loss is the distance of the logits.
  EXPECT_EQ(softmax_cross_entropy(tape.constant(Matrix<float>{{1e6f, 0}}), std::vector<std::int32_t>{1}).item(), 1e6f);
}

TEST(CrossEntropy, RowsThatAreNotFiniteGiveNoFiniteLoss) {
  const float inf = std::numeric_limits<float>::infinity(), nan = std::nanf("");
  for (const Matrix<float>& row :
       {Matrix<float>{{inf, 0, 1}}, Matrix<float>{{0, inf, 1}}, Matrix<float>{{0, inf, inf}},
        Matrix<float>{{inf, inf, inf}}, Matrix<float>{{-inf, -inf, -inf}}, Matrix<float>{{inf, -inf, 0}},
        Matrix<float>{{nan, 0, 1}}, Matrix<float>{{0, 1, nan}}}) {
    for (const std::int32_t label : {0, 1, 2}) {
      for (const double smoothing : {0.0, 0.1}) {
        Tape<float> tape;
        const Var<float> z = tape.constant(row);
        EXPECT_FALSE(std::isfinite(softmax_cross_entropy(z, std::vector{label}, smoothing).item())) << row;
        const Matrix<float> behind{{0, 0, 0}, {row(0, 0), row(0, 1), row(0, 2)}};  // a good row hides nothing
        const Var<float> two = tape.constant(behind);
        EXPECT_FALSE(std::isfinite(softmax_cross_entropy(two, std::vector{0, label}, smoothing).item())) << row;
      }
    }
  }
}

// -inf rules a class out, as a mask does: no loss and no gradient comes from it, unless it is the label.
TEST(CrossEntropy, AClassMayBeRuledOut) {
  Tape<double> tape;
  const double inf = std::numeric_limits<double>::infinity();
  const Var<double> z = tape.variable(Matrix<double>{{-inf, 1, 1}});
  const Var<double> loss = softmax_cross_entropy(z, std::vector<std::int32_t>{1});
  EXPECT_DOUBLE_EQ(loss.item(), std::log(2.0));
  EXPECT_EQ(tape.backward(loss)[z], (Matrix<double>{{0, -0.5, 0.5}}));
  EXPECT_EQ(softmax_cross_entropy(z, std::vector<std::int32_t>{0}).item(), inf);
}

// Read out of bounds in release builds elsewhere (caffe #2143).
TEST(CrossEntropy, LabelsOutsideTheClassesAreRefused) {
  Tape<float> tape;
  const Var<float> z = tape.constant(Matrix<float>::Zero(2, 3));
  for (const std::int32_t bad : {-1, 3, 1 << 30}) {
    const std::vector<std::int32_t> wrong{0, bad};
    const std::string error = error_of<Error>([&] { softmax_cross_entropy(z, wrong); });
    EXPECT_NE(error.find(text("label ", bad, " of row 1")), std::string::npos) << error;
    EXPECT_THROW(distillation<float>(z, Matrix<float>::Zero(2, 3), wrong), Error);
  }
  EXPECT_THROW(softmax_cross_entropy(z, std::vector<std::int32_t>{0}), ShapeError);
  EXPECT_THROW(softmax_cross_entropy(z, std::vector<std::int32_t>{0, 1}, 1.5), UsageError);
  EXPECT_THROW(softmax_cross_entropy(z, std::vector<std::int32_t>{0, 1}, std::nan("")), UsageError);
}

TEST(CrossEntropy, AMillionClasses) {
  Tape<float> tape;
  const Var<float> z = tape.constant(Matrix<float>::Constant(1, 1'000'000, 2));
  EXPECT_NEAR(softmax_cross_entropy(z, std::vector<std::int32_t>{77}).item(), std::log(1e6), 1e-5);
}

TEST(Huber, IsSquaredNearAndLinearFar) {
  Tape<double> tape;
  const Var<double> y = tape.constant(Matrix<double>{{0.5, -3}}), t = tape.constant(Matrix<double>{{0, 0}});
  EXPECT_DOUBLE_EQ(huber(y, t).item(), (0.125 + 2.5) / 2);
  EXPECT_DOUBLE_EQ(huber(y, t, 2).item(), (0.125 + 2 * (3 - 1)) / 2);
  EXPECT_DOUBLE_EQ(huber(y, t, 10).item(), mean_squared_error(y, t).item() / 2);
  for (const double delta : {0.0, -1.0, std::nan(""), HUGE_VAL}) EXPECT_THROW(huber(y, t, delta), UsageError) << delta;
}

TEST(Distillation, IsTheLabelsLossWithoutATeachersShare) {
  Tape<double> tape;
  const Var<double> z = tape.variable(random_matrix<double>(rows, cols, 1));
  const Matrix<double> teacher = random_matrix<double>(rows, cols, 2);
  EXPECT_DOUBLE_EQ(distillation<double>(z, teacher, labels, {4, 0}).item(), softmax_cross_entropy(z, labels).item());
}

// Computed with logarithms written out.
TEST(Distillation, SoftTargetsAreTSquaredTimesTheDivergence) {
  Tape<double> tape;
  const Var<double> z = tape.variable(Matrix<double>{{0, 3}});
  const Matrix<double> teacher{{std::log(3.0) * 3, 0}};  // at temperature 3: 3/4 and 1/4
  const double e = std::exp(1.0), q0 = 1 / (1 + e), q1 = e / (1 + e);
  const double expected = 9 * (0.75 * std::log(0.75 / q0) + 0.25 * std::log(0.25 / q1));
  EXPECT_NEAR(distillation<double>(z, teacher, std::vector<std::int32_t>{0}, {3, 1}).item(), expected, 1e-13);
}

TEST(Distillation, AgreementIsZeroAndPullsNowhere) {
  Tape<double> tape;
  const Matrix<double> logits = random_matrix<double>(rows, cols, 1);
  const Var<double> z = tape.variable(logits);
  const Var<double> loss = distillation<double>(z, logits, labels, {2, 1});
  EXPECT_NEAR(loss.item(), 0, 1e-14);
  EXPECT_LT(tape.backward(loss)[z].norm(), 1e-15);
}

TEST(Distillation, ATeacherMayBeABlock) {
  Tape<double> tape;
  const Matrix<double> wide = random_matrix<double>(rows, cols + 2, 3);
  const Var<double> z = tape.variable(random_matrix<double>(rows, cols, 1));
  const Matrix<double> packed = wide.leftCols(cols);
  EXPECT_EQ(distillation<double>(z, wide.leftCols(cols), labels).item(),
            distillation<double>(z, packed, labels).item());
}

TEST(Distillation, OptionsOutOfRangeAreRefused) {
  Tape<double> tape;
  const Var<double> z = tape.variable(random_matrix<double>(rows, cols, 1));
  const Matrix<double> teacher = random_matrix<double>(rows, cols, 2);
  EXPECT_THROW(distillation<double>(z, teacher, labels, {0, 0.5}), UsageError);
  EXPECT_THROW(distillation<double>(z, teacher, labels, {2, 1.5}), UsageError);
  EXPECT_THROW(distillation<double>(z, teacher.leftCols(2), labels), ShapeError);
}

TEST(Losses, ShapesMustAgree) {
  Tape<float> tape;
  const Var<float> y = tape.constant(Matrix<float>::Zero(2, 3)), t = tape.constant(Matrix<float>::Zero(3, 2));
  const auto refused = [&](auto loss, const char* name) {
    const std::string error = error_of<ShapeError>([&] { loss(y, t); });
    EXPECT_NE(error.find(name), std::string::npos) << error;
    EXPECT_NE(error.find("(2, 3)"), std::string::npos) << error;
    EXPECT_NE(error.find("(3, 2)"), std::string::npos) << error;
  };
  refused([](auto a, auto b) { mean_squared_error(a, b); }, "mean_squared_error");
  refused([](auto a, auto b) { binary_cross_entropy(a, b); }, "binary_cross_entropy");
  refused([](auto a, auto b) { huber(a, b); }, "huber");
}

TEST(Losses, AreListedOnce) {
  std::vector<std::string> names;
  for (const LossInfo& info : losses()) names.push_back(info.name);
  EXPECT_EQ(names, (std::vector<std::string>{"cross_entropy", "mse", "huber", "bce"}));
}

}  // namespace
}  // namespace evengrad
