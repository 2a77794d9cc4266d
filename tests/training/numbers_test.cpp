// What training does with numbers: a NaN or infinity is found at its step and named, extreme settings end in a clear
// error, every sample counts alike, and the same seed gives the same bits.
#include <evengrad/activations/registry.hpp>
#include <evengrad/core/error.hpp>
#include <evengrad/layers/mlp.hpp>
#include <evengrad/training/trainer.hpp>

#include "../matrices.hpp"
#include "../temp_folder.hpp"

#include <functional>
#include <limits>

namespace evengrad {
namespace {

constexpr double inf = std::numeric_limits<double>::infinity(), nan = std::numeric_limits<double>::quiet_NaN();
constexpr Index features = 5;

template <Real S>
Dataset<S> regression(Index samples = 24) {
  return {.name = "test",
          .task = Task::regression,
          .inputs = random_matrix<S>(samples, features, 1),
          .targets = random_matrix<S>(samples, 3, 2)};
}

template <Real S>
Dataset<S> classes(Index samples = 24) {
  Dataset<S> data{.name = "test", .inputs = random_matrix<S>(samples, features, 1), .classes = 3};
  for (Index r = 0; r < samples; ++r) data.labels.push_back(static_cast<std::int32_t>(r % 3));
  return data;
}

template <Real S>
Sequential<S> net(const std::string& f, Norm norm = Norm::none, double dropout = 0, Index width = 8) {
  auto model = mlp<S>({.inputs = features,
                .hidden = {width, width},
                .outputs = 3,
                .activations = {activation(f)},
                .norm = norm,
                .dropout = dropout});
  model.initialize(initializer("lecun"), Rng(3));
  return model;
}

// Batches of 8 in the order of the rows: sample 17 is in the third step.
TrainerOptions plain() { return {.optimizer = {.name = "sgd"}, .batch_size = 8, .epochs = 3, .shuffle = false}; }

template <Real S>
std::string failure(Layer<S>& model, const Dataset<S>& data, const TrainerOptions& options) {
  const Dataset<S> none;
  return error_of<NonFiniteError>([&] { Trainer<S>(model, data, none, options).run(); });
}

void expect_words(const std::string& error, std::initializer_list<const char*> words, const std::string& what) {
  for (const char* word : words) EXPECT_NE(error.find(word), std::string::npos) << what << ": '" << error << "'";
}

// ---- found where they appear -------------------------------------------------------------------------------------

// The trainer refuses data that hold a NaN; what comes into them while it trains is found all the same.
std::string failure_once_spoilt(Layer<float>& model, Dataset<float> data, const TrainerOptions& options,
                                const std::function<void(Dataset<float>&)>& spoil) {
  const Dataset<float> none;
  Trainer<float> trainer(model, data, none, options);
  spoil(data);
  return error_of<NonFiniteError>([&] { trainer.run(); });
}

// Whatever the activation does to it: ones that end in a flat piece must not swallow it.
TEST(NonFinite, InputsAreFoundAtTheirStep) {
  for (const ActivationEntry& entry : activations()) {
    for (const double bad : {nan, inf, -inf}) {
      Sequential<float> model = net<float>(entry.name);
      const std::string error = failure_once_spoilt(model, classes<float>(), plain(), [&](Dataset<float>& data) {
        data.inputs(17, 2) = static_cast<float>(bad);
      });
      expect_words(error, {"step 3: ", "in the inputs of the batch"}, entry.name);
    }
  }
}

TEST(NonFinite, TargetsAreFoundAtTheirStep) {
  for (const char* loss : {"mse", "huber"}) {
    for (const double bad : {nan, inf, -inf}) {
      Sequential<float> model = net<float>("tanh");
      TrainerOptions options = plain();
      options.loss = loss;
      const std::string error = failure_once_spoilt(model, regression<float>(), options, [&](Dataset<float>& data) {
        data.targets(17, 1) = static_cast<float>(bad);
      });
      expect_words(error, {"step 3: ", "in the targets of the batch"}, loss);
    }
  }
}

// Broken by hand between the second step and the third.
TEST(NonFinite, WeightsAndStatisticsAreFoundAtTheirStep) {
  for (const char* f : {"relu", "tanh", "hard_tanh", "prelu"}) {
    for (const Norm norm : {Norm::none, Norm::batch, Norm::layer}) {
      std::vector<std::string> names;
      net<float>(f, norm).visit(Path(), [&](const Path& path, auto&) { names.push_back(path.str()); });
      for (const std::string& name : names) {
        for (const double bad : {nan, inf}) {
          Sequential<float> model = net<float>(f, norm);
          const Dataset<float> data = classes<float>(), none;
          Trainer<float> trainer(model, data, none, plain());
          trainer.on_step = [&](const StepReport& report) {
            if (report.step != 2) return;
            model.visit(Path(), [&](const Path& path, Parameter<float>& parameter) {
              if (path.str() == name) parameter.value(0, 0) = static_cast<float>(bad);
            });
          };
          const std::string layer = name.substr(0, name.rfind('.'));
          expect_words(error_of<NonFiniteError>([&] { trainer.run(); }), {"step 3: ", layer.c_str()},
                       text(f, ", ", name, " = ", bad));
        }
      }
    }
  }
}

TEST(NonFinite, ActivationsAreFoundWithTheirLayer) {
  for (const auto& [formula, word] : {std::pair{"log(x)", "NaN"}, {"exp(100*x^2)", "infinity"}}) {
    Sequential<float> model = mlp<float>(
        {.inputs = features, .hidden = {8, 8}, .outputs = 3, .activations = {activation("tanh"), activation(formula)}});
    model.initialize(initializer("normal(3)"), Rng(3));
    expect_words(failure(model, classes<float>(), plain()), {"step 1: ", word, "forward pass", "layers.2", "op affine"},
                 formula);
  }
}

// sqrt|x| is 0 at 0, and its slope has no value there.
TEST(NonFinite, GradientsAreFoundWithTheirLayer) {
  Sequential<float> model = net<float>("sqrt(abs(x))");
  Dataset<float> data = classes<float>();
  data.inputs.setZero();
  expect_words(failure(model, data, plain()), {"step 1: ", "backward pass", "layers."}, "sqrt");
}

TEST(NonFinite, ClippingHidesNothing) {
  for (const bool by_norm : {false, true}) {
    Sequential<float> model = net<float>("sqrt(abs(x))");
    Dataset<float> data = classes<float>();
    data.inputs.setZero();
    TrainerOptions options = plain();
    (by_norm ? options.clip_norm : options.clip_value) = 1;
    expect_words(failure(model, data, options), {"step 1: ", "backward pass"}, "clipped");
  }
}

TEST(NonFinite, TheLastUpdateIsLookedAtToo) {
  Sequential<float> model = net<float>("relu");
  TrainerOptions options = plain();
  options.steps = 1;
  options.optimizer.learning_rate = 1e25;
  const std::string error = failure(model, regression<float>(), options);
  expect_words(error, {"step 1: "}, "one step");
}

// ---- extreme settings --------------------------------------------------------------------------------------------

struct Extreme {
  const char* name;
  OptimizerOptions optimizer;
  std::optional<bool> diverges = {};  // empty: it may
};

template <class S>
class ExtremeSettings : public ::testing::Test {};
using Reals = ::testing::Types<float, double>;
TYPED_TEST_SUITE(ExtremeSettings, Reals);

// Finite numbers or a NonFiniteError that names its step; never a crash, a hang or a silent NaN.
TYPED_TEST(ExtremeSettings, EndWellOrInAClearError) {
  using S = TypeParam;
  const double most = std::nextafter(1.0, 0.0);
  std::vector<Extreme> all{
      {"momentum near 1", {.name = "momentum", .learning_rate = 1, .momentum = most}},
      {"betas of 0", {.name = "adam", .beta1 = 0, .beta2 = 0}, false},
      {"betas near 1", {.name = "adam", .beta1 = most, .beta2 = most}},
      {"beta1 near 1", {.name = "adamw", .beta1 = most, .beta2 = 0}},
      {"alpha near 1", {.name = "rmsprop", .alpha = most}},
      {"decoupled decay", {.name = "adamw", .learning_rate = 1, .weight_decay = 1e6}, true},
      {"no eps", {.name = "adam", .eps = 0}},  // 0 / 0 for a unit that is silent
      {"tiny rate", {.name = "adam", .learning_rate = 1e-320}, false},
  };
  for (const OptimizerInfo& info : optimizers()) {
    // A double holds what adaptive rules make of it.
    const auto diverges = sizeof(S) == 4 ? std::optional(true) : std::nullopt;
    all.push_back({"huge rate", {.name = info.name, .learning_rate = 1e30}, diverges});
    all.push_back({"largest rate", {.name = info.name, .learning_rate = 9e299}, true});
    const bool adaptive = info.name.starts_with("adam") || info.name == "rmsprop";
    if (!adaptive) all.push_back({"coupled decay", {.name = info.name, .learning_rate = 1, .weight_decay = 1e6}, true});
  }
  for (const Extreme& extreme : all) {
    Sequential<S> model = net<S>("relu");
    TrainerOptions options = plain();
    options.optimizer = extreme.optimizer;
    options.epochs = 100;
    const Dataset<S> data = regression<S>();
    TrainResult result;
    const Dataset<S> none;
    const std::string error = error_of<NonFiniteError>([&] { result = Trainer<S>(model, data, none, options).run(); });
    EXPECT_EQ(!error.empty(), extreme.diverges.value_or(!error.empty()))
        << extreme.name << ", " << extreme.optimizer.name << ": " << error;
    if (error.empty()) {
      EXPECT_TRUE(std::isfinite(result.train.loss)) << extreme.name;
    } else {
      expect_words(error, {"step "}, extreme.name);
    }
  }
}

// ---- every sample counts alike -----------------------------------------------------------------------------------

// The trainer would refer to data that are gone.
static_assert(!std::is_constructible_v<Trainer<float>, Layer<float>&, Dataset<float>&, Dataset<float>, TrainerOptions>);
static_assert(!std::is_constructible_v<Trainer<float>, Layer<float>&, Dataset<float>, Dataset<float>&, TrainerOptions>);

// Batches of 4, 4 and 2; a rate of 0 makes the epoch's loss comparable with the evaluation of all ten.
TEST(Samples, OfAShortBatchCountAsMuchAsOthers) {
  TrainerOptions options = plain();
  options.batch_size = 4;
  options.optimizer.learning_rate = 0;
  options.epochs = 1;
  Sequential<double> model = net<double>("tanh");
  const auto epoch_of = [&](const Dataset<double>& data) {
    const Dataset<double> none;
    Trainer<double> trainer(model, data, none, options);
    EpochReport seen;
    trainer.on_epoch = [&](const EpochReport& report) {
      seen = report;
      return true;
    };
    trainer.run();
    return std::pair(seen.train, trainer.evaluate(data));
  };
  const auto [trained, evaluated] = epoch_of(classes<double>(10));
  EXPECT_NEAR(trained.loss, evaluated.loss, 1e-15);
  EXPECT_EQ(trained.accuracy, evaluated.accuracy);
  const auto [seen, all] = epoch_of(regression<double>(10));
  EXPECT_NEAR(seen.loss, all.loss, 1e-15);
  // By hand: the mean over samples of the mean over outputs.
  const Dataset<double> data = regression<double>(10);
  Tape<double> tape;
  const Matrix<double> y = model.forward(tape.constant(data.inputs), {}).value();
  EXPECT_NEAR(all.loss, (y - data.targets).array().square().mean(), 1e-15);
}

// ---- same bits ---------------------------------------------------------------------------------------------------

template <Real S>
struct Trained {
  std::vector<Matrix<S>> weights;
  std::vector<double> losses;
};

template <Real S>
Trained<S> train(const TrainerOptions& options, const Dataset<S>& data, const Dataset<S>& test, Index width) {
  Sequential<S> model = net<S>("gelu", Norm::batch, 0.3, width);
  Trainer<S> trainer(model, data, test, options);
  Trained<S> all;
  trainer.on_step = [&](const StepReport& report) { all.losses.push_back(report.loss); };
  const TrainResult result = trainer.run();
  all.losses.push_back(result.train.loss);
  model.visit(Path(), [&](const Path&, Parameter<S>& parameter) { all.weights.push_back(parameter.value); });
  return all;
}

template <Real S>
void expect_same(const Trained<S>& a, const Trained<S>& b, const std::string& what) {
  EXPECT_EQ(a.losses, b.losses) << what;
  ASSERT_EQ(a.weights.size(), b.weights.size());
  for (std::size_t i = 0; i < a.weights.size(); ++i) EXPECT_TRUE(same_bits(a.weights[i], b.weights[i])) << what;
}

template <class S>
class SameBits : public ::testing::Test {};
TYPED_TEST_SUITE(SameBits, Reals);

// 64 x 512 x 512 is worth several threads, and so is the update of 512 x 512 weights.
TYPED_TEST(SameBits, OverRunsAndThreads) {
  using S = TypeParam;
  for (const OptimizerInfo& info : optimizers()) {
    TrainerOptions options{.optimizer = {.name = info.name}, .schedule = "cosine", .batch_size = 64, .steps = 3};
    options.clip_norm = 0.5;
    const Dataset<S> data = classes<S>(150);
    const Trained<S> once = train<S>(options, data, {}, 512);
    for (const int threads : {1, 2, 3, 7}) {
      options.threads = threads;
      expect_same(once, train<S>(options, data, {}, 512), text(info.name, ", ", threads, " threads"));
    }
    options.seed = 2;
    EXPECT_NE(train<S>(options, data, {}, 512).losses, once.losses);
  }
}

// One evaluation pass turned dropout off for good elsewhere (Megatron-LM #411), or moves running statistics.
TYPED_TEST(SameBits, WhateverIsEvaluatedInBetween) {
  using S = TypeParam;
  TrainerOptions options = plain();
  options.shuffle = true;
  const Dataset<S> data = classes<S>(), test = classes<S>(9);
  expect_same(train<S>(options, data, {}, 8), train<S>(options, data, test, 8), "a test set");
}

}  // namespace
}  // namespace evengrad
