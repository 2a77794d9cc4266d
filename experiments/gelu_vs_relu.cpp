#include <evengrad/experiments/gelu_vs_relu.hpp>

#include <evengrad/activations/registry.hpp>
#include <evengrad/core/error.hpp>
#include <evengrad/data/registry.hpp>
#include <evengrad/experiments/fit.hpp>
#include <evengrad/init/net_theory.hpp>
#include <evengrad/layers/activation_layer.hpp>
#include <evengrad/layers/gated.hpp>
#include <evengrad/layers/residual.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>

namespace evengrad {

namespace gelu {

namespace {

constexpr Index letters = 27;  // with the space

}  // namespace

Language invent_language(Index characters, const Rng& rng) {
  constexpr std::size_t vocabulary = 50;
  constexpr double steepness = 1.5;
  Rng spelling = rng.split("spelling"), story = rng.split("story");
  std::vector<std::string> words;
  while (words.size() < vocabulary) {
    std::string word;
    for (std::uint64_t left = 2 + spelling.below(4); left > 0; --left)
      word += static_cast<char>('a' + spelling.below(26));
    if (std::find(words.begin(), words.end(), word) == words.end()) words.push_back(word);
  }
  std::vector<double> probabilities;
  double total = 0;
  for (std::size_t rank = 1; rank <= vocabulary; ++rank) {
    probabilities.push_back(std::pow(static_cast<double>(rank), -steepness));
    total += probabilities.back();
  }
  double entropy = 0;  // of the next word
  for (double& p : probabilities) {
    p /= total;
    entropy -= p * std::log(p);
  }
  std::vector<std::vector<Index>> followers;
  for (std::size_t word = 0; word < vocabulary; ++word) followers.push_back(rng.split(word).permutation(vocabulary));

  Language language;
  std::size_t word = 0, count = 0;
  for (; std::ssize(language.text) < characters; ++count) {
    double u = story.uniform();
    std::size_t rank = 0;
    while (rank + 1 < vocabulary && u >= probabilities[rank]) u -= probabilities[rank++];
    word = static_cast<std::size_t>(followers[word][rank]);
    language.text += words[word] + ' ';
  }
  language.entropy = entropy * static_cast<double>(count) / static_cast<double>(language.text.size());
  return language;
}

Dataset<float> next_characters(std::string_view text, Index context) {
  const auto code = [&](Index i) {
    const char c = text[static_cast<std::size_t>(i)];
    return c == ' ' ? 0 : c - 'a' + 1;
  };
  const Index samples = std::ssize(text) - context;
  Dataset<float> data{.name = "text"};
  data.classes = letters;
  data.inputs.setZero(samples, context * letters);
  for (Index i = 0; i < samples; ++i) {
    for (Index k = 0; k < context; ++k) data.inputs(i, k * letters + code(i + k)) = std::sqrt(float{letters});
    data.labels.push_back(code(i + context));
  }
  return data;
}

double sign_test(std::span<const double> differences) {
  int above = 0, below = 0;
  for (const double d : differences) {
    above += d > 0;
    below += d < 0;
  }
  const int n = above + below;
  double term = std::pow(0.5, n), p = 0;  // binomial probability of k on one side
  for (int k = 0; k <= std::min(above, below); ++k) {
    p += term;
    term *= static_cast<double>(n - k) / (k + 1);
  }
  return std::min(1.0, 2 * p);
}

Ruling at_most_conditional(const Ruling& ruling) {
  if (ruling.verdict != Verdict::confirmed) return ruling;
  return {Verdict::conditional, ruling.condition};
}

Verdict better_but_costlier(const Measurement& log_ratio_of_losses, const Measurement& ratio_of_times) {
  // An interval is of one run; from run to run, times of one machine move by more than it says.
  constexpr double tie = 1.15;
  const bool longer = at_least(ratio_of_times, tie) == Verdict::confirmed;
  const bool shorter = below(ratio_of_times, 1 / tie) == Verdict::confirmed;
  const Verdict cost = longer ? Verdict::confirmed : shorter ? Verdict::refuted : Verdict::undecided;
  return both(below(log_ratio_of_losses, 0), cost);
}

Verdict jumps_and_does_not(const Measurement& relu_jump, const Measurement& gelu_jump) {
  return both(near(relu_jump, 1, 1e-12), below(gelu_jump, 1e-9));
}

}  // namespace gelu

namespace {

using namespace gelu;

constexpr const char* guide = "Activation functions guide";
constexpr const char* interview = "AI/ML interview guide: activation functions";
constexpr Index batch_size = 128;
constexpr Index context_characters = 10;
constexpr int curve_points = 20;

// What a net learns, with the samples by which rates are chosen.
struct Problem {
  Dataset<float> train, validation, test;
};

// The training loss as it falls.
struct Record : FitRecord {
  std::vector<double> curve;  // the mean batch loss of equal parts of the training

  template <class Fields>
  void fields(Fields& f) {
    FitRecord::fields(f);
    f("curve", curve);
  }
};

// A net of P6: 8 layers of 128.
struct ImageCell {
  std::string activation, init;
  double dropout = 0;
  std::vector<double> rates = {};
};

// A net of feed-forward blocks with residual connections and layer normalization: a Transformer without attention.
struct BlockCell {
  std::string problem, block;  // an activation, or a gated layer
  int blocks = 2;
  std::vector<double> rates = {1e-2, 3e-3, 1e-3};
};

using Images = Tuned<ImageCell, Record>;
using Blocks = Tuned<BlockCell, Record>;

// G5: one net's gradient along a step, and the largest rate of SGD with which it still learns.
struct Smoothness {
  double at_start = 0, trained = 0;  // |g after - g| / |g|
  double near_zero = 0;              // the share of pre-activations within 0.1 of 0 at the start
  double largest_rate = 0;

  template <class Fields>
  void fields(Fields& f) {
    f("at_start", at_start);
    f("trained", trained);
    f("near_zero", near_zero);
    f("largest_rate", largest_rate);
  }
};

// One round of times, one each of `timed`.
struct Times {
  std::vector<double> step, element;  // seconds of a training step, nanoseconds of a number

