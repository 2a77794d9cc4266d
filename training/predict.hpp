#pragma once

#include <evengrad/data/dataset.hpp>
#include <evengrad/layers/layer.hpp>

namespace evengrad {

/// What a model says of samples it has not seen, in evaluation mode. inputs (samples, features), normalized as the
/// training data were, or the rows of samples of the shape `sample`. For classification (samples, classes) of
/// probabilities: softmax of the logits, or sigmoid where two classes share one logit. For regression the outputs
/// themselves. A sample's row depends on no other row.
template <Real S>
Matrix<double> predict(Layer<S>& model, const Matrix<S>& inputs, Task task, const Shape& sample = {});

}  // namespace evengrad
