#include <evengrad/experiments/linear_and_universal.hpp>

#include <evengrad/activations/registry.hpp>
#include <evengrad/core/error.hpp>
#include <evengrad/core/linear_algebra.hpp>
#include <evengrad/data/generators.hpp>
#include <evengrad/data/registry.hpp>
#include <evengrad/experiments/fit.hpp>
#include <evengrad/init/initializer.hpp>

#include <Eigen/QR>

#include <algorithm>
#include <cmath>
#include <numbers>

namespace evengrad {

namespace linear {

namespace {

constexpr double half_pi = std::numbers::pi / 2;

// The middles of `count` equal parts of [-reach, reach], as a column.
Matrix<double> grid(Index count, double reach) {
  Matrix<double> x(count, 1);
  for (Index i = 0; i < count; ++i)
    x(i, 0) = reach * ((2 * static_cast<double>(i) + 1) / static_cast<double>(count) - 1);
  return x;
}

Matrix<double> wave(const Matrix<double>& x) { return (3 * x.array()).sin().matrix(); }

// The root mean square of y - features w for the best w: of what Q^T y holds beyond the features' rank.
double least_squares_residual(const Matrix<double>& features, const Matrix<double>& y) {
  const Eigen::ColPivHouseholderQR<Eigen::MatrixXd> qr(features);
  Eigen::VectorXd rotated = y.col(0);
  for (Index k = 0; k < qr.rank(); ++k) {
    auto below = rotated.tail(y.size() - k - 1);
    const auto direction = qr.matrixQR().col(k).tail(y.size() - k - 1);
    const double along = qr.hCoeffs()(k) * (rotated(k) + direction.dot(below));
    rotated(k) -= along;
    below -= along * direction;
  }
  return rotated.tail(y.size() - qr.rank()).norm() / std::sqrt(static_cast<double>(y.size()));
}

}  // namespace

std::vector<double> mode_strength(Index depth, double s, double u0, const std::vector<double>& times) {
  constexpr int parts = 200;  // between two times
  const auto n = static_cast<double>(depth);
  const auto slope = [&](double u) { return n * std::pow(u, 2 - 2 / n) * (s - u); };
  std::vector<double> strengths;
  double u = u0, now = 0;
  for (const double time : times) {
    const double h = (time - now) / parts;
    for (int i = 0; i < parts; ++i) {
      const double a = slope(u), b = slope(u + h / 2 * a), c = slope(u + h / 2 * b), d = slope(u + h * c);
      u += h / 6 * (a + 2 * b + 2 * c + d);
    }
    now = time;
    strengths.push_back(u);
  }
  return strengths;
}

double polynomial_residual(int degree) {
  const Matrix<double> x = grid(4096, half_pi);
  Matrix<double> powers(x.rows(), degree + 1);
  for (Index i = 0; i < x.rows(); ++i)
    for (int d = 0; d <= degree; ++d) powers(i, d) = std::pow(x(i, 0), d);
  return least_squares_residual(powers, wave(x));
}

template <Real S>
void set_absolute_value(Sequential<S>& net) {
  std::vector<Parameter<S>*> parameters;
  net.visit(Path(), [&](const Path&, Parameter<S>& parameter) { parameters.push_back(&parameter); });
  for (std::size_t i = 0; i < parameters.size(); i += 2) {  // weight, bias, weight, bias, ...
    Matrix<S>& weight = parameters[i]->value;
    parameters[i + 1]->value.setZero();
    weight.setZero();
    weight(0, 0) = 1;
    if (i == 0) weight(1, 0) = -1;
    if (i == 2) weight(0, 1) = 1;
  }
}

template void set_absolute_value(Sequential<float>&);
template void set_absolute_value(Sequential<double>&);

double dead_for_an_input(Index depth, Index width) {
  return 1 - std::pow(1 - std::pow(0.5, static_cast<double>(width)), static_cast<double>(depth));
}

namespace {

constexpr double rounding = 1e-5;  // of float through eight layers
constexpr double same = 0.01;
constexpr double many = 0.5;

}  // namespace

Verdict collapses(const Measurement& difference, const Measurement& squared_error) {
  return both(below(difference, rounding), at_least(squared_error, 0.25 - 1e-9));
}

Ruling depth_is_wasted(const Measurement& error_ratio, const Measurement& curve_difference) {
  return in_all({{"the best error", near(error_ratio, 1, same), text(in_words(error_ratio, 4), " of least squares'")},
                 {"the learning curve", below(curve_difference, same),
                  text(in_words(curve_difference), " of the strength away from that of one layer, rms")}});
}

Verdict represented_but_not_learned(double represented_error, const Measurement& failing) {
  return both(below({represented_error}, 1e-12), at_least(failing, many));
}

}  // namespace linear

namespace {

using namespace linear;

constexpr const char* guide = "Activation functions guide, part 1";
constexpr const char* interview = "AI/ML interview guide: activation functions";
constexpr Index fit_points = 256;
constexpr double close = 0.01;  // of the target's rms: approximated
const double target_rms = std::sqrt(0.5);

// One hidden layer that is trained.
struct HiddenLayer {
  std::string activation;
  Index width = 0;
  std::vector<double> rates = {};
};
using Trained = Tuned<HiddenLayer, FitRecord>;

// One hidden layer with random weights, its output weights by least squares.
struct Approximation {
  std::string activation;
  Index width = 0;
  Measurement rms;
};

struct XorNet {
  std::string activation;
  std::vector<Index> hidden;
};

struct Learned {
  double loss = 0, accuracy = 0;