  template <class Fields>
  void fields(Fields& f) {
    f("step", step);
    f("element", element);
  }
};

std::string name_of(const ImageCell& cell) {
  return text(cell.activation, ", ", cell.init, cell.dropout > 0 ? ", dropout" : "");
}
std::string name_of(const BlockCell& cell) { return text(cell.problem, ", ", cell.block, ", blocks ", cell.blocks); }

bool is_gated(const std::string& block) {
  const auto& list = gated_layers();
  return std::any_of(list.begin(), list.end(), [&](const GatedInfo& info) { return info.name == block; });
}

Linear<float> drawn(Index inputs, Index outputs, bool bias, double gain, const Rng& rng) {
  Linear<float> layer({.inputs = inputs, .outputs = outputs, .bias = bias});
  fill(layer.weight.value, {Distribution::normal, gain / std::sqrt(static_cast<double>(inputs))}, rng);
  return layer;
}

// Every sum has variance 1 at the start: the last layer of a block is divided by its activation's second moment. A
// gated block has three matrices where the other has two, and two thirds of its hidden width.
Sequential<float> block_net(const BlockCell& cell, Index inputs, Index width, Index outputs, const Rng& rng) {
  const bool gated = is_gated(cell.block);
  const Activation f = gated ? gate(cell.block) : activation(cell.block);
  const double gain = gains(f).second_moment.value();
  const Index hidden = gated ? (8 * width + 1) / 3 : 4 * width;
  Sequential<float> net;
  net.add(drawn(inputs, width, true, 1, rng.split("stem")));
  for (int b = 0; b < cell.blocks; ++b) {
    const Rng here = rng.split("block").split(static_cast<std::uint64_t>(b));
    Sequential<float> block;
    block.add(LayerNorm<float>({.features = width}));
    if (gated) {
      Gated<float>& layer = block.add(Gated<float>({.inputs = width, .hidden = hidden, .outputs = width, .gate = f}));
      layer.gate = drawn(width, hidden, false, 1, here.split("up"));
      layer.up = drawn(width, hidden, false, 1, here.split("value"));
      layer.down[0] = drawn(hidden, width, false, gain, here.split("down"));
    } else {
      block.add(drawn(width, hidden, false, 1, here.split("up")));
      block.add(ActivationLayer<float>(f));
      block.add(drawn(hidden, width, false, gain, here.split("down")));
    }
    net.add(Residual<float>(std::move(block)));
  }
  net.add(LayerNorm<float>({.features = width}));
  net.add(drawn(width, outputs, true, 1, rng.split("head")));
  return net;
}

// Adds up losses into the points of a curve.
std::function<void(const StepReport&)> into(std::vector<double>& curve, std::int64_t steps) {
  curve.assign(curve_points, 0);
  return [&curve, steps](const StepReport& report) {
    const std::int64_t part = (report.step - 1) * curve_points / steps;
    const std::int64_t first = (part * steps + curve_points - 1) / curve_points;
    const std::int64_t last = ((part + 1) * steps + curve_points - 1) / curve_points;
    curve[static_cast<std::size_t>(part)] += report.loss / static_cast<double>(last - first);
  };
}

// The gradient of all parameters for a whole data set, one after the other.
std::vector<float> gradient_of(Sequential<float>& net, const Dataset<float>& data, double* near_zero = nullptr) {
  Tape<float> tape({.keep_pre_activations = near_zero != nullptr});
  const Var<float> loss = softmax_cross_entropy(net.forward(tape.constant(data.inputs), Context{}),
                                                std::span<const std::int32_t>(data.labels));
  const Gradients<float> gradients = tape.backward(loss);
  std::vector<float> all;
  net.visit(Path(), [&](const Path&, Parameter<float>& p) {
    const ConstMap<float> g = gradients.of(p);
    all.insert(all.end(), g.data(), g.data() + g.size());
  });
  if (near_zero) {
    Index near = 0, count = 0;
    for (const Node<float>& node : tape.nodes()) {
      if (!node.pre_activation) continue;
      count += node.shape.size();
      near += std::count_if(node.pre_activation, node.pre_activation + node.shape.size(),
                            [](float z) { return std::abs(z) < 0.1f; });
    }
    *near_zero = static_cast<double>(near) / static_cast<double>(count);
  }
  return all;
}

double norm(const std::vector<float>& v) {
  double sum = 0;
  for (const float x : v) sum += static_cast<double>(x) * x;
  return std::sqrt(sum);
}

// How much the gradient turns within a step against it: |g(w - h g) - g(w)| / |g(w)|, where the step is a thousandth of
// the weights' length.
double change_along_step(const Sequential<float>& net, const Dataset<float>& data) {
  Sequential<float> moved = net;
  const std::vector<float> before = gradient_of(moved, data);
  double weights = 0;
  moved.visit(Path(), [&](const Path&, Parameter<float>& p) { weights += p.value.cast<double>().squaredNorm(); });
  const double h = 0.001 * std::sqrt(weights) / norm(before);
  std::size_t at = 0;
  moved.visit(Path(), [&](const Path&, Parameter<float>& p) {
    for (Index i = 0; i < p.value.size(); ++i) p.value.data()[i] -= static_cast<float>(h * before[at++]);
  });
  std::vector<float> after = gradient_of(moved, data);
  for (std::size_t i = 0; i < after.size(); ++i) after[i] -= before[i];
  return norm(after) / norm(before);
}

// Nanoseconds that the value and the derivative of one number take, in cache.
double element_nanoseconds(const Activation& f, const std::vector<float>& z) {
  static constexpr int passes = 20;
  std::vector<float> value(z.size()), derivative(z.size());
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < passes; ++i) f(z.data(), value.data(), derivative.data(), static_cast<Index>(z.size()));
  const std::chrono::duration<double, std::nano> took = std::chrono::steady_clock::now() - start;
  return took.count() / passes / static_cast<double>(z.size());
}

// Seconds that one training step of the net takes on these data.
double step_seconds(Sequential<float>& net, Optimizer<float>& optimizer, const Dataset<float>& batch) {
  Tape<float> tape;
  const auto step = [&] {
    tape.clear();
    const Var<float> loss = softmax_cross_entropy(net.forward(tape.constant(batch.inputs), Context{.training = true}),
                                                  std::span<const std::int32_t>(batch.labels));
    optimizer.step(net, tape.backward(loss));
  };
  step();
  constexpr int steps = 5;
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < steps; ++i) step();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count() / steps;
}

