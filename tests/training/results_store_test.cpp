#include <evengrad/training/results_store.hpp>

#include "../temp_folder.hpp"

#include <gtest/gtest.h>

#include <sqlite3.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmath>
#include <cstdio>
#include <limits>

namespace evengrad {
namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

struct Everything {
  double number = 0;
  bool flag = false;
  std::int64_t count = 0;
  std::string words = {};
  std::vector<double> list = {};
  std::vector<std::vector<double>> lists = {};

  template <class Fields>
  void fields(Fields& f) {
    f("number", number);
    f("flag", flag);
    f("count", count);
    f("words", words);
    f("list", list);
    f("lists", lists);
  }
};

const TrialSet set{"experiment", "set", R"({"seed":1})"};

template <class Result>
Result through_the_store(const Result& result) {
  const TempFolder folder;
  ResultsStore(folder.path() / "store.sqlite").add(set, {3, "label", to_row(result), 0.25});
  const auto trials = ResultsStore(folder.path() / "store.sqlite").trials(set);
  EXPECT_EQ(trials.size(), 1u);
  EXPECT_EQ(trials.at(3).label, "label");
  EXPECT_EQ(trials.at(3).seconds, 0.25);
  return from_row<Result>(trials.at(3).result);
}

TEST(ResultsStore, ErasesFromANumberOn) {
  const TempFolder folder;
  const TrialSet other{"experiment", "other", set.settings};
  ResultsStore store(folder.path() / "store.sqlite");
  for (int number = 0; number < 4; ++number) {
    for (const TrialSet& each : {set, other}) store.add(each, {number, "label", to_row(1.0), 0});
  }
  store.erase(set, 2);
  EXPECT_EQ(store.trials(set).size(), 2u);
  EXPECT_EQ(store.trials(set).count(1), 1u);
  EXPECT_EQ(store.trials(other).size(), 4u);
}

TEST(ResultsStore, KeepsEveryBitOfAResult) {
  const Everything kept = through_the_store(Everything{0.1,
                                                       true,
                                                       9007199254740991,
                                                       "it's \"quoted\", ünïcode",
                                                       {1e-320, -0.0, infinity, -infinity, 0.1f},
                                                       {{1, 2.0 / 3}, {}, {-infinity}}});
  EXPECT_EQ(kept.number, 0.1);
  EXPECT_TRUE(kept.flag);
  EXPECT_EQ(kept.count, 9007199254740991);
  EXPECT_EQ(kept.words, "it's \"quoted\", ünïcode");
  EXPECT_EQ(kept.list, (std::vector<double>{1e-320, -0.0, infinity, -infinity, 0.1f}));
  EXPECT_TRUE(std::signbit(kept.list[1]));
  EXPECT_EQ(kept.lists, (std::vector<std::vector<double>>{{1, 2.0 / 3}, {}, {-infinity}}));
  EXPECT_TRUE(through_the_store(Everything{}).lists.empty());
  EXPECT_TRUE(std::isnan(through_the_store(std::nan(""))));
  EXPECT_EQ(through_the_store(std::vector<double>{3, 4}), (std::vector<double>{3, 4}));
}

TEST(ResultsStore, ARowOfAnotherKindIsRefused) {
  EXPECT_THROW(from_row<Everything>(to_row(1.0)), Error);
  EXPECT_THROW(from_row<double>(to_row(std::vector<double>{1})), Error);
}

TEST(ResultsStore, OtherSettingsAreOtherTrials) {
  const TempFolder folder;
  ResultsStore store(folder.path() / "store.sqlite");
  store.add(set, {0, "", to_row(1.0), 0});
  EXPECT_TRUE(store.trials({"experiment", "set", R"({"seed":2})"}).empty());
  EXPECT_TRUE(store.trials({"experiment", "other", set.settings}).empty());
  EXPECT_TRUE(store.trials({"other", "set", set.settings}).empty());
  EXPECT_EQ(store.trials(set).size(), 1u);
  store.add({"other", "set", set.settings}, {0, "", to_row(1.0), 0});
  EXPECT_EQ(store.size(), 2);
}

TEST(ResultsStore, FactsCanBeReplaced) {
  const TempFolder folder;
  ResultsStore store(folder.path() / "store.sqlite");
  EXPECT_EQ(store.fact("command"), "");
  store.set_fact("command", "run all");
  store.set_fact("command", "run it");
  EXPECT_EQ(store.fact("command"), "run it");
}

TEST(ResultsStore, TwoProcessesWriteIntoOneAndLoseNothing) {
  const TempFolder folder;
  constexpr int each = 10;
  // New files: both processes make the tables.
  for (int round = 0; round < 20; ++round) {
    const auto file = folder.path() / (std::to_string(round) + ".sqlite");
    const auto write = [&](int first) {
      ResultsStore store(file);
      for (int i = first; i < first + each; ++i) store.add(set, {i, "", to_row(static_cast<double>(i)), 0});
    };
    const pid_t other = ::fork();
    if (other == 0) {
      try {
        write(each);
      } catch (const std::exception& error) {
        std::fprintf(stderr, "%s\n", error.what());
        ::_exit(1);
      }
      ::_exit(0);
    }
    EXPECT_NO_THROW(write(0));
    int status = 1;
    ::waitpid(other, &status, 0);
    EXPECT_EQ(status, 0);
    const auto trials = ResultsStore(file).trials(set);
    ASSERT_EQ(trials.size(), 2u * each);
    for (const auto& [number, trial] : trials) EXPECT_EQ(from_row<double>(trial.result), number);
  }
}

TEST(ResultsStore, AWriteThatNeverEndsIsSaidClearly) {
  const TempFolder folder;
  const auto file = folder.path() / "store.sqlite";
  ResultsStore store(file, std::chrono::milliseconds(1));
  sqlite3* other = nullptr;
  ASSERT_EQ(sqlite3_open(file.c_str(), &other), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(other, "BEGIN IMMEDIATE", nullptr, nullptr, nullptr), SQLITE_OK);
  try {
    store.add(set, {0, "", to_row(1.0), 0});
    ADD_FAILURE() << "written";
  } catch (const FileError& error) {
    EXPECT_NE(std::string(error.what()).find("store.sqlite': database is locked"), std::string::npos) << error.what();
  }
  ASSERT_EQ(sqlite3_exec(other, "ROLLBACK", nullptr, nullptr, nullptr), SQLITE_OK);
  sqlite3_close(other);
  store.add(set, {0, "", to_row(1.0), 0});
  EXPECT_EQ(store.size(), 1);
}

TEST(ResultsStore, WhatIsNoStoreIsRefusedWithItsPath) {
  const TempFolder folder;
  const auto message = [](const std::filesystem::path& path) -> std::string {
    try {
      ResultsStore{path};
    } catch (const FileError& error) {
      return error.what();
    }
    return "accepted";
  };
  folder.write("text", "this is not a database, it is a text that is long enough to be one");
  EXPECT_NE(message(folder.path() / "text").find("text': file is not a database"), std::string::npos);
  EXPECT_NE(message(folder.path()).find("unable to open"), std::string::npos);
  EXPECT_NE(message(folder.path() / "none" / "store").find("unable to open"), std::string::npos);

  sqlite3* other = nullptr;
  ASSERT_EQ(sqlite3_open((folder.path() / "newer").c_str(), &other), SQLITE_OK);
  ASSERT_EQ(sqlite3_exec(other, "PRAGMA user_version = 9", nullptr, nullptr, nullptr), SQLITE_OK);
  sqlite3_close(other);
  EXPECT_NE(message(folder.path() / "newer").find("expected schema version 1, got 9"), std::string::npos);
}

}  // namespace
}  // namespace evengrad
