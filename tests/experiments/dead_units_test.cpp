#include <evengrad/experiments/dead_units.hpp>

#include <evengrad/activations/registry.hpp>
#include <evengrad/data/registry.hpp>
#include <evengrad/layers/linear.hpp>

#include <gtest/gtest.h>

namespace evengrad {
namespace {

const Matrix<float> two_inputs = (Matrix<float>(2, 1) << 1, 2).finished();

Dataset<float> moons() {
  return convert<float>(load_data<double>({.name = "moons", .samples = 64, .test_fraction = 0.0}).train);
}

WatchOptions options(const std::string& f) {
  WatchOptions watch{
      .fit = {.net = {.hidden = {8, 8}, .activations = {activation(f)}}, .initializer = initializer("he")}};
  watch.fit.trainer.steps = 24;
  watch.fit.trainer.batch_size = 16;
  watch.fit.trainer.optimizer = {.name = "sgd", .learning_rate = 0.05};
  return watch;
}

WatchRecord run(const WatchOptions& watch) {
  const Dataset<float> data = moons();
  const ExperimentSettings settings;
  return train_watched(Trials(settings), watch, data, {}, data.inputs, Rng(5));
}

TEST(UnitWatch, CountsDeathsAndRevivals) {
  auto net = mlp<float>({.inputs = 1, .hidden = {2}, .outputs = 1, .activations = {activation("relu")}});
  Linear<float>& first = dynamic_cast<Linear<float>&>(net[0]);
  UnitWatch watch(two_inputs);
  const auto look = [&](std::int64_t step, float a, float b) {
    first.weight.value << a, b;
    watch.look(step, net);
  };
  look(0, 1, -1);
  look(3, -1, -1);  // a dies
  look(6, 1, 1);    // both revive
  look(9, -1, 1);   // a dies again
  look(12, -1, 1);  // nothing
  const UnitHistory& h = watch.history;
  EXPECT_EQ(h.steps, (std::vector<double>{0, 3, 6, 9, 12}));
  EXPECT_EQ(h.born, std::vector<double>{1});
  EXPECT_EQ(h.deaths, std::vector<double>{2});
  EXPECT_EQ(h.revivals, std::vector<double>{2});
  EXPECT_EQ(h.silent, (std::vector<std::vector<double>>{{0.5}, {1}, {0}, {0.5}, {0.5}}));
  EXPECT_EQ(h.recovered_share(), 2.0 / 3);
  EXPECT_EQ(h.silent_share_at_start(), 0.5);
  EXPECT_EQ(h.silent_share(), 0.5);
}

TEST(UnitWatch, LostUnitsNeedNotBeSilent) {
  auto net = mlp<float>({.inputs = 1, .hidden = {2}, .outputs = 1, .activations = {activation("leaky_relu(0.1)")}});
  dynamic_cast<Linear<float>&>(net[0]).weight.value << -1, 1;
  UnitWatch watch(two_inputs);
  watch.look(0, net);
  EXPECT_EQ(watch.history.silent.front(), std::vector<double>{0});
  EXPECT_EQ(watch.history.lost.front(), std::vector<double>{0.5});
  EXPECT_EQ(watch.history.zero.front(), std::vector<double>{0});
}

TEST(TrainWatched, LooksAtTheStartEveryFewStepsAndAtTheEnd) {
  WatchOptions watch = options("relu");
  watch.every = 10;
  const WatchRecord record = run(watch);
  EXPECT_EQ(record.units.steps, (std::vector<double>{0, 10, 20, 24}));
  EXPECT_EQ(record.units.silent.size(), 4u);
  EXPECT_EQ(record.units.silent.front().size(), 2u);
  EXPECT_LT(record.loss, record.loss_before);
}

TEST(TrainWatched, KilledUnitsStartBelowZeroByTheMargin) {
  WatchOptions watch = options("relu");
  watch.killed_by = 0.5;
  EXPECT_GE(run(watch).units.silent.front()[0], 0.25);
  // Just above zero they live.
  watch.killed_by = -0.5;
  EXPECT_EQ(run(watch).units.silent.front()[0], 0);
}

TEST(TrainWatched, DrawsSilentUnitsAnew) {
  WatchOptions watch = options("relu");
  watch.killed_by = 0.5;
  EXPECT_GE(run(watch).units.silent.back()[0], 0.25);
  watch.renew_every = 8;
  EXPECT_LT(run(watch).units.silent.back()[0], 0.25);
}

TEST(TrainWatched, KeepsLearnedSlopes) {
  EXPECT_TRUE(run(options("relu")).slopes.empty());
  const std::vector<double> slopes = run(options("prelu")).slopes;
  ASSERT_EQ(slopes.size(), 2u);
  EXPECT_NE(slopes[0], 0.25);
}

TEST(TrainWatched, RecordsSurviveTheStore) {
  const WatchRecord record = run(options("relu"));
  const WatchRecord again = from_row<WatchRecord>(to_row(record));
  EXPECT_EQ(again.units.silent, record.units.silent);
  EXPECT_EQ(again.units.revivals, record.units.revivals);
  EXPECT_EQ(again.loss, record.loss);
}

}  // namespace
}  // namespace evengrad
