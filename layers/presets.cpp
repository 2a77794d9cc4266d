#include <evengrad/layers/presets.hpp>

#include <evengrad/core/error.hpp>

#include <algorithm>

namespace evengrad {

namespace {

// "repeat(n, line)", or nothing.
std::string repeated(Index n, const std::string& line) { return n < 1 ? "" : text("repeat(", n, ", ", line, ") "); }

std::string cnn10_line(const Word& word) {
  const Index width = word.count("width");
  const std::string same = text("conv(", width, ", 3) f"), halved = text("conv(", width, ", 3, stride=2) f ");
  return repeated(3, same) + halved + repeated(2, same) + halved + repeated(3, same) + "mean";
}

std::string resnet_line(const Word& word) {
  const Index blocks = word.count("blocks");
  Index width = word.count("width");
  const auto conv = [&](Index kernel, Index stride) {
    return text("conv(", width, ", ", kernel, stride > 1 ? text(", stride=", stride) : "", ", bias=0) batchnorm");
  };
  const auto block = [&] { return text("residual(", conv(3, 1), " f ", conv(3, 1), ") f"); };
  std::string line = conv(3, 1) + " f " + repeated(blocks, block());
  for (int stage = 0; stage < 2; ++stage) {
    width *= 2;
    line += text("residual(", conv(3, 2), " f ", conv(3, 1), ", shortcut=", conv(1, 2), ") f ");
    line += repeated(blocks - 1, block());
  }
  return line + "mean";
}

std::string convnext_line(const Word& word) {
  const Index blocks = word.count("blocks");
  std::string line;
  Index width = word.count("width");
  for (int stage = 0; stage < 2; ++stage, width *= 2) {
    const std::string halved = text("conv(", width, ", 2, stride=2, padding=valid) ");
    line += stage == 0 ? halved + "layernorm " : "layernorm " + halved;
    line += repeated(blocks, text("residual(conv(", width, ", 7, groups=", width, ") layernorm linear(", 4 * width,
                                  ") f linear(", width, "))"));
  }
  return line + "mean layernorm";
}

}  // namespace

const std::vector<Preset>& presets() {
  static const std::vector<Preset> list = {
      {"mlp", "layers=2, width=64", "a multilayer perceptron, as --hidden builds it",
       [](const Word& word) {
         return text("repeat(", word.count("layers"), ", linear(", word.count("width"), ") f)");
       }},
      {"lenet", "", "LeNet-5 for 28 x 28 pixels, as it is written today (after LeCun et al. 1998)",
       [](const Word&) {
         return std::string(
             "conv(6, 5) f maxpool(2) conv(16, 5, padding=valid) f maxpool(2) "
             "flatten linear(120) f linear(84) f");
       }},
      {"cnn10", "width=16", "ten convolutions of 3 x 3 pixels, two of them with stride 2", cnn10_line},
      {"resnet", "blocks=2, width=16",
       "6 blocks + 2 layers in three stages of twice the width each, as for CIFAR (He et al. 2016)", resnet_line},
      {"convnext", "blocks=2, width=32", "a small ConvNeXt of two stages, without layer scale (Liu et al. 2022)",
       convnext_line},
  };
  return list;
}

const Preset* find_preset(std::string_view name) {
  const auto found = std::find_if(presets().begin(), presets().end(), [&](const Preset& p) { return p.name == name; });
  return found == presets().end() ? nullptr : &*found;
}

std::string default_line(const Preset& preset) { return preset.line(Word(preset.name, preset.name, preset.arguments)); }

}  // namespace evengrad
