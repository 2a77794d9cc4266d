#include <evengrad/core/error.hpp>
#include <evengrad/data/registry.hpp>

#include <gtest/gtest.h>

#include <limits>

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
  EXPECT_EQ(usage_error({.name = "moons", .target = "y"}),
            "--target does not go with the data 'moons': it is for CSV files");
  EXPECT_NE(usage_error({.name = "moons", .task = Task::regression}), "");
  EXPECT_NE(usage_error({.name = "mnist", .noise = 0.1}), "");
  EXPECT_NE(usage_error({.name = "mnist", .test_fraction = 0.1}), "");
  EXPECT_NE(usage_error({.name = "mnist", .task = Task::classification}), "");
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
            std::vector<std::string>{"classification by column 'kind' into 2 classes: its values are names"});
  EXPECT_EQ(split.normalization.mean.size(), 2u);
  EXPECT_NE(error_of<FileError>([] { load_data<float>({.name = "missing.csv"}); }), "");
  EXPECT_NE(error_of<FileError>([] { load_data<float>({.name = "missing/moons"}); }), "");

  const auto huge = folder.write("huge.csv", "x,y\n1e39,1.5\n2,2.5\n");
  EXPECT_NE(error_of<NonFiniteError>([&] { load_data<float>({.name = huge.string()}); }), "");
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
    load_data<double>({.name = "moons", .csv = "a,b\n1,\n"});
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
