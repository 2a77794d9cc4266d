#include <evengrad/core/error.hpp>
#include <evengrad/data/dataset.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <set>

#include "../temp_folder.hpp"

namespace evengrad {
namespace {

/// Row i is (i, 100 + i), its label i mod 3.
Dataset<double> numbered(Index rows) {
  Dataset<double> data{.name = "numbered", .inputs = Matrix<double>(rows, 2), .classes = 3};
  for (Index i = 0; i < rows; ++i) {
    data.inputs.row(i) << static_cast<double>(i), 100.0 + static_cast<double>(i);
    data.labels.push_back(static_cast<std::int32_t>(i % 3));
  }
  return data;
}

Dataset<double> regression(Index rows) {
  Dataset<double> data = numbered(rows);
  data.task = Task::regression;
  data.labels.clear();
  data.targets = 2 * data.inputs.leftCols(1);
  return data;
}

TEST(Dataset, GoodDataPass) {
  EXPECT_NO_THROW(check(numbered(5)));
  EXPECT_NO_THROW(check(regression(5)));
  EXPECT_EQ(numbered(5).outputs(), 3);
  EXPECT_EQ(regression(5).outputs(), 1);
}

TEST(Dataset, WhatIsWrongIsNamed) {
  Dataset<double> data = numbered(5);
  data.labels[3] = 3;
  EXPECT_EQ(error_of<Error>([&] { check(data); }), "data 'numbered': the label of row 4 is 3, expected 0 to 2");
  data.labels[3] = -1;
  EXPECT_EQ(error_of<Error>([&] { check(data); }), "data 'numbered': the label of row 4 is -1, expected 0 to 2");
  data.labels.pop_back();
  EXPECT_EQ(error_of<ShapeError>([&] { check(data); }), "data 'numbered': there are 4 labels, expected 5");

  data = numbered(5);
  data.inputs(2, 1) = std::numeric_limits<double>::infinity();
  EXPECT_EQ(error_of<NonFiniteError>([&] { check(data); }),
            "data 'numbered': inputs row 3, column 2 is inf; remove or repair the row");
  data.feature_names = {"height", "weight"};
  EXPECT_EQ(error_of<NonFiniteError>([&] { check(data); }),
            "data 'numbered': inputs row 3, column 'weight' is inf; remove or repair the row");
  data.feature_names = {"height"};
  EXPECT_EQ(error_of<ShapeError>([&] { check(data); }), "data 'numbered': there are 1 feature names, expected 2");

  data = regression(5);
  data.targets(4, 0) = std::numeric_limits<double>::quiet_NaN();
  EXPECT_EQ(error_of<NonFiniteError>([&] { check(data); }),
            "data 'numbered': targets row 5, column 1 is nan; remove or repair the row");
  data.targets.resize(4, 1);
  EXPECT_EQ(error_of<ShapeError>([&] { check(data); }), "data 'numbered': there are 4 rows of targets, expected 5");
  EXPECT_NE(error_of<ShapeError>([] { check(Dataset<float>{}); }), "");
  data = numbered(5);
  data.classes = 0;
  EXPECT_EQ(error_of<ShapeError>([&] { check(data); }), "data 'numbered': it has 0 classes, expected at least 1");
}

TEST(Dataset, RowsAreSelectedOnlyWhereTheyAre) {
  for (Dataset<double> data : {numbered(5), regression(5)}) {
    for (const Index row : {Index{-1}, Index{5}}) {
      EXPECT_EQ(error_of<ShapeError>([&] {
                  select_rows(data, {0, row});
                }),
                text("data 'numbered': there is no row ", row, " among 5"));
    }
    data.labels.resize(data.labels.empty() ? 0 : 3);
    data.targets.conservativeResize(data.targets.rows() > 0 ? 3 : 0, data.targets.cols());
    EXPECT_NE(error_of<ShapeError>([&] { select_rows(data, {0, 4}); }), "");
    EXPECT_NE(error_of<ShapeError>([&] { split_rows(data, 0.2, Rng(1)); }), "");
  }
}

TEST(Dataset, ConversionRoundsAndRefusesWhatDoesNotFit) {
  Dataset<double> data = numbered(2);
  data.inputs(0, 0) = 0.1;
  EXPECT_EQ((convert<float>(data).inputs(0, 0)), 0.1f);
  data.inputs(1, 1) = 1e39;
  EXPECT_NE((error_of<NonFiniteError>([&] { convert<float>(data); })), "");
}

std::set<double> first_column(const Dataset<double>& data) {
  return {data.inputs.col(0).begin(), data.inputs.col(0).end()};
}

TEST(Dataset, SplitsPartTheRowsAndKeepThemWhole) {
  const Split<double> split = split_rows(numbered(101), 0.2, Rng(1));
  EXPECT_EQ(split.test.size(), 20);
  EXPECT_EQ(split.train.size(), 81);
  std::set<double> all = first_column(split.train);
  all.merge(first_column(split.test));
  EXPECT_EQ(all.size(), 101u);
  for (const auto* part : {&split.train, &split.test}) {
    EXPECT_NO_THROW(check(*part));
    for (Index i = 0; i < part->size(); ++i) {
      const double number = part->inputs(i, 0);
      EXPECT_EQ(part->inputs(i, 1), 100 + number);
      EXPECT_EQ(part->labels[static_cast<std::size_t>(i)], static_cast<int>(number) % 3);
      if (i > 0) {
        EXPECT_LT(part->inputs(i - 1, 0), number);
      }
    }
  }
}

TEST(Dataset, SplitsKeepTheProportionsOfClasses) {
  Dataset<double> data = numbered(300);
  for (std::size_t i = 0; i < 300; ++i) data.labels[i] = i < 30 ? 0 : 1;
  for (std::uint64_t seed = 0; seed < 10; ++seed) {
    const auto test = split_rows(data, 0.2, Rng(seed)).test;
    EXPECT_EQ(std::count(test.labels.begin(), test.labels.end(), 0), 6);
  }
}

TEST(Dataset, TheSeedChoosesTheRowsEachEquallyOften) {
  const Dataset<double> data = regression(40);
  EXPECT_EQ(split_rows(data, 0.25, Rng(3)).test.inputs, split_rows(data, 0.25, Rng(3)).test.inputs);
  std::vector<int> held(40);
  for (std::uint64_t seed = 0; seed < 4000; ++seed) {
    for (const double row : first_column(split_rows(data, 0.25, Rng(seed)).test)) ++held[static_cast<std::size_t>(row)];
  }
  for (const int count : held) EXPECT_NEAR(count, 1000, 5 * std::sqrt(4000 * 0.25 * 0.75));
}

TEST(Dataset, SplitsOfExtremeSizes) {
  EXPECT_EQ(split_rows(numbered(10), 0, Rng(1)).test.size(), 0);
  EXPECT_EQ(split_rows(numbered(10), 0, Rng(1)).train.inputs, numbered(10).inputs);
  EXPECT_EQ(split_rows(numbered(1), 0.9, Rng(1)).train.size(), 1);
  EXPECT_EQ(split_rows(regression(3), 0.99, Rng(1)).train.targets.rows(), 1);
  for (const double wrong : {-0.1, 1.0, 2.0, std::numeric_limits<double>::quiet_NaN()}) {
    EXPECT_THROW(split_rows(numbered(3), wrong, Rng(1)), UsageError);
  }
}

TEST(Dataset, StandardizingUsesTheTrainingPart) {
  Split<double> split{.train = numbered(4), .test = numbered(2)};
  standardize(split, Statistics::per_feature);
  const double scale = std::sqrt(1.25);  // of 0, 1, 2, 3
  EXPECT_EQ(split.normalization.mean, (std::vector<double>{1.5, 101.5}));
  EXPECT_DOUBLE_EQ(split.normalization.scale[1], scale);
  EXPECT_DOUBLE_EQ(split.train.inputs(0, 0), -1.5 / scale);
  EXPECT_DOUBLE_EQ(split.test.inputs(1, 1), -0.5 / scale);
}

TEST(Dataset, StandardizingWithOnePair) {
  Split<float> split{.train = convert<float>(numbered(2)), .test = {}};
  split.test.inputs.resize(0, 2);
  standardize(split, Statistics::shared);  // of 0, 100, 1, 101
  EXPECT_EQ(split.normalization.mean, std::vector<double>{50.5});
  EXPECT_DOUBLE_EQ(split.normalization.scale[0], std::sqrt(2500.25));
  EXPECT_FLOAT_EQ(split.train.inputs(1, 1), static_cast<float>(50.5 / std::sqrt(2500.25)));
}

TEST(Dataset, AConstantColumnBecomesZero) {
  Split<double> split{.train = numbered(7), .test = numbered(1)};
  split.train.inputs.col(0).setConstant(0.1);  // seven of them do not sum to 7 * 0.1
  split.test.inputs(0, 0) = 3.1;
  standardize(split, Statistics::per_feature);
  EXPECT_EQ(split.normalization.scale[0], 1);
  EXPECT_TRUE(split.train.inputs.col(0).isZero(0));
  EXPECT_DOUBLE_EQ(split.test.inputs(0, 0), 3.0);
}

TEST(Dataset, ColumnsTooLargeOrSmallToStandardizeAreRefused) {
  for (const double value : {1e300, 1e-320}) {
    Split<double> split{.train = numbered(3), .test = {}};
    split.train.inputs.col(1) << value, -value, 0;
    EXPECT_NE(error_of<Error>([&] { standardize(split, Statistics::per_feature); }).find("feature 2"),
              std::string::npos);
  }
}

}  // namespace
}  // namespace evengrad
