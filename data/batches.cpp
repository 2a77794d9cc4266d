#include <evengrad/core/error.hpp>
#include <evengrad/data/batches.hpp>

#include <algorithm>
#include <numeric>

namespace evengrad {

BatchOrder::BatchOrder(Index samples, const BatchOptions& options, const Rng& rng)
    : samples_(samples),
      batch_size_(options.batch_size),
      starts_(options.starts),
      shuffle_(options.shuffle),
      rng_(rng) {
  if (batch_size_ < 1) throw UsageError(text("the batch size is ", batch_size_, ", expected at least 1"));
  batch_size_ = std::min(batch_size_, std::max<Index>(samples, 1));  // a larger one is all of the rows
  order_.resize(static_cast<std::size_t>(samples));
  start_epoch(0);
}

void BatchOrder::start_epoch(Index epoch) {
  if (starts_ > 0) {
    Rng draw = rng_.split(static_cast<std::uint64_t>(epoch));
    const Index apart = std::max<Index>(1, starts_ / std::max<Index>(1, samples_));
    for (Index i = 0; i < samples_; ++i) {
      order_[static_cast<std::size_t>(i)] = shuffle_
                                                ? static_cast<Index>(draw.below(static_cast<std::uint64_t>(starts_)))
                                                : std::min(i * apart, starts_ - 1);
    }
    return;
  }
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
  shape_ = dataset.shape(size_);
  label_per_row_ = dataset.label_per_row;
  labels_.clear();
  lengths_.clear();
  if (!dataset.text.empty()) return gather_text(dataset, rows);
  copy_rows(dataset.inputs, inputs_);
  if (!dataset.lengths.empty()) {
    for (const Index row : rows) lengths_.push_back(dataset.lengths[static_cast<std::size_t>(row)]);
  }
  if (dataset.task == Task::classification) {
    targets_.resize(0, 0);
    const Index each = label_per_row_ ? shape_.rows : 1;
    for (const Index row : rows) {
      const auto first = dataset.labels.begin() + row * each;
      labels_.insert(labels_.end(), first, first + each);
    }
  } else {
    copy_rows(dataset.targets, targets_);
  }
}

// A window at the end of the text is padded: its last rows have no label.
template <Real S>
void Batch<S>::gather_text(const Dataset<S>& dataset, std::span<const Index> rows) {
  if (inputs_.rows() < size_ || inputs_.cols() != shape_.rows) inputs_.resize(size_, shape_.rows);
  const auto length = static_cast<Index>(dataset.text.size());
  for (Index i = 0; i < size_; ++i) {
    for (Index t = 0; t < shape_.rows; ++t) {
      const Index at = rows[static_cast<std::size_t>(i)] + t;
      const bool counts = at + 1 < length;
      inputs_(i, t) = counts ? static_cast<S>(dataset.text[static_cast<std::size_t>(at)]) : S(0);
      labels_.push_back(counts ? dataset.text[static_cast<std::size_t>(at) + 1] : no_label);
    }
  }
}

template <Real S>
Index Batch<S>::answers() const {
  if (!label_per_row_) return size_;
  Index count = 0;
  for (Index block = 0; block < size_; ++block) {
    const Index rows = shape().length(block);
    const auto first = labels_.begin() + block * shape_.rows;
    count += std::count_if(first, first + rows, [](std::int32_t label) { return label != no_label; });
  }
  return count;
}

template <Real S>
std::vector<Index> rows_of(const Dataset<S>& dataset, Index begin, Index count) {
  std::vector<Index> rows(static_cast<std::size_t>(count));
  std::iota(rows.begin(), rows.end(), begin);
  if (!dataset.text.empty()) {
    for (Index& row : rows) row *= dataset.sample.rows;
  }
  return rows;
}

template std::vector<Index> rows_of(const Dataset<float>&, Index, Index);
template std::vector<Index> rows_of(const Dataset<double>&, Index, Index);

template class Batch<float>;
template class Batch<double>;

}  // namespace evengrad
