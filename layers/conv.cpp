#include <evengrad/layers/conv.hpp>

namespace evengrad {

template <Real S>
Conv<S>::Conv(const ConvOptions& options) : options_(options) {
  const auto& [inputs, outputs, size, stride, padding, groups, has_bias] = options;
  if (inputs < 1 || outputs < 1 || size < 1 || stride < 1 || padding.value_or(0) < 0) {
    throw UsageError(text("a convolution needs channels, a kernel, a stride and a padding that is not negative, got ",
                          inputs, " channels to ", outputs, ", kernel ", size, ", stride ", stride));
  }
  if (groups < 1 || inputs % groups != 0 || outputs % groups != 0) {
    throw UsageError(
        text("a convolution of ", inputs, " channels to ", outputs, " cannot be split into ", groups, " groups"));
  }
  window_ = padding ? Window{size, stride, *padding, 2 * *padding} : Window::same(size, stride);
  weight.rank = 4;
  weight.height = weight.width = size;
  weight.value.setZero(outputs, inputs / groups * size * size);
  bias.rank = 1;
  if (has_bias) bias.value.setZero(1, outputs);
}

template <Real S>
Var<S> Conv<S>::forward(const Var<S>& x, const Context&, const Activation& f) {
  Tape<S>& tape = x.tape();
  const Var<S> w = tape.parameter(weight);
  return convolve(x, w, bias.value.size() ? tape.parameter(bias) : Var<S>(), window_, options_.groups, f);
}

template <Real S>
void Conv<S>::visit(const Path& path, ParameterVisitor<S> visitor) {
  visitor(Path(path, "weight"), weight);
  if (bias.value.size()) visitor(Path(path, "bias"), bias);
}

template <Real S>
void Conv<S>::roles(Roles<S>& roles, const Path& path) {
  const Index reached = options_.outputs / options_.groups * options_.size * options_.size;
  roles.weight(Path(path, "weight"), weight,
               {.fan_in = weight.value.cols(), .fan_out = reached, .kind = WeightKind::convolution});
  if (bias.value.size()) roles.bias(Path(path, "bias"), bias);
}

template <Real S>
std::string Conv<S>::describe() const {
  return text("Conv(", options_.inputs, ", ", word().substr(5));
}

template <Real S>
std::string Conv<S>::word() const {
  const auto& [inputs, outputs, size, stride, padding, groups, has_bias] = options_;
  return text("conv(", outputs, ", ", size, stride != 1 ? text(", stride=", stride) : "",
              padding ? text(", padding=", *padding) : "", groups != 1 ? text(", groups=", groups) : "",
              has_bias ? ")" : ", bias=0)");
}

template <Real S>
Shape Conv<S>::outputs(const Shape& inputs) const {
  const Shape out = windowed("convolve", inputs, window_, options_.outputs);
  require_columns(describe(), options_.inputs, inputs);
  return out;
}

template class Conv<float>;
template class Conv<double>;

}  // namespace evengrad
