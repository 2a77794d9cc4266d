// Nets of images through what a net goes through: model files in PyTorch's layout, and the trace of a NaN.
#include <evengrad/activations/registry.hpp>
#include <evengrad/layers/presets.hpp>
#include <evengrad/training/finite.hpp>
#include <evengrad/training/model_file.hpp>
#include <evengrad/training/safetensors.hpp>

#include "../matrices.hpp"
#include "../temp_folder.hpp"

#include <algorithm>

namespace evengrad {
namespace {

const Shape image = Shape::image(1, 28, 28, 1);

Sequential<float> net_of(std::string_view line) {
  Sequential<float> net = build_net<float>(line, {.inputs = image, .outputs = 10, .activations = {activation("relu")}});
  net.initialize(initializer("he"), Rng(1));
  return net;
}

TEST(ImageNets, AreSavedAsPyTorchSavesThemAndComeBack) {
  const TempFolder folder;
  const std::filesystem::path path = folder.path() / "model.safetensors";
  for (const char* line : {"lenet", "resnet(blocks=1, width=4)", "convnext(blocks=1, width=4)"}) {
    Sequential<float> net = net_of(line);
    save_model(path, net, {.name = "digits"}, image);
    SavedModel<float> saved = load_model<float>(path);
    EXPECT_EQ(saved.model.word(), net.word());
    EXPECT_EQ(saved.inputs, image);
    const Matrix<float> x = random_matrix<float>(3 * 784, 1, 2);
    Tape<float> tape;
    const Var<float> in = tape.constant(x, Shape::image(3, 28, 28, 1));
    EXPECT_TRUE(same_bits(saved.model.forward(in, {}).value(), net.forward(in, {}).value())) << line;
  }

  Sequential<float> net = net_of("conv(6, 3) f conv(4, 2, groups=2) flatten");
  save_model(path, net, {.name = "digits"}, image);
  const auto shape_of = [&](std::string_view name) {
    const std::vector<Tensor> tensors = load_safetensors(path).tensors;
    return std::find_if(tensors.begin(), tensors.end(), [&](const Tensor& t) { return t.name == name; })->shape;
  };
  EXPECT_EQ(shape_of("layers.0.weight"), (std::vector<Index>{6, 1, 3, 3}));
  EXPECT_EQ(shape_of("layers.0.bias"), (std::vector<Index>{6}));
  EXPECT_EQ(shape_of("layers.2.weight"), (std::vector<Index>{4, 3, 2, 2}));
  EXPECT_EQ(shape_of("layers.4.weight"), (std::vector<Index>{10, 4 * 784}));
}

TEST(ImageNets, ANumberThatIsNotFiniteIsTracedToItsConvolution) {
  Sequential<float> net = net_of("conv(2, 3) f maxpool(2) conv(2, 3) f mean");
  net.visit(Path(), [](const Path& path, Parameter<float>& parameter) {
    if (path.str().starts_with("layers.3")) parameter.value.setConstant(3e38F);
  });
  Tape<float> tape;
  net.forward(tape.constant(Matrix<float>::Ones(2 * 784, 1), Shape::image(2, 28, 28, 1)), {.training = true});
  try {
    report_non_finite<float>(tape, nullptr, 7);
  } catch (const NonFiniteStep& error) {
    EXPECT_EQ(error.place.layer, "layers.3");
    EXPECT_EQ(error.place.op, "convolve");
    EXPECT_EQ(error.place.direction, "forward");
    EXPECT_EQ(error.place.step, 7);
  }
}

}  // namespace
}  // namespace evengrad
