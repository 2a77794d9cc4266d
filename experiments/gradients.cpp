#include <evengrad/experiments/gradients.hpp>

#include <evengrad/layers/linear.hpp>
#include <evengrad/layers/losses.hpp>

#include <cmath>
#include <numeric>

namespace evengrad {

namespace {

template <Real S>
double rms(const S* numbers, Index count) {
  double sum = 0;
  for (Index i = 0; i < count; ++i) sum += static_cast<double>(numbers[i]) * static_cast<double>(numbers[i]);
  return std::sqrt(sum / static_cast<double>(count));
}

template <Real S>
Sequential<S> drawn(const NetOptions& options, Index inputs, Index hidden, Index outputs, const Rng& rng) {
  auto net = mlp<S>({.inputs = inputs,
                     .hidden = std::vector<Index>(static_cast<std::size_t>(hidden), options.width),
                     .outputs = outputs,
                     .activations = {options.activation}});
  net.initialize(options.initializer, rng.split("net"));
  return net;
}

template <Real S>
std::vector<Linear<S>*> linears(Sequential<S>& net) {
  std::vector<Linear<S>*> found;
  for (std::size_t i = 0; i < net.size(); ++i) {
    if (auto* linear = dynamic_cast<Linear<S>*>(&net[i])) found.push_back(linear);
  }
  return found;
}

// The share of rows (a neuron's incoming weights) with gradients of one sign, of those that have any.
template <Real S>
double single_signed(const ConstMap<S>& gradient) {
  Index with_gradient = 0, single = 0;
  for (Index neuron = 0; neuron < gradient.rows(); ++neuron) {
    const S least = gradient.row(neuron).minCoeff(), most = gradient.row(neuron).maxCoeff();
    if (least == 0 && most == 0) continue;
    ++with_gradient;
    single += least >= 0 || most <= 0;
  }
  return with_gradient > 0 ? static_cast<double>(single) / static_cast<double>(with_gradient) : 0;
}

}  // namespace

GradientProfile gradient_profile(const NetOptions& options, const Rng& rng, bool units) {
  // The output is the last hidden layer before its activation.
  Sequential<double> net = drawn<double>(options, options.width, options.depth - 1, options.width, rng);
  Matrix<double> x(options.inputs, options.width), seed(options.inputs, options.width);
  rng.split("inputs").fill_normal(std::span<double>(x.data(), static_cast<std::size_t>(x.size())));
  rng.split("gradients").fill_normal(std::span<double>(seed.data(), static_cast<std::size_t>(seed.size())));

  Tape<double> tape;
  const Var<double> output = net.forward(tape.constant(x), {});
  const Gradients<double> gradients = tape.backward(output, seed);
  GradientProfile profile;
  for (std::size_t i = 0; i < tape.nodes().size(); ++i) {
    const Node<double>& node = tape.nodes()[i];
    if (node.op != Affine<double>::name) continue;
    Matrix<double> dz = gradients.node(i);  // with respect to f(z)
    if (const double* slope = node.activation_derivative) {
      dz.array() *= Eigen::Map<const Matrix<double>>(slope, dz.rows(), dz.cols()).array();
      if (units) {
        for (Index k = 0; k < dz.size(); ++k) profile.slope.push_back(std::abs(slope[k]));
        profile.gradient.insert(profile.gradient.end(), dz.data(), dz.data() + dz.size());
      }
    }
    profile.rms.push_back(rms(dz.data(), dz.size()));
  }
  return profile;
}

double he_relu_log_variance(Index depth, Index width) {
  return 5 * static_cast<double>(depth - 1) / static_cast<double>(width);
}

template <Real S>
void centre_sigmoids(Sequential<S>& net) {
  const std::vector<Linear<S>*> layers = linears(net);
  for (std::size_t i = 0; i < layers.size(); ++i) {
    // tanh(z) = 2 s - 1 with s = sigmoid(2z): double what the layer says, and undo that of the layer before.
    const S out = i + 1 < layers.size() ? S(2) : S(1);
    Matrix<S>& weight = layers[i]->weight.value;
    Matrix<S>& bias = layers[i]->bias.value;
    bias *= out;
    weight *= out;
    if (i == 0) continue;
    bias -= weight.rowwise().sum().transpose();
    weight *= S(2);
  }
}

template void centre_sigmoids(Sequential<float>&);
template void centre_sigmoids(Sequential<double>&);

TrainRecord train_stack(const Trials& trials, const TrainOptions& options, const Dataset<float>& data, const Rng& rng) {
  FitOptions fitted{
      .net = {.hidden = std::vector<Index>(static_cast<std::size_t>(options.net.depth), options.net.width),
              .activations = {options.net.activation}},
      .initializer = options.net.initializer};
  fitted.trainer.optimizer = options.optimizer;
  fitted.trainer.steps = options.steps;
  fitted.trainer.batch_size = options.batch_size;

  TrainRecord record;
  std::vector<Linear<float>*> layers;
  std::vector<Matrix<float>> before;
  FitHooks<float> hooks;
  hooks.on_start = [&](Sequential<float>& net) {
    if (options.centred_sigmoid) centre_sigmoids(net);
    layers = linears(net);
    for (const Linear<float>* layer : layers) before.push_back(layer->weight.value);
  };
  hooks.on_gradients = [&](std::int64_t step, const Tape<float>&, const Gradients<float>& gradients) {
    if (step != 1 && step != options.steps / 2 + 1 && step != options.steps) return;
    std::vector<double>& rows = record.gradients.emplace_back();
    for (const Linear<float>* layer : layers) {
      const ConstMap<float> g = gradients.of(layer->weight);
      rows.push_back(rms(g.data(), g.size()));
    }
    record.single_signed.push_back(single_signed(gradients.of(layers[1]->weight)));
  };
  hooks.on_end = [&](Sequential<float>&) {
    for (std::size_t i = 0; i < layers.size(); ++i) {
      record.moved.push_back((layers[i]->weight.value - before[i]).cast<double>().norm() /
                             before[i].cast<double>().norm());
    }
  };
  static_cast<FitRecord&>(record) = fit<float>(trials, fitted, data, {}, rng, hooks);
  return record;
}

double single_signed_share(const NetOptions& options, const Dataset<double>& data, Index batch, const Rng& rng) {
  Sequential<double> net = drawn<double>(options, data.features(), options.depth, data.outputs(), rng);
  // Rows drawn by the seed: the data may be sorted.
  std::vector<Index> rows = rng.split("rows").permutation(data.size());
  rows.resize(static_cast<std::size_t>(std::min(batch, data.size())));
  const Dataset<double> chosen = select_rows(data, rows);
  Tape<double> tape;
  const Var<double> loss = softmax_cross_entropy(net.forward(tape.constant(chosen.inputs), {}), chosen.labels);
  const Gradients<double> gradients = tape.backward(loss);
  return single_signed<double>(gradients.of(linears(net)[1]->weight));
}

}  // namespace evengrad
