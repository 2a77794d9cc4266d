#include <evengrad/core/error.hpp>
#include <evengrad/data/batches.hpp>
#include <evengrad/data/text.hpp>

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace evengrad {
namespace {

class TextFile {
 public:
  explicit TextFile(const std::string& content)
      : path_(std::filesystem::temp_directory_path() /
              ("evengrad_text_" + std::to_string(::getpid()) + "_" +
               ::testing::UnitTest::GetInstance()->current_test_info()->name() + ".txt")) {
    std::ofstream(path_) << content;
  }
  ~TextFile() { std::filesystem::remove(path_); }
  const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

TEST(Text, CharactersAreTokensInTheOrderOfTheirCodePoints) {
  std::string content;
  for (int i = 0; i < 10; ++i) content += "ab—é";  // two of two and three bytes
  const TextFile file(content);
  const Split<double> split = load_text<double>(file.path(), {.context = 2});
  EXPECT_EQ(split.train.tokens, (std::vector<std::string>{"a", "b", "é", "—"}));
  EXPECT_EQ(split.train.text.size(), 36u);
  EXPECT_EQ(split.test.text, (std::vector<std::int32_t>{0, 1, 3, 2}));
  EXPECT_EQ(split.train.classes, 4);
}

TEST(Text, WindowsCoverEveryCharacterButTheFirstOnce) {
  Dataset<double> data{.classes = 3};
  data.label_per_row = true;
  data.sample = Shape(1, 2, 1);
  data.tokens = {"a", "b", "c"};
  data.text = {0, 1, 2, 0, 1};  // four are predicted
  EXPECT_EQ(data.size(), 2);
  Batch<double> batch;
  batch.gather(data, rows_of(data, 0, 2));
  EXPECT_EQ(batch.inputs(), (Matrix<double>{{0}, {1}, {2}, {0}}));
  EXPECT_EQ(std::vector<std::int32_t>(batch.labels().begin(), batch.labels().end()),
            (std::vector<std::int32_t>{1, 2, 0, 1}));
  EXPECT_EQ(batch.answers(), 4);

  data.text.push_back(2);  // the last window is half full
  EXPECT_EQ(data.size(), 3);
  batch.gather(data, rows_of(data, 2, 1));
  EXPECT_EQ(batch.inputs(), (Matrix<double>{{1}, {0}}));
  EXPECT_EQ(batch.labels()[0], 2);
  EXPECT_EQ(batch.labels()[1], no_label);
  EXPECT_EQ(batch.answers(), 1);
}

TEST(Text, LinesBeginAndEndWithTheEndToken) {
  std::string content;
  for (int i = 0; i < 20; ++i) content += i % 2 ? "Ab\n\n" : "b\r\n";
  const TextFile file(content);
  const Split<double> split = load_text<double>(file.path(), {.lines = true, .lowercase = true});
  EXPECT_EQ(split.train.tokens, (std::vector<std::string>{"\n", "a", "b"}));
  EXPECT_EQ(split.train.size(), 18);
  EXPECT_EQ(split.test.size(), 2);
  EXPECT_EQ(split.train.lengths[0], 2);
  EXPECT_EQ(split.train.lengths[1], 3);
  EXPECT_EQ(split.train.inputs.row(1), (Eigen::RowVector3d(0, 1, 2)));
  EXPECT_EQ(std::vector<std::int32_t>(split.train.labels.begin(), split.train.labels.begin() + 6),
            (std::vector<std::int32_t>{2, 0, no_label, 1, 2, 0}));
  check(split.train);
}

TEST(Text, WhatCannotBeReadIsNamed) {
  const auto message = [](const std::string& content, const TextOptions& options) -> std::string {
    const TextFile file(content);
    try {
      load_text<double>(file.path(), options);
    } catch (const Error& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_NE(message("abab\xff", {.context = 1}).find("byte 5 is not UTF-8"), std::string::npos);
  EXPECT_NE(message("abcabc", {}).find("--context"), std::string::npos);
  EXPECT_NE(message(std::string(100, 'a'), {.context = 4}).find("1 different characters"), std::string::npos);
  EXPECT_NE(message("abab", {.lines = true}).find("expected at least 20"), std::string::npos);
  const ModelData model{.tokens = {"a", "b"}};
  EXPECT_NE(message("abcabcabcabcabcabcabcabcabc", {.context = 1, .model = &model}).find("'c'"), std::string::npos);
}

// A batch of a text is a function of the seed and the epoch.
TEST(Text, PlacesOfWindowsAreDrawnAfreshInEveryEpoch) {
  const BatchOptions options{.batch_size = 4, .shuffle = true, .starts = 50};
  BatchOrder order(8, options, Rng(3)), again(8, options, Rng(3));
  const auto places = [](BatchOrder& o, Index epoch) {
    o.start_epoch(epoch);
    std::vector<Index> all(o.batch(0).begin(), o.batch(0).end());
    all.insert(all.end(), o.batch(1).begin(), o.batch(1).end());
    return all;
  };
  EXPECT_EQ(order.batches(), 2);
  const std::vector<Index> first = places(order, 0);
  for (const Index place : first) EXPECT_TRUE(place >= 0 && place < 50);
  EXPECT_NE(first, places(order, 1));
  EXPECT_EQ(first, places(again, 0));
}

}  // namespace
}  // namespace evengrad
