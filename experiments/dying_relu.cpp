#include <evengrad/experiments/dying_relu.hpp>

#include <evengrad/activations/registry.hpp>
#include <evengrad/data/registry.hpp>
#include <evengrad/experiments/dead_units.hpp>
#include <evengrad/init/moments.hpp>
#include <evengrad/layers/linear.hpp>
#include <evengrad/layers/losses.hpp>
#include <evengrad/training/propagation.hpp>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

namespace evengrad {

namespace dying {

StartTheory start_theory(Index depth, double m, double bias) {
  const Activation relu = activation("relu");
  StartTheory theory;
  double q = 2, c = 0;  // of pre-activations, apart from the bias
  for (Index l = 0; l < depth; ++l) {
    theory.correlation.push_back(c);
    theory.silent.push_back(silent_probability(relu, q, c, m, bias));
    const double second = moments(relu, q, bias).second;
    c = 1 - pair_moments(relu, q, 1 - c, bias).difference / 2 / second;
    q = 2 * second;
  }
  return theory;
}

Case never_again(const std::string& name, double silent, double revived) {
  const Verdict verdict = silent == 0    ? Verdict::undecided
                          : revived == 0 ? Verdict::confirmed
                                         : Verdict::refuted;  // one is enough against "never"
  return {name, verdict, text(revived, " of ", silent, " revived")};
}

Ruling ten_to_forty(const std::vector<MeasuredCase>& shares) {
  bool reached = false, passed = false, open = false;
  std::string numbers;
  for (const MeasuredCase& c : shares) {
    const Verdict within = near(c.measured, 0.25, 0.15), more = at_least(c.measured, 0.4);
    reached = reached || within == Verdict::confirmed;
    passed = passed || more == Verdict::confirmed;
    open = open || within == Verdict::undecided;
    numbers += text(numbers.empty() ? "" : ", ", c.name, " ", in_words(c.measured.value, 2));
  }
  if (reached) return {passed ? Verdict::conditional : Verdict::confirmed, numbers};
  return {open ? Verdict::undecided : Verdict::refuted, numbers};
}

Verdict prevents(const Measurement& without, const Measurement& gone) {
  return without.value > 0.01 ? at_least(gone, without.value / 2) : Verdict::undecided;
}

}  // namespace dying

namespace {

using namespace dying;

constexpr const char* guide = "Activation functions guide";
constexpr const char* interview = "AI/ML interview guide: activation functions";
constexpr Index batch = 64;
const std::vector<std::string> optimizers_tried = {"sgd", "momentum", "adam"};
const std::vector<double> large_biases = {-1, -2, -3, -4, -5, -6};
const std::vector<double> shifts = {0, 1, 5, 20};
const std::vector<double> small_biases = {0, 0.01, 0.1};
// Plain SGD diverges at rates at which these kill.
const std::vector<std::string> optimizers_that_kill = {"momentum", "adam"};
// What tutorials and frameworks use.
const std::map<std::string, std::vector<double>> moderate_rates = {
    {"sgd", {0.01, 0.03, 0.1}}, {"momentum", {0.003, 0.01, 0.03}}, {"adam", {3e-4, 1e-3, 3e-3}}};
const std::vector<double> margins = {0.1, 1};
const std::vector<std::string> leaky = {"leaky_relu(0.01)", "leaky_relu(0.1)", "leaky_relu(0.25)"};

// Of the net drawn at its start, by layer.
struct StartRecord {
  std::vector<double> silent, correlation;

  template <class Fields>
  void fields(Fields& f) {
    f("silent", silent);
    f("correlation", correlation);
  }
};

// Of a net with batch normalization at its start.
struct NormRecord {
  std::vector<double> positive, silent;  // by layer
  double factor = 0;                     // of the squared gradient, a layer

  template <class Fields>
  void fields(Fields& f) {
    f("positive", positive);
    f("silent", silent);
    f("factor", factor);
  }
};

// One way to train. Nets of a group start alike and see the same batches, whatever else differs.
struct Cell {
  std::string group, name;
  std::string activation = "relu";
  OptimizerOptions optimizer = {};
  std::vector<double> rates = {};
  Index depth = 0;
  Norm norm = Norm::none;
  std::int64_t warmup_epochs = 0;
  std::optional<double> killed_by = {};
  std::int64_t renew_epochs = 0;
};

using Trained = Tuned<Cell, WatchRecord>;

double silent_at_end(const WatchRecord& r) { return r.units.silent_share(); }
double silent_at_start(const WatchRecord& r) { return r.units.silent_share_at_start(); }
double final_loss(const WatchRecord& r) { return r.loss; }
double capped_loss(const WatchRecord& r) { return std::min(r.loss, std::log(2.0)); }
double never_positive(const WatchRecord& r) { return UnitHistory::mean(r.units.lost.back()); }
bool any_diverged(const Trained& t) {
  return std::any_of(t.records.begin(), t.records.end(), [](const WatchRecord& r) { return r.diverged; });
}

// The rank correlation of learned slopes with depth.
double slope_trend(const WatchRecord& r) {
  std::vector<double> layers(r.slopes.size());
  std::iota(layers.begin(), layers.end(), 1.0);
  return rank_correlation(layers, r.slopes);
}

std::string percent(const Measurement& m) { return text(in_words(100 * m.value), " %"); }

Claim decided(Claim claim, const Ruling& ruling) {
  claim.verdict = ruling.verdict;
  claim.condition = ruling.condition;
  return claim;
}

void fill_normal(Matrix<float>& x, Rng rng) {
  rng.fill_normal(std::span<float>(x.data(), static_cast<std::size_t>(x.size())));
}

class Run {
 public:
  Run(const ExperimentSettings& settings, const DyingPlan& plan)
      : plan_(plan), trials_(settings), rng_(Rng(settings.seed).split("dying-relu")) {
    const Split<double> data = load_data<double>(
        {.name = "spirals", .samples = plan.inputs * 5 / 4, .noise = 0.2, .test_fraction = 0.2, .seed = settings.seed});
    train_ = convert<float>(data.train);
    test_ = convert<float>(data.test);
  }

  Report report();

 private:
  // Measurements.
  void measure_starts();
  void measure_training();
  double first_layer_silent(Index samples, double bias, double shift, const Rng& rng) const;
  StartRecord start_record(double bias, const Rng& rng) const;
  double largest_gradient_of_silent_units(const Rng& rng) const;
  std::vector<Trained> train(const std::string& what, const std::vector<Cell>& cells, double share);
  const Trained& trained(const std::string& group, const std::string& optimizer, const std::string& name) const;
  std::vector<const Trained*> sweep(const std::string& optimizer) const;  // by rate, without those that diverged
  double aggressive(const std::string& optimizer) const;
  Measurement over_nets(int first, const std::function<double(const StartRecord&)>& of) const;
  Measurement start_share(std::size_t bias, Index layers) const;
  Case cure(const std::string& optimizer, const std::string& name) const;
  std::vector<Case> cures(const std::vector<std::string>& names) const;
  Measurement gone(const std::string& optimizer, const std::string& name) const;

  // Claims.
  void at_the_start();
  void in_training();
  void cured();
  void normalized();
  void learned_slopes();
  void tables_and_charts();

  Claim& add(Claim claim, const Ruling& ruling) {
    return report_.claims.emplace_back(decided(std::move(claim), ruling));
  }
  int nets() const { return plan_.nets; }
  std::uint64_t net_seed(int i) const { return static_cast<std::uint64_t>(i % plan_.nets); }

