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
  };
  return list;
}

const Preset* find_preset(std::string_view name) {
  const auto found = std::find_if(presets().begin(), presets().end(), [&](const Preset& p) { return p.name == name; });
  return found == presets().end() ? nullptr : &*found;
}

std::string default_line(const Preset& preset) { return preset.line(Word(preset.name, preset.name, preset.arguments)); }

}  // namespace evengrad
