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
Index Linear<S>::outputs(Index inputs) const {
  if (inputs != weight.value.cols()) {
    throw ShapeError(text(describe(), ": expected ", weight.value.cols(), " inputs, got ", inputs));
  }
  return weight.value.rows();
}

template class Linear<float>;
template class Linear<double>;

}  // namespace evengrad
