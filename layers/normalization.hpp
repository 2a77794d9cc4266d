// Batch and layer normalization. Means and variances are added up in double, in a fixed order.
#pragma once

#include <evengrad/core/option.hpp>
#include <evengrad/layers/layer.hpp>

#include <string_view>
#include <vector>

namespace evengrad {

/// What stands between a linear layer and its activation.
enum class Norm { none, batch, layer };

template <>
struct Choices<Norm> {
  static constexpr std::pair<std::string_view, Norm> words[] = {
      {"none", Norm::none}, {"batch", Norm::batch}, {"layer", Norm::layer}};
};

/// Where a normalization's mean and variance come from, read by forward only.
template <Real S>
struct RunningStatistics {
  S* mean = nullptr;      // (C)
  S* variance = nullptr;  // (C), unbiased
  double momentum = 0;    // share of the new batch
  bool training = false;  // true: the batch's statistics, and these move towards them; false: these
};

/// weight (x - mean) / sqrt(variance + eps) + bias, each column by itself. x (B, C), weight and bias (1, C) -> (B, C).
template <Real S>
struct BatchNormalize {
  static constexpr std::string_view name = "batch_norm";
  static constexpr OpRole role = OpRole::normalization;
  double eps = 1e-5;
  RunningStatistics<S> running;
  const S* normalized = nullptr;              // (x - mean) / deviation, (B, C)
  const double* inverse_deviation = nullptr;  // (C)

  void forward(Forward<S>& step);
  void pull(Pull<S>& step) const;
};

/// weight (x - mean) / sqrt(variance + eps) + bias, each row by itself. x (B, C), weight and bias (1, C) -> (B, C).
template <Real S>
struct LayerNormalize {
  static constexpr std::string_view name = "layer_norm";
  static constexpr OpRole role = OpRole::normalization;
  double eps = 1e-5;
  const S* normalized = nullptr;              // (B, C)
  const double* inverse_deviation = nullptr;  // (B)

  void forward(Forward<S>& step);
  void pull(Pull<S>& step) const;
};

/// weight x / sqrt(mean square + eps), each row by itself. x (B, C), weight (1, C), or none -> (B, C).
template <Real S>
struct RmsNormalize {
  static constexpr std::string_view name = "rms_norm";
  static constexpr OpRole role = OpRole::normalization;
  double eps = 1e-5;
  bool has_weight = true;
  const S* normalized = nullptr;        // (B, C)
  const double* inverse_rms = nullptr;  // (B)

  void forward(Forward<S>& step);
  void pull(Pull<S>& step) const;
};

struct BatchNormOptions {
  Index features = 0;
  double eps = 1e-5;
  double momentum = 0.1;  ///< the share of the new batch in the running statistics
};

/// Batch normalization (Ioffe and Szegedy 2015), as PyTorch's nn.BatchNorm1d: training normalizes with the biased
/// variance of the batch and averages the unbiased one; evaluation uses the running averages.
template <Real S>
class BatchNorm : public ClonableLayer<BatchNorm<S>, S> {
 public:
  /// \throws UsageError for fewer than one feature, an eps that is not positive, a momentum outside [0, 1].
  explicit BatchNorm(const BatchNormOptions& options);

  using Layer<S>::forward;
  /// \throws ShapeError for another number of columns, or for a training batch of one row.
  Var<S> forward(const Var<S>& x, const Context& context) override;
  void visit(const Path& path, ParameterVisitor<S> visitor) override;
  void roles(Roles<S>& roles, const Path&) override { roles.normalization(choice_word(Norm::batch)); }
  void reset() override;
  std::string describe() const override;
  std::string word() const override { return "batchnorm"; }
  Shape outputs(const Shape& inputs) const override;

  Parameter<S> weight, bias;
  Parameter<S> running_mean, running_var;  ///< not trained

