#include <evengrad/core/parameter.hpp>

#include <gtest/gtest.h>

#include <vector>

namespace evengrad {
namespace {

static_assert(std::is_nothrow_move_constructible_v<Parameter<float>>, "a vector of layers moves them when it grows");

TEST(ParameterId, IsDifferentForEveryParameter) {
  const Parameter<float> a, b;
  EXPECT_NE(a.id.value(), b.id.value());
  EXPECT_NE(a.id.value(), 0u);  // 0 is a node that is no parameter
}

TEST(ParameterId, OfACopyIsNew) {
  const Parameter<float> a;
  const Parameter<float> copy = a;
  EXPECT_NE(copy.id.value(), a.id.value());
}

TEST(ParameterId, StaysWhenTheValueIsAssigned) {
  Parameter<float> a, b;
  b.value.setConstant(1, 2, 3.0f);
  const std::uint64_t id = a.id.value();
  a = b;
  EXPECT_EQ(a.id.value(), id);
  EXPECT_EQ(a.value, b.value);
}

TEST(ParameterId, MovesWithItsParameter) {
  Parameter<double> a;
  const std::uint64_t id = a.id.value();
  Parameter<double> b = std::move(a);
  EXPECT_EQ(b.id.value(), id);
  EXPECT_NE(a.id.value(), id);  // NOLINT(bugprone-use-after-move): what is left is another parameter
  Parameter<double> c;
  c = std::move(b);
  EXPECT_EQ(c.id.value(), id);
  EXPECT_NE(b.id.value(), id);  // NOLINT(bugprone-use-after-move)
}

TEST(ParameterId, SurvivesAGrowingVector) {
  std::vector<Parameter<float>> layers(1);
  layers[0].value.setOnes(2, 2);
  const std::uint64_t id = layers[0].id.value();
  const float* numbers = layers[0].value.data();
  layers.resize(100);
  EXPECT_EQ(layers[0].id.value(), id);
  EXPECT_EQ(layers[0].value.data(), numbers);
}

TEST(Path, JoinsNamesAndNumbers) {
  const Path root;
  EXPECT_EQ(root.str(), "");
  const Path layers(root, "layers");
  const Path third(layers, Index{3});
  EXPECT_EQ(third.str(), "layers.3");
  EXPECT_EQ(Path(third, "weight").str(), "layers.3.weight");
  EXPECT_EQ(Path(root, Index{0}).str(), "0");
}

TEST(FunctionRef, CallsWhatItRefersToAndKeepsReferences) {
  int calls = 0;
  const auto count = [&calls](int& by, const std::string& name) {
    calls += by;
    by = 0;
    return name.size();
  };
  const FunctionRef<std::size_t(int&, const std::string&)> f = count;
  const auto copy = f;
  int by = 3;
  EXPECT_EQ(copy(by, "four"), 4u);
  EXPECT_EQ(calls, 3);
  EXPECT_EQ(by, 0);
}

}  // namespace
}  // namespace evengrad