double loss_of(const Record& record) { return record.loss; }
double test_loss_of(const Record& record) { return record.test_loss; }
double gap_of(const Record& record) { return record.test_loss - record.loss; }
double error_of(const Record& record) { return 100 * (1 - record.test_accuracy); }

// Of the logarithm, paired: b against a.
template <class T>
std::vector<double> log_ratios(const T& a, const T& b, double (*of)(const Record&)) {
  const std::vector<double> of_a = a.values(of), of_b = b.values(of);
  std::vector<double> ratios;
  for (std::size_t i = 0; i < of_a.size(); ++i) ratios.push_back(std::log(of_b[i] / of_a[i]));
  return ratios;
}

double percent(double log_ratio) { return 100 * std::expm1(log_ratio); }

Measurement percent(const Measurement& m) {
  return {percent(m.value), percent(m.low.value_or(m.value)), percent(m.high.value_or(m.value))};
}

const std::vector<std::string> timed = {"relu", "gelu", "gelu_tanh", "silu", "mish"};
const std::vector<std::string> sharp = {"softplus", "gelu", "silu", "swish(beta=4)", "swish(beta=16)", "relu"};
const std::vector<std::string> text_blocks = {"relu", "gelu", "silu", "reglu", "geglu", "swiglu"};

class Run {
 public:
  Run(const ExperimentSettings& settings, const GeluPlan& plan)
      : plan_(plan), settings_(settings), trials_(settings), rng_(Rng(settings.seed).split("gelu-vs-relu")) {}

  Report report();

 private:
  void load_problems();
  void train_images();
  void train_blocks();
  void measure_smoothness();
  void measure_times();
  const Problem& problem(const std::string& name) const;
  const Images& image(const std::string& activation, const std::string& init, double dropout = 0) const;
  const Blocks& block(const std::string& problem, const std::string& name, int blocks = 2) const;

  Claim perplexity();
  Claim kink();
  Claim regularizes();
  Claim beats_relu();
  Claim mish();
  Claim swiglu();
  Claim discontinuous();
  Claim without_images(const std::string& id, const std::string& statement, const std::string& source) const;
  void tables();
  std::string answer() const;

  const GeluPlan plan_;
  const ExperimentSettings& settings_;
  Trials trials_;
  const Rng rng_;
  std::vector<std::pair<std::string, Problem>> problems_;
  std::string image_set_, why_no_images_;
  double entropy_ = 0;
  std::vector<Images> images_;
  std::vector<Blocks> blocks_;
  std::vector<std::vector<Smoothness>> smoothness_;  // by activation of `sharp`, one a seed
  std::vector<Times> times_;                         // one a round
  Report report_;
};

// Validation samples are taken from the training part.
Problem problem_of(Split<float> split, double validation, const Rng& rng) {
  Split<float> parts = split_rows(split.train, validation, rng);
  return {std::move(parts.train), std::move(parts.test), std::move(split.test)};
}

void Run::load_problems() {
  for (const std::string name : {"mnist", "fashion_mnist"}) {
    try {
      DataOptions options{.name = name, .roots = settings_.data_roots};
      if (plan_.images > 0) options.samples = plan_.images;
      problems_.emplace_back("images",
                             problem_of(load_data<float>(options), plan_.validation, rng_.split("validation")));
      image_set_ = name;
      break;
    } catch (const FileError& error) {
      why_no_images_ += (why_no_images_.empty() ? "" : "; ") + std::string(error.what());
    }
  }
  const Language language = invent_language(plan_.characters * 3 / 2, rng_.split("language"));
  entropy_ = language.entropy;
  const auto part = [&](Index begin, Index count) {
    return next_characters(
        std::string_view(language.text).substr(static_cast<std::size_t>(begin), static_cast<std::size_t>(count)),
        context_characters);
  };
  const Index quarter = plan_.characters / 4;
  problems_.emplace_back("text", Problem{part(0, plan_.characters), part(plan_.characters, quarter),
                                         part(plan_.characters + quarter, quarter)});
  problems_.emplace_back(
      "teacher",
      problem_of(
          load_data<float>({.name = "teacher", .samples = plan_.teacher_samples, .noise = 0.0, .seed = settings_.seed}),
          plan_.validation, rng_.split("validation")));
}

const Problem& Run::problem(const std::string& name) const {
  return std::find_if(problems_.begin(), problems_.end(), [&](const auto& p) { return p.first == name; })->second;
}

void Run::train_images() {
  std::vector<ImageCell> cells;
  for (const std::string init : {"unit length", "matched"}) {
    for (const double dropout : {0.0, 0.5}) {
      for (const std::string f : {"relu", "gelu"}) cells.push_back({f, init, dropout, plan_.image_rates});
    }
  }
  for (const std::string f : {"silu", "mish"}) cells.push_back({f, "matched", 0, plan_.image_rates});
  const Problem& data = problem("images");
  images_ = tune_and_train(
      trials_, image_set_, cells, plan_.seeds, 0.45,
      [&](const ImageCell& cell, double rate, std::uint64_t seed) {
        FitOptions options;
        options.net = {.hidden = std::vector<Index>(static_cast<std::size_t>(plan_.depth), plan_.width),
                       .activations = {activation(cell.activation)},
                       .dropout = cell.dropout};
        const bool unit = cell.init == "unit length";
        options.initializer = initializer(unit ? "lecun" : cell.init);
        options.trainer.optimizer.learning_rate = rate;
        options.trainer.batch_size = batch_size;
        options.trainer.steps = plan_.image_steps;
        Record record;
        FitHooks<float> hooks;
        if (unit) {
          hooks.on_start = [](Sequential<float>& net) {
            net.visit(Path(), [](const Path&, Parameter<float>& p) {
              if (p.rank == 2) p.value.rowwise().normalize();
            });
          };
        }
        hooks.on_loss = into(record.curve, plan_.image_steps);
        static_cast<FitRecord&>(record) = fit(trials_, options, data.train, seed == 0 ? data.validation : data.test,
                                              rng_.split("images").split(seed), hooks);
        return record;
      },
      test_loss_of, [](const ImageCell& cell) { return name_of(cell); });
}