 private:
  BatchNormOptions options_;
};

struct LayerNormOptions {
  Index features = 0;
  double eps = 1e-5;
};

/// Layer normalization (Ba, Kiros and Hinton 2016), as PyTorch's nn.LayerNorm: biased variance of each sample's
/// features.
template <Real S>
class LayerNorm : public ClonableLayer<LayerNorm<S>, S> {
 public:
  /// \throws UsageError for fewer than one feature or an eps that is not positive.
  explicit LayerNorm(const LayerNormOptions& options);

  using Layer<S>::forward;
  /// \throws ShapeError for another number of columns.
  Var<S> forward(const Var<S>& x, const Context& context) override;
  void visit(const Path& path, ParameterVisitor<S> visitor) override;
  void roles(Roles<S>& roles, const Path&) override { roles.normalization(choice_word(Norm::layer)); }
  void reset() override;
  std::string describe() const override;
  std::string word() const override { return "layernorm"; }
  Shape outputs(const Shape& inputs) const override;

  Parameter<S> weight, bias;

 private:
  LayerNormOptions options_;
};

/// weight (x - mean) / sqrt(variance + eps) + bias, each group of features of each sample by itself, over all its rows.
/// x (B, T, C), weight and bias (1, C) -> (B, T, C).
template <Real S>
struct GroupNormalize {
  static constexpr std::string_view name = "group_norm";
  static constexpr OpRole role = OpRole::normalization;
  Index groups = 1;
  double eps = 1e-5;
  const S* normalized = nullptr;              // (B, T, C)
  const double* inverse_deviation = nullptr;  // (B, groups)

  void forward(Forward<S>& step);
  void pull(Pull<S>& step) const;
};

struct GroupNormOptions {
  Index features = 0;
  Index groups = 1;
  double eps = 1e-5;
};

/// Group normalization (Wu and He 2018), as PyTorch's nn.GroupNorm: biased variance of each group of a sample's
/// channels, over its pixels.
template <Real S>
class GroupNorm : public ClonableLayer<GroupNorm<S>, S> {
 public:
  /// \throws UsageError for fewer than one feature, groups that do not divide them, or an eps that is not positive.
  explicit GroupNorm(const GroupNormOptions& options);

  using Layer<S>::forward;
  /// \throws ShapeError for another number of columns, or sequences of several lengths.
  Var<S> forward(const Var<S>& x, const Context& context) override;
  void visit(const Path& path, ParameterVisitor<S> visitor) override;
  void roles(Roles<S>& roles, const Path&) override { roles.normalization("group"); }
  void reset() override;
  std::string describe() const override { return text("GroupNorm(", options_.groups, ", ", options_.features, ")"); }
  std::string word() const override { return text("groupnorm(", options_.groups, ")"); }
  Shape outputs(const Shape& inputs) const override;

  Parameter<S> weight, bias;

 private:
  GroupNormOptions options_;
};

struct RmsNormOptions {
  Index features = 0;
  bool gain = true;  ///< a learned factor for each feature
  double eps = 1e-5;
};

/// Root mean square normalization (Zhang and Sennrich 2019), as PyTorch's nn.RMSNorm with this eps: no mean is
/// subtracted, nothing is added.
template <Real S>
class RmsNorm : public ClonableLayer<RmsNorm<S>, S> {
 public:
  /// \throws UsageError for fewer than one feature or an eps that is not positive.
  explicit RmsNorm(const RmsNormOptions& options);

  using Layer<S>::forward;
  /// \throws ShapeError for another number of columns.
  Var<S> forward(const Var<S>& x, const Context& context) override;
  void visit(const Path& path, ParameterVisitor<S> visitor) override;
  void roles(Roles<S>& roles, const Path&) override { roles.normalization("rms"); }
  void reset() override;
  std::string describe() const override;
  std::string word() const override { return options_.gain ? "rmsnorm" : "rmsnorm(gain=0)"; }
  Shape outputs(const Shape& inputs) const override;

  Parameter<S> weight;  ///< empty without gain

 private:
  RmsNormOptions options_;
};

}  // namespace evengrad
