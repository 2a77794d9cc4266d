// The ops of images. An image of a batch is a block of height * width pixels, row after row from the top, with its
// channels side by side: (images, height x width, channels). Each is one struct as in core/ops.hpp.
#pragma once

#include <evengrad/core/activation.hpp>
#include <evengrad/core/tape.hpp>

#include <cstdint>

namespace evengrad {

/// A square of size x size pixels that moves over an image in strides.
struct Window {
  Index size = 1;
  Index stride = 1;
  Index before = 0;  ///< lines of zeros above the image, and columns of them to its left
  Index around = 0;  ///< of zeros above and below together, and to its left and right

  /// Zeros all around that keep height and width at stride 1; those of an even size lie one more below and to the
  /// right, as PyTorch's padding="same" has it. At another stride ceil(pixels / stride) remain.
  static constexpr Window same(Index size, Index stride = 1) { return {size, stride, (size - 1) / 2, size - 1}; }

  /// How many of them fit side by side; below 1 for none.
  constexpr Index steps(Index pixels) const {
    return pixels + around < size ? 0 : (pixels + around - size) / stride + 1;
  }
};

/// f(x * weight + bias): the products of all windows with the kernels of each group of channels, as PyTorch's conv2d
/// (a correlation: kernels are not flipped). x (B, h x w, C), weight (O, C/groups * size * size) in PyTorch's order
/// OIHW, bias (1, O) -> (B, h' x w', O).
template <Real S>
struct Convolve {
  static constexpr std::string_view name = "convolve";
  static constexpr OpRole role = OpRole::product;
  Window window;
  Index groups = 1;
  const Activation* f = nullptr;  // read by forward only
  bool has_bias = true;
  const S* derivative = nullptr;  // f'(z), as the output; null where f is the identity

  void forward(Forward<S>& step);
  void pull(Pull<S>& step) const;
};

/// The largest number of each window, channel by channel; NaN if there is one. The first of equal ones has the
/// gradient.
template <Real S>
struct MaximumOfWindows {
  static constexpr std::string_view name = "max_pool";
  Window window;
  const std::int32_t* where = nullptr;  // the pixel that each number comes from, as the output

  void forward(Forward<S>& step);
  void pull(Pull<S>& step) const;
};

/// The mean of each window, channel by channel.
template <Real S>
struct MeanOfWindows {
  static constexpr std::string_view name = "average_pool";
  Window window;

  void forward(Forward<S>& step);
  void pull(Pull<S>& step) const;
};

/// factor x factor pixels for each one.
template <Real S>
struct RepeatPixels {
  static constexpr std::string_view name = "upsample";
  Index factor = 2;

  void forward(Forward<S>& step);
  void pull(Pull<S>& step) const;
};

/// The columns of a, then those of b.
template <Real S>
struct Concatenate {
  static constexpr std::string_view name = "concat";
  void forward(Forward<S>& step);
  void pull(Pull<S>& step) const;
};

/// The mean of each block's rows, padding left out.
template <Real S>
struct MeanOfRows {
  static constexpr std::string_view name = "mean_of_rows";
  void forward(Forward<S>& step);
  void pull(Pull<S>& step) const;
};

/// Channel after channel, each with its pixels, where the input has pixel after pixel.
template <Real S>
struct ChannelsFirst {
  static constexpr std::string_view name = "channels_first";
  void forward(Forward<S>& step);
  void pull(Pull<S>& step) const;
};

/// The shape that a window makes of an image, with so many channels. \throws ShapeError "[op] …" for what is no image
/// or too small.
Shape windowed(std::string_view op, const Shape& image, const Window& window, Index channels);

/// The shape of an image with factor x factor pixels for each one. \throws ShapeError as upsample().
Shape upsampled(const Shape& image, Index factor);

/// f(x * weight + bias), see Convolve; bias may be an empty Var for none. \throws ShapeError if shapes do not fit.
template <Real S>
Var<S> convolve(const Var<S>& x, const Var<S>& weight, const Var<S>& bias, const Window& window, Index groups = 1,
                const Activation& f = {});

/// (B, h x w, C) -> (B, h' x w', C). \throws ShapeError as windowed(), or for a window with zeros around.
template <Real S>
Var<S> max_pool(const Var<S>& x, const Window& window);
template <Real S>
Var<S> average_pool(const Var<S>& x, const Window& window);

/// (B, h x w, C) -> (B, factor h x factor w, C). \throws ShapeError for what is no image, or too large then.
template <Real S>
Var<S> upsample(const Var<S>& x, Index factor);

/// (B, T, M) and (B, T, N) -> (B, T, M + N). \throws ShapeError unless they have the same rows.
template <Real S>
Var<S> concat(const Var<S>& a, const Var<S>& b);

/// (B, T, C) -> (B, C).
template <Real S>
Var<S> mean_of_rows(const Var<S>& x);

/// (B, T, C) -> (B, T C). Pixels of images go in PyTorch's order, channels first, rows of sequences as they are.
template <Real S>
Var<S> flatten(const Var<S>& x);

}  // namespace evengrad
