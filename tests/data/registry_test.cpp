#include <evengrad/core/error.hpp>
#include <evengrad/data/registry.hpp>

#include <gtest/gtest.h>

#include <limits>
#include <set>

#include "../temp_folder.hpp"

namespace evengrad {
namespace {

std::string usage_error(const DataOptions& options) {
  return error_of<UsageError>([&] { load_data<float>(options); });
}

TEST(Registry, AGeneratorIsSplitAndStandardized) {
  const Split<double> split = load_data<double>({.name = "moons", .samples = 500});
  EXPECT_EQ(split.train.name, "moons");
  EXPECT_EQ(split.train.size(), 400);
  EXPECT_EQ(split.test.size(), 100);
  for (Index column = 0; column < 2; ++column) {
    EXPECT_NEAR(split.train.inputs.col(column).mean(), 0, 1e-12);
    EXPECT_NEAR(split.train.inputs.col(column).squaredNorm() / 400, 1, 1e-12);
  }
  EXPECT_EQ(split.normalization.mean.size(), 2u);

  const Split<double> raw =
      load_data<double>({.name = "moons", .samples = 500, .test_fraction = 0, .normalize = Normalize::none});
  EXPECT_EQ(raw.test.size(), 0);
  EXPECT_EQ(raw.train.size(), 500);
  EXPECT_TRUE(raw.normalization.mean.empty());
}

TEST(Registry, TheSeedDecidesEverything) {
  const auto inputs = [](std::uint64_t seed) {
    return load_data<double>({.name = "moons", .seed = seed}).train.inputs;
  };
  EXPECT_EQ(inputs(1), inputs(1));
  EXPECT_NE(inputs(1), inputs(2));
}

TEST(Registry, FloatDataAreTheRoundedDoubleData) {
  const auto narrow = load_data<float>({.name = "spirals", .normalize = Normalize::none});
  const auto wide = load_data<double>({.name = "spirals", .normalize = Normalize::none});
  EXPECT_EQ(narrow.train.inputs, wide.train.inputs.cast<float>());
  EXPECT_EQ(narrow.test.labels, wide.test.labels);
}

TEST(Registry, UnknownNamesGetASuggestion) {
  EXPECT_EQ(usage_error({.name = "spirlas"}).find("unknown data 'spirlas': did you mean 'spirals'? (known: xor, "), 0u);
  EXPECT_NE(usage_error({.name = ""}), "");
}

TEST(Registry, WrongOptionsAreRefused) {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  EXPECT_EQ(usage_error({.name = "moons", .samples = 0}), "--samples is 0, expected 4 to 100000000");
  EXPECT_EQ(usage_error({.name = "moons", .samples = -1}), "--samples is -1, expected 4 to 100000000");
  EXPECT_NE(usage_error({.name = "moons", .samples = Index{1} << 40}), "");
  EXPECT_EQ(usage_error({.name = "moons", .noise = -1}), "--noise is -1, expected 0 to 1e6");
  EXPECT_NE(usage_error({.name = "moons", .noise = nan}), "");
  EXPECT_NE(usage_error({.name = "moons", .test_fraction = 1}), "");
  EXPECT_NE(usage_error({.name = "moons", .test_fraction = nan}), "");
}

TEST(Registry, OptionsOfAnotherKindOfDataAreRefused) {
  EXPECT_EQ(usage_error({.name = "moons", .table = {.target = "y"}}),
            "--target does not go with the data 'moons': it is for CSV files");
  EXPECT_NE(usage_error({.name = "moons", .table = {.task = Task::regression}}), "");
  EXPECT_NE(usage_error({.name = "mnist", .noise = 0.1}), "");
  EXPECT_NE(usage_error({.name = "mnist", .test_fraction = 0.1}), "");
  EXPECT_NE(usage_error({.name = "mnist", .table = {.header = "no"}}), "");
  EXPECT_NE(usage_error({.name = "a.csv", .noise = 0.1}), "");
  EXPECT_NE(usage_error({.name = "a.csv", .samples = 10}), "");
}

TEST(Registry, APathIsACsvFile) {
  const TempFolder folder;
  const auto path = folder.write("flowers.csv", "w,h,kind\n1,2,a\n3,4,b\n5,6,a\n7,8,b\n9,0,a\n");
  const Split<float> split = load_data<float>({.name = path.string(), .test_fraction = 0.4});
  EXPECT_EQ(split.train.size(), 3);
  EXPECT_EQ(split.test.size(), 2);
  EXPECT_EQ(split.train.class_names, (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(split.notes,
            std::vector<std::string>{"read '" + path.string() +
                                     "' separated by ',', with a header; 5 rows; classification by 'kind', the last "
                                     "column (--target takes another), into 2 classes"});
  EXPECT_EQ(split.normalization.mean.size(), 2u);
  EXPECT_NE(error_of<FileError>([] { load_data<float>({.name = "missing.csv"}); }), "");
  EXPECT_NE(error_of<FileError>([] { load_data<float>({.name = "missing/moons"}); }), "");

  // Beyond floats before it is standardized, and within them after.
  const auto huge = folder.write("huge.csv", "x,y\n1e39,1.5\n2,2.5\n");
  EXPECT_NO_THROW(load_data<float>({.name = huge.string()}));
  EXPECT_NE(error_of<NonFiniteError>([&] { load_data<float>({.name = huge.string(), .normalize = Normalize::none}); }),
            "");
}

TEST(Registry, CsvColumnsAreStandardizedInDouble) {
  // Whole seconds near 1.7e9, which floats know to 128 s: mean 150 s after the first, deviation sqrt(12500) s.
  const std::string csv = "time,y\n1700000000,0\n1700000100,1\n1700000200,0\n1700000300,1\n";
  const Split<float> split = load_data<float>({.name = "t", .csv = csv, .test_fraction = 0});
  const Split<double> wide = load_data<double>({.name = "t", .csv = csv, .test_fraction = 0});
  for (Index row = 0; row < 4; ++row) {
    const double expected = (100.0 * static_cast<double>(row) - 150) / std::sqrt(12500.0);
    EXPECT_DOUBLE_EQ(wide.train.inputs(row, 0), expected);
    EXPECT_EQ(split.train.inputs(row, 0), static_cast<float>(wide.train.inputs(row, 0)));
  }
}

TEST(Registry, CsvTargetsAreStandardizedUnlessToldOtherwise) {
  const std::string csv = "x,price\n1,100000.5\n2,300000.5\n3,100000.5\n4,300000.5\n";
  Split<double> split = load_data<double>({.name = "t", .csv = csv, .test_fraction = 0});
  EXPECT_EQ(split.train.targets, (Matrix<double>{{-1}, {1}, {-1}, {1}}));
  EXPECT_EQ(split.train.target_units.mean, std::vector<double>{200000.5});
  EXPECT_EQ(split.train.target_units.scale, std::vector<double>{100000});
  EXPECT_EQ(split.train.squared_unit(), 1e10);
  split.train.target_units.undo(split.train.targets);
  EXPECT_EQ(split.train.targets, (Matrix<double>{{100000.5}, {300000.5}, {100000.5}, {300000.5}}));
  const Split<double> plain =
      load_data<double>({.name = "t", .csv = csv, .test_fraction = 0, .normalize = Normalize::none});
  EXPECT_EQ(plain.train.targets(0, 0), 100000.5);
  EXPECT_EQ(plain.train.squared_unit(), 1);
  EXPECT_EQ(load_data<double>({.name = "sine"}).train.squared_unit(), 1);
}

TEST(Registry, MissingValuesAreTheTrainingRowsMean) {
  const Split<double> split = load_data<double>({.name = "t",
                                                 .csv = "x,y\n1,0\n,1\n4,0\n4,1\n,0\n1,1\n7,0\n7,1\n,0\n4,1\n",
                                                 .test_fraction = 0.5,
                                                 .normalize = Normalize::none});
  double sum = 0, count = 0;
  for (const double x : split.train.inputs.reshaped()) {
    if (x == 1 || x == 4 || x == 7) sum += x, ++count;
  }
  ASSERT_LT(count, 10);
  for (const Dataset<double>* part : {&split.train, &split.test}) {
    for (const double x : part->inputs.reshaped()) EXPECT_TRUE(x == 1 || x == 4 || x == 7 || x == sum / count) << x;
  }
}

TEST(Registry, GroupsAreNeverTornApart) {
  std::string csv = "who,x,y\n";
  for (int i = 0; i < 60; ++i) csv += text("patient ", i % 12, ",", 100 * (i % 12) + i / 12, ",", i % 2, "\n");
  const auto who = [](double x) { return static_cast<int>(x) / 100; };
  const auto groups = [&](const Dataset<double>& data) {
    std::set<int> all;
    for (const double x : data.inputs.reshaped()) all.insert(who(x));
    return all;
  };
  DataOptions options{
      .name = "t", .csv = csv, .test_fraction = 0.25, .table = {.split = "group:who"}, .normalize = Normalize::none};
  const Split<double> split = load_data<double>(options);
  EXPECT_EQ(split.train.feature_names, std::vector<std::string>{"x"});
  EXPECT_EQ(split.test.size(), 15);  // three groups of five
  EXPECT_EQ(groups(split.train).size(), 9u);
  EXPECT_EQ(groups(split.test).size(), 3u);
  // Each group is in the test set of one fold.
  options.test_fraction.reset();
  options.folds = 4;
  std::multiset<int> seen;
  for (; options.fold < options.folds; ++options.fold) {
    const Split<double> part = load_data<double>(options);
    EXPECT_EQ(part.test.size(), 15);
    for (const int group : groups(part.test)) seen.insert(group);
  }
  EXPECT_EQ(seen.size(), 12u);
  EXPECT_EQ(std::set<int>(seen.begin(), seen.end()).size(), 12u);
}

TEST(Registry, TheFutureIsTheTestSet) {
  const std::string csv = "when,x,y\n2024-03-01,3,30.5\n2024-01-01,1,10.5\n2024-04-01,4,40.5\n2024-02-01,2,20.5\n";
  const auto test_inputs = [&](const std::string& split) {
    return load_data<double>(
               {.name = "t", .csv = csv, .test_fraction = 0.5, .table = {.split = split}, .normalize = Normalize::none})
        .test.inputs;
  };
  EXPECT_EQ(test_inputs("time"), (Matrix<double>{{3}, {4}}));  // by its only column of dates
  EXPECT_EQ(test_inputs("time:when"), (Matrix<double>{{3}, {4}}));
  EXPECT_EQ(test_inputs("time:x"), (Matrix<double>{{3}, {4}}));
  EXPECT_NE(error_of<UsageError>([&] { test_inputs("tme"); }), "");
  EXPECT_NE(error_of<UsageError>([&] { test_inputs("group"); }), "");
  EXPECT_NE(error_of<UsageError>([&] { test_inputs("time:y?"); }), "");
}

TEST(Registry, FoldsPartTheRows) {
  DataOptions options{.name = "blobs", .samples = 31, .normalize = Normalize::none, .folds = 4};
  std::multiset<double> seen;
  for (; options.fold < 4; ++options.fold) {
    const Split<double> split = load_data<double>(options);
    EXPECT_EQ(split.train.size() + split.test.size(), 31);
    EXPECT_TRUE(split.test.size() == 7 || split.test.size() == 8);
    for (const double x : split.test.inputs.col(0)) seen.insert(x);
  }
  const Split<double> whole =
      load_data<double>({.name = "blobs", .samples = 31, .test_fraction = 0, .normalize = Normalize::none});
  const auto all = whole.train.inputs.col(0);
  EXPECT_EQ(seen, std::multiset<double>(all.begin(), all.end()));
  EXPECT_NE(usage_error({.name = "blobs", .samples = 31, .folds = 32}), "");
  EXPECT_NE(usage_error({.name = "blobs", .test_fraction = 0.2, .folds = 3}), "");
}

TEST(Registry, ATestFileIsReadLikeTheTrainingFile) {
  const TempFolder folder;
  const auto train = folder.write("train.csv", "c,x,y\nred,1,no\nblue,3,yes\nred,,yes\ngreen,5,no\n");
  const auto test = folder.write("test.csv", "y;x;c\nyes;2,5;blue\nno;;pink\n");
  const Split<double> split =
      load_data<double>({.name = train.string(), .table = {.test = test.string()}, .normalize = Normalize::none});
  EXPECT_EQ(split.train.inputs, (Matrix<double>{{0, 0, 1, 1}, {1, 0, 0, 3}, {0, 0, 1, 3}, {0, 1, 0, 5}}));
  EXPECT_EQ(split.test.inputs, (Matrix<double>{{1, 0, 0, 2.5}, {0.25, 0.25, 0.5, 3}}));
  EXPECT_EQ(split.test.labels, (std::vector<std::int32_t>{1, 0}));
  const auto strange = folder.write("strange.csv", "c,x,y\nred,1,maybe\nred,2,no\n");
  EXPECT_NE(error_of<FileError>([&] {
              load_data<double>({.name = train.string(), .table = {.test = strange.string()}});
            }).find("'maybe' is not among those of the training data, 'no', 'yes'"),
            std::string::npos);
}

TEST(Registry, NamesIgnoreCaseAndDashes) {
  EXPECT_EQ(load_data<double>({.name = "Moons"}).train.inputs, load_data<double>({.name = "moons"}).train.inputs);
  EXPECT_NE(error_of<FileError>([] { load_data<float>({.name = "Fashion-MNIST", .roots = {"/nowhere"}}); }), "");
  EXPECT_NE(error_of<FileError>([] { load_data<float>({.name = "idx:/nowhere"}); }), "");
}

TEST(Registry, RowsOfOneTimeAreOnOneSide) {
  std::string csv = "t,x,y\n", same = "t,x,y\n";
  for (int i = 0; i < 10; ++i) {
    csv += text(i < 3 ? 1 : i < 7 ? 2 : 3, ",", i, ",", 0.5 * i, "\n");
    same += text("1,", i, ",", 0.5 * i, "\n");
  }
  DataOptions options{.name = "t", .csv = csv, .test_fraction = 0.4, .table = {.split = "time:t"}};
  options.normalize = Normalize::none;
  // The fourth row from the end has time 2, whose rows end after it.
  EXPECT_EQ(load_data<double>(options).test.inputs.col(1), (Eigen::Vector3d{7, 8, 9}));
  options.test_fraction = 0.6;  // the sixth is the second of four
  EXPECT_EQ(load_data<double>(options).train.inputs.col(1), (Eigen::Vector3d{0, 1, 2}));
  options.csv = same;
  EXPECT_EQ(error_of<UsageError>([&] { load_data<double>(options); }), "--split time:t: all rows have the same time");
}

TEST(Registry, AFileThatBeginsWithTheLatestDatesIsTestedOnThem) {
  std::string csv = "day,x,y\n";
  for (int i = 9; i > 0; --i) csv += text("2024-01-0", i, ",", i, ",", 0.5 * i, "\n");
  DataOptions options{.name = "t", .csv = csv, .test_fraction = 1. / 3, .table = {.split = "time"}};
  options.normalize = Normalize::none;
  const Split<double> split = load_data<double>(options);
  EXPECT_EQ(split.test.inputs.col(0), (Eigen::Vector3d{9, 8, 7}));
  EXPECT_NE(split.notes[0].find("the test rows are the last by 'day'"), std::string::npos) << split.notes[0];
  options.csv = "a,x,y\n1,7,0.5\n1,5,1.5\n1,6,2.5\n";
  EXPECT_EQ(load_data<double>(options).test.inputs(0, 1), 6);  // there is none: the file's last row
  options.table.split = "group";
  EXPECT_NE(error_of<UsageError>([&] { load_data<double>(options); }).find("--split group:COLUMN"), std::string::npos);
}

TEST(Registry, GroupsAreTestedWholeHoweverLargeAndUnknownOnesStayTogether) {
  std::string two = "who,x,y\n", unknown = "who,x,y\n";
  const char* const names[] = {"a", "a", "NA", "", "?", "b", "b", "c", "d", "e"};
  for (int i = 0; i < 10; ++i) {
    two += text(i < 6 ? "a," : "b,", i, ",", 0.5 * i, "\n");
    unknown += text(names[i], ",", i, ",", 0.5 * i, "\n");
  }
  DataOptions options{.name = "t", .csv = two, .table = {.split = "group:who"}};
  options.normalize = Normalize::none;
  // Each is more than twice the fifth that is asked for: the smaller one is taken.
  EXPECT_EQ(load_data<double>(options).test.inputs.col(0), (Eigen::Vector4d{6, 7, 8, 9}));
  options.csv = unknown;
  for (options.seed = 1; options.seed <= 20; ++options.seed) {
    const auto x = load_data<double>(options).test.inputs.col(0).eval();
    const auto held = ((x.array() == 2) || (x.array() == 3) || (x.array() == 4)).count();
    EXPECT_TRUE(held == 0 || held == 3) << options.seed;
  }
}

TEST(Registry, MissingImagesAreAFileError) {
  EXPECT_NE(error_of<FileError>([] { load_data<float>({.name = "mnist", .roots = {"/nowhere"}}); }), "");
}

TEST(Registry, ImagesAreStandardizedWithOnePair) {
  const TempFolder folder;
  const auto idx = [](std::string header, std::string_view values) { return header.append(values); };
  for (const std::string part : {"train", "t10k"}) {
    folder.write("fashion-mnist/" + part + "-images-idx3-ubyte",
                 idx({0, 0, 8, 3, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 2}, std::string_view("\0\xff\xff\0", 4)));
    folder.write("fashion-mnist/" + part + "-labels-idx1-ubyte", idx({0, 0, 8, 1, 0, 0, 0, 2}, "\1\x9"));
  }
  const Split<double> split = load_data<double>({.name = "fashion_mnist", .roots = {folder.path()}});
  EXPECT_EQ(split.train.name, "fashion_mnist");
  EXPECT_EQ(split.normalization.mean, std::vector<double>{0.5});
  EXPECT_EQ(split.normalization.scale, std::vector<double>{0.5});
  EXPECT_EQ(split.test.inputs, (Matrix<double>{{-1, 1}, {1, -1}}));
  EXPECT_EQ(split.train.class_names[static_cast<std::size_t>(split.train.labels[1])], "ankle boot");
}

TEST(Registry, ACsvFileMayBeText) {
  TempFolder folder;
  const std::string text = "a,b,c\n1,2,x\n3,4,y\n5,6,x\n7,8,y\n9,10,x\n";
  const Split<double> read = load_data<double>({.name = folder.write("d.csv", text).string()});
  const Split<double> given = load_data<double>({.name = "pasted", .csv = text});
  EXPECT_EQ(given.train.inputs, read.train.inputs);
  EXPECT_EQ(given.test.labels, read.test.labels);
  EXPECT_EQ(given.train.name, "pasted");
  try {
    load_data<double>({.name = "moons", .csv = "a,b\n1,2,3,4\n1\n"});
    FAIL();
  } catch (const FileError& error) {
    EXPECT_NE(std::string(error.what()).find("'moons' as CSV: line 2"), std::string::npos) << error.what();
  }
}

// 60,000 and 10,000 images, every class in equal parts. Skipped where the package is not installed.
TEST(Registry, FashionMnistIsRead) {
  if (!std::filesystem::exists("/usr/share/datasets/fashion-mnist")) GTEST_SKIP() << "dataset-fashion-mnist is missing";
  const Split<float> split = load_data<float>({.name = "fashion_mnist"});
  EXPECT_EQ(split.train.size(), 60'000);
  EXPECT_EQ(split.test.size(), 10'000);
  EXPECT_EQ(split.train.features(), 784);
  std::vector<int> counts(10);
  for (const std::int32_t label : split.train.labels) ++counts[static_cast<std::size_t>(label)];
  EXPECT_EQ(counts, std::vector<int>(10, 6000));
  // The published statistics of the training pixels.
  EXPECT_NEAR(split.normalization.mean[0], 0.2860, 5e-5);
  EXPECT_NEAR(split.normalization.scale[0], 0.3530, 5e-5);
}

}  // namespace
}  // namespace evengrad