  const DyingPlan plan_;
  Trials trials_;
  const Rng rng_;
  Dataset<float> train_, test_;
  std::vector<StartRecord> starts_;    // small_biases x nets
  std::vector<StartTheory> theories_;  // small_biases
  std::vector<Trained> trained_;
  Report report_;
};

// Units of a first layer drawn by he that are silent on Gaussian inputs with this mean.
double Run::first_layer_silent(Index samples, double bias, double shift, const Rng& rng) const {
  auto net = mlp<float>(
      {.inputs = plan_.dimension, .hidden = {plan_.width}, .outputs = 1, .activations = {activation("relu")}});
  net.initialize(initializer("he"), rng.split("net"));
  dynamic_cast<Linear<float>&>(net[0]).bias.value.setConstant(static_cast<float>(bias));
  Matrix<float> x(samples, plan_.dimension);
  fill_normal(x, rng.split("inputs"));
  x.array() += static_cast<float>(shift);
  const std::vector<bool> silent = unit_shares<float>(net, x).front().silent();
  return static_cast<double>(std::count(silent.begin(), silent.end(), true)) / static_cast<double>(silent.size());
}

StartRecord Run::start_record(double bias, const Rng& rng) const {
  const Index dimension = std::max(plan_.inputs, plan_.width);
  Matrix<float> x(plan_.inputs, dimension);
  fill(x, {Distribution::orthogonal, std::sqrt(static_cast<double>(dimension))}, rng.split("inputs"));
  auto net = mlp<float>({.inputs = dimension,
                         .hidden = std::vector<Index>(static_cast<std::size_t>(plan_.depth), plan_.width),
                         .outputs = 1,
                         .activations = {activation("relu")}});
  net.initialize(initializer("he"), rng.split("net"));
  net.visit(Path(), [&](const Path&, Parameter<float>& p) {
    if (p.rank == 1) p.value.setConstant(static_cast<float>(bias));
  });
  Tape<float> tape({.recording = false, .keep_pre_activations = true});
  net.forward(tape.constant(x), {});
  StartRecord record;
  for (const Node<float>& node : tape.nodes()) {
    if (node.role != OpRole::product || !node.pre_activation) continue;
    const ConstMap<float> z(node.pre_activation, node.shape.matrix_rows(), node.shape.cols);
    const auto m = static_cast<double>(z.rows());
    const double silent = static_cast<double>((z.colwise().maxCoeff().array() <= 0).count());
    record.silent.push_back(silent / static_cast<double>(z.cols()));
    const Matrix<double> unit = z.cast<double>().rowwise().normalized();
    record.correlation.push_back((unit.colwise().sum().squaredNorm() - m) / (m * (m - 1)));
  }
  return record;
}

void Run::measure_starts() {
  starts_ = trials_.run("starts", static_cast<int>(small_biases.size()) * nets(), 0.15, [&](int i) {
    return start_record(small_biases[static_cast<std::size_t>(i / nets())], rng_.split("starts").split(net_seed(i)));
  });
  for (const double bias : small_biases) {
    theories_.push_back(start_theory(plan_.depth, static_cast<double>(plan_.inputs), bias));
  }
}

std::vector<Trained> Run::train(const std::string& what, const std::vector<Cell>& cells, double share) {
  const std::int64_t epoch = (train_.size() + batch - 1) / batch;
  const auto one = [&](const Cell& cell, double rate, std::uint64_t seed) {
    WatchOptions options{
        .fit = {}, .every = epoch, .renew_every = cell.renew_epochs * epoch, .killed_by = cell.killed_by};
    options.fit = {.net = {.hidden = std::vector<Index>(static_cast<std::size_t>(cell.depth), plan_.trained_width),
                           .activations = {activation(cell.activation)},
                           .norm = cell.norm},
                   .initializer = initializer("he")};
    TrainerOptions& trainer = options.fit.trainer;
    trainer.optimizer = cell.optimizer;
    trainer.optimizer.learning_rate = rate;
    trainer.warmup_steps = cell.warmup_epochs * epoch;
    trainer.batch_size = batch;
    trainer.steps = plan_.epochs * epoch;
    return train_watched(trials_, options, train_, test_, train_.inputs, rng_.split(cell.group).split(seed));
  };
  return tune_and_train(trials_, what, cells, plan_.trained, share, one, final_loss, [](const Cell& cell) {
    return text(cell.optimizer.name, ", ", cell.name, ", ", cell.depth, " layers");
  });
}

const Trained& Run::trained(const std::string& group, const std::string& optimizer, const std::string& name) const {
  return *std::find_if(trained_.begin(), trained_.end(), [&](const Trained& t) {
    return t.cell.group == group && t.cell.optimizer.name == optimizer && t.cell.name == name;
  });
}

std::vector<const Trained*> Run::sweep(const std::string& optimizer) const {
  std::vector<const Trained*> found;
  for (const Trained& t : trained_) {
    if (t.cell.group == "rates" && t.cell.optimizer.name == optimizer && !any_diverged(t)) found.push_back(&t);
  }
  return found;
}

// The rate that leaves nearest to 40 % of the units silent, among those above the one that leaves fewest.
double Run::aggressive(const std::string& optimizer) const {
  std::vector<std::pair<double, double>> rates;  // and their shares
  for (const Trained* t : sweep(optimizer)) rates.emplace_back(t->rate, t->mean(silent_at_end).value);
  if (rates.empty()) return plan_.rates.front();
  const auto by_share = [](const auto& a, const auto& b) { return a.second < b.second; };
  const auto nearest = [](const auto& a, const auto& b) { return std::abs(a.second - 0.4) < std::abs(b.second - 0.4); };
  return std::min_element(std::min_element(rates.begin(), rates.end(), by_share), rates.end(), nearest)->first;
}

void Run::measure_training() {
  const auto add_all = [&](std::vector<Trained> more) {
    std::move(more.begin(), more.end(), std::back_inserter(trained_));
  };
  const Index depth = plan_.trained_depth;
  std::vector<Cell> cells;
  const auto cell = [&](const std::string& group, const std::string& name, const std::string& optimizer,
                        const std::vector<double>& rates) -> Cell& {
    Cell& added = cells.emplace_back();
    added.group = group;
    added.name = name;
    added.optimizer.name = optimizer;
    added.rates = rates;
    added.depth = depth;
    return added;
  };
  for (const std::string& optimizer : optimizers_tried) {
    for (const double rate : plan_.rates) cell("rates", text("rate ", rate), optimizer, {rate});
  }
  add_all(train("rates", cells, 0.25));

  cells.clear();
  for (const std::string& optimizer : optimizers_tried) {
    cell("tuned", "10 layers", optimizer, moderate_rates.at(optimizer));
    cell("tuned", "3 layers", optimizer, moderate_rates.at(optimizer)).depth = 3;
  }
  for (const std::string optimizer : {"sgd", "adam"}) {
    for (const std::string f : {"prelu(per_channel=1)", "relu"}) {
      Cell& added = cell("tuned", f, optimizer, moderate_rates.at(optimizer));
      added.activation = f;
      added.depth = plan_.prelu_depth;
    }
  }
  add_all(train("tuned", cells, 0.2));

  cells.clear();
  for (const std::string& optimizer : optimizers_that_kill) {
    const auto with = [&](const std::string& name) -> Cell& {
      return cell("cures", name, optimizer, {aggressive(optimizer)});
    };
    with("none");
    for (const std::int64_t epochs : {5, 20}) with(text("warm-up, ", epochs, " epochs")).warmup_epochs = epochs;
    with("batch normalization").norm = Norm::batch;
    for (const double decay : {1e-4, 1e-3, 1e-2}) with(text("L2 ", decay)).optimizer.weight_decay = decay;
    for (const std::int64_t epochs : {1, 10}) with(text("drawn anew every ", epochs, " epochs")).renew_epochs = epochs;
    for (const std::string f : {"leaky_relu(0.01)", "leaky_relu(0.1)", "prelu", "gelu", "silu"}) with(f).activation = f;
  }
  for (const std::string optimizer : {"sgd", "adam"}) {
    for (const double margin : margins) {
      for (const std::string f : {"relu", "leaky_relu(0.01)", "leaky_relu(0.1)", "leaky_relu(0.25)"}) {
        Cell& added =
            cell("killed", text(f, " by ", margin), optimizer, {trained("tuned", optimizer, "10 layers").rate});
        added.activation = f;
        added.killed_by = margin;
      }
    }
  }
  add_all(train("cures", cells, 0.35));
}

Measurement Run::over_nets(int first, const std::function<double(const StartRecord&)>& of) const {
  std::vector<double> samples;
  for (int i = 0; i < plan_.nets; ++i) samples.push_back(of(starts_[static_cast<std::size_t>(first + i)]));
  return mean_interval(samples);
}

// The share of silent units in the first `layers` layers at the start.
Measurement Run::start_share(std::size_t bias, Index layers) const {
  return over_nets(static_cast<int>(bias) * plan_.nets, [&](const StartRecord& r) {
    return UnitHistory::mean({r.silent.begin(), r.silent.begin() + layers});
  });
}

Measurement Run::gone(const std::string& optimizer, const std::string& name) const {
  return paired_difference<Cell, WatchRecord>(trained("cures", optimizer, name), trained("cures", optimizer, "none"),
                                              silent_at_end);
}

Case Run::cure(const std::string& optimizer, const std::string& name) const {
  const Measurement without = trained("cures", optimizer, "none").mean(silent_at_end);
  const Measurement with = trained("cures", optimizer, name).mean(silent_at_end);
  return {text(optimizer, ", ", name), prevents(without, gone(optimizer, name)),
          text(percent(without), " to ", percent(with))};
}

std::vector<Case> Run::cures(const std::vector<std::string>& names) const {
  std::vector<Case> cases;
  for (const std::string& optimizer : optimizers_that_kill) {
    for (const std::string& name : names) cases.push_back(cure(optimizer, name));
  }
  return cases;
}

// The largest gradient, over all training data, of any weight into or out of units that are silent on all of them, one
// in each of three layers.
double Run::largest_gradient_of_silent_units(const Rng& rng) const {
  auto net = mlp<float>({.inputs = train_.features(),
                         .hidden = std::vector<Index>(3, plan_.trained_width),
                         .outputs = train_.outputs(),
                         .activations = {activation("relu")}});
  net.initialize(initializer("he"), rng);
  std::vector<Linear<float>*> layers;
  for (std::size_t i = 0; i < net.size(); ++i) {
    if (auto* linear = dynamic_cast<Linear<float>*>(&net[i])) layers.push_back(linear);
  }
  for (std::size_t i = 0; i < 3; ++i) layers[i]->bias.value(0, 0) = -100;
  Tape<float> tape;
  const Gradients<float> gradients =
      tape.backward(softmax_cross_entropy<float>(net.forward(tape.constant(train_.inputs), {}), train_.labels));
  float largest = 0;
  for (std::size_t i = 0; i < 3; ++i) {
    largest = std::max({largest, gradients.of(layers[i]->weight).row(0).cwiseAbs().maxCoeff(),
                        std::abs(gradients.of(layers[i]->bias)(0, 0)),
                        gradients.of(layers[i + 1]->weight).col(0).cwiseAbs().maxCoeff()});
  }
  return largest;
}

// Claims about nets as they are drawn.
void Run::at_the_start() {
  const Activation relu = activation("relu");
  const auto m = static_cast<double>(plan_.inputs);

  const Measurement gradient = mean_interval(trials_.run("gradients of silent units", nets(), 0.01, [&](int i) {
    return largest_gradient_of_silent_units(rng_.split("silent gradients").split(net_seed(i)));
  }));
  add({.id = "D1",
       .statement = "When a neuron's pre-activation is negative for all training examples, it outputs zero for every "
                    "input and receives zero gradient.",
       .source = text(guide, ", part 3"),
       .predicted = 0,
       .measured = gradient,
       .rule =
           "Confirmed if the largest gradient, over all training data, of any weight into or out of silent units in "
           "three layers is exactly 0."},
      {near(gradient, 0, 0), ""});

  const Measurement negative = mean_interval(trials_.run("negative weights", nets(), 0.01, [&](int i) {
    const Rng rng = rng_.split("negative").split(net_seed(i));
    auto net = mlp<float>({.inputs = 8, .hidden = {plan_.width}, .outputs = 1, .activations = {relu}});
    net.initialize(initializer("he"), rng.split("net"));
    Linear<float>& first = dynamic_cast<Linear<float>&>(net[0]);
    first.weight.value = -first.weight.value.cwiseAbs();
    first.bias.value.setConstant(-0.1f);
    Matrix<float> x(plan_.inputs, 8);
    fill_normal(x, rng.split("inputs"));
    const Matrix<float> non_negative = x.cwiseAbs();
    return UnitHistory::mean(unit_shares<float>(net, non_negative).front().zero);
  }));
  add({.id = "D3",
       .statement =
           "A neuron with negative weights and a negative bias is permanently dead: for any non-negative input "
           "the pre-activation is negative.",
       .source = text(guide, ", part 3"),
       .predicted = 1,
       .measured = negative,
       .rule = "Confirmed if all outputs of such units on random non-negative inputs are exactly 0: a sum of numbers "
               "that are not positive."},
      {near(negative, 1, 0), ""});

  // D4 and D17: first layers on Gaussian inputs.
  constexpr double close = 0.03;
  struct FirstLayer {
    double bias, shift;
  };
  std::vector<FirstLayer> all;
  for (const double bias : large_biases) all.push_back({bias, 0});
  for (const double shift : shifts) all.push_back({0, shift});
  const std::vector<double> shares =
      trials_.run("first layers", static_cast<int>(all.size()) * nets(), 0.02, [&](int i) {
        const FirstLayer& layer = all[static_cast<std::size_t>(i / nets())];
        return first_layer_silent(plan_.inputs, layer.bias, layer.shift, rng_.split("first").split(net_seed(i)));
      });
  Table table{.name = "first_layer",
              .title = text("Silent share of a first layer drawn by he, on ", plan_.inputs,
                            " Gaussian inputs of dimension ", plan_.dimension),
              .columns = {"bias", "mean of the inputs", "silent", "predicted"}};
  std::vector<Measurement> measured;
  std::vector<double> predicted;
  std::vector<Case> by_bias, by_shift;
  std::string farthest_bias, farthest_shift;
  for (std::size_t k = 0; k < all.size(); ++k) {
    const auto begin = shares.begin() + static_cast<std::ptrdiff_t>(k) * nets();
    measured.push_back(mean_interval(std::vector<double>(begin, begin + nets())));
    const double s2 = all[k].shift * all[k].shift;
    predicted.push_back(silent_probability(relu, 2 * (1 + s2), s2 / (1 + s2), m, all[k].bias));
    table.rows.push_back({all[k].bias, all[k].shift, measured[k], predicted[k]});
    if (all[k].bias != 0) {
      by_bias.push_back({text("bias ", all[k].bias), at_least(measured[k], 0.05), percent(measured[k])});
      if (farthest_bias.empty()) farthest_bias = missed(measured[k], predicted[k], close);
    } else if (all[k].shift != 0) {
      by_shift.push_back({text("mean ", all[k].shift), at_least(measured[k], 0.05), percent(measured[k])});
      if (farthest_shift.empty()) farthest_shift = missed(measured[k], predicted[k], close);
    }
  }
  report_.tables.push_back(std::move(table));
  add({.id = "D4",
       .statement = "A large negative bias pushes the pre-activation negative, and the neuron dies.",
       .source = text(guide, ", part 3"),
       .predicted = predicted[4],
       .measured = measured[4],
       .tolerance = close,
       .rule =
           text("At least 5 % of the units of a first layer are silent: confirmed if so at every bias from -1 to -6 "
                "(pre-activations have standard deviation 1.41), refuted if at none. The numbers given are those of "
                "bias -5; theory: Phi(-b / 1.41)^m for m = ",
                plan_.inputs, " inputs."),
       .surprise = farthest_bias},
      in_all(by_bias));
  const std::size_t five = large_biases.size() + 2;
  add({.id = "D17",
       .statement = "Input data that are not normalized push pre-activations negative and kill neurons.",
       .source = text(guide, ", problem 2"),
       .predicted = predicted[five],
       .measured = measured[five],
       .tolerance = close,
       .rule = text("At least 5 % of the units of a first layer are silent: confirmed if so for inputs with mean 1, 5 "
                    "and 20 and standard deviation 1, refuted if for none. The numbers given are those of mean 5. "
                    "Theory: two inputs correlate by s^2 / (1 + s^2), and the share goes to 1/2; centred inputs: ",
                    percent(measured[large_biases.size()]), "."),
       .surprise = farthest_shift},
      in_all(by_shift));

  // D7, D9 and D18: whole nets.
  const Trained &sgd = trained("tuned", "sgd", "10 layers"), &adam = trained("tuned", "adam", "10 layers");
  const Measurement spirals = sgd.mean(silent_at_start);
  const auto reach = [&](Index layers) { return std::min(layers, plan_.depth); };
  std::vector<MeasuredCase> usual;
  for (const Index layers : {5, 10, 20, 50}) {
    usual.push_back({text(layers, " layers at the start"), start_share(0, reach(layers))});
  }
  usual.push_back({"10 layers at the start, spirals", spirals});
  for (const std::string& optimizer : optimizers_tried) {
    for (const char* depth : {"3 layers", "10 layers"}) {
      const Trained& t = trained("tuned", optimizer, depth);
      usual.push_back({text(depth, " trained, ", optimizer, " ", t.rate), t.mean(silent_at_end)});
    }
  }
  const std::vector<double>& theory = theories_.front().silent;
  const double ten = UnitHistory::mean({theory.begin(), theory.begin() + reach(10)});
  add({.id = "D7",
       .statement = "With proper initialization (He init) and moderate learning rates, it is usually manageable (less "
                    "than 5 % of neurons are dead).",
       .source = text(guide, ", part 3"),
       .predicted = ten,
       .measured = usual[1].measured,
       .tolerance = close,
       .rule =
           text("Less than 5 % of a net's units are silent on ", plan_.inputs,
                " inputs: confirmed if so at the start with 5 to 50 layers of width ", plan_.width,
                " and orthogonal inputs, and on spirals at the start and after training at the best rate; refuted if "
                "in no case. The numbers given are those of 10 layers at the start."),
       .surprise = near(spirals, ten, close) == Verdict::refuted ? text("on two-dimensional data ", percent(spirals),
                                                                        " of 10 layers are silent at the start, on "
                                                                        "orthogonal inputs ",
                                                                        percent(usual[1].measured))
                                                                 : ""},
      all_below(usual, 0.05));

  const auto fifth = [&](const Trained& t, bool at_end) {
    return t.mean([&](const WatchRecord& r) { return (at_end ? r.units.silent.back() : r.units.silent.front())[4]; });
  };
  const auto layer = [&](Index number) {
    return over_nets(0, [&](const StartRecord& r) { return r.silent[static_cast<std::size_t>(reach(number) - 1)]; });
  };
  Ruling abnormal = all_below({{"orthogonal inputs, at the start", layer(5)},
                               {"spirals, at the start", fifth(sgd, false)},
                               {"trained, sgd", fifth(sgd, true)},
                               {"trained, adam", fifth(adam, true)}},
                              0.35);
  const auto usual_from = std::find_if(theory.begin(), theory.end(), [](double share) { return share >= 0.35; });
  abnormal.condition += usual_from == theory.end()
                            ? text("; theory expects less than 35 % at the start in all of ", plan_.depth, " layers")
                            : text("; from layer ", usual_from - theory.begin() + 1,
                                   " on theory expects 35 % or more at the start of a healthy net (layer ", plan_.depth,
                                   " measured: ", percent(layer(plan_.depth)), ")");
  add({.id = "D9",
       .statement = "35 % dead neurons in layer 5 of 10 is abnormally high.",
       .source = text(guide, ", problem 2"),
       .predicted = theory[4],
       .measured = layer(5),
       .tolerance = close,
       .rule =
           "Confirmed if less than 35 % of layer 5 are silent in He nets at the start and in nets of 10 layers trained "
           "at the best rate, refuted if in none of them. The numbers given are those of orthogonal inputs at the "
           "start.",
       .surprise = missed(layer(5), theory[4], close)},
      abnormal);

  const Index deep = reach(20);
  std::vector<MeasuredCase> helped;
  for (std::size_t b = 1; b < small_biases.size(); ++b) {
    std::vector<double> differences;
    for (int i = 0; i < nets(); ++i) {
      const auto share = [&](std::size_t bias) {
        const std::vector<double>& s =
            starts_[bias * static_cast<std::size_t>(nets()) + static_cast<std::size_t>(i)].silent;
        return UnitHistory::mean({s.begin(), s.begin() + deep});
      };
      differences.push_back(share(b) - share(0));
    }
    helped.push_back({text("bias ", small_biases[b]), mean_interval(differences)});
  }
  const std::vector<double>& lifted = theories_.back().silent;
  add({.id = "D18",
       .statement = "Biases that start slightly positive keep ReLU neurons alive.",
       .source = "folk remedy; not in the guides",
       .predicted = UnitHistory::mean({lifted.begin(), lifted.begin() + deep}),
       .measured = start_share(small_biases.size() - 1, deep),
       .tolerance = close,
       .rule = text("The share of units silent at the start, in He nets of ", deep,
                    " layers, is smaller than with zero biases (paired): confirmed if so with 0.01 and 0.1, refuted if "
                    "with none; the condition gives the difference, the numbers the share with bias 0.1 (zero bias: ",
                    percent(start_share(0, deep)), ")."),
       .surprise =
           at_least(helped.back().measured, 0) == Verdict::confirmed
               ? text("positive biases make more units silent, not fewer: they make the layers' inputs alike, and "
                      "units then agree on all inputs; theory says so too (",
                      in_words(100 * UnitHistory::mean({theory.begin(), theory.begin() + deep})), " % to ",
                      in_words(100 * UnitHistory::mean({lifted.begin(), lifted.begin() + deep})), " %)")
               : ""},
      all_below(helped, 0));
}

// Claims about what training does.
void Run::in_training() {
  const auto sum = [](const std::vector<double>& v, std::size_t from, std::size_t to) {
    return std::accumulate(v.begin() + static_cast<std::ptrdiff_t>(from), v.begin() + static_cast<std::ptrdiff_t>(to),
                           0.0);
  };
  std::vector<Case> never;
  std::vector<double> revived;  // by seed, deeper layers, plain SGD
  for (const std::string& optimizer : optimizers_tried) {
    double silent[2] = {0, 0}, again[2] = {0, 0};  // of layer 1, of the others
    std::vector<double> by_seed[2] = {std::vector<double>(static_cast<std::size_t>(plan_.trained)),
                                      std::vector<double>(static_cast<std::size_t>(plan_.trained))};
    for (const Trained& t : trained_) {
      const bool counts = t.cell.group == "rates" || (t.cell.group == "killed" && t.cell.activation == "relu");
      if (!counts || t.cell.optimizer.name != optimizer) continue;
      for (std::size_t seed = 0; seed < t.records.size(); ++seed) {
        const UnitHistory& u = t.records[seed].units;
        const std::size_t depth = u.born.size();
        for (const std::size_t deeper : {0, 1}) {
          const std::size_t from = deeper, to = deeper ? depth : 1;
          const double fell = sum(u.born, from, to) + sum(u.deaths, from, to), rose = sum(u.revivals, from, to);
          silent[deeper] += fell;
          again[deeper] += rose;
          if (!deeper) continue;
          by_seed[0][seed] += fell;
          by_seed[1][seed] += rose;
        }
      }
    }
    never.push_back(never_again(optimizer + ", layer 1", silent[0], again[0]));
    never.push_back(never_again(optimizer + ", deeper", silent[1], again[1]));
    if (optimizer != "sgd") continue;
    for (std::size_t s = 0; s < by_seed[0].size(); ++s) revived.push_back(by_seed[1][s] / std::max(1.0, by_seed[0][s]));
  }
  const Ruling forever = in_all(never);
  add({.id = "D2",
       .statement = "A neuron that outputs zero for every input can never recover; it stays dead forever.",
       .source = text(guide, ", part 3"),
       .measured = mean_interval(revived),
       .rule = "Confirmed if no unit that was silent on all training data was active again at a later look (one an "
               "epoch), at any rate, in the first layer and deeper ones, with SGD, momentum and Adam; refuted if each "
               "has some. In layer 1 plain SGD cannot: inputs stand still and the gradient is 0. The number given is "
               "the share of silent units of deeper layers that recovered under plain SGD.",
       .surprise = revived.empty() || mean_interval(revived).value < 0.01
                       ? ""
                       : text("under plain SGD ", percent(mean_interval(revived)),
                              " of the silent units of deeper layers recovered, since the layers below them moved")},
      forever);

  std::vector<Case> large;
  std::vector<MeasuredCase> shares;
  std::string woken;
  for (const std::string& optimizer : optimizers_tried) {
    const std::vector<const Trained*> rates = sweep(optimizer);
    if (rates.empty()) continue;
    double from = 0;
    const Trained* least = rates.front();
    for (const Trained* t : rates) {
      const Measurement share = t->mean(silent_at_end);
      const Measurement killed = t->mean([](const WatchRecord& r) { return silent_at_end(r) - silent_at_start(r); });
      if (at_least(killed, 0) == Verdict::confirmed) shares.push_back({text(optimizer, " ", in_words(t->rate)), share});
      if (share.value < least->mean(silent_at_end).value) least = t;
      const Measurement more = paired_difference<Cell, WatchRecord>(*rates.front(), *t, silent_at_end);
      if (from == 0 && at_least(more, 0.05) == Verdict::confirmed) from = t->rate;
    }
    const Measurement more = paired_difference<Cell, WatchRecord>(*rates.front(), *rates.back(), silent_at_end);
    large.push_back({optimizer, at_least(more, 0.05),
                     text(percent(rates.front()->mean(silent_at_end)), " at ", in_words(rates.front()->rate), ", ",
                          percent(rates.back()->mean(silent_at_end)), " at ", in_words(rates.back()->rate),
                          from > 0 ? text(", more from ", in_words(from), " on") : "")});
    const Measurement before = least->mean(silent_at_start), after = least->mean(silent_at_end);
    if (woken.empty() && below(after, before.low.value_or(before.value)) == Verdict::confirmed) {
      woken = text("a moderate rate wakes units: ", optimizer, " at ", in_words(least->rate), " leaves ",
                   percent(after), " of the ", percent(before), " that were silent at the start");
    }
  }
  const double rate = aggressive("momentum");
  const Trained& harsh = trained("rates", "momentum", text("rate ", rate));
  add({.id = "D5",
       .statement = "A large learning rate kills ReLU neurons: a weight update pushes pre-activations far negative.",
       .source = text(guide, ", part 3; ", interview),
       .measured = harsh.mean(silent_at_end),
       .tolerance = 0.05,
       .rule = text(
           "The largest rate at which no net diverged leaves at least 5 points more of the units silent than the "
           "smallest (paired): confirmed if so for SGD, momentum and Adam, refuted if for none. The numbers "
           "given are those of momentum at ",
           in_words(rate), "; rates from ", in_words(plan_.rates.front()), " to ", in_words(plan_.rates.back()), "."),
       .surprise = woken},
      in_all(large));
  add({.id = "D6",
       .statement = "In poorly initialized or aggressively trained networks, 10-40 % of neurons can die.",
       .source = text(guide, ", part 3"),
       .measured = harsh.mean(silent_at_end),
       .rule =
           "Confirmed if some rate leaves 10 to 40 % of the units silent and none leaves more; conditional if larger "
           "ones do; refuted if no rate does. The numbers given are those of D5."},
      ten_to_forty(shares));

  std::vector<MeasuredCase> alarms;
  for (const std::string& optimizer : optimizers_tried) {
    const Trained& t = trained("tuned", optimizer, "10 layers");
    for (const bool end : {false, true}) {
      alarms.push_back({text(end ? "trained, " : "at the start, ", optimizer), t.mean([&](const WatchRecord& r) {
                          const std::vector<double>& zero = end ? r.units.zero.back() : r.units.zero.front();
                          return static_cast<double>(
                                     std::count_if(zero.begin(), zero.end(), [](double z) { return z > 0.3; })) /
                                 static_cast<double>(zero.size());
                        })});
    }
  }
  const Trained& healthy = trained("tuned", "sgd", "10 layers");
  add({.id = "D8",
       .statement =
           "Monitor the fraction of zero activations per layer; if it exceeds 20-30 %, reduce the learning rate, "
           "check the initialization, or switch to Leaky ReLU.",
       .source = text(guide, ", part 3"),
       .predicted = 1,
       .measured = alarms.front().measured,
       .rule =
           text("The share of layers whose activations are zero in more than 30 % of cases, in He nets at the start "
                "and after training at the best rate: confirmed if the alarm stays silent in half of the layers or "
                "more, refuted if it does so in no case. Zeros of healthy nets after training: ",
                percent(healthy.mean([](const WatchRecord& r) { return UnitHistory::mean(r.units.zero.back()); })),
                "; units silent on all inputs: ", percent(healthy.mean(silent_at_end)), "."),
       .surprise = at_least(alarms.front().measured, 0.5) == Verdict::confirmed
                       ? text("the alarm fires in ", percent(alarms.front().measured),
                              " of the layers of a healthy net "
                              "before its first step: half of the activations are zero by symmetry")
                       : ""},
      all_below(alarms, 0.5));
}

// Claims about cures.
void Run::cured() {
  const std::string large =
      text("At the rates that leave nearest to 40 % of the units silent (momentum ", in_words(aggressive("momentum")),
           ", Adam ", in_words(aggressive("adam")), "), with fresh seeds, ");
  const std::string half = large + "at least half of the silent share goes (paired): confirmed if so for ";
  const std::string given = "; refuted if for none. The number given is what the first case takes away.";

  // No unit may be silent, in nets that did not diverge.
  const auto none_silent = [&](const std::vector<std::string>& activations) {
    std::vector<Case> cases;
    for (const std::string& optimizer : optimizers_that_kill) {
      for (const std::string& f : activations) {
        Trained t = trained("cures", optimizer, f);
        std::erase_if(t.records, [](const WatchRecord& r) { return r.diverged; });
        const std::string name = text(optimizer, ", ", f);
        if (t.records.empty()) {
          cases.push_back({name, Verdict::undecided, "diverged"});
          continue;
        }
        const Measurement silent = t.mean(silent_at_end);
        cases.push_back({name, silent.value > 0 ? Verdict::refuted : Verdict::confirmed,
                         text(percent(silent), " silent, ", percent(t.mean(never_positive)), " never positive")});
      }
    }
    return in_all(cases);
  };
  const Trained& slightly_leaky = trained("cures", "adam", "leaky_relu(0.01)");
  add({.id = "D10",
       .statement = "Leaky ReLU and PReLU neurons cannot die: the derivative of negative inputs is not zero.",
       .source = text(guide, ", part 4"),
       .predicted = 0,
       .measured = slightly_leaky.mean(silent_at_end),
       .rule = large +
               "not one unit of nets that did not diverge is silent: confirmed if so with leaky slopes 0.01 and "
               "0.1 and a learned one, refuted if with none. The numbers given are those of slope 0.01, Adam.",
       .surprise = text("with slope 0.01 no unit is silent, but ", percent(slightly_leaky.mean(never_positive)),
                        " are positive for no input: linear units in all but name (ReLU: ",
                        percent(trained("cures", "adam", "none").mean(silent_at_end)), " silent)")},
      none_silent({"leaky_relu(0.01)", "leaky_relu(0.1)", "prelu"}));

  const auto revived = [&](const std::string& optimizer, const std::string& f, double margin) {
    return trained("killed", optimizer, text(f, " by ", margin)).mean([](const WatchRecord& r) {
      return 1 - r.units.lost.back()[0] / r.units.lost.front()[0];
    });
  };
  const auto recovered = [&](const std::string& optimizer, const std::string& name) {
    return trained("cures", optimizer, name).mean([](const WatchRecord& r) { return r.units.recovered_share(); });
  };
  std::vector<MeasuredCase> revivals;
  for (const std::string& optimizer : optimizers_that_kill) {
    for (const std::string f : {"leaky_relu(0.01)", "leaky_relu(0.1)"}) {
      revivals.push_back({text(optimizer, ", ", f, ", all layers"), recovered(optimizer, f)});
    }
  }
  for (const std::string optimizer : {"sgd", "adam"}) {
    for (const double margin : margins) {
      for (const std::string& f : leaky) {
        revivals.push_back({text(optimizer, ", ", f, ", layer 1, below by ", margin), revived(optimizer, f, margin)});
      }
    }
  }
  const Measurement first_layer = revived("adam", leaky.back(), margins.front());
  add({.id = "D11",
       .statement = "Leaky ReLU: dead neurons have a small gradient instead of 0, allowing recovery.",
       .source = text(guide, ", problem 2"),
       .measured = revivals.front().measured,
       .rule =
           text("At least 5 % of the units that are positive for no input become so for some: confirmed if so among "
                "those that fell in training at the large rates (in ReLU nets ",
                percent(recovered("momentum", "none")), " with momentum and ", percent(recovered("adam", "none")),
                " with Adam) and among the quarter of the first layer that starts with a largest pre-activation of "
                "-0.1 or -1, after ",
                plan_.epochs, " epochs at a moderate rate (with ReLU ", percent(revived("sgd", "relu", margins[0])),
                " under SGD, ", percent(revived("adam", "relu", margins[0])),
                " under Adam); refuted if in no case. The numbers given are those of the first case."),
       .surprise = below(first_layer, 0.05) == Verdict::confirmed
                       ? text("of first-layer units whose largest pre-activation starts at -0.1, ",
                              percent(first_layer), " are positive after ", plan_.epochs,
                              " epochs of Adam even with slope 0.25: the gradient of "
                              "a leaky unit does not point back to 0")
                       : ""},
      all_at_least(revivals, 0.05));

  add({.id = "D12",
       .statement = "A small rate for the first epochs (warm-up) prevents early large updates that kill neurons.",
       .source = text(guide, ", problem 2"),
       .measured = gone("momentum", "warm-up, 5 epochs"),
       .rule = half + "a linear rise over 5 and over 20 epochs, momentum and Adam" + given},
      in_all(cures({"warm-up, 5 epochs", "warm-up, 20 epochs"})));

  std::vector<Case> works;
  std::string worse;
  for (const std::string name : {"drawn anew every 1 epochs", "drawn anew every 10 epochs"}) {
    for (const std::string& optimizer : optimizers_that_kill) {
      works.push_back(cure(optimizer, name));
      const Trained &with = trained("cures", optimizer, name), &none = trained("cures", optimizer, "none");
      const Measurement more = paired_difference<Cell, WatchRecord>(none, with, capped_loss);
      const std::string numbers =
          text(in_words(none.mean(capped_loss).value), " to ", in_words(with.mean(capped_loss).value));
      works.push_back({text(optimizer, ", ", name, ", loss"), below(more, 0), numbers});
      if (worse.empty() && at_least(more, 0) == Verdict::confirmed) {
        worse = text("drawing silent units anew makes the loss worse: ", optimizer, ", ", name, ": ", numbers);
      }
    }
  }
  add({.id = "D15",
       .statement = "Re-initializing dead neurons during training is a solution.",
       .source = text(guide, ", problem 2"),
       .measured = gone("momentum", "drawn anew every 1 epochs"),
       .rule = half +
               "silent units drawn anew (Sokar et al. 2023) every epoch and every 10, and the loss (at most ln 2) "
               "becomes smaller" +
               given,
       .surprise = worse},
      in_all(works));

  add({.id = "D16",
       .statement = "A small L2 penalty prevents weights from growing too large, and so dead neurons.",
       .source = text(guide, ", part 3"),
       .measured = gone("momentum", "L2 0.0001"),
       .rule = half + "penalties of 1e-4, 1e-3 and 1e-2, momentum and Adam" + given},
      in_all(cures({"L2 0.0001", "L2 0.001", "L2 0.01"})));

  NetOptions deep{.activation = activation("gelu"), .initializer = initializer("he")};
  deep.depth = 50;
  Ruling alive = none_silent({"gelu", "silu"});
  alive.condition +=
      text(alive.condition.empty() ? "" : "; ", "of the gradient of a he net of 50 gelu layers theory lets ",
           in_words(predict(deep).gradient_ratio.value), " through at the start");
  add({.id = "D19",
       .statement = "GELU and SiLU have no dead neurons.",
       .source = text(guide, ", part 9"),
       .predicted = 0,
       .measured = trained("cures", "momentum", "gelu").mean(silent_at_end),
       .rule = large +
               "not one unit of nets that did not diverge is exactly 0 for all inputs: confirmed if so for gelu and "
               "silu, refuted if for none. The numbers given are those of the first case, all nets.",
       .surprise =
           alive.verdict == Verdict::confirmed
               ? ""
               : "where large updates drive pre-activations below -14, GELU is exactly 0 in single precision, and "
                 "so is its gradient"},
      alive);
}

// Claims about batch normalization.
void Run::normalized() {
  const std::vector<std::string> activations = {"relu", "identity"};
  NetOptions net{.activation = {}, .initializer = initializer("he")};
  net.depth = plan_.norm_depth;
  net.width = plan_.norm_width;
  net.inputs = std::min<Index>(256, plan_.inputs);
  net.nets = 1;
  net.batch_norm = true;
  const auto options = [&](std::size_t f) {
    NetOptions with = net;
    with.activation = activation(activations[f]);
    return with;
  };
  // The mean factor between two interior layers.
  const auto first = static_cast<std::size_t>(plan_.norm_depth / 6),
             last = static_cast<std::size_t>(plan_.norm_depth - 1) - first;
  const auto factor = [&](double at_first, double at_last) {
    return std::pow(at_first / at_last, 2 / static_cast<double>(last - first));
  };
  const std::vector<NormRecord> records =
      trials_.run("batch normalization", static_cast<int>(activations.size()) * nets(), 0.1, [&](int i) {
        const Propagation p =
            propagate<float>(options(static_cast<std::size_t>(i / nets())), rng_.split("norm").split(net_seed(i)));
        NormRecord record;
        for (const LayerMeasurement& layer : p.layers) {
          record.positive.push_back(1 - layer.zero_fraction.value);
          record.silent.push_back(layer.silent_fraction.value);
        }
        record.factor = factor(p.layers[first].gradient.value, p.layers[last].gradient.value);
        return record;
      });
  const auto over = [&](std::size_t f, const std::function<double(const NormRecord&)>& of) {
    std::vector<double> samples;
    for (std::size_t i = 0; i < static_cast<std::size_t>(nets()); ++i) {
      samples.push_back(of(records[f * static_cast<std::size_t>(nets()) + i]));
    }
    return mean_interval(samples);
  };
  Table table{.name = "batch_normalization",
              .title = text("ReLU nets with batch normalization at their start: width ", plan_.norm_width, ", batch ",
                            net.inputs),
              .columns = {"layer", "positive", "silent"}};
  std::vector<Case> half;
  double largest_silent = 0;
  for (std::size_t l = 0; l < static_cast<std::size_t>(plan_.norm_depth); ++l) {
    const Measurement positive = over(0, [l](const NormRecord& r) { return r.positive[l]; });
    const Measurement silent = over(0, [l](const NormRecord& r) { return r.silent[l]; });
    largest_silent = std::max(largest_silent, silent.value);
    table.rows.push_back({static_cast<double>(l + 1), positive, silent});
    if (l == 0 || l == 4 || l + 1 == static_cast<std::size_t>(plan_.norm_depth)) {
      half.push_back({text("layer ", l + 1, " at the start"), near(positive, 0.5, 0.1), percent(positive)});
    }
  }
  report_.tables.push_back(std::move(table));
  for (const std::string& optimizer : optimizers_that_kill) {
    const Measurement positive = trained("cures", optimizer, "batch normalization").mean([](const WatchRecord& r) {
      return 1 - UnitHistory::mean(r.units.zero.back());
    });
    half.push_back({text("trained, ", optimizer), near(positive, 0.5, 0.1), percent(positive)});
  }
  Ruling centred = in_all(half);
  centred.condition +=
      text("; silent units of the batch at the start: at most ", percent({largest_silent}), " of a layer");
  add({.id = "D13",
       .statement =
           "Batch normalization before ReLU re-centres pre-activations around zero: roughly 50 % are positive.",
       .source = text(guide, ", problem 2"),
       .predicted = 0.5,
       .measured = over(0, [](const NormRecord& r) { return r.positive.back(); }),
       .tolerance = 0.1,
       .rule =
           text("40 to 60 % of the pre-activations are positive: confirmed if so in layers 1, 5 and ", plan_.norm_depth,
                " at the start and over the net after training at the large rates, refuted if in no case. The numbers "
                "given are those of layer ",
                plan_.norm_depth, " at the start."),
       .surprise = missed(over(0, [](const NormRecord& r) { return r.positive.back(); }), 0.5, 0.1)},
      centred);

  const auto predicted = [&](std::size_t f) {
    const NetTheory theory = predict(options(f));
    return factor(theory.layers[first].gradient.value, theory.layers[last].gradient.value);
  };
  const Measurement relu = over(0, [](const NormRecord& r) { return r.factor; });
  const Measurement linear = over(1, [](const NormRecord& r) { return r.factor; });
  report_.tables.push_back(
      {.name = "batch_normalization_gradient",
       .title = "Factor of the squared gradient, a layer, in nets with batch normalization at their start",
       .columns = {"activation", "factor", "predicted"},
       .rows = {{std::string("relu"), relu, predicted(0)}, {std::string("identity"), linear, predicted(1)}}});
  std::vector<Case> fixes = cures({"batch normalization"});
  fixes.push_back(
      {"gradients at the start", near(relu, 1, 0.1),
       text("each layer multiplies the squared gradient by ", in_words(relu), ", without ReLU by ", in_words(linear))});
  add({.id = "D14",
       .statement = "Batch normalization before ReLU fixes deep nets: it keeps neurons alive and signals in range.",
       .source = text(guide, ", problem 2"),
       .predicted = predicted(0),
       .measured = relu,
       .tolerance = 0.04,
       .rule =
           "At large rates half of the silent share goes, as for D12, with each optimizer, and a layer multiplies the "
           "squared gradient at the start by 0.9 to 1.1: confirmed if all is so, refuted if nothing. The numbers "
           "given are that factor.",
       .surprise = missed(relu, predicted(0), 0.04)},
      in_all(fixes));
}

void Run::learned_slopes() {
  std::vector<MeasuredCase> trends;
  Table table{.name = "prelu_slopes",
              .title = "Mean learned slope by layer (PReLU, one a unit, from 0.25)",
              .columns = {"optimizer", "layer", "slope"}};
  std::string gains;
  for (const std::string optimizer : {"sgd", "adam"}) {
    const Trained &prelu = trained("tuned", optimizer, "prelu(per_channel=1)"),
                  &relu = trained("tuned", optimizer, "relu");
    trends.push_back({optimizer, prelu.mean(slope_trend)});
    for (std::size_t l = 0; l < static_cast<std::size_t>(plan_.prelu_depth); ++l) {
      table.rows.push_back(
          {optimizer, static_cast<double>(l + 1), prelu.mean([l](const WatchRecord& r) { return r.slopes[l]; })});
    }
    gains += text(gains.empty() ? "" : ", ", optimizer, " ",
                  in_words(paired_difference<Cell, WatchRecord>(
                      relu, prelu, [](const WatchRecord& r) { return 100 * r.test_accuracy; })));
  }
  report_.tables.push_back(std::move(table));
  add({.id = "D20",
       .statement = "PReLU learns its slope, one a channel or neuron; early layers learn larger ones than deep layers.",
       .source = text(guide, ", part 4; He et al. 2015, table 1"),
       .predicted = -1,
       .measured = trends.front().measured,
       .rule =
           text("The rank correlation (Spearman) of layer and mean slope in ", plan_.prelu_depth,
                "-layer nets is below 0: confirmed if so with SGD and Adam, refuted if with none. The numbers given "
                "are SGD's.")},
      all_below(trends, 0));
  add({.id = "D21",
       .statement = "PReLU improved ImageNet classification accuracy over ReLU by 1.1 %.",
       .source = text(guide, ", part 4"),
       .rule = text(
           "Needs ImageNet and weeks of computing. He et al. 2015 report 33.82 % top-1 error for ReLU, 32.71 % and "
           "32.64 % for PReLU (a small net of 14 layers), and 24.02 % and 22.97 % for their model A: about the "
           "1.1 points of the claim. Here, on spirals, in points of test accuracy: ",
           gains, ".")},
      {Verdict::not_tested, ""});
}

void Run::tables_and_charts() {
  const auto point = [](Series& line, double x, const Measurement& y) {
    line.x.push_back(x);
    line.y.push_back(y.value);
    line.low.push_back(y.low.value_or(y.value));
    line.high.push_back(y.high.value_or(y.value));
  };
  Table starts{
      .name = "silent_at_start",
      .title = text("He-ReLU nets at their start: width ", plan_.width, ", ", plan_.inputs, " orthogonal inputs"),
      .columns = {"bias", "layer", "silent", "predicted", "correlation", "predicted correlation"}};
  for (std::size_t b = 0; b < small_biases.size(); ++b) {
    Series line{.chart = "Silent units at the start",
                .name = text("bias ", small_biases[b]),
                .x_label = "layer",
                .y_label = "silent share"};
    for (std::size_t l = 0; l < static_cast<std::size_t>(plan_.depth); ++l) {
      const int nets_before = static_cast<int>(b) * plan_.nets;
      const Measurement silent = over_nets(nets_before, [l](const StartRecord& r) { return r.silent[l]; });
      const Measurement c = over_nets(nets_before, [l](const StartRecord& r) { return r.correlation[l]; });
      starts.rows.push_back({small_biases[b], static_cast<double>(l + 1), silent, theories_[b].silent[l], c,
                             theories_[b].correlation[l]});
      point(line, static_cast<double>(l + 1), silent);
      line.theory.push_back(theories_[b].silent[l]);
    }
    report_.series.push_back(std::move(line));
  }

  Table table{
      .name = "training",
      .title = text("Nets of width ", plan_.trained_width, " trained on spirals for ", plan_.epochs,
                    " epochs; silent on all ", train_.size(),
                    " training inputs; deaths and revivals a net, by looks once an epoch"),
      .columns = {"group", "optimizer", "rate", "with", "layers", "loss", "test accuracy", "silent at start", "silent",
                  "layer 1 deaths", "layer 1 revivals", "deeper deaths", "deeper revivals", "diverged"}};
  for (const Trained& t : trained_) {
    const auto count = [&](std::vector<double> UnitHistory::*what, bool deeper) {
      return t.mean([&](const WatchRecord& r) {
        const std::vector<double>& layers = r.units.*what;
        return deeper ? std::accumulate(layers.begin() + 1, layers.end(), 0.0) : layers.front();
      });
    };
    table.rows.push_back({t.cell.group, t.cell.optimizer.name, t.rate, t.cell.name, static_cast<double>(t.cell.depth),
                          t.mean(final_loss), t.mean([](const WatchRecord& r) { return r.test_accuracy; }),
                          t.mean(silent_at_start), t.mean(silent_at_end), count(&UnitHistory::deaths, false).value,
                          count(&UnitHistory::revivals, false).value, count(&UnitHistory::deaths, true).value,
                          count(&UnitHistory::revivals, true).value,
                          t.mean([](const WatchRecord& r) { return r.diverged ? 1.0 : 0.0; }).value});
    const bool cure = t.cell.group == "cures", killed = t.cell.group == "killed";
    if (!cure && !killed) continue;
    Series line{
        .chart = text(cure ? "Silent units at the large rate, " : "Killed units of layer 1 that are positive again, ",
                      t.cell.optimizer.name),
        .name = t.cell.name,
        .x_label = "step",
        .y_label = cure ? "silent share" : "revived share"};
    std::size_t looks = t.records.front().units.steps.size();
    for (const WatchRecord& r : t.records) looks = std::min(looks, r.units.steps.size());
    for (std::size_t look = 0; look < looks; ++look) {
      point(line, t.records.front().units.steps[look], t.mean([&](const WatchRecord& r) {
        return cure ? UnitHistory::mean(r.units.silent[look]) : 1 - r.units.lost[look][0] / r.units.lost[0][0];
      }));
    }
    report_.series.push_back(std::move(line));
  }
  report_.tables.insert(report_.tables.begin(), {std::move(starts), std::move(table)});

  for (const std::string& optimizer : optimizers_tried) {
    HeatMap map{.name = "silent_by_rate_" + optimizer,
                .title = text("Silent share by layer and rate after training, ", optimizer),
                .row_label = "layer",
                .column_label = "rate"};
    Series line{
        .chart = "Silent units by rate", .name = optimizer, .x_label = "log10 of the rate", .y_label = "silent share"};
    map.values.resize(static_cast<std::size_t>(plan_.trained_depth));
    for (const Trained* t : sweep(optimizer)) {
      map.columns.push_back(in_words(t->rate));
      point(line, std::log10(t->rate), t->mean(silent_at_end));
      for (std::size_t l = 0; l < map.values.size(); ++l) {
        map.values[l].push_back(t->mean([l](const WatchRecord& r) { return r.units.silent.back()[l]; }).value);
      }
    }
    for (std::size_t l = 0; l < map.values.size(); ++l) map.rows.push_back(text(l + 1));
    report_.heat_maps.push_back(std::move(map));
    report_.series.push_back(std::move(line));
  }
}

Report Run::report() {
  measure_starts();
  measure_training();
  at_the_start();
  in_training();
  cured();
  normalized();
  learned_slopes();
  tables_and_charts();
  const auto number = [](const Claim& claim) { return std::stoi(claim.id.substr(1)); };
  std::sort(report_.claims.begin(), report_.claims.end(),
            [&](const Claim& a, const Claim& b) { return number(a) < number(b); });
  const Trained& sgd = trained("tuned", "sgd", "10 layers");
  report_.answer =
      text("On ", train_.size(), " inputs ", percent(sgd.mean(silent_at_start)),
           " of the units of 10 He-ReLU layers "
           "are silent before training, ",
           percent(sgd.mean(silent_at_end)), " after SGD at ", in_words(sgd.rate), " and ",
           percent(trained("cures", "momentum", "none").mean(silent_at_end)), " after momentum at ",
           in_words(aggressive("momentum")), "; of the times that a unit is or falls silent it recovers in ",
           percent(*report_.claims[1].measured), " in deeper layers, whose inputs move, under plain SGD.");
  report_.notes.push_back(
      "Silent: the activation is exactly 0 for every training input, in evaluation mode, looked at once an epoch.");
  report_.notes.push_back(text("Training: two spirals, ", train_.size(), " inputs, batches of ", batch, ", ",
                               plan_.trained_depth, " layers of ", plan_.trained_width, ", ", plan_.epochs, " epochs, ",
                               plan_.trained, " seeds; tuned rates are chosen with another seed."));
  return std::move(report_);
}

}  // namespace

DyingPlan dying_plan(const ExperimentSettings& settings) {
  DyingPlan plan;
  if (settings.profile == Profile::full) {
    plan.nets = 20;
    plan.trained = 30;
    plan.epochs = 100;
  }
  if (settings.seeds > 0) plan.nets = plan.trained = settings.seeds;
  return plan;
}

Report dying_relu(const ExperimentSettings& settings, const DyingPlan& plan) { return Run(settings, plan).report(); }

Report dying_relu(const ExperimentSettings& settings) { return dying_relu(settings, dying_plan(settings)); }

}  // namespace evengrad
