// Runs of 50 steps that PyTorch did (tests/golden/README.md), done again; and its float32 models, loaded.
#include <evengrad/activations/registry.hpp>
#include <evengrad/layers/losses.hpp>
#include <evengrad/layers/mlp.hpp>
#include <evengrad/layers/registry.hpp>
#include <evengrad/layers/softmax.hpp>
#include <evengrad/optim/clip.hpp>
#include <evengrad/optim/optimizer.hpp>
#include <evengrad/optim/schedule.hpp>

#include <gtest/gtest.h>

#include "../golden.hpp"

namespace evengrad {
namespace {

using Json = nlohmann::json;

constexpr double relative = 1e-9;
constexpr double absolute = 1e-10;  // Adam makes steps of up to 1e-11 of gradients that are rounding noise

void expect_close(double got, double expected, double floor, const std::string& what) {
  EXPECT_LE(std::abs(got - expected), relative * std::abs(expected) + floor)
      << what << ": " << got << ", PyTorch's " << expected;
}

MlpOptions model_options(const Json& run, Index inputs, std::vector<Index> hidden, Index outputs) {
  std::string name = run["activation"];
  if (run["per_channel"]) name = "prelu(per_channel=1)";
  return {.inputs = inputs,
          .hidden = std::move(hidden),
          .outputs = outputs,
          .activations = {activation(name)},
          .norm = parse_choice<Norm>("norm", run["norm"].get<std::string>())};
}

OptimizerOptions optimizer_options(const Json& given) {
  const auto setting = [&](const char* key) {
    return given.contains(key) ? std::optional(given[key].get<double>()) : std::nullopt;
  };
  return {.name = given["name"],
          .learning_rate = setting("lr"),
          .momentum = setting("momentum"),
          .beta1 = setting("beta1"),
          .beta2 = setting("beta2"),
          .eps = setting("eps"),
          .alpha = setting("alpha"),
          .weight_decay = setting("weight_decay")};
}

Schedule schedule(const Json& run, std::int64_t steps) {
  const Json& given = run["schedule"];
  if (given.is_null()) return Schedule("constant", steps);
  const std::string name = given["name"];
  const std::int64_t warmup = given.value("warmup_steps", 0);
  if (name == "step") return Schedule(text("step(", given["step_size"], ", factor=", given["factor"], ")"), steps);
  if (name == "cosine") return Schedule(text("cosine(", given["minimum"], ")"), given["steps"], warmup);
  return Schedule(name, steps, warmup);
}

struct Data {
  Matrix<double> inputs, targets;
  std::vector<std::int32_t> labels;

