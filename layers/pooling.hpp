// Layers without parameters that change what an image's pixels are.
#pragma once

#include <evengrad/core/image_ops.hpp>
#include <evengrad/layers/layer.hpp>

namespace evengrad {

/// The largest number of each window, as PyTorch's nn.MaxPool2d; pixels that fill no window are left out.
template <Real S>
class MaxPool : public ClonableLayer<MaxPool<S>, S> {
 public:
  /// Windows of size x size pixels, `stride` apart; by default they touch. \throws UsageError unless both are positive.
  explicit MaxPool(Index size, Index stride = 0);

  using Layer<S>::forward;
  Var<S> forward(const Var<S>& x, const Context&) override { return max_pool(x, window_); }
  std::string describe() const override;
  std::string word() const override;
  Shape outputs(const Shape& inputs) const override { return windowed("max_pool", inputs, window_, inputs.cols); }

 private:
  Window window_;
};

/// The mean of each window, as PyTorch's nn.AvgPool2d; pixels that fill no window are left out.
template <Real S>
class AvgPool : public ClonableLayer<AvgPool<S>, S> {
 public:
  /// As MaxPool.
  explicit AvgPool(Index size, Index stride = 0);

  using Layer<S>::forward;
  Var<S> forward(const Var<S>& x, const Context&) override { return average_pool(x, window_); }
  std::string describe() const override;
  std::string word() const override;
  Shape outputs(const Shape& inputs) const override { return windowed("average_pool", inputs, window_, inputs.cols); }

 private:
  Window window_;
};

/// factor x factor equal pixels for each one, as PyTorch's nn.Upsample(mode="nearest").
template <Real S>
class Upsample : public ClonableLayer<Upsample<S>, S> {
 public:
  explicit Upsample(Index factor) : factor_(factor) {}

  using Layer<S>::forward;
  Var<S> forward(const Var<S>& x, const Context&) override { return upsample(x, factor_); }
  std::string describe() const override { return text("Upsample(", factor_, ")"); }
  std::string word() const override { return text("upsample(", factor_, ")"); }
  Shape outputs(const Shape& inputs) const override { return upsampled(inputs, factor_); }

 private:
  Index factor_;
};

/// The mean of each feature over an image's pixels or a sequence's steps; padding does not count.
template <Real S>
class Mean : public ClonableLayer<Mean<S>, S> {
 public:
  using Layer<S>::forward;
  Var<S> forward(const Var<S>& x, const Context&) override { return mean_of_rows(x); }
  std::string describe() const override { return "Mean"; }
  std::string word() const override { return "mean"; }
  Shape outputs(const Shape& inputs) const override { return {inputs.blocks, inputs.cols}; }
};

/// All numbers of a sample in one row, as PyTorch's nn.Flatten: an image channel after channel, a sequence step after
/// step.
template <Real S>
class Flatten : public ClonableLayer<Flatten<S>, S> {
 public:
  using Layer<S>::forward;
  Var<S> forward(const Var<S>& x, const Context&) override { return flatten(x); }
  std::string describe() const override { return "Flatten"; }
  std::string word() const override { return "flatten"; }
  Shape outputs(const Shape& inputs) const override { return {inputs.blocks, inputs.rows * inputs.cols}; }
};

}  // namespace evengrad
