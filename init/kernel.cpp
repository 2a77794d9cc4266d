#include <evengrad/init/kernel.hpp>

#include <evengrad/core/linear_algebra.hpp>

#include <evengrad/core/error.hpp>
#include <evengrad/init/mean_field.hpp>
#include <evengrad/init/quadrature.hpp>

#include <algorithm>
#include <cmath>

namespace evengrad {

namespace {

constexpr double pi = 3.14159265358979323846;

using Block = std::array<double, quadrature::points>;

double cosine(const Covariance& c) { return std::clamp(c.both / std::sqrt(c.u * c.v), -1.0, 1.0); }

// f(x) = even |x| + odd x.
PairKernel homogeneous(double below, double above, const Covariance& c) {
  const double odd = (above + below) / 2, even = (above - below) / 2, rho = cosine(c);
  const double root = std::sqrt(std::max(0.0, (1 - rho) * (1 + rho)));
  const double sizes = 2 / pi * std::sqrt(c.u * c.v) * (root + rho * std::asin(rho));  // E|u||v|
  return {odd * odd * c.both + even * even * sizes, odd * odd + even * even * 2 / pi * std::asin(rho)};
}

PairKernel error_function(const Covariance& c) {
  const double a = (1 + 2 * c.u) * (1 + 2 * c.v);
  return {2 / pi * std::asin(2 * c.both / std::sqrt(a)), 4 / pi / std::sqrt(a - 4 * c.both * c.both)};
}

PairKernel sine(const Covariance& c) {
  const double mean = (c.u + c.v) / 2, near = std::exp(c.both - mean), far = std::exp(-c.both - mean);
  return {(near - far) / 2, (near + far) / 2};
}

PairKernel gelu(const Covariance& c) {
  const double a = (1 + c.u) * (1 + c.v), k = c.both, root = std::sqrt(a - k * k);
  const double orthant = 0.25 + std::asin(k / std::sqrt(a)) / (2 * pi);  // E[Phi(u) Phi(v)]
  const double rest = 1 - c.u / (1 + c.u) - c.v / (1 + c.v), bend = c.u * c.v + k * k * rest;
  return {k * orthant + bend / (2 * pi * root),
          orthant + (k + 2 * k * rest) / (2 * pi * root) + bend * k / (2 * pi * root * root * root)};
}

}  // namespace

std::optional<PairKernel> closed_kernel(const Activation& f, const Covariance& c) {
  if (!(c.u > 0 && c.v > 0)) return std::nullopt;
  if (f.name() == "erf") return error_function(c);
  if (f.name() == "sin") return sine(c);
  if (f.name() == "gelu") return gelu(c);
  if (const auto slopes = homogeneous_slopes(f)) return homogeneous((*slopes)[0], (*slopes)[1], c);
  return std::nullopt;
}

PairKernel quadrature_kernel(const Activation& f, const Covariance& c) {
  const double s = std::sqrt(c.u), t = std::sqrt(c.v);
  if (!(c.u > 0 && c.v > 0)) {
    const Moments a = moments(f, c.u), b = moments(f, c.v);
    return {a.mean * b.mean, a.derivative_mean * b.derivative_mean};
  }
  // u = s x, v = t (rho x + rest y) with x, y independent.
  const double rho = cosine(c), rest = std::sqrt(std::max(0.0, (1 - rho) * (1 + rho)));
  const auto sharp = [](const Activation& g, double scale) {
    std::vector<double> cuts;
    for (const double kink : g.kinks()) cuts.push_back(kink / scale);
    for (double x = 2; x < 6 * scale; x *= 4) cuts.insert(cuts.end(), {x / scale, -x / scale});
    return cuts;
  };
  const std::vector<double> bends = sharp(f, t);
  constexpr double same = 1e-8;  // 1 - |rho| of 5e-17
  const auto given = [&](double x) {
    std::vector<double> cuts;
    for (const double bend : bends) cuts.push_back((bend - rho * x) / rest);
    return quadrature::expect<2>(quadrature::intervals(cuts),
                                 [&](const Block& y, quadrature::Samples<2>& samples) {
                                   Block v;
                                   for (int i = 0; i < quadrature::points; ++i) v[i] = t * (rho * x + rest * y[i]);
                                   f(v.data(), samples[0].data(), samples[1].data(), quadrature::points);
                                 },
                                 {1e-12, 64})
        .value;
  };
  std::vector<double> cuts = sharp(f, s);
  for (const double bend : bends) {
    if (rho == 0) break;
    // Where v's bend passes, within a few widths of what y adds.
    for (const double width : {-8.0, -2.0, 0.0, 2.0, 8.0}) cuts.push_back((bend + width * rest) / rho);
  }
  const auto e = quadrature::expect<2>(quadrature::intervals(cuts),
                                       [&](const Block& x, quadrature::Samples<2>& samples) {
                                         Block u;
                                         for (int i = 0; i < quadrature::points; ++i) u[i] = s * x[i];
                                         f(u.data(), samples[0].data(), samples[1].data(), quadrature::points);
                                         if (rest <= same) {
                                           Block v, value, slope;
                                           for (int i = 0; i < quadrature::points; ++i) v[i] = t * rho * x[i];
                                           f(v.data(), value.data(), slope.data(), quadrature::points);
                                           for (int i = 0; i < quadrature::points; ++i)
                                             samples[0][i] *= value[i], samples[1][i] *= slope[i];
                                           return;
                                         }
                                         for (int i = 0; i < quadrature::points; ++i) {
                                           const auto inner = given(x[i]);
                                           samples[0][i] *= inner[0], samples[1][i] *= inner[1];
                                         }
                                       },
                                       {1e-11, 100});
  return {e.value[0], e.value[1]};
}

NetKernels net_kernels(const Activation& f, const Initializer& initializer, Index depth, const Matrix<double>& inputs) {
  // Scales do not depend on the width, nor on the data's dimension: those of layers with one input.
  const auto scales = [&](Index layer) {
    WeightRole role{.layer = layer, .layers = depth + 1};
    role.activation = layer < depth ? &f : nullptr;
    role.input_activation = layer > 0 ? &f : nullptr;
    const LayerDraws draws = initializer(role);
    const Distribution d = draws.weight.distribution;
    const bool random = d != Distribution::constant && d != Distribution::identity;
    if (!random || (draws.bias.distribution == Distribution::constant && draws.bias.scale != 0)) {
      throw UsageError(text("kernel: ", initializer.name(), " does not draw weights and biases at random: no kernel"));
    }
    return Scales{draws.weight.scale * draws.weight.scale, draws.bias.scale * draws.bias.scale};
  };
  const Index n = inputs.rows();
  const Scales first = scales(0);
  NetKernels k;
  k.nngp = first.weight / static_cast<double>(inputs.cols()) * product(inputs, inputs.transpose());
  k.nngp.array() += first.bias;
  k.ntk = k.nngp;
  for (Index layer = 1; layer <= depth; ++layer) {
    const Scales of = scales(layer);
    NetKernels next{Matrix<double>(n, n), Matrix<double>(n, n)};
    for (Index i = 0; i < n; ++i) {
      for (Index j = 0; j <= i; ++j) {
        const Covariance c{k.nngp(i, i), k.nngp(j, j), k.nngp(i, j)};
        const auto closed = closed_kernel(f, c);
        const PairKernel pair = closed ? *closed : quadrature_kernel(f, c);
        if (!std::isfinite(pair.value) || !std::isfinite(pair.slope)) {
          throw UsageError(text("kernel: E[f f] or E[f' f'] of ", f.name(), " does not exist in layer ", layer,
                                ", for variances ", c.u, " and ", c.v));
        }
        next.nngp(i, j) = next.nngp(j, i) = of.weight * pair.value + of.bias;
        next.ntk(i, j) = next.ntk(j, i) = next.nngp(i, j) + of.weight * pair.slope * k.ntk(i, j);
      }
    }
    k = std::move(next);
  }
  return k;
}

}  // namespace evengrad
