// Nets that are no MLP, with a layer from outside the library, through everything that a net goes through.
#include <evengrad/activations/registry.hpp>
#include <evengrad/data/registry.hpp>
#include <evengrad/layers/registry.hpp>
#include <evengrad/training/health.hpp>
#include <evengrad/training/lsuv.hpp>
#include <evengrad/training/model_file.hpp>
#include <evengrad/training/predict.hpp>
#include <evengrad/training/probe.hpp>
#include <evengrad/training/setup.hpp>

#include "../matrices.hpp"
#include "../temp_folder.hpp"

namespace evengrad {
namespace {

/// x W^T + x V^T, a product of two halves, as somebody else might write it: no bias, no roles of its own.
template <Real S>
class TwoProducts : public ClonableLayer<TwoProducts<S>, S> {
 public:
  TwoProducts(Index inputs, Index outputs) {
    w.value.setZero(outputs, inputs);
    v.value.setZero(outputs, inputs);
  }

  using Layer<S>::forward;
  Var<S> forward(const Var<S>& x, const Context&) override {
    Tape<S>& tape = x.tape();
    return affine(x, tape.parameter(w), Var<S>()) + affine(x, tape.parameter(v), Var<S>());
  }
  void visit(const Path& path, ParameterVisitor<S> visitor) override {
    visitor(Path(path, "w"), w);
    visitor(Path(path, "v"), v);
  }
  std::string describe() const override { return text("TwoProducts(", w.value.cols(), ", ", w.value.rows(), ")"); }
  std::string word() const override { return text("two_products(", w.value.rows(), ")"); }
  Shape outputs(const Shape& inputs) const override {
    require_columns(describe(), w.value.cols(), inputs);
    return inputs.with_cols(w.value.rows());
  }

  Parameter<S> w, v;
};

template <Real S>
std::unique_ptr<Layer<S>> make_two_products(const Word& word, NetBuilder<S>& at) {
  at.claim(2 * static_cast<double>(at.inputs().cols * word.count("n")));
  return std::make_unique<TwoProducts<S>>(at.inputs().cols, word.count("n"));
}

constexpr const char* line = "two_products(12) f residual(layernorm gated(8, silu) linear(12) f dropout(0.1)) norm f";

TrainingSetup setup_of(const std::string& init) {
  static const bool registered = [] {
    register_layer<float>({"two_products", "n", "x W^T + x V^T", make_two_products<float>});
    register_layer<double>({"two_products", "n", "x W^T + x V^T", make_two_products<double>});
    return true;
  }();
  TrainingSetup setup;
  setup.net = registered ? line : "";
  setup.activation = "tanh";
  setup.norm = Norm::batch;
  setup.init = init;
  setup.data.name = "moons";
  setup.data.samples = 400;
  setup.trainer.epochs = 20;
  setup.trainer.optimizer = {.name = "adam", .learning_rate = 1e-2};
  return setup;
}

TEST(AnyNet, TrainsIsProbedJudgedSavedLoadedAndPredicts) {
  for (const char* init : {"he", "xavier_uniform", "orthogonal", "matched", "lsuv", "auto"}) {
    SCOPED_TRACE(init);
    const TrainingSetup setup = setup_of(init);
    const Split<float> data = load_data<float>(setup.data);
    Sequential<float> net = make_net<float>(setup, {1, 2}, 2);
    EXPECT_EQ(net.word(),
              "two_products(12) tanh residual(layernorm gated(8, silu) linear(12) tanh dropout(0.1)) "
              "batchnorm tanh linear(2)");
    initialize<float>(net, setup, data.train);

    const std::vector<Weight<float>> all = weights<float>(net);
    ASSERT_EQ(all.size(), 7u);
    EXPECT_EQ(all[0].name, "layers.0.w");
    EXPECT_EQ(all[0].role.fan_in, 2);
    EXPECT_EQ(all[2].name, "layers.3.gate.weight");
    EXPECT_EQ(all[2].role.activation->name(), "silu");
    EXPECT_EQ(all[3].role.input_activation, all[2].role.input_activation);  // gate and up take the same
    EXPECT_EQ(all[4].role.input_activation->name(), "silu");
    EXPECT_TRUE(all[5].role.ends_branch);
    EXPECT_EQ(all[5].role.branches, 1);
    EXPECT_TRUE(all[6].role.normalized);
    EXPECT_EQ(all[6].role.activation, nullptr);

    Trainer<float> trainer(net, data.train, data.test, setup.trainer);
    Probe<float> probe(trainer, net, data.train, {.theory = theory_net<float>(setup, net)});
    const TrainResult result = trainer.run();
    EXPECT_GT(result.test->accuracy, 0.9);
    EXPECT_EQ(probe.record().facts.layers.size(), 7u);
    EXPECT_EQ(probe.record().rows.front().name, "layers.0");
    for (const LayerRow& row : probe.record().rows) {
      EXPECT_GT(row.weight.rms, 0) << row.name;
      EXPECT_GT(row.weight_gradient.rms, 0) << row.name;
      EXPECT_GT(row.update.rms, 0) << row.name;
    }
    findings(probe.record());

    const TempFolder folder;
    const auto path = folder.path() / "net.safetensors";
    save_model<float>(path, net, model_data(data));
    SavedModel<float> saved = load_model<float>(path);
    EXPECT_EQ(saved.model.word(), net.word());
    EXPECT_TRUE(same_bits(predict<float>(saved.model, data.test.inputs, Task::classification),
                          predict<float>(net, data.test.inputs, Task::classification)));
  }
}

TEST(AnyNet, LsuvBringsEveryProductToVarianceOne) {
  const TrainingSetup setup = setup_of("lsuv");
  const Split<double> data = load_data<double>(setup.data);
  Sequential<double> net = make_net<double>(setup, {1, 2}, 2);
  initialize<double>(net, setup, data.train);
  Tape<double> tape({.recording = false, .keep_pre_activations = true});
  net.forward(tape.constant(data.train.inputs), {});
  int products = 0;
  for (const Node<double>& node : tape.nodes()) {
    if (node.role != OpRole::product) continue;
    const Eigen::Map<const Eigen::ArrayXd> z(node.pre_activation, node.shape.size());
    EXPECT_NEAR((z - z.mean()).square().mean(), 1, 0.02) << node.scope;
    ++products;
  }
  EXPECT_EQ(products, 7);
}

}  // namespace
}  // namespace evengrad
