#include <evengrad/data/generators.hpp>
#include <evengrad/data/registry.hpp>

#include <gtest/gtest.h>

#include <Eigen/Dense>

#include <cmath>
#include <numbers>

namespace evengrad {
namespace {

constexpr double pi = std::numbers::pi;

class EveryGenerator : public testing::TestWithParam<DatasetInfo> {};

std::vector<DatasetInfo> all_generators() {
  std::vector<DatasetInfo> found;
  for (const DatasetInfo& info : datasets()) {
    if (std::holds_alternative<Generator>(info.source)) found.push_back(info);
  }
  return found;
}

INSTANTIATE_TEST_SUITE_P(Data, EveryGenerator, testing::ValuesIn(all_generators()),
                         [](const auto& test) { return std::string(test.param.name); });

TEST_P(EveryGenerator, DrawsCheckedDataOfTheSizeAsked) {
  const auto& generator = std::get<Generator>(GetParam().source);
  for (const Index samples : {4, 5, 7, 1000}) {
    const Dataset<double> data = generator.draw(samples, generator.noise, Rng(1));
    EXPECT_EQ(data.size(), samples);
    EXPECT_NO_THROW(check(data));
    EXPECT_EQ(static_cast<Index>(data.feature_names.size()), data.features());
    EXPECT_EQ(static_cast<Index>(data.class_names.size()), data.task == Task::classification ? data.classes : 0);
  }
}

TEST_P(EveryGenerator, TheStreamDecides) {
  const auto& generator = std::get<Generator>(GetParam().source);
  const auto draw = [&](double noise, std::uint64_t seed) { return generator.draw(100, noise, Rng(seed)); };
  const Dataset<double> first = draw(0.3, 1), again = draw(0.3, 1), other = draw(0.3, 2);
  EXPECT_EQ(first.inputs, again.inputs);
  EXPECT_EQ(first.targets, again.targets);
  EXPECT_EQ(first.labels, again.labels);
  EXPECT_NE(first.inputs, other.inputs);
}

TEST_P(EveryGenerator, NoiseHasTheStandardDeviationAsked) {
  const auto& generator = std::get<Generator>(GetParam().source);
  const Dataset<double> clean = generator.draw(20000, 0, Rng(1)), noisy = generator.draw(20000, 0.5, Rng(1));
  const bool regression = clean.task == Task::regression;
  const Matrix<double> noise = regression ? noisy.targets - clean.targets : noisy.inputs - clean.inputs;
  EXPECT_EQ(noise.rows(), 20000);
  EXPECT_NEAR(std::sqrt(noise.array().square().mean()), 0.5, 0.5 * 5 / std::sqrt(2 * 20000.0));
  EXPECT_NEAR(noise.mean(), 0, 0.5 * 5 / std::sqrt(20000.0));
}

TEST_P(EveryGenerator, ClassesAreBalanced) {
  const auto& generator = std::get<Generator>(GetParam().source);
  const Dataset<double> data = generator.draw(999, generator.noise, Rng(1));
  std::vector<int> counts(static_cast<std::size_t>(data.classes));
  for (const std::int32_t label : data.labels) ++counts[static_cast<std::size_t>(label)];
  for (const int count : counts) EXPECT_NEAR(count, 999.0 / static_cast<double>(data.classes), 1);
}

TEST(Generators, XorIsTheFourCorners) {
  const Dataset<double> data = xor_corners(8, 0, Rng(1));
  int corners[2][2] = {};
  for (Index i = 0; i < 8; ++i) {
    const int x1 = static_cast<int>(data.inputs(i, 0)), x2 = static_cast<int>(data.inputs(i, 1));
    ASSERT_EQ(data.inputs(i, 0), x1);
    ASSERT_EQ(data.inputs(i, 1), x2);
    EXPECT_EQ(data.labels[static_cast<std::size_t>(i)], x1 ^ x2);
    ++corners[x1][x2];
  }
  for (const auto& row : corners) {
    for (const int count : row) EXPECT_EQ(count, 2);
  }
}

// A line is right on at most three corners: where each corner keeps a quarter of both parts, on at most 75 %.
TEST(Generators, XorKeepsItsQuartersInASplit) {
  for (std::uint64_t seed = 0; seed < 5; ++seed) {
    const Split<double> split = split_rows(xor_corners(200, 0, Rng(seed)), 0.2, Rng(seed));
    for (const auto* part : {&split.train, &split.test}) {
      int corners[2][2] = {};
      for (Index i = 0; i < part->size(); ++i) {
        ++corners[static_cast<int>(part->inputs(i, 0))][static_cast<int>(part->inputs(i, 1))];
      }
      for (const auto& row : corners) {
        for (const int count : row) EXPECT_EQ(4 * count, part->size());
      }
    }
  }
}

TEST(Generators, MoonsAreHalfCircles) {
  const Dataset<double> data = moons(100, 0, Rng(1));
  for (Index i = 0; i < 100; ++i) {
    const double x1 = data.inputs(i, 0), x2 = data.inputs(i, 1);
    if (data.labels[static_cast<std::size_t>(i)] == 0) {
      EXPECT_NEAR(x1 * x1 + x2 * x2, 1, 1e-12);
      EXPECT_GE(x2, -1e-12);
    } else {
      EXPECT_NEAR((x1 - 1) * (x1 - 1) + (x2 - 0.5) * (x2 - 0.5), 1, 1e-12);
      EXPECT_LE(x2, 0.5 + 1e-12);
    }
  }
  EXPECT_EQ(data.inputs(0, 0), 1);             // t = 0
  EXPECT_NEAR(data.inputs(98, 0), -1, 1e-12);  // t = pi
}

TEST(Generators, CirclesHaveTheirRadii) {
  const Dataset<double> data = circles(101, 0, Rng(1));
  for (Index i = 0; i < data.size(); ++i) {
    EXPECT_NEAR(data.inputs.row(i).norm(), data.labels[static_cast<std::size_t>(i)] == 0 ? 1 : 0.5, 1e-12);
  }
}

TEST(Generators, SpiralsWindInwardsAndMirrorEachOther) {
  const Dataset<double> data = spirals(202, 0, Rng(1));
  for (Index i = 0; i <= 100; ++i) {
    const double t = static_cast<double>(i) / 100, radius = 6.5 - 6 * t, angle = 3.5 * pi * t;
    EXPECT_NEAR(data.inputs(2 * i, 0), radius * std::cos(angle), 1e-12);
    EXPECT_NEAR(data.inputs(2 * i, 1), radius * std::sin(angle), 1e-12);
    EXPECT_EQ(data.inputs.row(2 * i + 1), -data.inputs.row(2 * i));
  }
}

TEST(Generators, BlobsHaveTheirCentres) {
  const Dataset<double> data = blobs(30000, 1, Rng(1));
  Matrix<double> mean = Matrix<double>::Zero(3, 2);
  for (Index i = 0; i < data.size(); ++i)
    mean.row(data.labels[static_cast<std::size_t>(i)]) += data.inputs.row(i) / 1e4;
  const Matrix<double> expected{{0, 4}, {-2 * std::sqrt(3.0), -2}, {2 * std::sqrt(3.0), -2}};
  EXPECT_LT((mean - expected).cwiseAbs().maxCoeff(), 0.05);
}

TEST(Generators, SineIsASine) {
  const Dataset<double> data = sine(500, 0, Rng(1));
  EXPECT_TRUE(data.targets.isApprox(data.inputs.array().sin().matrix(), 1e-12));
  EXPECT_GT(data.inputs.maxCoeff(), 6);
  EXPECT_LT(data.inputs.minCoeff(), -6);
  EXPECT_LE(data.inputs.cwiseAbs().maxCoeff(), 2 * pi);
}

TEST(Generators, HillsAreAProductThatNoSumEquals) {
  const Dataset<double> data = hills(4000, 0, Rng(1));
  const auto x1 = data.inputs.col(0).array(), x2 = data.inputs.col(1).array();
  EXPECT_TRUE(data.targets.array().isApprox(x1.sin() * x2.sin(), 1e-12));
  for (const auto& x : {x1, x2}) {
    EXPECT_GT(x.maxCoeff(), 3.1);
    EXPECT_LT(x.minCoeff(), -3.1);
    EXPECT_LE(x.abs().maxCoeff(), pi);
  }
  // The best function of x1 alone is the mean over x2, which is 0.
  EXPECT_NEAR((x1.sin() * data.targets.array()).mean(), 0, 4 * std::sqrt(3.0 / 16 / 4000));
}

TEST(Generators, TheTeacherIsNonlinearAndOfModerateSize) {
  const Dataset<double> data = teacher(5000, 0, Rng(3));
  EXPECT_EQ(data.features(), 8);
  const double mean = data.targets.mean();
  const double variance = (data.targets.array() - mean).square().mean();
  EXPECT_GT(variance, 0.02);
  EXPECT_LT(variance, 2);
  // The best linear fit explains some of it but not all: a student has something to learn.
  Matrix<double> x(5000, 9);
  x << data.inputs, Matrix<double>::Ones(5000, 1);
  const Matrix<double> fit = x * (x.transpose() * x).ldlt().solve(x.transpose() * data.targets);
  const double unexplained = (data.targets - fit).squaredNorm() / 5000 / variance;
  EXPECT_GT(unexplained, 0.01);
  EXPECT_LT(unexplained, 0.9);
}

}  // namespace
}  // namespace evengrad
