#include <evengrad/experiments/init_pairing.hpp>

#include <evengrad/activations/registry.hpp>
#include <evengrad/core/error.hpp>
#include <evengrad/core/linear_algebra.hpp>
#include <evengrad/data/registry.hpp>
#include <evengrad/experiments/gradients.hpp>
#include <evengrad/experiments/vanishing_gradients.hpp>
#include <evengrad/training/propagation.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <set>

namespace evengrad {

namespace pairing {

Verdict within_factor(const Measurement& m, double target, double factor) {
  return both(at_least(m, target / factor), below(m, target * factor));
}

Verdict less(const Measurement& a, const Measurement& b) {
  if (below(a, b.low.value_or(b.value)) == Verdict::confirmed) return Verdict::confirmed;
  return at_least(a, b.high.value_or(b.value)) == Verdict::confirmed ? Verdict::refuted : Verdict::undecided;
}

Verdict inverse(Verdict verdict) {
  if (verdict == Verdict::confirmed) return Verdict::refuted;
  return verdict == Verdict::refuted ? Verdict::confirmed : verdict;
}

Index overflowing_layer(const std::vector<double>& q, Index count) {
  const double deviations = std::sqrt(2 * std::log(static_cast<double>(count)));
  for (std::size_t l = 0; l < q.size(); ++l) {
    if (!(deviations * std::sqrt(q[l]) <= std::numeric_limits<float>::max())) return static_cast<Index>(l) + 1;
  }
  return 0;
}

Ruling stable_means_learning(const std::vector<Outcome>& nets) {
  int count[2][2] = {{0, 0}, {0, 0}};  // stable, learns
  std::string example[2];              // stable without learning, learning without being stable
  for (const Outcome& net : nets) {
    ++count[net.stable][net.learns];
    if (net.stable != net.learns && example[net.learns].empty()) example[net.learns] = text(" (", net.name, ")");
  }
  const int exceptions = count[1][0] + count[0][1], all = exceptions + count[0][0] + count[1][1];
  const Verdict verdict = all == 0               ? Verdict::undecided
                          : exceptions == 0      ? Verdict::confirmed
                          : 2 * exceptions < all ? Verdict::conditional
                                                 : Verdict::refuted;
  return {verdict, text("of ", count[1][0] + count[1][1], " stable nets ", count[1][0], " do not learn", example[0],
                        ", of ", count[0][0] + count[0][1], " others ", count[0][1], " do", example[1])};
}

}  // namespace pairing

namespace {

using namespace pairing;
using vanishing::learned, vanishing::stalled, vanishing::init_decides;

constexpr const char* guide = "Activation functions guide, part 10";
constexpr const char* guide_on_selu = "Activation functions guide, part 4";

// A net at its start.
struct Net {
  std::string activation, initializer;
  Index depth = 0;
  Index width = 0;  // 0: the plan's
  double input_variance = 1;
  bool residual = false;
  Index inputs = 16;
  bool orthogonal = false;  // orthogonal inputs of equal length
  friend bool operator==(const Net&, const Net&) = default;
};

// Its weights depend on these only: nets that differ in depth or input are paired.
std::string pair_name(const Net& net) { return text(net.activation, " ", net.initializer); }

std::string to_string(const Net& net) {
  return text(pair_name(net), " ", net.depth, net.residual ? " residual" : "",
              net.input_variance == 1 ? "" : text(", input variance ", net.input_variance));
}

// One net's signals by layer.
struct Signals {
  std::vector<double> q, second, gradient, correlation;

  template <class Fields>
  void fields(Fields& f) {
    f("q", q);
    f("second", second);
    f("gradient", gradient);
    f("correlation", correlation);
  }
};

struct Start {
  Net net;
  std::vector<Signals> nets;
  NetTheory theory;

  std::vector<double> values(const std::function<double(const Signals&)>& of) const {
    std::vector<double> samples;
    for (const Signals& one : nets) samples.push_back(of(one));
    return samples;
  }
  static std::size_t at(Index layer) { return static_cast<std::size_t>(layer - 1); }

  // Geometric means over nets.
  Measurement ratio() const {  // the gradient of layer 1 over that of the last
    return geometric_mean_interval(values([](const Signals& s) { return s.gradient.front() / s.gradient.back(); }));
  }
  Measurement q(Index layer) const {
    return geometric_mean_interval(values([=](const Signals& s) { return s.q[at(layer)]; }));
  }
  Measurement growth(Index first, Index last) const {
    return geometric_mean_interval(values([=](const Signals& s) { return s.q[at(last)] / s.q[at(first)]; }));
  }
  // The factor of the mean square of f from a layer to the next: the mean over layers and nets.
  Measurement layer_factor() const {
    return mean_interval(values([](const Signals& s) {
      double sum = 0;
      for (std::size_t l = 1; l < s.second.size(); ++l) sum += s.second[l] / s.second[l - 1];
      return sum / static_cast<double>(s.second.size() - 1);
    }));
  }
  double predicted_ratio() const { return theory.gradient_ratio.value; }
  double predicted_q(Index layer) const { return theory.layers[at(layer)].q.value; }
  double predicted_growth(Index first, Index last) const { return predicted_q(last) / predicted_q(first); }
};

// One way to train a net.
struct Cell {
  std::string activation, initializer;
  Index depth = 0;
  std::string optimizer = "sgd";
  bool centred = false;   // the sigmoid net that is a tanh net, see centre_sigmoids()
  bool symmetry = false;  // a narrow net on all of the data at once, with more of one class than of the other
  std::vector<double> rates = {0.01, 0.1, 1};
  std::int64_t steps = 0;  // 0: the plan's
};

std::string to_string(const Cell& cell) {
  return text(cell.activation, " ", cell.initializer, " ", cell.depth, " ", cell.optimizer,
              cell.centred ? " centred" : "", cell.symmetry ? " symmetry" : "");
}

struct PairRecord : FitRecord {
  bool non_finite = false;           // a NaN or an infinity stopped it,
  bool at_once = false;              // before the end of its first step
  double moved = 0;                  // the largest change of a hidden weight
  double difference = 0;             // the largest one between two units of a hidden layer: a weight or bias
  std::vector<double> mean, second;  // of the activations of each hidden layer after training

  template <class Fields>
  void fields(Fields& f) {
    FitRecord::fields(f);
    f("non_finite", non_finite);
    f("at_once", at_once);
    f("moved", moved);
    f("difference", difference);
    f("mean", mean);
    f("second", second);
  }
};

using Trained = Tuned<Cell, PairRecord>;

// What a weight of this shape does to the mean square of a signal, and of a gradient on its way back.
struct LayerFactors {
  double forward = 0, backward = 0;

  template <class Fields>
  void fields(Fields& f) {
    f("forward", forward);
    f("backward", backward);
  }
};

const std::vector<std::string> activations_in_matrix = {"sigmoid", "tanh", "relu", "leaky_relu", "elu",
                                                        "selu",    "gelu", "silu", "mish"};
const std::vector<std::string> initializers_in_matrix = {"pytorch",  "xavier",        "he", "orthogonal", "matched",
                                                         "critical", "xavier(gain=4)"};

std::string layers(Index count) { return text(count, " layers"); }

std::string he_times(double k) { return text("lecun(gain=", in_words(k * std::sqrt(2.0), 17), ")"); }

class Run {
 public:
  Run(const ExperimentSettings& settings, const PairingPlan& plan)
      : plan_(plan),
        trials_(settings),
        rng_(Rng(settings.seed).split("init-pairing")),
        data_(convert<float>(
            load_data<double>(
                {.name = "moons", .samples = 512, .noise = 0.1, .test_fraction = 0.0, .seed = settings.seed})
                .train)),
        chance_(std::log(static_cast<double>(data_.classes))) {
    std::vector<Index> rows;  // all of class 0, a third of the others
    for (Index i = 0; i < data_.size(); ++i) {
      if (data_.labels[static_cast<std::size_t>(i)] == 0 || i % 3 == 0) rows.push_back(i);
    }
    skewed_ = select_rows(data_, rows);
    for (const std::string& f : activations_in_matrix) {
      if (critical_point(activation(f))) with_critical_.insert(f);
    }
  }

  Report report();

 private:
  NetOptions options_of(const Net& net) const;
  std::vector<Start> measure(const std::string& what, const std::vector<Net>& nets, double share, int count = 0);
  const Start& start(const std::string& activation, const std::string& initializer, Index depth) const;
  PairRecord train_one(const Cell& cell, double rate, std::uint64_t seed) const;
  std::vector<Trained> train(const std::string& what, const std::vector<Cell>& cells, double share, int seeds = 0,
                             int selection_seeds = 1);
  const Trained& trained(const std::string& activation, const std::string& initializer, Index depth,
                         const std::string& optimizer = "sgd") const;
  Measurement relative_loss(const Trained& t) const {
    return t.mean([&](const PairRecord& record) { return record.loss / chance_; });
  }
  double median_loss(const Trained& t) const {
    return quantile(t.values([&](const PairRecord& record) { return record.loss / chance_; }), 0.5);
  }
  Case trains(const Trained& t) const;
  bool exists(const std::string& activation, const std::string& initializer) const {
    return initializer != "critical" || with_critical_.count(activation) > 0;
  }
  void measure_matrix();
  void train_recommended();
  void add_series(const std::string& chart, const std::string& name, const Start& start);