void Run::train_blocks() {
  std::vector<BlockCell> cells;
  for (const std::string f : {"relu", "gelu"}) cells.push_back({"text", f, 1});
  for (const std::string& f : text_blocks) cells.push_back({"text", f});
  for (const std::string name : {"teacher", "images"}) {
    if (name == "images" && image_set_.empty()) continue;
    for (const std::string f : {"relu", "swiglu"}) cells.push_back({name, f});
  }
  blocks_ = tune_and_train(
      trials_, text("blocks", image_set_.empty() ? "" : ", ", image_set_), cells, plan_.block_seeds, 0.4,
      [&](const BlockCell& cell, double rate, std::uint64_t seed) {
        const Problem& data = problem(cell.problem);
        const Rng rng = rng_.split("blocks").split(seed);
        Sequential<float> net =
            block_net(cell, data.train.features(), plan_.block_width, data.train.outputs(), rng.split("net"));
        Record record;
        static_cast<FitRecord&>(record) =
            fit_model<float>(trials_, net,
                             {.optimizer = {.name = "adam", .learning_rate = rate},
                              .schedule = "cosine",
                              .batch_size = batch_size,
                              .steps = plan_.block_steps},
                             data.train, seed == 0 ? data.validation : data.test, rng,
                             [&](Trainer<float>& trainer) { trainer.on_loss = into(record.curve, plan_.block_steps); });
        return record;
      },
      test_loss_of, [](const BlockCell& cell) { return name_of(cell); });
}

void Run::measure_smoothness() {
  const Dataset<float>& train = problem("text").train;
  std::vector<Index> rows;
  for (Index i = 0; i < std::min<Index>(512, train.size()); ++i) rows.push_back(i);
  const Dataset<float> probe = select_rows(train, rows);
  const std::vector<Smoothness> all =
      trials_.run("smoothness", static_cast<int>(sharp.size()) * plan_.block_seeds, 0.1, [&](int i) {
        const Rng rng = rng_.split("smoothness").split(static_cast<std::uint64_t>(i % plan_.block_seeds));
        FitOptions options{.net = {.hidden = {64, 64, 64, 64},
                                   .activations = {activation(sharp[static_cast<std::size_t>(i / plan_.block_seeds)])}},
                           .initializer = initializer("matched")};
        options.trainer.optimizer = {.name = "sgd", .learning_rate = 0.25};
        options.trainer.steps = plan_.stability_steps;
        Smoothness smoothness;
        FitHooks<float> hooks;
        hooks.on_start = [&](Sequential<float>& net) {
          gradient_of(net, probe, &smoothness.near_zero);
          smoothness.at_start = change_along_step(net, probe);
        };
        hooks.on_end = [&](Sequential<float>& net) { smoothness.trained = change_along_step(net, probe); };
        fit(trials_, options, train, {}, rng, hooks);
        hooks = {};
        for (double rate = 0.125; rate <= 64; rate *= 2) {
          options.trainer.optimizer.learning_rate = rate;
          const FitRecord record = fit(trials_, options, train, {}, rng, hooks);
          if (record.diverged || record.loss > record.loss_before) break;
          smoothness.largest_rate = rate;
        }
        return smoothness;
      });
  for (std::size_t f = 0; f < sharp.size(); ++f) {
    const auto first = all.begin() + static_cast<std::ptrdiff_t>(f) * plan_.block_seeds;
    smoothness_.emplace_back(first, first + plan_.block_seeds);
  }
}

void Run::measure_times() {
  times_ = trials_.run_alone("step times", plan_.timed_rounds, 0.05, [&](int) {
    Dataset<float> batch{.name = "noise"};
    batch.inputs.resize(batch_size, 784);
    Rng rng = rng_.split("noise");
    rng.fill_normal<float>({batch.inputs.data(), static_cast<std::size_t>(batch.inputs.size())});
    for (Index i = 0; i < batch_size; ++i) batch.labels.push_back(static_cast<std::int32_t>(i % 10));
    const std::vector<float> numbers(batch.inputs.data(), batch.inputs.data() + 8192);
    std::vector<std::vector<double>> steps(timed.size()), elements(timed.size());
    std::vector<Sequential<float>> nets;
    std::vector<Optimizer<float>> optimizers;
    for (const std::string& f : timed) {
      nets.push_back(mlp<float>({.inputs = 784,
                                 .hidden = std::vector<Index>(static_cast<std::size_t>(plan_.depth), plan_.width),
                                 .outputs = 10,
                                 .activations = {activation(f)}}));
      nets.back().initialize(initializer("matched"), rng_.split("timed"));
      optimizers.emplace_back(OptimizerOptions{.name = "adam"});
    }
    for (int repetition = 0; repetition < 15; ++repetition) {  // in turns: what disturbs one disturbs the others
      for (std::size_t f = 0; f < timed.size(); ++f) {
        steps[f].push_back(step_seconds(nets[f], optimizers[f], batch));
        elements[f].push_back(element_nanoseconds(activation(timed[f]), numbers));
      }
      trials_.check_stop();
    }
    Times times;
    for (const std::vector<double>& of_one : steps) times.step.push_back(quantile(of_one, 0.25));
    for (const std::vector<double>& of_one : elements) times.element.push_back(quantile(of_one, 0.25));
    return times;
  });
}

const Images& Run::image(const std::string& activation, const std::string& init, double dropout) const {
  return *std::find_if(images_.begin(), images_.end(), [&](const Images& t) {
    return t.cell.activation == activation && t.cell.init == init && t.cell.dropout == dropout;
  });
}

const Blocks& Run::block(const std::string& problem, const std::string& name, int blocks) const {
  return *std::find_if(blocks_.begin(), blocks_.end(), [&](const Blocks& t) {
    return t.cell.problem == problem && t.cell.block == name && t.cell.blocks == blocks;
  });
}

