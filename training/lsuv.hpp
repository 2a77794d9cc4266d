#pragma once

#include <evengrad/layers/layer.hpp>

namespace evengrad {

/// Layer-sequential unit-variance initialization (Mishkin and Matas 2016): orthogonal weights, zero biases, then from
/// the first layer to the last each weight is scaled until the pre-activations of `inputs` (samples, features) have
/// variance 1 over all samples and units. Measured on data, so it also knows what no theory does; a layer whose
/// pre-activations do not vary is left as it is. \throws ShapeError if model and inputs do not fit.
template <Real S>
void initialize_lsuv(Layer<S>& model, const MatrixRef<S>& inputs, const Rng& rng, const Shape& shape = {});

}  // namespace evengrad
