// The order in which training sees the rows, and the rows of one batch gathered.
#pragma once

#include <evengrad/core/random.hpp>
#include <evengrad/core/types.hpp>
#include <evengrad/data/dataset.hpp>

#include <span>
#include <vector>

namespace evengrad {

struct BatchOptions {
  Index batch_size = 64;
  bool shuffle = true;  ///< otherwise the rows come in their order
  Index starts = 0;     ///< instead of the rows, so many of these places are drawn, as often as there are rows
};

/// Cuts each epoch's order of the rows into batches; the last one may be short. The order is a function of the stream
/// and the epoch's number alone: a resumed run needs no state of it, and no epoch repeats another.
class BatchOrder {
 public:
  /// Stands at epoch 0. Throws UsageError for a batch size below 1.
  BatchOrder(Index samples, const BatchOptions& options, const Rng& rng);

  void start_epoch(Index epoch);
  /// Batches an epoch.
  Index batches() const { return (samples_ + batch_size_ - 1) / batch_size_; }
  /// The rows of a batch of this epoch.
  std::span<const Index> batch(Index i) const;

 private:
  Index samples_, batch_size_, starts_;
  bool shuffle_;
  Rng rng_;
  std::vector<Index> order_;
};

/// Rows of a dataset, copied together. Reused from batch to batch, it allocates only when a batch is larger than all
/// before.
template <Real S>
class Batch {
 public:
  /// Rows of a text are the places of the first tokens of its windows.
  void gather(const Dataset<S>& dataset, std::span<const Index> rows);

  Index size() const { return size_; }
  /// As the net takes them.
  Shape shape() const {
    Shape shape = shape_;
    shape.lengths = lengths_.empty() ? nullptr : lengths_.data();
    return shape;
  }
  /// (batch * rows, columns) of shape()
  Eigen::Map<const Matrix<S>> inputs() const { return {inputs_.data(), shape_.matrix_rows(), shape_.cols}; }
  /// Classification: one per sample, or per row of each.
  std::span<const std::int32_t> labels() const { return labels_; }
  /// How many labels or targets count.
  Index answers() const;
  /// Regression: (batch, outputs)
  Eigen::Map<const Matrix<S>> targets() const {
    return {targets_.data(), targets_.cols() > 0 ? size_ : 0, targets_.cols()};
  }

 private:
  void gather_text(const Dataset<S>& dataset, std::span<const Index> rows);

  Index size_ = 0;
  Shape shape_;
  bool label_per_row_ = false;
  Matrix<S> inputs_, targets_;  // as many rows as the largest batch had
  std::vector<std::int32_t> labels_, lengths_;
};

/// The rows to gather for samples `begin` to `begin + count` of a set, in their order.
template <Real S>
std::vector<Index> rows_of(const Dataset<S>& dataset, Index begin, Index count);

}  // namespace evengrad
