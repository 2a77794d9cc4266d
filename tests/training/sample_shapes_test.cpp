// In which shape a net's line is given the samples of a data set.
#include <evengrad/layers/registry.hpp>
#include <evengrad/training/setup.hpp>

#include <gtest/gtest.h>

#include <algorithm>

namespace evengrad {
namespace {

TEST(SampleShapes, TheFirstWordThatNeedsOneDecides) {
  const std::pair<const char*, Takes> cases[] = {
      {"", Takes::any},
      {"linear(8) f conv(2, 3)", Takes::any},
      {"f dropout(0.1) conv(2, 3) f", Takes::image},
      {"residual(groupnorm(1) f conv(1, 3)) flatten", Takes::image},
      {"repeat(2, lstm(4)) last", Takes::sequence},
      {"embed(8) lstm(4)", Takes::tokens},
      {"lenet", Takes::image},
      {"resnet(blocks=1)", Takes::image},
      {"gru", Takes::sequence},
      {"gpt(layers=1)", Takes::tokens},
      {"mlp", Takes::any},
  };
  for (const auto& [line, kind] : cases) EXPECT_EQ(takes<float>(line), kind) << line;
}

// Two images of 2 x 3 pixels and one channel; pixel p of image i is 10 i + p.
Split<double> two_images() {
  Split<double> split;
  for (Dataset<double>* part : {&split.train, &split.test}) {
    part->classes = 2;
    part->labels = {0, 1};
    part->inputs.resize(2, 6);
    for (Index i = 0; i < 12; ++i) part->inputs.data()[i] = static_cast<double>(10 * (i / 6) + i % 6);
    part->image = Shape::image(1, 2, 3, 1);
  }
  return split;
}

Split<double> shaped_for(const std::string& net, Order order = Order::rows) {
  Split<double> split = two_images();
  TrainingSetup setup;
  setup.net = net;
  setup.data.order = order;
  shape_samples(split, setup);
  check(split.train);
  return split;
}

TEST(SampleShapes, ImagesAreGivenAsTheNetTakesThem) {
  EXPECT_EQ(shaped_for("").train.shape(5), Shape(5, 6));
  EXPECT_EQ(shaped_for("linear(4) f").train.shape(5), Shape(5, 6));
  EXPECT_EQ(shaped_for("conv(2, 3) f flatten").train.shape(5), Shape::image(5, 2, 3, 1));
  EXPECT_EQ(shaped_for("lstm(4) last").train.shape(5), Shape(5, 2, 3));
  EXPECT_EQ(shaped_for("lstm(4) last", Order::pixels).train.shape(5), Shape(5, 6, 1));
}

TEST(SampleShapes, PermutedPixelsAreInOneOrderEverywhere) {
  const Split<double> before = two_images(), after = shaped_for("lstm(4) last", Order::permuted);
  EXPECT_EQ(after.train.shape(1), Shape(1, 6, 1));
  EXPECT_NE(after.train.inputs, before.train.inputs);
  EXPECT_EQ(after.train.inputs, after.test.inputs);
  const Matrix<double> first = after.train.inputs.row(0), second = after.train.inputs.row(1).array() - 10;
  EXPECT_EQ(first, second);
  std::vector<double> pixels(first.data(), first.data() + 6);
  std::sort(pixels.begin(), pixels.end());
  EXPECT_EQ(pixels, (std::vector<double>{0, 1, 2, 3, 4, 5}));

  Matrix<double> rows = before.train.inputs;  // of a file that is predicted
  permute_pixels(rows, Shape(1, 6, 1), Order::permuted);
  EXPECT_EQ(rows, after.train.inputs);

  Split<double> again = two_images();
  shape_samples(again, Shape(1, 6, 1), Order::permuted);  // as a saved net took them
  EXPECT_EQ(again.test.inputs, after.test.inputs);
}

}  // namespace
}  // namespace evengrad
