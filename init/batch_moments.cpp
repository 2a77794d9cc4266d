#include <evengrad/init/batch_moments.hpp>

#include <evengrad/init/quadrature.hpp>

namespace evengrad {

namespace {

using Block = std::array<double, quadrature::points>;

// Gegenbauer's polynomials on the sphere of n dimensions, R_l(1) = 1. For two samples of correlation t on it and a
// function g of one, E[g g] = sum over l of dimension_l E[g R_l]^2 R_l(t) (Funk and Hecke). Here t = -1/n, where R_l is
// of the order n^(-(l + 1) / 2): these terms are enough.
constexpr std::size_t terms = 9;

std::array<double, terms> polynomials(double n, double t) {
  std::array<double, terms> r{1, t};
  for (std::size_t i = 1; i + 1 < terms; ++i) {
    const auto l = static_cast<double>(i);
    r[i + 1] = ((2 * l + n - 2) * t * r[i] - l * r[i - 1]) / (l + n - 2);
  }
  return r;
}

// How many independent harmonics of a degree there are.
std::array<double, terms> dimensions(double n) {
  std::array<double, terms> all{1, n};
  for (std::size_t i = 1; i + 1 < terms; ++i) {
    const auto l = static_cast<double>(i);
    all[i + 1] = all[i] * (2 * l + n) * (l + n - 2) / ((2 * l + n - 2) * (l + 1));
  }
  return all;
}

}  // namespace

BatchMoments batch_moments(const Activation& f, double m, double share) {
  const double f0 = f.value(0), nan = std::nan("");
  if (!(m >= 4) || std::isnan(share)) return {nan, nan, nan, nan, nan, nan, nan};
  if (share == 0) {
    const double zero = f0 == 0 ? 0.5 : 0;
    return {f0, f0 * f0, 0, zero, zero, std::pow(f.derivative(0), 2) * (1 - 1 / m), 0};
  }
  const double n = m - 1, radius = std::sqrt(n), scale = std::sqrt(share);
  std::vector<double> cuts{radius, -radius};
  for (const double kink : f.kinks()) cuts.push_back(kink / scale);

  // Of one sample, y = z / scale: squares, then f - f(0), f' and y f' with each polynomial.
  enum : std::size_t { whole, value_square, slope_square, y_slope_square, below, above, products };
  enum : std::size_t { with_value, with_slope, with_y_slope };
  const auto product = [](std::size_t what, std::size_t l) { return products + 3 * l + what; };
  constexpr std::size_t count = products + 3 * terms;
  const auto e = quadrature::expect<count>(quadrature::intervals(cuts),
                                           [&](const Block& y, quadrature::Samples<count>& samples) {
                                             Block z, value, slope;
                                             for (int i = 0; i < quadrature::points; ++i) z[i] = scale * y[i];
                                             f(z.data(), value.data(), slope.data(), quadrature::points);
                                             for (int i = 0; i < quadrature::points; ++i) {
                                               for (auto& integrand : samples) integrand[i] = 0;
                                               const double square = y[i] * y[i], v = value[i] - f0, d = slope[i];
                                               if (square >= n) continue;
                                               // The density (1 - y^2/n)^((n - 3)/2), up to a factor, over the normal
                                               // one.
                                               const double density =
                                                   std::exp((n - 3) / 2 * std::log1p(-square / n) + square / 2);
                                               samples[whole][i] = density;
                                               samples[value_square][i] = density * v * v;
                                               samples[slope_square][i] = density * d * d;
                                               samples[y_slope_square][i] = density * square * d * d;
                                               if (value[i] == 0) samples[y[i] < 0 ? below : above][i] = density;
                                               const std::array<double, terms> r = polynomials(n, y[i] / radius);
                                               for (std::size_t l = 0; l < terms; ++l) {
                                                 samples[product(with_value, l)][i] = density * r[l] * v;
                                                 samples[product(with_slope, l)][i] = density * r[l] * d;
                                                 samples[product(with_y_slope, l)][i] = density * r[l] * y[i] * d;
                                               }
                                             }
                                           },
                                           {1e-12, 200});
  const auto expected = [&](std::size_t k) { return e.value[k] / e.value[whole]; };
  const std::array<double, terms> dimension = dimensions(n), between = polynomials(n, -1 / n);
  const auto pair = [&](std::size_t what) {  // E[g g] of two samples
    double sum = 0;
    for (std::size_t l = 0; l < terms; ++l) {
      const double projection = expected(product(what, l));
      sum += dimension[l] * projection * projection * between[l];
    }
    return sum;
  };

  BatchMoments b;
  const double shift = expected(product(with_value, 0));
  b.mean = f0 + shift;
  b.second = expected(value_square) + 2 * f0 * shift + f0 * f0;
  b.gap = expected(value_square) - pair(with_value);
  b.zero_below = expected(below), b.zero_above = expected(above);
  // J = 1 - 1 1^T/m - share y y^T/m, and J^2 takes this part of y y^T/m away. Of D = diag f': tr(D J^2 D) / m and
  // f'^T J^2 f' / m.
  const double along = share * (2 - share), slopes = expected(slope_square), y_slopes = expected(y_slope_square);
  b.separate = slopes - (slopes + along * y_slopes) / m;
  b.shared = slopes - (slopes + along * y_slopes + n * (pair(with_slope) + along * pair(with_y_slope))) / m;
  return b;
}

}  // namespace evengrad
