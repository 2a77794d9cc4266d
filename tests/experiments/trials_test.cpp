#include <evengrad/core/error.hpp>
#include <evengrad/core/random.hpp>
#include <evengrad/experiments/trials.hpp>

#include "../temp_folder.hpp"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <thread>

namespace evengrad {
namespace {

std::vector<double> draws(int jobs) {
  ExperimentSettings settings{.jobs = jobs};
  return Trials(settings).run("draws", 40, 1, [](int i) {
    if (i % 7 == 0) std::this_thread::sleep_for(std::chrono::milliseconds(3));  // finish out of order
    Rng rng = Rng(5).split(static_cast<std::uint64_t>(i));
    return rng.normal();
  });
}

TEST(Trials, ResultsAreInOrderAndTheSameForAnyNumberOfJobs) {
  const std::vector<double> alone = draws(1);
  ASSERT_EQ(alone.size(), 40u);
  EXPECT_EQ(alone[3], Rng(5).split(std::uint64_t{3}).normal());
  EXPECT_EQ(draws(2), alone);
  EXPECT_EQ(draws(4), alone);
  EXPECT_EQ(draws(100), alone);
}

TEST(Trials, SeveralRunAtOnce) {
  ExperimentSettings settings{.jobs = 2};
  std::atomic<int> met = 0;
  const std::vector<bool> together = Trials(settings).run("meet", 2, 1, [&](int) {
    ++met;
    for (int wait = 0; wait < 5000 && met < 2; ++wait) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    return met == 2;
  });
  EXPECT_TRUE(together[0] && together[1]);
}

TEST(Trials, ProgressRisesToTheSharesOfAllSets) {
  std::vector<double> shares;
  std::vector<std::string> names;
  ExperimentSettings settings{.jobs = 3};
  settings.on_progress = [&](double share, const std::string& what) {
    shares.push_back(share);
    names.push_back(what);
  };
  Trials trials(settings);
  trials.run("first", 10, 0.25, [](int) { return 0; });
  EXPECT_NEAR(shares.back(), 0.25, 1e-12);
  trials.run("second", 5, 0.75, [](int) { return 0; });
  ASSERT_EQ(shares.size(), 15u);
  EXPECT_NEAR(shares.back(), 1, 1e-12);
  EXPECT_TRUE(std::is_sorted(shares.begin(), shares.end()));
  EXPECT_EQ(names.front(), "first");
  EXPECT_EQ(names.back(), "second");
}

TEST(Trials, WhatATrialThrowsIsThrown) {
  for (const int jobs : {1, 4}) {
    ExperimentSettings settings{.jobs = jobs};
    Trials trials(settings);
    const auto fail = [](int i) -> int {
      if (i == 6) throw Error("trial 6 failed");
      return i;
    };
    try {
      trials.run("failing", 8, 1, fail);
      ADD_FAILURE() << "nothing thrown";
    } catch (const Error& error) {
      EXPECT_STREQ(error.what(), "trial 6 failed");
    }
  }
}

TEST(Trials, StopsSoonWhenAsked) {
  for (const int jobs : {1, 3}) {
    std::atomic<int> run = 0;
    ExperimentSettings settings{.jobs = jobs};
    settings.stop = [&] { return run >= 5; };
    Trials trials(settings);
    EXPECT_THROW(trials.run("long", 1000, 1, [&](int) { return ++run; }), Interrupted);
    EXPECT_LE(run, 5 + jobs);
  }
}

TEST(Trials, ALongTrialCanAskItself) {
  std::atomic<bool> stop = false;
  ExperimentSettings settings;
  settings.stop = [&] { return stop.load(); };
  Trials trials(settings);
  EXPECT_THROW(trials.run("one", 1, 1,
                          [&](int) {
                            for (int step = 0;; ++step) {
                              if (step == 10) stop = true;
                              trials.check_stop();
                            }
                            return 0;
                          }),
               Interrupted);
}

TEST(Trials, WhatTheStoreHoldsIsNotRunAgain) {
  const TempFolder folder;
  ResultsStore store(folder.path() / "store.sqlite");
  ExperimentSettings settings{.jobs = 2, .experiment = "test", .store = &store};
  std::atomic<int> runs = 0;
  const auto trial = [&](int i) {
    ++runs;
    Rng rng = Rng(7).split(static_cast<std::uint64_t>(i));
    return rng.normal();
  };
  settings.stop = [&] { return runs >= 5; };
  EXPECT_THROW(Trials(settings).run("draws", 12, 1, trial), Interrupted);
  const int done = runs;
  settings.stop = {};
  double last = 0;
  settings.on_progress = [&](double share, const std::string&) { last = share; };
  const std::vector<double> resumed = Trials(settings).run("draws", 12, 1, trial);
  EXPECT_EQ(runs, 12);
  EXPECT_LT(done, 12);
  EXPECT_NEAR(last, 1, 1e-12);
  EXPECT_EQ(Trials(settings).run("draws", 12, 1, trial), resumed);
  EXPECT_EQ(runs, 12);
  settings.store = nullptr;
  EXPECT_EQ(Trials(settings).run("draws", 12, 1, trial), resumed);
  settings.store = &store;
  settings.seed = 2;  // another run altogether
  Trials(settings).run("draws", 12, 1, trial);
  EXPECT_EQ(runs, 36);
}

TEST(Trials, TwoSetsOfOneNameAreRefused) {
  ExperimentSettings settings;
  Trials trials(settings);
  trials.run("one", 1, 0.5, [](int i) { return i; });
  EXPECT_THROW(trials.run("one", 1, 0.5, [](int i) { return i; }), Error);
}

TEST(Trials, NoTrialsAreNoResults) {
  ExperimentSettings settings;
  EXPECT_TRUE(Trials(settings).run("none", 0, 1, [](int i) { return i; }).empty());
}

TEST(Trials, FewerThanOneJobIsRefused) {
  ExperimentSettings settings{.jobs = 0};
  EXPECT_THROW(Trials{settings}, UsageError);
}

}  // namespace
}  // namespace evengrad
