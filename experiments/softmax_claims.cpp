#include <evengrad/experiments/softmax_claims.hpp>

#include <evengrad/activations/registry.hpp>
#include <evengrad/data/batches.hpp>
#include <evengrad/data/registry.hpp>
#include <evengrad/experiments/fit.hpp>
#include <evengrad/experiments/hidden_layers.hpp>
#include <evengrad/experiments/scans.hpp>
#include <evengrad/init/moments.hpp>
#include <evengrad/init/quadrature.hpp>
#include <evengrad/layers/activation_layer.hpp>

#include <Eigen/Eigenvalues>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>

namespace evengrad {

namespace {

// softmax(logits / temperature) of each row, by the engine.
template <Real S>
Matrix<S> engine_softmax(const Matrix<S>& logits, double temperature = 1) {
  Tape<S> tape({.recording = false});
  return softmax(tape.constant(logits), temperature).value();
}

double entropy(const Matrix<double>& p) {
  double sum = 0;
  for (Index i = 0; i < p.size(); ++i) sum -= p.data()[i] > 0 ? p.data()[i] * std::log(p.data()[i]) : 0;
  return sum / static_cast<double>(p.rows());
}

double accuracy(const Matrix<double>& logits, const std::vector<std::int32_t>& labels) {
  Index right = 0;
  for (Index r = 0; r < logits.rows(); ++r) {
    Index largest = 0;
    logits.row(r).maxCoeff(&largest);
    right += largest == labels[static_cast<std::size_t>(r)];
  }
  return static_cast<double>(right) / static_cast<double>(logits.rows());
}

}  // namespace

namespace softmax_parts {

double backward_factor(Index n) {
  const auto units = static_cast<double>(n);
  const std::vector<double> cuts = quadrature::intervals({});
  constexpr double step = 0.1;  // of log t: the trapezoid rule on the whole line converges exponentially
  double squares = 0, cubes = 0, squared_squares = 0;
  for (double u = -std::log(units) - 20; u < 15; u += step) {
    const double t = std::exp(u);
    // M_k = E[e^(kz) exp(-t e^z)], k = 0, 2, 3, 4
    const auto m = quadrature::expect<4>(cuts, [&](const auto& z, auto& samples) {
                     for (std::size_t i = 0; i < z.size(); ++i) {
                       const double e = std::exp(z[i]);
                       samples[0][i] = std::exp(-t * e);
                       for (std::size_t k = 1; k < 4; ++k) {
                         samples[k][i] = std::exp(static_cast<double>(k + 1) * z[i] - t * e);
                       }
                     }
                   }).value;
    const double others = std::pow(m[0], units - 2);
    squares += step * units * t * t * m[1] * others * m[0];
    cubes += step * units * t * t * t / 2 * m[2] * others * m[0];
    squared_squares += step * units * t * t * t * t / 6 * others * (m[3] * m[0] + (units - 1) * m[1] * m[1]);
  }
  // ||J||_F^2 = sum p^2 - 2 sum p^3 + (sum p^2)^2
  return (squares - 2 * cubes + squared_squares) / units;
}

Calibration calibration(const Matrix<double>& logits, const std::vector<std::int32_t>& labels, double temperature) {
  const Matrix<double> p = engine_softmax(logits, temperature);
  constexpr std::size_t bins = 15;
  std::vector<double> confidence(bins), right(bins);
  Calibration result;
  for (Index r = 0; r < p.rows(); ++r) {
    const std::int32_t label = labels[static_cast<std::size_t>(r)];
    Index largest = 0;
    const double most = p.row(r).maxCoeff(&largest);
    const std::size_t bin = std::min(bins - 1, static_cast<std::size_t>(most * bins));
    confidence[bin] += most;
    right[bin] += largest == label;
    result.loss -= std::log(std::max(p(r, label), 1e-300));
  }
  for (std::size_t b = 0; b < bins; ++b) result.error += std::abs(confidence[b] - right[b]);
  const auto rows = static_cast<double>(p.rows());
  return {result.loss / rows, result.error / rows};
}

double fitted_temperature(const Matrix<double>& logits, const std::vector<std::int32_t>& labels) {
  // The loss has one minimum in 1 / T: a golden section on log T finds it.
  double low = std::log(0.05), high = std::log(50.0);
  const double golden = (std::sqrt(5.0) - 1) / 2;
  const auto loss = [&](double log_t) { return calibration(logits, labels, std::exp(log_t)).loss; };
  while (high - low > 1e-4) {
    const double a = high - golden * (high - low), b = low + golden * (high - low);
    (loss(a) < loss(b) ? high : low) = loss(a) < loss(b) ? b : a;
  }
  return std::exp((low + high) / 2);
}

}  // namespace softmax_parts

namespace {

using namespace softmax_parts;

constexpr const char* guide = "Activation functions guide";
constexpr const char* interview = "AI/ML interview guide: activation functions";

// The students of the distillation: what they learn from.
struct Student {
  const char* name;
  double temperature, soft_share;
};
const std::vector<Student> students = {
    {"labels only", 1, 0}, {"teacher, T = 1", 1, 0.9}, {"teacher, T = 2", 2, 0.9}, {"teacher, T = 4", 4, 0.9}};
constexpr std::size_t by_labels = 0, at_one = 1, at_two = 2;

// One seed of teacher, students, and the calibration of the student that has only labels.
struct Classroom {
  double teacher = 0;                      // accuracy
  std::vector<double> entropy;             // of the teacher's answers at T = 1, 2, 4, nats
  std::vector<double> loss, accuracy;      // test, one a student
  double temperature = 0;                  // fitted
  double train_accuracy = 0, changed = 0;  // of the net to be calibrated; by temperature
  Calibration before, after;

