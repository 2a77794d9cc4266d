#include <evengrad/training/predict.hpp>

#include <cmath>

namespace evengrad {

namespace {

// Turns a row of logits into probabilities.
void to_probabilities(Eigen::Ref<Eigen::RowVectorXd> z) {
  z = (z.array() - z.maxCoeff()).exp();
  z /= z.sum();
}

}  // namespace

template <Real S>
Matrix<double> predict(Layer<S>& model, const Matrix<S>& inputs, Task task) {
  constexpr Index batch = 1000;
  const Index outputs = model.outputs({1, inputs.cols()}).cols;
  const bool one_logit = task == Task::classification && outputs == 1;
  Matrix<double> result(inputs.rows(), one_logit ? 2 : outputs);
  Tape<S> tape({.recording = false});
  for (Index begin = 0; begin < inputs.rows(); begin += batch) {
    const Index count = std::min(batch, inputs.rows() - begin);
    tape.clear();
    const ConstMap<S> x(inputs.data() + begin * inputs.cols(), count, inputs.cols());
    const Var<S> output = model.forward(tape.view(x), Context{});
    auto rows = result.middleRows(begin, count);
    if (one_logit) {
      rows.col(0).setZero();
      rows.col(1) = output.value().template cast<double>();
    } else {
      rows = output.value().template cast<double>();
    }
    for (Index r = 0; task == Task::classification && r < count; ++r) to_probabilities(rows.row(r));
  }
  return result;
}

template Matrix<double> predict(Layer<float>&, const Matrix<float>&, Task);
template Matrix<double> predict(Layer<double>&, const Matrix<double>&, Task);

}  // namespace evengrad
