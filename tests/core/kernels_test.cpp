// Every instruction set's table against plain loops in long double.
#include <evengrad/core/kernels/kernels.hpp>

#include "../matrices.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

namespace evengrad {
namespace {

using kernels::Left;
using kernels::Start;
using kernels::Table;
using kernels::View;

template <Real S>
std::vector<const Table<S>*> tables() {
  std::vector<const Table<S>*> all;
  for (const Isa isa : {Isa::baseline, Isa::avx2, Isa::avx512}) {
    if (const Table<S>* table = kernels::kernels_for<S>(isa)) all.push_back(table);
  }
  return all;
}

// A number that no result may hold: what a kernel must not touch.
template <Real S>
constexpr S untouched = S(-1234.5);

template <Real S>
struct Product {
  Index m, k, n;
  bool bias = false, accumulate = false, left_transposed = false, right_transposed = false;
  Index out_gap = 0;  // columns between two rows of the output that do not belong to it
};

template <Real S>
Matrix<S> run(const Table<S>& table, const Product<S>& p, const Matrix<S>& a, const Matrix<S>& b, const Matrix<S>& bias,
              const Matrix<S>& before) {
  std::vector<S> packed(static_cast<std::size_t>(table.packed_size(p.k, p.n)) + 1, untouched<S>);
  const Matrix<S> right = p.right_transposed ? Matrix<S>(b.transpose()) : b;
  const Matrix<S> left = p.left_transposed ? Matrix<S>(a.transpose()) : a;
  const kernels::Panels<S> panels = table.pack({right.data(), p.right_transposed ? 1 : p.n, p.right_transposed ? p.k : 1},
                                               p.m, p.k, p.n, packed.data());
  EXPECT_EQ(packed.back(), untouched<S>);
  Matrix<S> out = Matrix<S>::Constant(p.m, p.n + p.out_gap, untouched<S>);
  if (p.accumulate) out.leftCols(p.n) = before;
  table.product({left.data(), p.left_transposed ? 1 : p.k, p.left_transposed ? p.m : 1}, p.k, panels,
                {p.bias ? bias.data() : nullptr, p.accumulate}, {out.data(), p.m, p.n, p.n + p.out_gap});
  EXPECT_TRUE((out.rightCols(p.out_gap).array() == untouched<S>).all());
  return out.leftCols(p.n);
}

// Runs a product on every table; all are within the rounding error of a chain of k multiply-adds, and tables with fused
// multiply-adds give the same bits.
template <Real S>
void check_product(const Product<S>& p) {
  const Matrix<S> a = random_matrix<S>(p.m, p.k, 1), b = random_matrix<S>(p.k, p.n, 2),
                  bias = random_matrix<S>(1, p.n, 3), before = random_matrix<S>(p.m, p.n, 4);
  SCOPED_TRACE(::testing::Message() << "(" << p.m << ", " << p.k << ") (" << p.k << ", " << p.n << ") bias " << p.bias
                                    << " accumulate " << p.accumulate << " transposed " << p.left_transposed
                                    << p.right_transposed << " gap " << p.out_gap);
  Matrix<S> fused;
  for (const Table<S>* table : tables<S>()) {
    SCOPED_TRACE(table->name);
    const Matrix<S> out = run(*table, p, a, b, bias, before);
    for (Index r = 0; r < p.m; ++r) {
      for (Index c = 0; c < p.n; ++c) {
        long double exact = p.accumulate ? before(r, c) : p.bias ? bias(0, c) : S(0), size = std::abs(exact);
        for (Index i = 0; i < p.k; ++i) {
          exact += static_cast<long double>(a(r, i)) * b(i, c);
          size += std::abs(static_cast<long double>(a(r, i)) * b(i, c));
        }
        // Higham 2002, section 3.1: gamma_(k+1) times the sum of the terms' sizes.
        const long double bound = static_cast<long double>(p.k + 2) * std::numeric_limits<S>::epsilon() * size;
        ASSERT_LE(std::abs(out(r, c) - exact), bound) << r << ", " << c;
      }
    }
    if (std::string_view(table->name) == "baseline") continue;
    if (fused.size()) {
      EXPECT_TRUE(same_bits(out, fused));
    }
    fused = out;
  }
}

template <class S>
class KernelsTest : public ::testing::Test {};
using Reals = ::testing::Types<float, double>;
TYPED_TEST_SUITE(KernelsTest, Reals);

TYPED_TEST(KernelsTest, TablesAreNamed) {
  EXPECT_STREQ(tables<TypeParam>().front()->name, "baseline");
  EXPECT_EQ(&kernels::kernels<TypeParam>(), tables<TypeParam>().back());
}

// All sizes around the vectors' (4 to 16 lanes), the panels' (8 to 32) and the blocks' (6 and 12 rows).
TYPED_TEST(KernelsTest, ProductOfEverySmallSize) {
  for (Index m : {1, 2, 3, 5, 6, 7, 11, 12, 13, 17, 25}) {
    for (Index k : {0, 1, 2, 3, 7, 8, 9, 16, 17, 33}) {
      for (Index n : {1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 32, 33, 65}) check_product<TypeParam>({m, k, n});
    }
  }
}

TYPED_TEST(KernelsTest, ProductOfEveryForm) {
  for (int form = 0; form < 32; ++form) {
    for (Index m : {1, 7, 14}) {
      for (Index k : {1, 9, 20}) {
        for (Index n : {1, 6, 13, 35}) {
          const bool accumulate = form & 2;
          check_product<TypeParam>({m, k, n, (form & 1) && !accumulate, accumulate, bool(form & 4), bool(form & 8),
                                    form & 16 ? Index{3} : Index{0}});
        }
      }
    }
  }
}

// Beyond one block of k (256 steps): the chain goes on from what the outputs hold.
TYPED_TEST(KernelsTest, ProductOfLongChains) {
  for (Index k : {255, 256, 257, 511, 513, 800}) {
    check_product<TypeParam>({7, k, 37, true});
    check_product<TypeParam>({13, k, 5, false, true, true});
    check_product<TypeParam>({1, k, 33, false, false, false, true});
  }
}

TYPED_TEST(KernelsTest, AnOutputDoesNotDependOnTheRowsAroundIt) {
  using S = TypeParam;
  const Index k = 300, n = 21, rows = 40;
  const Matrix<S> a = random_matrix<S>(rows, k, 1), b = random_matrix<S>(k, n, 2), bias = random_matrix<S>(1, n, 3);
  for (const Table<S>* table : tables<S>()) {
    SCOPED_TRACE(table->name);
    const Matrix<S> all = run(*table, {rows, k, n, true}, a, b, bias, {});
    for (Index count = 1; count < rows; ++count) {
      const Matrix<S> some = run(*table, {count, k, n, true}, Matrix<S>(a.bottomRows(count)), b, bias, {});
      ASSERT_TRUE(same_bits(some, all.bottomRows(count)));
    }
  }
}

TYPED_TEST(KernelsTest, Transpose) {
  using S = TypeParam;
  for (const Table<S>* table : tables<S>()) {
    SCOPED_TRACE(table->name);
    for (Index rows = 1; rows <= 35; ++rows) {
      for (Index cols = 1; cols <= 35; ++cols) {
        const Index gap = rows % 3;
        const Matrix<S> wide = random_matrix<S>(rows, cols + gap, 1);
        Matrix<S> out = Matrix<S>::Constant(cols, rows + 2, untouched<S>);
        table->transpose({wide.data(), rows, cols, cols + gap}, out.data(), rows + 2);
        ASSERT_TRUE(same_bits(out.leftCols(rows), wide.leftCols(cols).transpose())) << rows << " " << cols;
        ASSERT_TRUE((out.rightCols(2).array() == untouched<S>).all());
      }
    }
  }
}

TYPED_TEST(KernelsTest, Multiply) {
  using S = TypeParam;
  for (const Table<S>* table : tables<S>()) {
    SCOPED_TRACE(table->name);
    for (Index count = 0; count <= 70; ++count) {
      const Matrix<S> a = random_matrix<S>(1, count, 1), b = random_matrix<S>(1, count, 2);
      Matrix<S> out = Matrix<S>::Constant(1, count + 1, untouched<S>);
      table->multiply(a.data(), b.data(), out.data(), count, false);
      EXPECT_TRUE(same_bits(out.leftCols(count), a.cwiseProduct(b)));
      table->multiply(b.data(), b.data(), out.data(), count, true);
      for (Index i = 0; i < count; ++i) {
        const long double exact =
            static_cast<long double>(a(0, i) * b(0, i)) + static_cast<long double>(b(0, i)) * b(0, i);
        const S unit = std::numeric_limits<S>::epsilon();
        EXPECT_LE(std::abs(out(0, i) - exact), unit * (std::abs(a(0, i) * b(0, i)) + b(0, i) * b(0, i)));
      }
      EXPECT_EQ(out(0, count), untouched<S>);
    }
  }
}

TYPED_TEST(KernelsTest, ColumnSumsRunInAscendingOrder) {
  using S = TypeParam;
  for (const Table<S>* table : tables<S>()) {
    SCOPED_TRACE(table->name);
    for (Index rows : {0, 1, 2, 7, 100}) {
      for (Index cols = 1; cols <= 35; ++cols) {
        const Matrix<S> wide = random_matrix<S>(rows, cols + 2, 1), start = random_matrix<S>(1, cols, 2);
        Matrix<S> out = Matrix<S>::Constant(1, cols + 1, untouched<S>), on_top = out;
        on_top.leftCols(cols) = start;
        table->column_sums({wide.data(), rows, cols, cols + 2}, out.data(), false);
        table->column_sums({wide.data(), rows, cols, cols + 2}, on_top.data(), true);
        for (Index c = 0; c < cols; ++c) {
          S plain = 0, continued = start(0, c);
          for (Index r = 0; r < rows; ++r) {
            plain += wide(r, c);
            continued += wide(r, c);
          }
          EXPECT_EQ(out(0, c), plain);
          EXPECT_EQ(on_top(0, c), continued);
        }
        EXPECT_EQ(out(0, cols), untouched<S>);
        EXPECT_EQ(on_top(0, cols), untouched<S>);
      }
    }
  }
}

TYPED_TEST(KernelsTest, MultiplyAndSumIsBothInOne) {
  using S = TypeParam;
  for (const Table<S>* table : tables<S>()) {
    SCOPED_TRACE(table->name);
    for (Index rows : {0, 1, 7, 8, 9, 40}) {
      for (Index cols : {1, 4, 7, 16, 35}) {
        const Matrix<S> a = random_matrix<S>(rows, cols, 1), b = random_matrix<S>(rows, cols, 2);
        for (const bool accumulate : {false, true}) {
          Matrix<S> product = Matrix<S>::Constant(rows + 1, cols, untouched<S>), expected = product;
          Matrix<S> sums = random_matrix<S>(1, cols, 3), expected_sums = sums;
          table->multiply_and_sum({a.data(), rows, cols, cols}, b.data(), product.data(), sums.data(), accumulate);
          table->multiply(a.data(), b.data(), expected.data(), rows * cols, false);
          table->column_sums({expected.data(), rows, cols, cols}, expected_sums.data(), accumulate);
          EXPECT_TRUE(same_bits(product, expected));
          EXPECT_TRUE(same_bits(sums, expected_sums));
        }
      }
    }
  }
}

// Within 4 units of each probability, and the same bits on every table with fused multiply-adds.
template <Real S>
void check_softmax(const Matrix<S>& z) {
  const Index gap = 3;
  Matrix<S> wide = Matrix<S>::Constant(z.rows(), z.cols() + gap, std::numeric_limits<S>::quiet_NaN());
  wide.leftCols(z.cols()) = z;
  Matrix<S> fused;
  for (const Table<S>* table : tables<S>()) {
    SCOPED_TRACE(table->name);
    Matrix<S> p(z.rows(), z.cols());
    Matrix<double> log_sum(1, z.rows());
    table->softmax_rows({wide.data(), z.rows(), z.cols(), z.cols() + gap}, p.data(), log_sum.data());
    for (Index r = 0; r < z.rows(); ++r) {
      const long double largest = z.row(r).maxCoeff();
      long double sum = 0;
      for (Index c = 0; c < z.cols(); ++c) sum += std::exp(z(r, c) - largest);
      const long double exact_log = largest + std::log(sum);
      // The sum itself is of S's numbers.
      const long double unit = std::numeric_limits<S>::epsilon();
      EXPECT_LE(std::abs(log_sum(0, r) - exact_log), 2 * unit + 4e-16L * std::abs(exact_log)) << r;
      for (Index c = 0; c < z.cols(); ++c) {
        const long double exact = std::exp(z(r, c) - largest) / sum;
        // z - largest is rounded once: a relative error of |z - largest| / 2 units in the result.
        const long double shift = exact == 0 ? 0 : std::abs(z(r, c) - largest);
        ASSERT_LE(std::abs(p(r, c) - exact), (4 + shift) * unit * exact + std::numeric_limits<S>::min())
            << r << ", " << c;
      }
    }
    if (std::string_view(table->name) == "baseline") continue;
    if (fused.size()) {
      EXPECT_TRUE(same_bits(p, fused));
    }
    fused = p;
  }
}

TYPED_TEST(KernelsTest, SoftmaxRows) {
  using S = TypeParam;
  for (Index cols : {1, 2, 3, 7, 8, 9, 16, 17, 33, 100}) {
    check_softmax<S>(random_matrix<S>(5, cols, 1));
    check_softmax<S>(20 * random_matrix<S>(5, cols, 2));
  }
}

TYPED_TEST(KernelsTest, SoftmaxOfExtremeLogits) {
  using S = TypeParam;
  const S huge = std::numeric_limits<S>::max(), infinity = std::numeric_limits<S>::infinity();
  check_softmax<S>(Matrix<S>{{huge, huge, huge, huge, huge}});
  check_softmax<S>(Matrix<S>{{-huge, -huge}});
  check_softmax<S>(Matrix<S>{{S(1e30), 0, S(-1e30)}});
  check_softmax<S>(Matrix<S>{{huge, -huge, 0}});
  check_softmax<S>(Matrix<S>{{0, -infinity, 1, -infinity, -infinity, 2}});
  check_softmax<S>(Matrix<S>{{S(1e-40), 0, S(-1e-40)}});
  check_softmax<S>(Matrix<S>::Constant(1, 100'000, S(3)));
}

TYPED_TEST(KernelsTest, SoftmaxOfWhatHasNoAnswerIsNaN) {
  using S = TypeParam;
  const S infinity = std::numeric_limits<S>::infinity(), nan = std::numeric_limits<S>::quiet_NaN();
  for (const Table<S>* table : tables<S>()) {
    SCOPED_TRACE(table->name);
    for (const Matrix<S>& z :
         {Matrix<S>{{infinity, 0, 0}}, Matrix<S>{{0, infinity, infinity}}, Matrix<S>{{-infinity, -infinity, -infinity}},
          Matrix<S>{{nan, 0, 0}}, Matrix<S>{{0, 0, nan}}}) {
      Matrix<S> p(1, 3);
      double log_sum = 0;
      table->softmax_rows({z.data(), 1, 3, 3}, p.data(), &log_sum);
      EXPECT_TRUE(std::isnan(log_sum)) << z << " -> " << log_sum;
      EXPECT_TRUE(p.array().isNaN().any()) << z << " -> " << p;
    }
  }
}

}  // namespace
}  // namespace evengrad
