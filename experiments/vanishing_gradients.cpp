#include <evengrad/experiments/vanishing_gradients.hpp>

#include <evengrad/activations/registry.hpp>
#include <evengrad/core/error.hpp>
#include <evengrad/data/registry.hpp>
#include <evengrad/experiments/gradients.hpp>
#include <evengrad/experiments/statistics.hpp>
#include <evengrad/experiments/trials.hpp>

#include <algorithm>
#include <cmath>

namespace evengrad {

namespace vanishing {

Ruling gates_and_whole(bool gates_are_one, const Measurement& whole) {
  if (!gates_are_one) return {Verdict::refuted, "an active unit's derivative is not 1"};
  const std::string numbers = "the gates of active units are exactly 1, the whole net's factor is " + in_words(whole);
  const Verdict inside = both(at_least(whole, 0.5), below(whole, 2));
  if (inside == Verdict::refuted) return {Verdict::conditional, numbers};
  return {inside, numbers};
}

Ruling only_the_family(const Measurement& ratio, const Measurement& relative_loss) {
  const std::string numbers =
      text("gradient ratio ", in_words(ratio), ", loss after training ", in_words(relative_loss), " of ln(classes)");
  const Verdict flows = at_least(ratio, vanished), learns = below(relative_loss, learned);
  if (flows == Verdict::confirmed && learns == Verdict::confirmed) return {Verdict::refuted, numbers};
  if (flows == Verdict::refuted) return {Verdict::confirmed, numbers};
  if (flows == Verdict::confirmed && learns == Verdict::refuted)
    return {Verdict::conditional, "gradients flow, but training does not follow: " + numbers};
  return {Verdict::undecided, numbers};
}

Ruling one_sign(const Measurement& sample, const Measurement& batch, const Measurement& trained) {
  const Ruling all = all_at_least(
      {{"one sample", sample}, {"a batch of 128 at the start", batch}, {"a batch of 64 after training", trained}}, 1);
  const Verdict exact = at_least(sample, 1);
  return {exact == Verdict::confirmed ? all.verdict : exact, all.condition};
}

Verdict init_decides(const Measurement& wrong_loss, const Measurement& right_loss) {
  return both(at_least(wrong_loss, stalled), below(right_loss, learned));
}

}  // namespace vanishing

namespace {

using namespace vanishing;

constexpr const char* guide = "Activation functions guide";
constexpr const char* interview = "AI/ML interview guide: activation functions";
constexpr Index profile_inputs = 16;
constexpr int nets_per_seed_in_wide_spread = 10;  // V7: the logarithm's variance is as large as its mean

struct Net {
  std::string activation, initializer;
  Index depth = 0;
  friend bool operator==(const Net&, const Net&) = default;
};

std::string to_string(const Net& net) { return text(net.activation, " ", net.initializer, " ", net.depth); }

NetOptions options_of(const Net& net, Index width, Index inputs = 1) {
  NetOptions options{.activation = activation(net.activation), .initializer = initializer(net.initializer)};
  options.depth = net.depth;
  options.width = width;
  options.inputs = inputs;
  return options;
}

// Gradients at the start: geometric means over nets.
struct Start {
  Net net;
  std::vector<Measurement> rms;  // by layer
  Measurement ratio;             // layer 1 over the last
  NetTheory theory;
  double predicted_ratio() const { return theory.gradient_ratio.value; }
};

// One way to train a net, its rate chosen with one seed among several, its results with others.
struct Cell {
  Net net;
  OptimizerOptions optimizer;
  std::int64_t steps = 0;
  bool centred_sigmoid = false;
  std::vector<double> rates = {};
};

using Trained = Tuned<Cell, TrainRecord>;

// V7: one net's squared gradient.
struct Factor {
  double logarithm = 0;
  bool gates_are_one = false;

  template <class Fields>
  void fields(Fields& f) {
    f("logarithm", logarithm);
    f("gates_are_one", gates_are_one);
  }
};

// V13: the rms gradient of flat units over that of the others.
struct Shares {
  double measured = 0, expected = 0;

  template <class Fields>
  void fields(Fields& f) {
    f("measured", measured);
    f("expected", expected);
  }
};

class Run {
 public:
  Run(const ExperimentSettings& settings, const VanishingPlan& plan)
      : plan_(plan),
        trials_(settings),
        rng_(Rng(settings.seed).split("vanishing-gradients")),
        data_(load_data<double>(
            {.name = "moons", .samples = 512, .noise = 0.1, .test_fraction = 0.0, .seed = settings.seed})),
        data32_(convert<float>(data_.train)),
        chance_(std::log(static_cast<double>(data_.train.classes))) {}

  Report report();

 private:
  // Measurements.
  void measure_starts();
  void measure_training();
  const Start& start(const std::string& activation, const std::string& initializer, Index depth) const;
  const Trained& trained(const Net& net, const std::string& optimizer) const;
  std::vector<Trained> train(const std::string& what, const std::vector<Cell>& cells, double share);
  Measurement relative_loss(const Trained& t) const {
    return t.mean([&](const TrainRecord& record) { return record.loss / chance_; });
  }
  Cell cell(const Net& net, const std::string& optimizer) const;

