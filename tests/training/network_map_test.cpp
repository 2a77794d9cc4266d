// Every pixel of a map is the network that its own training makes, and every one is trained once.
#include <evengrad/training/network_map.hpp>

#include <evengrad/activations/registry.hpp>
#include <evengrad/core/error.hpp>
#include <evengrad/init/mean_field.hpp>
#include <evengrad/layers/mlp.hpp>
#include <evengrad/training/finite.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

namespace evengrad {
namespace {

template <Real S>
NetworkMap<S> map_of(const char* x, const char* y, NetworkMapOptions options = {}) {
  options.depth = 3;
  options.width = 6;
  options.trainer = {.optimizer = {.name = "sgd", .learning_rate = 0.3}, .batch_size = 16, .steps = 40, .seed = 7};
  options.x = parse_map_axis(x);
  options.y = parse_map_axis(y);
  return {options, load_data<S>({.name = "moons", .samples = 60, .seed = 7}).train};
}

std::vector<Index> all_pixels(Index size) {
  std::vector<Index> all(static_cast<std::size_t>(size));
  std::iota(all.begin(), all.end(), 0);
  return all;
}

// The same network by hand, with its loss at each step.
template <Real S>
struct Solo {
  Solo(const NetworkMap<S>& map, Index pixel) {
    const PixelSettings settings = map.settings(pixel);
    auto net = mlp<S>({.inputs = 2,
                       .hidden = std::vector<Index>(static_cast<std::size_t>(settings.depth), map.options().width),
                       .outputs = 2,
                       .activations = {activation(map.options().activation)}});
    net.initialize(initializer(settings.init), Rng(7).split("init"));
    TrainerOptions options = map.options().trainer;
    options.optimizer.learning_rate = settings.learning_rate;
    const Dataset<S> none;
    Trainer<S> trainer(net, map.data(), none, options);
    trainer.on_step = [&](const StepReport& step) { losses.push_back(step.loss); };
    try {
      final_loss = trainer.run().train.loss;
    } catch (const NonFiniteStep& error) {
      broke = error.place.step;
    }
  }
  std::vector<double> losses;
  double final_loss = std::nan("");
  std::int64_t broke = 0;
};

template <Real S>
void expect_solo_runs(const NetworkMap<S>& map) {
  const std::vector<Pixel> pixels = map.train(all_pixels(map.size()));
  const double unit = constant_answer_loss(map.data());
  for (Index i = 0; i < map.size(); ++i) {
    const Pixel& pixel = pixels[static_cast<std::size_t>(i)];
    const Solo<S> solo(map, i);
    EXPECT_EQ(map.run(i).losses, solo.losses);
    EXPECT_TRUE(std::isnan(solo.final_loss) || map.run(i).loss == solo.final_loss);
    if (std::isnan(solo.final_loss)) {
      EXPECT_TRUE(std::isnan(pixel.loss));
      EXPECT_GT(pixel.diverged, 0);
      EXPECT_LE(pixel.diverged, solo.broke);
      continue;
    }
    EXPECT_EQ(pixel.loss, solo.final_loss) << map.settings(i).init;
    EXPECT_EQ(pixel.learned > 0, solo.final_loss < NetworkMap<S>::bar * unit);
    EXPECT_EQ(pixel.diverged > 0, !(solo.final_loss < NetworkMap<S>::bound * unit));
    if (pixel.learned == 0) continue;
    const auto below = [&](double loss) { return loss < NetworkMap<S>::bar * unit; };
    const auto first = std::find_if(solo.losses.begin(), solo.losses.end(), below) - solo.losses.begin();
    EXPECT_EQ(pixel.learned, std::min<std::int64_t>(first + 1, 40));
  }
}

TEST(NetworkMap, PixelsAreTheirSoloRuns) {
  expect_solo_runs(map_of<float>("sigma_w=0.3:3:5", "sigma_b=0:1:4"));
  expect_solo_runs(map_of<float>("lr=0.01:1000:6:log", "depth=1:4:4"));
  expect_solo_runs(map_of<double>("sigma_w=0.3:3:4", "lr=0.01:30:4:log"));
}

TEST(NetworkMap, SomePixelsLearnSomeDoNotAndSomeDiverge) {
  const NetworkMap<float> map = map_of<float>("lr=0.01:1e6:9:log", "sigma_w=0.1:3:4", {.activation = "relu"});
  int learned = 0, diverged = 0, neither = 0;
  for (const Pixel& pixel : map.train(all_pixels(map.size()))) {
    EXPECT_FALSE(pixel.learned > 0 && pixel.diverged > 0);
    learned += pixel.learned > 0;
    diverged += pixel.diverged > 0;
    neither += pixel.learned == 0 && pixel.diverged == 0;
  }
  EXPECT_GT(learned, 0);
  EXPECT_GT(diverged, 0);
  EXPECT_GT(neither, 0);
}

TEST(NetworkMap, BatchesHoldEveryPixelOnceCoarseToFine) {
  const NetworkMap<float> map = map_of<float>("sigma_w=0.5:2:37", "depth=1:21:21");
  std::vector<Index> seen;
  Index edge = 1 << 20;
  for (const MapBatch& batch : map.batches(8)) {
    ASSERT_LE(batch.pixels.size(), 8u);
    ASSERT_FALSE(batch.pixels.empty());
    EXPECT_LE(batch.edge, edge);
    edge = batch.edge;
    for (const Index pixel : batch.pixels) {
      const Index column = pixel % 37, row = pixel / 37;
      EXPECT_TRUE(column % edge == 0 && row % edge == 0);
      // What is on a coarser grid came before.
      EXPECT_TRUE(edge == 8 || column % (2 * edge) != 0 || row % (2 * edge) != 0);
      EXPECT_EQ(map.settings(pixel).depth, map.settings(batch.pixels[0]).depth);
      seen.push_back(pixel);
    }
  }
  std::sort(seen.begin(), seen.end());
  EXPECT_EQ(seen, all_pixels(37 * 21));
}

TEST(NetworkMap, AxesReadAndWriteTheSame) {
  for (const char* given : {"sigma_w=0.5:4:64", "lr=0.001:1:48:log", "depth=2:50:25", "sigma_b=0:0.1:2"}) {
    EXPECT_EQ(parse_map_axis(given).text(), given);
  }
  const MapAxis rate = parse_map_axis("lr=0.001:1:4:log");
  EXPECT_DOUBLE_EQ(rate.at(1), 0.01);
  EXPECT_EQ(rate.at(3), 1);
  EXPECT_EQ(parse_map_axis("depth=1:4:3").at(1), 3);
  for (const char* wrong :
       {"", "sigma_w", "sigma_w=", "sigma_w=1:2", "sigma=1:2:3", "sigma_w=2:1:8", "sigma_w=-1:1:8", "lr=0:1:8",
        "sigma_w=0:1:8:log", "depth=0:4:4", "depth=1:4:9", "depth=1:2000:9", "lr=1:2:1", "lr=1:2:1e9", "lr=1:2:2.5",
        "lr=1:2:3:cubic", "lr=a:2:3", "lr=1:inf:3", "lr=1:2:3:log:log"}) {
    EXPECT_THROW(parse_map_axis(wrong), UsageError) << wrong;
  }
  EXPECT_THROW(map_of<float>("lr=1:2:3", "lr=1:2:3"), UsageError);
  EXPECT_THROW(map_of<float>("lr=1:2:3", "sigma_w=1:2:3", {.init = "he"}), UsageError);
  EXPECT_THROW(map_of<float>("lr=1:2:3", "depth=1:3:3", {.init = "hee"}), UsageError);
}

TEST(NetworkMap, SettingsComeFromBothAxesAndTheInitializer) {
  const NetworkMap<float> map =
      map_of<float>("lr=0.25:0.5:2", "sigma_w=1:2:3", {.init = "gaussian(sigma_w=9, sigma_b=0.125)"});
  const PixelSettings settings = map.settings(3);
  EXPECT_EQ(settings.learning_rate, 0.5);
  EXPECT_EQ(settings.init, "gaussian(sigma_w=1.5, sigma_b=0.125)");
  EXPECT_EQ(settings.depth, 3);
  EXPECT_EQ(map_of<float>("lr=1:2:3", "depth=1:3:3", {.init = "he"}).settings(0).init, "he");
}

TEST(NetworkMap, TheEdgeOfChaosIsWhereChi1IsOne) {
  for (const char* name : {"tanh", "erf", "gelu"}) {
    const auto curves = map_of<float>("sigma_w=0.5:3:8", "sigma_b=0:2:8", {.activation = name}).theory();
    ASSERT_EQ(curves.size(), 1u);
    int points = 0;
    for (std::size_t i = 0; i < curves[0].x.size(); ++i) {
      const double w = curves[0].x[i], b = curves[0].y[i];
      if (std::isnan(w) || b < 0.05) continue;
      ++points;
      double nearest = HUGE_VAL;  // of the fixed points, how near chi1 comes to 1
      for (const FixedPoint& point : fixed_points(activation(name), {w * w, b * b})) {
        nearest = std::min(nearest, std::abs(point.chi1 - 1));
      }
      EXPECT_LT(nearest, 1e-6) << name << " " << w << " " << b;
    }
    EXPECT_GT(points, 20) << name;
  }
  const auto relu = map_of<float>("sigma_b=0:2:8", "sigma_w=0.5:3:8", {.activation = "relu"}).theory();
  EXPECT_NEAR(relu.at(0).y.at(0), std::sqrt(2.0), 1e-12);
  EXPECT_EQ(relu.at(0).x, (std::vector<double>{0, 2}));
}

// A wide network whose last layer does most of the work: its loss is nearly quadratic, and 2 / sharpness nearly exact.
TEST(NetworkMap, ATrainingAboveTheLargestStableRateDivergesOneBelowItDoesNot) {
  NetworkMapOptions options{.activation = "tanh", .depth = 1, .width = 256};
  options.trainer = {.optimizer = {.name = "sgd"}, .batch_size = 1000, .steps = 200, .seed = 3};
  const Dataset<double> data = load_data<double>({.name = "teacher", .samples = 60, .seed = 3}).train;
  const auto map_at = [&](double from, double to) {
    options.x = {.setting = "lr", .from = from, .to = to, .count = 2};
    options.y = parse_map_axis("sigma_w=2:2.1:2");
    return NetworkMap<double>(options, data);
  };
  const double rate = map_at(0.1, 1).theory().at(0).x.at(0);
  const std::vector<Index> pixels = {0, 1};
  const std::vector<Pixel> trained = map_at(0.8 * rate, 1.5 * rate).train(pixels);
  EXPECT_EQ(trained[0].diverged, 0);
  EXPECT_GT(trained[1].diverged, 0);
}

TEST(NetworkMap, CommandsNameEverythingThatMatters) {
  const NetworkMap<double> map = map_of<double>("sigma_w=0.5:2:4", "lr=0.01:1:3:log", {.activation = "x*tanh(exp(x))"});
  const DataOptions data{.name = "moons", .samples = 60};
  EXPECT_EQ(
      pixel_command(map, 5, data),
      "evengrad train --data moons --samples 60 --hidden 6,6,6 --activation 'x*tanh(exp(x))' --init "
      "'gaussian(sigma_w=1, sigma_b=0)' --lr 0.1 --optimizer sgd --batch-size 16 --steps 40 --dtype float64 --seed 7");
  EXPECT_EQ(
      map_command(map, data),
      "evengrad compare --map sigma_w=0.5:2:4,lr=0.01:1:3:log --activations 'x*tanh(exp(x))' --inits gaussian "
      "--depths 3 --widths 6 --data moons --samples 60 --optimizer sgd --batch-size 16 --steps 40 --dtype float64 "
      "--seed 7");
}

}  // namespace
}  // namespace evengrad
