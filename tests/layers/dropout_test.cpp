#include <evengrad/layers/dropout.hpp>

#include "../matrices.hpp"

namespace evengrad {
namespace {

Matrix<float> dropped(Dropout<float>& layer, const Context& context, const char* scope = "layers.2", Index rows = 200) {
  Tape<float> tape;
  const Tape<float>::Scope named(tape, scope);
  return layer.forward(tape.constant(Matrix<float>::Ones(rows, 100)), context).value();
}

TEST(Dropout, KeepsTheMeanAndDropsItsShare) {
  for (const double p : {0.1, 0.5, 0.9}) {
    Dropout<float> layer(p);
    const Matrix<float> y = dropped(layer, {.training = true, .rng = Rng(1)});
    const double n = static_cast<double>(y.size());
    const double zeros = static_cast<double>((y.array() == 0).count()) / n;
    EXPECT_NEAR(zeros, p, 5 * std::sqrt(p * (1 - p) / n));
    EXPECT_EQ((y.array() == 0 || y.array() == static_cast<float>(1 / (1 - p))).count(), y.size());
    EXPECT_NEAR(y.cast<double>().mean(), 1, 5 * std::sqrt(p / (1 - p) / n));
  }
}

TEST(Dropout, IsTheIdentityInEvaluationAndAtZero) {
  Dropout<float> layer(0.5), never(0);
  EXPECT_EQ(dropped(layer, {}), (Matrix<float>::Ones(200, 100)));
  EXPECT_EQ(dropped(never, {.training = true}), (Matrix<float>::Ones(200, 100)));
}

// One evaluation pass turned dropout off for good elsewhere (Megatron-LM #411).
TEST(Dropout, ComesBackAfterAnEvaluation) {
  Dropout<float> layer(0.5);
  const Context training{.training = true, .rng = Rng(2)};
  const Matrix<float> before = dropped(layer, training);
  dropped(layer, {});
  EXPECT_TRUE(same_bits(dropped(layer, training), before));
  EXPECT_GT((before.array() == 0).count(), 0);
}

TEST(Dropout, TheMaskDependsOnSeedStepAndLayerOnly) {
  Dropout<float> layer(0.5), twin(0.5);
  const auto step = [](std::uint64_t seed, std::uint64_t number) {
    return Context{.training = true, .rng = Rng(seed).split(number)};
  };
  const Matrix<float> mask = dropped(layer, step(1, 1));
  EXPECT_TRUE(same_bits(dropped(twin, step(1, 1)), mask));  // whatever was drawn before, by whichever object
  EXPECT_FALSE(same_bits(dropped(layer, step(1, 2)), mask));
  EXPECT_FALSE(same_bits(dropped(layer, step(2, 1)), mask));
  EXPECT_FALSE(same_bits(dropped(layer, step(1, 1), "layers.5"), mask));
  // Masks of neighbouring layers agree in about half of their places.
  const Matrix<float> other = dropped(layer, step(1, 1), "layers.5");
  const double agree = static_cast<double>((other.array() == mask.array()).count()) / 20000;
  EXPECT_NEAR(agree, 0.5, 5 * 0.5 / std::sqrt(20000.0));
}

TEST(Dropout, OddCountsAreFilled) {
  Dropout<float> layer(0.5);
  Tape<float> tape;
  const Matrix<float> y =
      layer.forward(tape.constant(Matrix<float>::Ones(3, 3)), {.training = true, .rng = Rng(1)}).value();
  EXPECT_EQ((y.array() == 0 || y.array() == 2).count(), 9);
}

TEST(Dropout, ProbabilitiesOutOfRangeAreRefused) {
  for (const double p : {-0.1, 1.0, 1.5, std::nan("")}) EXPECT_THROW(Dropout<float>{p}, UsageError) << p;
}

}  // namespace
}  // namespace evengrad
