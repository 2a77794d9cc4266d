#include <evengrad/core/error.hpp>
#include <evengrad/data/batches.hpp>

#include <algorithm>
#include <numeric>

namespace evengrad {

BatchOrder::BatchOrder(Index samples, const BatchOptions& options, const Rng& rng)
    : samples_(samples), batch_size_(options.batch_size), shuffle_(options.shuffle), rng_(rng) {
  if (batch_size_ < 1) throw UsageError(text("the batch size is ", batch_size_, ", expected at least 1"));
  batch_size_ = std::min(batch_size_, std::max<Index>(samples, 1));  // a larger one is all of the rows
  order_.resize(static_cast<std::size_t>(samples));
  start_epoch(0);
}

void BatchOrder::start_epoch(Index epoch) {
  std::iota(order_.begin(), order_.end(), Index{0});
  if (shuffle_) rng_.split(static_cast<std::uint64_t>(epoch)).shuffle(order_);
}

std::span<const Index> BatchOrder::batch(Index i) const {
  const Index begin = i * batch_size_;
  return std::span(order_).subspan(static_cast<std::size_t>(begin),
                                   static_cast<std::size_t>(std::min(batch_size_, samples_ - begin)));
}

template <Real S>
void Batch<S>::gather(const Dataset<S>& dataset, std::span<const Index> rows) {
  const auto copy_rows = [&](const Matrix<S>& from, Matrix<S>& to) {
    if (to.rows() < size_ || to.cols() != from.cols()) to.resize(size_, from.cols());
    for (Index i = 0; i < size_; ++i) to.row(i) = from.row(rows[static_cast<std::size_t>(i)]);
  };
  size_ = static_cast<Index>(rows.size());
  copy_rows(dataset.inputs, inputs_);
  labels_.clear();
  if (dataset.task == Task::classification) {
    targets_.resize(0, 0);
    for (const Index row : rows) labels_.push_back(dataset.labels[static_cast<std::size_t>(row)]);
  } else {
    copy_rows(dataset.targets, targets_);
  }
}

template class Batch<float>;
template class Batch<double>;

}  // namespace evengrad
