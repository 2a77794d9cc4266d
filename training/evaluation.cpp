#include <evengrad/training/evaluation.hpp>

#include <evengrad/training/predict.hpp>

#include <cmath>

namespace evengrad {

std::optional<double> Evaluation::class_accuracy(Index c) const {
  const Index rows = confusion.row(c).sum();
  if (rows == 0) return std::nullopt;
  return static_cast<double>(confusion(c, c)) / static_cast<double>(rows);
}

template <Real S>
Evaluation judge_answers(Layer<S>& model, const Dataset<S>& data) {
  check(data);
  Matrix<double> answers = predict<S>(model, data.inputs, data.task);
  Evaluation result;
  if (data.task == Task::classification) {
    result.confusion.setZero(answers.cols(), answers.cols());
    for (Index r = 0; r < answers.rows(); ++r) {
      Index answer = 0;
      answers.row(r).maxCoeff(&answer);
      ++result.confusion(data.labels[static_cast<std::size_t>(r)], answer);
    }
    return result;
  }
  Matrix<double> targets = data.targets.template cast<double>();
  for (Matrix<double>* numbers : {&answers, &targets}) data.target_units.undo(*numbers);
  const double spread = (targets.rowwise() - targets.colwise().mean()).squaredNorm();
  const Matrix<double> error = answers - targets;
  if (spread > 0) result.r2 = 1 - error.squaredNorm() / spread;
  result.mae = error.cwiseAbs().mean();
  result.rmse = std::sqrt(error.cwiseAbs2().mean());
  return result;
}

template Evaluation judge_answers(Layer<float>&, const Dataset<float>&);
template Evaluation judge_answers(Layer<double>&, const Dataset<double>&);

}  // namespace evengrad
