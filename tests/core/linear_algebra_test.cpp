#include <evengrad/core/linear_algebra.hpp>

#include <evengrad/core/random.hpp>
#include <evengrad/init/initializer.hpp>

#include <gtest/gtest.h>

#include <array>
#include <span>

namespace evengrad {
namespace {

Matrix<double> normal(Index rows, Index cols, std::uint64_t seed) {
  Matrix<double> x(rows, cols);
  Rng(seed).fill_normal(std::span(x.data(), static_cast<std::size_t>(x.size())));
  return x;
}

// Integers, whose sums are exact in any order.
template <class M>
M integers(Index rows, Index cols, int step) {
  M x(rows, cols);
  for (Index r = 0; r < rows; ++r) {
    for (Index c = 0; c < cols; ++c) x(r, c) = static_cast<typename M::Scalar>((r * 31 + c * step) % 17 - 8);
  }
  return x;
}

TEST(Product, OfEveryKindOfExpressionIsTheSumOfProducts) {
  for (const auto& [m, k, n] : {std::array<Index, 3>{1, 1, 1}, {3, 5, 2}, {7, 1, 33}, {40, 300, 19}, {4, 0, 3}}) {
    const auto a = integers<Matrix<double>>(m, k, 7), b = integers<Matrix<double>>(k, n, 5);
    Matrix<double> expected = Matrix<double>::Zero(m, n);
    for (Index r = 0; r < m; ++r) {
      for (Index i = 0; i < k; ++i) {
        for (Index c = 0; c < n; ++c) expected(r, c) += a(r, i) * b(i, c);
      }
    }
    const Eigen::MatrixXd a_columns = a, b_columns = b;
    const Matrix<double> a_rows = a.transpose(), b_rows = b.transpose();
    EXPECT_EQ(product(a, b), expected);
    EXPECT_EQ(product(a_columns, b_columns), expected);
    EXPECT_EQ(product(a_rows.transpose(), b_rows.transpose()), expected);
    EXPECT_EQ(product(2 * a, b.cast<float>().cast<double>()), 2 * expected);
    EXPECT_EQ(product(a.cast<float>(), b.cast<float>()), expected.cast<float>());
    EXPECT_EQ(product(a.topRows(m / 2), b.rightCols(n / 2)), expected.topRows(m / 2).rightCols(n / 2));
  }
}

TEST(Factorize, GivesOrthonormalColumnsAndATriangle) {
  for (const auto& [n, m] : {std::pair<Index, Index>{1, 1}, {2, 2}, {9, 4}, {65, 65}, {200, 64}}) {
    const Matrix<double> x = normal(n, m, 3);
    const Qr qr = factorize(x);
    EXPECT_LT((qr.q.transpose() * qr.q - Matrix<double>::Identity(m, m)).cwiseAbs().maxCoeff(), 1e-14)
        << n << " x " << m;
    EXPECT_LT((qr.q * qr.r - x).cwiseAbs().maxCoeff(), 1e-13) << n << " x " << m;
    EXPECT_EQ(qr.r, Matrix<double>(qr.r.triangularView<Eigen::Upper>()));
  }
}

TEST(Factorize, OfThreeFourFive) {
  Matrix<double> x(2, 2);
  x << 3, 1, 4, 2;
  const Qr qr = factorize(x);  // a reflection takes (3, 4) to (-5, 0)
  EXPECT_NEAR(qr.r(0, 0), -5, 1e-15);
  EXPECT_NEAR(qr.r(0, 1), -2.2, 1e-15);
  EXPECT_NEAR(std::abs(qr.r(1, 1)), 0.4, 1e-15);
  EXPECT_NEAR(qr.q(0, 0), -0.6, 1e-15);
  EXPECT_NEAR(qr.q(1, 0), -0.8, 1e-15);
}

TEST(Factorize, OfDependentColumnsStaysFinite) {
  Matrix<double> x = normal(6, 4, 5);
  x.col(1).setZero();
  x.col(2) = 2 * x.col(0);
  const Qr qr = factorize(x);
  EXPECT_LT((qr.q.transpose() * qr.q - Matrix<double>::Identity(4, 4)).cwiseAbs().maxCoeff(), 1e-14);
  EXPECT_LT((qr.q * qr.r - x).cwiseAbs().maxCoeff(), 1e-14);
}

// Eigen reads the processor's cache sizes once; these stand for three other machines.
class CacheSizes : public ::testing::Test {
 protected:
  CacheSizes() : l1_(Eigen::l1CacheSize()), l2_(Eigen::l2CacheSize()), l3_(Eigen::l3CacheSize()) {}
  ~CacheSizes() override { Eigen::setCpuCacheSizes(l1_, l2_, l3_); }

  template <class Compute>
  static std::array<Matrix<double>, 3> on_three_machines(Compute compute) {
    std::array<Matrix<double>, 3> results;
    const std::array<std::array<std::ptrdiff_t, 3>, 3> sizes = {
        {{8 << 10, 64 << 10, 128 << 10}, {32 << 10, 1 << 20, 8 << 20}, {64 << 10, 4 << 20, 256 << 20}}};
    for (std::size_t i = 0; i < 3; ++i) {
      Eigen::setCpuCacheSizes(sizes[i][0], sizes[i][1], sizes[i][2]);
      results[i] = compute();
    }
    return results;
  }

 private:
  std::ptrdiff_t l1_, l2_, l3_;
};

TEST_F(CacheSizes, ChangeProductsOfEigenButNotOurs) {
  const Matrix<double> a = normal(200, 900, 1), b = normal(900, 200, 2);
  const auto eigen = on_three_machines([&] { return Matrix<double>(a * b); });
  EXPECT_TRUE(eigen[0] != eigen[1] || eigen[1] != eigen[2]) << "these sizes do not show what this test is for";
  const auto ours = on_three_machines([&] { return product(a, b); });
  EXPECT_EQ(ours[0], ours[1]);
  EXPECT_EQ(ours[1], ours[2]);
}

TEST_F(CacheSizes, ChangeNoOrthogonalWeights) {
  const auto weights = on_three_machines([] {
    Matrix<double> w(150, 300);
    fill(w, {Distribution::orthogonal, 1}, Rng(7));
    return w;
  });
  EXPECT_EQ(weights[0], weights[1]);
  EXPECT_EQ(weights[1], weights[2]);
}

}  // namespace
}  // namespace evengrad
