// Every instruction set's kernels for nets side by side against its kernels for one net: the same bits in each lane.
#include <evengrad/core/kernels/ensemble.hpp>
#include <evengrad/core/kernels/kernels.hpp>

#include "../matrices.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>

namespace evengrad {
namespace {

template <class S>
class EnsembleKernels : public ::testing::Test {
 protected:
  void for_each_set(const std::function<void(const kernels::EnsembleTable<S>&, const kernels::Table<S>&)>& check) {
    for (const Isa isa : {Isa::baseline, Isa::avx2, Isa::avx512}) {
      const auto* table = kernels::ensemble_for<S>(isa);
      if (!table) continue;
      SCOPED_TRACE(kernels::kernels_for<S>(isa)->name);
      check(*table, *kernels::kernels_for<S>(isa));
    }
  }
  // The matrix of one net, taken out of its lane.
  static Matrix<S> lane(const Matrix<S>& all, Index net, Index lanes) {
    Matrix<S> one(all.rows(), all.cols() / lanes);
    for (Index r = 0; r < one.rows(); ++r) {
      for (Index c = 0; c < one.cols(); ++c) one(r, c) = all(r, c * lanes + net);
    }
    return one;
  }
};
using Scalars = ::testing::Types<float, double>;
TYPED_TEST_SUITE(EnsembleKernels, Scalars);

TYPED_TEST(EnsembleKernels, ProductsOfEachNet) {
  using S = TypeParam;
  this->for_each_set([&](const kernels::EnsembleTable<S>& table, const kernels::Table<S>& one) {
    const Index lanes = table.lanes;
    for (Index m = 1; m <= 14; ++m) {
      for (Index n = 1; n <= 10; ++n) {
        const Index k = 5 * ((m + n) % 4);  // none too
        const Matrix<S> left = random_matrix<S>(m, k * lanes, 1), right = random_matrix<S>(n, k * lanes, 2);
        const Matrix<S> bias = random_matrix<S>(1, n * lanes, 3);
        for (const bool biased : {true, false}) {
          Matrix<S> out(m, n * lanes);
          table.product({left.data(), k * lanes, lanes}, {right.data(), k * lanes, lanes}, k,
                        biased ? bias.data() : nullptr, out.data(), m, n);
          for (Index net = 0; net < lanes; ++net) {
            const Matrix<S> a = this->lane(left, net, lanes), b = this->lane(right, net, lanes);
            const Matrix<S> start = this->lane(bias, net, lanes);
            std::vector<S> packed(static_cast<std::size_t>(one.packed_size(k, n)));
            const kernels::Panels<S> panels = one.pack({b.data(), 1, k}, m, k, n, packed.data());
            Matrix<S> expected(m, n);
            one.product({a.data(), k, 1}, k, panels, {biased ? start.data() : nullptr, false},
                        {expected.data(), m, n, n});
            EXPECT_EQ(this->lane(out, net, lanes), expected) << m << " x " << k << " x " << n;
          }
        }
      }
    }
  });
}

TYPED_TEST(EnsembleKernels, ColumnSumsOfEachNet) {
  using S = TypeParam;
  this->for_each_set([&](const kernels::EnsembleTable<S>& table, const kernels::Table<S>& one) {
    const Matrix<S> in = random_matrix<S>(13, 3 * table.lanes, 1);
    Matrix<S> sums(1, 3 * table.lanes);
    table.column_sums(in.data(), 13, 3, sums.data());
    for (Index net = 0; net < table.lanes; ++net) {
      const Matrix<S> of_net = this->lane(in, net, table.lanes);
      Matrix<S> expected(1, 3);
      one.column_sums({of_net.data(), 13, 3, 3}, expected.data(), false);
      EXPECT_EQ(this->lane(sums, net, table.lanes), expected);
    }
  });
}

TYPED_TEST(EnsembleKernels, TheFirstOfTheLargestIsTheAnswer) {
  using S = TypeParam;
  this->for_each_set([&](const kernels::EnsembleTable<S>& table, const kernels::Table<S>&) {
    const Index lanes = table.lanes;
    Matrix<S> logits(2, 3 * lanes), labels(2, lanes), slopes(2, 3 * lanes), loss(1, lanes), right(1, lanes);
    logits.setZero();
    logits.row(1).segment(2 * lanes, lanes).setConstant(1);  // the second sample is of class 2
    for (Index net = 0; net < lanes; ++net) labels(0, net) = labels(1, net) = static_cast<S>(net % 3);
    table.cross_entropy(logits.data(), labels.data(), 2, 3, 0, slopes.data(), loss.data(), right.data());
    for (Index net = 0; net < lanes; ++net) {
      EXPECT_EQ(right(0, net), net % 3 == 1 ? 0 : 1);
      const double hit = net % 3 == 2 ? 1 : 0;
      EXPECT_NEAR(loss(0, net), (std::log(3) + std::log(2 + std::exp(1)) - hit) / 2, 1e-6);
    }
  });
}

TYPED_TEST(EnsembleKernels, FindsTheNetThatIsNotFinite) {
  using S = TypeParam;
  this->for_each_set([&](const kernels::EnsembleTable<S>& table, const kernels::Table<S>&) {
    for (const S bad : {std::numeric_limits<S>::infinity(), -std::numeric_limits<S>::infinity(),
                        std::numeric_limits<S>::quiet_NaN()}) {
      for (Index at = 0; at < 7; ++at) {
        Matrix<S> numbers = Matrix<S>::Constant(7, table.lanes, std::numeric_limits<S>::max());
        numbers(at, at % table.lanes) = bad;
        Matrix<S> out(1, table.lanes);
        table.check_finite(numbers.data(), 7, out.data());
        for (Index net = 0; net < table.lanes; ++net) EXPECT_EQ(out(0, net) == 0, net != at % table.lanes);
      }
    }
  });
}

}  // namespace
}  // namespace evengrad
