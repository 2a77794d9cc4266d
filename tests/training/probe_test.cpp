#include <evengrad/layers/mlp.hpp>
#include <evengrad/training/probe.hpp>

#include <evengrad/activations/registry.hpp>
#include <evengrad/data/registry.hpp>
#include <evengrad/layers/linear.hpp>
#include <evengrad/training/digest.hpp>
#include <evengrad/training/health.hpp>

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

namespace evengrad {
namespace {

struct Small {
  explicit Small(const MlpOptions& shape, TrainerOptions options, const char* data_name = "moons")
      : data(load_data<float>({.name = data_name, .samples = 200})), net(mlp<float>(shape)) {
    net.initialize(initializer("he"), Rng(3));
    options.seed = 5;
    trainer.emplace(net, data.train, data.test, options);
  }

  Split<float> data;
  Sequential<float> net;
  std::optional<Trainer<float>> trainer;
};

MlpOptions two_layers(Norm norm = Norm::none, double dropout = 0) {
  return {.inputs = 2,
          .hidden = {8, 6},
          .outputs = 2,
          .activations = {activation("relu")},
          .norm = norm,
          .dropout = dropout};
}

TEST(Probe, ChangesNoBitOfTheTraining) {
  for (const Norm norm : {Norm::none, Norm::batch, Norm::layer}) {
    Small plain(two_layers(norm, 0.2), {.batch_size = 16, .epochs = 4}),
        probed(two_layers(norm, 0.2), {.batch_size = 16, .epochs = 4});
    Probe<float> probe(*probed.trainer, probed.net, probed.data.train, {.every = 1});
    plain.trainer->run();
    probed.trainer->run();
    EXPECT_EQ(weights_digest<float>(plain.net).hex(), weights_digest<float>(probed.net).hex());
    EXPECT_EQ(probe.record().rows.size(), 3u * 40);
    EXPECT_EQ(probe.record().steps.size(), 40u);
    EXPECT_EQ(probe.record().epochs.size(), 4u);
  }
}

TEST(Probe, LooksAtStepsOfItsSchedule) {
  Small run(two_layers(), {.steps = 73});
  const auto steps = [&](ProbeOptions options) {
    const Probe<float> probe(*run.trainer, run.net, run.data.train, options);
    std::vector<std::int64_t> wanted;
    for (std::int64_t step = 1; step <= 73; ++step) {
      if (probe.wants(step)) wanted.push_back(step);
    }
    return wanted;
  };
  EXPECT_EQ(steps({}), (std::vector<std::int64_t>{1, 10, 73}));
  EXPECT_EQ(steps({.every = 30}), (std::vector<std::int64_t>{1, 30, 60, 73}));
  EXPECT_THROW(steps({.every = -1}), UsageError);
  EXPECT_THROW(steps({.inputs = -1}), UsageError);
}

TEST(Probe, LooksAtAStepWhenAsked) {
  Small run(two_layers(), {.steps = 73});
  Probe<float> probe(*run.trainer, run.net, run.data.train);
  std::vector<std::int64_t> seen;
  probe.on_rows = [&](std::span<const LayerRow> rows) {
    EXPECT_EQ(rows.size(), 3u);
    EXPECT_GT(rows.back().update_ratio, 0);
    seen.push_back(rows.front().step);
  };
  run.trainer->on_step = [&](const StepReport& step) {
    if (step.step == 4) probe.also(5, true);
    if (step.step == 6) probe.also(7, false);
    if (step.step == 9) probe.also(10, false);  // is looked at anyway, and stays
  };
  run.trainer->run();
  EXPECT_EQ(seen, (std::vector<std::int64_t>{1, 5, 7, 10, 73}));
  std::vector<std::int64_t> kept;
  for (std::size_t i = 0; i < probe.record().rows.size(); i += 3) kept.push_back(probe.record().rows[i].step);
  EXPECT_EQ(kept, (std::vector<std::int64_t>{1, 5, 10, 73}));
}

// Plain gradient descent moves a weight by rate times gradient, whatever else the probe reads.
TEST(Probe, ReadsWeightsGradientsAndUpdatesOfTheStep) {
  Small run(two_layers(), {.optimizer = {.name = "sgd", .learning_rate = 0.25}, .steps = 1});
  const Matrix<float> before = dynamic_cast<Linear<float>&>(run.net[0]).weight.value;
  Matrix<float> z;  // of the first layer, from the batch itself
  Probe<float> probe(*run.trainer, run.net, run.data.train);
  run.trainer->on_gradients = [&](std::int64_t, const Tape<float>& tape, const Gradients<float>&) {
    const Node<float>& batch = tape.nodes().front();
    z = value_of(batch) * before.transpose();
  };
  run.trainer->run();
  const LayerRow& row = probe.record().rows.front();
  EXPECT_EQ(row.step, 1);
  EXPECT_EQ(row.name, "layers.0");
  EXPECT_EQ(row.hidden, 1);
  EXPECT_EQ(probe.record().rows[2].hidden, 0);
  EXPECT_NEAR(row.pre_activation.rms, z.norm() / std::sqrt(static_cast<double>(z.size())), 1e-6);
  EXPECT_NEAR(row.activation.mean, z.cwiseMax(0).mean(), 1e-6);
  EXPECT_NEAR(row.weight.rms, before.norm() / 4, 1e-6);
  const Matrix<float> after = dynamic_cast<Linear<float>&>(run.net[0]).weight.value;
  EXPECT_NEAR(row.update.rms, (after - before).norm() / 4, 1e-7);
  EXPECT_NEAR(row.update.rms, 0.25 * row.weight_gradient.rms, 1e-6);
  EXPECT_NEAR(row.update_ratio, row.update.rms / row.weight.rms, 1e-12);
  // A ReLU passes the gradient or not.
  EXPECT_LE(row.pre_activation_gradient.rms, row.activation_gradient.rms);
  EXPECT_GT(row.pre_activation_gradient.rms, 0);
}

TEST(Probe, CountsUnitsWithBirthsAndRevivals) {
  Small run(two_layers(), {.optimizer = {.name = "sgd", .learning_rate = 1e-6}, .steps = 3});
  Matrix<float>& bias = dynamic_cast<Linear<float>&>(run.net[0]).bias.value;
  bias.leftCols(2).setConstant(-1000);
  Probe<float> probe(*run.trainer, run.net, run.data.train, {.every = 1});
  run.trainer->on_step = [&](const StepReport& step) {
    if (step.step == 1) bias.leftCols(1).setConstant(1000);    // one comes back
    if (step.step == 2) bias.rightCols(3).setConstant(-1000);  // three go
  };
  run.trainer->run();
  const auto row = [&](std::size_t look) { return probe.record().rows[3 * look]; };
  EXPECT_DOUBLE_EQ(row(0).silent, 2.0 / 8);
  EXPECT_EQ(row(0).births, 0);
  EXPECT_DOUBLE_EQ(row(1).silent, 1.0 / 8);
  EXPECT_EQ(row(1).births, 0);
  EXPECT_EQ(row(1).revivals, 1);
  EXPECT_DOUBLE_EQ(row(2).silent, 4.0 / 8);
  EXPECT_EQ(row(2).births, 3);
  EXPECT_EQ(row(2).revivals, 0);
  EXPECT_DOUBLE_EQ(row(0).saturated, row(0).silent);  // a ReLU's slope is 0 where it is 0
  EXPECT_GE(row(0).dormant, row(0).silent);
  EXPECT_EQ(row(0).inactive_bias, -1000);
  EXPECT_EQ(row(2).inactive_bias_start, -250);  // one of four began at -1000, three at 0
  EXPECT_EQ(row(0).units, 8);
}

TEST(Probe, NoGradientIsToldOfWholeEpochs) {
  Small run(two_layers(), {.batch_size = 40, .epochs = 2});  // 4 steps an epoch
  dynamic_cast<Linear<float>&>(run.net[0]).bias.value.leftCols(2).setConstant(-1000);
  Probe<float> probe(*run.trainer, run.net, run.data.train, {.every = 1});
  run.trainer->run();
  const auto row = [&](std::size_t look) { return probe.record().rows[3 * look]; };
  EXPECT_TRUE(std::isnan(row(0).no_gradient));
  EXPECT_TRUE(std::isnan(row(2).no_gradient));
  EXPECT_GE(row(3).no_gradient, 2.0 / 8);  // the epoch ends with this step
  EXPECT_LT(row(3).no_gradient, 1);
  EXPECT_EQ(row(6).no_gradient, row(3).no_gradient);
}

TEST(Probe, KnowsWhatGuessingCosts) {
  Small run(two_layers(), {.steps = 1});
  const Probe<float> probe(*run.trainer, run.net, run.data.train, {.inputs = 512});  // all of them
  EXPECT_NEAR(probe.record().facts.guess_loss, std::log(2), 1e-3);                   // two classes, split almost evenly
  EXPECT_NEAR(*probe.record().facts.guess_accuracy, 0.5, 0.02);
  EXPECT_NEAR(probe.record().facts.input_deviation, 1, 0.05);
  EXPECT_NEAR(probe.record().facts.input_center, 0, 1e-6);

  const MlpOptions one{.inputs = 1, .hidden = {4}, .outputs = 1, .activations = {activation("tanh")}};
  Small sine(one, {.steps = 1}, "sine");
  const Probe<float> regression(*sine.trainer, sine.net, sine.data.train);
  const Eigen::ArrayXd y = sine.data.train.targets.cast<double>().reshaped();
  EXPECT_NEAR(regression.record().facts.guess_loss, (y - y.mean()).square().mean(), 1e-9);
  EXPECT_FALSE(regression.record().facts.guess_accuracy);
}

// After a stop a probe that is told what was seen before goes on as if there had been none.
TEST(Probe, GoesOnAfterAStop) {
  const TrainerOptions options{.optimizer = {.name = "sgd", .learning_rate = 3}, .batch_size = 16, .steps = 40};
  Small whole(two_layers(), options), first(two_layers(), options), second(two_layers(), options);
  Probe<float> all(*whole.trainer, whole.net, whole.data.train, {.every = 5});
  whole.trainer->run();
  Probe<float> before(*first.trainer, first.net, first.data.train, {.every = 5});
  first.trainer->stop = [&] { return first.trainer->steps() == 17; };
  first.trainer->run();
  const std::vector<double> seen = before.state();
  second.trainer->restore(first.trainer->state());
  Probe<float> rest(*second.trainer, second.net, second.data.train, {.every = 5});
  EXPECT_THROW(rest.restore({}), Error);
  EXPECT_THROW(rest.restore(std::vector<double>(seen.begin(), seen.end() - 1)), Error);
  rest.restore(seen);
  EXPECT_EQ(rest.state().size(), seen.size());
  second.trainer->run();
  ASSERT_EQ(rest.record().rows.size(), all.record().rows.size());
  double births = 0;
  for (std::size_t i = 0; i < all.record().rows.size(); ++i) {
    const LayerRow &a = all.record().rows[i], &b = rest.record().rows[i];
    births += a.births;
    EXPECT_EQ(a.step, b.step);
    EXPECT_EQ(a.name, b.name);
    EXPECT_EQ(a.silent, b.silent);
    EXPECT_EQ(a.births, b.births);
    EXPECT_EQ(a.revivals, b.revivals);
    EXPECT_EQ(a.inactive_bias_start, b.inactive_bias_start);
    EXPECT_TRUE(a.no_gradient == b.no_gradient || (std::isnan(a.no_gradient) && std::isnan(b.no_gradient)));
    EXPECT_EQ(a.update_ratio, b.update_ratio);
    if (a.step > 17) EXPECT_EQ(a.pre_activation_gradient.histogram, b.pre_activation_gradient.histogram);
  }
  EXPECT_GT(births, 0);  // at this rate units die on the way
  const std::vector<Finding> expected = findings(all.record()), found = findings(rest.record());
  ASSERT_FALSE(expected.empty());
  ASSERT_EQ(found.size(), expected.size());
  for (std::size_t i = 0; i < found.size(); ++i) {
    EXPECT_EQ(found[i].message, expected[i].message);
    EXPECT_EQ(found[i].since_step, expected[i].since_step);
  }
}

TEST(Probe, RowsGoIntoTheResultsStoreAndBack) {
  Small run(two_layers(), {.steps = 2});
  Probe<float> probe(*run.trainer, run.net, run.data.train);
  run.trainer->run();
  const LayerRow& row = probe.record().rows.front();
  const LayerRow back = from_row<LayerRow>(to_row(row));
  EXPECT_EQ(back.name, row.name);
  EXPECT_EQ(back.weight.histogram, row.weight.histogram);
  EXPECT_EQ(back.update_ratio, row.update_ratio);
}

}  // namespace
}  // namespace evengrad
