#include <evengrad/layers/softmax.hpp>

#include <evengrad/core/kernels/kernels.hpp>

#include <cmath>

namespace evengrad {

template <Real S>
void RowSoftmax<S>::forward(Forward<S>& step) {
  const Shape shape = step.shape();
  const Index rows = shape.matrix_rows();
  S* scaled = step.keep(shape.size());
  S* p = step.keep(shape.size());
  double* log_sum = step.template keep<double>(rows);
  const S* x = step.input(0).data();
  for (Index i = 0; i < shape.size(); ++i) scaled[i] = static_cast<S>(static_cast<double>(x[i]) / temperature);
  kernels::kernels<S>().softmax_rows({scaled, rows, shape.cols, shape.cols}, p, log_sum);
  probabilities = p;

  MutableMap<S> y = step.output();
  if (!logarithm) {
    y = ConstMap<S>(p, rows, shape.cols);
    return;
  }
  for (Index r = 0; r < rows; ++r) {
    for (Index c = 0; c < shape.cols; ++c) {
      y(r, c) = static_cast<S>(static_cast<double>(scaled[r * shape.cols + c]) - log_sum[r]);
    }
  }
}

template <Real S>
void RowSoftmax<S>::pull(Pull<S>& step) const {
  const Shape shape = step.shape();
  const Index rows = shape.matrix_rows();
  const Target<S> to = step.target(0);
  for (Index r = 0; r < rows; ++r) {
    const S* g = step.gradient().data() + r * shape.cols;
    const S* p = probabilities + r * shape.cols;
    S* out = to.data + r * shape.cols;
    // Every output of the row depends on every input through the sum.
    double through_sum = 0;
    for (Index c = 0; c < shape.cols; ++c) {
      through_sum += static_cast<double>(g[c]) * (logarithm ? 1.0 : static_cast<double>(p[c]));
    }
    for (Index c = 0; c < shape.cols; ++c) {
      const double own = static_cast<double>(g[c]), share = static_cast<double>(p[c]);
      const double dx = logarithm ? own - share * through_sum : share * (own - through_sum);
      const S scaled = static_cast<S>(dx / temperature);
      out[c] = to.accumulate ? out[c] + scaled : scaled;
    }
  }
}

namespace {

template <Real S>
Var<S> record(const Var<S>& x, double temperature, bool logarithm) {
  if (!(temperature > 0) || !std::isfinite(temperature)) {
    throw UsageError(text("softmax: the temperature must be positive and finite, got ", temperature));
  }
  if (x.cols() == 0) {
    throw ShapeError(text("[softmax] input is ", x.shape(), ": expected at least one column"));
  }
  return x.tape().record(RowSoftmax<S>{temperature, logarithm}, x.shape(), {x});
}

}  // namespace

template <Real S>
Var<S> softmax(const Var<S>& x, double temperature) {
  return record(x, temperature, false);
}

template <Real S>
Var<S> log_softmax(const Var<S>& x, double temperature) {
  return record(x, temperature, true);
}

#define EVENGRAD_INSTANTIATE(S)                   \
  template struct RowSoftmax<S>;                  \
  template Var<S> softmax(const Var<S>&, double); \
  template Var<S> log_softmax(const Var<S>&, double);
EVENGRAD_INSTANTIATE(float)
EVENGRAD_INSTANTIATE(double)
#undef EVENGRAD_INSTANTIATE

}  // namespace evengrad
