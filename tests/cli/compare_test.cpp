#include "program.hpp"

#include <gtest/gtest.h>

#include <signal.h>

#include <chrono>
#include <map>
#include <random>
#include <thread>

namespace evengrad::test {
namespace {

using Options = std::map<std::string, std::string>;

// A small comparison with some options changed.
std::string compare(const Options& changed) {
  Options options = {{"--activations", "relu,x*tanh(exp(x))"},
                     {"--inits", "he,lecun"},
                     {"--depths", "2,4"},
                     {"--widths", "16"},
                     {"--lrs", "0.01,0.03"},
                     {"--seeds", "3"},
                     {"--steps", "60"},
                     {"--data", "moons"},
                     {"--samples", "200"}};
  for (const auto& [name, value] : changed) options[name] = value;
  std::string line = "compare";
  for (const auto& [name, value] : options) line += " " + name + (value.empty() ? "" : " '" + value + "'");
  return line + " ";
}

const std::string small = compare({});

Output finished(const TempFolder& folder, const std::string& arguments) {
  return shell(folder, "evengrad " + arguments);
}

nlohmann::json results(const std::filesystem::path& folder) {
  nlohmann::json document = nlohmann::json::parse(contents(folder / "results.json"));
  document.erase("seconds");
  return document;
}

TEST(Compare, TheDocumentHasACellForEachPairingAndSize) {
  const TempFolder folder;
  const Output output = finished(folder, small + "--json --quiet");
  ASSERT_EQ(output.status, 0) << output.err;
  const auto document = output.json();
  ASSERT_EQ(document["cells"].size(), 8u);
  for (const auto& cell : document["cells"]) {
    EXPECT_EQ(cell["seeds"], 3);
    EXPECT_EQ(cell["metric"], "test_accuracy");
    EXPECT_TRUE(cell["lr"] == 0.01 || cell["lr"] == 0.03);
    double mean = 0;
    for (const double value : cell["values"]) mean += value / 3;
    EXPECT_NEAR(cell["mean"].get<double>(), mean, 1e-12);
    EXPECT_LE(cell["low"].get<double>(), mean + 1e-12);
    EXPECT_GE(cell["high"].get<double>(), mean - 1e-12);
    EXPECT_GT(cell["gradient_ratio"].get<double>(), 0);
  }
  EXPECT_EQ(document["oracle"]["brier"].size(), 3u);
  EXPECT_FALSE(document["conclusion"].get<std::string>().empty());
}

TEST(Compare, TheLastLineIsTheConclusion) {
  const TempFolder folder;
  const Output output = finished(folder, small + "--out out");
  ASSERT_EQ(output.status, 0) << output.err;
  const std::string conclusion = results(folder.path() / "out")["conclusion"];
  EXPECT_EQ(output.out.substr(output.out.size() - conclusion.size() - 1), conclusion + "\n");
  EXPECT_TRUE(std::filesystem::exists(folder.path() / "out" / "compare.cells.csv"));
}

// Killed at random moments, also while it resumes; in the end the results are those of a run that nothing disturbed.
TEST(Compare, AKilledRunResumesToTheSameResults) {
  const TempFolder folder;
  ASSERT_EQ(finished(folder, small + "--out undisturbed").status, 0);
  std::mt19937 random(17);
  int kills = 0;
  // Ever longer, so that the last attempt gets through on any machine.
  for (unsigned attempt = 0; attempt < 20; ++attempt) {
    const unsigned longest = 50 + 20 * attempt;
    Started program(folder, small + "--out killed --resume --quiet");
    std::this_thread::sleep_for(std::chrono::milliseconds(random() % longest));
    kills += program.end(SIGKILL).status == -1;
  }
  EXPECT_GT(kills, 0);
  ASSERT_EQ(finished(folder, small + "--out killed --resume").status, 0);
  EXPECT_EQ(results(folder.path() / "killed"), results(folder.path() / "undisturbed"));
  if (shell(folder, "command -v sqlite3").status != 0) return;
  const auto rows = [&](const std::string& name) {
    return shell(folder, "sqlite3 " + name + "/results.sqlite 'PRAGMA integrity_check; SELECT COUNT(*) FROM trials'")
        .out;
  };
  EXPECT_EQ(rows("killed"), rows("undisturbed"));
  EXPECT_EQ(rows("killed").find("ok\n"), 0u);
}

TEST(Compare, AFolderWithResultsAsksWhatToDo) {
  const TempFolder folder;
  ASSERT_EQ(finished(folder, small + "--out out").status, 0);
  const auto first = results(folder.path() / "out");
  const Output again = finished(folder, small + "--out out");
  EXPECT_EQ(again.status, 1);
  EXPECT_TRUE(again.one_line());
  EXPECT_NE(again.err.find("--resume"), std::string::npos) << again.err;
  EXPECT_NE(again.err.find("--overwrite"), std::string::npos);
  const Output other = finished(folder, small + "--out out --resume --seed 2");
  EXPECT_EQ(other.status, 1);
  EXPECT_NE(other.err.find("seed 1 there, 2 asked"), std::string::npos) << other.err;
  EXPECT_EQ(finished(folder, small + "--out out --resume").status, 0);
  EXPECT_EQ(results(folder.path() / "out"), first);
  EXPECT_EQ(finished(folder, small + "--out out --overwrite --seed 2").status, 0);
  EXPECT_NE(results(folder.path() / "out"), first);
}

TEST(Compare, ARefusalNamesOnlyWhatWasGiven) {
  const TempFolder folder;
  ASSERT_EQ(finished(folder, compare({{"--seeds", "1"}, {"--steps", "5"}}) + "--out out").status, 0);
  const Output again = finished(folder, small + "--out out");
  EXPECT_NE(again.err.find("activations relu"), std::string::npos) << again.err;
  EXPECT_NE(again.err.find("data moons; samples 200"), std::string::npos) << again.err;
  EXPECT_NE(again.err.find("steps 5"), std::string::npos) << again.err;
  for (const char* empty : {"target", "task", "default", "  "}) {
    EXPECT_EQ(again.err.find(empty), std::string::npos) << again.err;
  }
}

TEST(Compare, WhereEveryNetDivergesTheRunHasFailed) {
  const TempFolder folder;
  for (const char* form : {"", "--json"}) {
    const Output output = finished(folder, compare({{"--lrs", "1e30"}, {"--optimizer", "sgd"}}) + form);
    EXPECT_EQ(output.status, 1);
    EXPECT_NE(output.out.find("Every net diverged"), std::string::npos) << output.out;
    EXPECT_EQ(output.out.find(" nan"), std::string::npos) << output.out;
  }
}

TEST(Compare, InterruptedItSaysHowToGoOn) {
  const TempFolder folder;
  Started program(folder, compare({{"--steps", "20000"}, {"--progress", "always"}}) + "--out out");
  ASSERT_TRUE(program.wait_for(".err"));
  const Output output = program.end(SIGINT);
  EXPECT_EQ(output.status, 130) << output.err;
  EXPECT_NE(output.err.find("--resume"), std::string::npos) << output.err;
}

TEST(Compare, WrongOptionsAreUsageErrors) {
  const TempFolder folder;
  ASSERT_EQ(finished(folder, small).status, 0);
  for (const auto& [name, value] : std::vector<std::pair<std::string, std::string>>{{"--activations", "rellu"},
                                                                                    {"--inits", "hee"},
                                                                                    {"--depths", "0"},
                                                                                    {"--depths", "2.5"},
                                                                                    {"--widths", "-1"},
                                                                                    {"--lrs", "0"},
                                                                                    {"--lrs", "fast"},
                                                                                    {"--seeds", "0"},
                                                                                    {"--jobs", "0"},
                                                                                    {"--steps", "-1"},
                                                                                    {"--data", "nothing"},
                                                                                    {"--resume", ""}}) {
    const Output output = finished(folder, compare({{name, value}}));
    EXPECT_EQ(output.status, 2) << name << " " << value << ": " << output.err;
    EXPECT_TRUE(output.one_line()) << name << " " << value << ": " << output.err;
  }
}

}  // namespace
}  // namespace evengrad::test
