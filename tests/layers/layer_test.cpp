// What holds for every layer: one list, and a new entry is tested without writing a test.
#include <evengrad/activations/registry.hpp>
#include <evengrad/core/gradient_check.hpp>
#include <evengrad/layers/activation_layer.hpp>
#include <evengrad/layers/attention.hpp>
#include <evengrad/layers/concat.hpp>
#include <evengrad/layers/conv.hpp>
#include <evengrad/layers/dropout.hpp>
#include <evengrad/layers/dyt.hpp>
#include <evengrad/layers/gated.hpp>
#include <evengrad/layers/last.hpp>
#include <evengrad/layers/mlp.hpp>
#include <evengrad/layers/pooling.hpp>
#include <evengrad/layers/positions.hpp>
#include <evengrad/layers/prelu.hpp>
#include <evengrad/layers/recurrent.hpp>
#include <evengrad/layers/residual.hpp>
#include <evengrad/layers/softmax.hpp>

#include "../matrices.hpp"

namespace evengrad {
namespace {

constexpr Index width = 6;  // of every layer's input

template <Real S>
using Made = std::unique_ptr<Layer<S>>;

// Random numbers for every trained parameter, positive ones for running variances.
template <Real S>
void randomize(Layer<S>& layer) {
  std::uint64_t seed = 100;
  layer.visit(Path(), [&](const Path& path, Parameter<S>& parameter) {
    parameter.value = S(0.6) * random_matrix<S>(parameter.value.rows(), parameter.value.cols(), seed++);
    if (path.str().ends_with("running_var")) parameter.value = parameter.value.array().abs() + S(0.5);
  });
}

template <Real S>
Sequential<S> block() {
  Sequential<S> layers;
  layers.add(Linear<S>({.inputs = width, .outputs = 9}));
  layers.add(ActivationLayer<S>(activation("tanh")));
  layers.add(Linear<S>({.inputs = 9, .outputs = width}));
  return layers;
}

template <Real S>
Made<S> recurrent(CellKind kind, std::string_view gate, std::string_view state) {
  return Recurrent<S>(
             {.kind = kind, .inputs = width, .outputs = 4, .gate = activation(gate), .state = activation(state)})
      .clone();
}

template <Real S>
struct Entry {
  const char* name;
  Made<S> (*make)();
  Shape sample = {1, width};

