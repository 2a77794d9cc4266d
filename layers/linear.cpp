#include <evengrad/layers/linear.hpp>

namespace evengrad {

template <Real S>
Linear<S>::Linear(const LinearOptions& options) {
  if (options.inputs < 1 || options.outputs < 1) {
    throw UsageError(
        text("a linear layer needs at least one input and one output, got ", options.inputs, " and ", options.outputs));
  }
  weight.value.setZero(options.outputs, options.inputs);
  bias.rank = 1;
  if (options.bias) bias.value.setZero(1, options.outputs);
}

template <Real S>
Var<S> Linear<S>::forward(const Var<S>& x, const Context&, const Activation& f) {
  Tape<S>& tape = x.tape();
  const Var<S> w = tape.parameter(weight);
  return affine(x, w, bias.value.size() ? tape.parameter(bias) : Var<S>(), f);
}

template <Real S>
void Linear<S>::visit(const Path& path, ParameterVisitor<S> visitor) {
  visitor(Path(path, "weight"), weight);
  if (bias.value.size()) visitor(Path(path, "bias"), bias);
}

template <Real S>
std::string Linear<S>::describe() const {
  return text("Linear(", weight.value.cols(), ", ", weight.value.rows(), bias.value.size() ? ")" : ", no bias)");
}

template <Real S>
void Linear<S>::roles(Roles<S>& roles, const Path& path) {
  roles.weight(Path(path, "weight"), weight, {.fan_in = weight.value.cols(), .fan_out = weight.value.rows()});
  if (bias.value.size()) roles.bias(Path(path, "bias"), bias);
}

template <Real S>
std::string Linear<S>::word() const {
  return text("linear(", weight.value.rows(), bias.value.size() ? ")" : ", bias=0)");
}

template <Real S>
Shape Linear<S>::outputs(const Shape& inputs) const {
  require_columns(describe(), weight.value.cols(), inputs);
  return inputs.with_cols(weight.value.rows());
}

template class Linear<float>;
template class Linear<double>;

}  // namespace evengrad
