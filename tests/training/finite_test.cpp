// A NaN or an infinity, planted in the middle of a net, is traced to where it came from.
#include <evengrad/activations/registry.hpp>
#include <evengrad/layers/mlp.hpp>
#include <evengrad/training/health.hpp>
#include <evengrad/training/trainer.hpp>

#include <gtest/gtest.h>

#include <functional>
#include <limits>

namespace evengrad {
namespace {

constexpr float infinity = std::numeric_limits<float>::infinity();

Dataset<float> points() {
  Dataset<float> data{.name = "points", .task = Task::regression, .inputs = Matrix<float>(4, 2)};
  data.inputs << 1, 2, -1, 0.5F, 2, -1, 0.25F, 1;
  data.targets = data.inputs.rowwise().sum();
  return data;
}

struct Broken {
  NonFinitePlace place;
  std::string message;
  std::vector<Finding> findings;
};

// Trains a net of three linear hidden layers and an output layer, one unit each, whose weights are these. What `spoil`
// does to the data comes after the trainer has checked them.
Broken broken(const std::vector<float>& weights, Dataset<float> data, TrainerOptions options = {},
              const std::function<void(Dataset<float>&)>& spoil = {}) {
  auto net = mlp<float>({.inputs = 2, .hidden = {1, 1, 1}, .outputs = 1, .activations = {activation("identity")}});
  net.initialize(initializer("zeros"), Rng(1));
  std::size_t layer = 0;
  net.visit(Path(), [&](const Path&, Parameter<float>& parameter) {
    if (parameter.rank == 2) parameter.value.setConstant(weights[layer++]);
  });
  const Dataset<float> none{.name = "none", .task = Task::regression, .inputs = Matrix<float>(0, 2)};
  options.optimizer.name = "sgd";
  options.steps = 3;
  Trainer<float> trainer(net, data, none, options);
  Probe<float> probe(trainer, net, data);
  if (spoil) spoil(data);
  try {
    trainer.run();
  } catch (const NonFiniteStep& error) {
    probe.broke(error);
    return {error.place, error.what(), findings(probe.record())};
  }
  return {};
}

void expect_told(const Broken& run, std::initializer_list<const char*> parts) {
  ASSERT_FALSE(run.findings.empty());
  const auto at = std::find_if(run.findings.begin(), run.findings.end(),
                               [](const Finding& finding) { return finding.rule == "non_finite"; });
  ASSERT_NE(at, run.findings.end());
  EXPECT_EQ(at->severity, "critical");
  EXPECT_EQ(at->where, run.place.layer);
  EXPECT_EQ(at->since_step, run.place.step);
  for (const char* part : parts) EXPECT_NE(at->message.find(part), std::string::npos) << part << ": " << at->message;
}

TEST(NonFinite, OfAForwardPassNamesTheLayerThatMadeIt) {
  // 3 of the first layer, 3e30 of the second, 3e60 of the third.
  const Broken run = broken({1, 1e30F, 1e30F, 1}, points());
  EXPECT_EQ(run.place.step, 1);
  EXPECT_EQ(run.place.layer, "layers.4");
  EXPECT_EQ(run.place.op, "affine");
  EXPECT_EQ(run.place.direction, "forward");
  EXPECT_FLOAT_EQ(static_cast<float>(run.place.largest_before), 3e30F);
  expect_told(run, {"forward", "step 1", "layers.4", "op affine", "3e+30", "initial weights"});
}

TEST(NonFinite, OfABackwardPassNamesTheLayerThatItReached) {
  // The answer is about 0, so that the slope of the loss is about 2 y / 4; it is multiplied by 1e30 at the third hidden
  // layer, and again at the second.
  const Broken run = broken({1e-25F, 1e-25F, 1e30F, 1e30F}, points());
  EXPECT_EQ(run.place.step, 1);
  EXPECT_EQ(run.place.layer, "layers.2");
  EXPECT_EQ(run.place.op, "affine");
  EXPECT_EQ(run.place.direction, "backward");
  EXPECT_FLOAT_EQ(static_cast<float>(run.place.largest_before), 1.5e30F);  // y = 3
  expect_told(run, {"backward", "layers.2", "1.5e+30"});
}

TEST(NonFinite, OfAnUpdateNamesTheGradient) {
  TrainerOptions options;
  options.optimizer.learning_rate = 3e38;
  const Broken run = broken({1, 1, 1, 100}, points(), options);
  EXPECT_EQ(run.place.step, 1);
  EXPECT_EQ(run.place.direction, "update");
  EXPECT_EQ(run.place.op, "sgd");
  EXPECT_GT(run.place.largest_before, 1);
  EXPECT_LT(run.place.largest_before, 1e6);
  expect_told(run, {"update", "op sgd", "the largest number that went into it"});
}

TEST(NonFinite, OfTheDataSaysInputsOrTargets) {
  const Broken in = broken({1, 1, 1, 1}, points(), {},
                           [](Dataset<float>& data) { data.inputs(2, 1) = std::numeric_limits<float>::quiet_NaN(); });
  const Broken out = broken({1, 1, 1, 1}, points(), {}, [](Dataset<float>& data) { data.targets(1, 0) = infinity; });
  EXPECT_EQ(in.place.layer, "inputs");
  EXPECT_NE(in.message.find("NaN in the inputs of the batch"), std::string::npos) << in.message;
  expect_told(in, {"inputs", "step 1", "data"});
  EXPECT_EQ(out.place.layer, "targets");
  EXPECT_NE(out.message.find("infinity in the targets of the batch"), std::string::npos) << out.message;
  expect_told(out, {"targets", "step 1", "data"});
}

}  // namespace
}  // namespace evengrad
