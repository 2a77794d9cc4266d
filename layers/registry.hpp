// Nets in one line: "linear(64) f norm linear(64) f". Words are layers, from left to right; a layer of one's own joins
// them by register_layer().
//
//   Sequential<float> net = build_net<float>("linear(64) f linear(64) f",
//                                            {.inputs = {1, 784}, .outputs = 10, .activations = {activation("gelu")}});
#pragma once

#include <evengrad/core/names.hpp>
#include <evengrad/layers/sequential.hpp>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace evengrad {

/// What a net's line leaves open.
struct NetSettings {
  Shape inputs;                              ///< of one sample: {1, features}, {1, time, features}, an image
  Index outputs = 0;                         ///< of the linear layer that follows by itself; 0 for none
  std::vector<Activation> activations = {};  ///< what `f` stands for: one for all, or one for each `f`
  std::string norm = "layernorm";            ///< the word that `norm` stands for
  double most_parameters = 2e9;              ///< a larger net is refused before its memory is taken
  Index tokens = 0;                          ///< different ones in the data; 0 if the inputs are no tokens
};

/// What a layer takes a sample as. `any` takes its features as one row, or each row by itself.
enum class Takes { any, image, sequence, tokens };

/// One word of a line, "conv(16, 3, stride=2)", with a value for each argument that its entry names.
class Word {
 public:
  /// \throws UsageError if an argument is missing, unknown, or given twice.
  Word(std::string_view text, std::string_view name, std::string_view arguments);

  const std::string& name() const { return name_; }
  /// The argument as it was given, or its default; it may be a line of its own.
  const std::string& value(std::string_view key) const;
  /// It as a whole number from 1 to 1,000,000. \throws UsageError.
  Index count(std::string_view key) const;
  /// It as a number. \throws UsageError.
  double number(std::string_view key) const;
  /// It as 0 or 1. \throws UsageError.
  bool flag(std::string_view key) const;

 private:
  std::string name_;
  std::vector<NamedCall::Argument> arguments_;
};

template <Real S>
class NetBuilder;

/// What a word builds. Adding a layer to all nets is one of these in the list of registry.cpp.
template <Real S>
struct LayerWord {
  std::string name;
  std::string
      arguments;  ///< "n, bias=1", in the order of those given without their name; those with a value can be left out
  std::string help;
  /// Makes the layer that takes builder.inputs(); null if it added layers to the builder itself.
  std::unique_ptr<Layer<S>> (*make)(const Word& word, NetBuilder<S>& builder) = nullptr;
  Takes takes = Takes::any;
};

/// What a word's make() is told of the net around it.
template <Real S>
class NetBuilder {
 public:
  NetBuilder(const NetSettings& settings, const Shape& inputs, std::string name = {})
      : settings_(settings), shape_(inputs), net_(std::move(name)) {}

  /// The shape of one sample that arrives at the layer.
  const Shape& inputs() const { return shape_; }
  const NetSettings& settings() const { return settings_; }
  /// Counts numbers that are about to be allocated. \throws UsageError if the net becomes too large.
  void claim(double numbers);
  /// What the next `f` stands for, or the activation of this name. \throws UsageError.
  Activation activation(std::string_view name);
  /// The layers of a nested line, for what arrives here. \throws UsageError.
  Sequential<S> sequence(std::string_view line);

  /// The layers so far.
  Sequential<S>& net() { return net_; }
  /// The layer to come makes the outputs: none follows by itself.
  void outputs_follow() { counts_->has_outputs = true; }
  bool has_outputs() const { return counts_->has_outputs; }

  /// Adds the layers of a line. \throws UsageError that points at the word and says what arrives there.
  void add(std::string_view line);
  /// Adds the layers of the line of a whole net, which may be one of layers/presets.hpp. \throws as add().
  void add_net(std::string_view line);
  /// Adds a layer. \throws ShapeError if it cannot take what arrives.
  void add(std::unique_ptr<Layer<S>> layer);
  /// Adds the layers of a line, with their input added to their output. \throws UsageError, ShapeError.
  void residual(std::string_view line);
  Sequential<S> finish() { return std::move(net_); }

 private:
  struct Counts {
    double numbers = 0;
    std::size_t layers = 0, activations = 0;
    int depth = 0;
    bool has_outputs = false;
  };

  void add_word(std::string_view text);

  const NetSettings& settings_;
  std::string_view whole_line_;  // of the net; a preset's name goes before a layer's there
  Shape shape_;
  Sequential<S> net_;
  Counts own_;
  Counts* counts_ = &own_;  // shared with the builder of the line around it
};

/// The net of a line; its parameters are named "layers.0.weight", …. Blanks and newlines separate words.
/// \throws UsageError for a word that is neither a layer's nor an activation's, a wrong argument, or a shape that does
/// not fit, with the place.
template <Real S>
Sequential<S> build_net(std::string_view line, const NetSettings& settings);

/// What a net of this line takes a sample as: its first word that is not `any` decides, unless `linear` comes before.
template <Real S>
Takes takes(std::string_view line);

/// All words: the built-in ones, then those that were added.
template <Real S>
std::vector<LayerWord<S>> layer_words();

/// Adds a word. \throws UsageError if its name is taken.
template <Real S>
void register_layer(LayerWord<S> word);

}  // namespace evengrad