Claim not_tested(const char* id, const char* statement, const std::string& source, const char* why) {
  return {.id = id, .statement = statement, .source = source, .rule = why, .verdict = Verdict::not_tested};
}

Claim Run::without_images(const std::string& id, const std::string& statement, const std::string& source) const {
  return {.id = id,
          .statement = statement,
          .source = source,
          .rule = "It takes real images, and there are none: " + why_no_images_,
          .verdict = Verdict::not_tested};
}

Claim Run::perplexity() {
  constexpr double advantage = 0.5;  // percent
  std::vector<MeasuredCase> cases;
  for (const int blocks : {2, 1}) {
    const Blocks &relu = block("text", "relu", blocks), &gelu = block("text", "gelu", blocks);
    const Measurement m = paired_difference<BlockCell, Record>(gelu, relu, test_loss_of);  // of log-perplexity
    cases.push_back({text(blocks, blocks == 1 ? " block" : " blocks"),
                     {-percent(-m.value), -percent(-m.low.value_or(m.value)), -percent(-m.high.value_or(m.value))}});
  }
  const Ruling ruling = at_most_conditional(all_at_least(cases, advantage));
  return {
      .id = "G4",
      .statement =
          "Ablations consistently show 0.5-1.5 % better language modeling perplexity for GELU than for ReLU; "
          "for training quality, GELU is strictly better for Transformers.",
      .source = text(guide, ", problem 3"),
      .measured = cases.front().measured,
      .tolerance = advantage,
      .rule = text("The test perplexity of feed-forward blocks (residual, layer norm, no attention) that predict the "
                   "next character of an invented language, each at its best rate, paired seeds, is lower by at least ",
                   advantage,
                   " % with GELU: conditional if so with 1 and with 2 blocks (this is no Transformer, and "
                   "cannot confirm), refuted as a consistent effect if with neither. The number is that of 2 blocks, "
                   "in percent. Published, for Transformers: Shazeer 2020, table 1, log-perplexity after 524,288 steps "
                   "ReLU 1.677, GELU 1.679: no gain."),
      .verdict = ruling.verdict,
      .condition = ruling.condition};
}

Claim Run::kink() {
  const auto index = [](const char* name) {
    return static_cast<std::size_t>(std::find(sharp.begin(), sharp.end(), name) - sharp.begin());
  };
  const auto log_ratio = [&](const char* a, const char* b, double Smoothness::*of) {
    std::vector<double> ratios;
    for (std::size_t i = 0; i < smoothness_[0].size(); ++i)
      ratios.push_back(smoothness_[index(a)][i].*of / smoothness_[index(b)][i].*of);
    return geometric_mean_interval(ratios);
  };
  Table table{
      .name = "smoothness",
      .title = text("4 layers of 64 on text, matched init: how much the gradient changes along a step of a "
                    "thousandth of the weights' length, and the largest rate of SGD (1/8 to 64, doubling) at which "
                    "the loss still falls in ",
                    plan_.stability_steps, " steps; from smooth to sharp"),
      .columns = {"activation", "change at the start", "change after training", "pre-activations within 0.1 of 0",
                  "largest rate"}};
  for (std::size_t f = 0; f < sharp.size(); ++f) {
    const auto mean = [&](double Smoothness::*of) {
      std::vector<double> values;
      for (const Smoothness& s : smoothness_[f]) values.push_back(s.*of);
      return mean_interval(values);
    };
    table.rows.push_back({sharp[f], mean(&Smoothness::at_start), mean(&Smoothness::trained),
                          mean(&Smoothness::near_zero), mean(&Smoothness::largest_rate)});
  }
  report_.tables.push_back(std::move(table));
  const Measurement start = log_ratio("relu", "gelu", &Smoothness::at_start),
                    trained = log_ratio("relu", "gelu", &Smoothness::trained),
                    rate = log_ratio("gelu", "relu", &Smoothness::largest_rate);
  const Ruling ruling = all_at_least({{"change at the start, ReLU / GELU", start},
                                      {"change after training, ReLU / GELU", trained},
                                      {"largest rate, GELU / ReLU", rate}},
                                     1.1);
  return {.id = "G5",
          .statement =
              "ReLU's hard kink at 0 creates discontinuous gradients that can destabilize training; GELU's smooth "
              "transition gives more stable gradients.",
          .source = text(guide, ", part 5 and problem 3; ", interview),
          .measured = trained,
          .tolerance = 0.1,
          .rule =
              "Where GELU gives more stable training, ReLU's gradient changes at least 1.1 times as much along a step "
              "(at the start and after training), and GELU learns with rates at least 1.1 times as large: confirmed if "
              "all three, refuted if none. The number given is the ratio after training.",
          .verdict = ruling.verdict,
          .condition = ruling.condition,
          .surprise = below(rate, 1) == Verdict::confirmed
                          ? text("the smoother net takes the smaller steps: the largest rate of GELU is ",
                                 in_words(rate), " of ReLU's")
                          : ""};
}

Claim Run::regularizes() {
  const char* statement =
      "GELU performs implicit, input-dependent stochastic regularization, which is beneficial where nets "
      "are prone to overfitting.";
  const std::string source = text(guide, ", part 5 and problem 3");
  if (images_.empty()) return without_images("G6", statement, source);
  std::vector<MeasuredCase> cases;
  for (const std::string init : {"unit length", "matched"}) {
    const Images &relu = image("relu", init), &gelu = image("gelu", init);
    cases.push_back(
        {text("test minus training loss, ", init), paired_difference<ImageCell, Record>(gelu, relu, gap_of)});
    cases.push_back({text("test loss, ", init), paired_difference<ImageCell, Record>(gelu, relu, test_loss_of)});
  }
  const Ruling ruling = all_at_least(cases, 0);
  return {.id = "G6",
          .statement = statement,
          .source = source,
          .measured = cases.front().measured,
          .rule = text(
              "Without dropout on ", image_set_,
              ", ReLU's gap between test and training loss and its test loss are "
              "larger than GELU's (ReLU minus GELU, paired seeds, each at its best rate): confirmed if all four are "
              "above 0, refuted if none is. The number given is the first. GELU itself is deterministic: claim S14 "
              "tests the mask that is not."),
          .verdict = ruling.verdict,
          .condition = ruling.condition};
}

