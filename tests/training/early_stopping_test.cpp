// Early stopping, and metrics in the target's own unit.
#include <evengrad/activations/registry.hpp>
#include <evengrad/core/error.hpp>
#include <evengrad/data/registry.hpp>
#include <evengrad/layers/mlp.hpp>
#include <evengrad/training/evaluation.hpp>
#include <evengrad/training/trainer.hpp>

#include <gtest/gtest.h>

#include <cmath>

namespace evengrad {
namespace {

Mlp<double> net(Index inputs, Index outputs) {
  Mlp<double> model({.inputs = inputs, .hidden = {16}, .outputs = outputs, .activations = {activation("tanh")}});
  model.initialize(initializer("xavier"), Rng(1));
  return model;
}

// Noise that can only be learned by heart: the validation loss soon rises.
struct Noise {
  Dataset<double> train{.name = "noise", .task = Task::regression}, validation = train;
  const Dataset<double> none{.name = "none", .task = Task::regression};
  Noise() {
    Rng rng(7);
    for (Dataset<double>* part : {&train, &validation}) {
      part->inputs.resize(20, 4);
      part->targets.resize(20, 1);
      for (double& x : part->inputs.reshaped()) x = rng.normal();
      for (double& y : part->targets.reshaped()) y = rng.normal();
    }
  }
};

TEST(EarlyStopping, EndsAfterItsPatienceWithTheBestWeights) {
  const Noise data;
  Mlp<double> model = net(4, 1);
  Trainer<double> trainer(model, data.train, data.none, {.batch_size = 5, .epochs = 400});
  trainer.stop_early(data.validation, 7);
  std::vector<double> losses;
  trainer.on_epoch = [&](const EpochReport&) {
    losses.push_back(trainer.evaluate(data.validation).loss);
    return true;
  };
  const TrainResult result = trainer.run();
  const auto best = std::min_element(losses.begin(), losses.end());
  EXPECT_LT(result.epochs, 400);
  EXPECT_EQ(trainer.best_epoch(), best - losses.begin() + 1);
  EXPECT_EQ(result.epochs, trainer.best_epoch() + 7);
  EXPECT_EQ(trainer.evaluate(data.validation).loss, *best);
  EXPECT_THROW(trainer.stop_early(data.validation, 0), UsageError);
}

TEST(EarlyStopping, AResumedRunEndsWithTheSameWeights) {
  const Noise data;
  const TrainerOptions options{.batch_size = 5, .epochs = 400};
  Mlp<double> whole = net(4, 1), first = net(4, 1), second = net(4, 1);
  Trainer<double> trainer(whole, data.train, data.none, options), before(first, data.train, data.none, options),
      after(second, data.train, data.none, options);
  for (Trainer<double>* one : {&trainer, &before, &after}) one->stop_early(data.validation, 7);
  const TrainResult result = trainer.run();
  before.stop = [&] { return before.steps() == 4 * (trainer.best_epoch() + 2) + 1; };
  EXPECT_TRUE(before.run().stopped);
  after.restore(before.state());
  EXPECT_EQ(after.run().epochs, result.epochs);
  EXPECT_EQ(after.best_epoch(), trainer.best_epoch());
  EXPECT_EQ(after.evaluate(data.validation).loss, trainer.evaluate(data.validation).loss);
}

TEST(TargetUnits, LossesAndErrorsAreThoseOfTheRawTargets) {
  std::string csv = "x,price\n";
  for (int i = 0; i < 40; ++i) csv += text(i, ",", 150'000.5 + 5'000 * i + 20'000 * (i % 3), "\n");
  DataOptions options{.name = "prices", .csv = csv};
  const Split<double> split = load_data<double>(options);
  options.normalize = Normalize::none;
  const Split<double> raw = load_data<double>(options);
  Mlp<double> model = net(1, 1);
  Trainer<double> trainer(model, split.train, split.test, {.epochs = 50});
  double last_step = 0;
  trainer.on_step = [&](const StepReport& step) { last_step = step.loss; };
  const TrainResult result = trainer.run();

  const auto variance = [](const Matrix<double>& y) { return (y.array() - y.mean()).square().mean(); };
  EXPECT_NEAR(constant_answer_loss(split.train) / variance(raw.train.targets), 1, 1e-12);
  EXPECT_GT(last_step, 1e6);
  const Evaluation found = judge_answers<double>(model, split.test);
  EXPECT_NEAR(*found.rmse * *found.rmse / result.test->loss, 1, 1e-9);
  EXPECT_NEAR(*found.r2, 1 - result.test->loss / variance(raw.test.targets), 1e-9);
  EXPECT_LT(*found.mae, *found.rmse);
  EXPECT_GT(*found.mae, 100);
}

TEST(Evaluation, CountsAnswersByClass) {
  Dataset<double> data{
      .name = "three", .inputs = Matrix<double>{{0}, {1}, {2}, {3}}, .labels = {0, 0, 2, 2}, .classes = 3};
  Mlp<double> model({.inputs = 1, .hidden = {}, .outputs = 3, .activations = {}});
  // Logits (0, x - 1.5, -9): class 1 from x = 2 on.
  model.visit(Path(), [&](const Path&, Parameter<double>& p) {
    p.value = p.rank == 2 ? Matrix<double>{{0}, {1}, {0}} : Matrix<double>{{0, -1.5, -9}};
  });
  const Evaluation found = judge_answers<double>(model, data);
  EXPECT_EQ(found.confusion, (Evaluation::Counts{{2, 0, 0}, {0, 0, 0}, {0, 2, 0}}));
  EXPECT_EQ(found.class_accuracy(0), 1);
  EXPECT_EQ(found.class_accuracy(1), std::nullopt);
  EXPECT_EQ(found.class_accuracy(2), 0);
}

}  // namespace
}  // namespace evengrad
