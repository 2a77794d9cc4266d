#include <evengrad/layers/dyt.hpp>

#include <evengrad/activations/registry.hpp>
#include <evengrad/core/numbers.hpp>

namespace evengrad {

template <Real S>
void DynamicTanh<S>::forward(Forward<S>& step) {
  const Shape shape = step.shape();
  S* t = step.keep(shape.size());
  S* d = step.recording() ? step.keep(shape.size()) : nullptr;
  MutableMap<S> scaled(t, shape.matrix_rows(), shape.cols);
  scaled = step.input(1)(0, 0) * step.input(0);
  tanh->apply(t, t, d, shape.size());
  step.output() = (scaled.array().rowwise() * step.input(2).row(0).array()).rowwise() + step.input(3).row(0).array();
  bounded = t;
  slope = d;
}

template <Real S>
void DynamicTanh<S>::pull(Pull<S>& step) const {
  const Shape shape = step.shape();
  const ConstMap<S> x = step.input(0), weight = step.input(2), g = step.gradient();
  const ConstMap<S> t(bounded, shape.matrix_rows(), shape.cols), d(slope, shape.matrix_rows(), shape.cols);
  const S a = step.input(1)(0, 0);
  // In double, row after row.
  double alpha_sum = 0;
  double* weight_sums = step.template scratch<double>(shape.cols);
  double* bias_sums = step.template scratch<double>(shape.cols);
  S* slopes = step.scratch(shape.size());
  std::fill_n(weight_sums, shape.cols, 0.0);
  std::fill_n(bias_sums, shape.cols, 0.0);
  for (Index r = 0; r < shape.matrix_rows(); ++r) {
    for (Index c = 0; c < shape.cols; ++c) {
      const S inner = g(r, c) * weight(0, c) * d(r, c);
      slopes[r * shape.cols + c] = a * inner;
      alpha_sum += static_cast<double>(inner) * static_cast<double>(x(r, c));
      weight_sums[c] += static_cast<double>(g(r, c)) * static_cast<double>(t(r, c));
      bias_sums[c] += static_cast<double>(g(r, c));
    }
  }
  using Row = Eigen::Map<const Eigen::RowVectorXd>;
  step.add(0, ConstMap<S>(slopes, shape.matrix_rows(), shape.cols));
  step.add(1, Matrix<S>::Constant(1, 1, static_cast<S>(alpha_sum)));
  step.add(2, Row(weight_sums, shape.cols).template cast<S>());
  step.add(3, Row(bias_sums, shape.cols).template cast<S>());
}

template <Real S>
DyT<S>::DyT(const DyTOptions& options) : options_(options), tanh_(activation("tanh")) {
  if (options.features < 1) throw UsageError(text("dynamic tanh needs at least one feature, got ", options.features));
  alpha.rank = weight.rank = bias.rank = 1;
  reset();
}

template <Real S>
void DyT<S>::reset() {
  alpha.value.setConstant(1, 1, static_cast<S>(options_.alpha));
  weight.value.setOnes(1, options_.features);
  bias.value.setZero(1, options_.features);
}

template <Real S>
Var<S> DyT<S>::forward(const Var<S>& x, const Context&) {
  if (x.cols() != options_.features) outputs(x.shape());  // says what is wrong
  Tape<S>& tape = x.tape();
  return tape.record(DynamicTanh<S>{&tanh_}, x.shape(),
                     {x, tape.parameter(alpha), tape.parameter(weight), tape.parameter(bias)});
}

template <Real S>
void DyT<S>::visit(const Path& path, ParameterVisitor<S> visitor) {
  visitor(Path(path, "alpha"), alpha);
  visitor(Path(path, "weight"), weight);
  visitor(Path(path, "bias"), bias);
}

template <Real S>
std::string DyT<S>::describe() const {
  return text("DyT(", options_.features, ")");
}

template <Real S>
std::string DyT<S>::word() const {
  return options_.alpha == 0.5 ? "dyt" : text("dyt(", number_text(options_.alpha), ")");
}

template <Real S>
Shape DyT<S>::outputs(const Shape& inputs) const {
  require_columns(describe(), options_.features, inputs);
  return inputs;
}

template class DyT<float>;
template class DyT<double>;

}  // namespace evengrad
