#include <evengrad/layers/prelu.hpp>

#include <evengrad/activations/registry.hpp>
#include <evengrad/core/kernels/kernels.hpp>
#include <evengrad/core/numbers.hpp>

#include <algorithm>

namespace evengrad {

template <Real S>
void ParametricReLU<S>::forward(Forward<S>& step) {
  const Shape shape = step.shape();
  const bool shared = step.shape(1).cols == 1;
  const S *x = step.input(0).data(), *slope = step.input(1).data();
  S* d = step.keep(shape.size());
  for (Index r = 0; r < shape.matrix_rows(); ++r) {
    for (Index c = 0; c < shape.cols; ++c) {
      const Index i = r * shape.cols + c;
      d[i] = x[i] > 0 ? S(1) : slope[shared ? 0 : c];
    }
  }
  kernels::kernels<S>().multiply(x, d, step.output().data(), shape.size(), false);
  derivative = d;
  constexpr double kinks[] = {0.0};
  step.set_activation_derivative(d);
  step.set_pre_activation(x, kinks);
}

template <Real S>
void ParametricReLU<S>::pull(Pull<S>& step) const {
  const Shape shape = step.shape();
  const S *x = step.input(0).data(), *g = step.gradient().data();
  if (step.wants(0)) {
    const Target<S> to = step.target(0);
    kernels::kernels<S>().multiply(g, derivative, to.data, shape.size(), to.accumulate);
  }
  if (!step.wants(1)) return;
  const Index slopes = step.shape(1).cols;
  double* sums = step.template scratch<double>(slopes);
  std::fill_n(sums, slopes, 0.0);
  for (Index r = 0; r < shape.matrix_rows(); ++r) {
    for (Index c = 0; c < shape.cols; ++c) {
      const Index i = r * shape.cols + c;
      if (!(x[i] > 0)) sums[slopes == 1 ? 0 : c] += static_cast<double>(x[i]) * static_cast<double>(g[i]);
    }
  }
  step.add(1, Eigen::Map<const Eigen::RowVectorXd>(sums, slopes).template cast<S>());
}

template <Real S>
PReLULayer<S>::PReLULayer(const PReLUOptions& options)
    : options_(options),
      start_(activation("prelu(" + number_text(options.slope) + (options.slopes > 1 ? ", per_channel=1)" : ")"))) {
  if (options.slopes < 1) throw UsageError(text("PReLU needs at least one slope, got ", options.slopes));
  weight.rank = 1;
  reset();
}

template <Real S>
Var<S> PReLULayer<S>::forward(const Var<S>& x, const Context&) {
  if (options_.slopes != 1 && x.cols() != options_.slopes) {
    throw ShapeError(text("[prelu] input is ", x.shape(), ": expected ", options_.slopes, " columns, one a slope"));
  }
  return x.tape().record(ParametricReLU<S>{}, x.shape(), {x, x.tape().parameter(weight)});
}

template <Real S>
Shape PReLULayer<S>::outputs(const Shape& inputs) const {
  if (options_.slopes != 1) require_columns(describe(), options_.slopes, inputs);
  return inputs;
}

template struct ParametricReLU<float>;
template struct ParametricReLU<double>;
template class PReLULayer<float>;
template class PReLULayer<double>;

}  // namespace evengrad