  // Claims, in the order of the list.
  Claim at_most_a_quarter(const std::string& id, Index depth, const std::string& statement, const std::string& source);
  Claim first_layers_do_not_learn();
  Claim deep_stacks_train_glacially();
  Claim tanh_vanishes_less();
  Claim shallow_sigmoid();
  Claim relu_gates();
  Claim relu_solves();
  Claim only_relu();
  Claim gradients_of_one_sign();
  Claim tanh_always_preferred();
  Claim check_the_init();
  Claim saturation_kills();

  void tables_and_series();
  std::string answer() const;
  void surprises();

  const VanishingPlan plan_;
  Trials trials_;
  const Rng rng_;
  const Split<double> data_;
  const Dataset<float> data32_;
  const double chance_;  // ln(classes): the loss of an answer that knows nothing
  std::vector<Start> starts_;
  std::vector<Trained> trained_;
  Report report_;
};

const std::vector<std::string> grid_activations = {"sigmoid", "tanh", "relu", "gelu"};
const std::vector<std::string> grid_initializers = {"xavier", "he"};
const std::vector<std::string> sigmoid_scales = {"xavier", "he", "xavier(gain=4)"};
const std::vector<std::string> tanh_scales = {"xavier(gain=0.8)", "xavier", "xavier(gain=1.6667)"};
const std::vector<std::string> relu_scales = {"he", "xavier", "pytorch"};
const std::vector<Index> shallow = {2, 3, 4, 5, 6};

void Run::measure_starts() {
  std::vector<Net> nets;
  const auto add = [&](const Net& net) {
    if (std::find(nets.begin(), nets.end(), net) == nets.end()) nets.push_back(net);
  };
  for (const std::string& f : grid_activations) {
    for (const std::string& init : grid_initializers) {
      for (const Index depth : plan_.depths) add({f, init, depth});
    }
  }
  for (const std::string& init : sigmoid_scales) {
    add({"sigmoid", init, 11});
    add({"sigmoid", init, 20});
  }
  for (const std::string& init : grid_initializers) {
    for (const Index depth : shallow) add({"sigmoid", init, depth});
  }
  for (const std::string& init : tanh_scales) {
    for (const Index depth : {plan_.depths.back(), plan_.deepest}) add({"tanh", init, depth});
  }
  for (const std::string& init : relu_scales) add({"relu", init, plan_.depths.back()});
  add({"sigmoid", "xavier", plan_.deepest});
  add({"tanh", "orthogonal", plan_.deepest});

  const std::vector<GradientProfile> profiles =
      trials_.run("gradients at the start", static_cast<int>(nets.size()) * plan_.nets, 0.1, [&](int i) {
        const Net& net = nets[static_cast<std::size_t>(i / plan_.nets)];
        return gradient_profile(options_of(net, plan_.width, profile_inputs),
                                rng_.split(to_string(net)).split(static_cast<std::uint64_t>(i % plan_.nets)));
      });
  const std::vector<NetTheory> theories = trials_.run("theory", static_cast<int>(nets.size()), 0.05, [&](int i) {
    const Net& net = nets[static_cast<std::size_t>(i)];
    NetOptions options = options_of(net, plan_.width, profile_inputs);
    options.nets = plan_.nets;
    NetTheory theory = predict(options);
    add_bands(theory, options, rng_.split("bands").split(to_string(net)));
    return theory;
  });
  for (std::size_t n = 0; n < nets.size(); ++n) {
    const std::size_t first = n * static_cast<std::size_t>(plan_.nets),
                      last = first + static_cast<std::size_t>(plan_.nets);
    Start start{.net = nets[n], .rms = {}, .ratio = {}, .theory = {}};
    std::vector<double> samples;
    for (std::size_t layer = 0; layer < static_cast<std::size_t>(nets[n].depth); ++layer) {
      samples.clear();
      for (std::size_t i = first; i < last; ++i) samples.push_back(profiles[i].rms[layer]);
      start.rms.push_back(geometric_mean_interval(samples));
    }
    samples.clear();
    for (std::size_t i = first; i < last; ++i) samples.push_back(profiles[i].ratio());
    start.ratio = geometric_mean_interval(samples);
    start.theory = theories[n];
    starts_.push_back(std::move(start));
  }
}

const Start& Run::start(const std::string& activation, const std::string& initializer, Index depth) const {
  const Net net{activation, initializer, depth};
  return *std::find_if(starts_.begin(), starts_.end(), [&](const Start& s) { return s.net == net; });
}

Cell Run::cell(const Net& net, const std::string& optimizer) const {
  Cell cell{.net = net, .optimizer = {.name = optimizer}, .steps = plan_.steps};
  cell.rates = optimizer == "adam" ? std::vector<double>{1e-3, 1e-2} : std::vector<double>{0.01, 0.1, 1};
  return cell;
}

std::vector<Trained> Run::train(const std::string& what, const std::vector<Cell>& cells, double share) {
  const auto one = [&](const Cell& cell, double rate, std::uint64_t seed) {
    TrainOptions options{.net = options_of(cell.net, plan_.trained_width), .centred_sigmoid = cell.centred_sigmoid};
    options.optimizer = cell.optimizer;
    options.optimizer.learning_rate = rate;
    options.steps = cell.steps;
    // Paired: weights and batches of a seed are the same for every activation, optimizer and rate.
    return train_stack(trials_, options, data32_, rng_.split("training").split(seed));
  };
  return tune_and_train(
      trials_, what, cells, plan_.trained, share, one, [](const TrainRecord& record) { return record.loss; },
      [](const Cell& cell) { return text(to_string(cell.net), " ", cell.optimizer.name); });
}

void Run::measure_training() {
  std::vector<Cell> cells;
  for (const std::string optimizer : {"sgd", "adam"}) {
    for (const Index depth : plan_.trained_depths) {
      for (const std::string& f : grid_activations) {
        for (const std::string& init : grid_initializers) cells.push_back(cell({f, init, depth}, optimizer));
      }
    }
    for (const std::string f : {"relu", "sigmoid"}) {
      for (const std::string& init : grid_initializers)
        cells.push_back(cell({f, init, plan_.stalled_depth}, optimizer));
    }
  }
  cells.push_back(cell({"tanh", "orthogonal", plan_.deepest}, "sgd"));
  cells.back().steps = 2 * plan_.steps;
  trained_ = train("training", cells, 0.6);
}

const Trained& Run::trained(const Net& net, const std::string& optimizer) const {
  return *std::find_if(trained_.begin(), trained_.end(),
                       [&](const Trained& t) { return t.cell.net == net && t.cell.optimizer.name == optimizer; });
}

std::string layers(Index count) { return text(count, " layers"); }

// V1 and V2: the best case of the derivative as a bound of the whole gradient.
Claim Run::at_most_a_quarter(const std::string& id, Index depth, const std::string& statement,
                             const std::string& source) {
  const double bound = std::pow(activation("sigmoid").derivative(0), static_cast<double>(depth - 1));
  std::vector<MeasuredCase> cases;
  for (const std::string& init : sigmoid_scales) cases.push_back({init, start("sigmoid", init, depth).ratio});
  const Ruling ruling = all_below(cases, bound);
  const Start& xavier = start("sigmoid", "xavier", depth);
  return {.id = id,
          .statement = statement,
          .source = source,
          .predicted = xavier.predicted_ratio(),
          .measured = xavier.ratio,
          .tolerance = 0.1,
          .rule = text("The measured gradient ratio of layer 1 to layer ", depth, " (", depth - 1,
                       " sigmoids) lies below 0.25^", depth - 1, " = ", in_words(bound, 4),
                       " with its whole interval: confirmed if so for weights drawn by xavier, he and 4 times xavier, "
                       "refuted if for none. The numbers given are xavier's."),
          .verdict = ruling.verdict,
          .condition = ruling.condition};
}

Claim Run::first_layers_do_not_learn() {
  struct Way {
    const char* name;
    const char* optimizer;
    std::optional<double> eps;
    std::vector<double> rates;
  };
  const std::vector<Way> ways = {{"sgd", "sgd", {}, {0.01, 0.1, 1}},
                                 {"adam, eps 1e-8", "adam", 1e-8, {1e-3}},
                                 {"adam, eps 1e-16", "adam", 1e-16, {1e-3}}};
  const Net net{"sigmoid", "xavier", 20};
  std::vector<Cell> cells;
  for (const Way& way : ways) {
    Cell& cell = cells.emplace_back();
    cell.net = net;
    cell.optimizer.name = way.optimizer;
    cell.optimizer.eps = way.eps;
    cell.steps = plan_.long_steps;
    cell.rates = way.rates;
  }
  const std::vector<Trained> all = train("first layers", cells, 0.1);
  Table table{
      .name = "first_layers",
      .title = text("How far the weights of a sigmoid net with 20 hidden layers (xavier) move in ", plan_.long_steps,
                    " steps, relative to their start"),
      .columns = {"optimizer", "rate", "layer 1", "layer 10", "layer 20", "most of layers 1-10", "loss / ln 2"}};
  constexpr double still = 0.01;
  std::vector<MeasuredCase> cases;
  for (std::size_t i = 0; i < ways.size(); ++i) {
    const auto moved = [&](std::size_t layer) {
      return all[i].mean([layer](const TrainRecord& record) { return record.moved[layer - 1]; });
    };
    const Measurement most = all[i].mean(
        [](const TrainRecord& record) { return *std::max_element(record.moved.begin(), record.moved.begin() + 10); });
    cases.push_back({ways[i].name, most});
    table.rows.push_back(
        {ways[i].name, all[i].rate, moved(1).value, moved(10).value, moved(20).value, most, relative_loss(all[i])});
  }
  report_.tables.push_back(std::move(table));
  const Ruling ruling = all_below(cases, still);
  return {.id = "V3",
          .statement =
              "For practical purposes, the first 10+ layers receive zero useful gradient signal - they do not learn.",
          .source = text(guide, ", problem 1"),
          .measured = cases.front().measured,
          .tolerance = still,
          .rule =
              "The largest relative movement of the weights of layers 1 to 10 stays below 0.01: confirmed if so for "
              "SGD (rate tuned), Adam with eps 1e-8 and Adam with eps 1e-16, refuted if for none. The numbers given "
              "are SGD's.",
          .verdict = ruling.verdict,
          .condition = ruling.condition};
}

Claim Run::deep_stacks_train_glacially() {
  std::vector<MeasuredCase> cases;
  for (const std::string f : {"sigmoid", "tanh"}) {
    for (const Index depth : plan_.trained_depths) {
      if (depth < 10) continue;
      for (const std::string optimizer : {"sgd", "adam"}) {
        const Net net{f, "xavier", depth};
        cases.push_back({text(f, ", ", layers(depth), ", ", optimizer), relative_loss(trained(net, optimizer))});
      }
    }
  }
  const Ruling ruling = all_at_least(cases, stalled);
  return {
      .id = "V4",
      .statement =
          "Sigmoid and tanh saturate at both ends (f' <= 0.25 for sigmoid), so deep stacks of them train glacially.",
      .source = interview,
      .measured = cases.front().measured,
      .tolerance = stalled,
      .rule = text("After ", plan_.steps, " steps at the best of several rates the loss is still at least ", stalled,
                   " of ln 2, that of a guess: confirmed if so for sigmoid and tanh (xavier), with 10 layers or more, "
                   "SGD and Adam; refuted if for none. The numbers given are those of the first case."),
      .verdict = ruling.verdict,
      .condition = ruling.condition};
}

Claim Run::tanh_vanishes_less() {
  std::vector<Case> cases;
  const Start& sigmoid = start("sigmoid", "xavier", plan_.deepest);
  for (const std::string& init : tanh_scales) {
    const Start& tanh = start("tanh", init, plan_.deepest);
    const Verdict less = below(sigmoid.ratio, tanh.ratio.low.value_or(tanh.ratio.value));
    cases.push_back({init, both(below(tanh.ratio, vanished), less), in_words(tanh.ratio.value)});
  }
  const Ruling ruling = in_all(cases);
  const Start& xavier = start("tanh", "xavier", plan_.deepest);
  const Start& half = start("tanh", "xavier", plan_.depths.back());
  // Where the ratio is a power of the depth.
  const double octaves = std::log(static_cast<double>(plan_.deepest) / static_cast<double>(plan_.depths.back()));
  const double power = std::log(xavier.ratio.value / half.ratio.value) / octaves;
  const double predicted_power = std::log(xavier.predicted_ratio() / half.predicted_ratio()) / octaves;
  return {
      .id = "V5",
      .statement = "Tanh still suffers from vanishing gradients, just less severely than sigmoid.",
      .source = text(guide, ", part 2"),
      .predicted = xavier.predicted_ratio(),
      .measured = xavier.ratio,
      .tolerance = vanished,
      .rule = text("Of the gradient at layer ", plan_.deepest, " less than ", vanished,
                   " reaches layer 1, and more than in a sigmoid net: confirmed if so for xavier times 0.8, 1 and 5/3, "
                   "refuted if for none. The numbers given are xavier's."),
      .verdict = ruling.verdict,
      .condition = text(ruling.condition, "; with xavier it falls as depth^", in_words(power, 2), " (predicted ",
                        in_words(predicted_power, 2), "), not exponentially")};
}

Claim Run::shallow_sigmoid() {
  std::vector<MeasuredCase> cases;
  std::string reach;
  for (const std::string& init : grid_initializers) {
    Index deepest = 1;
    for (const Index depth : shallow) {
      const Measurement& ratio = start("sigmoid", init, depth).ratio;
      if (depth <= 3) cases.push_back({text(layers(depth), ", ", init), ratio});
      if (deepest + 1 == depth && at_least(ratio, vanished) == Verdict::confirmed) deepest = depth;
    }
    reach += text(reach.empty() ? "" : ", ", deepest, deepest == shallow.back() ? " or more" : "", " with ", init);
  }
  const Ruling ruling = all_at_least(cases, vanished);
  return {
      .id = "V6",
      .statement = "Sigmoid does not always cause vanishing gradients: it does not if the network is shallow.",
      .source = text(guide, ", cheat sheet"),
      .predicted = start("sigmoid", "xavier", 2).predicted_ratio(),
      .measured = start("sigmoid", "xavier", 2).ratio,
      .tolerance = vanished,
      .rule = text("At least ", vanished,
                   " of the last layer's gradient reaches layer 1: confirmed if so with 2 and 3 hidden layers, xavier "
                   "and he; refuted if for none. The numbers given are those of 2 layers, xavier."),
      .verdict = ruling.verdict,
      .condition = text(ruling.condition, "; at most so many layers: ", reach)};
}

Claim Run::relu_gates() {
  const Index depth = plan_.deepest, width = 100;
  const int nets = nets_per_seed_in_wide_spread * plan_.nets;
  const std::vector<Factor> factors = trials_.run("fluctuations", nets, 0.08, [&](int i) {
    const Net net{"relu", "he", depth};
    const GradientProfile profile =
        gradient_profile(options_of(net, width), rng_.split("fluctuations").split(static_cast<std::uint64_t>(i)), true);
    const bool one = std::all_of(profile.slope.begin(), profile.slope.end(), [](double s) { return s == 0 || s == 1; });
    return Factor{2 * std::log(profile.ratio()), one};
  });
  std::vector<double> logarithms;
  bool gates = true;
  for (const Factor& factor : factors) {
    logarithms.push_back(factor.logarithm);
    gates = gates && factor.gates_are_one;
  }
  const double variance = he_relu_log_variance(depth, width);
  const Measurement mean = mean_interval(logarithms);
  report_.tables.push_back({.name = "relu_fluctuations",
                            .title = text("The logarithm of the squared gradient's factor over ", depth,
                                          " He-ReLU layers of width ", width, ", one input, ", nets, " nets"),
                            .columns = {"of the logarithm", "measured", "predicted (Hanin 2018)"},
                            .rows = {{std::string("mean"), mean, -variance / 2},
                                     {std::string("variance"), variance_interval(logarithms), variance}}});
  const Measurement whole{std::exp(mean.value), std::exp(mean.low.value_or(mean.value)),
                          std::exp(mean.high.value_or(mean.value))};
  const Ruling ruling = gates_and_whole(gates, whole);
  return {
      .id = "V7",
      .statement = text("The derivative is exactly 1 for all positive inputs. A 100-layer network has gradient factor "
                        "1^100 = 1 through the ReLU gates (for active neurons)."),
      .source = text(guide, ", part 3"),
      .predicted = std::exp(-variance / 2),
      .measured = whole,
      .rule = text("Refuted if the derivative of any active unit is not exactly 1; conditional if all are, but the "
                   "squared gradient's factor over a whole He net of ",
                   depth, " layers and width ", width, " (geometric mean, the number given) is not between 0.5 and 2."),
      .verdict = ruling.verdict,
      .condition = ruling.condition};
}

Claim Run::relu_solves() {
  const Index depth = plan_.depths.back();
  std::vector<MeasuredCase> cases;
  for (const std::string& init : relu_scales) cases.push_back({init, start("relu", init, depth).ratio});
  const Ruling ruling = all_at_least(cases, vanished);
  const Start& he = start("relu", "he", depth);
  return {
      .id = "V8",
      .statement = "ReLU solved the vanishing gradient problem: the gradient passes through unchanged.",
      .source = text(guide, ", part 3"),
      .predicted = he.predicted_ratio(),
      .measured = he.ratio,
      .tolerance = vanished,
      .rule = text("At least ", vanished, " of the gradient at layer ", depth,
                   " reaches layer 1: confirmed if so with he, xavier and PyTorch's default, refuted if with none. The "
                   "numbers given are he's; infinite width predicts 1."),
      .verdict = ruling.verdict,
      .condition = ruling.condition};
}

Claim Run::only_relu() {
  const Start& tanh = start("tanh", "orthogonal", plan_.deepest);
  const Ruling ruling = only_the_family(tanh.ratio, relative_loss(trained(tanh.net, "sgd")));
  return {
      .id = "V9",
      .statement = "Only ReLU-family activations truly solve the vanishing gradient issue (for positive inputs).",
      .source = text(guide, ", part 2"),
      .predicted = tanh.predicted_ratio(),
      .measured = tanh.ratio,
      .tolerance = vanished,
      .rule = text("Refuted if in tanh nets of ", plan_.deepest, " layers with orthogonal weights at least ", vanished,
                   " of the gradient reaches layer 1 and ", 2 * plan_.steps, " SGD steps bring the loss below ",
                   learned, " of ln 2; conditional if only the first; confirmed if neither."),
      .verdict = ruling.verdict,
      .condition = ruling.condition};
}

Claim Run::gradients_of_one_sign() {
  const std::vector<std::string> activations = {"sigmoid", "relu", "tanh"};
  const std::vector<Index> batches = {1, 128};
  const int count = static_cast<int>(activations.size() * batches.size()) * plan_.nets;
  const std::vector<double> shares = trials_.run("signs", count, 0.01, [&](int i) {
    const auto kind = static_cast<std::size_t>(i / plan_.nets);
    const std::string& f = activations[kind / batches.size()];
    const Net net{f, f == "relu" ? "he" : "xavier", 3};
    return single_signed_share(options_of(net, plan_.trained_width), data_.train, batches[kind % batches.size()],
                               rng_.split("signs").split(static_cast<std::uint64_t>(i % plan_.nets)));
  });
  Table table{.name = "gradient_signs",
              .title = "Share of neurons in layer 2 of 3 whose incoming weight gradients all have one sign",
              .columns = {"activation", "batch", "share"}};
  std::vector<Measurement> means;
  for (std::size_t kind = 0; kind < activations.size() * batches.size(); ++kind) {
    const auto first = shares.begin() + static_cast<std::ptrdiff_t>(kind) * plan_.nets;
    const std::vector<double> samples(first, first + plan_.nets);
    means.push_back(mean_interval(samples));
    table.rows.push_back(
        {activations[kind / batches.size()], static_cast<double>(batches[kind % batches.size()]), means.back()});
  }
  report_.tables.push_back(std::move(table));
  const Trained& in_training = trained({"sigmoid", "xavier", plan_.trained_depths.front()}, "adam");
  const Ruling ruling = one_sign(
      means[0], means[1], in_training.mean([](const TrainRecord& record) { return record.single_signed.back(); }));
  return {.id = "V10",
          .statement =
              "Sigmoid outputs are always positive, so the gradients on a neuron's weights all have the same sign, "
              "causing zig-zag updates.",
          .source = text(guide, ", part 2"),
          .predicted = 1,
          .measured = means[0],
          .rule = text(
              "Confirmed if all neurons of sigmoid nets have weight gradients of one sign for one sample, for a batch "
              "at the start and for a batch after ",
              plan_.steps,
              " steps of Adam; conditional if only for some of "
              "these, refuted if not even for one sample (the number given)."),
          .verdict = ruling.verdict,
          .condition = text(ruling.condition, "; relu, which the statement spares: one sample ",
                            in_words(means[2].value), ", batch ", in_words(means[3].value),
                            "; tanh: ", in_words(means[4].value), " and ", in_words(means[5].value))};
}

Claim Run::tanh_always_preferred() {
  const std::vector<Index> depths = {2, 5};
  std::vector<Cell> cells;
  for (const Index depth : depths) {
    for (const std::string f : {"tanh", "sigmoid", "sigmoid"}) {
      Cell c = cell({f, "xavier", depth}, "sgd");
      c.rates = {0.01, 0.03, 0.1, 0.3, 1, 3};
      cells.push_back(std::move(c));
    }
    cells.back().centred_sigmoid = true;
  }
  const std::vector<Trained> all = train("tanh or sigmoid", cells, 0.04);
  const auto excess = [&](const Trained& sigmoid, const Trained& tanh) {
    std::vector<double> differences;
    for (std::size_t i = 0; i < tanh.records.size(); ++i) {
      differences.push_back((sigmoid.records[i].loss - tanh.records[i].loss) / chance_);
    }
    return mean_interval(differences);
  };
  std::vector<MeasuredCase> cases;
  double start_difference = 0;  // of the sigmoid net that is the tanh net's function
  for (std::size_t d = 0; d < depths.size(); ++d) {
    const Trained &tanh = all[3 * d], &alike = all[3 * d + 1], &same = all[3 * d + 2];
    cases.push_back({text(layers(depths[d]), ", drawn alike"), excess(alike, tanh)});
    cases.push_back({text(layers(depths[d]), ", drawn as the same function"), excess(same, tanh)});
    for (std::size_t i = 0; i < tanh.records.size(); ++i) {
      start_difference =
          std::max(start_difference, std::abs(same.records[i].loss_before - tanh.records[i].loss_before));
    }
  }
  const Ruling ruling = all_at_least(cases, 0);
  report_.notes.push_back(text("V11: a sigmoid net drawn as the tanh net starts with the same loss up to ",
                               in_words(start_difference, 1), "."));
  return {
      .id = "V11",
      .statement = "Tanh is always preferred over sigmoid in hidden layers because it is zero-centered.",
      .source = text(guide, ", part 2"),
      .measured = cases.front().measured,
      .rule = text("After ", plan_.steps,
                   " SGD steps, each net at its best rate, the loss of sigmoid minus that of "
                   "tanh (paired, in ln 2) is above 0: confirmed if so with 2 and 5 layers, both for weights drawn "
                   "alike and for the sigmoid net that starts as the very function of the tanh net, 2 sigmoid(2x) - 1; "
                   "refuted if for none. The numbers given are those of the first case."),
      .verdict = ruling.verdict,
      .condition = ruling.condition};
}

Claim Run::check_the_init() {
  struct Pairing {
    std::string activation, wrong, right;
  };
  std::vector<Case> cases;
  for (const Pairing& p : {Pairing{"relu", "xavier", "he"}, Pairing{"sigmoid", "he", "xavier"}}) {
    for (const std::string optimizer : {"sgd", "adam"}) {
      const auto loss = [&](const std::string& init) {
        return relative_loss(trained({p.activation, init, plan_.stalled_depth}, optimizer));
      };
      const Measurement wrong = loss(p.wrong), right = loss(p.right);
      cases.push_back({text(p.activation, " with ", optimizer), init_decides(wrong, right),
                       text(p.wrong, " ", in_words(wrong.value, 2), ", ", p.right, " ", in_words(right.value, 2))});
    }
  }
  const Ruling ruling = in_all(cases);
  return {.id = "V12",
          .statement =
              "Loss not decreasing from the first epoch: check the initialization. With ReLU and Xavier, or sigmoid "
              "and He, training can fail from epoch zero.",
          .source = text(guide, ", part 10"),
          .measured = relative_loss(trained({"relu", "xavier", plan_.stalled_depth}, "sgd")),
          .tolerance = stalled,
          .rule = text(
              "With ", plan_.stalled_depth, " layers and ", plan_.steps,
              " steps at the best of several rates, the pairing called wrong keeps at least ", stalled,
              " of ln 2 and the one called right falls below ", learned,
              " of it: confirmed if so for ReLU and for sigmoid, SGD and Adam; refuted if for none. The number given "
              "is that of ReLU with xavier, SGD."),
          .verdict = ruling.verdict,
          .condition = ruling.condition};
}

Claim Run::saturation_kills() {
  constexpr double flat = 0.05, almost_none = 0.1;
  const std::vector<std::string> activations = {"sigmoid", "tanh"};
  const std::vector<Shares> all =
      trials_.run("saturation", static_cast<int>(activations.size()) * plan_.nets, 0.02, [&](int i) {
        const Net net{activations[static_cast<std::size_t>(i / plan_.nets)], "xavier(gain=6)", 5};
        const NetOptions options = options_of(net, plan_.width, profile_inputs);
        const GradientProfile profile = gradient_profile(
            options, rng_.split("saturation").split(to_string(net)).split(static_cast<std::uint64_t>(i % plan_.nets)),
            true);
        const double steepest = options.activation.derivative(0);
        double gradient[2] = {0, 0}, slope[2] = {0, 0};  // squares: of steep units, of flat ones
        Index count[2] = {0, 0};
        for (std::size_t u = 0; u < profile.slope.size(); ++u) {
          const int k = profile.slope[u] < flat * steepest ? 1 : 0;
          gradient[k] += profile.gradient[u] * profile.gradient[u];
          slope[k] += profile.slope[u] * profile.slope[u];
          ++count[k];
        }
        const double correction = static_cast<double>(count[0]) / static_cast<double>(count[1]);
        return Shares{std::sqrt(gradient[1] / gradient[0] * correction), std::sqrt(slope[1] / slope[0] * correction)};
      });
  std::vector<MeasuredCase> cases;
  std::vector<double> expected;
  for (std::size_t f = 0; f < activations.size(); ++f) {
    std::vector<double> samples;
    for (std::size_t i = 0; i < static_cast<std::size_t>(plan_.nets); ++i) {
      const Shares& s = all[f * static_cast<std::size_t>(plan_.nets) + i];
      samples.push_back(s.measured);
      if (f == 0) expected.push_back(s.expected);
    }
    cases.push_back({activations[f], mean_interval(samples)});
  }
  const Ruling ruling = all_below(cases, almost_none);
  return {
      .id = "V13",
      .statement = "Where the valve is flat (saturated), almost no gradient passes and that neuron stops learning.",
      .source = interview,
      .predicted = mean_interval(expected).value,
      .measured = cases.front().measured,
      .tolerance = almost_none,
      .rule = text("The rms gradient of units whose derivative is below ", flat, " of its maximum is less than ",
                   almost_none,
                   " of that of the others, in nets with large weights (6 times xavier, 5 layers): confirmed if so for "
                   "sigmoid and tanh. The numbers given are sigmoid's; the prediction takes what comes from above as "
                   "independent of the unit's own slope."),
      .verdict = ruling.verdict,
      .condition = ruling.condition};
}

void add_point(Series& line, std::size_t x, const Measurement& y) {
  line.x.push_back(static_cast<double>(x));
  line.y.push_back(y.value);
  line.low.push_back(y.low.value_or(y.value));
  line.high.push_back(y.high.value_or(y.value));
}

void Run::tables_and_series() {
  Table ratios{.name = "gradients_at_init",
               .title = text("Gradient at layer 1 over that at the last hidden layer, at the start: width ",
                             plan_.width, ", geometric mean over ", plan_.nets, " nets"),
               .columns = {"activation", "initializer", "depth", "ratio", "predicted"}};
  Table by_layer{
      .name = "gradients_by_layer",
      .title = "rms gradient with respect to the pre-activations of each layer, the last one's being N(0, 1)",
      .columns = {"activation", "initializer", "depth", "layer", "rms", "predicted"}};
  for (const Start& s : starts_) {
    const auto depth = static_cast<double>(s.net.depth);
    ratios.rows.push_back({s.net.activation, s.net.initializer, depth, s.ratio, s.predicted_ratio()});
    if (s.net.depth < 20) continue;
    Series line{.chart = text("Gradient by layer, ", layers(s.net.depth)),
                .name = text(s.net.activation, ", ", s.net.initializer),
                .x_label = "layer",
                .y_label = "rms gradient",
                .log_y = true};
    for (std::size_t l = 0; l < s.rms.size(); ++l) {
      const double predicted = s.theory.layers[l].gradient.value;
      by_layer.rows.push_back(
          {s.net.activation, s.net.initializer, depth, static_cast<double>(l + 1), s.rms[l], predicted});
      add_point(line, l + 1, s.rms[l]);
      line.theory.push_back(predicted);
    }
    report_.series.push_back(std::move(line));
  }

  Table training{
      .name = "training",
      .title = text("Training on two moons, width ", plan_.trained_width, ", ", plan_.steps, " steps, mean over ",
                    plan_.trained, " seeds; weight gradient of layer 1 over that of the output layer"),
      .columns = {"activation", "initializer", "depth", "optimizer", "rate", "loss / ln 2", "first step", "last step"}};
  Table weights{
      .name = "weight_gradients",
      .title = "rms gradient of the loss with respect to the weights of each layer (the last is the output's)",
      .columns = {"activation", "initializer", "depth", "optimizer", "layer", "first step", "middle", "last step"}};
  // The depth whose weight gradients are shown by layer: 20, or the deepest there is.
  const Index shown = std::min<Index>(20, plan_.trained_depths.back());
  const auto of_layer = [](std::size_t when, std::size_t layer) {
    return [when, layer](const TrainRecord& record) {
      return record.gradients[std::min(when, record.gradients.size() - 1)][layer];
    };
  };
  const auto first_to_last = [](std::size_t when) {
    return [when](const TrainRecord& record) {
      const std::vector<double>& g = record.gradients[std::min(when, record.gradients.size() - 1)];
      return g.front() / g.back();
    };
  };
  for (const Trained& t : trained_) {
    const Net& net = t.cell.net;
    const auto depth = static_cast<double>(net.depth);
    training.rows.push_back({net.activation, net.initializer, depth, t.cell.optimizer.name, t.rate, relative_loss(t),
                             t.geometric_mean(first_to_last(0)).value, t.geometric_mean(first_to_last(2)).value});
    if (net.depth != shown) continue;
    Series begin{.chart = text("Weight gradients at the first step, ", layers(shown)),
                 .name = text(net.activation, ", ", net.initializer),
                 .x_label = "layer",
                 .y_label = "rms gradient of the loss",
                 .log_y = true};
    Series end = begin;
    end.chart = text("Weight gradients at the last step, ", layers(shown), ", ", t.cell.optimizer.name);
    for (std::size_t l = 0; l <= static_cast<std::size_t>(net.depth); ++l) {
      add_point(begin, l + 1, t.geometric_mean(of_layer(0, l)));
      add_point(end, l + 1, t.geometric_mean(of_layer(2, l)));
      weights.rows.push_back({net.activation, net.initializer, depth, t.cell.optimizer.name, static_cast<double>(l + 1),
                              t.geometric_mean(of_layer(0, l)), t.geometric_mean(of_layer(1, l)),
                              t.geometric_mean(of_layer(2, l))});
    }
    if (t.cell.optimizer.name == "sgd") report_.series.push_back(std::move(begin));  // as with any optimizer
    report_.series.push_back(std::move(end));
  }
  report_.tables.insert(report_.tables.begin(), {std::move(ratios), std::move(training)});
  report_.tables.push_back(std::move(by_layer));
  report_.tables.push_back(std::move(weights));
}

std::string Run::answer() const {
  const Index depth = plan_.depths.back();
  const auto arrives = [&](const char* f, const char* init) { return in_words(start(f, init, depth).ratio.value, 2); };
  return text("At the start, of the gradient at layer ", depth, " this share reaches layer 1: sigmoid ",
              arrives("sigmoid", "xavier"), " (xavier) and ", arrives("sigmoid", "he"), " (he), tanh ",
              arrives("tanh", "xavier"), " and ", arrives("tanh", "he"), ", relu ", arrives("relu", "xavier"), " and ",
              arrives("relu", "he"), ", gelu ", arrives("gelu", "xavier"), " and ", arrives("gelu", "he"),
              ": what decides is the activation together with the scale of the weights.");
}

// Where measurement and prediction part.
void Run::surprises() {
  int compared = 0, apart = 0;
  const Start* worst = nullptr;
  const auto factor = [](const Start& s) { return std::exp(std::abs(std::log(s.ratio.value / s.predicted_ratio()))); };
  for (const Start& s : starts_) {
    const Prediction& band = s.theory.gradient_ratio;
    if (!band.low || !band.high) continue;
    ++compared;
    if (*band.low <= s.ratio.value && s.ratio.value <= *band.high) continue;
    if (below(s.ratio, s.predicted_ratio()) == Verdict::undecided) continue;  // within its own interval
    ++apart;
    if (!worst || factor(s) > factor(*worst)) worst = &s;
  }
  std::string note =
      text("Of ", compared, " gradient ratios at the start, ", apart,
           " miss their prediction: it is outside their interval, and they are outside the band that theory gives "
           "95 % of them at this width");
  if (worst) {
    note += text("; the farthest: ", to_string(worst->net), ", measured ", in_words(worst->ratio), ", predicted ",
                 in_words(worst->predicted_ratio()));
  }
  report_.notes.push_back(note + ".");
}

Report Run::report() {
  measure_starts();
  measure_training();
  std::vector<Claim>& claims = report_.claims;
  claims.push_back(
      at_most_a_quarter("V1", 11,
                        "The sigmoid's derivative is at most 0.25: through n layers the gradient shrinks by at "
                        "least 0.25^n, in a 10-layer network by 0.25^10.",
                        text(guide, ", part 2")));
  claims.push_back(
      at_most_a_quarter("V2", 20,
                        "Through 20 layers (19 sigmoids) the gradient is attenuated, even in the best case, by "
                        "0.25^19: about one trillionth of it reaches layer 1.",
                        text(guide, ", problem 1")));
  claims.push_back(first_layers_do_not_learn());
  claims.push_back(deep_stacks_train_glacially());
  claims.push_back(tanh_vanishes_less());
  claims.push_back(shallow_sigmoid());
  claims.push_back(relu_gates());
  claims.push_back(relu_solves());
  claims.push_back(only_relu());
  claims.push_back(gradients_of_one_sign());
  claims.push_back(tanh_always_preferred());
  claims.push_back(check_the_init());
  claims.push_back(saturation_kills());
  tables_and_series();
  surprises();
  report_.notes.push_back(text(
      "Training: two moons, 512 samples, batches of 64, rates chosen with one seed and results from ", plan_.trained,
      " others; a loss above ", divergence_bound, " times that of the best constant answer counts as that."));
  report_.answer = answer();
  return std::move(report_);
}

}  // namespace

VanishingPlan vanishing_plan(const ExperimentSettings& settings) {
  VanishingPlan plan;
  if (settings.profile == Profile::full) {
    plan.trained = 20;
    plan.steps = 2000;
    plan.long_steps = 2000;
  }
  if (settings.seeds > 0) plan.nets = plan.trained = settings.seeds;
  return plan;
}

Report vanishing_gradients(const ExperimentSettings& settings, const VanishingPlan& plan) {
  return Run(settings, plan).report();
}

Report vanishing_gradients(const ExperimentSettings& settings) {
  return vanishing_gradients(settings, vanishing_plan(settings));
}

}  // namespace evengrad
