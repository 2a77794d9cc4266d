#include <evengrad/activations/registry.hpp>
#include <evengrad/core/gradient_check.hpp>
#include <evengrad/layers/linear.hpp>
#include <evengrad/layers/losses.hpp>
#include <evengrad/layers/mlp.hpp>
#include <evengrad/layers/prelu.hpp>

#include "../matrices.hpp"
#include "../temp_folder.hpp"

namespace evengrad {
namespace {

MlpOptions options(const std::string& f, Norm norm = Norm::none, double dropout = 0, bool residual = false) {
  return {.inputs = 5,
          .hidden = {8, 8},
          .outputs = 3,
          .activations = {activation(f)},
          .norm = norm,
          .dropout = dropout,
          .residual = residual};
}

template <Real S>
std::vector<std::string> names(Sequential<S>& net) {
  std::vector<std::string> all;
  net.visit(Path(), [&](const Path& path, Parameter<S>&) { all.push_back(path.str()); });
  return all;
}

using Names = std::vector<std::string>;

TEST(Mlp, NamesAreThoseOfPyTorchsSequential) {
  Mlp<float> plain(options("relu"));
  EXPECT_EQ(names(plain), (Names{"layers.0.weight", "layers.0.bias", "layers.2.weight", "layers.2.bias",
                                 "layers.4.weight", "layers.4.bias"}));
  Mlp<float> dropped(options("relu", Norm::layer, 0.5, true));
  EXPECT_EQ(names(dropped),
            (Names{"layers.0.weight", "layers.0.bias", "layers.1.weight", "layers.1.bias", "layers.4.weight",
                   "layers.4.bias", "layers.5.weight", "layers.5.bias", "layers.8.weight", "layers.8.bias"}));
  MlpOptions one = options("prelu", Norm::batch);
  one.hidden = {8};
  Mlp<float> learned(one);
  EXPECT_EQ(names(learned),
            (Names{"layers.0.weight", "layers.0.bias", "layers.1.weight", "layers.1.bias", "layers.1.running_mean",
                   "layers.1.running_var", "layers.2.weight", "layers.3.weight", "layers.3.bias"}));
}

TEST(Mlp, CountsWhatItTrains) {
  Mlp<float> net(options("relu", Norm::batch));
  EXPECT_EQ(parameter_count<float>(net), (5 * 8 + 8) + 16 + (8 * 8 + 8) + 16 + (8 * 3 + 3));
}

TEST(Mlp, SummaryHasALineALayer) {
  Mlp<float> net(options("relu", Norm::layer, 0.25));
  const std::vector<LayerSummary> lines = net.summary({1, 5});
  ASSERT_EQ(lines.size(), 9u);
  EXPECT_EQ(lines[0].name, "layers.0");
  EXPECT_EQ(lines[0].layer, "Linear(5, 8)");
  EXPECT_EQ(lines[0].parameters, 48);
  EXPECT_EQ(lines[1].layer, "LayerNorm(8)");
  EXPECT_EQ(lines[1].parameters, 16);
  EXPECT_EQ(lines[2].layer, "relu");
  EXPECT_EQ(lines[3].layer, "Dropout(0.25)");
  EXPECT_EQ(lines[8].outputs, (Shape{1, 3}));
  Index total = 0;
  for (const LayerSummary& line : lines) total += line.parameters;
  EXPECT_EQ(total, parameter_count<float>(net));
}

TEST(Mlp, LearnsOneSlopeOrOneAUnit) {
  Mlp<float> shared(options("prelu(0.1)")), per_channel(options("prelu(per_channel=1)"));
  const auto slopes = [](Sequential<float>& net) { return dynamic_cast<PReLULayer<float>&>(net[1]).weight.value; };
  EXPECT_EQ(slopes(shared), Matrix<float>::Constant(1, 1, 0.1f));
  EXPECT_EQ(slopes(per_channel), Matrix<float>::Constant(1, 8, 0.25f));
}

TEST(Mlp, TakesAnActivationALayer) {
  MlpOptions two = options("relu");
  two.activations.push_back(activation("tanh"));
  const Mlp<float> net(two);
  EXPECT_EQ(net[1].describe(), "relu");
  EXPECT_EQ(net[3].describe(), "tanh");
  two.activations.push_back(activation("gelu"));
  EXPECT_THROW(Mlp<float>{two}, UsageError);
}

TEST(Mlp, RefusesWhatMakesNoNet) {
  MlpOptions wrong = options("relu");
  wrong.hidden = {8, 0};
  EXPECT_THROW(Mlp<float>{wrong}, UsageError);
  EXPECT_THROW(Mlp<float>{options("relu", Norm::none, 1.0)}, UsageError);
  EXPECT_THROW(Mlp<float>{options("relu", Norm::none, -0.1)}, UsageError);
}

// Computed by hand, layer by layer, with Eigen.
TEST(Mlp, AResidualNetAddsItsInputWhereWidthsAgree) {
  MlpOptions wide = options("tanh", Norm::none, 0, true);
  wide.hidden = {8, 8, 6};
  Mlp<double> net(wide);
  net.initialize(initializer("xavier"), Rng(1));
  const Matrix<double> x = random_matrix<double>(4, 5, 2);
  const auto layer = [&](std::size_t i, const Matrix<double>& h) -> Matrix<double> {
    const auto& linear = dynamic_cast<Linear<double>&>(net[i]);
    return (h * linear.weight.value.transpose()).rowwise() + linear.bias.value.row(0);
  };
  const auto bent = [](const Matrix<double>& z) -> Matrix<double> { return z.array().tanh().matrix(); };
  Matrix<double> h = bent(layer(0, x));
  h += bent(layer(2, h));
  h = bent(layer(4, h));
  Tape<double> tape;
  EXPECT_LT((net.forward(tape.constant(x), {}).value() - layer(6, h)).norm(), 1e-13);
}

TEST(Mlp, AResidualNetStartsAtItsInputIfThatIsAsWide) {
  MlpOptions square = options("tanh", Norm::none, 0, true);
  square.hidden = {5};
  Mlp<double> net(square);
  net.initialize(initializer("zeros"), Rng(1));
  dynamic_cast<Linear<double>&>(net[2]).weight.value.setIdentity();
  const Matrix<double> x = random_matrix<double>(4, 5, 2);
  Tape<double> tape;
  EXPECT_TRUE(same_bits(net.forward(tape.constant(x), {}).value(), Matrix<double>(x.leftCols(3))));
}

TEST(Mlp, InitializeStartsEverythingAfresh) {
  for (const char* f : {"relu", "prelu(per_channel=1)"}) {
    for (const Norm norm : {Norm::none, Norm::batch, Norm::layer}) {
      Mlp<float> used(options(f, norm)), fresh(options(f, norm));
      fresh.initialize(initializer("he"), Rng(7));
      used.visit(Path(), [](const Path&, Parameter<float>& parameter) { parameter.value.setConstant(9); });
      used.initialize(initializer("he"), Rng(7));
      std::map<std::string, Matrix<float>> expected;
      fresh.visit(Path(), [&](const Path& path, Parameter<float>& p) { expected[path.str()] = p.value; });
      used.visit(Path(), [&](const Path& path, Parameter<float>& p) {
        EXPECT_TRUE(same_bits(p.value, expected.at(path.str()))) << path.str();
      });
      if (norm != Norm::none) {
        EXPECT_EQ(expected.at("layers.1.weight"), Matrix<float>::Ones(1, 8));
        EXPECT_EQ(expected.at("layers.1.bias"), Matrix<float>::Zero(1, 8));
      }
      if (norm == Norm::batch) {
        EXPECT_EQ(expected.at("layers.1.running_mean"), Matrix<float>::Zero(1, 8));
        EXPECT_EQ(expected.at("layers.1.running_var"), Matrix<float>::Ones(1, 8));
      }
    }
  }
}

TEST(Mlp, WeightsDependOnTheirNameOnly) {
  auto shallow = mlp<float>({.inputs = 5, .hidden = {8}, .outputs = 3, .activations = {activation("relu")}});
  auto deep = mlp<float>({.inputs = 5, .hidden = {8, 4, 2}, .outputs = 3, .activations = {activation("relu")}});
  shallow.initialize(initializer("lecun"), Rng(3));
  deep.initialize(initializer("lecun"), Rng(3));
  const auto first = [](Sequential<float>& net) { return dynamic_cast<Linear<float>&>(net[0]).weight.value; };
  EXPECT_TRUE(same_bits(first(shallow), first(deep)));
}

TEST(Mlp, AWrongInputNamesTheLayer) {
  Mlp<float> net(options("relu"));
  Tape<float> tape;
  const std::string error =
      error_of<ShapeError>([&] { net.forward(tape.constant(random_matrix<float>(4, 6, 1)), {}); });
  EXPECT_EQ(error,
            "layer 0, Linear(5, 8): [affine] input is (4, 6), weight is (8, 5): the input's columns (6) must equal the "
            "weight's (5)");
  EXPECT_NE(error_of<ShapeError>([&] { net.outputs({1, 6}); }).find("layer 0, Linear(5, 8)"), std::string::npos);
}

TEST(Mlp, ACopyTrainsAlone) {
  Mlp<float> net(options("relu", Norm::batch));
  net.initialize(initializer("he"), Rng(1));
  Sequential<float> copy = net;
  Tape<float> tape;
  const Var<float> x = tape.constant(random_matrix<float>(6, 5, 1));
  const Matrix<float> before = net.forward(x, {}).value();
  tape.clear();
  copy.forward(tape.constant(random_matrix<float>(6, 5, 2)), {.training = true});  // moves the copy's statistics
  EXPECT_TRUE(same_bits(net.forward(tape.constant(random_matrix<float>(6, 5, 1)), {}).value(), before));
}

struct Size {
  Index depth, width, batch;
};

class MlpGradient : public ::testing::TestWithParam<Size> {};

// reliability.md, section 1: depth x width x batch.
TEST_P(MlpGradient, IsRight) {
  const auto [depth, width, batch] = GetParam();
  auto net = mlp<double>({.inputs = 4,
                          .hidden = std::vector<Index>(static_cast<std::size_t>(depth), width),
                          .outputs = 3,
                          .activations = {activation("tanh")}});
  // Orthogonal weights of gain 1: neither do gradients vanish with depth, nor does the loss bend too much for the
  // stencil. With a gain of 1.3 a net of 50 layers does at a step of 0.002: what differs is the stencil's truncation
  // and not the gradient, since it falls 64-fold when the step is halved (by 5.9e-6, 7.1e-8, 1.0e-9 at 0.004, 0.002,
  // 0.001 for one entry), down to rounding (1e-11) at 0.0005, where all entries are within the tolerance.
  net.initialize(initializer("orthogonal"), Rng(11));
  const Matrix<double> x = random_matrix<double>(batch, 4, 12);
  std::vector<std::int32_t> labels;
  for (Index r = 0; r < batch; ++r) labels.push_back(static_cast<std::int32_t>(r % 3));
  const auto result =
      gradient_check(net,
                     [&](Tape<double>&, std::span<const Var<double>> in) {
                       return softmax_cross_entropy(net.forward(in[0], {.training = true}), labels, 0.1);
                     },
                     {x}, {.max_entries = 3});
  EXPECT_TRUE(result.ok()) << result.str();
}

std::vector<Size> sizes() {
  std::vector<Size> all;
  for (const Index depth : {1, 2, 3, 10, 50}) {
    for (const Index width : {1, 2, 7, 64}) {
      for (const Index batch : {1, 2, 33}) all.push_back({depth, width, batch});
    }
  }
  return all;
}

INSTANTIATE_TEST_SUITE_P(Sizes, MlpGradient, ::testing::ValuesIn(sizes()), [](const auto& test) {
  return text("depth", test.param.depth, "_width", test.param.width, "_batch", test.param.batch);
});

// Every activation within nets, where kinks are crossed: stencils shrink or are counted, and are few.
TEST(Mlp, GradientsThroughEveryActivationAreRight) {
  for (const ActivationEntry& entry : activations()) {
    for (const Norm norm : {Norm::none, Norm::batch, Norm::layer}) {
      MlpOptions shape = options(entry.name, norm, norm == Norm::none ? 0.2 : 0, norm == Norm::layer);
      shape.hidden = {7, 7, 7};
      Sequential<double> net = mlp<double>(shape);
      net.initialize(initializer("lecun(gain=1.3)"), Rng(21));
      const Matrix<double> x = random_matrix<double>(9, 5, 22), target = random_matrix<double>(9, 3, 23);
      const auto result = gradient_check(net,
                                         [&](Tape<double>& tape, std::span<const Var<double>> in) {
                                           const Var<double> y = net.forward(in[0], {.training = true, .rng = Rng(24)});
                                           return mean_squared_error(y, tape.constant(target));
                                         },
                                         {x}, {.max_entries = 20});
      EXPECT_TRUE(result.ok()) << entry.name << ", norm " << choice_word(norm) << ": " << result.str();
    }
  }
}

// The relative distance between the gradients of a float net and of the same net in double.
double float_error(Index depth) {
  const MlpOptions deep{.inputs = 16,
                        .hidden = std::vector<Index>(static_cast<std::size_t>(depth), 32),
                        .outputs = 3,
                        .activations = {activation("tanh")}};
  Mlp<float> single(deep);
  Mlp<double> twice(deep);
  single.initialize(initializer("xavier(gain=1.1)"), Rng(5));
  std::vector<Matrix<double>> weights;
  single.visit(Path(), [&](const Path&, Parameter<float>& p) { weights.push_back(p.value.cast<double>()); });
  std::size_t next = 0;
  twice.visit(Path(), [&](const Path&, Parameter<double>& p) { p.value = weights[next++]; });
  const Matrix<float> x = random_matrix<float>(33, 16, 6);
  std::vector<std::int32_t> labels;
  for (int r = 0; r < 33; ++r) labels.push_back(r % 3);

  Tape<float> f;
  Tape<double> d;
  Gradients<float> gf = f.backward(softmax_cross_entropy(single.forward(f.constant(x), {}), labels));
  Gradients<double> gd = d.backward(softmax_cross_entropy(twice.forward(d.constant(x.cast<double>()), {}), labels));
  std::vector<Matrix<double>> exact;
  twice.visit(Path(), [&](const Path&, Parameter<double>& p) { exact.push_back(gd.of(p)); });
  double difference = 0, norm = 0;
  next = 0;
  single.visit(Path(), [&](const Path&, Parameter<float>& p) {
    difference += (gf.of(p).cast<double>() - exact[next]).squaredNorm();
    norm += exact[next++].squaredNorm();
  });
  return std::sqrt(difference / norm);
}

TEST(Mlp, FloatGradientsFollowDouble) {
  for (const Index depth : {1, 3, 10}) EXPECT_LT(float_error(depth), 1e-5) << depth;
  EXPECT_LT(float_error(50), 1e-3);
}

}  // namespace
}  // namespace evengrad
