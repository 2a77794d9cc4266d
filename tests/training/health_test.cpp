// Each rule on rows made by hand: it speaks beyond its threshold, and not at it.
#include <evengrad/training/health.hpp>

#include <evengrad/activations/registry.hpp>

#include <gtest/gtest.h>

#include <cmath>

namespace evengrad {
namespace {

// Two hidden layers and an output layer at steps 1, 2 and 100, in good health: 100 steps with a loss that falls.
TrainingRecord healthy() {
  TrainingRecord record;
  record.facts.optimizer = "sgd";
  record.facts.learning_rate = 0.1;
  record.facts.guess_loss = 0.7;
  record.facts.guess_accuracy = 0.5;
  record.facts.test_samples = 100;
  record.facts.input_deviation = 1;
  for (const std::int64_t step : {1, 2, 100}) {
    for (int layer = 1; layer <= 3; ++layer) {
      LayerRow row;
      row.step = step;
      row.layer = layer;
      row.name = text("layers.", 2 * (layer - 1));
      row.hidden = layer < 3;
      row.units = layer < 3 ? 10 : 0;
      row.pre_activation.rms = row.pre_activation.deviation = 1;
      row.pre_activation_gradient.rms = 0.01;
      row.weight.rms = 0.2;
      row.weight_gradient.magnitude = 0.01;
      row.update_ratio = 1e-3;
      row.inactive = row.silent = 0.25;
      record.rows.push_back(row);
    }
  }
  for (std::int64_t step = 1; step <= 100; ++step) {
    record.steps.push_back({step, 1, 0.7 - 0.005 * static_cast<double>(step), 0.1});
  }
  record.epochs.push_back({.epoch = 1, .train = {0.4, 0.8}, .test = Metrics{0.45, 0.75}});
  return record;
}

void expect_only(const TrainingRecord& record, const std::string& rule, const std::string& where, std::int64_t since) {
  const std::vector<Finding> found = findings(record);
  ASSERT_EQ(found.size(), 1u) << rule;
  EXPECT_EQ(found[0].rule, rule);
  EXPECT_EQ(found[0].where, where);
  EXPECT_EQ(found[0].since_step, since);
  EXPECT_FALSE(found[0].message.empty());
  EXPECT_FALSE(found[0].remedy.empty());
}

LayerRow& at(TrainingRecord& record, std::size_t look, std::size_t layer) { return record.rows[3 * look + layer - 1]; }

TEST(HealthRules, FindNothingInAHealthyRunOrInNone) {
  EXPECT_TRUE(findings(healthy()).empty());
  EXPECT_TRUE(findings(TrainingRecord{}).empty());
}

TEST(HealthRules, InputScale) {
  TrainingRecord record = healthy();
  record.facts.input_deviation = 10;
  EXPECT_TRUE(findings(record).empty());
  record.facts.input_deviation = 10.5;
  record.facts.input_feature = "age";
  expect_only(record, "input_scale", "inputs", 0);
  EXPECT_NE(findings(record)[0].message.find("age has standard deviation 10.5"), std::string::npos);
}

TEST(HealthRules, TargetScale) {
  TrainingRecord record = healthy();
  record.facts.target_size = 10;
  EXPECT_TRUE(findings(record).empty());
  record.facts.target_size = 214'000;
  expect_only(record, "target_scale", "targets", 0);
  EXPECT_NE(findings(record)[0].message.find("of size 2.14e+05"), std::string::npos) << findings(record)[0].message;
  EXPECT_EQ(findings(record)[0].remedy, "--normalize standard");
}

TEST(HealthRules, ConstantFeatures) {
  TrainingRecord record = healthy();
  record.facts.constant_features = {"country", "year"};
  expect_only(record, "constant_features", "inputs", 0);
  EXPECT_NE(findings(record)[0].message.find("learned: 'country', 'year'"), std::string::npos);
  EXPECT_EQ(findings(record)[0].remedy, "--exclude country,year");
  EXPECT_TRUE(findings(record, {{"constant_features", 2}}).empty());
}

TEST(HealthRules, InputCenter) {
  TrainingRecord record = healthy();
  record.facts.input_center = 0.9;
  EXPECT_TRUE(findings(record).empty());
  record.facts.input_center = 0.95;
  expect_only(record, "input_center", "inputs", 0);
}

TEST(HealthRules, InitialPairing) {
  TrainingRecord record = healthy();
  record.facts.theory = NetOptions{.activation = activation("relu"), .initializer = initializer("xavier"), .depth = 30};
  for (const Finding& finding : findings(record)) {
    EXPECT_EQ(finding.rule, "initial_pairing");
    EXPECT_EQ(finding.remedy, "--init he");
  }
  EXPECT_FALSE(findings(record).empty());
  EXPECT_TRUE(findings(record, {{"initial_pairing", 1e12}}).empty());
}

TEST(HealthRules, InitialSignal) {
  TrainingRecord record = healthy();
  at(record, 0, 2).pre_activation.deviation = std::sqrt(19.9);  // two hidden layers: 20
  EXPECT_TRUE(findings(record).empty());
  at(record, 0, 2).pre_activation.deviation = std::sqrt(20.1);
  expect_only(record, "initial_signal", "layers.2", 1);
  at(record, 0, 2).pre_activation.deviation = 0;  // the layer before it is silent
  EXPECT_TRUE(findings(record).empty());
}

TEST(HealthRules, WeightDecay) {
  TrainingRecord record = healthy();
  record.facts.weight_decay = 0.1;
  for (StepReport& step : record.steps) step.loss = 0.6;
  EXPECT_TRUE(findings(record).empty());
  at(record, 2, 2).weight.rms = 0.09;
  expect_only(record, "weight_decay", "layers.2", 100);
  EXPECT_EQ(findings(record)[0].remedy, "--weight-decay 0.001");
  record.facts.weight_decay = 0;
  EXPECT_TRUE(findings(record).empty());
}

TEST(HealthRules, NonFinite) {
  TrainingRecord record = healthy();
  record.broke = NonFinitePlace{101, "layers.2", "affine", "forward", 1e30};
  expect_only(record, "non_finite", "layers.2", 101);
  const Finding finding = findings(record)[0];
  EXPECT_EQ(finding.severity, "critical");
  for (const char* part :
       {"forward", "step 101", "layers.2", "affine", "1e+30", "loss before was 0.2", "learning rate"}) {
    EXPECT_NE(finding.message.find(part), std::string::npos) << finding.message;
  }
}

TEST(HealthRules, LearningRate) {
  TrainingRecord record = healthy();
  record.steps[49].loss = 4;  // with its two neighbours below 3 times 0.7 on average
  EXPECT_TRUE(findings(record).empty());
  record.steps[49].loss = 9;
  at(record, 1, 2).update_ratio = 0.5;
  expect_only(record, "learning_rate", "layers.2", 50);
  EXPECT_EQ(findings(record)[0].remedy, "--lr 0.01, or --warmup-steps 100, or --clip-norm 1");
}

TEST(HealthRules, UpdateRatio) {
  TrainingRecord record = healthy();
  at(record, 1, 3).update_ratio = 10;
  EXPECT_TRUE(findings(record).empty());
  at(record, 1, 3).update_ratio = 10.1;
  expect_only(record, "update_ratio", "layers.4", 2);
}

TEST(HealthRules, SilentUnitsNameTheirCause) {
  TrainingRecord record = healthy();
  for (const std::size_t look : {1u, 2u}) at(record, look, 1).inactive = 0.5;
  EXPECT_TRUE(findings(record).empty());
  for (const std::size_t look : {1u, 2u}) at(record, look, 1).inactive = 0.6;
  expect_only(record, "silent_units", "layers.0", 2);
  EXPECT_NE(findings(record)[0].message.find("a step was too large"), std::string::npos);
  at(record, 2, 1).inactive_bias = -2;
  EXPECT_NE(findings(record)[0].message.find("drifted from 0 to -2"), std::string::npos);
  at(record, 0, 1).inactive = 0.6;
  at(record, 2, 1).inactive_bias_start = -2;
  EXPECT_NE(findings(record)[0].message.find("started at -2"), std::string::npos);
  at(record, 2, 1).inactive = 0.4;  // they came back
  EXPECT_TRUE(findings(record).empty());
}

TEST(HealthRules, SaturatedUnits) {
  TrainingRecord record = healthy();
  at(record, 2, 2).saturated = 0.7;
  at(record, 2, 2).silent = 0.3;
  EXPECT_TRUE(findings(record).empty());  // those that are 0 are not counted here
  at(record, 2, 2).saturated = 0.9;
  expect_only(record, "saturated_units", "layers.2", 100);
  at(record, 2, 2).saturated = 0;
  at(record, 2, 2).flat = 0.6;
  expect_only(record, "saturated_units", "layers.2", 100);
}

TEST(HealthRules, DormantUnits) {
  TrainingRecord record = healthy();
  at(record, 2, 2).dormant = 0.75;
  EXPECT_TRUE(findings(record).empty());
  at(record, 2, 2).dormant = 0.8;
  expect_only(record, "dormant_units", "layers.2", 100);
}

TEST(HealthRules, GradientsThatExplodeOrVanish) {
  TrainingRecord record = healthy();
  at(record, 1, 1).pre_activation_gradient.rms = 1;
  EXPECT_TRUE(findings(record).empty());
  at(record, 1, 1).pre_activation_gradient.rms = 1.1;
  expect_only(record, "exploding_gradient", "layers.0", 2);

  record = healthy();
  for (const std::size_t look : {0u, 1u, 2u}) at(record, look, 1).weight_gradient.magnitude = 0.9e-7;
  expect_only(record, "vanishing_gradient", "layers.0", 1);
  for (StepReport& step : record.steps) step.loss = 0.01;  // a net that knows everything has no gradient
  EXPECT_TRUE(findings(record).empty());
}

TEST(HealthRules, FrozenWeights) {
  TrainingRecord record = healthy();
  at(record, 2, 3).update_ratio = 0.9e-8;  // a schedule may end so
  EXPECT_TRUE(findings(record).empty());
  for (const std::size_t look : {0u, 1u}) at(record, look, 3).update_ratio = 0.9e-8;
  expect_only(record, "frozen_weights", "layers.4", 1);
  at(record, 2, 3).weight_gradient.magnitude = 0;  // then it is not the rate
  for (const Finding& finding : findings(record)) EXPECT_NE(finding.rule, "frozen_weights");
}

TEST(HealthRules, NothingLearned) {
  TrainingRecord record = healthy();
  for (StepReport& step : record.steps) step.loss = 0.69;  // of 0.7: 0.986
  EXPECT_TRUE(findings(record).empty());
  for (StepReport& step : record.steps) step.loss = 0.695;
  expect_only(record, "nothing_learned", "loss", 100);
  record.steps.resize(49);
  EXPECT_TRUE(findings(record).empty());
}

TEST(HealthRules, Plateau) {
  TrainingRecord record = healthy();
  record.steps.clear();
  // 0.63 is 0.9 of guessing, and stays there from step 501 on: of 1,000 steps the quarters are those from 501 and 751.
  for (std::int64_t step = 1; step <= 1000; ++step) record.steps.push_back({step, 1, step <= 500 ? 0.69 : 0.63, 0.1});
  expect_only(record, "plateau", "loss", 501);
  EXPECT_EQ(findings(record)[0].remedy, "--optimizer adam, or --activation gelu");
  for (std::size_t i = 750; i < 1000; ++i) record.steps[i].loss = 0.61;  // 3.2 % below the quarter before
  EXPECT_TRUE(findings(record).empty());
  for (std::size_t i = 500; i < 1000; ++i) record.steps[i].loss = 0.55;  // 0.79 of guessing
  EXPECT_TRUE(findings(record).empty());
  for (std::size_t i = 500; i < 1000; ++i) record.steps[i].loss = 0.63;
  record.steps.pop_back();
  EXPECT_TRUE(findings(record).empty()) << "999 steps";
}

TEST(HealthRules, Labels) {
  TrainingRecord record = healthy();
  record.epochs.back().test = Metrics{0.9, 0.59};  // 2 deviations of 100 samples: 0.6
  expect_only(record, "labels", "labels", 100);
  record.epochs.back().test = Metrics{0.9, 0.61};  // sure of itself, and right more often than by chance
  EXPECT_TRUE(findings(record).empty());
  record.epochs.back() =
      EpochReport{.epoch = 1, .train = {0.6, 0.55}, .test = Metrics{0.9, 0.5}};  // nor learned by heart
  EXPECT_TRUE(findings(record).empty());
}

TEST(HealthRules, CausesStandBeforeTheirConsequences) {
  TrainingRecord record = healthy();
  record.facts.input_deviation = 1e4;
  for (StepReport& step : record.steps) step.loss = 0.7;
  at(record, 2, 1).inactive = 1;
  at(record, 2, 1).weight_gradient.magnitude = 0;
  std::vector<std::string> order;
  for (const Finding& finding : findings(record)) order.push_back(finding.rule);
  EXPECT_EQ(order, (std::vector<std::string>{"input_scale", "silent_units", "vanishing_gradient"}));
}

TEST(HealthRules, ThresholdsAreReadAndRefused) {
  EXPECT_EQ(parse_threshold("silent_units=0.25"), std::pair(std::string("silent_units"), 0.25));
  for (const char* wrong : {"silent=0.2", "silent_units", "silent_units=", "silent_units=x", "silent_units=-1", "=1"}) {
    EXPECT_THROW(parse_threshold(wrong), UsageError) << wrong;
  }
  EXPECT_FALSE(findings(healthy(), {{"silent_units", 0.2}}).empty());
  EXPECT_THROW(findings(healthy(), {{"silent", 0.2}}), UsageError);
}

}  // namespace
}  // namespace evengrad