  Data(const std::string& file, Index outputs) {
    const Matrix<double> all = golden::csv(file);
    inputs = all.leftCols(5);
    targets = all.rightCols(all.cols() - 5);
    if (targets.cols() == outputs) return;
    for (Index r = 0; r < all.rows(); ++r) labels.push_back(static_cast<std::int32_t>(targets(r, 0)));
  }
};

Var<double> loss(const Json& run, const Var<double>& y, const Data& data, Index begin) {
  if (run["loss"] == "cross_entropy") {
    const std::span<const std::int32_t> labels(data.labels.data() + begin, static_cast<std::size_t>(y.rows()));
    return softmax_cross_entropy(y, labels, run["label_smoothing"].get<double>());
  }
  const Var<double> target = y.tape().constant(data.targets.middleRows(begin, y.rows()));
  if (run["loss"] == "mse") return mean_squared_error(y, target);
  if (run["loss"] == "bce") return binary_cross_entropy(y, target);
  EXPECT_EQ(run["loss"], "huber");
  return huber(y, target, run["huber_delta"].get<double>());
}

struct Run {
  std::string file;
  std::size_t number = 0;
  std::string name;
};

std::vector<Run> runs(const std::string& file) {
  std::vector<Run> all;
  const Json content = golden::json(file);
  for (const Json& run : content["cases"]) all.push_back({file, all.size(), run["name"]});
  return all;
}

std::string identifier(const ::testing::TestParamInfo<Run>& info) {
  std::string name;
  for (const char c : info.param.name) {
    name += std::isalnum(static_cast<unsigned char>(c)) ? std::string(1, c) : c == '.' ? "p" : "_";
  }
  return name;
}

void PrintTo(const Run& run, std::ostream* out) { *out << run.name; }

class Parity : public ::testing::TestWithParam<Run> {};

TEST_P(Parity, FiftyStepsAsPyTorchDoesThem) {
  const Json file = golden::json(GetParam().file);
  const Json& run = file["cases"][GetParam().number];
  const std::int64_t steps = file["steps"];

  const std::string init = run["init"];
  const Index outputs = init.starts_with("init_three") ? 3 : 1;
  const Data data(run["data"], outputs);
  Mlp<double> model(model_options(run, 5, run["hidden"].get<std::vector<Index>>(), outputs));
  golden::load<double>(model, init);
  Optimizer<double> optimizer(optimizer_options(run["optimizer"]));
  const Schedule rates = schedule(run, steps);

  Tape<double> tape;
  Index begin = 0;
  int clipped = 0;
  for (std::int64_t t = 0; t < steps; ++t) {
    const Index count = std::min(run["batch_size"].get<Index>(), data.inputs.rows() - begin);
    tape.clear();
    const Var<double> x = tape.constant(data.inputs.middleRows(begin, count));
    const Var<double> l = loss(run, model.forward(x, {.training = true}), data, begin);
    const auto number = static_cast<std::size_t>(t);
    expect_close(l.item(), run["losses"][number], 0, text("loss of step ", t));
    Gradients<double> gradients = tape.backward(l);
    if (!run["clip_norm"].is_null()) {
      const double limit = run["clip_norm"];
      clipped += clip_norm(model, gradients, limit) > limit;
    }
    if (!run["clip_value"].is_null()) clip_value(model, gradients, run["clip_value"].get<double>());
    optimizer.set_learning_rate(rates.rate(run["optimizer"]["lr"], t));
    if (run.contains("learning_rates")) {
      expect_close(optimizer.learning_rate(), run["learning_rates"][number], 1e-17, text("learning rate of step ", t));
    }
    optimizer.step(model, gradients);
    begin = begin + count < data.inputs.rows() ? begin + count : 0;
  }
  if (!run["clip_norm"].is_null()) {
    EXPECT_EQ(clipped, run["clipped_steps"].get<int>());
  }

  std::size_t compared = 0;
  model.visit(Path(), [&](const Path& path, Parameter<double>& parameter) {
    const std::string name = path.str();
    if (parameter.trainable) {
      expect_close(parameter.value.squaredNorm(), run["final_sum_of_squares"].at(name), 1e-15, name + ", squares");
    }
    if (!run["final"].contains(name)) return;
    const auto expected = run["final"][name].get<std::vector<double>>();
    ASSERT_EQ(static_cast<Index>(expected.size()), parameter.value.size()) << name;
    for (std::size_t i = 0; i < expected.size(); ++i) {
      expect_close(parameter.value.data()[i], expected[i], absolute, text(name, "[", i, "]"));
    }
    ++compared;
  });
  EXPECT_EQ(compared, run["final"].size());

  tape.clear();
  const Var<double> whole = model.forward(tape.constant(data.inputs), {});
  expect_close(loss(run, whole, data, 0).item(), run["final_loss"], 0, "loss in evaluation mode");
}

INSTANTIATE_TEST_SUITE_P(Spine, Parity, ::testing::ValuesIn(runs("parity_spine.json")), identifier);
INSTANTIATE_TEST_SUITE_P(Full, Parity, ::testing::ValuesIn(runs("parity_full.json")), identifier);

// Nets of images, from a line: PyTorch's images have their channels first.
class ImageParity : public ::testing::TestWithParam<Run> {};

TEST_P(ImageParity, FiftyStepsAsPyTorchDoesThem) {
  const Json file = golden::json(GetParam().file);
  const Json& run = file["cases"][GetParam().number];
  const auto numbers = file["images"].get<std::vector<double>>();
  const auto labels = file["labels"].get<std::vector<std::int32_t>>();
  const Index samples = std::ssize(labels), batch = file["batch_size"];
  const Shape one = Shape::image(1, file["height"], file["width"], file["channels"]);
  ASSERT_EQ(std::ssize(numbers), samples * one.size());
  Matrix<double> images(samples * one.rows, one.cols);
  for (Index i = 0; i < samples; ++i) {
    images.middleRows(i * one.rows, one.rows) =
        ConstMap<double>(numbers.data() + i * one.size(), one.cols, one.rows).transpose();
  }
  Sequential<double> net = build_net<double>(
      run["net"].get<std::string>(),
      {.inputs = one, .outputs = file["classes"], .activations = {activation(run["activation"].get<std::string>())}});
  golden::load<double>(net, run["init"]);
  Optimizer<double> optimizer(optimizer_options(run["optimizer"]));

  Tape<double> tape;
  const auto loss_of = [&](Index begin, Index count, bool training) {
    tape.clear();
    const Var<double> x = tape.constant(images.middleRows(begin * one.rows, count * one.rows),
                                        Shape::image(count, one.height, one.width, one.cols));
    const std::span<const std::int32_t> of_batch(labels.data() + begin, static_cast<std::size_t>(count));
    return softmax_cross_entropy(net.forward(x, {.training = training}), of_batch);
  };
  for (std::size_t t = 0; t < run["losses"].size(); ++t) {
    const Var<double> l = loss_of(static_cast<Index>(t) * batch % samples, batch, true);
    expect_close(l.item(), run["losses"][t], 0, text("loss of step ", t));
    optimizer.step(net, tape.backward(l));
  }
  std::size_t compared = 0;
  net.visit(Path(), [&](const Path& path, Parameter<double>& parameter) {
    const std::string name = path.str();
    expect_close(parameter.value.squaredNorm(), run["final_sum_of_squares"].at(name), 1e-15, name + ", squares");
    ++compared;
  });
  EXPECT_EQ(compared, run["final_sum_of_squares"].size());
  expect_close(loss_of(0, samples, false).item(), run["final_loss"], 0, "loss in evaluation mode");
}

INSTANTIATE_TEST_SUITE_P(Images, ImageParity, ::testing::ValuesIn(runs("parity_images.json")), identifier);

// Transformers and recurrent nets, from a line: each predicts the next of the tokens.
class SequenceParity : public ::testing::TestWithParam<Run> {};

TEST_P(SequenceParity, FiftyStepsAsPyTorchDoesThem) {
  const Json file = golden::json(GetParam().file);
  const Json& run = file["cases"][GetParam().number];
  const Index samples = file["samples"], time = file["context"], tokens = file["tokens"], batch = file["batch_size"];
  Matrix<double> inputs(samples * time, 1);
  std::vector<std::int32_t> labels;
  for (Index i = 0; i < samples; ++i) {
    const auto line = file["text"][static_cast<std::size_t>(i)].get<std::vector<std::int32_t>>();
    ASSERT_EQ(std::ssize(line), time + 1);
    for (Index t = 0; t < time; ++t) inputs(i * time + t, 0) = line[static_cast<std::size_t>(t)];
    labels.insert(labels.end(), line.begin() + 1, line.end());
  }
  std::vector<std::int32_t> lengths;
  if (run.value("padded", false)) lengths = file["lengths"].get<std::vector<std::int32_t>>();
  Sequential<double> net = build_net<double>(run["net"].get<std::string>(),
                                             {.inputs = {1, time, 1},
                                              .outputs = tokens,
                                              .activations = {activation(run["activation"].get<std::string>())},
                                              .tokens = tokens});
  golden::load<double>(net, run["init"]);
  Optimizer<double> optimizer(optimizer_options(run["optimizer"]));

  Tape<double> tape;
  for (std::size_t t = 0; t < run["losses"].size(); ++t) {
    tape.clear();
    const Index first = static_cast<Index>(t) * batch % samples * time;
    Shape shape{batch, time, 1};
    if (!lengths.empty()) shape.lengths = lengths.data() + first / time;
    const Var<double> x = tape.constant(inputs.middleRows(first, batch * time), shape);
    const std::span<const std::int32_t> next(labels.data() + first, static_cast<std::size_t>(batch * time));
    const Var<double> l = softmax_cross_entropy(net.forward(x, {.training = true}), next);
    expect_close(l.item(), run["losses"][t], 0, text("loss of step ", t));
    optimizer.step(net, tape.backward(l));
  }
  std::size_t compared = 0;
  net.visit(Path(), [&](const Path& path, Parameter<double>& parameter) {
    const std::string name = path.str();
    expect_close(parameter.value.squaredNorm(), run["final_sum_of_squares"].at(name), 1e-15, name + ", squares");
    ++compared;
  });
  EXPECT_EQ(compared, run["final_sum_of_squares"].size());
}

INSTANTIATE_TEST_SUITE_P(Sequences, SequenceParity, ::testing::ValuesIn(runs("parity_sequences.json")), identifier);
INSTANTIATE_TEST_SUITE_P(Recurrent, SequenceParity, ::testing::ValuesIn(runs("parity_recurrent.json")), identifier);

TEST(Exchange, ModelsOfPyTorchGiveItsOutputs) {
  const Json file = golden::json("pytorch_outputs.json");
  ASSERT_EQ(file["models"].size(), 5u);
  for (const Json& saved : file["models"]) {
    auto sizes = saved["sizes"].get<std::vector<Index>>();
    const std::vector<Index> hidden(sizes.begin() + 1, sizes.end() - 1);
    Mlp<float> model(model_options(saved, sizes.front(), hidden, sizes.back()));
    golden::load<float>(model, saved["file"]);
    const Json& rows = saved["inputs"];
    Matrix<float> inputs(static_cast<Index>(rows.size()), sizes.front());
    for (Index r = 0; r < inputs.rows(); ++r) {
      for (Index c = 0; c < inputs.cols(); ++c) {
        inputs(r, c) = rows[static_cast<std::size_t>(r)][static_cast<std::size_t>(c)].get<float>();
      }
    }
    Tape<float> tape({.recording = false});
    const Var<float> logits = model.forward(tape.constant(inputs), {});
    const Var<float> probabilities = softmax(logits);
    for (Index r = 0; r < inputs.rows(); ++r) {
      for (Index c = 0; c < sizes.back(); ++c) {
        const auto row = static_cast<std::size_t>(r), col = static_cast<std::size_t>(c);
        // An absolute 1e-6 would be two units in the last place of a float of size 4.
        const double logit = saved["outputs"][row][col];
        EXPECT_NEAR(logits.value()(r, c), logit, 1e-6 * std::max(1.0, std::abs(logit))) << saved["file"];
        EXPECT_NEAR(probabilities.value()(r, c), saved["probabilities"][row][col].get<double>(), 1e-6) << saved["file"];
      }
    }
  }
}

}  // namespace
}  // namespace evengrad
