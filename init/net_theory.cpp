#include <evengrad/init/net_theory.hpp>

#include <evengrad/core/linear_algebra.hpp>
#include <evengrad/init/batch_moments.hpp>

#include <algorithm>
#include <cmath>
#include <span>

namespace evengrad {

namespace {

double squared(double x) { return x * x; }

// Mean square of a weight's entries, and whether they are random enough to make sums normal.
double weight_variance(const Draw& draw, const WeightRole& role) {
  switch (draw.distribution) {
    case Distribution::normal:
    case Distribution::uniform:
    case Distribution::truncated:
      return squared(draw.scale);
    case Distribution::orthogonal:
      return squared(draw.scale) / static_cast<double>(std::max(role.fan_in, role.fan_out));
    case Distribution::identity:
    case Distribution::constant:
      break;
  }
  return draw.scale == 0 ? 0 : std::nan("");
}

// What theory knows of layer l: z ~ N(mean, v), of pairs of inputs the gap.
struct Layer {
  double forward = 0;   // fan_in Var W: the factor of the signal
  double backward = 0;  // fan_out Var W: that of the gradient to the layer before
  double v = 0, mean = 0;
  double gap = 0;  // v - covariance of two inputs
  // Factors from squared gradients of h to those of z: of what is independent from input to input, and of what is one
  // number for all.
  double separate = 0, shared = 0;

