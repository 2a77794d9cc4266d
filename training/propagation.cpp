#include <evengrad/training/propagation.hpp>

#include <evengrad/core/error.hpp>
#include <evengrad/core/ops.hpp>
#include <evengrad/init/extrema.hpp>
#include <evengrad/layers/normalization.hpp>

#include <boost/math/distributions/students_t.hpp>

#include <algorithm>
#include <cmath>
#include <span>

namespace evengrad {

namespace {

// One net's numbers, a vector a quantity, a number a layer.
struct Sample {
  std::vector<double> q, mean, second, gradient, correlation, zero, saturated, silent;
};

template <Real S>
double mean_square(const ConstMap<S>& x) {
  return x.template cast<double>().squaredNorm() / static_cast<double>(x.size());
}

// The mean cosine over pairs of rows that are not 0; NaN for fewer than two.
template <Real S>
double mean_cosine(const ConstMap<S>& x) {
  const Matrix<double> rows = x.template cast<double>();
  Eigen::VectorXd inverse = rows.rowwise().norm().cwiseInverse();
  const auto m = static_cast<double>((inverse.array() != HUGE_VAL).count());
  inverse = (inverse.array() == HUGE_VAL).select(0, inverse);
  const Matrix<double> unit = inverse.asDiagonal() * rows;
  return m < 2 ? std::nan("") : (unit.colwise().sum().squaredNorm() - m) / (m * (m - 1));
}

// Inputs (inputs, dimension) of this mean square.
template <Real S>
Matrix<S> draw_inputs(const NetOptions& net, const Rng& rng) {
  Matrix<S> x(net.inputs, net.input_dimension());
  const double deviation = std::sqrt(net.input_variance);
  if (net.orthogonal_inputs) {
    fill(x, {Distribution::orthogonal, deviation * std::sqrt(static_cast<double>(net.input_dimension()))}, rng);
  } else {
    fill(x, {Distribution::normal, deviation}, rng);
  }
  return x;
}

template <Real S>
Sample measure(const NetOptions& net, const std::vector<LayerDraws>& all_draws, double largest_slope, const Rng& rng,
               const PropagationLook<S>& look) {
  struct HiddenLayer {
    Parameter<S> weight, bias;
    std::vector<BatchNorm<S>> norm;
    std::vector<LayerNorm<S>> layer_norm;
  };
  std::vector<HiddenLayer> layers(static_cast<std::size_t>(net.depth));
  Tape<S> tape;
  Var<S> h = tape.constant(draw_inputs<S>(net, rng.split("inputs")));
  std::vector<Var<S>> z, act;
  for (Index l = 1; l <= net.depth; ++l) {
    HiddenLayer& layer = layers[static_cast<std::size_t>(l - 1)];
    const LayerDraws& draws = all_draws[static_cast<std::size_t>(l - 1)];
    const std::string name = text("layers.", l - 1);
    layer.weight.value.resize(net.width, l == 1 ? net.input_dimension() : net.width);
    layer.bias.value.resize(1, net.width);
    fill(layer.weight.value, draws.weight, rng.split(name + ".weight"));
    fill(layer.bias.value, draws.bias, rng.split(name + ".bias"));
    z.push_back(affine(h, tape.parameter(layer.weight), tape.parameter(layer.bias)));
    Var<S> y = z.back();
    if (net.batch_norm) {
      layer.norm.push_back(BatchNorm<S>({.features = net.width}));
      y = layer.norm.back().forward(y, {.training = true});
    }
    if (net.layer_norm) {
      layer.layer_norm.push_back(LayerNorm<S>({.features = net.width}));
      y = layer.layer_norm.back().forward(y, {.training = true});
    }
    act.push_back(activate(y, net.activation));
    h = net.skips(l) ? h + act.back() : act.back();
  }

  Matrix<S> seed(net.inputs, net.width);
  fill(seed, {Distribution::normal, 1}, rng.split("gradient"));
  const Gradients<S> gradients = tape.backward(z.back(), seed);
  Sample sample;
  for (std::size_t i = 0; i < z.size(); ++i) {
    const ConstMap<S> f = act[i].value();
    const Matrix<double> values = f.template cast<double>();
    sample.q.push_back(mean_square<S>(z[i].value()));
    sample.mean.push_back(values.mean());
    sample.second.push_back(mean_square<S>(f));
    sample.gradient.push_back(std::sqrt(mean_square<S>(gradients[z[i]])));
    sample.correlation.push_back(net.inputs > 1 ? mean_cosine<S>(z[i].value()) : std::nan(""));
    const auto zeros = (f.array() == S(0)).template cast<double>();
    sample.zero.push_back(zeros.mean());
    sample.silent.push_back((zeros.colwise().minCoeff() == 1).template cast<double>().mean());
    const S* slopes = tape.node(act[i]).activation_derivative;
    double saturated = net.activation.is_identity() ? 0 : 1;
    if (slopes) {
      const ConstMap<S> d(slopes, f.rows(), f.cols());
      const auto small = (d.array().abs().template cast<double>() < 1e-3 * largest_slope).template cast<double>();
      saturated = (small.colwise().minCoeff() == 1).template cast<double>().mean();
    }
    sample.saturated.push_back(saturated);
    if (look) look(i, z[i].value(), gradients[z[i]]);
  }
  return sample;
}

Measured summarize(const std::vector<double>& values) {
  const auto count = static_cast<double>(values.size());
  double mean = 0, squares = 0;
  for (const double value : values) mean += value / count;
  for (const double value : values) squares += (value - mean) * (value - mean);
  if (values.size() < 2) return {values.empty() ? std::nan("") : mean, std::nan(""), std::nan("")};
  const double t = quantile(boost::math::students_t(count - 1), 0.975);
  const double half = t * std::sqrt(squares / (count - 1) / count);
  return {mean, mean - half, mean + half};
}

// Of nets that died there is no correlation.
Measured summarize_known(std::vector<double> values) {
  std::erase_if(values, [](double value) { return std::isnan(value); });
  return summarize(values);
}

double share_of_zeros(const std::vector<double>& values) {
  return static_cast<double>(std::count(values.begin(), values.end(), 0)) / static_cast<double>(values.size());
}

Measured summarize_logs(std::vector<double> values) {
  std::erase(values, 0);
  if (values.empty()) return {0, std::nan(""), std::nan("")};
  for (double& value : values) value = std::log(value);
  const Measured log = summarize(values);
  return {std::exp(log.value), std::exp(log.low), std::exp(log.high)};
}

}  // namespace

template <Real S>
Propagation propagate(const NetOptions& net, const Rng& rng, const PropagationLook<S>& look) {
  for (const auto& [name, value] : {std::pair("depth", net.depth), std::pair("width", net.width),
                                    std::pair("inputs", net.inputs), std::pair("nets", net.nets)}) {
    if (value < 1) throw UsageError(text("propagate: ", name, " must be at least 1, got ", value));
  }
  if (net.batch_norm && net.inputs < 2) throw UsageError("propagate: batch normalization needs at least 2 inputs");
  const std::vector<LayerDraws> draws = net.draws();
  const double slope = largest_slope(net.activation);
  std::vector<Sample> samples;
  for (Index i = 0; i < net.nets; ++i) {
    samples.push_back(measure<S>(net, draws, slope, rng.split(static_cast<std::uint64_t>(i)), look));
  }
  const auto over_nets = [&](std::vector<double> Sample::*quantity, std::size_t layer) {
    std::vector<double> values;
    for (const Sample& sample : samples) values.push_back((sample.*quantity)[layer]);
    return values;
  };
  Propagation result;
  for (std::size_t i = 0; i < static_cast<std::size_t>(net.depth); ++i) {
    result.layers.push_back({summarize(over_nets(&Sample::q, i)), summarize(over_nets(&Sample::mean, i)),
                             summarize(over_nets(&Sample::second, i)), summarize_logs(over_nets(&Sample::gradient, i)),
                             summarize_known(over_nets(&Sample::correlation, i)),
                             summarize(over_nets(&Sample::zero, i)), summarize(over_nets(&Sample::saturated, i)),
                             summarize(over_nets(&Sample::silent, i)), share_of_zeros(over_nets(&Sample::q, i))});
  }
  std::vector<double> ratios;
  for (const Sample& sample : samples) ratios.push_back(sample.gradient.front() / sample.gradient.back());
  result.gradient_ratio = summarize_logs(ratios);
  result.blocked_nets = share_of_zeros(ratios);
  return result;
}

template Propagation propagate(const NetOptions&, const Rng&, const PropagationLook<float>&);
template Propagation propagate(const NetOptions&, const Rng&, const PropagationLook<double>&);

}  // namespace evengrad
