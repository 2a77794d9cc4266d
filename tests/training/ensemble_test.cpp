// Nets that train side by side against the same nets trained one after another: everything is the same bits.
#include <evengrad/training/ensemble.hpp>

#include <evengrad/activations/registry.hpp>
#include <evengrad/data/registry.hpp>
#include <evengrad/layers/linear.hpp>
#include <evengrad/layers/mlp.hpp>
#include <evengrad/training/finite.hpp>

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <map>
#include <memory>

namespace evengrad {
namespace {

struct Plan {
  std::string data = "spirals";
  MlpOptions net = {.hidden = {5, 4}, .activations = {activation("tanh")}};
  TrainerOptions trainer = {.optimizer = {.name = "adam", .learning_rate = 0.01}, .batch_size = 16, .epochs = 2};
  Index samples = 40;  // two batches of 16 and one of 8
  Index nets = 0;      // 0: one vector and a bit
  double test_fraction = 0;
};

// Nets that differ in seed and rate, with their trainers.
template <Real S>
struct Nets {
  explicit Nets(const Plan& plan) {
    data = load_data<S>({.name = plan.data, .samples = plan.samples, .test_fraction = plan.test_fraction, .seed = 4});
    const Index count = plan.nets > 0 ? plan.nets : ensemble_lanes<S>() + 3;
    for (Index n = 0; n < count; ++n) add(plan, static_cast<std::uint64_t>(n));
  }

  void add(const Plan& plan, std::uint64_t n) {
    MlpOptions shape = plan.net;
    shape.inputs = data.train.features();
    shape.outputs = required_outputs(data.train, plan.trainer.loss);
    models.push_back(std::make_unique<Sequential<S>>(mlp<S>(shape)));
    models.back()->initialize(initializer("xavier"), Rng(9).split(n));
    TrainerOptions options = plan.trainer;
    options.seed = 100 + n;
    *options.optimizer.learning_rate *= 1 + 0.1 * static_cast<double>(n);
    trainers.push_back(std::make_unique<Trainer<S>>(*models.back(), data.train, data.test, options));
    all.push_back(trainers.back().get());
  }