  template <class Fields>
  void fields(Fields& f) {
    f("loss", loss);
    f("accuracy", accuracy);
  }
};

struct Narrow {
  bool dead = false;  // for one input, at the start
  double loss = 0;    // after training

  template <class Fields>
  void fields(Fields& f) {
    f("dead", dead);
    f("loss", loss);
  }
};

// A deep linear net's modes, one list a mode, at the sampled times.
struct Curves {
  std::vector<std::vector<double>> modes;

  template <class Fields>
  void fields(Fields& f) {
    f("modes", modes);
  }
};

const std::vector<double> mode_values = {3, 2, 1};
constexpr double weak_start = 1e-3;
constexpr Index deepest_linear = 4;
constexpr int curve_points = 60;

Matrix<double> evaluate(Sequential<double>& net, const Matrix<double>& x) {
  Tape<double> tape({.recording = false});
  return net.forward(tape.constant(x), Context{}).value();
}

// A random rotation of three dimensions.
Matrix<double> rotation(Rng rng) {
  Matrix<double> q(3, 3);
  fill(q, {Distribution::orthogonal, 1}, rng);
  return q;
}

class Run {
 public:
  Run(const ExperimentSettings& settings, const LinearPlan& plan)
      : plan_(plan), trials_(settings), rng_(Rng(settings.seed).split("linear-and-universal")), seed_(settings.seed) {}

  Report report();

 private:
  Measurement collapse();
  Measurement learn_xor();
  Measurement regress();
  void learn_modes();
  Curves modes(Index depth, const Rng& rng) const;
  void approximate();
  Rng stream(const std::string& what, int i) const { return rng_.split(what).split(static_cast<std::uint64_t>(i)); }

  Claim one_linear_map();
  Claim wasted_depth();
  Claim universal();
  Claim learnability();
  Claim relu_is_universal();
  const Approximation& approximation(const std::string& activation, Index width) const;
  const Trained* trained(const std::string& activation, Index width) const;
  std::string answer() const;

