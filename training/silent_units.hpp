// Units that are silent (0 for every one of some inputs), and how to give them a new start.
#pragma once

#include <evengrad/layers/layer.hpp>
#include <evengrad/optim/optimizer.hpp>

#include <span>
#include <vector>

namespace evengrad {

/// What the units of one hidden layer do on some inputs: the share of inputs for which each gives exactly 0, and for
/// which it gives more than 0. A unit is silent where the first is 1.
struct UnitShares {
  std::vector<double> zero, positive;
  std::vector<double> magnitude;  ///< the mean |activation|
  std::vector<double> flat;       ///< the share of inputs for which |f'| < 1e-3 max|f'|; filled if asked for
  double flat_not_zero = 0;       ///< of all inputs and units: |f'| < 1e-3 max|f'| and f not 0; filled if asked for

  std::vector<bool> silent() const;
};

/// Of every hidden layer, from one product to the next, in evaluation mode. `inputs` (samples, features), or the rows
/// of samples of the shape `sample`. With `largest_slopes`, max|f'| of each hidden layer, it also counts where slopes
/// are flat. \throws ShapeError if they do not fit.
template <Real S>
std::vector<UnitShares> unit_shares(Layer<S>& net, const MatrixRef<S>& inputs,
                                    std::span<const double> largest_slopes = {}, const Shape& sample = {});
/// The same on a tape whose memory is used again and again; it has to be recording if slopes are asked for.
template <Real S>
std::vector<UnitShares> unit_shares(Tape<S>& tape, Layer<S>& net, const MatrixRef<S>& inputs,
                                    std::span<const double> largest_slopes = {}, const Shape& sample = {});

/// Draws the units that are silent on `inputs` anew, as Sokar et al. 2023 ("The dormant neuron phenomenon in deep
/// reinforcement learning", ReDo): incoming weights, bias and normalization as `init` starts them, from `rng`; outgoing
/// weights 0, so that the net's answer to `inputs` does not change. Weights between two units that are both drawn anew
/// are drawn: 0 would keep a layer that is silent as a whole so for ever. What the optimizer, if one is given,
/// remembers of these weights becomes 0. Returns how many units were drawn. \throws UsageError for a residual net,
/// where a column of weights serves more than one unit.
template <Real S>
Index reinitialize_silent_units(Layer<S>& net, const MatrixRef<S>& inputs, const Initializer& init, const Rng& rng,
                                Optimizer<S>* optimizer = nullptr);

}  // namespace evengrad