  Split<S> data;
  std::vector<std::unique_ptr<Sequential<S>>> models;
  std::vector<std::unique_ptr<Trainer<S>>> trainers;
  std::vector<Trainer<S>*> all;
};

std::string message(const std::exception_ptr& error) {
  if (!error) return "";
  try {
    std::rethrow_exception(error);
  } catch (const NonFiniteStep& step) {
    return text(step.what(), " / ", step.place.step, " ", step.place.layer, " ", step.place.op, " ",
                step.place.direction, " ", step.place.largest_before);
  } catch (const std::exception& other) {
    return other.what();
  }
}

void expect_same(const Metrics& a, const Metrics& b) {
  EXPECT_EQ(a.loss, b.loss);
  EXPECT_EQ(a.accuracy, b.accuracy);
}

// Weights, optimizer states and progress; equal_nan because a net that failed in its update keeps what it computed.
template <Real S>
void expect_same_state(Trainer<S>& a, Trainer<S>& b) {
  const TrainingState x = a.state(), y = b.state();
  EXPECT_EQ(x.progress.step, y.progress.step);
  EXPECT_EQ(x.progress.loss, y.progress.loss);
  EXPECT_EQ(x.progress.right, y.progress.right);
  EXPECT_EQ(x.progress.samples, y.progress.samples);
  EXPECT_EQ(a.optimizer().steps(), b.optimizer().steps());
  ASSERT_EQ(x.tensors.size(), y.tensors.size());
  for (std::size_t t = 0; t < x.tensors.size(); ++t) {
    const auto &of_x = std::get<std::vector<S>>(x.tensors[t].values),
               &of_y = std::get<std::vector<S>>(y.tensors[t].values);
    EXPECT_TRUE(std::equal(of_x.begin(), of_x.end(), of_y.begin(), of_y.end(), [](S p, S q) {
      return p == q || (p != p && q != q);
    })) << x.tensors[t].name;
  }
}

// Trains the nets of a plan twice, alone and together; returns the errors. `prepare` may set hooks.
template <Real S>
std::vector<std::string> expect_same_as_alone(
    const Plan& plan, const std::function<void(Nets<S>&)>& prepare = [](Nets<S>&) {}) {
  Nets<S> alone(plan), together(plan);
  prepare(alone);
  prepare(together);
  for (const Trainer<S>* trainer : together.all) EXPECT_EQ(why_alone(*trainer), "");
  const std::vector<TrainOutcome> expected = train_together<S>(alone.all, SideBySide::never);
  const std::vector<TrainOutcome> got = train_together<S>(together.all, SideBySide::always);
  std::vector<std::string> errors;
  for (std::size_t n = 0; n < got.size(); ++n) {
    SCOPED_TRACE(text("net ", n));
    errors.push_back(message(got[n].error));
    EXPECT_EQ(errors.back(), message(expected[n].error));
    EXPECT_EQ(got[n].result.steps, expected[n].result.steps);
    EXPECT_EQ(got[n].result.epochs, expected[n].result.epochs);
    EXPECT_EQ(got[n].result.stopped, expected[n].result.stopped);
    expect_same(got[n].result.train, expected[n].result.train);
    EXPECT_EQ(got[n].result.test.has_value(), expected[n].result.test.has_value());
    if (got[n].result.test && expected[n].result.test) expect_same(*got[n].result.test, *expected[n].result.test);
    expect_same_state(*alone.all[n], *together.all[n]);
  }
  return errors;
}

template <class S>
class TrainTogether : public ::testing::Test {};
using Scalars = ::testing::Types<float, double>;
TYPED_TEST_SUITE(TrainTogether, Scalars);

TYPED_TEST(TrainTogether, EveryWidth) {
  for (Index width = 1; width <= 33; ++width) {
    SCOPED_TRACE(text("width ", width));
    Plan plan;
    plan.net.hidden = {width, 34 - width};
    expect_same_as_alone<TypeParam>(plan);
  }
}

TYPED_TEST(TrainTogether, EveryDepth) {
  for (std::size_t depth : {0, 1, 2, 3, 7, 20}) {
    SCOPED_TRACE(text("depth ", depth));
    Plan plan;
    plan.net.hidden.assign(depth, 6);
    expect_same_as_alone<TypeParam>(plan);
  }
}

TYPED_TEST(TrainTogether, EveryActivation) {
  std::vector<std::string> names = {"x*sigmoid(1.702*x)", "sin(x) + x/2", "leaky_relu(0.2)"};
  for (const ActivationEntry& entry : activations()) {
    if (!entry.learned) names.push_back(entry.name);
  }
  for (const std::string& name : names) {
    SCOPED_TRACE(name);
    Plan plan;
    plan.net.activations = {activation(name)};
    expect_same_as_alone<TypeParam>(plan);
  }
}

TYPED_TEST(TrainTogether, EveryLoss) {
  for (const auto& [data, loss, smoothing] : {std::tuple{"spirals", "cross_entropy", 0.1},
                                              {"blobs", "cross_entropy", 0.0},
                                              {"moons", "bce", 0.0},
                                              {"blobs", "bce", 0.0},
                                              {"blobs", "mse", 0.0},
                                              {"blobs", "huber", 0.0},
                                              {"sine", "mse", 0.0},
                                              {"teacher", "huber", 0.0},
                                              {"teacher", "mse", 0.0}}) {
    SCOPED_TRACE(text(loss, " on ", data));
    Plan plan{.data = data};
    plan.trainer.loss = loss;
    plan.trainer.label_smoothing = smoothing;
    expect_same_as_alone<TypeParam>(plan);
  }
}

TYPED_TEST(TrainTogether, EveryOptimizer) {
  for (const OptimizerInfo& info : optimizers()) {
    for (const bool decay_biases : {true, false}) {
      SCOPED_TRACE(text(info.name, decay_biases ? "" : ", biases do not decay"));
      Plan plan;
      plan.trainer.optimizer = {.name = info.name, .learning_rate = 0.02, .weight_decay = 0.05};
      plan.trainer.optimizer.decay_biases = decay_biases;
      expect_same_as_alone<TypeParam>(plan);
    }
  }
}

TYPED_TEST(TrainTogether, EveryWayToClip) {
  const double huge = std::sqrt(static_cast<double>(std::numeric_limits<TypeParam>::max()));
  for (const double scale : {1.0, huge}) {  // the squares of the gradients of some nets overflow
    for (const auto& [norm, value] : {std::pair{0.05, 0.0}, {1e-3, 0.0}, {1e30, 0.0}, {0.0, 1e-3}, {0.05, 0.02}}) {
      SCOPED_TRACE(text("norm ", norm, ", value ", value, ", scale ", scale));
      Plan plan{.data = "sine"};
      plan.net.activations = {activation("identity")};
      plan.trainer.optimizer = {.name = "sgd", .learning_rate = 0.05};
      if (norm > 0) plan.trainer.clip_norm = norm;
      if (value > 0) plan.trainer.clip_value = value;
      expect_same_as_alone<TypeParam>(plan, [&](Nets<TypeParam>& nets) {
        for (std::size_t n = 0; n < nets.models.size(); n += 2) {
          auto& first = dynamic_cast<Linear<TypeParam>&>((*nets.models[n])[0]);
          first.weight.value *= static_cast<TypeParam>(scale);
        }
      });
    }
  }
}

TYPED_TEST(TrainTogether, SchedulesBatchesAndCounts) {
  for (const auto& [schedule, warmup, batch, shuffle] : {std::tuple{"cosine", 3, 7, true},
                                                         {"step(2,0.5)", 0, 1, true},
                                                         {"warmup", 0, 40, false},
                                                         {"constant", 2, 1000, true}}) {
    for (const Index nets : {Index{1}, Index{2}, 2 * ensemble_lanes<TypeParam>()}) {
      SCOPED_TRACE(text(schedule, ", ", nets, " nets"));
      Plan plan{.nets = nets};
      plan.trainer.schedule = schedule;
      plan.trainer.warmup_steps = warmup;
      plan.trainer.batch_size = batch;
      plan.trainer.shuffle = shuffle;
      plan.trainer.steps = 5;
      expect_same_as_alone<TypeParam>(plan);
    }
  }
}

// One net of many: a rate that overflows in an update or in what follows it, or weights too large for the gradients.
TYPED_TEST(TrainTogether, ANetThatDivergesLeavesTheOthersUnharmed) {
  const double huge = std::min<double>(std::numeric_limits<TypeParam>::max(), 1e299);
  const auto expect_one_error = [](const Plan& plan, const std::function<void(Nets<TypeParam>&)>& prepare) {
    const auto errors = expect_same_as_alone<TypeParam>(plan, prepare);
    EXPECT_EQ(std::count(errors.begin(), errors.end(), ""), std::ssize(errors) - 1);
    return errors[1];
  };
  Plan plan{.data = "sine"};
  plan.net.activations = {activation("relu")};
  plan.trainer.optimizer = {.name = "momentum", .learning_rate = 1e-4};
  struct Wild {
    double rate, first_weight, last_weight;  // powers of `huge`
  };
  std::string seen;
  for (const Wild& wild : {Wild{1, 0.1, 0}, {0.5, 0, 0}, {-0.1, 0.65, -0.2}}) {
    SCOPED_TRACE(text("rate ", wild.rate));
    seen += expect_one_error(plan, [&](Nets<TypeParam>& nets) {
      Plan with_rate = plan;
      with_rate.trainer.optimizer.learning_rate = std::pow(huge, wild.rate) / 2;
      nets.add(with_rate, 5);
      std::swap(nets.all[1], nets.all.back());
      const auto scale = [&](std::size_t layer, double power) {
        auto& linear = dynamic_cast<Linear<TypeParam>&>((*nets.models.back())[layer]);
        linear.weight.value *= static_cast<TypeParam>(std::pow(huge, power));
      };
      scale(0, wild.first_weight);
      scale(4, wild.last_weight);
    });
  }
  for (const std::string where : {"forward", "backward", "update"}) {
    EXPECT_NE(seen.find(" " + where), seen.npos) << where << " in " << seen;
  }
}

TYPED_TEST(TrainTogether, ReportsEveryEpochAndStopsWhereAskedTo) {
  Plan plan{.test_fraction = 0.3};
  plan.trainer.epochs = 6;
  std::vector<std::vector<double>> reports;
  reports.reserve(2);  // hooks keep references
  expect_same_as_alone<TypeParam>(plan, [&](Nets<TypeParam>& nets) {
    reports.emplace_back();
    for (std::size_t n = 0; n < nets.all.size(); ++n) {
      nets.all[n]->on_epoch = [&mine = reports.back(), n](const EpochReport& e) {
        mine.push_back(static_cast<double>(n));
        for (const double x : {e.train.loss, *e.train.accuracy, e.test->loss, *e.test->accuracy}) mine.push_back(x);
        return e.epoch < static_cast<std::int64_t>(n % 6);
      };
    }
  });
  ASSERT_EQ(reports.size(), 2u);
  std::vector<std::vector<std::vector<double>>> by_net(2, std::vector<std::vector<double>>(40));
  for (std::size_t r = 0; r < 2; ++r) {
    for (std::size_t i = 0; i < reports[r].size(); i += 5) {
      auto& of_net = by_net[r][static_cast<std::size_t>(reports[r][i])];
      of_net.insert(of_net.end(), reports[r].begin() + static_cast<std::ptrdiff_t>(i) + 1,
                    reports[r].begin() + static_cast<std::ptrdiff_t>(i) + 5);
    }
  }
  EXPECT_EQ(by_net[0], by_net[1]);
}

TYPED_TEST(TrainTogether, ReportsEveryStep) {
  std::vector<std::map<std::size_t, std::vector<double>>> reports(2);
  std::size_t run = 0;
  expect_same_as_alone<TypeParam>(Plan(), [&](Nets<TypeParam>& nets) {
    auto& mine = reports[run++];
    for (std::size_t n = 0; n < nets.all.size(); ++n) {
      nets.all[n]->on_loss = [&mine, n](const StepReport& step) {
        for (const double x :
             {static_cast<double>(step.step), static_cast<double>(step.epoch), step.loss, step.learning_rate}) {
          mine[n].push_back(x);
        }
      };
    }
  });
  EXPECT_EQ(reports[0].at(0).size(), 4u * 6);
  EXPECT_EQ(reports[0], reports[1]);
}

TYPED_TEST(TrainTogether, WhatIsChangedAfterAnEpochCounts) {
  Plan plan;
  plan.trainer.epochs = 3;
  expect_same_as_alone<TypeParam>(plan, [](Nets<TypeParam>& nets) {
    for (std::size_t n = 0; n < nets.all.size(); n += 2) {
      nets.all[n]->on_epoch = [&nets, n](const EpochReport&) {
        dynamic_cast<Linear<TypeParam>&>((*nets.models[n])[0]).weight.value *= TypeParam(0.5);
        return true;
      };
    }
  });
}

TYPED_TEST(TrainTogether, StopsBetweenTwoStepsAndGoesOn) {
  Plan plan{.nets = 3};
  plan.trainer.epochs = 4;
  Nets<TypeParam> whole(plan), parts(plan), rest(plan);
  train_together<TypeParam>(whole.all, SideBySide::never);
  int asked = 0;
  for (Trainer<TypeParam>* trainer : parts.all) trainer->stop = [&] { return ++asked > 3 * 4; };
  for (const TrainOutcome& outcome : train_together<TypeParam>(parts.all, SideBySide::always)) {
    EXPECT_TRUE(outcome.result.stopped);
    EXPECT_EQ(outcome.result.steps, 4);
  }
  for (std::size_t n = 0; n < 3; ++n) rest.all[n]->restore(parts.all[n]->state());
  train_together<TypeParam>(rest.all, SideBySide::always);
  for (std::size_t n = 0; n < 3; ++n) expect_same_state(*whole.all[n], *rest.all[n]);
}

TYPED_TEST(TrainTogether, WhatAHookThrowsIsItsOwnTrainersError) {
  const Plan plan{.nets = 3};
  const auto errors = expect_same_as_alone<TypeParam>(plan, [](Nets<TypeParam>& nets) {
    nets.all[1]->stop = [steps = 0]() mutable {
      if (++steps > 4) throw Error("enough");
      return false;
    };
  });
  EXPECT_EQ(errors, (std::vector<std::string>{"", "enough", ""}));
}

struct Square {
  static constexpr std::string_view name = "my square";
  template <class T>
  T operator()(const T& z) const {
    return z * z;
  }
};

TEST(TrainManyNets, WhatCannotShareAVectorTrainsAlone) {
  std::vector<Plan> plans(5);
  plans[0].net.dropout = 0.5;
  plans[1].net.norm = Norm::layer;
  plans[2].net.residual = true;
  plans[2].net.hidden = {5, 5};
  plans[3].net.activations = {activation("prelu")};
  plans[4].net.activations = {make_activation<Square>()};
  for (const Plan& plan : plans) {
    Nets<float> alone(plan), together(plan);
    EXPECT_NE(why_alone(*together.all[0]), "");
    for (Trainer<float>* trainer : alone.all) trainer->run();
    train_together<float>(together.all, SideBySide::always);
    for (std::size_t n = 0; n < alone.all.size(); ++n) expect_same_state(*alone.all[n], *together.all[n]);
  }
  Nets<float> watched(Plan{.nets = 1});
  watched.all[0]->on_step = [](const StepReport&) {};
  EXPECT_EQ(why_alone(*watched.all[0]), "a hook looks into its steps");
}

TEST(TrainManyNets, NetsOfSeveralKindsComeBackInTheirOrder) {
  Plan wide, slow;
  wide.net.hidden = {9};
  slow.trainer.optimizer = {.name = "sgd", .learning_rate = 0.1};
  Nets<float> a(Plan{}), b(wide), c(slow), a2(Plan{}), b2(wide), c2(slow);
  std::vector<Trainer<float>*> alone, mixed;
  for (std::size_t n = 0; n < a.all.size(); ++n) {
    for (Nets<float>* nets : {&a, &b, &c}) alone.push_back(nets->all[n]);
    for (Nets<float>* nets : {&a2, &b2, &c2}) mixed.push_back(nets->all[n]);
  }
  const auto expected = train_together<float>(alone, SideBySide::never), got = train_together<float>(mixed);
  for (std::size_t n = 0; n < got.size(); ++n) {
    EXPECT_EQ(got[n].result.train.loss, expected[n].result.train.loss);
    expect_same_state(*alone[n], *mixed[n]);
  }
}

TEST(TrainManyNets, NobodyIsNothing) { EXPECT_TRUE(train_together<float>({}).empty()); }

}  // namespace
}  // namespace evengrad
