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
Matrix<double> predict(Layer<S>& model, const Matrix<S>& inputs, Task task, const Shape& sample) {
  Shape shape = sample.cols > 0 ? sample : Shape(1, inputs.cols());
  shape.blocks = 1;
  const Index samples = inputs.size() / shape.size(), batch = std::max<Index>(1, 1000 / shape.rows);
  const Shape answer = model.outputs(shape);
  const bool one_logit = task == Task::classification && answer.cols == 1;
  Matrix<double> result(samples * answer.rows, one_logit ? 2 : answer.cols);
  Tape<S> tape({.recording = false});
  for (Index begin = 0; begin < samples; begin += batch) {
    shape.blocks = std::min(batch, samples - begin);
    if (sample.lengths) shape.lengths = sample.lengths + begin;
    tape.clear();
    const ConstMap<S> x(inputs.data() + begin * shape.rows * shape.cols, shape.matrix_rows(), shape.cols);
    const Var<S> output = model.forward(tape.view(x, shape), Context{});
    auto rows = result.middleRows(begin * answer.rows, shape.blocks * answer.rows);
    if (one_logit) {
      rows.col(0).setZero();
      rows.col(1) = output.value().template cast<double>();
    } else {
      rows = output.value().template cast<double>();
    }
    for (Index r = 0; task == Task::classification && r < rows.rows(); ++r) to_probabilities(rows.row(r));
  }
  return result;
}

template Matrix<double> predict(Layer<float>&, const Matrix<float>&, Task, const Shape&);
template Matrix<double> predict(Layer<double>&, const Matrix<double>&, Task, const Shape&);

}  // namespace evengrad
