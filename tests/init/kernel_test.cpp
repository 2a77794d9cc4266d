#include <evengrad/init/kernel.hpp>

#include <evengrad/activations/registry.hpp>
#include <evengrad/core/error.hpp>

#include <gtest/gtest.h>

#include <cmath>
#include <span>

namespace evengrad {
namespace {

const std::vector<Covariance> covariances = {{1, 1, 0},      {1, 1, 0.5},      {1, 1, -0.7},     {1, 1, 0.999999},
                                             {1, 1, 1},      {1, 1, -1},       {0.3, 2, 0.1},    {0.3, 2, 0.7745},
                                             {4, 4, 3.9999}, {4, 0.01, -0.15}, {9, 1e-4, 0.029}, {20, 20, 5}};

TEST(Kernel, ClosedFormsAgreeWithQuadrature) {
  for (const char* name :
       {"erf", "sin", "gelu", "relu", "leaky_relu(0.2)", "prelu", "identity", "abs(x)", "where(x>0,3*x,x/2)"}) {
    const Activation f = activation(name);
    for (const Covariance& c : covariances) {
      const auto closed = closed_kernel(f, c);
      ASSERT_TRUE(closed) << name;
      const PairKernel by_sum = quadrature_kernel(f, c);
      const std::string where = text(name, " at ", c.u, ' ', c.v, ' ', c.both);
      EXPECT_NEAR(by_sum.value, closed->value, 1e-8 * std::max(1.0, std::abs(closed->value))) << where;
      EXPECT_NEAR(by_sum.slope, closed->slope, 1e-8 * std::max(1.0, std::abs(closed->slope))) << where;
    }
  }
  EXPECT_FALSE(closed_kernel(activation("tanh"), {}));
}

// Price: the one is the other's derivative, for activations without a closed form too.
TEST(Kernel, TheSlopeIsTheDerivativeByTheCovariance) {
  for (const char* name : {"tanh", "silu", "elu", "hard_swish", "gelu", "erf"}) {
    const Activation f = activation(name);
    constexpr double h = 1e-3;
    for (const double both : {-0.6, 0.1, 0.8}) {
      const auto at = [&](double by) { return quadrature_kernel(f, {0.8, 1.5, both + by}).value; };
      const double slope = (8 * (at(h) - at(-h)) - (at(2 * h) - at(-2 * h))) / (12 * h);
      EXPECT_NEAR(quadrature_kernel(f, {0.8, 1.5, both}).slope, slope, 1e-7) << name << both;
    }
  }
}

TEST(Kernel, OfLinearNetsIsTheInputsOwn) {
  Matrix<double> x(2, 2);
  x << 1, 2, -1, 3;
  const NetKernels k = net_kernels(activation("identity"), initializer("lecun"), 4, x);
  EXPECT_NEAR(k.nngp(0, 1), 2.5, 1e-13);
  EXPECT_NEAR(k.ntk(0, 1), 5 * 2.5, 1e-12);  // one share a layer
  // Cho and Saul 2009 with He's scale: norms stay, 60 degrees have the cosine below.
  Matrix<double> y(2, 2);
  y << std::sqrt(2), 0, std::sqrt(2) / 2, std::sqrt(2) * std::sqrt(0.75);
  const NetKernels r = net_kernels(activation("relu"), initializer("lecun(gain=1.4142135623730951)"), 1, y);
  const double pi = std::acos(-1.0), c = (std::sqrt(0.75) + 0.5 * (pi - pi / 3)) / pi;
  EXPECT_NEAR(r.nngp(0, 0), 2, 1e-12);  // first layer too: 2 x.x / 2 = 2, then kept
  EXPECT_NEAR(r.nngp(0, 1) / r.nngp(0, 0), c, 1e-12);
  EXPECT_NEAR(r.ntk(0, 1), 2 * c + (pi - pi / 3) / pi * 2 * 0.5, 1e-12);
}

// The same from random nets of width 500: sums over parameters of products of derivatives.
TEST(Kernel, WideNetsHaveIt) {
  constexpr Index width = 500, samples = 3, nets = 60;
  for (const char* name : {"tanh", "gelu", "elu"}) {
    const Activation f = activation(name);
    constexpr double weight = 1.7, bias = 0.2;  // variances
    Matrix<double> x(samples, 4);
    Rng(7).fill_normal(std::span<double>(x.data(), static_cast<std::size_t>(x.size())));
    const NetKernels k =
        net_kernels(f, initializer(text("gaussian(", std::sqrt(weight), ",", std::sqrt(bias), ")")), 2, x);
    Matrix<double> sum[2], squares[2];
    for (int i : {0, 1}) sum[i] = squares[i] = Matrix<double>::Zero(samples, samples);
    for (int net = 0; net < nets; ++net) {
      Rng rng = Rng(9).split(static_cast<std::uint64_t>(net));
      std::vector<Matrix<double>> w, h{x}, d;
      const Index sizes[] = {4, width, width, 1};
      Matrix<double> y;
      for (int l = 0; l < 3; ++l) {
        Matrix<double> draw(sizes[l], sizes[l + 1]), b(1, sizes[l + 1]);
        rng.fill_normal(std::span<double>(draw.data(), static_cast<std::size_t>(draw.size())));
        rng.fill_normal(std::span<double>(b.data(), static_cast<std::size_t>(b.size())));
        w.push_back(draw * std::sqrt(weight / static_cast<double>(sizes[l])));
        y = h.back() * w.back();
        y.rowwise() += std::sqrt(bias) * b.row(0);
        if (l == 2) break;
        Matrix<double> value(y.rows(), y.cols()), slope(y.rows(), y.cols());
        f(y.data(), value.data(), slope.data(), y.size());
        h.push_back(value), d.push_back(slope);
      }
      Matrix<double> delta = Matrix<double>::Ones(samples, 1), ntk = Matrix<double>::Zero(samples, samples);
      for (int l = 2; l >= 0; --l) {
        const Matrix<double> inner = (weight / static_cast<double>(sizes[l]) * h[static_cast<std::size_t>(l)] *
                                      h[static_cast<std::size_t>(l)].transpose())
                                         .array() +
                                     bias;
        ntk += inner.cwiseProduct(delta * delta.transpose());
        if (l > 0)
          delta = (delta * w[static_cast<std::size_t>(l)].transpose()).cwiseProduct(d[static_cast<std::size_t>(l - 1)]);
      }
      // The last hidden layer's average over units, which an output's product is in the mean.
      const Matrix<double> nngp = (weight / width * h[2] * h[2].transpose()).array() + bias;
      sum[0] += nngp, squares[0] += nngp.cwiseProduct(nngp);
      sum[1] += ntk, squares[1] += ntk.cwiseProduct(ntk);
    }
    for (int which : {0, 1}) {
      const Matrix<double>& exact = which == 0 ? k.nngp : k.ntk;
      for (Index i = 0; i < samples; ++i) {
        for (Index j = 0; j <= i; ++j) {
          const double mean = sum[which](i, j) / nets;
          const double error = std::sqrt((squares[which](i, j) / nets - mean * mean) / (nets - 1));
          // Chance, and what is left of the width: of the order of depth / width.
          EXPECT_NEAR(mean, exact(i, j), 4 * error + 0.01 * std::abs(exact(i, j))) << name << which << i << j;
          EXPECT_LT(error, 0.05 * std::abs(exact(i, j)) + 0.02) << name;
        }
      }
    }
  }
}

TEST(Kernel, IsRefusedWhereThereIsNone) {
  const Matrix<double> x = Matrix<double>::Ones(2, 3);
  EXPECT_THROW(net_kernels(activation("exp(x^2)"), initializer("lecun"), 1, x), UsageError);
  EXPECT_THROW(net_kernels(activation("relu"), initializer("constant(0.1)"), 1, x), UsageError);
  EXPECT_THROW(net_kernels(activation("relu"), initializer("playground"), 1, x), UsageError);
}

}  // namespace
}  // namespace evengrad
