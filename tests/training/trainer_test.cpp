// What a trainer refuses before it trains: data that would be read or written out of bounds, or make no sense.
#include <evengrad/activations/registry.hpp>
#include <evengrad/core/error.hpp>
#include <evengrad/layers/mlp.hpp>
#include <evengrad/training/ensemble.hpp>
#include <evengrad/training/network_map.hpp>
#include <evengrad/training/probe.hpp>

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>

namespace evengrad {
namespace {

constexpr Index rows = 100;

template <Real S>
Dataset<S> with_labels(std::int32_t classes = 3) {
  Dataset<S> data{.name = "mine", .inputs = Matrix<S>::Random(rows, 1), .classes = classes};
  for (Index i = 0; i < rows; ++i) data.labels.push_back(static_cast<std::int32_t>(i) % classes);
  return data;
}

template <Real S>
Dataset<S> with_targets(Index targets = 1) {
  Dataset<S> data{.name = "mine", .task = Task::regression, .inputs = Matrix<S>::Random(rows, 1)};
  data.targets = (Matrix<S>::Random(rows, targets).array() + S{1}) / S{2};  // in [0, 1], which bce needs
  return data;
}

template <Real S>
Sequential<S> net(Index outputs) {
  auto model = mlp<S>({.inputs = 1, .hidden = {2}, .outputs = outputs, .activations = {activation("relu")}});
  model.initialize(initializer("he"), Rng(1));
  return model;
}

// The message of exactly this kind of error; empty where nothing was thrown.
template <class Kind>
std::string message(const std::function<void()>& action) {
  try {
    action();
  } catch (const Kind& error) {
    EXPECT_EQ(typeid(error), typeid(Kind)) << error.what();
    return error.what();
  }
  return {};
}

// Every way in which data reach a trainer: to train on, to test on, to be judged, to be probed.
template <class Kind, Real S>
void expect_refused(const Dataset<S>& bad, const Dataset<S>& good, const std::string& loss, const std::string& words) {
  Sequential<S> model = net<S>(required_outputs(good, loss));
  const Dataset<S> none;
  const TrainerOptions options{.loss = loss, .epochs = 2};
  const std::function<void()> ways[] = {
      [&] { Trainer<S>(model, bad, none, options); },
      [&] { Trainer<S>(model, good, bad, options); },
      [&] { Trainer<S>(model, good, none, options).evaluate(bad); },
      [&] {
        Trainer<S> trainer(model, good, none, options);
        Probe<S>(trainer, model, bad);
      },
  };
  for (const auto& way : ways) {
    const std::string error = message<Kind>(way);
    EXPECT_NE(error.find(words), std::string::npos) << loss << ", way " << &way - ways << ": '" << error << "'";
  }
}

template <class S>
class TrainerData : public ::testing::Test {};
using Reals = ::testing::Types<float, double>;
TYPED_TEST_SUITE(TrainerData, Reals);

std::vector<std::string> losses_for(Task task) {
  std::vector<std::string> names;
  for (const LossInfo& info : losses()) {
    if (task == Task::classification || info.name != "cross_entropy") names.push_back(info.name);
  }
  return names;
}

TYPED_TEST(TrainerData, GoodDataTrainWithEveryLoss) {
  using S = TypeParam;
  const Dataset<S> none;
  for (const Dataset<S>& data : {with_labels<S>(), with_labels<S>(2), with_targets<S>(), with_targets<S>(2)}) {
    for (const std::string& loss : losses_for(data.task)) {
      Sequential<S> model = net<S>(required_outputs(data, loss));
      Trainer<S> trainer(model, data, data, {.loss = loss, .epochs = 2});
      EXPECT_TRUE(std::isfinite(trainer.run().train.loss)) << loss;
      EXPECT_EQ(trainer.evaluate(data).loss, trainer.evaluate(Dataset<S>(data)).loss) << loss;
    }
  }
}

TYPED_TEST(TrainerData, LabelsThatAreNoClassAreNamed) {
  using S = TypeParam;
  for (const std::int32_t classes : {2, 3}) {  // with two, bce has one output
    const Dataset<S> good = with_labels<S>(classes);
    for (const std::string& loss : losses_for(Task::classification)) {
      for (const std::int32_t label : {-1, classes, classes + 1, std::numeric_limits<std::int32_t>::min(),
                                       std::numeric_limits<std::int32_t>::max()}) {
        for (const std::size_t row : {std::size_t{0}, std::size_t{rows - 1}}) {
          Dataset<S> bad = good;
          bad.labels[row] = label;
          expect_refused<Error>(
              bad, good, loss,
              text("data 'mine': the label of row ", row + 1, " is ", label, ", expected 0 to ", classes - 1));
        }
      }
    }
  }
}

TYPED_TEST(TrainerData, EveryRowNeedsItsLabelOrTarget) {
  using S = TypeParam;
  for (const Index count : {rows - 1, Index{1}, Index{0}, rows + 1}) {
    for (const std::string& loss : losses_for(Task::classification)) {
      Dataset<S> bad = with_labels<S>(2);
      bad.labels.resize(static_cast<std::size_t>(count));
      expect_refused<ShapeError>(bad, with_labels<S>(2), loss, text("there are ", count, " labels, expected 100"));
    }
    for (const std::string& loss : losses_for(Task::regression)) {
      Dataset<S> bad = with_targets<S>();
      bad.targets = Matrix<S>::Ones(count, 1);
      expect_refused<ShapeError>(bad, with_targets<S>(), loss,
                                 text("there are ", count, " rows of targets, expected 100"));
    }
  }
}

TYPED_TEST(TrainerData, WidthsFitTheModel) {
  using S = TypeParam;
  for (const std::string& loss : losses_for(Task::regression)) {
    expect_refused<ShapeError>(with_targets<S>(2), with_targets<S>(1), loss, "1 output(s), mine needs 2");
    expect_refused<ShapeError>(with_targets<S>(1), with_targets<S>(3), loss, "3 output(s), mine needs 1");
    Dataset<S> none = with_targets<S>();
    none.targets.resize(rows, 0);
    expect_refused<ShapeError>(none, with_targets<S>(), loss, "the targets have no column");
  }
  for (const std::string& loss : losses_for(Task::classification)) {
    expect_refused<ShapeError>(with_labels<S>(4), with_labels<S>(3), loss, "3 output(s), mine needs 4");
    Dataset<S> none = with_labels<S>();
    none.classes = 0;
    expect_refused<ShapeError>(none, with_labels<S>(), loss, "it has 0 classes");
    Dataset<S> wide = with_labels<S>();
    wide.inputs = Matrix<S>::Random(rows, 2);
    expect_refused<ShapeError>(wide, with_labels<S>(), loss, "2");
    Dataset<S> unnamed = with_labels<S>();
    unnamed.class_names = {"a", "b"};
    expect_refused<ShapeError>(unnamed, with_labels<S>(), loss, "there are 2 class names, expected 3");
  }
}

TYPED_TEST(TrainerData, NaNsAndInfinitiesAreNamed) {
  using S = TypeParam;
  using Limits = std::numeric_limits<S>;
  for (const S value : {Limits::quiet_NaN(), Limits::infinity(), -Limits::infinity()}) {
    Dataset<S> labels = with_labels<S>();
    labels.inputs(98, 0) = value;
    for (const std::string& loss : losses_for(Task::classification)) {
      expect_refused<NonFiniteError>(labels, with_labels<S>(), loss, text("inputs row 99, column 1 is ", value));
    }
    Dataset<S> targets = with_targets<S>(2);
    targets.targets(99, 1) = value;
    for (const std::string& loss : losses_for(Task::regression)) {
      expect_refused<NonFiniteError>(targets, with_targets<S>(2), loss, text("targets row 100, column 2 is ", value));
    }
  }
}

TYPED_TEST(TrainerData, ATargetOfBceIsAProbability) {
  using S = TypeParam;
  for (const S value : {S{-0.5}, S{1.5}}) {
    Dataset<S> bad = with_targets<S>(2);
    bad.targets(4, 1) = value;
    expect_refused<Error>(bad, with_targets<S>(2), "bce", text("targets row 5, column 2 is ", value));
  }
}

TYPED_TEST(TrainerData, TheTaskFitsTheLossAndTheTrainingSet) {
  using S = TypeParam;
  // Both have models of one output with bce.
  for (const auto& sets :
       {std::pair(with_targets<S>(), with_labels<S>(2)), std::pair(with_labels<S>(2), with_targets<S>())}) {
    const Dataset<S>&bad = sets.first, &good = sets.second;
    Sequential<S> model = net<S>(1);
    const Dataset<S> none;
    const TrainerOptions options{.loss = "bce"};
    Trainer<S> trainer(model, good, none, options);
    const std::string words = good.task == Task::regression ? "its task is classification, that of the training set is "
                                                              "regression"
                                                            : "its task is regression, that of the training set is "
                                                              "classification";
    for (const std::function<void()>& way : std::initializer_list<std::function<void()>>{
             [&] { Trainer<S>(model, good, bad, options); }, [&] { trainer.evaluate(bad); },
             [&] { Probe<S>(trainer, model, bad); }}) {
      EXPECT_NE(message<UsageError>(way).find(words), std::string::npos) << message<UsageError>(way);
    }
  }
  const Dataset<S> targets = with_targets<S>(), labels = with_labels<S>(), none;
  Sequential<S> one = net<S>(1), three = net<S>(3);
  EXPECT_NE(message<UsageError>([&] { Trainer<S>(one, targets, none, {.loss = "cross_entropy"}); }), "");
  EXPECT_NE(message<UsageError>([&] { Trainer<S>(three, labels, none, {.loss = "hinge"}); }), "");
  EXPECT_NE(message<UsageError>([&] { Trainer<S>(three, labels, none, {.loss = "mse", .label_smoothing = 0.1}); }), "");
  EXPECT_NE(message<UsageError>([&] { Trainer<S>(one, targets, none, {.label_smoothing = 0.1}); }), "");
}

// A row that does not count has the label -100, which would be a place in the targets of another loss.
TYPED_TEST(TrainerData, LabelsOfRowsNeedCrossEntropy) {
  using S = TypeParam;
  Dataset<S> data = with_labels<S>();
  data.label_per_row = true;  // one row a sample
  data.labels[0] = no_label;
  const Dataset<S> none;
  Sequential<S> model = net<S>(3);
  Trainer<S>(model, data, none, {.loss = "cross_entropy"});
  for (const char* loss : {"mse", "bce", "huber"}) {
    const std::string said = message<UsageError>([&] { Trainer<S>(model, data, none, {.loss = loss}); });
    EXPECT_NE(said.find("use cross_entropy"), std::string::npos) << loss << ": " << said;
  }
}

TYPED_TEST(TrainerData, WhateverElseTakesDataChecksThem) {
  using S = TypeParam;
  Dataset<S> wrong = with_labels<S>(), few = with_labels<S>(), targets = with_targets<S>();
  wrong.labels[7] = 3;
  few.labels.pop_back();
  targets.targets(3, 0) = std::numeric_limits<S>::quiet_NaN();
  const NetworkMapOptions map{.x = parse_map_axis("lr=0.01:1:4"), .y = parse_map_axis("depth=1:4:4")};
  for (const Dataset<S>& bad : {wrong, few, targets}) {
    EXPECT_THROW(constant_answer_loss(bad), Error);
    EXPECT_THROW(split_rows(bad, 0.2, Rng(1)), Error);
    EXPECT_THROW(NetworkMap<S>(map, bad), Error);
  }
}

}  // namespace
}  // namespace evengrad