Claim Run::beats_relu() {
  const char* statement =
      "GELU is superior to ReLU: it has the lower training loss in the fully connected net of its paper "
      "(8 layers of 128 on MNIST), with and without dropout.";
  const std::string source = text(guide, ", part 5; ", interview, "; Hendrycks and Gimpel 2016");
  if (images_.empty()) return without_images("G7", statement, source);
  std::vector<MeasuredCase> cases;
  for (const std::string init : {"unit length", "matched"}) {
    for (const double dropout : {0.0, 0.5}) {
      const std::vector<double> ratios =
          log_ratios(image("relu", init, dropout), image("gelu", init, dropout), loss_of);
      cases.push_back(
          {text(init, dropout > 0 ? " with dropout, sign test p " : ", sign test p ", in_words(sign_test(ratios), 2)),
           percent(mean_interval(ratios))});
    }
  }
  const Ruling ruling = all_below(cases, 0);
  std::string worse;
  for (const MeasuredCase& c : cases) {
    if (at_least(c.measured, 0) == Verdict::confirmed)
      worse += text(worse.empty() ? "" : "; ", in_words(c.measured), " with ", c.name);
  }
  return {.id = "G7",
          .statement = statement,
          .source = source,
          .measured = cases.front().measured,
          .rule = text(
              "GELU's loss on the training images of ", image_set_, " after ", plan_.image_steps,
              " steps, relative to ReLU's in percent (geometric mean, paired seeds, rates by validation), is below 0 "
              "with its whole interval: confirmed if so with incoming weights of length 1, the paper's, and with each "
              "activation's own matched ones, with dropout 0.5 and without; refuted if in none. The number given is "
              "that of the paper's weights without dropout."),
          .verdict = ruling.verdict,
          .condition = ruling.condition,
          .surprise = worse.empty() ? "" : text("GELU's training loss relative to ReLU's, in percent: ", worse)};
}

Claim Run::mish() {
  const char* statement = "Mish is slightly better than SiLU on some vision benchmarks, but with higher compute cost.";
  const std::string source = text(guide, ", part 5");
  std::vector<double> ratios;
  for (const Times& t : times_) ratios.push_back(t.element[4] / t.element[3]);
  const Measurement cost = mean_interval(ratios);
  if (images_.empty()) {
    Claim claim = without_images("G8", statement, source);
    claim.timing = true;
    return claim;
  }
  const std::vector<double> losses = log_ratios(image("silu", "matched"), image("mish", "matched"), test_loss_of);
  const Measurement loss = mean_interval(losses);
  return {.id = "G8",
          .statement = statement,
          .source = source,
          .measured = percent(loss),
          .rule = text(
              "Mish's test loss on ", image_set_,
              " relative to SiLU's, in percent (matched init, paired seeds, the "
              "number given; sign test p ",
              in_words(sign_test(losses), 2),
              "), lies below 0, and its value and derivative take longer: confirmed if both, refuted if either fails; "
              "times closer than 15 % decide nothing. "
              "This is one benchmark of those that \"some\" may mean, and a short training."),
          .verdict = better_but_costlier(loss, cost),
          .condition = text("test loss ", in_words(percent(loss), 2), " %; value and derivative take ", in_words(cost),
                            " times as long as SiLU's"),
          .timing = true};
}

Claim Run::swiglu() {
  std::vector<MeasuredCase> cases;
  for (const std::string name : {"text", "teacher", "images"}) {
    if (name == "images" && image_set_.empty()) continue;
    cases.push_back(
        {name, percent(mean_interval(log_ratios(block(name, "relu"), block(name, "swiglu"), test_loss_of)))});
  }
  const Ruling ruling = all_below(cases, 0);
  return {.id = "G9",
          .statement =
              "The gated feed-forward block (SwiGLU) outperforms the original Transformer's feed-forward block with "
              "ReLU.",
          .source = text(guide, ", part 7"),
          .measured = cases.front().measured,
          .rule = text(
              "The test loss of nets of two residual blocks with SwiGLU, at equal parameters (hidden width times two "
              "thirds), relative to those with ReLU in percent, is below 0 with its whole interval (paired seeds, "
              "rates by validation): confirmed if so on every problem (an invented text, a teacher net",
              image_set_.empty() ? "" : ", ", image_set_, "), refuted if on none. The number is that of the text.",
              image_set_.empty() ? " Without images: " + why_no_images_ : ""),
          .verdict = ruling.verdict,
          .condition = ruling.condition};
}

Claim Run::discontinuous() {
  constexpr double beside = 1e-12;
  const auto jump = [&](const char* f) { return activation(f).derivative(beside) - activation(f).derivative(-beside); };
  const Measurement relu{jump("relu")}, gelu{jump("gelu")};
  return {
      .id = "G10",
      .statement = "ReLU has a discontinuous gradient at 0: the derivative jumps from 0 to 1. GELU's is continuous.",
      .source = text(guide, ", part 5 and problem 3"),
      .predicted = 1,
      .measured = relu,
      .tolerance = 1e-12,
      .rule =
          text("Between -1e-12 and 1e-12 the derivative of ReLU (the number given) rises by 1, that of GELU by less "
               "than 1e-9 (",
               in_words(gelu.value, 2), "): confirmed if both."),
      .verdict = jumps_and_does_not(relu, gelu)};
}

void add_curve(std::vector<Series>& all, const std::string& chart, const std::string& name,
               const std::vector<Record>& records, std::int64_t steps) {
  Series line{.chart = chart, .name = name, .x_label = "step", .y_label = "training loss", .log_y = true};
  for (std::size_t p = 0; p < curve_points; ++p) {
    std::vector<double> at_point;
    for (const Record& record : records) at_point.push_back(std::max(record.curve[p], 1e-12));
    const Measurement m = geometric_mean_interval(at_point);
    line.x.push_back((static_cast<double>(p) + 0.5) * static_cast<double>(steps) / curve_points);
    line.y.push_back(m.value);
    line.low.push_back(m.low.value_or(m.value));
    line.high.push_back(m.high.value_or(m.value));
  }
  all.push_back(std::move(line));
}

