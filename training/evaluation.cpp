#include <evengrad/training/evaluation.hpp>

#include <evengrad/data/batches.hpp>
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
  Batch<S> all;
  all.gather(data, rows_of(data, 0, data.size()));
  Matrix<double> answers = predict<S>(model, all.inputs(), data.task, all.shape());
  Evaluation result;
  if (data.task == Task::classification) {
    result.confusion.setZero(answers.cols(), answers.cols());
    const Index each = data.label_per_row ? all.shape().rows : 1;
    for (Index r = 0; r < answers.rows(); ++r) {
      const std::int32_t label = all.labels()[static_cast<std::size_t>(r)];
      if (label == no_label || r % each >= (each > 1 ? all.shape().length(r / each) : 1)) continue;
      Index answer = 0;
      answers.row(r).maxCoeff(&answer);
      ++result.confusion(label, answer);
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