  const LinearPlan plan_;
  Trials trials_;
  const Rng rng_;
  const std::uint64_t seed_;
  std::vector<Approximation> approximations_;
  std::vector<Trained> trained_;
  Measurement curve_difference_, half_time_;
  double theory_miss_ = 0;  // the largest rms distance of a measured mode to theory, in shares of s
  Report report_;
};

MlpOptions linear_net(Index inputs, std::vector<Index> hidden, Index outputs) {
  return {.inputs = inputs, .hidden = std::move(hidden), .outputs = outputs, .activations = {activation("identity")}};
}

// U1: the largest difference between eight float layers and their product in double, relative to the largest output.
Measurement Run::collapse() {
  const std::vector<double> differences = trials_.run("collapse", plan_.nets, 0.02, [&](int i) {
    constexpr Index width = 64;
    Sequential<float> net = mlp<float>(linear_net(width, std::vector<Index>(7, width), width));
    net.initialize(initializer("pytorch"), stream("collapse", i));
    Matrix<double> map = Matrix<double>::Identity(width, width), offset = Matrix<double>::Zero(1, width);
    net.visit(Path(), [&](const Path&, Parameter<float>& p) {
      const Matrix<double> value = p.value.cast<double>();
      if (p.rank == 1) {
        offset += value;
      } else {
        map = product(value, map);
        offset = product(offset, value.transpose());
      }
    });
    Matrix<float> x(256, width);
    stream("collapse inputs", i).fill_normal<float>({x.data(), static_cast<std::size_t>(x.size())});
    Tape<float> tape({.recording = false});
    const Matrix<double> deep = net.forward(tape.constant(x), Context{}).value().cast<double>();
    const Matrix<double> one = product(x.cast<double>(), map.transpose()).rowwise() + offset.row(0);
    return (deep - one).cwiseAbs().maxCoeff() / one.cwiseAbs().maxCoeff();
  });
  return {mean_interval(differences).value, {}, *std::max_element(differences.begin(), differences.end())};
}

// U1: XOR as regression, by linear nets and by nets with a bend. Returns the lowest error of a linear one.
Measurement Run::learn_xor() {
  const std::vector<XorNet> nets = {{"identity", {}}, {"identity", {4}}, {"identity", {4, 4, 4, 4, 4, 4, 4}},
                                    {"tanh", {4}},    {"relu", {4}},     {"relu", {16}}};
  Dataset<double> data = xor_corners(4, 0, rng_.split("xor"));
  data.task = Task::regression;
  data.targets.resize(4, 1);
  for (Index i = 0; i < 4; ++i) data.targets(i, 0) = data.labels[static_cast<std::size_t>(i)];
  const std::vector<Learned> all = trials_.run("xor", static_cast<int>(nets.size()) * plan_.nets, 0.1, [&](int i) {
    const XorNet& net = nets[static_cast<std::size_t>(i / plan_.nets)];
    FitOptions options{
        .net = {.inputs = 2, .hidden = net.hidden, .outputs = 1, .activations = {activation(net.activation)}},
        .initializer = initializer("pytorch")};
    options.trainer.optimizer.learning_rate = 0.03;
    options.trainer.batch_size = 4;
    options.trainer.steps = plan_.short_steps;
    Learned learned;
    FitHooks<double> hooks;
    hooks.on_end = [&](Sequential<double>& fitted) {
      const Matrix<double> y = evaluate(fitted, data.inputs);
      for (Index r = 0; r < 4; ++r) {  // beyond rounding: a linear net ends at 1/2 everywhere
        const double margin = (y(r, 0) - 0.5) * (data.targets(r, 0) - 0.5);
        learned.accuracy += margin > 1e-9 ? 0.25 : 0;
      }
    };
    learned.loss = fit(trials_, options, data, {}, stream("xor nets", i % plan_.nets), hooks).loss;
    return learned;
  });
  Table table{.name = "xor",
              .title = text("XOR by regression, the four corners, ", plan_.short_steps, " steps of Adam, ", plan_.nets,
                            " seeds: mean squared error and share of corners told right"),
              .columns = {"activation", "layers", "width", "lowest error", "corners right beyond rounding",
                          "share of nets with error < 0.01"}};
  Measurement lowest{INFINITY};
  for (std::size_t n = 0; n < nets.size(); ++n) {
    double error = INFINITY, accuracy = 0;
    int solved = 0;
    for (int i = 0; i < plan_.nets; ++i) {
      const Learned& learned = all[n * static_cast<std::size_t>(plan_.nets) + static_cast<std::size_t>(i)];
      error = std::min(error, learned.loss);
      accuracy = std::max(accuracy, learned.accuracy);
      solved += learned.loss < 0.01;
    }
    if (nets[n].activation == "identity") lowest.value = std::min(lowest.value, error);
    table.rows.push_back({nets[n].activation, static_cast<double>(nets[n].hidden.size() + 1),
                          nets[n].hidden.empty() ? 0 : static_cast<double>(nets[n].hidden[0]), error, accuracy,
                          share_interval(solved, plan_.nets)});
  }
  report_.tables.push_back(std::move(table));
  return lowest;
}

Claim Run::one_linear_map() {
  const Measurement difference = collapse(), error = learn_xor();
  return {
      .id = "U1",
      .statement =
          "No matter how many layers you stack, without activation functions the result is equivalent to a "
          "single linear transformation.",
      .source = text(guide, "; ", interview),
      .predicted = 0.25,
      .measured = error,
      .tolerance = 1e-5,
      .rule = text("Eight linear layers of width 64 in float differ from the product of their matrices by less than "
                   "1e-5 of the largest output (the largest of ",
                   plan_.nets, " nets: ", in_words(*difference.high, 2),
                   "), and no linear net of 1, 2 or 8 layers fits XOR with a mean squared error below 1/4, that of the "
                   "best linear function. The number given is the lowest error."),
      .verdict = collapses({*difference.high}, error)};
}

// U2: what a deep linear net reaches on a regression problem, over the error of linear regression.
Measurement Run::regress() {
  const Dataset<double> data =
      load_data<double>({.name = "teacher", .samples = 512, .noise = 0.1, .test_fraction = 0.0, .seed = seed_}).train;
  Matrix<double> features(data.size(), data.features() + 1);
  features << data.inputs, Matrix<double>::Ones(data.size(), 1);
  const double best = std::pow(least_squares_residual(features, data.targets), 2);
  const std::vector<double> ratios = trials_.run("regression", plan_.trained, 0.1, [&](int i) {
    FitOptions options{.net = linear_net(0, {16, 16, 16}, 0), .initializer = initializer("xavier")};
    options.trainer.optimizer.learning_rate = 3e-3;
    options.trainer.schedule = "cosine";
    options.trainer.steps = 2 * plan_.short_steps;
    return fit(trials_, options, data, {}, stream("regression", i)).loss / best;
  });
  return mean_interval(ratios);
}

// The modes of one deep linear net under full-batch gradient descent with small steps. The inputs are white: the three
// columns of a Hadamard matrix that are not constant, so that biases stay 0.
Curves Run::modes(Index depth, const Rng& rng) const {
  Matrix<double> hadamard(4, 3);
  hadamard << 1, 1, 1, -1, 1, -1, 1, -1, -1, -1, -1, 1;
  const Matrix<double> in = rotation(rng.split("in")), out = rotation(rng.split("out"));
  Dataset<double> data;
  data.name = "modes";
  data.task = Task::regression;
  data.inputs = product(hadamard, in.transpose());
  const Eigen::Map<const Eigen::VectorXd> s(mode_values.data(), 3);
  data.targets = product(hadamard * s.asDiagonal(), out.transpose());

  const auto n = static_cast<double>(depth);
  FitHooks<double> hooks;
  hooks.on_start = [&](Sequential<double>& net) {
    Matrix<double> before = in;
    Index layer = 0;
    net.visit(Path(), [&](const Path&, Parameter<double>& p) {
      if (p.rank == 1) return;
      const Matrix<double> after = ++layer == depth ? out : rotation(rng.split(static_cast<std::uint64_t>(layer)));
      p.value = std::pow(weak_start, 1 / n) * product(after, before.transpose());
      before = after;
    });
  };
  Curves curves{.modes = std::vector<std::vector<double>>(3)};
  // Until the weakest mode is there: the time in which u grows from u0, as u^(2 - 2/n) allows, and some more.
  const double horizon = depth == 1 ? 6 : depth == 2 ? 7 : 6 + std::pow(weak_start, 2 / n - 1) / (n - 2);
  const auto stride = static_cast<std::int64_t>(std::round(horizon / curve_points / plan_.time_step));
  hooks.on_step = [&](std::int64_t step, Sequential<double>& net) {
    if (step % stride != 0) return;
    Matrix<double> map = Matrix<double>::Identity(3, 3);
    net.visit(Path(), [&](const Path&, Parameter<double>& p) {
      if (p.rank != 1) map = product(p.value, map);
    });
    const Matrix<double> strengths = product(out.transpose(), product(map, in));
    for (Index i = 0; i < 3; ++i) curves.modes[static_cast<std::size_t>(i)].push_back(strengths(i, i));
  };
  FitOptions options{.net = linear_net(3, std::vector<Index>(static_cast<std::size_t>(depth - 1), 3), 3)};
  // The loss is the mean over 3 outputs of squares, that of the theory half their sum.
  options.trainer.optimizer = {.name = "sgd", .learning_rate = plan_.time_step * 3 / 2};
  options.trainer.batch_size = 4;
  options.trainer.shuffle = false;
  options.trainer.steps = stride * curve_points;
  fit(trials_, options, data, {}, rng, hooks);
  curves.modes.push_back({static_cast<double>(stride) * plan_.time_step});
  return curves;
}

double rms_difference(const std::vector<double>& a, const std::vector<double>& b) {
  double sum = 0;
  for (std::size_t i = 0; i < a.size(); ++i) sum += (a[i] - b[i]) * (a[i] - b[i]);
  return std::sqrt(sum / static_cast<double>(a.size()));
}

// The time at which a curve first reaches `level`, on the line between samples.
double time_of(const std::vector<double>& curve, double spacing, double level) {
  double before = 0;
  for (std::size_t i = 0; i < curve.size(); ++i) {
    if (curve[i] >= level) return spacing * (static_cast<double>(i) + (level - before) / (curve[i] - before));
    before = curve[i];
  }
  return INFINITY;
}

void Run::learn_modes() {
  const std::vector<Curves> all =
      trials_.run("modes", static_cast<int>(deepest_linear) * plan_.curves, 0.25,
                  [&](int i) { return modes(i / plan_.curves + 1, stream("modes", i % plan_.curves)); });
  Table table{.name = "deep_linear",
              .title =
                  "Deep linear nets learn mode by mode: time until half of a mode's strength, and the rms distance "
                  "of the curve to theory, in shares of the strength",
              .columns = {"weights", "mode", "half time", "predicted", "distance to theory"}};
  for (Index depth = 1; depth <= deepest_linear; ++depth) {
    const auto first = static_cast<std::size_t>((depth - 1) * plan_.curves);
    const double spacing = all[first].modes[3][0];
    std::vector<double> times;
    for (int p = 1; p <= curve_points; ++p) times.push_back(p * spacing);
    for (std::size_t m = 0; m < mode_values.size(); ++m) {
      const double s = mode_values[m];
      const std::vector<double> theory = mode_strength(depth, s, weak_start, times);
      std::vector<double> half, miss, from_one_layer;
      for (std::size_t i = first; i < first + static_cast<std::size_t>(plan_.curves); ++i) {
        half.push_back(time_of(all[i].modes[m], spacing, s / 2));
        miss.push_back(rms_difference(all[i].modes[m], theory) / s);
        from_one_layer.push_back(rms_difference(all[i].modes[m], mode_strength(1, s, weak_start, times)) / s);
      }
      theory_miss_ = std::max(theory_miss_, *std::max_element(miss.begin(), miss.end()));
      const double predicted_half = time_of(theory, spacing, s / 2);
      table.rows.push_back({static_cast<double>(depth), s, mean_interval(half), predicted_half, mean_interval(miss)});
      if (depth == 2 && m == 2) {
        half_time_ = mean_interval(half);
        curve_difference_ = mean_interval(from_one_layer);
      }
      report_.series.push_back({.chart = text("Modes of a linear net of ", depth, depth == 1 ? " layer" : " layers"),
                                .name = text("s = ", s),
                                .x_label = "time (steps x rate)",
                                .y_label = "strength",
                                .x = times,
                                .y = all[first].modes[m],
                                .theory = theory});
    }
  }
  report_.tables.push_back(std::move(table));
}

Claim Run::wasted_depth() {
  learn_modes();
  const Measurement ratio = regress();
  const Ruling ruling = depth_is_wasted(ratio, curve_difference_);
  const double predicted = std::log(1 / weak_start - 1) / 2;  // u(t) = s / 2 for s = 1
  return {
      .id = "U2",
      .statement =
          "Without activation functions the network cannot learn any function more complex than linear "
          "regression: all the depth is wasted.",
      .source = text(guide, "; ", interview),
      .predicted = predicted,
      .measured = half_time_,
      .tolerance = 0.01 * predicted,
      .rule = text("Confirmed if a linear net of four layers ends within ", same,
                   " of the error of linear regression and learns as one layer does; conditional if only one of the "
                   "two. The numbers given are the time (steps times rate) until two layers have learned half of a "
                   "mode of strength 1, by Saxe et al. 2013: a plateau that one layer, with ",
                   in_words(std::log(2.), 2), ", does not have. The curves of 1 to ", deepest_linear,
                   " layers are within ", in_words(theory_miss_, 2), " of the strength of theory (rms)."),
      .verdict = ruling.verdict,
      .condition = ruling.condition,
      .surprise = missed(half_time_, predicted, 0.01 * predicted)};
}

Measurement rms(const Trained& t) {
  return t.geometric_mean([](const FitRecord& record) { return std::sqrt(record.loss); });
}

// Of an activation that is a polynomial.
std::optional<int> polynomial_degree(const std::string& activation) {
  if (activation == "x*x") return 2;
  return activation == "x*x*x" ? std::optional(3) : std::nullopt;
}

void add_point(Series& line, Index x, const Measurement& y) {
  line.x.push_back(static_cast<double>(x));
  line.y.push_back(y.value);
  line.low.push_back(y.low.value_or(y.value));
  line.high.push_back(y.high.value_or(y.value));
}

const std::vector<std::string> bends = {"relu", "tanh", "sigmoid", "gelu", "x*x", "x*x*x"};

void Run::approximate() {
  const auto per_width = static_cast<std::size_t>(plan_.trained);
  const std::size_t count = bends.size() * plan_.widths.size();
  const std::vector<double> residuals =
      trials_.run("least squares", static_cast<int>(count) * plan_.trained, 0.3, [&](int i) {
        const auto cell = static_cast<std::size_t>(i / plan_.trained);
        const Activation f = activation(bends[cell / plan_.widths.size()]);
        const Index width = plan_.widths[cell % plan_.widths.size()];
        Rng rng = stream("least squares", i % plan_.trained);
        const Matrix<double> x = grid(2 * plan_.widths.back(), half_pi);
        Matrix<double> features(x.rows(), width + 1);
        for (Index u = 0; u < width; ++u) {  // f(w (x - c)): bends at a random place, at any steepness
          const double w = 3 * rng.normal(), c = half_pi * (2 * rng.uniform() - 1);
          features.col(u) = w * (x.array() - c);
        }
        f(features.data(), features.data(), static_cast<double*>(nullptr), features.size());
        features.col(width).setOnes();
        return least_squares_residual(features, wave(x));
      });
  for (std::size_t cell = 0; cell < count; ++cell) {
    approximations_.push_back({bends[cell / plan_.widths.size()], plan_.widths[cell % plan_.widths.size()],
                               geometric_mean_interval(std::span(residuals).subspan(cell * per_width, per_width))});
  }

  const Matrix<double> x = grid(fit_points, half_pi);
  Dataset<float> data;
  data.name = "sin 3x";
  data.task = Task::regression;
  data.inputs = x.cast<float>();
  data.targets = wave(x).cast<float>();
  std::vector<HiddenLayer> cells;
  for (const std::string f : {"relu", "tanh", "x*x"}) {
    for (const Index width : plan_.widths) cells.push_back({f, width, {1e-3, 1e-2}});
  }
  trained_ = tune_and_train(
      trials_, "training", cells, plan_.trained, 0.25,
      [&](const HiddenLayer& cell, double rate, std::uint64_t seed) {
        FitOptions options{.net = {.hidden = {cell.width}, .activations = {activation(cell.activation)}},
                           .initializer = initializer("pytorch")};
        options.trainer.optimizer.learning_rate = rate;
        options.trainer.schedule = "cosine";
        options.trainer.batch_size = fit_points;
        options.trainer.steps = plan_.steps;
        return fit(trials_, options, data, {}, rng_.split("training").split(seed));
      },
      [](const FitRecord& record) { return record.loss; },
      [](const HiddenLayer& cell) { return text(cell.activation, " ", cell.width); });

  Table table{.name = "approximation",
              .title = text("rms error of one hidden layer that fits sin 3x on [-pi/2, pi/2] (rms of the target: ",
                            in_words(target_rms), "), geometric mean over seeds"),
              .columns = {"activation", "width", "random units, output by least squares", "all weights trained"}};
  for (const Approximation& a : approximations_) {
    std::vector<Cell> row = {a.activation, static_cast<double>(a.width), a.rms};
    if (const Trained* fitted = trained(a.activation, a.width)) row.push_back(rms(*fitted));
    row.resize(table.columns.size(), "-");
    table.rows.push_back(std::move(row));
  }
  report_.tables.push_back(std::move(table));
  for (const std::string& f : bends) {
    Series random{.chart = "sin 3x by one hidden layer with random units",
                  .name = f,
                  .x_label = "width",
                  .y_label = "rms error",
                  .log_y = true};
    Series fitted = random;
    fitted.chart = "sin 3x by one hidden layer, all weights trained";
    for (const Approximation& a : approximations_) {
      if (a.activation != f) continue;
      add_point(random, a.width, a.rms);
      if (const Trained* t = trained(f, a.width)) add_point(fitted, a.width, rms(*t));
    }
    if (const auto degree = polynomial_degree(f)) random.theory.assign(random.x.size(), polynomial_residual(*degree));
    report_.series.push_back(std::move(random));
    if (!fitted.x.empty()) report_.series.push_back(std::move(fitted));
  }
}

const Approximation& Run::approximation(const std::string& activation, Index width) const {
  return *std::find_if(approximations_.begin(), approximations_.end(),
                       [&](const Approximation& a) { return a.activation == activation && a.width == width; });
}

const Trained* Run::trained(const std::string& activation, Index width) const {
  const auto found = std::find_if(trained_.begin(), trained_.end(), [&](const Trained& t) {
    return t.cell.activation == activation && t.cell.width == width;
  });
  return found == trained_.end() ? nullptr : &*found;
}

Claim Run::universal() {
  const Index widest = plan_.widths.back();
  std::vector<MeasuredCase> cases;
  for (const std::string& f : bends) cases.push_back({f, approximation(f, widest).rms});
  const Ruling ruling = all_below(cases, close * target_rms);
  const double predicted = polynomial_residual(2);
  double farthest = 0;  // of the square's error from theory, over all widths
  for (const Index width : plan_.widths)
    farthest = std::max(farthest, std::abs(approximation("x*x", width).rms.value / predicted - 1));
  const Measurement& square = approximation("x*x", widest).rms;
  return {
      .id = "U3",
      .statement =
          "With at least one hidden layer and a nonlinear activation function, a network can approximate any "
          "continuous function on a compact domain to arbitrary precision, given enough neurons.",
      .source = guide,
      .predicted = predicted,
      .measured = square,
      .tolerance = 0.01 * predicted,
      .rule = text("With ", widest, " units the rms error on sin 3x (output weights by least squares) is below ", close,
                   " of the target's: confirmed if so for every nonlinear activation tried, refuted if for none. "
                   "Leshno et al. 1993: it holds exactly for those that are no polynomials. The numbers given are "
                   "those of x*x, which stays with the best parabola."),
      .verdict = ruling.verdict,
      .condition = text(ruling.condition, "; x*x is within ", in_words(100 * farthest, 2),
                        " % of the best parabola's error at every width from ", plan_.widths.front(), " on"),
      .surprise = missed(square, predicted, 0.01 * predicted)};
}

Claim Run::learnability() {
  constexpr Index depth = 10, width = 2;
  constexpr double variance = 0.25;  // of |x| for x uniform in [-sqrt 3, sqrt 3]
  const Matrix<double> x = grid(fit_points, std::sqrt(3.0));
  Dataset<float> data;
  data.name = "|x|";
  data.task = Task::regression;
  data.inputs = x.cast<float>();
  data.targets = data.inputs.cwiseAbs();
  FitOptions options{.net = {.inputs = 1,
                             .hidden = std::vector<Index>(depth, width),
                             .outputs = 1,
                             .activations = {activation("relu")}},
                     .initializer = initializer("he")};
  options.trainer.optimizer.learning_rate = 3e-3;
  options.trainer.steps = plan_.short_steps;

  FitOptions still = options;
  still.trainer.steps = 0;
  FitHooks<float> exact;
  exact.on_start = [](Sequential<float>& net) { set_absolute_value(net); };
  const double represented = fit(trials_, still, data, {}, rng_, exact).loss;

  const std::vector<Narrow> all = trials_.run("narrow", plan_.narrow, 0.2, [&](int i) {
    Narrow narrow;
    FitHooks<float> hooks;
    hooks.on_start = [&](Sequential<float>& net) {
      const auto at_one = Matrix<float>::Ones(1, 1);
      Tape<float> tape({.recording = false});
      narrow.dead = net.forward(tape.constant(at_one), Context{}, 0, net.size() - 1).value().isZero(0);
    };
    narrow.loss = fit(trials_, options, data, {}, stream("narrow", i), hooks).loss;
    return narrow;
  });
  int dead = 0, failing = 0, constant = 0;
  for (const Narrow& narrow : all) {
    dead += narrow.dead;
    failing += narrow.loss > 0.1 * variance;
    constant += narrow.loss > 0.99 * variance;
  }
  const Measurement born = share_interval(dead, plan_.narrow), failed = share_interval(failing, plan_.narrow);
  const double predicted = dead_for_an_input(depth, width);
  report_.tables.push_back(
      {.name = "narrow",
       .title = text("ReLU nets of ", depth, " layers and width ", width, " (he), target |x|: share of ", plan_.narrow,
                     " nets"),
       .columns = {"share of nets", "measured", "predicted"},
       .rows = {{"silent for the input 1 at the start", born, predicted},
                {"error above a tenth of the variance after training", failed, "-"},
                {"answer a constant after training", share_interval(constant, plan_.narrow), "-"}}});
  return {.id = "U4",
          .statement =
              "Universality says nothing about learnability: a network might be able to represent a function but "
              "fail to learn it due to vanishing gradients, dead neurons or a poor landscape.",
          .source = guide,
          .predicted = predicted,
          .measured = failed,
          .rule = text("Ten ReLU layers of two units are |x| exactly with weights set by hand (error ",
                       in_words(represented, 1),
                       "), and at least half of the nets drawn by he and trained with Adam for ", plan_.short_steps,
                       " steps keep an error above a tenth of the target's variance. The number given "
                       "is their share; the prediction is the share of nets that are silent for a given input at the "
                       "start, 1 - (1 - 2^-2)^10 (measured: ",
                       in_words(born), ")."),
          .verdict = represented_but_not_learned(represented, failed),
          .surprise = missed(born, predicted, 0)};
}

Claim Run::relu_is_universal() {
  const Index first = plan_.widths[1], widest = plan_.widths.back();
  const Measurement &narrow = approximation("relu", first).rms, &wide = approximation("relu", widest).rms;
  const double octaves = std::log(static_cast<double>(widest) / static_cast<double>(first));
  const auto power = [&](double a, double b) { return std::log(b / a) / octaves; };
  const Measurement slope{power(narrow.value, wide.value), power(*narrow.high, *wide.low),
                          power(*narrow.low, *wide.high)};
  return {.id = "U5",
          .statement = "ReLU networks are universal approximators although ReLU is not differentiable at 0.",
          .source = text(guide, " (the theorem; the kink: parts 3 and 5)"),
          .predicted = -2,
          .measured = slope,
          .tolerance = 0.5,
          .rule = text("Confirmed if one hidden layer of ", widest,
                       " ReLU units fits sin 3x (output weights by least squares) with an rms error below ", close,
                       " of the target's, and the error falls at least as 1 / width from ", first,
                       " units on; refuted if either fails. The number given is the power of the width; a piecewise "
                       "linear function with as many good knots gives -2."),
          .verdict = both(below(wide, close * target_rms), below(slope, -1)),
          .condition = text("error ", in_words(wide), " with ", widest, " units by least squares, ",
                            in_words(rms(*trained("relu", widest))), " where all weights are trained"),
          .surprise = missed(slope, -2, 0.5)};
}

std::string Run::answer() const {
  const Index widest = plan_.widths.back();
  const auto error = [&](const char* f) { return in_words(100 * approximation(f, widest).rms.value / target_rms, 2); };
  return text("Linear layers of any number are one linear map, though not one way to learn it; with ", widest,
              " units that bend, the error on a sine is ", error("relu"), " % (relu) and ", error("tanh"),
              " % (tanh), with ", widest, " parabolas still ", error("x*x"), " %.");
}

Report Run::report() {
  report_.claims.push_back(one_linear_map());
  report_.claims.push_back(wasted_depth());
  approximate();
  report_.claims.push_back(universal());
  report_.claims.push_back(learnability());
  report_.claims.push_back(relu_is_universal());
  report_.answer = answer();
  report_.notes.push_back(text("All of it runs in seconds; fits by training use Adam with a cosine schedule, ",
                               plan_.steps, " full-batch steps, rates chosen with one seed and results from ",
                               plan_.trained, " others."));
  return std::move(report_);
}

}  // namespace

LinearPlan linear_plan(const ExperimentSettings& settings) {
  LinearPlan plan;
  if (settings.profile == Profile::full) {
    plan = {.nets = 100,
            .trained = 20,
            .curves = 10,
            .narrow = 2000,
            .widths = {8, 16, 32, 64, 128, 256, 512},
            .steps = 10000,
            .short_steps = 3000,
            .time_step = 5e-4};
  }
  if (settings.seeds > 0) plan.nets = plan.trained = plan.curves = settings.seeds;
  return plan;
}

Report linear_and_universal(const ExperimentSettings& settings, const LinearPlan& plan) {
  return Run(settings, plan).report();
}

Report linear_and_universal(const ExperimentSettings& settings) {
  return linear_and_universal(settings, linear_plan(settings));
}

}  // namespace evengrad
