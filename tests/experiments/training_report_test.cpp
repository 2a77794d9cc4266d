#include <evengrad/experiments/training_report.hpp>

#include <evengrad/activations/registry.hpp>
#include <evengrad/data/registry.hpp>
#include <evengrad/layers/mlp.hpp>

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>

namespace evengrad {
namespace {

using Json = nlohmann::json;

Json details(const TrainingRecord& record) { return Json::parse(training_details(record, std::nullopt)); }

TEST(TrainingReport, ALongLogKeepsItsEndsAndItsExtremes) {
  TrainingRecord record;
  for (std::int64_t step = 1; step <= 50'000; ++step) {
    const double loss = step == 31'337 ? 99 : step == 777 ? 0.001 : 1 + 0.1 * std::sin(static_cast<double>(step));
    record.steps.push_back({.step = step, .epoch = (step + 99) / 100, .loss = loss, .learning_rate = 0.01});
  }
  const Json log = details(record)["log"];
  const std::vector<double> steps = log["step"], losses = log["loss"];
  EXPECT_LE(steps.size(), 2002u);
  EXPECT_GE(steps.size(), 1000u);
  EXPECT_EQ(steps.front(), 1);
  EXPECT_EQ(steps.back(), 50'000);
  EXPECT_TRUE(std::is_sorted(steps.begin(), steps.end()));
  EXPECT_EQ(losses[static_cast<std::size_t>(std::find(steps.begin(), steps.end(), 31'337) - steps.begin())], 99);
  EXPECT_EQ(losses[static_cast<std::size_t>(std::find(steps.begin(), steps.end(), 777) - steps.begin())], 0.001);
  EXPECT_EQ(log["epoch"].size(), steps.size());
  EXPECT_EQ(log["lr"].size(), steps.size());
}

TEST(TrainingReport, AShortLogIsWhole) {
  TrainingRecord record;
  for (std::int64_t step = 1; step <= 7; ++step)
    record.steps.push_back({step, 1, 1.0 / static_cast<double>(step), 0.1});
  EXPECT_EQ(details(record)["log"]["step"], (std::vector<int>{1, 2, 3, 4, 5, 6, 7}));
  EXPECT_EQ(details(record)["log"]["loss"][2], 0.333333);
}

TEST(TrainingReport, ManyRowsAreThinnedAndNoBirthIsLost) {
  TrainingRecord record;
  double births = 0;
  for (std::int64_t step = 1; step <= 1000; ++step) {
    for (int layer = 1; layer <= 3; ++layer) {
      LayerRow row;
      row.step = step;
      row.layer = layer;
      row.name = "layers." + std::to_string(2 * (layer - 1));
      row.births = static_cast<double>(step % 4 * static_cast<std::int64_t>(layer));
      row.update_ratio = INFINITY;
      births += row.births;
      record.rows.push_back(row);
    }
  }
  const Json json = details(record);
  EXPECT_EQ(json["layers"], (std::vector<std::string>{"layers.0", "layers.2", "layers.4"}));
  const Json& rows = json["probe"];
  EXPECT_LE(rows.size(), 600u);
  EXPECT_GE(rows.size(), 300u);
  EXPECT_EQ(rows.size() % 3, 0u);
  EXPECT_EQ(rows.front()["step"], 1);
  EXPECT_EQ(rows.back()["step"], 1000);
  EXPECT_TRUE(rows.front()["update_ratio"].is_null());
  double kept = 0;
  for (const Json& row : rows) kept += row["births"].get<double>();
  EXPECT_EQ(kept, births);
}

TEST(TrainingReport, AnEpochEndsAtItsLastStep) {
  TrainingRecord record;
  for (std::int64_t step = 1; step <= 9; ++step) record.steps.push_back({step, (step + 2) / 3, 1, 0.1});
  record.epochs = {{.epoch = 2, .train = {0.5, {}}, .test = Metrics{0.25, 0.75}, .seconds = 1}};
  const Json epochs = details(record)["epoch_log"];
  EXPECT_EQ(epochs[0]["step"], 6);
  EXPECT_EQ(epochs[0]["test_accuracy"], 0.75);
  EXPECT_TRUE(epochs[0]["train_accuracy"].is_null());
}

TEST(TrainingReport, NothingSeenIsEmpty) {
  const Json json = details({});
  EXPECT_EQ(json["probe"], Json::array());
  EXPECT_EQ(json["log"]["step"], Json::array());
  EXPECT_TRUE(json["boundary"].is_null());
}

// A linear model that looks at the first input only, through data whose first feature has mean 10 and deviation 2.
TEST(DecisionBoundary, LiesWhereTheModelChangesItsMind) {
  Split<double> data;
  data.train.inputs.resize(3, 2);
  data.train.inputs << -1, 5, 1, 6, 0.5, 7;
  data.train.labels = {0, 1, 1};
  data.train.classes = 2;
  data.train.feature_names = {"a", "b"};
  data.normalization = {.mean = {10, 0}, .scale = {2, 1}};
  auto model = mlp<double>({.inputs = 2, .hidden = {}, .outputs = 2, .activations = {}});
  model.visit(Path(), [](const Path& path, Parameter<double>& parameter) {
    parameter.value.setZero();
    if (path.str().ends_with("weight")) parameter.value(1, 0) = 1;  // logits 0 and x1
  });
  const auto boundary = decision_boundary<double>(model, data);
  ASSERT_TRUE(boundary);
  EXPECT_EQ(boundary->x_label, "a");
  EXPECT_EQ(boundary->classes, 2);
  EXPECT_NEAR(boundary->x.front(), 10 + 2 * -1.2, 1e-12);
  EXPECT_NEAR(boundary->x.back(), 10 + 2 * 1.2, 1e-12);
  EXPECT_NEAR(boundary->y.back(), 7.2, 1e-12);
  ASSERT_EQ(boundary->values.size(), boundary->y.size());
  for (const std::vector<double>& line : boundary->values) {
    ASSERT_EQ(line.size(), boundary->x.size());
    for (std::size_t i = 0; i < line.size(); ++i) {
      EXPECT_NEAR(line[i], 1 / (1 + std::exp(-(boundary->x[i] - 10) / 2)), 1e-12);
    }
  }
  EXPECT_EQ(boundary->point_x, (std::vector<double>{8, 12, 11}));
  EXPECT_EQ(boundary->point_label, (std::vector<double>{0, 1, 1}));
}

TEST(DecisionBoundary, IsForTwoInputs) {
  const Split<float> data = load_data<float>({.name = "teacher", .samples = 50});
  ASSERT_NE(data.train.features(), 2);
  auto model =
      mlp<float>({.inputs = data.train.features(), .hidden = {}, .outputs = data.train.outputs(), .activations = {}});
  EXPECT_FALSE(decision_boundary<float>(model, data));
}

TEST(DecisionBoundary, ShowsAtMostAThousandSamples) {
  const Split<float> data = load_data<float>({.name = "blobs", .samples = 5000});
  ASSERT_EQ(data.train.features(), 2);
  auto model = mlp<float>({.inputs = 2, .hidden = {}, .outputs = data.train.outputs(), .activations = {}});
  const auto boundary = decision_boundary<float>(model, data);
  ASSERT_TRUE(boundary);
  EXPECT_EQ(boundary->point_x.size(), 1000u);
  EXPECT_EQ(boundary->classes, data.train.classes);
}

}  // namespace
}  // namespace evengrad
