// What theory expects of a concrete net before it is trained, layer by layer: the signal, the gradient, the correlation
// of inputs, and the units that are silent.
#pragma once

#include <evengrad/init/initializer.hpp>
#include <evengrad/init/mean_field.hpp>

namespace evengrad {

/// A net of equal hidden layers, z = W h + b, h = f(z), fed with inputs of independent normal components. With batch
/// or layer normalization h = f(normalized z); with residual connections h = f(z) added to the layer's input.
struct NetOptions {
  Activation activation;
  Initializer initializer;
  Index depth = 20;  ///< hidden layers
  Index width = 256;
  Index inputs = 256;  ///< samples, which also are the batch
  Index nets = 10;     ///< over which a measurement is averaged, for the width of the bands
  double input_variance = 1;
  std::optional<double> bias_std = {};  ///< instead of the initializer's biases
  bool batch_norm = false;              ///< of variance + norm_eps
  bool layer_norm = false;              ///< the same over the units of each sample; not both
  bool residual = false;
  bool orthogonal_inputs = false;  ///< of equal length, in max(width, inputs) dimensions

  static constexpr double norm_eps = 1e-5;

  Index input_dimension() const { return orthogonal_inputs ? std::max(width, inputs) : width; }
  /// Where the weight of layer l = 1, ..., depth stands; the net has an output layer after them.
  WeightRole role(Index layer) const;
  /// The draws of every hidden layer.
  std::vector<LayerDraws> draws() const;
  /// Whether layer l adds its input: residual, and as wide as its input.
  bool skips(Index layer) const { return residual && (layer > 1 || input_dimension() == width); }
};

/// An infinite-width value, and with add_bands() the band that holds 95 % of measurements at this width: the mean over
/// `nets` nets (of gradients the geometric mean).
struct Prediction {
  double value = 0;
  std::optional<double> low = {}, high = {};
};

/// Of one layer; NaN where weights are not random enough for a theory (constant, identity), and behind the
/// normalization of a batch below 4, of whose variance the inverse has no mean.
struct LayerTheory {
  Prediction q;                  ///< mean square pre-activation, before normalization
  Prediction gradient;           ///< rms gradient of the pre-activations when those of the last layer receive N(0, 1)
  Prediction correlation;        ///< mean uncentred cosine of pre-activations over pairs of inputs
  double activation_mean = 0;    ///< E[f]
  double activation_second = 0;  ///< E[f^2]
  double zero_fraction = 0;      ///< P(f = 0)
  double silent_fraction = 0;    ///< units whose f is 0 for all inputs
};

struct NetTheory {
  std::vector<LayerTheory> layers;
  Prediction gradient_ratio;  ///< layer 1 over the last
};

/// The theory of infinitely wide nets (init/mean_field.hpp), without bands. Batch normalization is that of a batch of
/// `inputs` (init/batch_moments.hpp): in a large one it multiplies the squared gradient by E[f'^2] / Var f a layer, for
/// ReLU pi / (pi - 1); in one of m, linear layers by (m - 2) / (m - 3) (Yang et al. 2019). Layer normalization takes
/// each sample's pre-activations to variance 1: squared gradients are multiplied by E[f'^2] / E[f^2] a layer, for ReLU
/// 1 (z = W f has mean square sigma_w2 E[f^2], by which the way back divides; projections vanish in wide layers).
NetTheory predict(const NetOptions& net);

/// log10 of the gradient ratio, layer 1 over the last, that predict() says of the plain nets of depth 1, ..., `depth`
/// with these two: in a hundredth of its time, since nothing is asked of pairs of inputs. The width matters where an
/// initializer does not scale with it. Infinite or NaN from where the signal or the gradient leaves double or theory is
/// silent.
std::vector<double> gradient_by_depth(const Activation& activation, const Initializer& initializer, Index depth,
                                      Index width = 256);

/// Adds the bands; none where layer_norm is set. For a few inputs the law of a random net of finite width needs no
/// weight matrix: W H is normal given H, and W' U is, given both, a known part within the span of H and a fresh normal
/// one outside it. Some dozens of such nets are drawn from `rng`; what they cost grows with width, not its square. For
/// one input to a ReLU net at He's scales they are the random walk of Hanin 2018, with steps of variance 5 / width.
/// With batch normalization each input acts on all others: there are no few that stand for them, and whole nets are
/// drawn.
void add_bands(NetTheory& theory, const NetOptions& net, const Rng& rng);

}  // namespace evengrad
