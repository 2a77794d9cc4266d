#include <evengrad/experiments/crew.hpp>

#include <evengrad/activations/registry.hpp>
#include <evengrad/core/error.hpp>
#include <evengrad/data/registry.hpp>
#include <evengrad/layers/mlp.hpp>

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <thread>

namespace evengrad {
namespace {

const Dataset<float>& moons() {
  static const Dataset<float> data = load_data<float>({.name = "moons", .samples = 64, .test_fraction = 0.0}).train;
  return data;
}

// A net of width 4, or of another shape for every third task.
Sequential<float> net_of(int task) {
  auto net =
      mlp<float>({.inputs = 2, .hidden = {task % 3 == 2 ? 6 : 4}, .outputs = 2, .activations = {activation("tanh")}});
  net.initialize(initializer("xavier"), Rng(static_cast<std::uint64_t>(task)));
  return net;
}

TrainerOptions options_of(int task, double rate = 0.01) {
  return {.optimizer = {.name = "adam", .learning_rate = rate},
          .batch_size = 16,
          .steps = 12,
          .seed = static_cast<std::uint64_t>(task)};
}

const Dataset<float> none;

double train(int task, double rate = 0.01) {
  Sequential<float> net = net_of(task);
  Trainer<float> trainer(net, moons(), none, options_of(task, rate));
  return Crew::train(trainer).train.loss;
}

// What 20 tasks return, some of which train twice, some not at all.
std::vector<double> losses(int threads, SideBySide when) {
  std::vector<double> losses(20);
  Crew(threads, when).run(20, [&](int task) {
    for (int times = task % 4; times < 3; ++times) losses[static_cast<std::size_t>(task)] += train(task + times);
  });
  return losses;
}

TEST(Crew, TrainsTheSameBitsWhateverIsBeside) {
  const std::vector<double> alone = losses(1, SideBySide::never);
  for (const SideBySide when : {SideBySide::never, SideBySide::where_it_pays, SideBySide::always}) {
    for (const int threads : {1, 2, 3, 30}) EXPECT_EQ(losses(threads, when), alone);
  }
}

// Whose steps follow each other.
std::vector<int> order_of_steps(SideBySide when, int count) {
  std::vector<int> order;
  Crew(1, when).run(count, [&](int task) {
    Sequential<float> net = net_of(0);
    TrainerOptions options = options_of(task);
    options.steps = 2;
    Trainer<float> trainer(net, moons(), none, options);
    trainer.on_loss = [&](const StepReport&) { order.push_back(task); };
    Crew::train(trainer);
  });
  return order;
}

TEST(Crew, NetsThatAreAlikeTakeTheirStepsTogether) {
  EXPECT_EQ(order_of_steps(SideBySide::never, 3), (std::vector<int>{0, 0, 1, 1, 2, 2}));
  EXPECT_EQ(order_of_steps(SideBySide::always, 3), (std::vector<int>{0, 1, 2, 0, 1, 2}));
  const int lanes = static_cast<int>(ensemble_lanes<float>());
  if (lanes < 2) return;
  // As many as a vector holds: they train before the next begins.
  const std::vector<int> full = order_of_steps(SideBySide::where_it_pays, lanes + 1);
  EXPECT_EQ(full[static_cast<std::size_t>(lanes)], 0);
  EXPECT_EQ(full[static_cast<std::size_t>(2 * lanes)], lanes);
  // One alone does not pay.
  EXPECT_EQ(order_of_steps(SideBySide::where_it_pays, 1), (std::vector<int>{0, 0}));
}

TEST(Crew, NoMoreThanItsThreadsRunAtATime) {
  for (const int threads : {1, 2, 3}) {
    std::atomic<int> running = 0, most = 0;
    const auto work = [&] {
      most = std::max(most.load(), ++running);
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
      --running;
    };
    Crew(threads, SideBySide::always).run(30, [&](int task) {
      work();
      train(task);
      work();
    });
    EXPECT_LE(most, threads);
  }
}

TEST(Crew, WhatDivergesDoesNotDisturbItsNeighbours) {
  std::vector<double> losses(9);
  std::atomic<int> diverged = 0;
  Crew(2, SideBySide::always).run(9, [&](int task) {
    try {
      losses[static_cast<std::size_t>(task)] = train(3 * task, task == 4 ? 3e38 : 0.01);
    } catch (const NonFiniteError&) {
      ++diverged;
    }
  });
  EXPECT_EQ(diverged, 1);
  for (int task = 0; task < 9; ++task) {
    EXPECT_EQ(losses[static_cast<std::size_t>(task)], task == 4 ? 0 : train(3 * task));
  }
}

TEST(Crew, AfterATaskHasThrownThoseThatWaitAreUnwound) {
  for (const SideBySide when : {SideBySide::never, SideBySide::always}) {
    std::atomic<int> begun = 0, left = 0, trained = 0;
    const auto fail = [&](int task) {
      struct Leave {
        std::atomic<int>& left;
        ~Leave() { ++left; }
      } leave{left};
      ++begun;
      if (task == 3) throw Error("task 3 failed");
      train(task);
      ++trained;
    };
    try {
      Crew(1, when).run(100, fail);
      ADD_FAILURE() << "nothing thrown";
    } catch (const Error& error) {
      EXPECT_STREQ(error.what(), "task 3 failed");
    }
    EXPECT_EQ(begun, 4);
    EXPECT_EQ(left, 4);
    EXPECT_EQ(trained, when == SideBySide::never ? 3 : 0);
  }
}

TEST(Crew, WaitingIsIdleAndTrainingIsShared) {
  std::vector<double> idle(2);
  Crew(1, SideBySide::always).run(2, [&](int task) {
    if (task == 1) std::this_thread::sleep_for(std::chrono::milliseconds(20));
    train(0);
    idle[static_cast<std::size_t>(task)] = Crew::idle_seconds();
  });
  EXPECT_GE(idle[0], 0.02);  // while the other slept
  EXPECT_GE(idle[1], 0);
  EXPECT_EQ(Crew::idle_seconds(), 0);
}

TEST(Crew, NobodyIsNothing) {
  Crew(3).run(0, [](int) { FAIL(); });
}

}  // namespace
}  // namespace evengrad