  template <class Fields>
  void fields(Fields& f) {
    f("teacher", teacher);
    f("entropy", entropy);
    f("loss", loss);
    f("accuracy", accuracy);
    f("temperature", temperature);
    f("train_accuracy", train_accuracy);
    f("changed", changed);
    f("loss_before", before.loss);
    f("error_before", before.error);
    f("loss_after", after.loss);
    f("error_after", after.error);
  }
};

// M10, M11: a net with another hidden or output layer.
struct Cell {
  std::string name, data;
  std::string hidden = "relu";  // "softmax", "width x softmax", or an activation
  Index depth = 2;
  std::string output = "linear", loss = {};
  std::vector<double> rates = {1e-3, 1e-2, 1e-1};
  std::int64_t steps = 0;
};
using Trained = Tuned<Cell, FitRecord>;

class Run {
 public:
  Run(const ExperimentSettings& settings, const SoftmaxPlan& plan)
      : settings_(settings), plan_(plan), trials_(settings), rng_(Rng(settings.seed).split("softmax")) {}

  Report report();

 private:
  Split<float> load(const std::string& name, Index train_rows) const;
  Split<float> small(const std::string& name, double noise) const;
  Classroom classroom(std::uint64_t seed) const;
  Sequential<float> student(const Student& kind, const Dataset<float>& data, const Matrix<float>& teacher,
                            const Rng& rng) const;
  std::vector<Trained> train(const std::string& what, const std::vector<Cell>& cells, double share);
  Measurement over(const std::function<double(const Classroom&)>& of) const {
    std::vector<double> samples;
    for (const Classroom& c : classrooms_) samples.push_back(of(c));
    return mean_interval(samples);
  }
  Claim& add(Claim claim) { return report_.claims.emplace_back(std::move(claim)); }

  void printed_sums();        // M1 to M3
  void limits();              // M4
  void stability();           // M5
  void jacobian();            // M6
  void low_temperatures();    // M7, M8
  void distillation_helps();  // M9
  void hidden_softmax();      // M10
  void outputs();             // M11

