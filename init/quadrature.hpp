// Expectations under a standard normal: adaptive Gauss-Kronrod quadrature of several integrands at once, in blocks.
#pragma once

#include <evengrad/core/real.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <span>
#include <vector>

namespace evengrad::quadrature {

constexpr int points = 31;

/// The Gauss-Kronrod pair of 15 and 31 points on [-1, 1]; `gauss` is 0 at nodes that are only Kronrod's.
struct Rule {
  std::array<double, points> node, kronrod, gauss;
};
const Rule& rule();

/// Where expectations end: the normal density is 1e-306 there, so that even the mean of exp(10 z), around z = 10, is
/// complete.
constexpr double edge = 37.5;

/// The numbers of N integrands at the nodes of one interval: samples[k][i] = f_k(z[i]).
template <std::size_t N>
using Samples = std::array<std::array<double, points>, N>;

/// The expectations of N integrands, and the estimated error of each relative to the expectation of its magnitude.
/// What does not converge or does not exist is infinite or NaN.
template <std::size_t N>
struct Expectations {
  std::array<double, N> value{}, error{};
};

/// How hard to try: until every error is below `tolerance`, in at most `pieces` intervals. Where integrand k is a
/// difference of numbers as large as those of integrand like[k], what these round to is not resolved either.
struct Effort {
  double tolerance = 1e-13;
  std::size_t pieces = 400;
  std::span<const std::size_t> like = {};  ///< empty, or one an integrand: itself where nothing cancels
};

/// The intervals between these points of the standard normal's axis, sorted, -+edge included.
std::vector<double> intervals(std::span<const double> cuts);

/// Over one interval: integrals, integrals of magnitudes, and error estimates (as QUADPACK's qk31).
template <std::size_t N>
struct Piece {
  double low, high;
  std::array<double, N> value{}, magnitude{}, error{};
  std::array<double, N> at_edge{};  // magnitude per unit of z where expectations end
};

template <std::size_t N, class Integrands>
Piece<N> evaluate(double low, double high, const Integrands& integrands) {
  const Rule& r = rule();
  const double half = (high - low) / 2, middle = (high + low) / 2;
  std::array<double, points> z, density;
  for (int i = 0; i < points; ++i) {
    z[i] = middle + half * r.node[i];
    density[i] = half * 0.3989422804014327 * std::exp(-z[i] * z[i] / 2);
  }
  Samples<N> samples;
  integrands(z, samples);
  Piece<N> piece{low, high};
  for (std::size_t k = 0; k < N; ++k) {
    double value = 0, gauss = 0, magnitude = 0, spread = 0;
    for (int i = 0; i < points; ++i) {
      const double y = density[i] * samples[k][i];
      value += r.kronrod[i] * y;
      gauss += r.gauss[i] * y;
      magnitude += r.kronrod[i] * std::abs(y);
    }
    for (int i = 0; i < points; ++i) spread += r.kronrod[i] * std::abs(density[i] * samples[k][i] - value / 2);
    const double difference = std::abs(value - gauss);
    piece.value[k] = value;
    piece.magnitude[k] = magnitude;
    const int outermost = high == edge ? points - 1 : 0;
    if (high == edge || low == -edge) piece.at_edge[k] = std::abs(density[outermost] * samples[k][outermost]) / half;
    piece.error[k] = spread > 0 ? spread * std::min(1.0, std::pow(200 * difference / spread, 1.5)) : difference;
  }
  return piece;
}

/// E[f_k(z)] for z ~ N(0, 1). `integrands(z, samples)` fills the samples at 31 nodes. `cuts` as from intervals():
/// integrands are smooth between them.
template <std::size_t N, class Integrands>
Expectations<N> expect(const std::vector<double>& cuts, const Integrands& integrands, const Effort& effort = {}) {
  std::vector<Piece<N>> pieces;
  for (std::size_t i = 0; i + 1 < cuts.size(); ++i) pieces.push_back(evaluate<N>(cuts[i], cuts[i + 1], integrands));
  std::array<double, N> value, magnitude, error, at_edge;
  for (;;) {
    value = magnitude = error = at_edge = {};
    for (const Piece<N>& piece : pieces) {
      for (std::size_t k = 0; k < N; ++k) {
        value[k] += piece.value[k];
        magnitude[k] += piece.magnitude[k];
        error[k] += piece.error[k];
        at_edge[k] += piece.at_edge[k];
      }
    }
    const auto share = [&](const std::array<double, N>& errors, std::size_t k) {
      return magnitude[k] > 1e-280 && std::isfinite(magnitude[k]) ? errors[k] / magnitude[k] : 0;
    };
    const auto worst_share = [&](const std::array<double, N>& errors) {
      double worst = 0;
      for (std::size_t k = 0; k < N; ++k) worst = std::max(worst, share(errors, k));
      return worst;
    };
    constexpr double rounding = 1e-15;
    bool done = true;
    for (std::size_t k = 0; k < N; ++k) {
      const double rounds = effort.like.empty() ? 0 : rounding * magnitude[effort.like[k]];
      done = done && (share(error, k) <= effort.tolerance || error[k] <= rounds);
    }
    if (done || pieces.size() >= effort.pieces) {
      for (std::size_t k = 0; k < N; ++k) error[k] = share(error, k) + rounding;
      break;
    }
    const auto worst = std::max_element(pieces.begin(), pieces.end(), [&](const Piece<N>& a, const Piece<N>& b) {
      return worst_share(a.error) < worst_share(b.error);
    });
    const double low = worst->low, high = worst->high, middle = (low + high) / 2;
    if (!(low < middle && middle < high)) {
      worst->error = {};  // as fine as numbers are: what is left is rounding
      continue;
    }
    *worst = evaluate<N>(low, middle, integrands);
    pieces.push_back(evaluate<N>(middle, high, integrands));
  }
  for (std::size_t k = 0; k < N; ++k) {
    if (error[k] > 1e-4) value[k] = std::nan("");
    if (at_edge[k] > std::max(1e-200, 1e-10 * magnitude[k])) value[k] = HUGE_VAL;
  }
  return {value, error};
}

}  // namespace evengrad::quadrature