  Claim xavier_keeps_both();
  Claim relu_xavier();
  std::vector<Claim> he_and_leaky();  // I3 and I13 share their nets
  Claim sigmoid_he();
  Claim sigmoid_xavier();
  Claim tanh_xavier();
  Claim gelu_he();
  Claim exact_gain();
  Claim critical_points();
  std::vector<Claim> selu();  // I10 to I12
  Claim zero_init();
  Claim too_large();
  Claim wrong_pairings();
  Claim stable_variance();

  void tables_and_maps();
  void note_misses();
  std::string answer() const;
  Table best_initializers() const;

  const PairingPlan plan_;
  Trials trials_;
  const Rng rng_;
  const Dataset<float> data_;
  const double chance_;  // ln(classes): the loss of an answer that knows nothing
  Dataset<float> skewed_;
  std::set<std::string> with_critical_;  // activations of the matrix that have a critical point
  std::vector<Start> starts_;            // the matrix
  std::vector<Trained> trained_;         // the matrix, and the wrong pairings at other depths
  std::vector<Trained> recommended_;
  Report report_;
};

NetOptions Run::options_of(const Net& net) const {
  NetOptions options{.activation = activation(net.activation), .initializer = initializer(net.initializer)};
  options.depth = net.depth;
  options.width = net.width > 0 ? net.width : plan_.width;
  options.inputs = net.inputs;
  options.nets = 1;
  options.input_variance = net.input_variance;
  options.residual = net.residual;
  options.orthogonal_inputs = net.orthogonal;
  return options;
}

std::vector<Start> Run::measure(const std::string& what, const std::vector<Net>& nets, double share, int count) {
  if (count == 0) count = plan_.nets;
  std::vector<NetOptions> options;  // made once: what an initializer derives, it derives once
  for (const Net& net : nets) options.push_back(options_of(net));
  const std::vector<Signals> all = trials_.run(
      what, static_cast<int>(nets.size()) * count, share,
      [&](int i) {
        const Net& net = nets[static_cast<std::size_t>(i / count)];
        const Propagation measured =
            propagate<double>(options[static_cast<std::size_t>(i / count)],
                              rng_.split("starts").split(pair_name(net)).split(static_cast<std::uint64_t>(i % count)));
        Signals signals;
        for (const LayerMeasurement& layer : measured.layers) {
          signals.q.push_back(layer.q.value);
          signals.second.push_back(layer.activation_second_moment.value);
          signals.gradient.push_back(layer.gradient.value);
          signals.correlation.push_back(layer.correlation.value);
        }
        return signals;
      },
      [&](int i) { return to_string(nets[static_cast<std::size_t>(i / count)]); });
  const std::vector<NetTheory> theories =
      trials_.run(what + ", theory", static_cast<int>(nets.size()), share / 10,
                  [&](int i) { return predict(options[static_cast<std::size_t>(i)]); });
  std::vector<Start> starts;
  for (std::size_t n = 0; n < nets.size(); ++n) {
    const auto first = all.begin() + static_cast<std::ptrdiff_t>(n) * count;
    starts.push_back({nets[n], std::vector<Signals>(first, first + count), theories[n]});
  }
  return starts;
}

const Start& Run::start(const std::string& activation, const std::string& initializer, Index depth) const {
  return *std::find_if(starts_.begin(), starts_.end(), [&](const Start& s) {
    return s.net == Net{.activation = activation, .initializer = initializer, .depth = depth};
  });
}

PairRecord Run::train_one(const Cell& cell, double rate, std::uint64_t seed) const {
  const Dataset<float>& data = cell.symmetry ? skewed_ : data_;
  const Index width = cell.symmetry ? 16 : plan_.trained_width;
  FitOptions options{.net = {.hidden = std::vector<Index>(static_cast<std::size_t>(cell.depth), width),
                             .activations = {activation(cell.activation)}},
                     .initializer = initializer(cell.initializer)};
  options.trainer.optimizer = {.name = cell.optimizer, .learning_rate = rate};
  const std::int64_t all_steps = cell.steps > 0 ? cell.steps : plan_.steps;
  options.trainer.steps = all_steps;
  if (cell.symmetry) options.trainer.batch_size = data.size();

  PairRecord record;
  std::vector<Parameter<float>*> hidden;  // weight, bias, weight, ...
  std::vector<Matrix<float>> before;
  std::int64_t steps = 0;
  FitHooks<float> hooks;
  hooks.on_start = [&](Sequential<float>& net) {
    if (cell.centred) centre_sigmoids(net);
    net.visit(Path(), [&](const Path&, Parameter<float>& parameter) { hidden.push_back(&parameter); });
    hidden.resize(hidden.size() - 2);  // without the output layer
    for (const Parameter<float>* parameter : hidden) before.push_back(parameter->value);
  };
  hooks.on_step = [&](std::int64_t step, Sequential<float>&) { steps = step; };
  hooks.on_end = [&](Sequential<float>& net) {
    record.non_finite = steps < all_steps;
    record.at_once = steps == 0;
    for (std::size_t i = 0; i < hidden.size(); ++i) {
      const Matrix<float>& now = hidden[i]->value;
      if (i % 2 == 0) record.moved = std::max<double>(record.moved, (now - before[i]).cwiseAbs().maxCoeff());
      const Matrix<float> rows = i % 2 == 0 ? now : Matrix<float>(now.transpose());  // a row a unit
      const double difference = (rows.rowwise() - rows.row(0)).cwiseAbs().maxCoeff();
      record.difference = std::max(record.difference, difference);
    }
    Tape<float> tape({.recording = false});
    net.forward(tape.constant(data.inputs), {});
    for (const Node<float>& node : tape.nodes()) {
      if (node.op != Affine<float>::name || std::ssize(record.mean) == cell.depth) continue;
      const Eigen::Map<const Eigen::ArrayXf> f(node.value, node.shape.size());
      record.mean.push_back(f.cast<double>().mean());
      record.second.push_back(f.cast<double>().square().mean());
    }
  };
  // Paired: weights and batches of a seed are the same whatever else differs.
  static_cast<FitRecord&>(record) = fit<float>(trials_, options, data, {}, rng_.split("training").split(seed), hooks);
  return record;
}

std::vector<Trained> Run::train(const std::string& what, const std::vector<Cell>& cells, double share, int seeds,
                                int selection_seeds) {
  return tune_and_train(
      trials_, what, cells, seeds > 0 ? seeds : plan_.trained, share,
      [&](const Cell& cell, double rate, std::uint64_t seed) { return train_one(cell, rate, seed); },
      [](const PairRecord& record) { return record.loss; }, [](const Cell& cell) { return to_string(cell); },
      selection_seeds);
}

const Trained& Run::trained(const std::string& activation, const std::string& initializer, Index depth,
                            const std::string& optimizer) const {
  return *std::find_if(trained_.begin(), trained_.end(), [&](const Trained& t) {
    return t.cell.activation == activation && t.cell.initializer == initializer && t.cell.depth == depth &&
           t.cell.optimizer == optimizer;
  });
}

void Run::measure_matrix() {
  std::vector<Net> nets;
  std::vector<Cell> cells;
  for (const std::string& f : activations_in_matrix) {
    for (const std::string& init : initializers_in_matrix) {
      if (!exists(f, init)) continue;
      for (const Index depth : plan_.depths) nets.push_back({.activation = f, .initializer = init, .depth = depth});
      for (const Index depth : plan_.trained_depths) cells.push_back({f, init, depth});
    }
  }
  const auto& in_matrix = plan_.trained_depths;
  for (const Index depth : plan_.wrong_depths) {
    for (const std::string init : {"xavier", "he"}) {
      if (std::find(in_matrix.begin(), in_matrix.end(), depth) == in_matrix.end())
        cells.push_back({"relu", init, depth});
      cells.push_back({"relu", init, depth, "adam"});
      cells.back().rates = {1e-3, 1e-2};
      if (depth == plan_.wrong_depths.front()) {
        cells.push_back(cells.back());
        cells.back().activation = "sigmoid";
      }
    }
  }
  starts_ = measure("the matrix at the start", nets, 0.3);
  trained_ = train("training", cells, 0.5);
}

// What the guide recommends, trained longer: these verdicts rest on it.
void Run::train_recommended() {
  std::vector<Cell> cells;
  for (const auto& [f, init] : {std::pair("tanh", "xavier"), std::pair("gelu", "he"), std::pair("selu", "lecun")}) {
    for (const Index depth : plan_.trained_depths) {
      cells.push_back({f, init, depth});
      cells.back().rates = {0.003, 0.01, 0.03};
      cells.back().steps = plan_.long_steps;
    }
  }
  recommended_ = train("recommended", cells, 0.1, plan_.recommended, 2);
}

void add_point(Series& line, double x, const Measurement& y, double theory) {
  line.x.push_back(x);
  line.y.push_back(y.value);
  line.low.push_back(y.low.value_or(y.value));
  line.high.push_back(y.high.value_or(y.value));
  line.theory.push_back(theory);
}

// Mean squares by layer.
void Run::add_series(const std::string& chart, const std::string& name, const Start& s) {
  Series line{.chart = chart, .name = name, .x_label = "layer", .y_label = "mean square pre-activation", .log_y = true};
  for (Index l = 1; l <= s.net.depth; ++l) add_point(line, static_cast<double>(l), s.q(l), s.predicted_q(l));
  report_.series.push_back(std::move(line));
}

Claim Run::xavier_keeps_both() {
  struct Shape {
    Index in, out;
  };
  const std::vector<Shape> shapes = {{64, 64}, {64, 256}, {256, 64}};
  constexpr Index samples = 64;
  const auto role = [&](std::size_t s) { return WeightRole{.fan_in = shapes[s].in, .fan_out = shapes[s].out}; };
  const Initializer xavier = initializer("xavier");
  const std::vector<LayerFactors> all =
      trials_.run("xavier by shape", static_cast<int>(shapes.size()) * plan_.nets, 0.01, [&](int i) {
        const auto s = static_cast<std::size_t>(i / plan_.nets);
        const Rng rng = rng_.split("shapes").split(static_cast<std::uint64_t>(i));
        Matrix<double> w(shapes[s].out, shapes[s].in), x(samples, shapes[s].in), g(samples, shapes[s].out);
        fill(w, xavier(role(s)).weight, rng.split("weight"));
        fill(x, {Distribution::normal, 1}, rng.split("inputs"));
        fill(g, {Distribution::normal, 1}, rng.split("gradients"));
        return LayerFactors{product(x, w.transpose()).array().square().mean() / x.array().square().mean(),
                            product(g, w).array().square().mean() / g.array().square().mean()};
      });
  Table table{.name = "xavier_by_shape",
              .title = "Xavier: what a linear layer does to the mean square of a signal and of a gradient",
              .columns = {"inputs", "outputs", "forward", "predicted", "backward", "predicted backward"}};
  std::vector<Case> cases;
  for (std::size_t s = 0; s < shapes.size(); ++s) {
    std::vector<double> forward, backward;
    for (int i = 0; i < plan_.nets; ++i) {
      const LayerFactors& factors = all[s * static_cast<std::size_t>(plan_.nets) + static_cast<std::size_t>(i)];
      forward.push_back(factors.forward), backward.push_back(factors.backward);
    }
    const double scale = xavier(role(s)).weight.scale, variance = scale * scale;
    const auto in = static_cast<double>(shapes[s].in), out = static_cast<double>(shapes[s].out);
    const Measurement f = mean_interval(forward), b = mean_interval(backward);
    table.rows.push_back({in, out, f, in * variance, b, out * variance});
    cases.push_back({text("a linear layer ", shapes[s].in, " to ", shapes[s].out),
                     both(near(f, 1, 0.1), near(b, 1, 0.1)),
                     text("forward ", in_words(f.value), ", backward ", in_words(b.value))});
  }
  report_.tables.push_back(std::move(table));
  const Index depth = plan_.depths[1];
  const Start& tanh = start("tanh", "xavier", depth);
  const Measurement signal = tanh.growth(1, depth), gradient = tanh.ratio();
  cases.push_back({text(layers(depth), " of tanh"), both(within_factor(signal, 1, 2), within_factor(gradient, 1, 2)),
                   text("mean square times ", in_words(signal.value), ", gradient times ", in_words(gradient.value))});
  const Ruling ruling = in_all(cases);
  return {
      .id = "I1",
      .statement =
          "For an activation that is symmetric around zero, like tanh, Xavier keeps both forward "
          "activations and backward gradients at stable variance.",
      .source = guide,
      .predicted = tanh.predicted_growth(1, depth),
      .measured = signal,
      .tolerance = 2,
      .rule = text("The mean square of signal and of gradient stays within 10 % through one linear layer, square or "
                   "not, and both stay within a factor of 2 through ",
                   layers(depth),
                   " of tanh: confirmed if all hold, refuted if none. The numbers given are tanh's "
                   "last layer over its first, forward; theory: about 1 / (2 depth)."),
      .verdict = ruling.verdict,
      .condition = ruling.condition};
}

Claim Run::relu_xavier() {
  const Index depth = plan_.depths.back();
  const Start& s = start("relu", "xavier", depth);
  const auto n = static_cast<double>(depth - 1);
  const Measurement total = s.growth(1, depth);
  const auto root = [n](double x) { return std::pow(x, 1 / n); };
  const Measurement factor{root(total.value), root(total.low.value_or(total.value)),
                           root(total.high.value_or(total.value))};
  const double predicted = root(s.predicted_growth(1, depth));
  add_series(text("Mean square by layer, ", layers(depth)), "relu, xavier", s);
  add_series(text("Mean square by layer, ", layers(depth)), "relu, he", start("relu", "he", depth));
  std::string decay;
  for (Index l = 10; l < depth; l += 10) {
    decay += text(decay.empty() ? "rms " : ", ", in_words(std::sqrt(s.growth(1, l + 1).value)), " after ", l);
  }
  return {.id = "I2",
          .statement =
              "Xavier with ReLU: ReLU cuts the variance roughly in half, Xavier does not compensate; "
              "activations decay to zero in deep networks.",
          .source = guide,
          .predicted = predicted,
          .measured = factor,
          .tolerance = 0.05,
          .rule = text("The factor of the mean square a layer, over ", layers(depth),
                       " of equal width, is 1/2 within 5 %."),
          .verdict = near(factor, predicted, 0.05 * predicted),
          .condition = decay + (decay.empty() ? "" : " layers"),
          .surprise = missed(factor, predicted, 0.05 * predicted)};
}

std::vector<Claim> Run::he_and_leaky() {
  const std::vector<std::string> names = {"relu", "leaky_relu(0.01)", "leaky_relu(0.25)", "leaky_relu(1)"};
  std::vector<Net> nets;
  for (const std::string& init : {std::string("he"), he_times(1)}) {
    for (const std::string& f : names) {
      nets.push_back({.activation = f, .initializer = init, .depth = plan_.checked, .width = plan_.narrow});
      nets.back().inputs = 1;
      nets.back().orthogonal = true;  // of length exactly sqrt(width)
    }
  }
  const std::vector<Start> all = measure("layer factors", nets, 0.03, plan_.narrow_nets);
  Table table{.name = "layer_factors",
              .title = "Factor of the mean square a layer, mean over layers and nets",
              .columns = {"activation", "Var W fan_in", "factor", "predicted"}};
  std::vector<Case> leaky;
  for (std::size_t i = 0; i < all.size(); ++i) {
    const Activation f = activation(all[i].net.activation);
    const double slope = -f.value(-1), scale = i < names.size() ? 2 / (1 + slope * slope) : 2;
    const Measurement factor = all[i].layer_factor();
    table.rows.push_back({f.name(), scale, factor, variance_map(f, {scale, 0}, 1)});
    if (i > 0 && i < names.size()) leaky.push_back({f.name(), near(factor, 1, 0.02), in_words(factor)});
  }
  report_.tables.push_back(std::move(table));

  const Start& relu = all.front();
  const double beta = he_relu_log_variance(plan_.checked + 1, plan_.narrow);  // the first layer adds its part
  std::vector<double> logarithms = relu.values([](const Signals& s) { return std::log(s.second.back()); });
  const Measurement log_mean = mean_interval(logarithms), log_variance = variance_interval(logarithms);
  report_.tables.push_back(
      {.name = "he_fluctuations",
       .title = text("The logarithm of a signal's mean square after ", layers(plan_.checked), " of He-ReLU, width ",
                     plan_.narrow, ", one input, ", plan_.narrow_nets, " nets"),
       .columns = {"of the logarithm", "measured", "predicted (Hanin 2018)"},
       .rows = {{std::string("mean"), log_mean, -beta / 2}, {std::string("variance"), log_variance, beta}}});
  const Measurement factor = relu.layer_factor();
  const Measurement typical = geometric_mean_interval(relu.values([](const Signals& s) { return s.second.back(); }));
  const Ruling he = in_all({{"the mean over nets, a layer", near(factor, 1, 0.02), in_words(factor)},
                            {text("the typical net of ", layers(plan_.checked), ", width ", plan_.narrow),
                             near(typical, 1, 0.1), in_words(typical)}});
  const Ruling of_leaky = in_all(leaky);
  return {
      {.id = "I3",
       .statement = "He: the factor of 2 compensates for ReLU zeroing out negative values.",
       .source = guide,
       .predicted = std::exp(-beta / 2),
       .measured = typical,
       .tolerance = 0.1,
       .rule = text("The mean square of the signal is kept: within 2 % a layer in the mean over nets, and within "
                    "10 % after ",
                    layers(plan_.checked), " of width ", plan_.narrow,
                    " in the typical net, that is the geometric mean (the number given; predicted by Hanin 2018): "
                    "confirmed if both, refuted if none."),
       .verdict = he.verdict,
       .condition = he.condition,
       .surprise = missed(log_mean, -beta / 2, 0.15 * beta / 2)},
      {.id = "I13",
       .statement = "Leaky ReLU goes with the modified He initialization, Var W = 2 / ((1 + a^2) n).",
       .source = guide,
       .predicted = 1,
       .measured = all[2].layer_factor(),
       .tolerance = 0.02,
       .rule = "The factor of the mean square a layer is 1 within 0.02: confirmed if so for slopes 0.01, 0.25 and "
               "1. The numbers given are those of 0.25.",
       .verdict = of_leaky.verdict,
       .condition = text(of_leaky.condition, "; with plain He 2 / n: ", in_words(all[5].layer_factor().value, 4), ", ",
                         in_words(all[6].layer_factor().value, 4), " and ", in_words(all[7].layer_factor().value, 4))}};
}

Claim Run::sigmoid_he() {
  const Index depth = plan_.depths[1], shallow = plan_.depths.front();
  const Activation sigmoid = activation("sigmoid");
  const double flat = sigmoid.derivative(4);
  const std::vector<double> shares = trials_.run("saturated units", plan_.nets, 0.01, [&](int i) {
    const NetOptions options = options_of({.activation = "sigmoid", .initializer = "he", .depth = shallow});
    const GradientProfile profile =
        gradient_profile(options, rng_.split("saturated").split(static_cast<std::uint64_t>(i)), true);
    const auto count = std::count_if(profile.slope.begin(), profile.slope.end(), [=](double s) { return s < flat; });
    return static_cast<double>(count) / static_cast<double>(profile.slope.size());
  });
  const Measurement saturated = mean_interval(shares);
  const Start &he = start("sigmoid", "he", depth), &xavier = start("sigmoid", "xavier", depth);
  double predicted = 0;  // over the layers of which slopes are kept, all but the last
  for (Index l = 1; l < shallow; ++l) {
    predicted += std::erfc(4 / std::sqrt(2 * he.predicted_q(l))) / static_cast<double>(shallow - 1);
  }
  std::vector<Case> cases = {
      {"units with |z| > 4 are 10 % or more", at_least(saturated, 0.1), in_words(saturated.value)},
      {text("less gradient passes ", layers(depth), " than with xavier"), less(he.ratio(), xavier.ratio()),
       text(in_words(he.ratio().value), " against ", in_words(xavier.ratio().value))}};
  for (const std::string optimizer : {"sgd", "adam"}) {
    const Measurement with_he = relative_loss(trained("sigmoid", "he", plan_.wrong_depths.front(), optimizer));
    const Measurement with_xavier = relative_loss(trained("sigmoid", "xavier", plan_.wrong_depths.front(), optimizer));
    cases.push_back({text(layers(plan_.wrong_depths.front()), " freeze under ", optimizer, " and not with xavier"),
                     init_decides(with_he, with_xavier),
                     text("loss ", in_words(with_he.value), " against ", in_words(with_xavier.value), " of ln 2")});
  }
  const Ruling ruling = in_all(cases);
  return {.id = "I4",
          .statement =
              "He with sigmoid: the variance is too large, pre-activations land in the saturated regions, "
              "gradients vanish immediately, training freezes.",
          .source = guide,
          .predicted = predicted,
          .measured = saturated,
          .tolerance = 0.1,
          .rule =
              "At least 10 % of the units have |z| > 4 (the numbers given), less gradient arrives than with xavier, "
              "and training stalls where it does not with xavier: confirmed if all hold, refuted if none.",
          .verdict = ruling.verdict,
          .condition = ruling.condition,
          .surprise = ruling.verdict == Verdict::refuted
                          ? text("sigmoid with he: ", in_words(saturated.value), " of the units saturate and ",
                                 in_words(he.ratio().value / xavier.ratio().value),
                                 " times as much gradient arrives as with xavier")
                          : ""};
}

Claim Run::sigmoid_xavier() {
  constexpr Index depth = 10;
  const Activation sigmoid = activation("sigmoid");
  const double q = edge_without_bias(sigmoid).value_or(1);
  const double edge = std::sqrt(edge_of_chaos(sigmoid, q)->weight);  // gain at which chi1 = 1
  const auto with_gain = [](double gain) { return text("xavier(gain=", in_words(gain, 6), ")"); };
  std::vector<Net> nets;
  for (const double gain : {0.5, 1.0, std::sqrt(2.0), 2.0, 4.0, 6.0, edge, 1.5 * edge}) {
    nets.push_back({.activation = "sigmoid", .initializer = with_gain(gain), .depth = depth});
  }
  const std::vector<Start> sweep = measure("sigmoid by scale", nets, 0.02);
  Table table{.name = "sigmoid_by_scale",
              .title = text("Sigmoid: gradient at layer 1 over that at layer ", depth),
              .columns = {"initializer", "ratio", "predicted"}};
  for (const Start& s : sweep) table.rows.push_back({s.net.initializer, s.ratio(), s.predicted_ratio()});
  report_.tables.push_back(std::move(table));

  std::vector<Cell> cells;
  const std::vector<Index> depths = {5, depth};
  for (const Index d : depths) {
    for (const double gain : {1.0, edge}) cells.push_back({"sigmoid", with_gain(gain), d});
    cells.push_back({"sigmoid", "xavier", d, "sgd", true});
  }
  const std::vector<Trained> all = train("sigmoid by scale, training", cells, 0.03);
  const Start& xavier = sweep[1];
  std::vector<Case> cases;
  for (const std::size_t i : {2u, 4u, 6u}) {
    cases.push_back({text("gradient, against ", sweep[i].net.initializer),
                     inverse(less(xavier.ratio(), sweep[i].ratio())),
                     text(in_words(xavier.ratio().value, 2), " and ", in_words(sweep[i].ratio().value, 2))});
  }
  for (std::size_t d = 0; d < depths.size(); ++d) {
    for (std::size_t i = 1; i < 3; ++i) {
      const Trained &one = all[3 * d], &other = all[3 * d + i];
      const Measurement difference =
          paired_difference<Cell, PairRecord>(one, other, [&](const PairRecord& r) { return r.loss / chance_; });
      cases.push_back({text("loss of ", layers(depths[d]), ", against ",
                            other.cell.centred ? "the centred sigmoid" : other.cell.initializer),
                       at_least(difference, 0),
                       text(in_words(relative_loss(one).value, 2), " and ", in_words(relative_loss(other).value, 2))});
    }
  }
  const Ruling ruling = in_all(cases);
  return {.id = "I5",
          .statement = "Sigmoid goes with Xavier.",
          .source = guide,
          .predicted = xavier.predicted_ratio(),
          .measured = xavier.ratio(),
          .rule = text("No other scale passes more gradient through ", layers(depth),
                       " or trains to a lower loss (paired, each at its best rate): confirmed if none of the others "
                       "does, refuted if all do. Gain ",
                       in_words(edge, 4), " (Var W = ", in_words(edge * edge, 4),
                       " / n) is where theory expects chi1 = 1. The numbers given are xavier's gradient ratio."),
          .verdict = ruling.verdict,
          .condition = ruling.condition,
          .surprise = ruling.verdict == Verdict::refuted
                          ? text("sigmoid, ", layers(depth), ", loss ", in_words(relative_loss(all[3]).value, 2),
                                 " of ln 2 with xavier and ", in_words(relative_loss(all[4]).value, 2), " with ",
                                 in_words(edge, 3), " times its deviation")
                          : ""};
}

// Whether gradient and training of a pairing are sound.
Case sound(const Start& s) {
  return {text("gradient, ", layers(s.net.depth)), within_factor(s.ratio(), 1, 100), in_words(s.ratio().value)};
}

Case Run::trains(const Trained& t) const {
  return {text("loss, ", layers(t.cell.depth)), below(relative_loss(t), learned), in_words(relative_loss(t).value)};
}

Claim Run::tanh_xavier() {
  const auto point = critical_point(activation("tanh"));
  std::vector<Case> cases = {{"the critical point is Var W = 1 / n without biases",
                              both(near({point->scales.weight}, 1, 1e-6), near({point->scales.bias}, 0, 1e-6)),
                              text("Var W n = ", in_words(point->scales.weight, 8))}};
  for (const Index depth : plan_.depths) cases.push_back(sound(start("tanh", "xavier", depth)));
  for (const Trained& t : recommended_) {
    if (t.cell.activation == "tanh") cases.push_back(trains(t));
  }
  const Ruling ruling = in_all(cases);
  const Index depth = plan_.depths.back();
  add_series(text("Mean square by layer, ", layers(depth)), "tanh, xavier", start("tanh", "xavier", depth));
  return {
      .id = "I6",
      .statement = "Tanh goes with Xavier.",
      .source = guide,
      .predicted = start("tanh", "xavier", depth).predicted_ratio(),
      .measured = start("tanh", "xavier", depth).ratio(),
      .tolerance = 100,
      .rule = text("Theory's critical point is Xavier's scale, the gradient ratio stays within a factor of 100, and "
                   "the loss falls below ",
                   learned,
                   " of ln 2: confirmed if so at every depth, refuted if nothing holds. The numbers given "
                   "are the ratio of ",
                   layers(depth), "."),
      .verdict = ruling.verdict,
      .condition = ruling.condition};
}

Claim Run::gelu_he() {
  std::vector<Case> cases;
  Table table{.name = "he_with_smooth_activations",
              .title = "He with GELU and SiLU: gradient at layer 1 over that at the last layer",
              .columns = {"activation", "depth", "ratio", "predicted"}};
  std::vector<Net> nets;
  for (const std::string f : {"gelu", "silu"}) {
    for (const Index depth : plan_.smooth_depths)
      nets.push_back({.activation = f, .initializer = "he", .depth = depth});
  }
  const std::vector<Start> all = measure("he with gelu and silu", nets, 0.03);
  for (const Start& s : all) {
    table.rows.push_back({s.net.activation, static_cast<double>(s.net.depth), s.ratio(), s.predicted_ratio()});
    if (s.net.activation == "gelu") cases.push_back(sound(s));
  }
  report_.tables.push_back(std::move(table));
  const Start &last = all[plan_.smooth_depths.size() - 1], &second = all[1];  // of gelu
  add_series(text("Mean square by layer, ", layers(last.net.depth)), "gelu, he", last);
  for (const Trained& t : recommended_) {
    if (t.cell.activation == "gelu") cases.push_back(trains(t));
  }
  Index reach = 1;  // by theory
  const std::vector<LayerTheory>& deepest = last.theory.layers;
  const auto passes = [&](Index depth) {
    return deepest.front().gradient.value / deepest[Start::at(depth)].gradient.value >= 0.01;
  };
  while (reach < last.net.depth && passes(reach + 1)) ++reach;
  const Ruling ruling = in_all(cases);
  return {
      .id = "I7",
      .statement = "GELU goes with He (approximately).",
      .source = guide,
      .predicted = last.predicted_ratio(),
      .measured = last.ratio(),
      .tolerance = 100,
      .rule = text("The gradient ratio stays within a factor of 100 at each depth and the loss falls below ", learned,
                   " of ln 2: confirmed if all hold, refuted if none. The numbers given are the ratio of ",
                   layers(last.net.depth), "."),
      .verdict = ruling.verdict,
      .condition = text(ruling.condition, "; theory: up to ", layers(reach)),
      .surprise = within_factor(second.ratio(), second.predicted_ratio(), 2) == Verdict::refuted
                      ? text("gelu with he, ", layers(second.net.depth), ", width ", plan_.width, ": gradient ratio ",
                             in_words(second.ratio()), ", infinite width predicts ", in_words(second.predicted_ratio()))
                      : ""};
}

Claim Run::exact_gain() {
  const Index depth = plan_.checked, later = std::min<Index>(6, depth);
  const std::vector<std::string> names = {"gelu", "silu", "mish", "elu", "tanh", "sigmoid"};
  std::vector<Net> nets;
  for (const std::string& f : names) {
    for (const double variance : {0.95, 1.05, 1.5}) {
      nets.push_back({f, "matched", depth, plan_.wide, variance});
    }
    nets.push_back({f, "lecun(gain=second_moment)", depth, plan_.wide});
  }
  const std::vector<Start> all = measure("exact gains", nets, 0.08);
  Table table{.name = "exact_gains",
              .title = text("The gain 1/sqrt(E[f^2]): growth of a deviation over ", later - 1,
                            " layers, and the mean square in layer ", depth),
              .columns = {"activation", "gain", "chi_parallel", "growth", "predicted growth", "from input variance 1.5",
                          "predicted from 1.5", "gain in layer 1 too", "predicted with it"}};
  std::vector<Case> cases;
  for (std::size_t i = 0; i < names.size(); ++i) {
    const Start &less_than_1 = all[4 * i], &more = all[4 * i + 1], &far = all[4 * i + 2], &everywhere = all[4 * i + 3];
    std::vector<double> growths;
    for (std::size_t n = 0; n < more.nets.size(); ++n) {
      const std::vector<double>&a = less_than_1.nets[n].q, &b = more.nets[n].q;
      growths.push_back((b[Start::at(later)] - a[Start::at(later)]) / (b[0] - a[0]));
    }
    const double predicted =
        (more.predicted_q(later) - less_than_1.predicted_q(later)) / (more.predicted_q(1) - less_than_1.predicted_q(1));
    const Activation f = activation(names[i]);
    const double gain = *gains(f).second_moment;
    const Scales scales{gain * gain, 0};
    double chi = 0;
    for (const FixedPoint& point : fixed_points(f, scales)) {
      if (std::abs(point.q - 1) < 1e-6) chi = point.chi_parallel;
    }
    table.rows.push_back({names[i], gain, chi, mean_interval(growths), predicted, far.q(depth), far.predicted_q(depth),
                          everywhere.q(depth), everywhere.predicted_q(depth)});
    cases.push_back({text(names[i], ", gain ", in_words(gain, 6)),
                     both(within_factor(far.q(depth), 1, 2), within_factor(everywhere.q(depth), 1, 2)),
                     text("chi ", in_words(chi, 4), ", ", in_words(far.q(depth).value), " and ",
                          in_words(everywhere.q(depth).value))});
    add_series(text("The gain 1/sqrt(E[f^2]) from input variance 1.5, ", layers(depth)), names[i], far);
  }
  report_.tables.push_back(std::move(table));
  const Ruling ruling = in_all(cases);
  const Start& gelu = all[2];
  return {.id = "I8",
          .statement =
              "The exact gain 1/sqrt(E[f^2]) in place of He's keeps the variance at 1 (GELU 1.5335, SiLU "
              "1.6765, Mish 1.4868, ELU 1.2452, tanh 1.5925, sigmoid 1.8462).",
          .source = "follow-up to the guide's He (approximately)",
          .predicted = gelu.predicted_q(depth),
          .measured = gelu.q(depth),
          .tolerance = 2,
          .rule = text("The mean square in layer ", depth,
                       " is within a factor of 2 of 1, for inputs of variance 1.5 and "
                       "for the gain in the first layer too: confirmed if so for each activation, refuted if for none. "
                       "chi is theory's growth of a deviation a layer. The numbers given are GELU's from 1.5."),
          .verdict = ruling.verdict,
          .condition = ruling.condition};
}

Claim Run::critical_points() {
  const std::vector<std::string> names = {"gelu", "silu", "mish", "hard_swish"};
  std::vector<Net> nets;
  for (const std::string& f : names) nets.push_back({f, "critical", plan_.deep, plan_.wide});
  const std::vector<Start> all = measure("critical points", nets, 0.1, 4 * plan_.nets);
  Table table{.name = "critical_points",
              .title = text("Scales where neither signal nor gradient changes with depth, and the gradient ratio of ",
                            layers(plan_.deep), ", width ", plan_.wide),
              .columns = {"activation", "sigma_w2", "sigma_b2", "q", "chi1", "chi_parallel", "ratio"}};
  std::vector<Case> cases;
  for (std::size_t i = 0; i < names.size(); ++i) {
    const Activation f = activation(names[i]);
    const auto point = critical_point(f);
    const double q = *point->q, chi1 = point->scales.weight * moments(f, q).derivative_second,
                 chi_parallel = point->scales.weight * moments(f, q).second_slope;
    const Measurement ratio = all[i].ratio();
    table.rows.push_back({names[i], point->scales.weight, point->scales.bias, q, chi1, chi_parallel, ratio});
    const Verdict critical = both(near({chi1}, 1, 1e-6), near({chi_parallel}, 1, 1e-6));
    cases.push_back({text(names[i], " at (", in_words(point->scales.weight, 6), ", ", in_words(point->scales.bias, 6),
                          "), q ", in_words(q, 6)),
                     both(critical, within_factor(ratio, 1, 2)), in_words(ratio)});
  }
  report_.tables.push_back(std::move(table));
  const Ruling ruling = in_all(cases);
  return {.id = "I9",
          .statement =
              "Smooth activations have a critical point (sigma_w2, sigma_b2) with a bias, where signal and "
              "gradient keep their size at any depth.",
          .source = "Roberts, Yaida and Hanin 2022, chapter 5",
          .predicted = all[0].predicted_ratio(),
          .measured = all[0].ratio(),
          .tolerance = 2,
          .rule = text("chi1 and chi_parallel are 1 within 1e-6 and the gradient ratio (geometric mean over nets) of ",
                       layers(plan_.deep),
                       " is within a factor of 2 of 1: confirmed if so for all of them, refuted if "
                       "for none. The numbers given are GELU's."),
          .verdict = ruling.verdict,
          .condition = ruling.condition};
}

std::vector<Claim> Run::selu() {
  const Index depth = plan_.checked;
  constexpr double from = 1.5, kept = 0.15;
  std::vector<Net> nets;
  for (const std::string init : {"lecun", "xavier", "orthogonal", "he", "pytorch"}) {
    nets.push_back({"selu", init, depth, plan_.wide, from});
  }
  nets.push_back({"selu", "lecun", depth, plan_.wide, 1, true});
  for (const Index d : {depth, plan_.deep}) nets.push_back({"selu", "lecun", d, plan_.wide});
  const std::vector<Start> all = measure("selu", nets, 0.06);
  const Start &lecun = all[0], &skip = all[5], &deep = all[7];
  const auto end = [](const Start& s) { return s.q(s.net.depth); };

  Table table{
      .name = "selu_contraction",
      .title = text("SELU: mean square pre-activation by layer from inputs of variance ", from),
      .columns = {"layer", "lecun", "predicted", "he", "predicted with he", "skip from 1", "predicted with skip"}};
  std::vector<double> first_layers;
  for (Index l = 1; l <= depth; ++l) {
    table.rows.push_back({static_cast<double>(l), lecun.q(l), lecun.predicted_q(l), all[3].q(l), all[3].predicted_q(l),
                          skip.q(l), skip.predicted_q(l)});
  }
  report_.tables.push_back(std::move(table));
  for (const std::size_t i : {0u, 3u, 4u})
    add_series(text("SELU from input variance ", from), "selu, " + all[i].net.initializer, all[i]);
  std::string contraction;
  for (Index l = 2; l <= std::min<Index>(4, depth); ++l)
    contraction += missed(lecun.q(l), lecun.predicted_q(l), 0.02 * lecun.predicted_q(l));

  std::vector<Case> pairings;
  for (std::size_t i = 0; i < 5; ++i) {
    const Verdict keeps = near(end(all[i]), 1, kept);
    pairings.push_back({text(all[i].net.initializer, i == 0 ? " keeps 1" : " loses it"),
                        i == 0 ? keeps : inverse(keeps), in_words(end(all[i]).value)});
  }
  const Ruling pairing = in_all(pairings);
  double chi = 0;
  for (const FixedPoint& point : fixed_points(activation("selu"), {1, 0})) {
    if (std::abs(point.q - 1) < 1e-6) chi = point.chi_parallel;
  }

  const Trained& trained = recommended_.back();
  const auto worst = [&](const auto& of) {
    return trained.mean([&](const PairRecord& record) {
      double largest = 0;
      for (std::size_t l = 0; l < record.mean.size(); ++l)
        largest = std::max(largest, of(record.mean[l], record.second[l]));
      return largest;
    });
  };
  const Measurement mean = worst([](double m, double) { return std::abs(m); });
  const Measurement spread = worst([](double m, double s) { return std::abs(s - m * m - 1); });
  const Ruling normalizes = in_all(
      {{text("the signal of ", layers(plan_.deep), " at the start"), near(end(deep), 1, kept), in_words(end(deep))},
       {text("their gradient, within a factor of 2"), within_factor(deep.ratio(), 1, 2), in_words(deep.ratio())},
       {text("the means of ", layers(trained.cell.depth), " after training, at most 0.2 from 0"), below(mean, 0.2),
        in_words(mean)},
       {"their variances, at most 0.2 from 1", below(spread, 0.2), in_words(spread)}});
  const Ruling conditions =
      in_all({{"fully connected, LeCun, no skips", near(end(all[6]), 1, kept), in_words(end(all[6]).value)},
              {"broken by skips", inverse(within_factor(end(skip), 1, 2)), in_words(end(skip).value)},
              {"broken by he", inverse(within_factor(end(all[3]), 1, 2)), in_words(end(all[3]).value)}});
  return {
      {.id = "I10",
       .statement = "SELU goes with LeCun (std 1/sqrt(n_in)); other initializers break its self-normalization.",
       .source = guide,
       .predicted = lecun.predicted_q(depth),
       .measured = end(lecun),
       .tolerance = kept,
       .rule = text("From inputs of variance ", from, " the mean square in layer ", depth, " is within ", kept,
                    " of 1 with lecun (the numbers given), and with no other of xavier, orthogonal, he and pytorch: "
                    "confirmed if all hold, refuted if none."),
       .verdict = pairing.verdict,
       .condition = text(pairing.condition, "; a deviation shrinks by ", in_words(chi, 5), " a layer at 1"),
       .surprise = contraction},
      {.id = "I11",
       .statement = "SELU is self-normalizing: activations converge to zero mean and unit variance during training, "
                    "without batch normalization.",
       .source = guide_on_selu,
       .predicted = deep.predicted_ratio(),
       .measured = deep.ratio(),
       .tolerance = 2,
       .rule = text("Kept are the signal, within ", kept, ", and the gradient, within a factor of 2, of ",
                    layers(plan_.deep), " at the start, and mean and variance of every layer of a net of ",
                    layers(depth), " after ", plan_.steps,
                    " steps: confirmed if all are, refuted if none. The numbers given are the "
                    "gradient of layer 1 over that of the last; theory: E[f'^2] = ",
                    in_words(moments(activation("selu")).derivative_second, 5), " a layer on squares."),
       .verdict = normalizes.verdict,
       .condition = normalizes.condition},
      {.id = "I12",
       .statement = "SELU's self-normalization works only in fully connected networks, with proper initialization and "
                    "without skip connections.",
       .source = guide_on_selu,
       .predicted = skip.predicted_growth(depth - 1, depth),
       .measured = skip.growth(depth - 1, depth),
       .rule = text("The mean square in layer ", depth, " is within ", kept,
                    " of 1 with lecun and no skips, and is off by more than a factor of 2 with skips, and with he: "
                    "confirmed if all hold, refuted if none. The numbers given are its factor in the last layer with "
                    "skips. Convolutions are not tested."),
       .verdict = conditions.verdict,
       .condition = conditions.condition}};
}

Claim Run::zero_init() {
  std::vector<Cell> cells;
  for (const std::string init : {"zeros", "constant(0.1)"}) {
    for (const std::string f : {"tanh", "relu", "gelu", "sigmoid"}) {
      cells.push_back({f, init, 2, "sgd", false, true});
      cells.back().rates = {0.5};
    }
  }
  const std::vector<Trained> all = train("symmetry", cells, 0.01);
  const auto ones = static_cast<double>(std::count(skewed_.labels.begin(), skewed_.labels.end(), 1));
  const double share = ones / static_cast<double>(skewed_.size());
  const double entropy = -share * std::log(share) - (1 - share) * std::log1p(-share);
  Table table{
      .name = "symmetry",
      .title = text("Nets of two layers that start with equal weights, after ", plan_.steps,
                    " steps; the entropy of the classes is ", in_words(entropy, 6)),
      .columns = {"activation", "initializer", "largest difference of two units", "largest move of a weight", "loss"}};
  std::vector<MeasuredCase> cases;
  std::string idle;
  double worst = 0;
  for (const Trained& t : all) {
    const Measurement difference = t.mean([](const PairRecord& r) { return r.difference; });
    const Measurement moved = t.mean([](const PairRecord& r) { return r.moved; });
    const Measurement loss = t.mean([](const PairRecord& r) { return r.loss; });
    table.rows.push_back({t.cell.activation, t.cell.initializer, difference, moved, loss});
    cases.push_back({text(t.cell.activation, " ", t.cell.initializer), difference});
    if (moved.value == 0) idle += (idle.empty() ? "" : ", ") + t.cell.activation;
    if (moved.value == 0) worst = std::max(worst, std::abs(loss.value - entropy));
  }
  report_.tables.push_back(std::move(table));
  const Ruling ruling = in_all([&] {
    std::vector<Case> equal;
    for (const MeasuredCase& c : cases) equal.push_back({c.name, near(c.measured, 0, 0), in_words(c.measured.value)});
    return equal;
  }());
  return {
      .id = "I14",
      .statement =
          "Zero init with any activation: all neurons learn the same thing; identical neurons get identical "
          "gradients.",
      .source = guide,
      .predicted = 0,
      .measured = cases.front().measured,
      .tolerance = 0,
      .rule = text("After ", plan_.steps,
                   " steps no two units of a hidden layer differ in any bit: confirmed if so for tanh, ReLU, GELU and "
                   "sigmoid, from zeros and from equal weights of 0.1; refuted if for none."),
      .verdict = ruling.verdict,
      .condition = ruling.condition,
      .surprise = idle.empty() ? ""
                               : text("from zeros ", idle,
                                      " learn nothing rather than the same: no hidden weight "
                                      "moves at all, and the loss ends ",
                                      in_words(worst, 1), " from the entropy of the classes")};
}

Claim Run::too_large() {
  const std::vector<double> factors = {10, 100, 1000};
  constexpr Index deepest = 45;
  const Index width = plan_.narrow, inputs = 16;
  std::vector<Net> nets;
  for (const double k : factors)
    nets.push_back(
        {.activation = "relu", .initializer = he_times(k), .depth = deepest, .width = width, .inputs = inputs});
  const std::vector<double> measured =
      trials_.run("overflow", static_cast<int>(factors.size()) * plan_.nets, 0.02, [&](int i) {
        NetOptions options = options_of(nets[static_cast<std::size_t>(i / plan_.nets)]);
        const Propagation net = propagate<float>(options, rng_.split("overflow").split(static_cast<std::uint64_t>(i)));
        const auto first = std::find_if(net.layers.begin(), net.layers.end(),
                                        [](const LayerMeasurement& l) { return !std::isfinite(l.q.value); });
        return first == net.layers.end() ? 0 : static_cast<double>(first - net.layers.begin() + 1);
      });
  Table table{.name = "overflow",
              .title = text("ReLU with k times He's deviation in float32, width ", width,
                            ": the first layer that is not finite"),
              .columns = {"k", "layer", "predicted"}};
  std::string surprise;
  std::vector<double> predicted;
  std::vector<Measurement> found;
  for (std::size_t i = 0; i < factors.size(); ++i) {
    const auto first = measured.begin() + static_cast<std::ptrdiff_t>(i) * plan_.nets;
    const double scale = 2 * factors[i] * factors[i];
    std::vector<double> q = {scale};
    while (std::ssize(q) < deepest) q.push_back(variance_map(activation("relu"), {scale, 0}, q.back()));
    predicted.push_back(static_cast<double>(overflowing_layer(q, width * inputs)));
    found.push_back(mean_interval(std::vector<double>(first, first + plan_.nets)));
    table.rows.push_back({factors[i], found[i], predicted[i]});
    surprise += missed(found[i], predicted[i], 1);
  }
  report_.tables.push_back(std::move(table));

  const std::vector<std::pair<double, Index>> sizes = {{2, 5},   {2, 20},   {10, 5},      {10, 20},
                                                       {100, 5}, {100, 20}, {10, deepest}};
  std::vector<Cell> cells;
  for (const auto& [k, depth] : sizes) {
    cells.push_back({"relu", he_times(k), depth});
    cells.back().rates = {0.01};
  }
  const std::vector<Trained> all = train("too large", cells, 0.02);
  Table losses{.name = "too_large",
               .title =
                   "ReLU with k times He's deviation: loss at the start, shares of nets that become NaN or "
                   "infinite in training (SGD, rate 0.01), loss after it",
               .columns = {"k", "depth", "loss at the start", "not finite in training", "loss after"}};
  std::vector<Case> cases;
  for (std::size_t i = 0; i < all.size(); ++i) {
    const Trained& t = all[i];
    const auto nets_of_cell = static_cast<int>(t.records.size());
    int at_start = 0, later = 0;
    for (const PairRecord& r : t.records) {
      at_start += r.at_once;
      later += r.non_finite;
    }
    const double loss = at_start > 0 ? NAN : t.mean([](const PairRecord& r) { return r.loss_before; }).value;
    losses.rows.push_back({sizes[i].first, static_cast<double>(sizes[i].second), loss,
                           share_interval(later, nets_of_cell), t.mean([](const PairRecord& r) { return r.loss; })});
    cases.push_back({text(sizes[i].first, " times, ", layers(sizes[i].second)),
                     later == nets_of_cell ? Verdict::confirmed
                     : later == 0          ? Verdict::refuted
                                           : Verdict::undecided,
                     at_start > 0
                         ? text("NaN at once in ", at_start, " of ", nets_of_cell)
                         : text("loss ", in_words(loss), " at the start, NaN later in ", later, " of ", nets_of_cell)});
  }
  report_.tables.push_back(std::move(losses));
  const Ruling ruling = in_all(cases);
  return {
      .id = "I15",
      .statement =
          "Too large an init with ReLU: exploding activations, NaN loss; variance compounds "
          "multiplicatively across layers.",
      .source = guide,
      .predicted = predicted.front(),
      .measured = found.front(),
      .tolerance = 1,
      .rule = text("With 2, 10 and 100 times He's deviation every net of 5, 20 or ", deepest,
                   " layers meets a NaN or infinity before ", plan_.steps,
                   " steps are over: confirmed if all do, refuted if none. The numbers given are the first layer of "
                   "a net that is not finite in float32 at 10 times; predicted from 10^layer."),
      .verdict = ruling.verdict,
      .condition = ruling.condition,
      .surprise = surprise};
}

Claim Run::wrong_pairings() {
  std::vector<Case> cases;
  const auto add = [&](const std::string& f, const std::string& wrong, const std::string& right, Index depth,
                       const std::string& optimizer) {
    const Measurement a = relative_loss(trained(f, wrong, depth, optimizer)),
                      b = relative_loss(trained(f, right, depth, optimizer));
    cases.push_back({text(f, ", ", layers(depth), ", ", optimizer), init_decides(a, b),
                     text(wrong, " ", in_words(a.value, 2), ", ", right, " ", in_words(b.value, 2))});
  };
  for (const std::string optimizer : {"sgd", "adam"}) {
    for (const Index depth : plan_.wrong_depths) add("relu", "xavier", "he", depth, optimizer);
    add("sigmoid", "he", "xavier", plan_.wrong_depths.front(), optimizer);
  }
  const Ruling ruling = in_all(cases);
  return {
      .id = "I16",
      .statement =
          "With ReLU and Xavier, or sigmoid and He, training can fail from epoch zero: the wrong pairing is "
          "a common source of training failures.",
      .source = guide,
      .measured = relative_loss(trained("relu", "xavier", plan_.wrong_depths.back())),
      .tolerance = stalled,
      .rule = text("After ", plan_.steps,
                   " steps at the best of several rates the pairing called wrong keeps at "
                   "least ",
                   stalled, " of ln 2 and the one called right falls below ", learned,
                   " of it: confirmed if so at every depth, with SGD and Adam; refuted if nowhere. The number given "
                   "is ReLU with xavier, ",
                   layers(plan_.wrong_depths.back()), ", SGD."),
      .verdict = ruling.verdict,
      .condition = ruling.condition};
}

Claim Run::stable_variance() {
  const std::vector<std::string> pairs[] = {
      {"relu", "he"}, {"gelu", "critical"}, {"tanh", "xavier"}, {"silu", "matched"}};
  std::vector<Net> nets;
  for (const auto& pair : pairs) {
    nets.push_back({.activation = pair[0], .initializer = pair[1], .depth = plan_.correlated_depth});
    nets.back().width = plan_.correlated_width;
    nets.back().inputs = 2;
    nets.back().orthogonal = true;
  }
  const std::vector<Start> all = measure("correlations", nets, 0.1, std::min(plan_.nets, 5));
  Table table{.name = "correlations",
              .title = text("Correlation of two orthogonal inputs by layer, width ", plan_.correlated_width),
              .columns = {"activation", "initializer", "layer", "correlation", "predicted"}};
  std::string surprise;
  const auto correlation = [](const Start& s, Index layer) {
    return mean_interval(s.values([=](const Signals& one) { return one.correlation[Start::at(layer)]; }));
  };
  for (const Start& s : all) {
    Series line{.chart = "Correlation of two orthogonal inputs",
                .name = text(s.net.activation, ", ", s.net.initializer),
                .x_label = "layer",
                .y_label = "correlation"};
    for (Index l = 1; l <= s.net.depth; ++l) {
      const double predicted = s.theory.layers[Start::at(l)].correlation.value;
      add_point(line, static_cast<double>(l), correlation(s, l), predicted);
      if (l != 10 && l != 30 && l != s.net.depth) continue;
      table.rows.push_back({s.net.activation, s.net.initializer, static_cast<double>(l), correlation(s, l), predicted});
      const std::string apart = missed(correlation(s, l), predicted, 0.02);
      if (!apart.empty())
        surprise += text(surprise.empty() ? "" : "; ", "correlation of ", to_string(s.net), ", layer ", l, ": ", apart);
    }
    report_.series.push_back(std::move(line));
  }
  report_.tables.push_back(std::move(table));

  std::vector<Outcome> outcomes;
  const Index depth = plan_.trained_depths.back();
  for (const Start& s : starts_) {
    if (s.net.depth != depth) continue;
    const double loss = median_loss(trained(s.net.activation, s.net.initializer, depth));
    const double growth = s.growth(1, depth).value;
    outcomes.push_back(
        {text(pair_name(s.net), ": mean square times ", in_words(growth, 2), ", loss ", in_words(loss, 2)),
         growth > 0.5 && growth < 2, loss < learned});
  }
  const Ruling ruling = stable_means_learning(outcomes);
  const Start& he = all.front();
  return {.id = "I17",
          .statement =
              "We want the variance of activations to remain stable across layers: if they grow, they explode; "
              "if they shrink, gradients vanish.",
          .source = guide,
          .predicted = he.theory.layers.back().correlation.value,
          .measured = correlation(he, he.net.depth),
          .tolerance = 0.02,
          .rule = text("Of the matrix at ", layers(depth),
                       ", nets whose mean square stays within a factor of 2 learn (median loss below ", learned,
                       " of ln 2) and the others do not: confirmed without exception, refuted if at least half are "
                       "exceptions. The numbers given show what variance does not see: two orthogonal inputs correlate "
                       "so much after ",
                       layers(he.net.depth), " of He-ReLU, whose variance is stable."),
          .verdict = ruling.verdict,
          .condition = ruling.condition,
          .surprise = surprise};
}

void Run::tables_and_maps() {
  Table matrix{
      .name = "pairings_at_init",
      .title = text("Every pairing at the start, width ", plan_.width, ", geometric mean over ", plan_.nets,
                    " nets: gradient of layer 1 over that of the last, mean square of the last over the first"),
      .columns = {"activation", "initializer", "depth", "gradient ratio", "predicted", "mean square ratio",
                  "predicted mean square"}};
  for (const Start& s : starts_) {
    matrix.rows.push_back({s.net.activation, s.net.initializer, static_cast<double>(s.net.depth), s.ratio(),
                           s.predicted_ratio(), s.growth(1, s.net.depth), s.predicted_growth(1, s.net.depth)});
  }
  Table training{.name = "pairings_in_training",
                 .title = text("Two moons, width ", plan_.trained_width, ", ", plan_.steps, " steps, mean over ",
                               plan_.trained, " seeds"),
                 .columns = {"activation", "initializer", "depth", "optimizer", "rate", "loss / ln 2", "diverged"}};
  for (const Trained& t : trained_) {
    training.rows.push_back({t.cell.activation, t.cell.initializer, static_cast<double>(t.cell.depth), t.cell.optimizer,
                             t.rate, relative_loss(t), t.mean([](const PairRecord& r) { return r.diverged; }).value});
  }
  report_.tables.insert(report_.tables.begin(), {std::move(matrix), std::move(training)});

  const auto add_map = [&](const std::string& name, const std::string& title, bool log, const auto& value) {
    HeatMap map{.name = name,
                .title = title,
                .row_label = "activation",
                .column_label = "initializer",
                .rows = activations_in_matrix,
                .columns = initializers_in_matrix,
                .log = log};
    for (const std::string& f : activations_in_matrix) {
      std::vector<double>& row = map.values.emplace_back();
      for (const std::string& init : initializers_in_matrix) row.push_back(exists(f, init) ? value(f, init) : NAN);
    }
    report_.heat_maps.push_back(std::move(map));
  };
  for (const Index depth : plan_.depths) {
    add_map(text("predicted_gradient_", depth), text("Predicted gradient of layer 1 over that of layer ", depth), true,
            [&](const std::string& f, const std::string& init) { return start(f, init, depth).predicted_ratio(); });
    add_map(text("measured_gradient_", depth), text("Measured gradient of layer 1 over that of layer ", depth), true,
            [&](const std::string& f, const std::string& init) { return start(f, init, depth).ratio().value; });
  }
  for (const Index depth : plan_.trained_depths) {
    add_map(text("loss_", depth), text("Loss of ", layers(depth), " after training, median over seeds, in ln 2"), false,
            [&](const std::string& f, const std::string& init) { return median_loss(trained(f, init, depth)); });
  }
}

// Where measurement and theory part.
void Run::note_misses() {
  int apart = 0;
  const Start* worst = nullptr;
  const auto miss = [](const Start& s) { return std::abs(std::log(s.ratio().value / s.predicted_ratio())); };
  for (const Start& s : starts_) {
    apart += within_factor(s.ratio(), s.predicted_ratio(), 2) == Verdict::refuted;
    if (!worst || miss(s) > miss(*worst)) worst = &s;
  }
  report_.notes.push_back(text(
      "Of ", starts_.size(), " gradient ratios at the start, ", apart,
      " are off the prediction of infinite width by more than a factor of 2; the farthest: ", to_string(worst->net),
      ", measured ", in_words(worst->ratio()), ", predicted ", in_words(worst->predicted_ratio()), "."));
}

std::string Run::answer() const {
  const Index depth = plan_.trained_depths.back();
  int learns[2] = {0, 0}, count[2] = {0, 0};  // predicted gradient ratio beyond a factor of 100, within it
  for (const std::string& f : activations_in_matrix) {
    for (const std::string& init : initializers_in_matrix) {
      if (!exists(f, init)) continue;
      const double predicted = start(f, init, depth).predicted_ratio();
      const int even = predicted > 0.01 && predicted < 100;
      ++count[even];
      learns[even] += median_loss(trained(f, init, depth)) < learned;
    }
  }
  return text("At ", layers(depth), ", theory expected ", count[1], " pairings to train: ", learns[1], " did. Of the ",
              count[0], " it wrote off, ", learns[0], " trained anyway.");
}

// The initializer with which each activation ends lowest.
Table Run::best_initializers() const {
  const Index depth = plan_.trained_depths.back();
  Table table{.name = "best_initializers",
              .title = text("The best initializer of each activation, ", layers(depth)),
              .columns = {"activation", "initializer", "median loss / ln 2", "learned"}};
  for (const std::string& f : activations_in_matrix) {
    const Trained* least = nullptr;
    for (const std::string& init : initializers_in_matrix) {
      if (!exists(f, init)) continue;
      const Trained& t = trained(f, init, depth);
      if (!least || median_loss(t) < median_loss(*least)) least = &t;
    }
    if (!least) continue;
    table.rows.push_back(
        {f, least->cell.initializer, median_loss(*least), median_loss(*least) < learned ? "yes" : "no"});
  }
  return table;
}

Report Run::report() {
  measure_matrix();
  train_recommended();
  std::vector<Claim>& claims = report_.claims;
  claims.push_back(xavier_keeps_both());
  claims.push_back(relu_xavier());
  std::vector<Claim> factors = he_and_leaky();
  claims.push_back(std::move(factors[0]));
  claims.push_back(sigmoid_he());
  claims.push_back(sigmoid_xavier());
  claims.push_back(tanh_xavier());
  claims.push_back(gelu_he());
  claims.push_back(exact_gain());
  claims.push_back(critical_points());
  for (Claim& claim : selu()) claims.push_back(std::move(claim));
  claims.push_back(std::move(factors[1]));
  claims.push_back(zero_init());
  claims.push_back(too_large());
  claims.push_back(wrong_pairings());
  claims.push_back(stable_variance());
  tables_and_maps();
  note_misses();
  report_.notes.push_back(
      text("Training: two moons, 512 samples, batches of 64, SGD unless said otherwise; results from ", plan_.trained,
           " seeds, of what the guide recommends for tanh, GELU and SELU from ", plan_.recommended, " and ",
           plan_.long_steps, " steps; rates chosen with other seeds; a loss above ", divergence_bound,
           " times that of the best constant answer counts as that."));
  report_.tables.insert(report_.tables.begin(), best_initializers());
  report_.answer = answer();
  return std::move(report_);
}

}  // namespace

PairingPlan pairing_plan(const ExperimentSettings& settings) {
  PairingPlan plan;
  if (settings.profile == Profile::full) {
    plan.nets = 20;
    plan.narrow_nets = 1000;
    plan.trained = plan.recommended = 10;
    plan.wide = 512;
    plan.deep = 100;
    plan.steps = plan.long_steps = 2000;
  }
  if (settings.seeds > 0) plan.nets = plan.trained = plan.recommended = settings.seeds;
  return plan;
}

Report init_pairing(const ExperimentSettings& settings, const PairingPlan& plan) {
  return Run(settings, plan).report();
}

Report init_pairing(const ExperimentSettings& settings) { return init_pairing(settings, pairing_plan(settings)); }

}  // namespace evengrad
