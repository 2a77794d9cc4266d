#include <evengrad/init/batch_moments.hpp>

#include <evengrad/activations/registry.hpp>
#include <evengrad/core/random.hpp>
#include <evengrad/core/types.hpp>
#include <evengrad/init/moments.hpp>

#include <gtest/gtest.h>

#include <cmath>

namespace evengrad {
namespace {

TEST(BatchMoments, OfTheIdentityAreThoseOfTheSphere) {
  for (const double m : {4.0, 5.0, 16.0, 1000.0}) {
    const BatchMoments b = batch_moments(activation("identity"), m);
    EXPECT_NEAR(b.mean, 0, 1e-12);
    EXPECT_NEAR(b.second, 1, 1e-12);
    EXPECT_NEAR(b.gap, m / (m - 1), 1e-12);
    EXPECT_NEAR(b.separate, (m - 2) / m, 1e-12);  // two directions of m are gone
    EXPECT_NEAR(b.shared, 0, 1e-12);              // the mean is one of them
  }
}

// Archimedes: on the sphere of 3 dimensions (m = 4) a coordinate is uniform on [-sqrt(3), sqrt(3)].
TEST(BatchMoments, OfFourSamplesAreThoseOfAUniformNumber) {
  const BatchMoments relu = batch_moments(activation("relu"), 4);
  EXPECT_NEAR(relu.mean, std::sqrt(3) / 4, 1e-12);
  EXPECT_NEAR(relu.second, 0.5, 1e-12);
  EXPECT_NEAR(relu.zero_below, 0.5, 1e-12);
  EXPECT_EQ(relu.zero_above, 0);
  const BatchMoments dead_zone = batch_moments(activation("max(0, abs(x) - 1)"), 4);
  EXPECT_NEAR(dead_zone.zero_above, 0.5 / std::sqrt(3), 1e-12);
}

TEST(BatchMoments, OfALargeBatchAreNormal) {
  for (const char* name : {"relu", "gelu", "tanh", "sigmoid"}) {
    const BatchMoments b = batch_moments(activation(name), 1e6);
    const Moments normal = moments(activation(name));
    EXPECT_NEAR(b.mean, normal.mean, 2e-6) << name;
    EXPECT_NEAR(b.second, normal.second, 2e-6) << name;
    EXPECT_NEAR(b.gap, normal.variance, 2e-6) << name;
    EXPECT_NEAR(b.separate, normal.derivative_second, 4e-6) << name;
  }
}

// Batches drawn, normalized, and taken back through the projection as a matrix.
TEST(BatchMoments, AreThoseOfDrawnBatches) {
  constexpr int draws = 20000;
  for (const auto& [name, m, share] : {std::tuple("relu", 5, 1.0), {"gelu", 9, 1.0}, {"tanh", 9, 0.6}}) {
    const Activation f = activation(name);
    const auto samples = static_cast<double>(m);
    Rng rng(static_cast<std::uint64_t>(m));
    Eigen::VectorXd sum = Eigen::VectorXd::Zero(5), squares = sum;
    for (int i = 0; i < draws; ++i) {
      Eigen::VectorXd y(m), value(m), slope(m), at(5);
      rng.fill_normal(std::span(y.data(), static_cast<std::size_t>(m)));
      y.array() -= y.mean();
      y *= std::sqrt(samples) / y.norm();
      const Eigen::VectorXd z = std::sqrt(share) * y;
      f(z.data(), value.data(), slope.data(), m);
      const Matrix<double> projection = Matrix<double>::Identity(m, m) - Matrix<double>::Constant(m, m, 1 / samples) -
                                        share / samples * y * y.transpose();
      const Matrix<double> back = projection * slope.asDiagonal();
      at << value.mean(), value.squaredNorm() / samples, (value.array() - value.mean()).square().sum() / (samples - 1),
          back.squaredNorm() / samples, back.rowwise().sum().squaredNorm() / samples;
      sum += at / draws, squares += at.cwiseAbs2() / draws;
    }
    const BatchMoments b = batch_moments(f, m, share);
    const double expected[] = {b.mean, b.second, b.gap, b.separate, b.shared};
    for (int k = 0; k < 5; ++k) {
      const double error = std::sqrt(std::max(0.0, squares[k] - sum[k] * sum[k]) / draws);
      EXPECT_NEAR(sum[k], expected[k], 4 * error + 1e-9) << name << " " << k;
    }
  }
}

TEST(BatchMoments, WithoutAnySignalAreThoseAtZero) {
  const BatchMoments b = batch_moments(activation("sigmoid"), 10, 0);
  EXPECT_EQ(b.mean, 0.5);
  EXPECT_EQ(b.gap, 0);
  EXPECT_NEAR(b.separate, 0.9 / 16, 1e-15);
  EXPECT_TRUE(std::isnan(batch_moments(activation("relu"), 3).mean));
}

}  // namespace
}  // namespace evengrad
