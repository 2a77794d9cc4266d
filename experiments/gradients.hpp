// What the experiments measure of gradients: how they travel through a net at its start, and what they do in training.
#pragma once

#include <evengrad/experiments/fit.hpp>
#include <evengrad/init/net_theory.hpp>

namespace evengrad {

/// Gradients at the start, seen from the last hidden layer.
struct GradientProfile {
  /// The rms gradient with respect to the pre-activations of layers 1 ... depth, where the last layer's receive
  /// independent N(0, 1) gradients.
  std::vector<double> rms;
  /// Of all hidden units and inputs: |f'(z)|, and the gradient with respect to z; kept where `units` is asked for.
  std::vector<double> slope, gradient;

  /// Layer 1 over the last: depth - 1 factors.
  double ratio() const { return rms.front() / rms.back(); }

  template <class Fields>
  void fields(Fields& f) {
    f("rms", rms);
    f("slope", slope);
    f("gradient", gradient);
  }
};

/// Draws one net of these sizes and its Gaussian inputs of variance 1, and sends gradients back through it, in double.
GradientProfile gradient_profile(const NetOptions& net, const Rng& rng, bool units = false);

/// The variance of the logarithm of the squared gradient's factor over a He-ReLU net of this width, for one input; its
/// mean is minus half of it (Hanin 2018, "Which neural net architectures give rise to exploding and vanishing
/// gradients?"; each of the depth - 1 layers adds 5 / width).
double he_relu_log_variance(Index depth, Index width);

/// Turns a sigmoid net drawn for tanh into the very function that the tanh net is: tanh(x) = 2 sigmoid(2x) - 1.
template <Real S>
void centre_sigmoids(Sequential<S>& net);

struct TrainOptions {
  NetOptions net;                ///< its inputs are the data
  bool centred_sigmoid = false;  ///< start as the tanh net of the same weights, see centre_sigmoids()
  OptimizerOptions optimizer = {};
  std::int64_t steps = 500;
  Index batch_size = 64;
};

/// What happened to one net.
struct TrainRecord : FitRecord {
  /// The rms gradient of the loss with respect to the weights of each layer, the output's included, in the first step,
  /// the middle one and the last.
  std::vector<std::vector<double>> gradients;
  /// The single_signed_share() of those steps' batches.
  std::vector<double> single_signed;
  /// |W - W before| / |W before| of each layer.
  std::vector<double> moved;

  template <class Fields>
  void fields(Fields& f) {
    FitRecord::fields(f);
    f("gradients", gradients);
    f("single_signed", single_signed);
    f("moved", moved);
  }
};

/// Trains a classifier on all of `data` in float, as a trial of `trials`.
TrainRecord train_stack(const Trials& trials, const TrainOptions& options, const Dataset<float>& data, const Rng& rng);

/// The share of neurons of the second hidden layer whose incoming weight gradients have one sign, of those that have
/// any gradient, for the loss over the first `batch` rows of the data.
double single_signed_share(const NetOptions& options, const Dataset<double>& data, Index batch, const Rng& rng);

}  // namespace evengrad
