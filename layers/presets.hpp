// Nets that have a name: "lenet" or "resnet(blocks=2)" stands for its line wherever a line is read, and a net that is
// built of it prints as that line. Where a layer has the same name (lstm), the name is the net's only as the whole
// line, and the layer's in a longer one.
#pragma once

#include <evengrad/layers/registry.hpp>

#include <string>
#include <string_view>
#include <vector>

namespace evengrad {

/// Adding a net is one of these in the list of presets.cpp.
struct Preset {
  std::string name;
  std::string arguments;  ///< "blocks=2, width=16", as a layer word's
  std::string help;
  std::string (*line)(const Word& word) = nullptr;
  std::string (*line_of_tokens)(const Word& word) = nullptr;  ///< where the inputs are tokens, if it is another

  std::string line_for(const NetSettings& settings, const Word& word) const {
    return (settings.tokens > 0 && line_of_tokens ? line_of_tokens : line)(word);
  }

  /// "resnet(blocks=2, width=16)".
  std::string call() const { return arguments.empty() ? name : name + "(" + arguments + ")"; }
};

const std::vector<Preset>& presets();

/// Null if there is none of this name.
const Preset* find_preset(std::string_view name);

/// The line of a preset with its default arguments.
std::string default_line(const Preset& preset);

}  // namespace evengrad