void Run::tables() {
  const auto median = [](const std::vector<double>& values) { return quantile(values, 0.5); };
  Table images{.name = "images",
               .title = text(plan_.depth, " layers of ", plan_.width, " on ", image_set_, ", ", plan_.image_steps,
                             " steps of Adam, ", plan_.seeds, " seeds; rates by validation"),
               .columns = {"activation", "weights", "dropout", "rate", "median training loss", "training loss",
                           "test loss", "test - training", "test error, %"}};
  for (const Images& t : images_) {
    images.rows.push_back({t.cell.activation, t.cell.init, t.cell.dropout, t.rate, median(t.values(loss_of)),
                           t.mean(loss_of), t.mean(test_loss_of), t.mean(gap_of), t.mean(error_of)});
    add_curve(report_.series, text(image_set_, ", weights ", t.cell.init, t.cell.dropout > 0 ? ", dropout 0.5" : ""),
              t.cell.activation, t.records, plan_.image_steps);
  }
  Table pairs{.name = "gelu_minus_relu",
              .title = text("GELU against ReLU on ", image_set_,
                            ", paired by seed: losses relative to ReLU's in percent, error as a "
                            "difference in percentage points; p of the sign test on the test loss"),
              .columns = {"weights", "dropout", "training loss, %", "test loss, %", "test error", "p"}};
  Table signal{.name = "signal_at_start",
               .title = text("Mean square pre-activation of layer ", plan_.depth,
                             " at the start, in theory: why weights of length 1 "
                             "do not compare activations alone"),
               .columns = {"activation", "length 1", "matched"}};
  if (!images_.empty()) {
    for (const std::string init : {"unit length", "matched"}) {
      for (const double dropout : {0.0, 0.5}) {
        const Images &relu = image("relu", init, dropout), &gelu = image("gelu", init, dropout);
        const std::vector<double> test = log_ratios(relu, gelu, test_loss_of);
        pairs.rows.push_back({init, dropout, percent(mean_interval(log_ratios(relu, gelu, loss_of))),
                              percent(mean_interval(test)), paired_difference<ImageCell, Record>(relu, gelu, error_of),
                              sign_test(test)});
      }
    }
    report_.tables.push_back(std::move(images));
    report_.tables.push_back(std::move(pairs));
  }
  for (const std::string f : {"relu", "gelu", "silu", "mish"}) {
    const auto q = [&](const char* init) {
      return predict({.activation = activation(f),
                      .initializer = initializer(init),
                      .depth = plan_.depth,
                      .width = plan_.width})
          .layers.back()
          .q.value;
    };
    signal.rows.push_back({f, q("lecun"), q("matched")});  // lecun: of length 1 in the mean
  }
  report_.tables.push_back(std::move(signal));

  Table blocks{.name = "blocks",
               .title = text("Residual feed-forward blocks of width ", plan_.block_width, ", parameter-matched, ",
                             plan_.block_steps, " steps of Adam, ", plan_.block_seeds,
                             " seeds; test loss relative to the same net with ReLU (paired)"),
               .columns = {"problem", "block", "blocks", "rate", "training loss", "test loss", "against relu, %", "p"}};
  for (const Blocks& t : blocks_) {
    const std::vector<double> ratios = log_ratios(block(t.cell.problem, "relu", t.cell.blocks), t, test_loss_of);
    blocks.rows.push_back({t.cell.problem, t.cell.block, static_cast<double>(t.cell.blocks), t.rate, t.mean(loss_of),
                           t.mean(test_loss_of), percent(mean_interval(ratios)), sign_test(ratios)});
    if (t.cell.blocks == 2)
      add_curve(report_.series, text("Feed-forward blocks on ", t.cell.problem), t.cell.block, t.records,
                plan_.block_steps);
  }
  report_.tables.push_back(std::move(blocks));

  Table times{.name = "step_times",
              .title = text("Training step of ", plan_.depth, " layers of ", plan_.width, ", batch ", batch_size,
                            ", one thread, and the activation alone on 8192 numbers (run alone, in turns)"),
              .columns = {"activation", "step, ms", "step over relu's", "value and derivative, ns a number"}};
  for (std::size_t f = 0; f < timed.size(); ++f) {
    std::vector<double> milliseconds, ratios, nanoseconds;
    for (const Times& t : times_) {
      milliseconds.push_back(1000 * t.step[f]);
      ratios.push_back(t.step[f] / t.step[0]);
      nanoseconds.push_back(t.element[f]);
    }
    times.rows.push_back({timed[f], mean_interval(milliseconds), mean_interval(ratios), mean_interval(nanoseconds)});
  }
  report_.tables.push_back(std::move(times));
}

std::string Run::answer() const {
  const auto against = [](const std::vector<double>& ratios) {
    const Measurement m = percent(mean_interval(ratios));
    return text(in_words(m, 2), " %");
  };
  std::string words = "GELU's test loss relative to ReLU's, at each one's best rate and matched weights: ";
  if (!images_.empty())
    words += text(image_set_, " ",
                  against(log_ratios(image("relu", "matched"), image("gelu", "matched"), test_loss_of)), ", ");
  return words + text("text ", against(log_ratios(block("text", "relu"), block("text", "gelu"), test_loss_of)),
                      "; SwiGLU's on text ",
                      against(log_ratios(block("text", "relu"), block("text", "swiglu"), test_loss_of)),
                      " (95 % intervals over paired seeds; where one holds 0, no difference was found).");
}

// Who used what, and when: nothing to measure. What the guides say, and what the published record says of it.
struct History {
  const char *statement, *record;
};

