#include <evengrad/layers/presets.hpp>

#include <evengrad/core/error.hpp>

#include <algorithm>

namespace evengrad {

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
  };
  return list;
}

const Preset* find_preset(std::string_view name) {
  const auto found = std::find_if(presets().begin(), presets().end(), [&](const Preset& p) { return p.name == name; });
  return found == presets().end() ? nullptr : &*found;
}

std::string default_line(const Preset& preset) { return preset.line(Word(preset.name, preset.name, preset.arguments)); }

}  // namespace evengrad
