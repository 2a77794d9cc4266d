#include <evengrad/activations/registry.hpp>
#include <evengrad/layers/presets.hpp>

#include "../matrices.hpp"
#include "../temp_folder.hpp"

namespace evengrad {
namespace {

NetSettings settings() {
  return {.inputs = {1, 6}, .outputs = 3, .activations = {activation("gelu")}, .norm = "batchnorm"};
}

std::string line_of(std::string_view line) { return build_net<double>(line, settings()).word(); }
std::string refusal(std::string_view line) {
  return error_of<UsageError>([&] { build_net<double>(line, settings()); });
}

TEST(Net, IsItsWordsFromLeftToRight) {
  EXPECT_EQ(line_of("linear(64) f norm linear(64)\n\tf"), "linear(64) gelu batchnorm linear(64) gelu linear(3)");
  EXPECT_EQ(line_of(""), "linear(3)");
  EXPECT_EQ(line_of("linear(n=8, bias=0) leaky_relu(0.2) dropout(0.5)"),
            "linear(8, bias=0) leaky_relu(0.2) dropout(0.5) linear(3)");
  EXPECT_EQ(line_of("repeat(2, linear(6) f)"), "linear(6) gelu linear(6) gelu linear(3)");
  EXPECT_EQ(line_of("residual(linear(6) residual(f linear(6)))"),
            "residual(linear(6) residual(gelu linear(6))) linear(3)");
  EXPECT_EQ(line_of("gated(5) gated(4, activation=silu, down=0)"), "gated(5, gelu) gated(4, silu, down=0) linear(3)");
}

TEST(Net, AFormulaIsAnActivation) {
  const std::string line = line_of("linear(4) act(\"x*tanh(exp(x))\") linear(4) act(max(x, 0))");
  EXPECT_EQ(build_net<double>(line, {.inputs = {1, 6}}).word(), line);
}

TEST(Net, EveryWordReadsBackAsItself) {
  for (const char* line : {"linear(4) prelu linear(5) prelu(per_channel=1)", "layernorm linear(4) relu dropout(0.25)",
                           "repeat(3, residual(layernorm gated(9, silu)))"}) {
    const std::string word = line_of(line);
    EXPECT_EQ(build_net<double>(word, {.inputs = {1, 6}}).word(), word);
  }
}

TEST(Net, AnActivationForEachF) {
  NetSettings two = settings();
  two.activations = {activation("relu"), activation("tanh")};
  EXPECT_EQ(build_net<double>("linear(4) f linear(4) f", two).word(), "linear(4) relu linear(4) tanh linear(3)");
  EXPECT_THROW(build_net<double>("linear(4) f linear(4) f linear(4) f", two), UsageError);
}

TEST(Net, NamesAndSumsAreThoseOfTheLine) {
  Sequential<double> net = build_net<double>("linear(6) f residual(linear(6) f)", settings());
  net.initialize(initializer("he"), Rng(1));
  std::vector<std::string> names;
  net.visit(Path(), [&](const Path& path, Parameter<double>&) { names.push_back(path.str()); });
  EXPECT_EQ(names, (std::vector<std::string>{"layers.0.weight", "layers.0.bias", "layers.2.weight", "layers.2.bias",
                                             "layers.4.weight", "layers.4.bias"}));
  Tape<double> tape;
  const Var<double> x = tape.constant(random_matrix<double>(5, 6, 1));
  const Matrix<double> h = net.forward(x, {}, 0, 2).value();
  const Matrix<double> inner = net[2].forward(tape.constant(h), {}, activation("gelu")).value();
  const Matrix<double> expected = net[4].forward(tape.constant(Matrix<double>(h + inner)), {}).value();
  EXPECT_LT((net.forward(x, {}).value() - expected).norm(), 1e-13);
}

TEST(Net, ErrorsPointAtTheWordAndSayWhatArrives) {
  EXPECT_EQ(refusal("linear(8) lineer(4)").substr(0, 74),
            "net: 'lineer(4)', where (1, 8) arrives: unknown layer or activation 'linee");
  EXPECT_NE(refusal("lineer(4)").find("did you mean 'linear'?"), std::string::npos);
  EXPECT_EQ(refusal("linear(0)"),
            "net: 'linear(0)', where (1, 6) arrives: 'n' must be a whole number from 1 to 1000000, got 0");
  EXPECT_EQ(refusal("linear"), "net: 'linear', where (1, 6) arrives: expected linear(n, bias=1): 'n' is missing");
  EXPECT_NE(refusal("linear(4, bais=0)").find("did you mean 'bias'?"), std::string::npos);
  EXPECT_NE(refusal("linear(4, 1, 2)").find("expected linear(n, bias=1)"), std::string::npos);
  EXPECT_NE(refusal("linear(4, n=3)").find("'n' is given twice"), std::string::npos);
  EXPECT_NE(refusal("residual(linear(8))").find("its layers make (1, 8) of (1, 6)"), std::string::npos);
  EXPECT_NE(refusal("residual(linear(8) relo)").find("where (1, 8) arrives: unknown layer"), std::string::npos);
  EXPECT_NE(refusal("linear(8").find("an opening parenthesis has no partner"), std::string::npos);
  EXPECT_NE(refusal("linear(8))").find("a closing parenthesis has no partner"), std::string::npos);
  EXPECT_NE(refusal("dropout(1)").find("dropout must be in [0, 1), got 1"), std::string::npos);
  EXPECT_NE(refusal("leaky_relu(a)").find("net: 'leaky_relu(a)'"), std::string::npos);
}

TEST(Net, HostileLinesAreRefusedBeforeMemoryIsTaken) {
  EXPECT_NE(refusal("linear(1000000) linear(1000000)").find("parameters are more than"), std::string::npos);
  EXPECT_NE(refusal("repeat(1000000, relu)").find("a net has at most"), std::string::npos);
  std::string deep;
  for (int i = 0; i < 10'000; ++i) deep += "residual(";
  deep += "relu" + std::string(10'000, ')');
  EXPECT_NE(refusal(deep).find("lie one in another"), std::string::npos);
}

TEST(Net, OfImagesTakesAndMakesImages) {
  const NetSettings image{.inputs = Shape::image(1, 28, 28, 1), .outputs = 10, .activations = {activation("relu")}};
  EXPECT_EQ(
      build_net<float>("lenet", image).word(),
      "conv(6, 5) relu maxpool(2) conv(16, 5, padding=0) relu maxpool(2) flatten linear(120) relu linear(84) relu "
      "linear(10)");
  Sequential<float> net = build_net<float>("lenet", image);
  EXPECT_EQ(parameter_count(net), 61'706);  // 156 + 2,416 + 48,120 + 10,164 + 850
  EXPECT_EQ(net.outputs(image.inputs), (Shape{1, 10}));
  for (const char* line : {"conv(6, 3, stride=2, padding=2, groups=1, bias=0)", "conv(4, 3) conv(4, 3, groups=4) mean",
                           "conv(3, 2) maxpool(2, stride=1) avgpool(3) upsample(2) batchnorm flatten",
                           "conv(4, 3) groupnorm(2) residual(conv(6, 3, stride=2), shortcut=conv(6, 1, 2)) mean",
                           "lenet", "cnn10", "resnet(blocks=1, width=4)", "convnext(blocks=1, width=4)",
                           "conv(3, 3) concat(conv(2, 3) f maxpool(2) upsample(2)) mean"}) {
    const std::string word = build_net<float>(line, image).word();
    Sequential<float> again = build_net<float>(word, {.inputs = image.inputs});
    EXPECT_EQ(again.word(), word);
    Tape<float> tape;
    const Shape two = Shape::image(2, 28, 28, 1);
    const Var<float> y = again.forward(tape.constant(random_matrix<float>(2 * 784, 1, 1), two), {});
    EXPECT_EQ(y.shape(), again.outputs(two)) << word;
  }
  const auto refused = [&](std::string_view line) {
    return error_of<UsageError>([&] { build_net<float>(line, image); });
  };
  EXPECT_EQ(refusal("conv(4, 3)"),
            "net: 'conv(4, 3)', where (1, 6) arrives: [convolve] input is (1, 6): expected "
            "images, (batch, height x width, channels)");
  EXPECT_NE(refused("maxpool(29)").find("where (1, 28 x 28, 1) arrives: [max_pool]"), std::string::npos);
  EXPECT_NE(refused("conv(4, 3, groups=3)").find("cannot be split into 3 groups"), std::string::npos);
  EXPECT_NE(refused("conv(4, 3, padding=some)").find("net: 'conv(4, 3, padding=some)'"), std::string::npos);
  EXPECT_NE(refused("upsample(1000000)").find("at most"), std::string::npos);
  EXPECT_NE(refused("conv(1000000, 1000000)").find("parameters are more than"), std::string::npos);
  EXPECT_NE(refused("concat(conv(2, 3, stride=2))").find("to put them side by side"), std::string::npos);
}

TEST(Net, ResNetIsThatOfCifar) {
  const NetSettings image{.inputs = Shape::image(1, 32, 32, 3), .outputs = 10, .activations = {activation("relu")}};
  Sequential<float> net = build_net<float>("resnet(blocks=3)", image);  // ResNet-20
  // He et al. 2016, table 6, give 0.27 M; the two projections have 16 * 32 + 2 * 32 and 32 * 64 + 2 * 64 of them.
  EXPECT_EQ(parameter_count(net), 272'474);
  const std::vector<Weight<float>> all = weights(net);
  EXPECT_EQ(all.size(), 22u);  // 20 layers and two projections
  EXPECT_EQ(all.front().role.branches, 9);
  EXPECT_EQ(std::count_if(all.begin(), all.end(), [](const auto& w) { return w.role.ends_branch; }), 9);
}

TEST(Net, AConvolutionTellsItsFans) {
  Sequential<float> net = build_net<float>("conv(6, 5) f conv(12, 3, groups=3)",
                                           {.inputs = Shape::image(1, 8, 8, 3), .activations = {activation("relu")}});
  const std::vector<Weight<float>> all = weights(net);
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].role.kind, WeightKind::convolution);
  EXPECT_EQ(all[0].role.fan_in, 75);  // 5 * 5 pixels of 3 channels
  EXPECT_EQ(all[0].role.fan_out, 150);
  EXPECT_EQ(all[1].role.fan_in, 18);  // 3 * 3 pixels of the 2 channels of a group
  EXPECT_EQ(all[1].role.fan_out, 36);
  EXPECT_EQ(all[1].name, "layers.2.weight");
  EXPECT_EQ(all[1].weight->shape(), (std::vector<Index>{12, 2, 3, 3}));
}

TEST(Net, APresetIsItsLine) {
  EXPECT_EQ(line_of("mlp(layers=1, width=5)"), "linear(5) gelu linear(3)");
  EXPECT_EQ(line_of("linear(6) residual(mlp(1, 6)) f"), "linear(6) residual(linear(6) gelu) gelu linear(3)");
  EXPECT_NE(refusal("mlp(0)").find("net: 'mlp(0)', where (1, 6) arrives: 'layers' must be a whole number"),
            std::string::npos);
  EXPECT_NE(refusal("mlp(depth=3)").find("unknown mlp argument 'depth'"), std::string::npos);
  EXPECT_NE(refusal("mpl").find("did you mean 'mlp'?"), std::string::npos);
}

NetSettings tokens(Index count, Index context) {
  return {.inputs = {1, context, 1}, .outputs = count, .activations = {activation("relu")}, .tokens = count};
}

TEST(Net, OfSequencesReadsBackAsItself) {
  for (const char* line : {"gpt", "llama(2, 2, 16)", "bert(1, 4, 32)", "microgpt",
                           "embed(8) positions(sinusoidal) dyt attention(2, causal=auto, rope=50, qknorm=1, bias=0) "
                           "dyt(0.8) rmsnorm last head(bias=1)"}) {
    Sequential<double> net = build_net<double>(line, tokens(27, 16));
    const std::string word = net.word();
    Sequential<double> again = build_net<double>(word, {.inputs = {1, 16, 1}});
    EXPECT_EQ(again.word(), word);
    EXPECT_EQ(parameter_count<double>(again), parameter_count<double>(net)) << line;
    EXPECT_EQ(net.outputs({1, 16, 1}).cols, 27) << line;
  }
  EXPECT_EQ(build_net<double>("embed(4) attention(2)", tokens(5, 3)).word(),
            "embed(4, 5) attention(2, causal=1) linear(5)");
  NetSettings classes = tokens(5, 3);
  classes.outputs = 2;
  EXPECT_EQ(build_net<double>("embed(4) attention(2) last", classes).word(),
            "embed(4, 5) attention(2, causal=0) last linear(2)");
}

TEST(Net, AVisionTransformerTakesPatchesForASequence) {
  const Shape image = Shape::image(1, 28, 28, 1);
  Sequential<double> net =
      build_net<double>("vit(2, 2, 8)", {.inputs = image, .outputs = 10, .activations = {activation("gelu")}});
  net.initialize(initializer("gpt2"), Rng(1));
  Tape<double> tape;
  Shape batch = image;
  batch.blocks = 3;
  const Var<double> y = net.forward(tape.constant(random_matrix<double>(3 * 784, 1, 1), batch), {});
  EXPECT_EQ(y.shape(), (Shape{3, 10}));
  // The convolution, 16 positions, two blocks of 12 w^2 + 13 w, a norm and the layer to the outputs.
  EXPECT_EQ(parameter_count<double>(net), (49 + 1) * 8 + 16 * 8 + 2 * (12 * 64 + 13 * 8) + 16 + 90);
}

TEST(Net, MicrogptHasItsParameters) {
  Sequential<double> net = build_net<double>("microgpt", tokens(27, 16));
  EXPECT_EQ(parameter_count<double>(net), 4192);
}

TEST(Net, ATiedHeadFollowsItsOwnCopyOfTheEmbedding) {
  Sequential<double> net = build_net<double>("embed(4) layernorm head(tied=1)", tokens(5, 3));
  net.initialize(initializer("gpt2"), Rng(1));
  const auto run = [](Sequential<double>& of) {
    Tape<double> tape;
    return Matrix<double>(of.forward(tape.constant(Matrix<double>::Constant(3, 1, 2), {1, 3, 1}), {}).value());
  };
  const Matrix<double> before = run(net);
  Sequential<double> copy = net;
  EXPECT_TRUE(same_bits(run(copy), before));
  copy.visit(Path(), [](const Path&, Parameter<double>& parameter) { parameter.value *= 2; });
  EXPECT_FALSE(same_bits(run(copy), before));
  EXPECT_TRUE(same_bits(run(net), before));
  const std::vector<Weight<double>> all = weights<double>(copy);
  ASSERT_EQ(all.size(), 1u);  // one weight, which both use: N(0, 1/4) keeps the outputs of unit inputs at variance 1
  EXPECT_EQ(all[0].role.kind, WeightKind::embedding);
  EXPECT_EQ(all[0].role.fan_in, 4);
  const auto embedding = build_net<double>("embed(4)", tokens(5, 3));
  Sequential<double> plain = embedding;
  EXPECT_EQ(weights<double>(plain)[0].role.fan_in, 1);
}

TEST(Net, RolesOfATransformer) {
  Sequential<double> net = build_net<double>("gpt(3, 2, 8)", tokens(27, 16));
  net.initialize(initializer("gpt2"), Rng(1));
  Index ends = 0, gates = 0;
  for (const Weight<double>& weight : weights<double>(net)) {
    EXPECT_EQ(weight.role.branches, 6) << weight.name;
    ends += weight.role.ends_branch;
    gates += weight.role.gates == 3;
    if (weight.role.ends_branch) {
      EXPECT_TRUE(weight.name.ends_with("out_proj.weight") || weight.weight->value.cols() == 32) << weight.name;
    }
    const double expected = weight.role.ends_branch ? 0.02 / std::sqrt(6.0) : 0.02;
    const auto count = static_cast<double>(weight.weight->value.size());
    // The root mean square of n normal numbers has a relative deviation of 1/sqrt(2 n).
    EXPECT_NEAR(std::sqrt(weight.weight->value.squaredNorm() / count), expected, 4 * expected / std::sqrt(2 * count))
        << weight.name;
    if (weight.bias) EXPECT_EQ(weight.bias->value.squaredNorm(), 0) << weight.name;
  }
  EXPECT_EQ(ends, 6);
  EXPECT_EQ(gates, 3);

  net.initialize(initializer("orthogonal"), Rng(1));
  for (const Weight<double>& weight : weights<double>(net)) {
    for (Index gate = 0; weight.role.gates == 3 && gate < 3; ++gate) {
      const Matrix<double> block = weight.weight->value.middleRows(8 * gate, 8);
      EXPECT_LT((block * block.transpose() - Matrix<double>::Identity(8, 8)).norm(), 1e-12) << weight.name;
    }
  }
}

TEST(Net, ErrorsOfSequencesSayWhatIsMissing) {
  const auto refused = [](std::string_view line) {
    return error_of<UsageError>([&] { build_net<double>(line, tokens(27, 16)); });
  };
  EXPECT_NE(refusal("embed(4)").find("the inputs are no tokens"), std::string::npos);
  EXPECT_NE(refused("embed(9) attention(4)").find("the width, 9, must be a multiple of its heads, 4"),
            std::string::npos);
  EXPECT_NE(refused("embed(9) attention(9, rope=10)").find("an even number of columns, got 9 / 9"), std::string::npos);
  EXPECT_NE(refused("embed(8) attention(2, rope=-1)").find("rope is 0 or a base above 1, got -1"), std::string::npos);
  EXPECT_NE(refused("embed(8) attention(2, causal=2)").find("'causal' must be 0 or 1"), std::string::npos);
  EXPECT_NE(refused("embed(8) positions(linear)").find("learned"), std::string::npos);
  EXPECT_NE(refused("linear(8) head(tied=1)").find("there is none"), std::string::npos);
  EXPECT_NE(refused("embed(8) head(tied=1, bias=1)").find("a tied head has no bias"), std::string::npos);
  NetSettings classes = tokens(27, 16);
  classes.outputs = 2;
  EXPECT_EQ(error_of<UsageError>([&] { build_net<double>("embed(8) head(tied=1)", classes); }),
            "net: its head makes 27 outputs, the data needs 2");
}

TEST(Net, EveryPresetIsDescribedAndReadsItsOwnLine) {
  for (const Preset& preset : presets()) {
    EXPECT_FALSE(preset.help.empty()) << preset.name;
    EXPECT_FALSE(find_activation(preset.name)) << preset.name;
    EXPECT_NE(default_line(preset), preset.name);
  }
}

TEST(Net, EveryEntryIsDescribed) {
  for (const LayerWord<float>& word : layer_words<float>()) {
    EXPECT_FALSE(word.help.empty()) << word.name;
    EXPECT_NE(word.make, nullptr) << word.name;
  }
  EXPECT_THROW(register_layer<float>({"linear", "", "again", nullptr}), UsageError);
}

}  // namespace
}  // namespace evengrad
