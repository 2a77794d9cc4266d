// Losses: each reduces a batch to the mean over its samples, in double, (1, 1).
#pragma once

#include <evengrad/core/ops.hpp>

#include <cstdint>
#include <span>

namespace evengrad {

/// Softmax and cross-entropy on logits in one op: -log softmax(z)[label], the mean over the batch.
template <Real S>
struct SoftmaxCrossEntropy {
  static constexpr std::string_view name = "softmax_cross_entropy";
  std::span<const std::int32_t> labels;  // read by forward only
  double smoothing = 0;
  const std::int32_t* kept_labels = nullptr;
  const S* probabilities = nullptr;  // (B, C)

  void forward(Forward<S>& step);
  void pull(Pull<S>& step) const;
};

/// The mean of the squared differences over all elements.
template <Real S>
struct MeanSquaredError {
  static constexpr std::string_view name = "mean_squared_error";
  void forward(Forward<S>& step);
  void pull(Pull<S>& step) const;
};

/// Cross-entropy of softmax(logits). logits (B, C); labels: B class numbers in [0, C). With label smoothing s the target
/// is 1 - s on the label and s / C on every class (Szegedy et al. 2016), as in PyTorch.
/// \throws ShapeError if there is not a label a row, Error if a label is outside [0, C).
template <Real S>
Var<S> softmax_cross_entropy(const Var<S>& logits, std::span<const std::int32_t> labels, double smoothing = 0);

/// Mean squared error over all elements. prediction and target (B, O).
/// \throws ShapeError if the shapes differ.
template <Real S>
Var<S> mean_squared_error(const Var<S>& prediction, const Var<S>& target);

}  // namespace evengrad