  bool is_row_by_row() const { return sample.rows == 1; }
  Shape batch(Index samples) const {
    Shape shape = sample;
    shape.blocks = samples;
    return shape;
  }
  Matrix<S> inputs(Index samples, std::uint64_t seed) const {
    return random_matrix<S>(samples * sample.rows, sample.cols, seed);
  }
};

const Shape pixels = Shape::image(1, 5, 4, 4), sequence = {1, 5, width};

template <Real S>
const std::vector<Entry<S>>& entries() {
  static const std::vector<Entry<S>> list = {
      {"linear", [] { return Linear<S>({.inputs = width, .outputs = 4}).clone(); }},
      {"linear without bias", [] { return Linear<S>({.inputs = width, .outputs = 4, .bias = false}).clone(); }},
      {"activation", [] { return ActivationLayer<S>(activation("gelu")).clone(); }},
      {"sequential", [] { return block<S>().clone(); }},
      {"residual", [] { return Residual<S>(block<S>()).clone(); }},
      {"batch norm", [] { return BatchNorm<S>({.features = width}).clone(); }},
      {"layer norm", [] { return LayerNorm<S>({.features = width}).clone(); }},
      {"rms norm", [] { return RmsNorm<S>({.features = width}).clone(); }},
      {"rms norm without gain", [] { return RmsNorm<S>({.features = width, .gain = false}).clone(); }},
      {"dyt", [] { return DyT<S>({.features = width}).clone(); }},
      {"dropout", [] { return Dropout<S>(0.4).clone(); }},
      {"prelu", [] { return PReLULayer<S>().clone(); }},
      {"prelu per channel", [] { return PReLULayer<S>({.slopes = width}).clone(); }},
      {"softmax", [] { return Softmax<S>(1.7).clone(); }},
      {"log_softmax", [] { return LogSoftmax<S>(0.6).clone(); }},
      {"glu", [] { return Gated<S>({.inputs = width, .hidden = 5, .gate = gate("glu")}).clone(); }},
      {"reglu", [] { return Gated<S>({.inputs = width, .hidden = 5, .outputs = 3, .gate = gate("reglu")}).clone(); }},
      {"geglu", [] { return Gated<S>({.inputs = width, .hidden = 5, .outputs = 3, .gate = gate("geglu")}).clone(); }},
      {"swiglu",
       [] {
         return Gated<S>({.inputs = width, .hidden = 5, .outputs = 3, .bias = true, .gate = gate("swiglu")}).clone();
       }},
      {"mlp",
       [] {
         return mlp<S>({.inputs = width,
                        .hidden = {7, 7},
                        .outputs = 3,
                        .activations = {activation("silu")},
                        .norm = Norm::batch,
                        .dropout = 0.3,
                        .residual = true})
             .clone();
       }},
      {"conv", [] { return Conv<S>({.inputs = 4, .outputs = 3, .size = 3}).clone(); }, pixels},
      {"conv of stride 2",
       [] { return Conv<S>({.inputs = 4, .outputs = 3, .size = 4, .stride = 2, .padding = 1, .bias = false}).clone(); },
       pixels},
      {"conv of groups", [] { return Conv<S>({.inputs = 4, .outputs = 6, .size = 2, .groups = 2}).clone(); }, pixels},
      {"conv of each channel",
       [] { return Conv<S>({.inputs = 4, .outputs = 4, .size = 3, .stride = 2, .groups = 4}).clone(); }, pixels},
      {"max pool", [] { return MaxPool<S>(2).clone(); }, pixels},
      {"max pool that overlaps", [] { return MaxPool<S>(2, 1).clone(); }, pixels},
      {"average pool", [] { return AvgPool<S>(3, 1).clone(); }, pixels},
      {"upsample", [] { return Upsample<S>(3).clone(); }, pixels},
      {"mean", [] { return Mean<S>().clone(); }, pixels},
      {"flatten", [] { return Flatten<S>().clone(); }, pixels},
      {"concat",
       [] {
         Sequential<S> inner;
         inner.add(Conv<S>({.inputs = 4, .outputs = 3, .size = 3}));
         inner.add(ActivationLayer<S>(activation("tanh")));
         return Concat<S>(std::move(inner)).clone();
       },
       pixels},
      {"residual with a shortcut",
       [] {
         Sequential<S> inner, shortcut;
         inner.add(Conv<S>({.inputs = 4, .outputs = 3, .size = 3, .stride = 2}));
         inner.add(ActivationLayer<S>(activation("tanh")));
         shortcut.add(Conv<S>({.inputs = 4, .outputs = 3, .size = 1, .stride = 2}));
         return Residual<S>(std::move(inner), std::move(shortcut)).clone();
       },
       pixels},
      {"group norm", [] { return GroupNorm<S>({.features = 4, .groups = 2}).clone(); }, pixels},
      {"group norm of one group", [] { return GroupNorm<S>({.features = 4}).clone(); }, pixels},
      {"attention", [] { return SelfAttention<S>({.width = width, .attention = {.heads = 2}}).clone(); }, sequence},
      {"causal attention",
       [] {
         return SelfAttention<S>({.width = width,
                                  .attention = {.heads = 3, .causal = true, .rope = 100, .qk_norm = true},
                                  .bias = false})
             .clone();
       },
       sequence},
      {"learned positions", [] { return Positions<S>({.rows = 6, .width = width}).clone(); }, sequence},
      {"sinusoidal positions",
       [] { return Positions<S>({.rows = 5, .width = width, .kind = PositionKind::sinusoidal}).clone(); }, sequence},
      {"rnn", [] { return recurrent<S>(CellKind::rnn, "tanh", "tanh"); }, sequence},
      {"rnn of relu", [] { return recurrent<S>(CellKind::rnn, "relu", "relu"); }, sequence},
      {"lstm", [] { return recurrent<S>(CellKind::lstm, "sigmoid", "tanh"); }, sequence},
      {"lstm with kinks", [] { return recurrent<S>(CellKind::lstm, "hard_sigmoid", "relu"); }, sequence},
      {"gru", [] { return recurrent<S>(CellKind::gru, "sigmoid", "tanh"); }, sequence},
      {"gru with kinks", [] { return recurrent<S>(CellKind::gru, "hard_sigmoid", "relu"); }, sequence},
      {"last", [] { return Last<S>().clone(); }, sequence},
      {"batch norm of channels", [] { return BatchNorm<S>({.features = 4}).clone(); }, pixels},
  };
  return list;
}

TEST(Layer, EveryGradientIsRight) {
  for (const auto& entry : entries<double>()) {
    for (const bool training : {false, true}) {
      const Made<double> layer = entry.make();
      randomize(*layer);
      const auto result = gradient_check(*layer,
                                         [&](Tape<double>& tape, std::span<const Var<double>> in) {
                                           const Var<double> x = tape.reshape(in[0], entry.batch(7));
                                           return layer->forward(x, {.training = training, .rng = Rng(3)});
                                         },
                                         {entry.inputs(7, 1)});
      EXPECT_TRUE(result.ok()) << entry.name << (training ? ", training: " : ", evaluation: ") << result.str();
    }
  }
}

// Row by row on (batch, time, features): the same numbers and gradients as on the rows of a plain batch.
TEST(Layer, EveryGradientIsRightOnSequences) {
  for (const auto& entry : entries<double>()) {
    if (!entry.is_row_by_row()) continue;
    const Made<double> layer = entry.make();
    randomize(*layer);
    const auto on_sequences = [&](Tape<double>& tape, std::span<const Var<double>> in) {
      return layer->forward(tape.reshape(in[0], {3, 4, width}), {.training = true, .rng = Rng(3)});
    };
    const Matrix<double> x = random_matrix<double>(12, width, 1);
    const auto result = gradient_check(*layer, on_sequences, {x});
    EXPECT_TRUE(result.ok()) << entry.name << ": " << result.str();

    Tape<double> tape;
    const Var<double> y = layer->forward(tape.constant(x, {3, 4, width}), {});
    EXPECT_EQ(y.shape(), layer->outputs({3, 4, width})) << entry.name;
    EXPECT_TRUE(same_bits(y.value(), layer->forward(tape.constant(x), {}).value())) << entry.name;
  }
}

TEST(Layer, AFusedActivationIsTheActivationAfterwards) {
  const Activation f = activation("tanh");
  for (const auto& entry : entries<double>()) {
    const Made<double> layer = entry.make();
    randomize(*layer);
    Tape<double> tape;
    const Var<double> x = tape.constant(entry.inputs(5, 2), entry.batch(5));
    const Var<double> fused = layer->forward(x, {}, f), plain = activate(layer->forward(x, {}), f);
    EXPECT_TRUE(same_bits(fused.value(), plain.value())) << entry.name;
  }
}

TEST(Layer, OutputsAreAsWideAsPromised) {
  for (const auto& entry : entries<float>()) {
    const Made<float> layer = entry.make();
    Tape<float> tape;
    const Var<float> y = layer->forward(tape.constant(entry.inputs(5, 3), entry.batch(5)), {});
    EXPECT_EQ(y.shape(), layer->outputs(entry.batch(5))) << entry.name;
    EXPECT_EQ(y.shape().blocks, 5) << entry.name;
    EXPECT_FALSE(layer->describe().empty());
  }
}

TEST(Layer, InEvaluationASampleDoesNotSeeItsBatch) {
  for (const auto& entry : entries<float>()) {
    const Made<float> layer = entry.make();
    randomize(*layer);
    const Index samples = 33, rows = entry.sample.rows;
    const Matrix<float> x = entry.inputs(samples, 4);
    Tape<float> tape({.recording = false});
    const Matrix<float> together = layer->forward(tape.constant(x, entry.batch(samples)), {}).value();
    const Index made = together.rows() / samples;
    for (Index i = 0; i < samples; ++i) {
      const Var<float> alone = tape.constant(x.middleRows(i * rows, rows), entry.batch(1));
      EXPECT_TRUE(same_bits(layer->forward(alone, {}).value(), together.middleRows(i * made, made))) << entry.name;
    }
  }
}

// Large enough that several threads get a share of every product.
TEST(Layer, NeitherThreadsNorASecondRunChangeBits) {
  const auto outcome = []<Real S>(const Entry<S>& entry, Layer<S>& layer, int threads) {
    Tape<S> tape({.threads = threads});
    const Index samples = 45'000 / entry.sample.rows;
    const Var<S> x = tape.variable(entry.inputs(samples, 8), entry.batch(samples));
    const Var<S> y = layer.forward(x, {.training = true, .rng = Rng(5)});
    const Gradients<S> gradients = tape.backward(y, random_matrix<S>(y.rows(), y.cols(), 9));
    std::vector<Matrix<S>> all{y.value(), gradients[x]};
    layer.visit(Path(), [&](const Path&, Parameter<S>& parameter) {
      all.push_back(parameter.value);  // running statistics too
      if (parameter.trainable) all.push_back(gradients.of(parameter));
    });
    return all;
  };
  const auto check = [&]<Real S>(const Entry<S>& entry) {
    const Made<S> layer = entry.make();
    randomize(*layer);
    const auto expected = outcome(entry, *layer->clone(), 1);
    for (const int threads : {1, 2, 3, 7}) {
      const auto again = outcome(entry, *layer->clone(), threads);
      ASSERT_EQ(again.size(), expected.size());
      for (std::size_t i = 0; i < expected.size(); ++i) {
        EXPECT_TRUE(same_bits(again[i], expected[i])) << entry.name << ", " << threads << " threads, " << i;
      }
    }
  };
  for (const auto& entry : entries<float>()) check(entry);
  for (const auto& entry : entries<double>()) check(entry);
}

TEST(Layer, ACopyHasItsOwnParameters) {
  for (const auto& entry : entries<double>()) {
    const Made<double> original = entry.make();
    randomize(*original);
    const Made<double> copy = original->clone();
    Tape<double> tape;
    const Var<double> x = tape.constant(entry.inputs(4, 5), entry.batch(4));
    const Matrix<double> before = original->forward(x, {}).value();
    EXPECT_TRUE(same_bits(copy->forward(x, {}).value(), before)) << entry.name;

    std::vector<std::string> names, copied;
    original->visit(Path(), [&](const Path& path, Parameter<double>&) { names.push_back(path.str()); });
    copy->visit(Path(), [&](const Path& path, Parameter<double>& parameter) {
      copied.push_back(path.str());
      parameter.value.setConstant(0.125);
    });
    EXPECT_EQ(names, copied) << entry.name;
    EXPECT_TRUE(same_bits(original->forward(x, {}).value(), before)) << entry.name;
    if (!names.empty()) {
      EXPECT_FALSE(same_bits(copy->forward(x, {}).value(), before)) << entry.name;
    }
  }
}

TEST(Layer, FloatFollowsDouble) {
  for (std::size_t i = 0; i < entries<float>().size(); ++i) {
    const Made<float> single = entries<float>()[i].make();
    const Made<double> twice = entries<double>()[i].make();
    randomize(*single);
    randomize(*twice);
    Tape<float> f;
    Tape<double> d;
    const Entry<double>& entry = entries<double>()[i];
    const Var<float> x = f.variable(entry.inputs(9, 6).cast<float>(), entry.batch(9));
    const Var<double> y = d.variable(entry.inputs(9, 6), entry.batch(9));
    const Context context{.training = true, .rng = Rng(4)};
    const Var<float> a = single->forward(x, context);
    const Var<double> b = twice->forward(y, context);
    EXPECT_LT((a.value().cast<double>() - b.value()).norm(), 1e-5 * b.value().norm()) << entries<float>()[i].name;
    const Matrix<double> seed = random_matrix<double>(b.rows(), b.cols(), 7);
    const Gradients<float> ga = f.backward(a, seed.cast<float>());
    const Gradients<double> gb = d.backward(b, seed);
    EXPECT_LT((ga[x].cast<double>() - gb[y]).norm(), 1e-5 * gb[y].norm()) << entries<float>()[i].name;
  }
}

}  // namespace
}  // namespace evengrad