  double q() const { return v + mean * mean; }
};

}  // namespace

WeightRole NetOptions::role(Index layer) const {
  WeightRole role;
  role.fan_in = layer == 1 ? input_dimension() : width;
  role.fan_out = width;
  role.layer = layer - 1;
  role.layers = depth + 1;
  role.activation = &activation;
  role.input_activation = layer == 1 ? nullptr : &activation;
  role.residual = residual;
  role.normalized = batch_norm || layer_norm;
  return role;
}

std::vector<LayerDraws> NetOptions::draws() const {
  std::vector<LayerDraws> all;
  for (Index layer = 1; layer <= depth; ++layer) {
    all.push_back(initializer(role(layer)));
    if (bias_std) all.back().bias = {Distribution::normal, *bias_std};
  }
  return all;
}

namespace {

// Of a layer's activations over the inputs.
struct Signal {
  double mean, second;
  double gap;  // E[(f - f')^2] / 2 over pairs of inputs
};

// Fills in what the activation does, forward and backward.
Signal activate_plain(const NetOptions& net, Layer& layer, LayerTheory& out) {
  const double distance = layer.v > 0 ? layer.gap / layer.v : 0;
  const Moments f = moments(net.activation, layer.v, layer.mean);
  layer.separate = f.derivative_second;
  out.zero_fraction = zero_probability(net.activation, layer.v, layer.mean);
  out.silent_fraction =
      silent_probability(net.activation, layer.v, 1 - distance, static_cast<double>(net.inputs), layer.mean);
  return {f.mean, f.second, pair_moments(net.activation, layer.v, distance, layer.mean).difference / 2};
}

// The same behind layer normalization, over so many units that they know each sample's mean and scale.
Signal activate_normalized_samples(const NetOptions& net, Layer& layer, LayerTheory& out) {
  const double divisor = layer.v + NetOptions::norm_eps;
  Layer normalized{.v = layer.v / divisor, .gap = layer.gap / divisor};
  const Signal signal = activate_plain(net, normalized, out);
  layer.separate = normalized.separate / divisor;
  return signal;
}

// The same behind batch normalization, which knows neither mean nor scale.
Signal activate_normalized_batch(const NetOptions& net, Layer& layer, LayerTheory& out) {
  const auto m = static_cast<double>(net.inputs);
  const double variance = layer.gap * (1 - 1 / m), divisor = variance + NetOptions::norm_eps;
  const BatchMoments f = batch_moments(net.activation, m, variance / divisor);
  const double inverse = (m - 1) / (m - 3) / divisor;  // its mean: that of 1 / chi^2 with m - 1 degrees of freedom
  layer.separate = f.separate * inverse;
  layer.shared = f.shared * inverse;
  out.zero_fraction = f.zero_below + f.zero_above;
  // A unit's mean is 0: it is not on one side of 0 for all inputs.
  out.silent_fraction = f.zero_below > 0 && f.zero_above > 0 ? std::pow(out.zero_fraction, m) : 0;
  return {f.mean, f.second, f.gap};
}

// A layer whose inputs have this mean square, without the gap.
Layer layer_behind(double second, const LayerDraws& draws, const WeightRole& role) {
  const double variance = weight_variance(draws.weight, role);
  const bool constant_bias = draws.bias.distribution == Distribution::constant;
  Layer layer;
  layer.forward = static_cast<double>(role.fan_in) * variance;
  layer.backward = static_cast<double>(role.fan_out) * variance;
  layer.mean = constant_bias ? draws.bias.scale : 0;
  layer.v = layer.forward * second + (constant_bias ? 0 : squared(draws.bias.scale));
  return layer;
}

// Carries the signal through the net: of a layer's outputs h the mean square, the mean, and the gap between the mean
// square and the mean product over pairs of inputs.
std::vector<Layer> forward(const NetOptions& net, NetTheory& theory) {
  const std::vector<LayerDraws> all_draws = net.draws();
  std::vector<Layer> layers;
  double second = net.input_variance, gap = net.input_variance, mean = 0;
  for (Index l = 1; l <= net.depth; ++l) {
    Layer layer = layer_behind(second, all_draws[static_cast<std::size_t>(l - 1)], net.role(l));
    layer.gap = layer.forward * gap;

    LayerTheory out;
    out.q.value = layer.q();
    out.correlation.value = 1 - layer.gap / layer.q();
    const Signal f = net.batch_norm   ? activate_normalized_batch(net, layer, out)
                     : net.layer_norm ? activate_normalized_samples(net, layer, out)
                                      : activate_plain(net, layer, out);
    out.activation_mean = f.mean;
    out.activation_second = f.second;
    theory.layers.push_back(out);

    const bool skip = net.skips(l);
    second = f.second + (skip ? second + 2 * mean * f.mean : 0);
    gap = f.gap + (skip ? gap : 0);
    mean = f.mean + (skip ? mean : 0);
    layers.push_back(layer);
  }
  return layers;
}

// Carries the squared gradient back from the last pre-activations, where it is 1. Over the inputs its covariance is
// separate + shared 1 1^T; normalization leaves a multiple of 1 - 1 1^T / m.
void backward(const NetOptions& net, const std::vector<Layer>& layers, NetTheory& theory) {
  const auto m = static_cast<double>(net.inputs);
  double separate = 0, shared = 0;  // at a layer's output
  for (std::size_t i = layers.size(); i-- > 0;) {
    const Layer& layer = layers[i];
    const bool last = i + 1 == layers.size();
    const double at_z = last ? 1 : separate * layer.separate + shared * layer.shared;
    theory.layers[i].gradient.value = std::sqrt(at_z);
    const bool centered = net.batch_norm && !last, skip = net.skips(static_cast<Index>(i) + 1) && !last;
    const double below = layer.backward * at_z * (centered ? m / (m - 1) : 1);
    separate = below + (skip ? separate : 0);
    shared = (centered ? -below / m : 0) + (skip ? shared : 0);
  }
  theory.gradient_ratio.value = theory.layers.front().gradient.value;
}

}  // namespace

NetTheory predict(const NetOptions& net) {
  NetTheory theory;
  const std::vector<Layer> layers = forward(net, theory);
  backward(net, layers, theory);
  return theory;
}

std::vector<double> gradient_by_depth(const Activation& activation, const Initializer& initializer, Index depth,
                                      Index width) {
  const NetOptions net{.activation = activation, .initializer = initializer, .depth = depth, .width = width};
  const std::vector<LayerDraws> all_draws = net.draws();
  std::vector<double> logs;
  Moments f;
  double log = 0, second = net.input_variance, v = std::nan("");
  for (Index l = 1; l <= depth; ++l) {
    const Layer layer = layer_behind(second, all_draws[static_cast<std::size_t>(l - 1)], net.role(l));
    if (l > 1) log += std::log10(layer.backward * f.derivative_second) / 2;
    logs.push_back(log);
    constexpr double settled = 1e-13;
    if (!(std::abs(layer.v - v) <= settled * v)) f = moments(activation, layer.v, layer.mean);
    second = f.second;
    v = layer.v;
  }
  return logs;
}

namespace {

// Columns are inputs, rows are units.
using Columns = Eigen::MatrixXd;

Columns normal(Index rows, Index cols, Rng& rng) {
  Columns x(rows, cols);
  rng.fill_normal(std::span(x.data(), static_cast<std::size_t>(x.size())));
  return x;
}

// A random net seen through a few inputs, layer by layer: mean squares of pre-activations and of their gradients, for
// each input, and the mean cosine of pre-activations over pairs.
struct Walk {
  std::vector<Eigen::VectorXd> q, gradient;
  std::vector<double> cosine;
};

// NaN where an input has died.
template <class Z>
double mean_cosine(const Z& z) {
  const auto m = static_cast<double>(z.cols());
  return ((z * z.colwise().norm().cwiseInverse().transpose()).squaredNorm() - m) / (m * (m - 1));
}

Walk walk(const NetOptions& net, const std::vector<LayerDraws>& all_draws, Index inputs, Rng rng) {
  struct Step {
    Columns basis;   // of the layer's inputs, orthonormal
    Columns images;  // W basis / scale: normal, or for an orthogonal W orthonormal
    Columns slopes;  // f'(z)
    double scale;
    bool orthogonal, skip;
  };
  std::vector<Step> steps;
  Walk result;
  const double deviation = std::sqrt(net.input_variance);
  Columns h = deviation * normal(net.input_dimension(), inputs, rng);
  if (net.orthogonal_inputs) h = factorize(h).q * (deviation * std::sqrt(static_cast<double>(net.input_dimension())));
  for (Index l = 1; l <= net.depth; ++l) {
    const WeightRole role = net.role(l);
    const LayerDraws& draws = all_draws[static_cast<std::size_t>(l - 1)];
    Step step;
    step.orthogonal = draws.weight.distribution == Distribution::orthogonal;
    step.skip = net.skips(l);
    step.scale = step.orthogonal ? draws.weight.scale : std::sqrt(weight_variance(draws.weight, role));
    const Qr factors = factorize(h);
    step.basis = factors.q;
    step.images = normal(net.width, inputs, rng);
    if (step.orthogonal) step.images = factorize(step.images).q;
    Columns z = step.scale * product(step.images, factors.r);
    const bool constant_bias = draws.bias.distribution == Distribution::constant;
    const Columns bias = constant_bias ? Columns::Ones(net.width, 1) : normal(net.width, 1, rng);
    z.colwise() += draws.bias.scale * bias.col(0);
    result.q.push_back(z.colwise().squaredNorm() / static_cast<double>(net.width));
    result.cosine.push_back(mean_cosine(z));
    Columns f(z.rows(), z.cols());
    step.slopes.resize(z.rows(), z.cols());
    net.activation(z.data(), f.data(), step.slopes.data(), z.size());
    h = step.skip ? Columns(h + f) : f;
    steps.push_back(std::move(step));
  }

  Columns at_z = normal(net.width, inputs, rng), at_output;
  result.gradient.resize(steps.size());
  for (std::size_t i = steps.size(); i-- > 0;) {
    const Step& step = steps[i];
    const bool last = i + 1 == steps.size();
    if (!last) at_z = step.slopes.cwiseProduct(at_output);
    result.gradient[i] = at_z.colwise().squaredNorm() / static_cast<double>(net.width);
    if (i == 0) break;
    const Columns known = product(step.images.transpose(), at_z);
    const Columns unknown = step.orthogonal ? Columns(at_z - product(step.images, known)) : at_z;
    Columns fresh = normal(step.basis.rows(), inputs, rng);
    fresh -= product(step.basis, product(step.basis.transpose(), fresh));
    if (step.orthogonal) fresh = factorize(fresh).q;
    const Columns below = step.scale * (product(step.basis, known) + product(fresh, factorize(unknown).r));
    at_output = step.skip && !last ? Columns(at_output + below) : below;
  }
  return result;
}

// As walk(), of all inputs and with batch normalization. Rows are units.
Walk walk_batch(const NetOptions& net, const std::vector<LayerDraws>& all_draws, const Rng& rng) {
  struct Step {
    Matrix<float> weight, normalized, slopes;
    Eigen::VectorXf scale;  // one over the deviation
    bool skip;
  };
  std::vector<Step> steps;
  Walk result;
  const auto mean_squares = [&](const Matrix<float>& x) {
    return Eigen::VectorXd(x.colwise().squaredNorm().cast<double>() / static_cast<double>(net.width));
  };
  Matrix<float> inputs(net.inputs, net.input_dimension());
  const double orthogonal = std::sqrt(static_cast<double>(net.input_dimension()));
  fill(inputs,
       {net.orthogonal_inputs ? Distribution::orthogonal : Distribution::normal,
        std::sqrt(net.input_variance) * (net.orthogonal_inputs ? orthogonal : 1)},
       rng.split("inputs"));
  Matrix<float> h = inputs.transpose();
  for (Index l = 1; l <= net.depth; ++l) {
    const LayerDraws& draws = all_draws[static_cast<std::size_t>(l - 1)];
    const Rng layer = rng.split(static_cast<std::uint64_t>(l));
    Step step;
    step.skip = net.skips(l);
    step.weight.resize(net.width, h.rows());
    fill(step.weight, draws.weight, layer.split("weight"));
    Matrix<float> bias(1, net.width);
    fill(bias, draws.bias, layer.split("bias"));
    Matrix<float> z = product(step.weight, h);
    z.colwise() += bias.row(0).transpose();
    result.q.push_back(mean_squares(z));
    result.cosine.push_back(mean_cosine(z));
    z.colwise() -= z.rowwise().mean().eval();
    step.scale =
        (z.rowwise().squaredNorm().array() / static_cast<float>(net.inputs) + static_cast<float>(NetOptions::norm_eps))
            .rsqrt();
    step.normalized = step.scale.asDiagonal() * z;
    Matrix<float> f(z.rows(), z.cols());
    step.slopes.resize(z.rows(), z.cols());
    net.activation(step.normalized.data(), f.data(), step.slopes.data(), z.size());
    if (step.skip) f += h;
    h = std::move(f);
    steps.push_back(std::move(step));
  }

  Matrix<float> at_z(net.width, net.inputs), at_output;
  fill(at_z, {Distribution::normal, 1}, rng.split("gradient"));
  result.gradient.resize(steps.size());
  for (std::size_t i = steps.size(); i-- > 0;) {
    const Step& step = steps[i];
    const bool last = i + 1 == steps.size();
    if (!last) {
      at_z = step.slopes.cwiseProduct(at_output);
      at_z.colwise() -= at_z.rowwise().mean().eval();
      const Eigen::VectorXf along = at_z.cwiseProduct(step.normalized).rowwise().mean();
      at_z = step.scale.asDiagonal() * (at_z - along.asDiagonal() * step.normalized);
    }
    result.gradient[i] = mean_squares(at_z);
    if (i == 0) break;
    Matrix<float> below = product(step.weight.transpose(), at_z);
    if (step.skip && !last) below += at_output;
    at_output = std::move(below);
  }
  return result;
}

// Whether in some layer the gradients of a net's inputs differ so much that a few do not stand for all.
bool inputs_differ(const std::vector<Walk>& walks) {
  for (const Walk& w : walks) {
    for (const Eigen::VectorXd& g : w.gradient) {
      if ((g.array() / g.mean() - 1).square().mean() > 1) return true;
    }
  }
  return false;
}

// The mean over all inputs, from a few: those of every net, drawn together to undo the spread that few inputs add. Of
// logs, and of what is no number, those nets are left out that have none.
std::vector<double> means(std::vector<Eigen::VectorXd> nets, double inputs, bool log) {
  std::erase_if(nets, [&](const Eigen::VectorXd& net) { return !net.allFinite() || (log && !(net.mean() > 0)); });
  if (nets.size() < 2) return {};
  const auto few = static_cast<double>(nets.front().size()), count = static_cast<double>(nets.size());
  const double fewer = 1 / few - 1 / inputs;
  std::vector<double> values;
  double within = 0, mean = 0, between = 0;
  for (const Eigen::VectorXd& net : nets) {
    const double average = net.mean();
    const double spread = few > 1 ? (net.array() - average).square().sum() / (few - 1) : 0;
    const double relative = log ? spread / (average * average) : spread;
    // The log of a mean over few lies below that of a mean over many.
    values.push_back(log ? std::log(average) + relative / 2 * fewer : average);
    within += relative / count, mean += values.back() / count;
  }
  for (const double value : values) between += squared(value - mean) / (count - 1);
  const double shrink = between > 0 ? std::sqrt(std::max(few / inputs, 1 - within * fewer / between)) : 1;
  for (double& value : values) value = mean + shrink * (value - mean);
  return values;
}

// Where 95 % of means over `nets` values lie, by drawing groups again and again.
void add_band(Prediction& prediction, std::vector<double> values, double nets, bool log, Rng rng) {
  std::erase_if(values, [](double value) { return !std::isfinite(value); });
  if (values.size() < 2) return;
  const auto count = static_cast<double>(values.size());
  const auto group = static_cast<int>(std::max(1.0, 1 / (1 / nets + 1 / count)));  // the band's own error included
  std::vector<double> averages(2000);
  for (double& average : averages) {
    for (int i = 0; i < group; ++i) average += values[rng.below(values.size())] / group;
  }
  std::sort(averages.begin(), averages.end());
  const auto at = [&](double share) {
    const double value = averages[static_cast<std::size_t>(share * static_cast<double>(averages.size()))];
    return log ? std::exp(value / 2) : value;
  };
  prediction.low = at(0.025), prediction.high = at(0.975);
}

}  // namespace

void add_bands(NetTheory& theory, const NetOptions& net, const Rng& rng) {
  if (!(theory.layers.back().q.value > 0) || net.layer_norm) return;
  const std::vector<LayerDraws> draws = net.draws();
  const auto count = [](double available, double work, double least, double most) {
    return static_cast<std::uint64_t>(std::clamp(available / work, least, most));
  };
  const double units = static_cast<double>(net.depth * net.width);
  std::vector<Walk> walks;
  if (net.batch_norm) {
    const std::uint64_t nets = count(5e9, units * static_cast<double>(net.width * net.inputs), 12, 64);
    for (std::uint64_t i = 0; i < nets; ++i) walks.push_back(walk_batch(net, draws, rng.split(i)));
  }
  for (const Index few : {8, 32}) {
    if (net.batch_norm) break;
    const Index inputs = std::min({net.inputs, net.width, few});
    const std::uint64_t nets = count(4e7, units * static_cast<double>(inputs * inputs), 32, 256);
    walks.clear();
    for (std::uint64_t i = 0; i < nets; ++i) walks.push_back(walk(net, draws, inputs, rng.split(i)));
    if (few >= net.inputs || !inputs_differ(walks)) break;
  }
  const auto nets = static_cast<double>(net.nets), all_inputs = static_cast<double>(net.inputs);
  const Rng groups = rng.split("groups");
  std::vector<double> last, first;
  for (std::size_t l = theory.layers.size(); l-- > 0;) {
    std::vector<Eigen::VectorXd> q, gradient;
    for (const Walk& w : walks) q.push_back(w.q[l]), gradient.push_back(w.gradient[l]);
    const std::vector<double> logs = means(gradient, all_inputs, true);
    add_band(theory.layers[l].q, means(q, all_inputs, false), nets, false, groups);
    add_band(theory.layers[l].gradient, logs, nets, true, groups);
    if (net.inputs > 1) {
      std::vector<double> cosines;
      for (const Walk& w : walks) cosines.push_back(w.cosine[l]);
      add_band(theory.layers[l].correlation, cosines, nets, false, groups);
    }
    if (l + 1 == theory.layers.size()) last = logs;
    first = logs;
  }
  if (first.size() != last.size()) return;  // some nets pass no gradient
  for (std::size_t i = 0; i < first.size(); ++i) first[i] -= last[i];
  add_band(theory.gradient_ratio, first, nets, true, groups);
}

}  // namespace evengrad
