// Nets of sequences through what a net goes through: model files, and the trace of a NaN.
#include <evengrad/activations/registry.hpp>
#include <evengrad/layers/presets.hpp>
#include <evengrad/training/finite.hpp>
#include <evengrad/training/model_file.hpp>

#include "../matrices.hpp"
#include "../temp_folder.hpp"

namespace evengrad {
namespace {

const Shape sequence = {1, 16, 1};

Sequential<float> net_of(std::string_view line) {
  Sequential<float> net =
      build_net<float>(line, {.inputs = sequence, .outputs = 27, .activations = {activation("gelu")}, .tokens = 27});
  net.initialize(initializer("gpt2"), Rng(1));
  return net;
}

TEST(SequenceNets, AreSavedAndComeBack) {
  const TempFolder folder;
  const std::filesystem::path path = folder.path() / "model.safetensors";
  Matrix<float> tokens(32, 1);
  for (Index i = 0; i < 32; ++i) tokens(i, 0) = static_cast<float>(i * 5 % 27);
  for (const char* line : {"gpt(2, 2, 8)", "llama(1, 2, 8)", "bert(1, 2, 8)", "microgpt",
                           "embed(6) positions(sinusoidal) dyt attention(2) rmsnorm(gain=0) head(tied=1)"}) {
    Sequential<float> net = net_of(line);
    save_model(path, net, {.name = "text"}, sequence);
    SavedModel<float> saved = load_model<float>(path);
    EXPECT_EQ(saved.model.word(), net.word());
    EXPECT_EQ(saved.inputs, sequence);
    Tape<float> tape;
    const Var<float> x = tape.constant(tokens, {2, 16, 1});
    EXPECT_TRUE(same_bits(saved.model.forward(x, {}).value(), net.forward(x, {}).value())) << line;
  }
}

TEST(SequenceNets, ANumberThatIsNotFiniteIsTracedToItsAttention) {
  Sequential<float> net = net_of("embed(4) attention(2) head");
  net.visit(Path(), [](const Path& path, Parameter<float>& parameter) {  // scores of 1e40
    if (path.str() == "layers.0.weight") parameter.value.setOnes();
    if (path.str() == "layers.1.in_proj_weight") parameter.value.setConstant(2.5e19F);
  });
  Tape<float> tape;
  net.forward(tape.constant(Matrix<float>::Ones(32, 1), {2, 16, 1}), {.training = true});
  NonFinitePlace place;
  try {
    report_non_finite<float>(tape, nullptr, 7);
  } catch (const NonFiniteStep& error) {
    place = error.place;
  }
  EXPECT_EQ(place.layer, "layers.1");
  EXPECT_EQ(place.op, "attention");
  EXPECT_EQ(place.direction, "forward");
}

}  // namespace
}  // namespace evengrad
