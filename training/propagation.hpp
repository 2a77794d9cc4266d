// Measures signals and gradients in a net as it is initialized, layer by layer, through the tape; init/net_theory.hpp
// predicts the same numbers.
#pragma once

#include <evengrad/core/tape.hpp>
#include <evengrad/init/net_theory.hpp>

#include <functional>

namespace evengrad {

/// A mean over nets with its 95 % interval (Student's t); of gradients the geometric mean over the nets that have any.
/// The interval of one net is NaN.
struct Measured {
  double value = 0;
  double low = 0, high = 0;
};

/// Of one layer. Pre-activations are what the weights give, before normalization; saturation looks at the activation's
/// own input.
struct LayerMeasurement {
  Measured q;                         ///< mean square pre-activation
  Measured activation_mean;           ///< mean of f
  Measured activation_second_moment;  ///< mean square of f
  Measured gradient;                  ///< rms gradient with respect to the pre-activations
  Measured correlation;               ///< mean uncentred cosine of pre-activations over pairs of inputs, where not 0
  Measured zero_fraction;             ///< numbers f that are exactly 0
  Measured saturated_fraction;        ///< units with |f'| below 1e-3 of its largest value for every input
  Measured silent_fraction;           ///< units whose f is exactly 0 for every input
  double dead_nets = 0;               ///< share of nets whose pre-activations are all 0
};

struct Propagation {
  std::vector<LayerMeasurement> layers;
  Measured gradient_ratio;  ///< rms gradient of layer 1 over that of the last
  double blocked_nets = 0;  ///< share of nets in which none arrives at layer 1
};

/// What propagate() shows of each layer of each net as it measures: layer from 0, pre-activations and their gradients,
/// both (inputs, width).
template <Real S>
using PropagationLook = std::function<void(std::size_t layer, const ConstMap<S>& z, const ConstMap<S>& gradient)>;

/// Draws `net.nets` nets and measures each on inputs of its own. The last hidden layer's pre-activations receive
/// independent N(0, 1) gradients. \throws UsageError for a size below 1, or batch normalization of fewer than 2 inputs.
template <Real S>
Propagation propagate(const NetOptions& net, const Rng& rng, const PropagationLook<S>& look = {});

}  // namespace evengrad