constexpr History history[] = {
    {"Sigmoid: McCulloch and Pitts 1943",
     "contradicted: their neuron is a threshold; the logistic unit is that of "
     "Rumelhart, Hinton and Williams 1986"},
    {"Tanh: Rumelhart et al. 1986",
     "contradicted: that paper uses the logistic function; tanh was advised by LeCun et al. 1998, \"Efficient "
     "BackProp\""},
    {"ReLU: Nair and Hinton 2010", "agrees for RBMs; rectifiers before it: Fukushima 1969, Jarrett et al. 2009"},
    {"ReLU and GPU training won ImageNet in 2012", "agrees: Krizhevsky, Sutskever and Hinton 2012"},
    {"Leaky ReLU (2013) fixed dying ReLU",
     "the year agrees; Maas, Hannun and Ng 2013 found its results nearly identical to ReLU's"},
    {"PReLU, He initialization: He et al. 2015; ELU: Clevert et al. 2015", "agrees (arXiv 1502.01852, 1511.07289)"},
    {"Xavier initialization: Glorot and Bengio 2010", "agrees"},
    {"GELU: Hendrycks and Gimpel 2016", "agrees (arXiv 1606.08415), where SiLU is named too"},
    {"Swish was found by search in 2017; SiLU was proposed earlier by Elfwing et al. 2018",
     "agrees: Ramachandran, Zoph and Le 2017 (arXiv "
     "1710.05941); Elfwing, Uchibe and Doya appeared in February 2017 (arXiv 1702.03118) and in print in 2018"},
    {"SELU: Klambauer et al. 2017; Mish: Misra 2019; SwiGLU: Shazeer 2020",
     "agrees (arXiv 1706.02515, 1908.08681, 2002.05202)"},
    {"ResNet and VGG use ReLU", "agrees: He et al. 2016, Simonyan and Zisserman 2015"},
    {"EfficientNet uses SiLU, YOLOv4 Mish", "agrees: Tan and Le 2019, Bochkovskiy, Wang and Liao 2020"},
    {"ConvNeXt uses GELU", "agrees: Liu et al. 2022"},
    {"LLaMA, Mistral and PaLM use SwiGLU", "agrees: Touvron et al. 2023, Jiang et al. 2023, Chowdhery et al. 2022"},
    {"Diffusion models' U-Nets use SiLU", "agrees: Ho, Jain and Abbeel 2020"},
};

Report Run::report() {
  load_problems();
  if (!image_set_.empty()) train_images();
  train_blocks();
  measure_smoothness();
  measure_times();
  std::vector<Claim>& claims = report_.claims;
  claims.push_back(
      not_tested("G1", "GELU is used in LLaMA.", text(guide, ", part 5"),
                 "A statement of usage. Contradicted by the same guide two tables later and by Touvron et al. "
                 "2023: LLaMA's feed-forward blocks are SwiGLU, whose gate is SiLU."));
  claims.push_back(
      not_tested("G2", "Every major Transformer (BERT, GPT-2, GPT-3, ViT, T5) uses GELU.", text(guide, ", problem 3"),
                 "A statement of usage. Contradicted for T5: version 1.0 has ReLU (Raffel et al. 2020), 1.1 GEGLU; "
                 "the original Transformer (Vaswani et al. 2017) and OPT (Zhang et al. 2022) have ReLU."));
  claims.push_back(
      not_tested("G3", "BERT, GPT-2, GPT-3 and ViT use GELU.", text(guide, ", part 5"),
                 "A statement of usage. Confirmed by Devlin et al. 2018, the published code of GPT-2 (whose "
                 "architecture GPT-3 takes over, Brown et al. 2020) and Dosovitskiy et al. 2020."));
  claims.push_back(perplexity());
  claims.push_back(kink());
  claims.push_back(regularizes());
  claims.push_back(beats_relu());
  claims.push_back(mish());
  claims.push_back(swiglu());
  claims.push_back(discontinuous());
  claims.push_back(
      not_tested("G11", "Attention gates, and the gates of LSTM and GRU, use sigmoid; their states use tanh.",
                 text(guide, ", parts 2 and 7"),
                 "A statement of usage. Confirmed by Hochreiter and Schmidhuber 1997 and Cho et al. 2014."));
  tables();
  report_.answer = answer();
  std::vector<std::string>& notes = report_.notes;
  if (image_set_ == "fashion_mnist")
    notes.push_back("Fashion-MNIST in place of MNIST, which is not there: " + why_no_images_);
  if (image_set_.empty()) notes.push_back("No real images: " + why_no_images_);
  notes.push_back(
      text("Text: a language of 50 words that follow each other by rank; ", plan_.characters,
           " characters to train on, a context of ", context_characters, ". Its entropy is ", in_words(entropy_),
           " nats a character, a perplexity of ", in_words(std::exp(entropy_)),
           ". It can tell whether two blocks learn spelling and succession equally well; what natural language "
           "and attention ask of them it cannot."));
  std::string rates;
  for (const double rate : plan_.image_rates) rates += text(rates.empty() ? "" : ", ", in_words(rate));
  notes.push_back(text("Images after Hendrycks and Gimpel 2016: batches of 128, Adam, rates from ", rates,
                       " by validation (theirs: 0.001, 0.0001, 0.00001), ", plan_.image_steps,
                       " steps (theirs: 50 epochs)."));
  notes.push_back(
      "All choices of rates use seed 0 and validation samples, all results other seeds and test samples; the "
      "intervals are over weights and order of the data, not over data sets.");
  for (const History& h : history) notes.push_back(text("History, not tested. ", h.statement, ": ", h.record, "."));
  return std::move(report_);
}

}  // namespace

GeluPlan gelu_plan(const ExperimentSettings& settings) {
  GeluPlan plan;
  if (settings.profile == Profile::full) {
    plan.seeds = 10;
    plan.block_seeds = 20;
    plan.images = 0;
    plan.image_rates = {1e-3, 1e-4, 1e-5};
    plan.validation = 1.0 / 12;   // 5,000 of 60,000
    plan.image_steps = 15 * 430;  // fifteen epochs; the paper's fifty would take hours
    plan.characters = 60000;
    plan.block_steps = 3000;
    plan.stability_steps = 300;
  }
  if (settings.seeds > 0) plan.seeds = plan.block_seeds = settings.seeds;
  return plan;
}

Report gelu_vs_relu(const ExperimentSettings& settings, const GeluPlan& plan) { return Run(settings, plan).report(); }

Report gelu_vs_relu(const ExperimentSettings& settings) { return gelu_vs_relu(settings, gelu_plan(settings)); }

}  // namespace evengrad