  const ExperimentSettings& settings_;
  const SoftmaxPlan plan_;
  Trials trials_;
  const Rng rng_;
  const Matrix<double> logits_ = (Matrix<double>(1, 3) << 2, 1, 0.1).finished();
  Split<float> data_, moons_, sine_;
  std::vector<Classroom> classrooms_;
  Report report_;
};

void Run::printed_sums() {
  struct Sum {
    const char* id;
    double temperature, printed, last_digit;
  };
  Table table{.name = "temperatures",
              .title = "softmax of the logits (2, 1, 0.1) at a temperature; entropy in nats",
              .columns = {"temperature", "sum", "sum printed", "p1", "p2", "p3", "entropy"}};
  for (const Sum& s : {Sum{"M1", 1, 11.212, 1e-3}, Sum{"M2", 0.5, 63.21, 1e-2}, Sum{"M3", 2, 5.418, 1e-3}}) {
    const Matrix<double> p = engine_softmax(logits_, s.temperature);
    double predicted = 0, spread = 0;
    for (Index i = 0; i < 3; ++i) predicted += std::exp(logits_(0, i) / s.temperature);
    const double measured = std::exp(logits_(0, 0) / s.temperature) / p(0, 0);
    for (Index i = 0; i < 3; ++i)
      spread = std::max(spread, std::abs(p(0, i) - std::exp(logits_(0, i) / s.temperature) / predicted));
    table.rows.push_back({s.temperature, measured, s.printed, p(0, 0), p(0, 1), p(0, 2), entropy(p)});
    const double off = std::abs(measured - s.printed);
    add({.id = s.id,
         .statement =
             text("The exponentials of the logits (2, 1, 0.1) at T = ", s.temperature, " sum to ", s.printed, "."),
         .source = text(guide, ", problem 4"),
         .predicted = predicted,
         .measured = Measurement{measured},
         .tolerance = s.last_digit,
         .rule =
             "The sum that the engine's probabilities imply, e^(2 / T) / p1, is within one unit of the last printed "
             "digit, and every p is within 1e-5 of the formula.",
         .verdict = both(near({measured}, s.printed, s.last_digit), below({spread}, 1e-5)),
         .condition = text("p = (", in_words(p(0, 0), 5), ", ", in_words(p(0, 1), 5), ", ", in_words(p(0, 2), 5), ")"),
         .surprise = off > s.last_digit / 2
                         ? text("the sum is ", in_words(measured, 7), ", which does not round to the printed ",
                                s.printed, ": that adds up terms that are rounded already")
                         : ""});
  }
  report_.tables.push_back(std::move(table));
}

void Run::limits() {
  const Matrix<double> tied = (Matrix<double>(1, 3) << 2, 2, 0.1).finished();
  const double cold = 1 - engine_softmax(logits_, 1e-3)(0, 0), of_tied = 1 - engine_softmax(tied, 1e-3)(0, 0);
  const double hot = (engine_softmax(logits_, 1e4).array() - 1.0 / 3).abs().maxCoeff();
  const Ruling ruling =
      in_all({{"1 - p of the largest of distinct logits, T = 0.001", below({cold}, 1e-300), in_words(cold)},
              {"the same with two largest", below({of_tied}, 1e-300), in_words(of_tied)},
              {"distance from uniform, T = 10,000", below({hot}, 1e-4), in_words(hot)}});
  Series line{
      .chart = "Entropy by temperature", .name = "softmax(2, 1, 0.1)", .x_label = "temperature", .y_label = "nats"};
  for (int i = 1; i <= 80; ++i) {
    line.x.push_back(i / 10.0);
    line.y.push_back(entropy(engine_softmax(logits_, line.x.back())));
    line.theory.push_back(std::log(3.0));
  }
  report_.series.push_back(std::move(line));
  add({.id = "M4",
       .statement = "As T tends to 0 softmax tends to argmax (one-hot), as T grows to the uniform distribution.",
       .source = text(guide, ", part 6"),
       .predicted = 0.5,
       .measured = Measurement{of_tied},
       .tolerance = 1e-4,
       .rule = "At T = 0.001 all but 1e-300 of the probability is on one class, and at T = 10,000 each has 1/3 within "
               "1e-4: for the logits (2, 1, 0.1), and, with a tie, (2, 2, 0.1), whose 1 - p is the number.",
       .verdict = ruling.verdict,
       .condition = ruling.condition});
}

void Run::stability() {
  const double limit = std::log(static_cast<double>(std::numeric_limits<float>::max()));
  const auto first = first_float(activation("exp(x)"), 64, 128, [](float e, float) { return !std::isfinite(e); });
  const auto naive = [](float z) { return std::exp(z) / (std::exp(z) + std::exp(z - 1)); };
  const auto stable = [](float z) { return engine_softmax<float>((Matrix<float>(1, 2) << z, z - 1).finished())(0, 0); };
  Matrix<double> z(100, 10);
  rng_.split("shifts").fill_normal(std::span<double>(z.data(), static_cast<std::size_t>(z.size())));
  const Matrix<double> moved = z.array() + 1000;
  const double apart = (engine_softmax(z) - engine_softmax(moved)).cwiseAbs().maxCoeff();
  const bool overflows = std::isfinite(naive(88)) && std::isnan(naive(89));
  const bool cured = std::isfinite(stable(89)) && std::isfinite(stable(1e30F));
  const Verdict verdict = both(overflows && cured ? Verdict::confirmed : Verdict::refuted, below({apart}, 1e-12));
  add({.id = "M5",
       .statement = "Computed directly softmax overflows for large logits; subtracting the largest changes nothing and "
                    "prevents it.",
       .source = text(guide, ", part 6"),
       .predicted = limit,
       .measured = Measurement{static_cast<double>(first.value_or(NAN))},
       .tolerance = 1e-4,
       .rule =
           "In float32 e^z / sum e^z is finite for z = 88 and NaN for z = 89; the engine's softmax is finite for 89 "
           "and 1e30, and shifting 1,000 logits by 1000 changes it by less than 1e-12 in double. The number is the "
           "first float whose exponential is infinite.",
       .verdict = verdict,
       .condition = text("a shift by 1000 changes probabilities by up to ", in_words(apart)),
       .surprise = missed({static_cast<double>(first.value_or(NAN))}, limit, 1e-4)});
}

void Run::jacobian() {
  double formula = 0, row_sum = 0, least = 0, largest = 0;
  bool rank = true;
  Rng rng = rng_.split("jacobians");
  for (int draw = 0; draw < 50; ++draw) {
    const Index classes = 2 + draw % 9;
    Matrix<double> z(1, classes);
    rng.fill_normal(std::span<double>(z.data(), static_cast<std::size_t>(classes)));
    const Eigen::VectorXd p = engine_softmax(z).row(0).transpose();
    const Eigen::MatrixXd expected = Eigen::MatrixXd(p.asDiagonal()) - p * p.transpose();
    Eigen::MatrixXd differences(classes, classes), pulled(classes, classes);
    for (Index j = 0; j < classes; ++j) {
      constexpr double h = 1e-5;
      Matrix<double> up = z, down = z;
      up(0, j) += h;
      down(0, j) -= h;
      differences.col(j) = ((engine_softmax(up) - engine_softmax(down)) / (2 * h)).row(0).transpose();
      Tape<double> tape;
      const Var<double> x = tape.variable(z);
      Matrix<double> one = Matrix<double>::Zero(1, classes);
      one(0, j) = 1;
      pulled.row(j) = tape.backward(softmax(x), one)[x].row(0);
    }
    formula =
        std::max({formula, (differences - expected).cwiseAbs().maxCoeff(), (pulled - expected).cwiseAbs().maxCoeff()});
    row_sum = std::max(row_sum, pulled.rowwise().sum().cwiseAbs().maxCoeff());
    const Eigen::VectorXd values = Eigen::SelfAdjointEigenSolver<Eigen::MatrixXd>(expected).eigenvalues();
    least = std::min(least, values(0));
    rank = rank && values(1) > 1e-9;
    largest = std::max(largest, values(classes - 1));
  }
  const Verdict facts =
      rank && row_sum < 1e-14 && least > -1e-14 && largest <= 0.5 ? Verdict::confirmed : Verdict::refuted;
  add({.id = "M6",
       .statement = "The Jacobian of softmax is diag(p) - p p^T.",
       .source = text(guide, ", part 6"),
       .predicted = 0,
       .measured = Measurement{formula},
       .tolerance = 1e-7,
       .rule =
           "For 50 draws of 2 to 10 logits central differences and the engine's own gradient are within 1e-7 of the "
           "formula; its rows sum to 0, no eigenvalue is negative, one is 0, none above 1/2. The number is the "
           "largest difference.",
       .verdict = both(below({formula}, 1e-7), facts),
       .condition = text("largest eigenvalue ", in_words(largest), ", rows sum to 0 within ", in_words(row_sum))});
}

Split<float> Run::load(const std::string& name, Index train_rows) const {
  DataOptions options{.name = name, .seed = settings_.seed};
  options.roots = settings_.data_roots;
  options.samples = name == "mnist" ? train_rows : train_rows + plan_.test_rows;
  Split<float> split = load_data<float>(options);
  std::vector<Index> rows(static_cast<std::size_t>(std::min(plan_.test_rows, split.test.size())));
  std::iota(rows.begin(), rows.end(), Index{0});
  split.test = select_rows(split.test, rows);
  return split;
}

Split<float> Run::small(const std::string& name, double noise) const {
  return load_data<float>({.name = name, .samples = 1000, .noise = noise, .seed = settings_.seed});
}

Matrix<float> answers(Sequential<float>& net, const Matrix<float>& inputs) {
  Tape<float> tape({.recording = false});
  return net.forward(tape.constant(inputs), {}).value();
}

Sequential<float> Run::student(const Student& kind, const Dataset<float>& data, const Matrix<float>& teacher,
                               const Rng& rng) const {
  auto net = mlp<float>({.inputs = data.features(),
                         .hidden = {plan_.width, plan_.width},
                         .outputs = data.outputs(),
                         .activations = {activation("relu")}});
  net.initialize(initializer("he"), rng.split("net"));
  Optimizer<float> adam({.name = "adam", .learning_rate = 1e-3});
  BatchOrder order(data.size(), {.batch_size = 64}, rng.split("batches"));
  Batch<float> batch;
  Tape<float> tape;
  for (std::int64_t step = 0, epoch = 0; step < plan_.steps; ++epoch) {
    order.start_epoch(epoch);
    for (Index b = 0; b < order.batches() && step < plan_.steps; ++b, ++step) {
      const std::span<const Index> rows = order.batch(b);
      batch.gather(data, rows);
      Matrix<float> targets(batch.size(), teacher.cols());
      for (Index r = 0; r < targets.rows(); ++r) targets.row(r) = teacher.row(rows[static_cast<std::size_t>(r)]);
      tape.clear();
      const Var<float> logits = net.forward(tape.constant(batch.inputs()), {.training = true});
      const Var<float> loss = distillation<float>(logits, targets, batch.labels(), {kind.temperature, kind.soft_share});
      adam.step(net, tape.backward(loss));
    }
    trials_.check_stop();
  }
  return net;
}

Classroom Run::classroom(std::uint64_t seed) const {
  const Rng rng = rng_.split("classroom").split(seed);
  const auto rows_of = [](const Dataset<float>& data, Index from, Index to) {
    std::vector<Index> rows(static_cast<std::size_t>(to - from));
    std::iota(rows.begin(), rows.end(), from);
    return select_rows(data, rows);
  };
  const Dataset<float> few = rows_of(data_.train, 0, std::min(plan_.rows, data_.train.size()));
  const Index half = data_.test.size() / 2;
  const Dataset<float> validation = rows_of(data_.test, 0, half), test = rows_of(data_.test, half, 2 * half);

  Classroom room;
  Sequential<float> teacher =
      student(students[by_labels], data_.train, Matrix<float>::Zero(data_.train.size(), data_.train.outputs()),
              rng.split("teacher"));
  const Matrix<double> taught = answers(teacher, test.inputs).cast<double>();
  room.teacher = accuracy(taught, test.labels);
  for (const double t : {1, 2, 4}) room.entropy.push_back(entropy(engine_softmax(taught, t)));
  const Matrix<float> lessons = answers(teacher, few.inputs);
  for (std::size_t s = 0; s < students.size(); ++s) {
    Sequential<float> net = student(students[s], few, lessons, rng.split("student"));
    const Matrix<double> logits = answers(net, test.inputs).cast<double>();
    room.loss.push_back(calibration(logits, test.labels, 1).loss);
    room.accuracy.push_back(accuracy(logits, test.labels));
    if (s != by_labels) continue;
    room.temperature = fitted_temperature(answers(net, validation.inputs).cast<double>(), validation.labels);
    room.before = calibration(logits, test.labels, 1);
    room.after = calibration(logits, test.labels, room.temperature);
    room.train_accuracy = accuracy(answers(net, few.inputs).cast<double>(), few.labels);
    room.changed = accuracy(engine_softmax(logits, room.temperature), test.labels) - room.accuracy.back();
  }
  return room;
}

void Run::low_temperatures() {
  const Measurement temperature = over([](const Classroom& c) { return c.temperature; });
  const auto error_before = over([](const Classroom& c) { return c.before.error; });
  const auto error_after = over([](const Classroom& c) { return c.after.error; });
  report_.tables.push_back(
      {.name = "calibration",
       .title = text("A net trained to ", plan_.steps, " steps on ", plan_.rows, " samples of ", plan_.data,
                     ", its temperature fitted on validation data; test data"),
       .columns = {"temperature", "cross-entropy", "calibration error"},
       .rows = {{1.0, over([](const Classroom& c) { return c.before.loss; }), error_before},
                {temperature, over([](const Classroom& c) { return c.after.loss; }), error_after}}});
  const Verdict low = below(temperature, 1);
  add({.id = "M7",
       .statement = "T < 1 serves to calibrate a model.",
       .source = text(guide, ", problem 4"),
       .measured = temperature,
       .rule = "The temperature with the least cross-entropy on validation data is below 1: confirmed or refuted with "
               "its whole interval, for nets trained on long after they fit their data. Guo et al. 2017 expect "
               "T > 1 of over-confident nets.",
       .verdict = low,
       .condition = text("training accuracy ", in_words(over([](const Classroom& c) { return c.train_accuracy; })),
                         "; the fitted temperature changes the calibration error from ", in_words(error_before), " to ",
                         in_words(error_after), " and the accuracy by ",
                         in_words(over([](const Classroom& c) { return c.changed; }).value)),
       .surprise =
           low == Verdict::refuted ? text("calibration asks for T = ", in_words(temperature), ", above 1") : ""});

  std::vector<MeasuredCase> cases;
  const std::vector<double> temperatures = {0.9, 0.5, 0.1, 0.01};
  for (std::size_t i = 0; i < temperatures.size(); ++i) {
    const double p = engine_softmax(logits_, temperatures[i])(0, 0);
    Rng rng = rng_.split("draws").split(static_cast<std::uint64_t>(i));
    int hits = 0;
    for (int n = 0; n < plan_.draws; ++n) hits += rng.uniform() < p;
    cases.push_back({text("T = ", temperatures[i]), share_interval(hits, plan_.draws)});
  }
  const Ruling greedy = all_at_least(cases, 0.999);
  add({.id = "M8",
       .statement = "T < 1 (e.g. 0.5) is greedy decoding.",
       .source = text(guide, ", problem 4"),
       .predicted = engine_softmax(logits_, 0.5)(0, 0),
       .measured = cases[1].measured,
       .tolerance = 1e-3,
       .rule = text("Of ", plan_.draws,
                    " draws at least 99.9 % are the most probable class, for the logits (2, 1, 0.1) "
                    "at T = 0.9, 0.5, 0.1 and 0.01; the number is the share at T = 0.5. Greedy is the limit T to 0."),
       .verdict = greedy.verdict,
       .condition = greedy.condition,
       .surprise = missed(cases[1].measured, engine_softmax(logits_, 0.5)(0, 0), 1e-3)});
}

void Run::distillation_helps() {
  const auto less_loss = [&](std::size_t than, std::size_t student) {
    return over([=](const Classroom& c) { return c.loss[student] - c.loss[than]; });
  };
  const Measurement rises = over([](const Classroom& c) { return c.entropy[1] - c.entropy[0]; });
  const Measurement gain = over([](const Classroom& c) { return c.accuracy[at_two] - c.accuracy[by_labels]; });
  const Measurement to_labels = less_loss(by_labels, at_two), to_one = less_loss(at_one, at_two);
  const Ruling ruling =
      in_all({{"the teacher's entropy rises from T = 1 to 2", at_least(rises, 0), in_words(rises) + " nats"},
              {"loss of the student taught at T = 2 less that with labels", below(to_labels, 0), in_words(to_labels)},
              {"less that of the student taught at T = 1", below(to_one, 0), in_words(to_one)}});
  Table table{.name = "distillation",
              .title = text("Students with ", plan_.rows, " samples; the teacher saw ", plan_.teacher_rows,
                            " and has test accuracy ", in_words(over([](const Classroom& c) { return c.teacher; }))),
              .columns = {"learns from", "test loss", "test accuracy"}};
  for (std::size_t s = 0; s < students.size(); ++s) {
    table.rows.push_back({students[s].name, over([s](const Classroom& c) { return c.loss[s]; }),
                          over([s](const Classroom& c) { return c.accuracy[s]; })});
  }
  report_.tables.push_back(std::move(table));

  // The gradient of KL(teacher || student) falls as 1 / T^2: the loss multiplies by T^2 to make up for it.
  Table scales{.name = "distillation_gradients",
               .title = "rms gradient of the soft loss without its factor T^2, for logits of N(0, 1)",
               .columns = {"temperature", "rms gradient", "times T^2"}};
  Matrix<double> z(256, 10), teacher(256, 10);
  rng_.split("soft logits").fill_normal(std::span<double>(z.data(), static_cast<std::size_t>(z.size())));
  rng_.split("soft targets").fill_normal(std::span<double>(teacher.data(), static_cast<std::size_t>(teacher.size())));
  const std::vector<std::int32_t> unused(256, 0);
  for (const double t : {1, 2, 4, 8, 16, 32}) {
    Tape<double> tape;
    const Var<double> x = tape.variable(z);
    const Matrix<double> g = tape.backward(distillation<double>(x, teacher, unused, {t, 1}))[x];
    const double rms = g.norm() / std::sqrt(static_cast<double>(g.size()));
    scales.rows.push_back({t, rms / (t * t), rms});
  }
  report_.tables.push_back(std::move(scales));
  add({.id = "M9",
       .statement = "T = 2 softens a teacher's probabilities: they tell more of the similarity of classes (dark "
                    "knowledge), which distillation uses.",
       .source = text(guide, ", problem 4"),
       .measured = gain,
       .rule = "The entropy of the teacher's answers rises, and a student that learns from them at T = 2 (share 0.9) "
               "has less test loss than one that learns from labels and than one taught at T = 1, paired by seed, "
               "with the whole interval. The number is the accuracy gained over labels.",
       .verdict = ruling.verdict,
       .condition = ruling.condition});
}

std::vector<Trained> Run::train(const std::string& what, const std::vector<Cell>& cells, double share) {
  const auto one = [&](const Cell& cell, double rate, std::uint64_t seed) {
    const Split<float>& data = cell.data == "moons" ? moons_ : cell.data == "sine" ? sine_ : data_;
    const bool swapped = cell.hidden.ends_with("softmax");
    const bool scaled = cell.hidden.starts_with("width");
    FitOptions fitted{.net = {.hidden = std::vector<Index>(static_cast<std::size_t>(cell.depth), plan_.width),
                              .activations = {activation(swapped ? "relu" : cell.hidden)}},
                      .initializer = initializer(cell.hidden == "relu" ? "he" : "xavier")};
    fitted.trainer.optimizer.learning_rate = rate;
    fitted.trainer.steps = cell.steps;
    fitted.trainer.loss = cell.loss;
    FitHooks<float> hooks;
    hooks.on_start = [&](Sequential<float>& net) {
      const double factor = scaled ? static_cast<double>(plan_.width) : 1;
      if (swapped) replace_activations(net, HiddenSoftmax<float>(factor));
      if (cell.output == "softmax") net.add(Softmax<float>());
      if (cell.output == "sigmoid") net.add(ActivationLayer<float>(activation("sigmoid")));
    };
    return fit<float>(trials_, fitted, data.train, data.test, rng_.split("training").split(seed), hooks);
  };
  return tune_and_train(
      trials_, what, cells, plan_.trained, share, one, [](const FitRecord& r) { return r.loss; },
      [](const Cell& cell) { return cell.name; });
}

void Run::hidden_softmax() {
  // Backwards through one layer, z and the gradients from above being N(0, 1).
  Table factors{.name = "hidden_softmax_gradients",
                .title = "rms factor of the gradient through a hidden softmax, z and gradients N(0, 1)",
                .columns = {"width", "measured", "predicted", "sqrt(e) / width", "sigmoid's"}};
  const double of_sigmoid = std::sqrt(moments(activation("sigmoid")).derivative_second);
  std::string surprise;
  Measurement measured;
  double predicted = 0;
  for (const Index n : {16, 64, 256}) {
    const std::vector<double> squares = trials_.run(text("hidden softmax ", n), 20, 0.02, [&](int draw) {
      const Rng rng = rng_.split("hidden").split(static_cast<std::uint64_t>(n)).split(static_cast<std::uint64_t>(draw));
      Matrix<double> z(100, n), above(100, n);
      rng.split("z").fill_normal(std::span<double>(z.data(), static_cast<std::size_t>(z.size())));
      rng.split("above").fill_normal(std::span<double>(above.data(), static_cast<std::size_t>(above.size())));
      Tape<double> tape;
      const Var<double> x = tape.variable(z);
      return tape.backward(softmax(x), above)[x].squaredNorm() / static_cast<double>(z.size());
    });
    const Measurement square = mean_interval(squares);
    const Measurement factor{std::sqrt(square.value), std::sqrt(std::max(0.0, *square.low)), std::sqrt(*square.high)};
    const double theory = std::sqrt(backward_factor(n)), width = static_cast<double>(n);
    factors.rows.push_back({width, factor, theory, std::sqrt(std::numbers::e) / width, of_sigmoid});
    if (surprise.empty()) surprise = missed(factor, theory, 0.05 * theory);
    if (n == 64) measured = factor, predicted = theory;
  }
  report_.tables.push_back(std::move(factors));

  std::vector<Cell> cells;
  for (const char* hidden : {"relu", "sigmoid", "softmax", "width x softmax"}) {
    for (const Index depth : {1, 2}) {
      cells.push_back(
          {.name = text(hidden, ", ", depth, " hidden"), .data = plan_.data, .hidden = hidden, .depth = depth});
      cells.back().steps = plan_.hidden_steps;
    }
  }
  const std::vector<Trained> trained = train("hidden softmax", cells, 0.25);
  Table table{.name = "hidden_softmax",
              .title = text(plan_.data, ", ", plan_.teacher_rows, " training samples, width ", plan_.width, ", ",
                            plan_.hidden_steps, " steps of Adam"),
              .columns = {"hidden layers", "rate", "training loss", "test accuracy"}};
  const auto of_accuracy = [](const FitRecord& r) { return r.test_accuracy; };
  const auto of_loss = [](const FitRecord& r) { return r.loss; };
  for (const Trained& t : trained) {
    table.rows.push_back({t.cell.name, t.rate, t.mean(of_loss), t.mean(of_accuracy)});
  }
  report_.tables.push_back(std::move(table));
  std::vector<MeasuredCase> costs;
  for (std::size_t i = 4; i < trained.size(); ++i) {
    const Trained &relu = trained[i % 2], &other = trained[i];
    const Measurement gained = paired_difference<Cell, FitRecord>(other, relu, of_accuracy);
    costs.push_back({"accuracy, " + other.cell.name, gained});
    costs.push_back({"training loss, " + other.cell.name, paired_difference<Cell, FitRecord>(relu, other, of_loss)});
  }
  const Ruling worse = all_at_least(costs, 0);
  add({.id = "M10",
       .statement = "Never apply softmax to hidden layers: it couples the units and destroys what they learn.",
       .source = text(guide, ", part 6"),
       .predicted = predicted,
       .measured = measured,
       .tolerance = 0.05 * predicted,
       .rule = text("Confirmed if softmax in 1 or 2 hidden layers costs test accuracy and adds training loss against "
                    "ReLU with the whole interval, rates tuned, paired by seed, also when its output is multiplied by "
                    "the width. The number is the rms factor of the gradient through one, width 64 (sigmoid's is ",
                    in_words(of_sigmoid), "). Attention and the gates of mixtures of experts are hidden softmaxes."),
       .verdict = worse.verdict,
       .condition = "lost or added: " + worse.condition,
       .surprise = surprise});
}

void Run::outputs() {
  // Two classes: softmax of (z1, z2) is sigmoid(z1 - z2).
  Matrix<double> z(1000, 2);
  rng_.split("pairs").fill_normal(std::span<double>(z.data(), static_cast<std::size_t>(z.size())));
  z *= 5;
  const Matrix<double> p = engine_softmax(z);
  double apart = 0;
  for (Index r = 0; r < z.rows(); ++r) {
    apart = std::max(apart, std::abs(p(r, 0) - activation("sigmoid").value(z(r, 0) - z(r, 1))));
  }
  std::vector<Cell> cells = {{.name = "regression, linear", .data = "sine"},
                             {.name = "regression, sigmoid", .data = "sine", .output = "sigmoid"},
                             {.name = "2 classes, softmax", .data = "moons"},
                             {.name = "2 classes, one sigmoid", .data = "moons", .loss = "bce"},
                             {.name = "2 classes, softmax twice", .data = "moons", .output = "softmax"}};
  for (Cell& cell : cells) cell.rates = {1e-3, 1e-2}, cell.steps = plan_.output_steps;
  const std::vector<Trained> trained = train("outputs", cells, 0.1);
  Table table{.name = "outputs",
              .title = "Output layers on tasks that they fit and that they do not; the least loss that they can reach",
              .columns = {"task and output", "training loss", "least possible", "test accuracy"}};
  const auto of_loss = [](const FitRecord& r) { return r.loss; };
  // A probability cannot be below 0, where half of all sines are. Softmax of what is a probability already stays below
  // e / (1 + e).
  const double below_zero =
      sine_.train.targets.cwiseMin(0).cast<double>().squaredNorm() / static_cast<double>(sine_.train.targets.size());
  const std::vector<double> least = {0, below_zero, 0, 0, std::log1p(std::exp(-1.0))};
  for (std::size_t i = 0; i < trained.size(); ++i) {
    table.rows.push_back({trained[i].cell.name, trained[i].mean(of_loss), least[i],
                          trained[i].mean([](const FitRecord& r) { return r.test_accuracy; })});
  }
  report_.tables.push_back(std::move(table));
  const Measurement by_sigmoid = paired_difference<Cell, FitRecord>(trained[0], trained[1], of_loss);
  const Measurement by_twice = paired_difference<Cell, FitRecord>(trained[2], trained[4], of_loss);
  const Ruling ruling =
      in_all({{"sigmoid(z1 - z2) is softmax of two", below({apart}, 1e-7), in_words(apart)},
              {"loss added by sigmoid in regression", at_least(by_sigmoid, 0.2), in_words(by_sigmoid)},
              {"loss added by softmax before softmax", at_least(by_twice, 0.2), in_words(by_twice)}});
  add({.id = "M11",
       .statement = "The output activation must match the task: sigmoid for one probability, softmax for a "
                    "distribution over classes, none for regression.",
       .source = interview,
       .predicted = below_zero,
       .measured = trained[1].mean(of_loss),
       .tolerance = 0.05,
       .rule =
           "Sigmoid of z1 - z2 is softmax of (z1, z2) within 1e-7; sigmoid at the output of a regression of sin x and "
           "softmax before a loss that applies it itself each add at least 0.2 to the loss, with the whole "
           "interval. The number is the first one's loss, the prediction the least that a probability can reach.",
       .verdict = ruling.verdict,
       .condition = ruling.condition,
       .surprise =
           at_least(trained[1].mean(of_loss), below_zero + 0.05) == Verdict::confirmed
               ? text("a sigmoid that saturates stops learning: loss ", in_words(trained[1].mean(of_loss).value),
                      " where a probability could reach ", in_words(below_zero))
               : ""});
}

Report Run::report() {
  data_ = load(plan_.data, plan_.teacher_rows);
  moons_ = small("moons", 0.1);
  sine_ = small("sine", 0);
  classrooms_ = trials_.run("classrooms", plan_.trained, 0.55,
                            [&](int i) { return classroom(static_cast<std::uint64_t>(i) + 1); });
  printed_sums();
  limits();
  stability();
  jacobian();
  low_temperatures();
  distillation_helps();
  hidden_softmax();
  outputs();
  add({.id = "M12",
       .statement = "Softmax dates from 1959.",
       .source = text(guide, ", part 8"),
       .rule =
           "History, which no run decides. Published: the distribution is Boltzmann's of 1868, Luce derived it as a "
           "rule of choice in 1959 (Individual Choice Behavior), and Bridle gave it its name for nets in 1990.",
       .verdict = Verdict::not_tested});
  const auto right = std::count_if(report_.claims.begin(), report_.claims.begin() + 3,
                                   [](const Claim& claim) { return claim.verdict == Verdict::confirmed; });
  report_.answer =
      text("Of the 3 printed sums ", right,
           " are right; calibration asks for T = ", in_words(over([](const Classroom& c) { return c.temperature; })),
           ", at T = 0.5 only ", in_words(100 * engine_softmax(logits_, 0.5)(0, 0)),
           " % of draws are the most probable class, and a student taught at T = 2 gains ",
           in_words(over([](const Classroom& c) { return c.accuracy[at_two] - c.accuracy[by_labels]; })),
           " of accuracy over labels.");
  report_.notes.push_back(text("Trained nets: ", plan_.data, ", teacher ", plan_.teacher_rows, " samples, students ",
                               plan_.rows, ", 2 hidden layers of ", plan_.width, ", Adam, ", plan_.trained,
                               " paired seeds; half of ", plan_.test_rows, " test samples choose the temperature."));
  return std::move(report_);
}

}  // namespace

SoftmaxPlan softmax_plan(const ExperimentSettings& settings) {
  SoftmaxPlan plan;
  if (settings.profile == Profile::full) {
    plan.trained = 20;
    plan.teacher_rows = 20'000;
    plan.test_rows = 10'000;
    plan.width = 128;
    plan.steps = 3000;
    plan.hidden_steps = 3000;
    plan.output_steps = 5000;
  }
  if (settings.seeds > 0) plan.trained = settings.seeds;
  return plan;
}

Report softmax_claims(const ExperimentSettings& settings, const SoftmaxPlan& plan) {
  return Run(settings, plan).report();
}

Report softmax_claims(const ExperimentSettings& settings) { return softmax_claims(settings, softmax_plan(settings)); }

}  // namespace evengrad
