#include <evengrad/training/digest.hpp>

#include <evengrad/layers/linear.hpp>
#include <evengrad/layers/normalization.hpp>

#include <gtest/gtest.h>

#include <array>
#include <cstring>

namespace evengrad {
namespace {

// Fowler, Noll and Vo's own test vectors.
TEST(Digest, IsFnv1a) {
  const auto of = [](std::string_view bytes) {
    Digest digest;
    digest.add(bytes);
    return digest.hex();
  };
  EXPECT_EQ(of(""), "cbf29ce484222325");
  EXPECT_EQ(of("a"), "af63dc4c8601ec8c");
  EXPECT_EQ(of("foobar"), "85944171f73967e8");
}

TEST(Digest, OfWeightsIsOfNamesSizesAndNumbersInOrder) {
  BatchNorm<float> layer({.features = 2});
  layer.weight.value << 1.5f, -2;
  std::string bytes;
  const auto append = [&](const auto& numbers) {
    bytes.append(reinterpret_cast<const char*>(numbers.data()), sizeof(numbers));
  };
  const auto parameter = [&](std::string_view name, float a, float b) {
    bytes += name;
    append(std::array<std::int64_t, 2>{1, 2});
    append(std::array<float, 2>{a, b});
  };
  parameter("weight", 1.5f, -2);
  parameter("bias", 0, 0);
  parameter("running_mean", 0, 0);
  parameter("running_var", 1, 1);
  Digest expected;
  expected.add(bytes);
  EXPECT_EQ(weights_digest<float>(layer).hex(), expected.hex());
  layer.running_var.value(0, 1) = 2;
  EXPECT_NE(weights_digest<float>(layer).hex(), expected.hex());
}

TEST(Digest, OfDataChangesWithEveryPart) {
  const auto of = [](const Dataset<double>& data) {
    Digest digest;
    add_to(digest, data);
    return digest.hex();
  };
  Dataset<double> data{.inputs = Matrix<double>::Ones(2, 3), .labels = {0, 1}, .targets = Matrix<double>::Ones(2, 1)};
  std::vector<std::string> digests = {of(data)};
  data.inputs(1, 2) = 2;
  digests.push_back(of(data));
  data.labels[0] = 1;
  digests.push_back(of(data));
  data.targets(0, 0) = 3;
  digests.push_back(of(data));
  data.inputs.resize(3, 2);
  digests.push_back(of(data));
  std::sort(digests.begin(), digests.end());
  EXPECT_EQ(std::unique(digests.begin(), digests.end()), digests.end());
}

}  // namespace
}  // namespace evengrad
