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

std::string recurrent_layers(const Word& word) {
  const Index width = word.count("width"), layers = word.count("layers");
  const std::string layer = text(word.name(), "(", width, ")");
  return layers == 1 ? layer : text("repeat(", layers, ", ", layer, ")");
}

// One answer a sequence; of tokens, one a token.
Preset recurrent(std::string name, std::string help) {
  return {std::move(name), "width=128, layers=1", std::move(help),
          [](const Word& word) { return recurrent_layers(word) + " last"; },
          [](const Word& word) { return text("embed(", word.count("width"), ") ", recurrent_layers(word)); }};
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
      {"gpt", "layers=4, heads=4, width=128",
       "a decoder as GPT-2 and nanoGPT have it: pre-norm, tied head, f in the MLPs",
       [](const Word& word) {
         const Index width = word.count("width");
         return text("embed(", width, ") positions(learned) repeat(", word.count("layers"),
                     ", residual(layernorm attention(", word.count("heads"), ", causal=1)) residual(layernorm linear(",
                     4 * width, ") f linear(", width, "))) layernorm head(tied=1)");
       }},
      {"llama", "layers=4, heads=4, width=128",
       "a decoder as LLaMA has it: RMSNorm, RoPE, MLPs gated by f (SwiGLU: silu)",
       [](const Word& word) {
         const Index width = word.count("width"), hidden = (8 * width / 3 + 7) / 8 * 8;  // two thirds of four times
         return text("embed(", width, ") repeat(", word.count("layers"), ", residual(rmsnorm attention(",
                     word.count("heads"), ", causal=1, rope=10000, bias=0)) residual(rmsnorm gated(", hidden,
                     ", f))) rmsnorm head");
       }},
      {"bert", "layers=4, heads=4, width=128", "an encoder as BERT has it: sees both directions, post-norm, tied head",
       [](const Word& word) {
         const Index width = word.count("width");
         return text("embed(", width, ") positions(learned) layernorm repeat(", word.count("layers"),
                     ", residual(attention(", word.count("heads"), ", causal=0)) layernorm residual(linear(", 4 * width,
                     ") f linear(", width, ")) layernorm) linear(", width, ") f layernorm head(tied=1)");
       }},
      {"vit", "layers=4, heads=4, width=64, patch=7",
       "a vision transformer: patches are the sequence, whose mean is classified (Dosovitskiy et al. 2021)",
       [](const Word& word) {
         const Index width = word.count("width"), patch = word.count("patch");
         return text("conv(", width, ", ", patch, ", stride=", patch, ", padding=valid) positions(learned) repeat(",
                     word.count("layers"), ", residual(layernorm attention(", word.count("heads"),
                     ", causal=0)) residual(layernorm linear(", 4 * width, ") f linear(", width, "))) layernorm mean");
       }},
      {"microgpt", "", "4,192 parameters at 27 tokens and a context of 16: one layer, RMSNorm, no biases (f: relu)",
       [](const Word&) {
         return std::string(
             "embed(16) positions(learned) rmsnorm(gain=0) "
             "residual(rmsnorm(gain=0) attention(4, causal=1, bias=0)) "
             "residual(rmsnorm(gain=0) linear(64, bias=0) f linear(16, bias=0)) head");
       }},
      recurrent("rnn",
                "recurrent layers of f, read at the last step; of tokens, embedded and read at each (Elman 1990)"),
      recurrent("lstm", "the same with LSTMs (Hochreiter and Schmidhuber 1997)"),
      recurrent("gru", "the same with GRUs (Cho et al. 2014)"),
  };
  return list;
}

const Preset* find_preset(std::string_view name) {
  const auto found = std::find_if(presets().begin(), presets().end(), [&](const Preset& p) { return p.name == name; });
  return found == presets().end() ? nullptr : &*found;
}

std::string default_line(const Preset& preset) { return preset.line(Word(preset.name, preset.name, preset.arguments)); }

}  // namespace evengrad
