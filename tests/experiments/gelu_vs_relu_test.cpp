#include <evengrad/experiments/gelu_vs_relu.hpp>
#include <evengrad/experiments/json_writer.hpp>
#include <evengrad/experiments/trials.hpp>

#include "settings.hpp"

#include <gtest/gtest.h>

#include "../temp_folder.hpp"

#include <cmath>
#include <map>

namespace evengrad {
namespace {

using namespace gelu;

GeluPlan tiny() {
  return {.seeds = 2,
          .block_seeds = 2,
          .images = 0,
          .validation = 0.25,
          .depth = 2,
          .width = 8,
          .image_steps = 25,
          .image_rates = {1e-2, 1e-3},
          .characters = 400,
          .teacher_samples = 40,
          .block_width = 6,
          .block_steps = 25,
          .stability_steps = 3,
          .timed_rounds = 2};
}

// Images of 2 x 2 pixels in the format of MNIST: 80 to train on, 20 to test.
void write_images(const TempFolder& folder) {
  for (const auto& [part, count] : {std::pair("train", 80), std::pair("t10k", 20)}) {
    const auto header = [](std::string bytes, int n) {
      return bytes + std::string("\0\0\0", 3) + static_cast<char>(n);
    };
    std::string pixels, labels;
    for (int i = 0; i < count; ++i) {
      labels += static_cast<char>(i % 10);
      for (int p = 0; p < 4; ++p) pixels += static_cast<char>((i % 10) * (p + 1) * 6 + (i * 7 + p) % 5);
    }
    const std::string name = std::string("mnist/") + part;
    const std::string shape = header(header(header({0, 0, 8, 3}, count), 2), 2);
    folder.write(name + "-images-idx3-ubyte", shape + pixels);
    folder.write(name + "-labels-idx1-ubyte", header({0, 0, 8, 1}, count) + labels);
  }
}

Report run(const ExperimentSettings& settings) { return gelu_vs_relu(settings, tiny()); }

std::map<std::string, Claim> claims_of(const Report& report) {
  std::map<std::string, Claim> claims;
  for (const Claim& claim : report.claims) claims[claim.id] = claim;
  return claims;
}

TEST(GeluVsRelu, OneSeedGivesTheSameBitsWhateverTheJobsButForTimes) {
  const TempFolder folder;
  write_images(folder);
  const auto untimed = [&](std::uint64_t seed, int jobs) {
    ExperimentSettings settings = settings_with(seed, jobs);
    settings.data_roots = {folder.path()};
    Report report = run(settings);
    std::erase_if(report.claims, [](const Claim& claim) { return claim.timing; });
    std::erase_if(report.tables, [](const Table& table) { return table.name == "step_times"; });
    return to_json({.experiments = {report}});
  };
  const std::string alone = untimed(1, 1);
  EXPECT_EQ(untimed(1, 2), alone);
  EXPECT_EQ(untimed(1, 4), alone);
  EXPECT_NE(untimed(2, 2), alone);
}

TEST(GeluVsRelu, EveryClaimHasAllItsParts) {
  const TempFolder folder;
  write_images(folder);
  const Report report = run({.jobs = 2, .data_roots = {folder.path()}});
  ASSERT_EQ(report.claims.size(), 11u);
  for (int i = 0; i < 11; ++i) {
    const Claim& claim = report.claims[static_cast<std::size_t>(i)];
    EXPECT_EQ(claim.id, "G" + std::to_string(i + 1));
    EXPECT_FALSE(claim.statement.empty() || claim.source.empty() || claim.rule.empty()) << claim.id;
    EXPECT_EQ(claim.verdict == Verdict::not_tested, i < 3 || i == 10) << claim.id;
    EXPECT_EQ(claim.measured.has_value(), claim.verdict != Verdict::not_tested) << claim.id;
    EXPECT_EQ(claim.timing, claim.id == "G8");
  }
  EXPECT_FALSE(report.answer.empty());
  for (const Table& table : report.tables) {
    EXPECT_FALSE(table.rows.empty()) << table.name;
    for (const auto& row : table.rows) EXPECT_EQ(row.size(), table.columns.size()) << table.name;
  }
  for (const Series& series : report.series) {
    EXPECT_EQ(series.x.size(), series.y.size()) << series.name;
    EXPECT_EQ(series.x.size(), series.low.size()) << series.name;
  }
}

TEST(GeluVsRelu, WithoutImagesTheirClaimsAreNotTestedAndSayWhatToDo) {
  const Report report = run({.jobs = 2, .data_roots = {"/nowhere"}});
  const std::map<std::string, Claim> claims = claims_of(report);
  ASSERT_EQ(claims.size(), 11u);
  for (const char* id : {"G6", "G7", "G8"}) {
    const Claim& claim = claims.at(id);
    EXPECT_EQ(claim.verdict, Verdict::not_tested) << id;
    EXPECT_NE(claim.rule.find("run scripts/setup"), std::string::npos) << claim.rule;
  }
  EXPECT_NE(claims.at("G9").rule.find("Without images"), std::string::npos);
  EXPECT_NE(claims.at("G4").verdict, Verdict::not_tested);
}

TEST(GeluVsRelu, StopsWhenAsked) {
  int asked = 0;
  ExperimentSettings settings{.data_roots = {"/nowhere"}};
  settings.stop = [&] { return ++asked > 20; };
  EXPECT_THROW(gelu_vs_relu(settings, tiny()), Interrupted);
}

TEST(GeluVsRelu, SeedsAreAsManyAsAskedFor) {
  EXPECT_EQ(gelu_plan({.seeds = 7}).seeds, 7);
  EXPECT_EQ(gelu_plan({.profile = Profile::full}).images, 0);
}

TEST(Language, HasItsEntropyAndOnlyItsWords) {
  const Language language = invent_language(20000, Rng(1));
  ASSERT_GE(language.text.size(), 20000u);
  std::map<std::string, int> words;
  std::map<std::string, std::map<std::string, int>> followers;
  std::string word, before;
  int count = 0;
  for (const char c : language.text) {
    if (c != ' ') {
      word += c;
      continue;
    }
    ++count;
    ++words[word];
    if (!before.empty()) ++followers[before][word];
    before = std::move(word);
    word.clear();
  }
  EXPECT_LE(words.size(), 50u);
  // The entropy of the next word, counted; few thousand samples of 50 words each make it come out a little low.
  double entropy = 0;
  for (const auto& [first, next] : followers) {
    double total = 0;
    for (const auto& [second, n] : next) total += n;
    for (const auto& [second, n] : next) entropy -= n / static_cast<double>(count) * std::log(n / total);
  }
  const double per_character = entropy * count / static_cast<double>(language.text.size());
  EXPECT_LT(per_character, language.entropy * 1.02);
  EXPECT_GT(per_character, language.entropy * 0.85);
}

TEST(NextCharacters, AreOneHotAndInOrder) {
  const Dataset<float> data = next_characters("ab c", 2);
  ASSERT_EQ(data.size(), 2);
  EXPECT_EQ(data.features(), 2 * 27);
  EXPECT_EQ(data.labels, (std::vector<std::int32_t>{0, 3}));
  EXPECT_EQ(data.inputs.count(), 4);
  EXPECT_NEAR(data.inputs.squaredNorm(), static_cast<float>(data.inputs.size()), 1e-4);
  EXPECT_GT(data.inputs(0, 1), 0);       // a
  EXPECT_GT(data.inputs(0, 27 + 2), 0);  // b
  EXPECT_GT(data.inputs(1, 2), 0);
  EXPECT_GT(data.inputs(1, 27), 0);  // a space
}

TEST(SignTest, IsTheBinomialTail) {
  EXPECT_DOUBLE_EQ(sign_test(std::vector<double>{1, 2, 3, 4, 5}), 2.0 / 32);
  EXPECT_DOUBLE_EQ(sign_test(std::vector<double>{-1, 2, 3, 4, 5}), 12.0 / 32);
  EXPECT_DOUBLE_EQ(sign_test(std::vector<double>{-1, 1, 0}), 1);
  EXPECT_DOUBLE_EQ(sign_test(std::vector<double>{0, 0}), 1);
}

TEST(GeluRules, NoTransformerConfirms) {
  EXPECT_EQ(at_most_conditional({Verdict::confirmed, "here"}).verdict, Verdict::conditional);
  EXPECT_EQ(at_most_conditional({Verdict::confirmed, "here"}).condition, "here");
  EXPECT_EQ(at_most_conditional({Verdict::refuted, ""}).verdict, Verdict::refuted);
  EXPECT_EQ(at_most_conditional({Verdict::undecided, ""}).verdict, Verdict::undecided);
}

TEST(GeluRules, BetterButCostlier) {
  const Measurement better{-0.1, -0.2, -0.05}, worse{0.1, 0.05, 0.2}, tie{0, -0.1, 0.1}, slower{1.3, 1.2, 1.4};
  EXPECT_EQ(better_but_costlier(better, slower), Verdict::confirmed);
  EXPECT_EQ(better_but_costlier(worse, slower), Verdict::refuted);
  EXPECT_EQ(better_but_costlier(tie, slower), Verdict::undecided);
  EXPECT_EQ(better_but_costlier(better, {0.8, 0.7, 0.85}), Verdict::refuted);
  EXPECT_EQ(better_but_costlier(better, {0.93, 0.91, 0.94}), Verdict::undecided);
  EXPECT_EQ(better_but_costlier(better, {1.06, 1.05, 1.07}), Verdict::undecided);
  EXPECT_EQ(better_but_costlier(worse, {1.06, 1.05, 1.07}), Verdict::refuted);
}

TEST(GeluRules, OneJumpsAndOneDoesNot) {
  EXPECT_EQ(jumps_and_does_not({1}, {1e-12}), Verdict::confirmed);
  EXPECT_EQ(jumps_and_does_not({1}, {0.5}), Verdict::refuted);
  EXPECT_EQ(jumps_and_does_not({0.5}, {0}), Verdict::refuted);
}

}  // namespace
}  // namespace evengrad
