// Losses: each reduces a batch to its mean, in double, (1, 1). Of sequences shorter than their batch the padding does
// not count.
#pragma once

#include <evengrad/core/ops.hpp>

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace evengrad {

/// Softmax and cross-entropy on logits in one op: -log softmax(z)[label], the mean over the rows that have a label.
template <Real S>
struct SoftmaxCrossEntropy {
  static constexpr std::string_view name = "softmax_cross_entropy";
  static constexpr OpRole role = OpRole::loss;
  std::span<const std::int32_t> labels;  // read by forward only
  double smoothing = 0;
  const std::int32_t* kept_labels = nullptr;  // no_label in padding
  Index labels_kept = 0;                      // that are not no_label
  const S* probabilities = nullptr;           // (B, C)

  void forward(Forward<S>& step);
  void pull(Pull<S>& step) const;
};

/// The mean of the squared differences over all elements.
template <Real S>
struct MeanSquaredError {
  static constexpr std::string_view name = "mean_squared_error";
  static constexpr OpRole role = OpRole::loss;
  void forward(Forward<S>& step);
  void pull(Pull<S>& step) const;
};

/// -t log sigmoid(z) - (1 - t) log(1 - sigmoid(z)), the mean over all elements.
template <Real S>
struct BinaryCrossEntropy {
  static constexpr std::string_view name = "binary_cross_entropy";
  static constexpr OpRole role = OpRole::loss;
  void forward(Forward<S>& step);
  void pull(Pull<S>& step) const;
};

/// e^2 / 2 where |e| <= delta, else delta (|e| - delta / 2), the mean over all elements; e = prediction - target.
template <Real S>
struct HuberLoss {
  static constexpr std::string_view name = "huber";
  static constexpr OpRole role = OpRole::loss;
  double delta = 1;
  void forward(Forward<S>& step);
  void pull(Pull<S>& step) const;
};

/// T^2 KL(softmax(teacher / T) || softmax(student / T)), the mean over the batch.
template <Real S>
struct SoftTargets {
  static constexpr std::string_view name = "soft_targets";
  static constexpr OpRole role = OpRole::loss;
  const S* teacher = nullptr;  // logits, (B, C), read by forward only
  double temperature = 1;
  const S* difference = nullptr;  // softmax(student / T) - softmax(teacher / T), (B, C)

  void forward(Forward<S>& step);
  void pull(Pull<S>& step) const;
};

/// Cross-entropy of softmax(logits). logits (B, C) or (B, T, C); labels: a class number in [0, C) per row, or no_label.
/// With label smoothing s the target is 1 - s on the label and s / C on every class (Szegedy et al. 2016), as in
/// PyTorch. \throws ShapeError if there is not a label per row, Error if a label is outside [0, C) or no row has one,
/// UsageError if the smoothing is outside [0, 1].
template <Real S>
Var<S> softmax_cross_entropy(const Var<S>& logits, std::span<const std::int32_t> labels, double smoothing = 0);

/// Mean squared error over all elements. prediction and target (B, O).
/// \throws ShapeError if the shapes differ.
template <Real S>
Var<S> mean_squared_error(const Var<S>& prediction, const Var<S>& target);

/// Cross-entropy of sigmoid(logits), each element a yes-or-no question. logits and target (B, O), targets in [0, 1].
/// Finite and with the right gradient however wrong the model is.
/// \throws ShapeError if the shapes differ, Error if a target is outside [0, 1].
template <Real S>
Var<S> binary_cross_entropy(const Var<S>& logits, const Var<S>& target);

/// Huber's loss (Huber 1964): squared near the target, linear beyond delta. prediction and target (B, O).
/// \throws ShapeError if the shapes differ, UsageError unless delta is positive and finite.
template <Real S>
Var<S> huber(const Var<S>& prediction, const Var<S>& target, double delta = 1);

struct DistillationOptions {
  double temperature = 2;
  double soft_share = 0.5;  ///< of the soft targets; the labels have the rest
};

/// Knowledge distillation (Hinton, Vinyals and Dean 2015): soft_share times the soft targets' loss plus (1 -
/// soft_share) times the labels' cross-entropy. The soft loss is T^2 KL(teacher || student), both at temperature T: the
/// paper's cross-entropy less the teacher's own entropy, so that it is 0 where they agree. logits and teacher (B, C).
/// \throws ShapeError if the shapes differ, Error if a label is outside [0, C), UsageError unless the temperature is
/// positive and finite and the share in [0, 1].
template <Real S>
Var<S> distillation(const Var<S>& logits, const MatrixRef<S>& teacher, std::span<const std::int32_t> labels,
                    const DistillationOptions& options = {});

/// What `--loss` accepts, with what it is for.
struct LossInfo {
  std::string name;
  std::string formula;
  std::string task;  ///< "classification" (of one label), "regression", or "any" number of yes-or-no questions
};
const std::vector<LossInfo>& losses();

}  // namespace evengrad
