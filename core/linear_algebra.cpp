#include <evengrad/core/linear_algebra.hpp>

#include <evengrad/core/kernels/kernels.hpp>

#include <cmath>
#include <limits>
#include <vector>

namespace evengrad {

template <Real S>
void detail::product(Factor<S> a, Factor<S> b, S* out) {
  const auto& kernel = kernels::kernels<S>();
  std::vector<S> packed(static_cast<std::size_t>(kernel.packed_size(b.rows, b.cols)));
  const kernels::Panels<S> panels =
      kernel.pack({b.data, b.row_stride, b.col_stride}, a.rows, b.rows, b.cols, packed.data());
  kernel.product({a.data, a.row_stride, a.col_stride}, b.rows, panels, {}, {out, a.rows, b.cols, b.cols});
}

template void detail::product(Factor<float>, Factor<float>, float*);
template void detail::product(Factor<double>, Factor<double>, double*);

Qr factorize(Matrix<double> x) {
  const Index n = x.rows(), m = x.cols();
  eigen_assert(n >= m);
  std::vector<double> taus;
  Eigen::RowVectorXd sums(m);
  // Columns k and beyond of `rows` become (1 - tau v v^T) of them, where v is 1 in row k and what x holds below it.
  const auto reflect = [&](Matrix<double>& rows, Index k, Index first, double tau) {
    const Index count = m - first;
    auto along = sums.head(count);
    along = rows.row(k).tail(count);
    for (Index i = k + 1; i < n; ++i) along += x(i, k) * rows.row(i).tail(count);
    along *= tau;
    rows.row(k).tail(count) -= along;
    for (Index i = k + 1; i < n; ++i) rows.row(i).tail(count) -= x(i, k) * along;
  };
  for (Index k = 0; k < m; ++k) {
    double below = 0;
    for (Index i = k + 1; i < n; ++i) below += x(i, k) * x(i, k);
    const double head = x(k, k);
    if (below <= std::numeric_limits<double>::min()) {
      taus.push_back(0);
      continue;
    }
    const double diagonal = -std::copysign(std::sqrt(head * head + below), head);
    for (Index i = k + 1; i < n; ++i) x(i, k) /= head - diagonal;
    taus.push_back((diagonal - head) / diagonal);
    x(k, k) = diagonal;
    reflect(x, k, k + 1, taus.back());
  }
  Qr result{Matrix<double>::Identity(n, m), x.topRows(m).triangularView<Eigen::Upper>()};
  for (Index k = m; k-- > 0;) reflect(result.q, k, k, taus[static_cast<std::size_t>(k)]);
  return result;
}

}  // namespace evengrad
