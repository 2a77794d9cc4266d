#include <evengrad/core/ops.hpp>
#include <evengrad/core/tape.hpp>

#include "../matrices.hpp"

#include <gtest/gtest.h>

#include <memory>
#include <optional>
#include <vector>

namespace evengrad {
namespace {

using Real = double;

Parameter<Real> parameter_of(Matrix<Real> value) {
  Parameter<Real> p;
  p.value = std::move(value);
  return p;
}

// The message of an Error that f throws.
template <class F>
std::string error_of(F f) {
  try {
    f();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

TEST(Shape, PrintsAsErrorsShowIt) {
  EXPECT_EQ(to_string(Shape{32, 64}), "(32, 64)");
  EXPECT_EQ(to_string(Shape{8, 2, 3}), "(8, 2, 3)");
  EXPECT_EQ(to_string(Shape::image(8, 4, 2, 3)), "(8, 4 x 2, 3)");
}

TEST(Shape, CountsRowsAndSamples) {
  const Shape plain{32, 64}, sequences{8, 2, 3}, images = Shape::image(8, 4, 2, 3);
  EXPECT_EQ(plain.blocks, 32);
  EXPECT_EQ(plain.rows, 1);
  EXPECT_EQ(plain.matrix_rows(), 32);
  EXPECT_EQ(sequences.blocks, 8);
  EXPECT_EQ(sequences.matrix_rows(), 16);
  EXPECT_EQ(sequences.size(), 48);
  EXPECT_EQ(images.matrix_rows(), 64);
  EXPECT_EQ(sequences.with_cols(5), (Shape{8, 2, 5}));
  EXPECT_NE(images, (Shape{8, 8, 3}));  // an image is more than its pixels
  EXPECT_EQ(sequences.counted_rows(), 16);
  Shape padded = sequences;
  const std::int32_t lengths[] = {1, 2, 1, 2, 1, 2, 1, 1};
  padded.lengths = lengths;
  EXPECT_EQ(padded.counted_rows(), 11);
  EXPECT_EQ(padded.length(2), 1);
  EXPECT_EQ(padded, sequences);
}

TEST(Shape, TravelsThroughRowWiseOps) {
  Tape<double> tape;
  const std::int32_t lengths[] = {1, 3};
  Shape shape(2, 3, 4);
  shape.lengths = lengths;
  const Var<double> x = tape.constant(Matrix<double>::Ones(6, 4), shape);
  const Var<double> y = affine(x, tape.constant(Matrix<double>::Ones(5, 4)), {});
  EXPECT_EQ(y.shape(), (Shape{2, 3, 5}));
  ASSERT_TRUE(y.shape().lengths);
  EXPECT_NE(y.shape().lengths, lengths);  // the tape keeps a copy
  EXPECT_EQ(y.shape().length(0), 1);
  EXPECT_EQ(y.shape().length(1), 3);
}

TEST(Shape, MustFitItsNumbers) {
  Tape<double> tape;
  EXPECT_NE(error_of([&] {
              tape.constant(Matrix<double>::Ones(6, 4), {2, 2, 4});
            }).find("(2, 2, 4)"),
            std::string::npos);
  const std::int32_t lengths[] = {1, 4};
  Shape shape(2, 3, 4);
  shape.lengths = lengths;
  EXPECT_NE(error_of([&] { tape.constant(Matrix<double>::Ones(6, 4), shape); }).find("length 4 of sequence 1"),
            std::string::npos);
  EXPECT_TRUE(tape.nodes().empty());
}

// ---- reshape --------------------------------------------------------------------------------------------------------

TEST(Reshape, IsAnAliasOfValueAndGradient) {
  Tape<double> tape;
  const Var<double> x = tape.variable(Matrix<double>{{1, 2, 3, 4}, {5, 6, 7, 8}});
  const Var<double> sequences = tape.reshape(x, {1, 4, 2});
  const Var<double> again = tape.reshape(sequences, {8, 1});
  EXPECT_EQ(again.value().data(), x.value().data());
  // 3 x + 2 x under one shape, x^2 under another: the gradient is 5 + 2 x, whichever name it goes by.
  const Var<double> loss = sum(scale(x, 3)) + sum(scale(x, 2)) + sum(again * again);
  const Gradients<double> gradients = tape.backward(loss);
  EXPECT_EQ(Matrix<double>(gradients[x]), (Matrix<double>{{7, 9, 11, 13}, {15, 17, 19, 21}}));
  EXPECT_EQ(Matrix<double>(gradients[sequences]), (Matrix<double>{{7, 9}, {11, 13}, {15, 17}, {19, 21}}));
  EXPECT_EQ(gradients[again].data(), gradients[x].data());
}

TEST(Reshape, OfTheOutputTakesItsGradient) {
  Tape<double> tape;
  const Var<double> x = tape.variable(Matrix<double>{{1, 2}, {3, 4}});
  const Gradients<double> gradients =
      tape.backward(tape.reshape(scale(x, 2), {1, 4}), Matrix<double>{{1, 10, 100, 1000}});
  EXPECT_EQ(Matrix<double>(gradients[x]), (Matrix<double>{{2, 20}, {200, 2000}}));
}

TEST(Reshape, OfAParameterAddsUpInTheParameter) {
  Tape<double> tape;
  const Parameter<double> w{Matrix<double>{{1, 2}, {3, 4}}};
  const Var<double> loss = sum(tape.reshape(tape.parameter(w), {1, 4})) + sum(tape.parameter(w));
  EXPECT_EQ(Matrix<double>(tape.backward(loss).of(w)), (Matrix<double>{{2, 2}, {2, 2}}));
}

TEST(Reshape, RefusesAnotherSize) {
  Tape<double> tape;
  const Var<double> x = tape.constant(Matrix<double>::Ones(2, 3));
  EXPECT_NE(error_of([&] { tape.reshape(x, {2, 2}); }).find("[reshape] (2, 3) has 6 numbers"), std::string::npos);
}

// ---- what backward adds up ----------------------------------------------------------------------------------------

TEST(Tape, SharedSubgraphsAddUp) {
  Tape<Real> tape;
  const Var<Real> x = tape.variable(Matrix<Real>{{2, -3}});
  const Var<Real> square = x * x;  // used twice below
  const Var<Real> loss = sum(square * square) + sum(scale(square, 5));
  const Gradients<Real> gradients = tape.backward(loss);
  EXPECT_EQ(gradients[x], (Matrix<Real>{{4 * 8 + 10 * 2, 4 * -27 + 10 * -3}}));  // 4x^3 + 10x
}

TEST(Tape, ATensorMayBeBothInputsOfAnOp) {
  Tape<Real> tape;
  const Var<Real> x = tape.variable(Matrix<Real>{{3, -4}});
  EXPECT_EQ(tape.backward(sum(x * x))[x], (Matrix<Real>{{6, -8}}));
  EXPECT_EQ(tape.backward(sum(x + x))[x], (Matrix<Real>{{2, 2}}));
  EXPECT_EQ(tape.backward(sum(x - x))[x], (Matrix<Real>{{0, 0}}));
  const Var<Real> m = tape.variable(Matrix<Real>{{1, 2}, {3, 4}});
  EXPECT_EQ(tape.backward(sum(matmul(m, m)))[m], (Matrix<Real>{{7, 11}, {9, 13}}));  // row sums + column sums
}

TEST(Tape, AParameterUsedTwiceIsOneLeafAndItsGradientsAddUp) {
  const Parameter<Real> w = parameter_of(Matrix<Real>{{2}});
  Tape<Real> tape;
  const Var<Real> x = tape.constant(Matrix<Real>{{5}});
  const Var<Real> once = affine(x, tape.parameter(w), {});
  const Var<Real> loss = sum(affine(once, tape.parameter(w), {}));  // w^2 x
  EXPECT_EQ(std::ranges::count(tape.nodes(), w.id.value(), &Node<Real>::parameter_id), 1);
  EXPECT_EQ(tape.backward(loss).of(w), (Matrix<Real>{{2 * 2 * 5}}));
}

TEST(Tape, FindsAParameterAgainInAnyOrder) {
  const Parameter<Real> first = parameter_of(Matrix<Real>{{1}}), second = parameter_of(Matrix<Real>{{2}}),
                        third = parameter_of(Matrix<Real>{{3}});
  Tape<Real> tape;
  for (int step = 0; step < 2; ++step) {
    const Var<Real> c = tape.parameter(third), a = tape.parameter(first), b = tape.parameter(second);
    const Var<Real> loss = sum((c * a) * (tape.parameter(third) * b) + tape.parameter(first));
    const Gradients<Real> gradients = tape.backward(loss);
    EXPECT_EQ(gradients.of(first)(0, 0), 3 * 3 * 2 + 1);
    EXPECT_EQ(gradients.of(second)(0, 0), 3 * 3);
    EXPECT_EQ(gradients.of(third)(0, 0), 2 * 3 * 2);
    tape.clear();
  }
}

TEST(Tape, UnusedLeavesTakeNoPart) {
  const Parameter<Real> used = parameter_of(Matrix<Real>{{2}}), unused = parameter_of(Matrix<Real>{{1, 2, 3}}),
                        unseen = parameter_of(Matrix<Real>{{4}});
  Tape<Real> tape;
  const Var<Real> idle = tape.variable(Matrix<Real>{{1}});
  const Var<Real> side = tape.parameter(unused);
  const Var<Real> loss = sum(tape.parameter(used));
  const Var<Real> later = tape.variable(Matrix<Real>{{1}});  // recorded behind the loss
  const Gradients<Real> gradients = tape.backward(loss);
  EXPECT_EQ(gradients.of(used)(0, 0), 1);
  EXPECT_EQ(gradients.find(unused).data(), nullptr);
  EXPECT_EQ(gradients.find(unseen).data(), nullptr);
  EXPECT_EQ(error_of([&] { gradients.of(unused); }), "a parameter (1, 3) took no part in the loss: it has no gradient");
  EXPECT_THROW(gradients.of(unseen), Error);
  EXPECT_THROW(gradients[idle], Error);
  EXPECT_THROW(gradients[side], Error);
  EXPECT_THROW(gradients[later], Error);
  EXPECT_EQ(gradients.node(1000).data(), nullptr);
}

TEST(Tape, ConstantsAndFrozenParametersGetNoGradient) {
  Parameter<Real> frozen = parameter_of(Matrix<Real>{{3}});
  frozen.trainable = false;
  Tape<Real> tape;
  const Var<Real> x = tape.variable(Matrix<Real>{{2}}), c = tape.constant(Matrix<Real>{{7}});
  const Var<Real> loss = sum(x * tape.parameter(frozen) * c);
  const Gradients<Real> gradients = tape.backward(loss);
  EXPECT_EQ(gradients[x](0, 0), 21);
  EXPECT_THROW(gradients[c], Error);
  EXPECT_EQ(gradients.find(frozen).data(), nullptr);
}

TEST(Tape, AViewReadsTheNumbersWhereTheyAre) {
  const Matrix<Real> x{{1, 2}, {3, 4}};
  const Parameter<Real> w = parameter_of(Matrix<Real>{{5, 6}});
  Tape<Real> tape;
  const Var<Real> second_row = tape.view(ConstMap<Real>(x.data() + 2, 1, 2)), all = tape.view(x);
  EXPECT_EQ(all.value().data(), x.data());
  const Gradients<Real> gradients = tape.backward(sum(second_row * tape.parameter(w)));
  EXPECT_EQ(gradients.of(w), (Matrix<Real>{{3, 4}}));
  EXPECT_THROW(gradients[second_row], Error);
}

TEST(Tape, InteriorGradientsCanBeRead) {
  Tape<Real> tape;
  const Var<Real> x = tape.variable(Matrix<Real>{{1, 2}});
  const Var<Real> doubled = scale(x, 2), squared = doubled * doubled, loss = sum(squared);
  const Gradients<Real> gradients = tape.backward(loss);
  EXPECT_EQ(gradients[loss], (Matrix<Real>{{1}}));
  EXPECT_EQ(gradients[squared], (Matrix<Real>{{1, 1}}));
  EXPECT_EQ(gradients[doubled], (Matrix<Real>{{4, 8}}));
  EXPECT_EQ(gradients.node(1), gradients[doubled]);
  EXPECT_EQ(doubled.value(), (Matrix<Real>{{2, 4}}));  // and values still stand
}

TEST(Tape, BackwardFromAGivenGradient) {
  Tape<Real> tape;
  const Var<Real> x = tape.variable(Matrix<Real>{{1, 2}, {3, 4}});
  const Var<Real> y = x * x;
  const Matrix<Real> wide = random_matrix<Real>(2, 5, 1);
  EXPECT_EQ(tape.backward(y, Matrix<Real>{{1, 0}, {0, -1}})[x], (Matrix<Real>{{2, 0}, {0, -8}}));
  // A block of a larger matrix, rows not contiguous.
  EXPECT_EQ(tape.backward(y, wide.middleCols(1, 2))[x], 2 * x.value().cwiseProduct(wide.middleCols(1, 2)));
  EXPECT_EQ(error_of([&] { tape.backward(y, wide); }), "[backward] the output is (2, 2), the given gradient (2, 5)");
}

TEST(Tape, BackwardMayBeginInTheMiddle) {
  Tape<Real> tape;
  const Var<Real> x = tape.variable(Matrix<Real>{{3}});
  const Var<Real> y = scale(x, 2);
  const Var<Real> z = y * y;
  EXPECT_EQ(tape.backward(y)[x](0, 0), 2);
  EXPECT_EQ(tape.backward(z)[x](0, 0), 2 * 6 * 2);
  EXPECT_THROW(tape.backward(y)[z], Error);
}

TEST(Tape, BackwardTwiceGivesTheSameBits) {
  const Activation f = make_activation(TestTanh{});
  Parameter<float> w, b;
  w.value = random_matrix<float>(7, 5, 1);
  b.value = random_matrix<float>(1, 7, 2);
  Tape<float> tape;
  const Var<float> x = tape.variable(random_matrix<float>(9, 5, 3));
  const Var<float> y = affine(x, tape.parameter(w), tape.parameter(b), f);
  const Var<float> loss = mean(y * y);
  const Gradients<float> first = tape.backward(loss), second = tape.backward(loss);
  EXPECT_TRUE(same_bits(first.of(w), second.of(w)));
  EXPECT_TRUE(same_bits(first.of(b), second.of(b)));
  EXPECT_TRUE(same_bits(first[x], second[x]));
  EXPECT_TRUE(same_bits(first[y], second[y]));
}

TEST(Tape, WorkBehindABackwardIsRecordedAsBefore) {
  Tape<Real> tape;
  const Var<Real> x = tape.variable(Matrix<Real>{{3, 1}});
  const Var<Real> y = x * x;
  tape.backward(sum(y));
  const Var<Real> z = y * x;
  EXPECT_EQ(y.value(), (Matrix<Real>{{9, 1}}));
  EXPECT_EQ(tape.backward(sum(z))[x], (Matrix<Real>{{27, 3}}));
}

// ---- gradients are a value ----------------------------------------------------------------------------------------

TEST(Gradients, OutliveClearAndTheTape) {
  const Parameter<Real> w = parameter_of(Matrix<Real>{{2, 3}});
  std::optional<Gradients<Real>> kept;
  {
    Tape<Real> tape;
    const Var<Real> p = tape.parameter(w);
    kept = tape.backward(sum(p * p));
    tape.clear();
    for (int step = 0; step < 5; ++step) {  // later steps must not write into what was kept
      const Var<Real> q = tape.parameter(w);
      const Gradients<Real> later = tape.backward(sum(scale(q, 100)));
      EXPECT_EQ(later.of(w), (Matrix<Real>{{100, 100}}));
      EXPECT_EQ(kept->of(w), (Matrix<Real>{{4, 6}}));
      tape.clear();
    }
  }
  EXPECT_EQ(kept->of(w), (Matrix<Real>{{4, 6}}));
}

TEST(Gradients, CopiesAreIndependent) {
  const Parameter<Real> w = parameter_of(Matrix<Real>{{2, 3}});
  Tape<Real> tape;
  const Var<Real> p = tape.parameter(w);
  Gradients<Real> original = tape.backward(sum(p * p));
  Gradients<Real> copy = original;
  copy.find(w) *= 10;
  EXPECT_EQ(original.of(w), (Matrix<Real>{{4, 6}}));
  EXPECT_EQ(copy.of(w), (Matrix<Real>{{40, 60}}));
  original = copy;
  copy.find(w).setZero();
  EXPECT_EQ(original.of(w), (Matrix<Real>{{40, 60}}));
  const Gradients<Real> moved = std::move(original);
  EXPECT_EQ(moved.of(w), (Matrix<Real>{{40, 60}}));
}

TEST(Gradients, FollowAModelThatMoves) {
  struct Model {
    Parameter<Real> w, b;
  };
  auto model = std::make_unique<Model>();
  model->w = parameter_of(Matrix<Real>{{2, 3}});
  model->b = parameter_of(Matrix<Real>{{5}});
  Tape<Real> tape;
  const Var<Real> w = tape.parameter(model->w);
  Gradients<Real> gradients = tape.backward(sum(w * w) + sum(tape.parameter(model->b)));
  Model moved = std::move(*model);
  model.reset();
  EXPECT_EQ(gradients.of(moved.w), (Matrix<Real>{{4, 6}}));
  EXPECT_EQ(gradients.of(moved.b), (Matrix<Real>{{1}}));
  const Model copy = moved;  // a copy is another model
  EXPECT_EQ(gradients.find(copy.w).data(), nullptr);
}

TEST(Gradients, AreFoundInAnyOrder) {
  std::vector<Parameter<Real>> parameters(5);
  Tape<Real> tape;
  Var<Real> loss = tape.constant(Matrix<Real>{{0}});
  for (int i = 0; i < 5; ++i) {
    parameters[i].value = Matrix<Real>{{1}};
    loss = loss + scale(tape.parameter(parameters[i]), i + 1);
  }
  const Gradients<Real> gradients = tape.backward(loss);
  for (int i : {4, 0, 3, 3, 1, 2, 0}) EXPECT_EQ(gradients.of(parameters[i])(0, 0), i + 1);
}

TEST(Gradients, AreRefusedForAVarOfAnotherStepOrTape) {
  Tape<Real> tape, other;
  const Var<Real> x = tape.variable(Matrix<Real>{{1}}), stranger = other.variable(Matrix<Real>{{1}});
  const Gradients<Real> gradients = tape.backward(sum(x));
  EXPECT_EQ(error_of([&] { gradients[stranger]; }), "gradients of one tape were asked for a Var of another");
  EXPECT_THROW(gradients[Var<Real>()], Error);
  tape.clear();
  const Var<Real> next = tape.variable(Matrix<Real>{{1}});
  EXPECT_EQ(error_of([&] { gradients[next]; }), "gradients of one step were asked for a Var of another");
  EXPECT_EQ(gradients[x](0, 0), 1);  // a Var of the step still finds its gradient
}

// ---- misuse -------------------------------------------------------------------------------------------------------

TEST(Tape, UseAfterClearIsAnError) {
  Tape<Real> tape;
  const Var<Real> x = tape.variable(Matrix<Real>{{1}});
  const Var<Real> loss = sum(x);
  tape.clear();
  const std::string message = "this Var was recorded before tape.clear(): values live for one step only";
  EXPECT_EQ(error_of([&] { x.value(); }), message);
  EXPECT_EQ(error_of([&] { x.shape(); }), message);
  EXPECT_EQ(error_of([&] { x.item(); }), message);
  EXPECT_EQ(error_of([&] { x* x; }), message);
  EXPECT_EQ(error_of([&] { tape.backward(loss); }), message);
  const Var<Real> fresh = tape.variable(Matrix<Real>{{1}});  // takes x's place on the tape
  EXPECT_EQ(error_of([&] { fresh + x; }), message);
}

TEST(Tape, AVarOfAnotherTapeIsAnError) {
  Tape<Real> tape, other;
  const Var<Real> x = tape.variable(Matrix<Real>{{1}}), y = other.variable(Matrix<Real>{{1}});
  EXPECT_EQ(error_of([&] { x + y; }), "this Var belongs to another tape");
  EXPECT_EQ(error_of([&] { tape.backward(y); }), "this Var belongs to another tape");
  EXPECT_EQ(tape.nodes().size(), 1u);  // nothing half recorded
}

TEST(Tape, AnEmptyVarIsAnError) {
  const Var<Real> empty;
  Tape<Real> tape;
  const Var<Real> x = tape.variable(Matrix<Real>{{1}});
  EXPECT_FALSE(empty);
  EXPECT_TRUE(x);
  EXPECT_EQ(error_of([&] { empty.value(); }), "empty Var: it was never recorded on a tape");
  EXPECT_THROW(empty.tape(), Error);
  EXPECT_THROW(empty * x, Error);
  EXPECT_THROW(x * empty, Error);
  EXPECT_EQ(error_of([&] { tape.backward(empty); }), "empty Var");
}

TEST(Tape, ALossMustBeOneNumber) {
  Tape<Real> tape;
  const Var<Real> x = tape.variable(Matrix<Real>{{1, 2}});
  EXPECT_EQ(error_of([&] { tape.backward(x); }),
            "[backward] expected a (1, 1) loss, got (1, 2): reduce it with mean() or sum()");
  EXPECT_THROW(tape.backward(x), ShapeError);
  EXPECT_EQ(error_of([&] { x.item(); }), "item(): expected a (1, 1) value, got (1, 2)");
  EXPECT_EQ(sum(x).item(), 3);
}

TEST(Tape, ALossOfConstantsHasNothingToDifferentiate) {
  Tape<Real> tape;
  const Var<Real> x = tape.constant(Matrix<Real>{{1, 2}});
  EXPECT_THROW(tape.backward(sum(x)), Error);
}

struct ManyInputs {
  static constexpr std::string_view name = "many";
  void forward(Forward<Real>&) {}
  void pull(Pull<Real>&) const {}
};

TEST(Tape, AnOpWithTooManyInputsIsRefused) {
  Tape<Real> tape;
  const Var<Real> x = tape.variable(Matrix<Real>{{1}});
  EXPECT_EQ(error_of([&] {
              tape.record(ManyInputs{}, {1, 1}, {x, x, x, x, x, x, x});
            }),
            "[many] an op has at most 6 inputs, got 7");
}

struct NoPull {
  static constexpr std::string_view name = "no_pull";
  void forward(Forward<Real>&) {}
};
static_assert(Op<ManyInputs, Real>);
static_assert(!Op<NoPull, Real>, "an op without a pull does not compile");
static_assert(sizeof(Var<float>) == 2 * sizeof(void*) && std::is_trivially_copyable_v<Var<float>>);

// ---- what is recorded ---------------------------------------------------------------------------------------------

TEST(Tape, EvaluationGivesTheSameBitsAndKeepsNothing) {
  const Activation f = make_activation(TestTanh{});
  Parameter<float> w;
  w.value = random_matrix<float>(5, 300, 1);
  Tape<float> recording, evaluation({.recording = false});
  const auto run = [&](Tape<float>& tape) {
    return affine(tape.constant(random_matrix<float>(7, 300, 2)), tape.parameter(w), {}, f);
  };
  const Var<float> a = run(recording), b = run(evaluation);
  EXPECT_TRUE(same_bits(a.value(), b.value()));
  EXPECT_NE(recording.node(a).activation_derivative, nullptr);
  EXPECT_EQ(evaluation.node(b).activation_derivative, nullptr);
  EXPECT_THROW(evaluation.backward(sum(b)), Error);
}

TEST(Tape, PreAndDerivativesAreKeptForProbes) {
  const Activation f = make_activation(TestTanh{});
  Parameter<Real> w;
  w.value = random_matrix<Real>(3, 4, 1);
  const Matrix<Real> x = random_matrix<Real>(2, 4, 2);
  Tape<Real> plain, keeping({.keep_pre_activations = true});
  EXPECT_EQ(plain.node(affine(plain.constant(x), plain.parameter(w), {}, f)).pre_activation, nullptr);
  const Var<Real> y = affine(keeping.constant(x), keeping.parameter(w), {}, f);
  const ConstMap<Real> z(keeping.node(y).pre_activation, 2, 3), d(keeping.node(y).activation_derivative, 2, 3);
  EXPECT_TRUE(z.isApprox(x * w.value.transpose(), 1e-14));
  EXPECT_TRUE(y.value().isApprox(z.array().tanh().matrix(), 1e-14));
  EXPECT_TRUE(d.isApprox((1 - z.array().tanh().square()).matrix(), 1e-13));
  plain.keep_pre_activations(true);  // for single steps
  EXPECT_NE(plain.node(affine(plain.constant(x), plain.parameter(w), {}, f)).pre_activation, nullptr);
}

TEST(Tape, NodesTellOpShapeInputsAndScope) {
  Parameter<Real> w = parameter_of(Matrix<Real>{{1, 2}});
  Tape<Real> tape;
  Var<Real> y;
  {
    const Tape<Real>::Scope model(tape, "layers");
    {
      const Tape<Real>::Scope layer(tape, Index{12});
      const Var<Real> x = tape.constant(Matrix<Real>{{1, 1}});
      y = affine(x, tape.parameter(w), {});
    }
    scale(y, 2);
  }
  sum(y);
  const auto& nodes = tape.nodes();
  ASSERT_EQ(nodes.size(), 5u);
  const std::vector<std::string_view> ops{"constant", "parameter", "affine", "scale", "sum"};
  const std::vector<std::string_view> scopes{"layers.12", "layers.12", "layers.12", "layers", ""};
  for (std::size_t i = 0; i < nodes.size(); ++i) {
    EXPECT_EQ(nodes[i].op, ops[i]);
    EXPECT_EQ(nodes[i].scope, scopes[i]);
  }
  EXPECT_EQ(nodes[1].parameter_id, w.id.value());
  EXPECT_EQ(nodes[1].value, w.value.data());  // not a copy
  EXPECT_EQ(nodes[2].input_count, 2);
  EXPECT_EQ(nodes[2].inputs[0], 0u);
  EXPECT_EQ(nodes[2].inputs[1], 1u);
  EXPECT_EQ(nodes[2].shape, (Shape{1, 1}));
}

TEST(Tape, ClearEndsAllScopes) {
  Tape<Real> tape;
  {
    const Tape<Real>::Scope outer(tape, "outer");
    const Tape<Real>::Scope inner(tape, "inner");
    tape.clear();
    tape.constant(Matrix<Real>{{1}});
    EXPECT_EQ(tape.nodes().back().scope, "");
  }
  tape.constant(Matrix<Real>{{1}});
  EXPECT_EQ(tape.nodes().back().scope, "");
}

TEST(Tape, AConstantMayBeWrittenInPlace) {
  Tape<Real> tape;
  const Var<Real> x = tape.constant({2, 3}, [](MutableMap<Real> map) { map.setConstant(4); });
  EXPECT_EQ(x.value(), Matrix<Real>::Constant(2, 3, 4));
  const Matrix<Real> wide = random_matrix<Real>(4, 6, 1);
  EXPECT_EQ(tape.constant(wide.block(1, 2, 2, 3)).value(), wide.block(1, 2, 2, 3));
}

TEST(Tape, HoldsNoMoreAfterManySteps) {
  Tape<float> tape;
  Parameter<float> w;
  w.value = random_matrix<float>(64, 64, 1);
  std::size_t held = 0;
  for (int step = 0; step < 10; ++step) {
    Var<float> x = tape.constant(random_matrix<float>(32, 64, 2));
    for (int layer = 0; layer < 8; ++layer) x = affine(x, tape.parameter(w), {});
    tape.backward(mean(x));
    tape.clear();
    if (step == 1) held = tape.memory();
  }
  EXPECT_EQ(tape.memory(), held);
}

TEST(Tape, KinkRegionsChangeWhereAPreActivationCrossesAKink) {
  const Activation hinge = make_activation(TestHinge{});  // kinks at 0 and 2
  Tape<Real> tape({.trace_kinks = true});
  const auto regions = [&](Matrix<Real> z) {
    tape.clear();
    activate(tape.constant(z), hinge);
    return tape.kink_regions();
  };
  const auto base = regions(Matrix<Real>{{-1, 1, 3}});
  EXPECT_EQ(regions(Matrix<Real>{{-0.1, 1.9, 2.1}}), base);
  EXPECT_NE(regions(Matrix<Real>{{0.1, 1, 3}}), base);
  EXPECT_NE(regions(Matrix<Real>{{-1, -1, 3}}), base);
  EXPECT_NE(regions(Matrix<Real>{{-1, 1, 1.9}}), base);
  EXPECT_NE(regions(Matrix<Real>{{-1, 3, 1}}), base);
  EXPECT_NE(regions(Matrix<Real>{{0, 1, 3}}), base);  // a kink itself belongs to neither side
  EXPECT_NE(regions(Matrix<Real>{{0, 1, 3}}), regions(Matrix<Real>{{0.1, 1, 3}}));
}

}  // namespace
}  // namespace evengrad
