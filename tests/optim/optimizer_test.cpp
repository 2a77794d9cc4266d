#include <evengrad/core/ops.hpp>
#include <evengrad/optim/optimizer.hpp>

#include "../matrices.hpp"
#include "../temp_folder.hpp"

namespace evengrad {
namespace {

// Three parameters: a weight, a bias and a running statistic.
template <Real S>
struct Net {
  Parameter<S> weight, bias, statistic;

  Net() {
    weight.value = random_matrix<S>(3, 4, 1);
    bias.value = random_matrix<S>(1, 3, 2);
    bias.rank = 1;
    statistic.value.setOnes(1, 3);
    statistic.trainable = false;
  }
  void visit(const Path& path, ParameterVisitor<S> visitor) {
    visitor(Path(path, "weight"), weight);
    visitor(Path(path, "bias"), bias);
    visitor(Path(path, "statistic"), statistic);
  }
};

constexpr std::uint64_t weight_seed = 10, bias_seed = 20;

/// Gradients that do not depend on the parameters: random ones of step t.
template <Real S>
Gradients<S> gradients(Net<S>& net, std::uint64_t t) {
  Tape<S> tape;
  return tape.backward(sum(tape.parameter(net.weight) * tape.constant(random_matrix<S>(3, 4, weight_seed + t))) +
                       sum(tape.parameter(net.bias) * tape.constant(random_matrix<S>(1, 3, bias_seed + t))));
}

using Options = OptimizerOptions;

std::vector<Options> every_optimizer() {
  std::vector<Options> all;
  for (const OptimizerInfo& info : optimizers()) all.push_back({.name = info.name});
  return all;
}

// The rules of the papers, a number at a time, in the form in which they are printed.
double reference(const std::string& rule, double w, std::uint64_t steps, std::uint64_t seed, Index at, Index size) {
  double m = 0, v = 0;
  for (std::uint64_t t = 1; t <= steps; ++t) {
    const double g = random_matrix<double>(1, size, seed + t)(0, at);
    if (rule == "sgd") w -= 0.01 * g;
    if (rule == "momentum") w -= 0.01 * (m = 0.9 * m + g);
    if (rule == "nesterov") {
      m = 0.9 * m + g;
      w -= 0.01 * (g + 0.9 * m);
    }
    if (rule == "rmsprop") {
      v = 0.99 * v + 0.01 * g * g;
      w -= 0.01 * g / (std::sqrt(v) + 1e-8);
    }
    if (rule == "adam" || rule == "adamw") {
      if (rule == "adamw") w -= 1e-3 * 0.01 * w;
      m = 0.9 * m + 0.1 * g;
      v = 0.999 * v + 0.001 * g * g;
      const double n = static_cast<double>(t);
      w -= 1e-3 * (m / (1 - std::pow(0.9, n))) / (std::sqrt(v / (1 - std::pow(0.999, n))) + 1e-8);
    }
  }
  return w;
}

TEST(Optimizer, EveryRuleIsThePapersWithPyTorchsDefaults) {
  for (const Options& options : every_optimizer()) {
    Net<double> net;
    const Net<double> start;
    Optimizer<double> optimizer(options);
    for (std::uint64_t t = 1; t <= 5; ++t) optimizer.step(net, gradients(net, t));
    for (Index i = 0; i < 12; ++i) {
      EXPECT_NEAR(net.weight.value.data()[i],
                  reference(options.name, start.weight.value.data()[i], 5, weight_seed, i, 12), 1e-14)
          << options.name;
    }
    // Bias correction advanced once a parameter instead of once a step elsewhere (tiny-dnn, MiniDNN): the second
    // parameter would differ.
    for (Index i = 0; i < 3; ++i) {
      EXPECT_NEAR(net.bias.value(0, i), reference(options.name, start.bias.value(0, i), 5, bias_seed, i, 3), 1e-14)
          << options.name;
    }
    EXPECT_EQ(net.statistic.value, (Matrix<double>::Ones(1, 3)));
    EXPECT_EQ(optimizer.steps(), 5);
  }
}

TEST(Optimizer, AdamsFirstStepIsTheLearningRate) {
  Net<double> net;
  const Net<double> start;
  Optimizer<double> adam({.name = "adam", .learning_rate = 0.125});
  adam.step(net, gradients(net, 1));
  EXPECT_LT(((net.weight.value - start.weight.value).array().abs() - 0.125).abs().maxCoeff(), 1e-6);
  EXPECT_LT(((net.bias.value - start.bias.value).array().abs() - 0.125).abs().maxCoeff(), 1e-6);
}

// Without a past, one step moves a weight by lr (1 - beta1) / sqrt(1 - beta2), since the corrections have become 1.
TEST(Optimizer, AdamAfterAMillionStepsCorrectsNothingAnyMore) {
  for (const char* name : {"adam", "adamw"}) {
    Net<float> net;
    Optimizer<float> adam({.name = name, .weight_decay = 0});
    adam.set_steps(1'000'000 - 1);
    const Matrix<float> before = net.weight.value;
    adam.step(net, gradients(net, 1));
    EXPECT_EQ(adam.steps(), 1'000'000);
    const auto moved = (net.weight.value - before).array().abs();
    EXPECT_LT((moved - 1e-3f * 0.1f / std::sqrt(1e-3f)).abs().maxCoeff(), 1e-6f) << name;
  }
}

// With the largest betas below 1 the running means hardly take anything in, and are corrected for it.
TEST(Optimizer, AdamWithExtremeBetas) {
  const double most = std::nextafter(1.0, 0.0);
  for (const auto& [beta1, beta2] : {std::pair{0.0, 0.0}, {0.0, most}, {most, most}}) {
    Net<double> net;
    const Matrix<double> before = net.weight.value;
    Optimizer<double> adam({.name = "adam", .learning_rate = 0.125, .beta1 = beta1, .beta2 = beta2});
    adam.step(net, gradients(net, 1));
    EXPECT_LT(((net.weight.value - before).array().abs() - 0.125).abs().maxCoeff(), 1e-5) << beta1 << ", " << beta2;
    adam.step(net, gradients(net, 2));
    EXPECT_TRUE(net.weight.value.allFinite()) << beta1 << ", " << beta2;
  }
}

TEST(Optimizer, AParameterWithoutAPartIsNamed) {
  for (const Options& options : every_optimizer()) {
    Net<double> net;
    Optimizer<double> optimizer(options);
    Tape<double> tape;
    const Gradients<double> partial = tape.backward(sum(tape.parameter(net.weight)));
    const std::string error = error_of<Error>([&] { optimizer.step(net, partial); });
    EXPECT_NE(error.find("parameter bias took no part"), std::string::npos) << error;
  }
}

TEST(Optimizer, SettingsOfAnotherRuleAreRefused) {
  EXPECT_THROW(Optimizer<float>({.name = "sgd", .momentum = 0.9}), UsageError);
  EXPECT_THROW(Optimizer<float>({.name = "momentum", .beta1 = 0.9}), UsageError);
  EXPECT_THROW(Optimizer<float>({.name = "adam", .alpha = 0.9}), UsageError);
  EXPECT_THROW(Optimizer<float>({.name = "rmsprop", .beta2 = 0.9}), UsageError);
  EXPECT_EQ(error_of<UsageError>([] { Optimizer<float>({.name = "nesterov", .eps = 1e-8}); }),
            "optimizer nesterov has no eps");
  EXPECT_NE(error_of<UsageError>([] { Optimizer<float>({.name = "adm"}); }).find("'adam'"), std::string::npos);
}

TEST(Optimizer, SettingsOutOfRangeAreRefused) {
  const double nan = std::nan("");
  for (const double rate : {-1.0, nan, HUGE_VAL}) {
    EXPECT_THROW(Optimizer<float>({.learning_rate = rate}), UsageError) << rate;
    EXPECT_THROW(Optimizer<float>({.weight_decay = rate}), UsageError) << rate;
  }
  for (const double share : {-0.1, 1.0, nan}) {
    EXPECT_THROW(Optimizer<float>({.name = "momentum", .momentum = share}), UsageError) << share;
    EXPECT_THROW(Optimizer<float>({.name = "adam", .beta1 = share}), UsageError) << share;
    EXPECT_THROW(Optimizer<float>({.name = "adam", .beta2 = share}), UsageError) << share;
    EXPECT_THROW(Optimizer<float>({.name = "rmsprop", .alpha = share}), UsageError) << share;
  }
  EXPECT_NO_THROW(Optimizer<float>({.learning_rate = 0}));
}

TEST(Optimizer, WeightDecayMaySkipVectors) {
  for (const char* name : {"sgd", "adamw"}) {
    const auto bias_after = [&](double decay, bool decay_biases) {
      Net<double> net;
      Optimizer<double> optimizer(
          {.name = name, .learning_rate = 0.1, .weight_decay = decay, .decay_biases = decay_biases});
      optimizer.step(net, gradients(net, 1));
      return std::pair(net.weight.value, net.bias.value);
    };
    const auto plain = bias_after(0, true), all = bias_after(0.5, true), weights = bias_after(0.5, false);
    EXPECT_EQ(weights.second, plain.second) << name;
    EXPECT_NE(all.second, plain.second) << name;
    EXPECT_EQ(weights.first, all.first) << name;
    EXPECT_NE(weights.first, plain.first) << name;
  }
}

// Moments built lazily were dropped on load elsewhere (KempnerForge #115): all of them are there before the first step.
TEST(Optimizer, StateCanBeCarriedOver) {
  for (const Options& options : every_optimizer()) {
    Net<float> net;
    Optimizer<float> optimizer(options);
    for (std::uint64_t t = 1; t <= 3; ++t) optimizer.step(net, gradients(net, t));

    std::vector<std::pair<std::string, Matrix<float>>> saved;
    optimizer.template visit_state<Net<float>>(
        net, [&](const Path& path, Matrix<float>& state) { saved.emplace_back(path.str(), state); });
    Net<float> other;
    other.weight.value = net.weight.value;
    other.bias.value = net.bias.value;
    Optimizer<float> resumed(options);
    std::size_t next = 0;
    resumed.template visit_state<Net<float>>(other, [&](const Path& path, Matrix<float>& state) {
      ASSERT_LT(next, saved.size());
      EXPECT_EQ(path.str(), saved[next].first);
      EXPECT_EQ(state, (Matrix<float>::Zero(state.rows(), state.cols())));
      ASSERT_EQ(state.size(), saved[next].second.size());
      state = saved[next++].second;
    });
    EXPECT_EQ(next, saved.size()) << options.name;
    resumed.set_steps(optimizer.steps());

    for (std::uint64_t t = 4; t <= 6; ++t) {
      optimizer.step(net, gradients(net, t));
      resumed.step(other, gradients(other, t));
    }
    EXPECT_TRUE(same_bits(other.weight.value, net.weight.value)) << options.name;
    EXPECT_TRUE(same_bits(other.bias.value, net.bias.value)) << options.name;
  }
}

TEST(Optimizer, StateIsNamedAfterTheParameter) {
  Net<float> net;
  Optimizer<float> adam({.name = "adam"});
  std::vector<std::string> names;
  adam.visit_state(net, [&](const Path& path, Matrix<float>&) { names.push_back(path.str()); });
  EXPECT_EQ(names, (std::vector<std::string>{"first.weight", "second.weight", "first.bias", "second.bias"}));
}

TEST(Optimizer, AModelThatChangedIsRefused) {
  Net<float> net;
  Optimizer<float> adam({.name = "adam"});
  adam.step(net, gradients(net, 1));
  net.weight.value.setZero(3, 5);
  Tape<float> tape;
  const Gradients<float> g = tape.backward(sum(tape.parameter(net.weight)) + sum(tape.parameter(net.bias)));
  EXPECT_NE(error_of<Error>([&] { adam.step(net, g); }).find("weight changed its size"), std::string::npos);
}

}  // namespace
}  // namespace evengrad
