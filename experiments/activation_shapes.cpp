#include <evengrad/experiments/activation_shapes.hpp>

#include <evengrad/activations/registry.hpp>
#include <evengrad/data/registry.hpp>
#include <evengrad/experiments/fit.hpp>
#include <evengrad/experiments/hidden_layers.hpp>
#include <evengrad/experiments/scans.hpp>
#include <evengrad/init/moments.hpp>

#include <boost/math/special_functions/lambert_w.hpp>
#include <boost/math/tools/roots.hpp>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <numeric>

namespace evengrad {

namespace shapes {

Ruling very_slightly(double dip, double descent, double other_dip, double other_descent) {
  const std::string numbers = text("dip ", in_words(dip), " against ", in_words(other_dip), ", steepest descent ",
                                   in_words(descent), " against ", in_words(other_descent));
  if (!(dip > 0)) return {Verdict::refuted, "it never falls: " + numbers};
  if (dip < other_dip / 2 && descent < other_descent / 2) return {Verdict::confirmed, numbers};
  return {Verdict::conditional, "it is non-monotonic, but not slightly: " + numbers};
}

Ruling stochastic_regularizer(bool random, const Measurement& change, const Measurement& by_dropout) {
  const std::string numbers =
      text(random ? "random" : "two passes give the same bits", "; changes the gap between test and training loss by ",
           in_words(change), ", dropout by ", in_words(by_dropout));
  const Verdict dropout_works = below(by_dropout, 0), closes = below(change, by_dropout.value / 2);
  if (dropout_works != Verdict::confirmed || closes == Verdict::undecided) return {Verdict::undecided, numbers};
  if (random == (closes == Verdict::confirmed)) return {random ? Verdict::confirmed : Verdict::refuted, numbers};
  return {Verdict::conditional, numbers};
}

Ruling same_function(double apart_at_one, double apart_elsewhere) {
  const std::string numbers =
      text("at beta = 1 they are ", in_words(apart_at_one), " apart, at beta = 2 ", in_words(apart_elsewhere));
  if (apart_at_one != 0) return {Verdict::refuted, numbers};
  if (apart_elsewhere == 0) return {Verdict::confirmed, numbers};
  return {Verdict::conditional, "the same for beta = 1, which Swish as published trains: " + numbers};
}

}  // namespace shapes

namespace {

using namespace shapes;

constexpr const char* guide = "Activation functions guide";
constexpr double ln2 = std::numbers::ln2, sqrt2 = std::numbers::sqrt2;

// Formulas in the plain words of the standard library, to hold the engine's against.
double phi(double x) { return std::exp(-x * x / 2) / std::sqrt(2 * std::numbers::pi); }
double normal_cdf_of(double x) { return std::erfc(-x / sqrt2) / 2; }
double sigmoid_of(double x) { return 1 / (1 + std::exp(-x)); }
double gelu_of(double x) { return x * normal_cdf_of(x); }
double gelu_slope_of(double x) { return normal_cdf_of(x) + x * phi(x); }

double root(const std::function<double(double)>& f, double low, double high) {
  const auto [a, b] = boost::math::tools::bisect(f, low, high, boost::math::tools::eps_tolerance<double>(50));
  return (a + b) / 2;
}

// One number of a claim.
struct Quantity {
  std::string name;
  double predicted = 0;  // by theory
  Measurement measured;
  double tolerance = exact;
  std::optional<double> stated = {};  // as the source prints it
  double rounding = 5e-4;             // half of its last digit
};

// What the claims of exact numbers have in common.
struct Exact {
  std::string id, statement, source;
  std::vector<Quantity> numbers;
};

Quantity quantity(const std::string& name, double predicted, double measured, double tolerance = exact) {
  return {.name = name, .predicted = predicted, .measured = {measured}, .tolerance = tolerance};
}

// Where an extremum is, and its value.
std::vector<Quantity> point(const std::string& name, const Extremum& predicted, const Extremum& measured,
                            const std::optional<Extremum>& stated = {}) {
  Quantity value = quantity(name, predicted.value, measured.value);
  Quantity at = quantity(name + ", at", predicted.at, measured.at);
  if (stated) value.stated = stated->value, at.stated = stated->at;
  return {value, at};
}

std::vector<Quantity> operator+(std::vector<Quantity> a, const std::vector<Quantity>& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}

// S14: how one kind of hidden layer trained.
struct Cell {
  std::string name, activation;
  double dropout = 0;
  bool mask = false;
  std::vector<double> rates = {1e-3};
};

using Trained = Tuned<Cell, FitRecord>;

const std::vector<std::string> sampled = {"sigmoid", "tanh", "relu", "leaky_relu", "elu",
                                          "selu",    "gelu", "silu", "mish"};

// S25: the ranges as printed; an open end is a limit that is never reached.
struct Range {
  const char* activation;
  double low;
  std::optional<double> high;
  bool open;
};
const std::vector<Range> ranges = {{"sigmoid", 0, 1, true},    {"tanh", -1, 1, true},      {"relu", 0, {}, false},
                                   {"elu", -1, {}, true},      {"gelu", -0.17, {}, false}, {"silu", -0.278, {}, false},
                                   {"mish", -0.309, {}, false}};

class Run {
 public:
  Run(const ExperimentSettings& settings, const ShapesPlan& plan)
      : settings_(settings), plan_(plan), trials_(settings), rng_(Rng(settings.seed).split("activation-shapes")) {}

  Report report();

 private:
  void measure_means();
  void measure_training();
  Measurement mean(const std::string& name) const { return moment(name, 0); }
  Measurement second(const std::string& name) const { return moment(name, 1); }
  Measurement moment(const std::string& name, std::size_t which) const;
  Quantity mean_of(const std::string& name, double tolerance) const {
    return {name + ": E[f]", moments(activation(name)).mean, mean(name), tolerance};
  }
  void add(const Exact& claim);
  Claim& add(Claim claim) { return report_.claims.emplace_back(std::move(claim)); }
  void log(const std::string& id, const Quantity& q);

  void slopes_and_limits();  // S1 to S4
  void extremes();           // S5 to S11
  void gelu_forms();         // S12 to S16
  void elu();                // S17, S18
  void means();              // S19 to S24
  void ranges_in_floats();   // S25
  void soft_death();         // S26
  void series();

  const ExperimentSettings& settings_;
  const ShapesPlan plan_;
  Trials trials_;
  const Rng rng_;
  std::vector<std::vector<double>> means_;  // by batch: mean and second moment of each
  std::vector<Trained> trained_;
  Table constants_{.name = "constants",
                   .title = "Numbers of the activations: theory, and the engine's functions measured",
                   .columns = {"claim", "quantity", "predicted", "measured", "tolerance"}};
  Report report_;
};

void Run::log(const std::string& id, const Quantity& q) {
  constants_.rows.push_back({id, q.name, q.predicted, q.measured, q.tolerance});
}

// Each number as the source prints it where it does, else as theory has it.
void Run::add(const Exact& claim) {
  std::vector<Case> cases;
  std::string surprise;
  for (const Quantity& q : claim.numbers) {
    log(claim.id, q);
    const Verdict verdict =
        q.stated ? near(q.measured, *q.stated, q.rounding) : near(q.measured, q.predicted, q.tolerance);
    cases.push_back({q.name, verdict, in_words(q.measured.value, 10)});
    if (surprise.empty()) surprise = missed(q.measured, q.predicted, q.tolerance);
  }
  const Ruling ruling = in_all(cases);
  const Quantity& first = claim.numbers.front();
  add({.id = claim.id,
       .statement = claim.statement,
       .source = claim.source,
       .predicted = first.predicted,
       .measured = first.measured,
       .tolerance = first.tolerance,
       .rule = "Each number, measured on the engine's function by a dense scan and golden section, differences or "
               "samples, is the one that is printed, to its last digit, or where none is printed that of theory, "
               "within the tolerance.",
       .verdict = ruling.verdict,
       .condition = ruling.condition,
       .surprise = surprise});
}

Extremum steepest(const Activation& f) {
  return highest([&](double x) { return f.derivative(x); }, -20, 20);
}
Extremum flattest(const Activation& f) {
  return lowest([&](double x) { return f.derivative(x); }, -20, 20);
}
Extremum bottom(const Activation& f) {
  return lowest([&](double x) { return f.value(x); }, -20, 20);
}

void Run::slopes_and_limits() {
  const Activation sigmoid = activation("sigmoid"), tanh = activation("tanh"), relu = activation("relu");
  const Extremum of_sigmoid = steepest(sigmoid), of_tanh = steepest(tanh);
  add({"S1", "The sigmoid's derivative is at most 0.25, at x = 0.", text(guide, ", part 2"),
       point("largest slope of sigmoid", {0, 0.25}, of_sigmoid, Extremum{0, 0.25})});
  const double identity =
      highest([&](double x) { return std::abs(tanh.derivative(x) - 4 * sigmoid.derivative(2 * x)); }, -20, 20).value;
  add({"S2", "Tanh's derivative is at most 1, at x = 0: 4 times better than sigmoid's.", text(guide, ", part 2"),
       point("largest slope of tanh", {0, 1}, of_tanh, Extremum{0, 1}) +
           std::vector{quantity("over sigmoid's", 4, of_tanh.value / of_sigmoid.value),
                       quantity("largest |tanh'(x) - 4 sigmoid'(2x)|", 0, identity, 1e-14)}});

  // 1 / (1 + e^-x) rounds to 1 where 1 + e^-x does.
  const auto one = first_float(sigmoid, 8, 32, [](float s, float) { return s == 1; });
  const auto zero = first_float(sigmoid, -64, -128, [](float s, float) { return s == 0; });
  const double at_one = one.value_or(NAN), at_zero = zero.value_or(NAN);
  float value = 0, slope = 0;
  const float x = one.value_or(0);
  sigmoid(&x, &value, &slope, 1);
  log("S3", quantity("sigmoid is 1 in float32 from", 24 * ln2, at_one, 1e-4));
  log("S3", quantity("sigmoid is 0 in float32 from", -150 * ln2, at_zero, 1e-4));
  log("S3", quantity("its slope there as s (1 - s)", 0, static_cast<double>(value * (1 - value))));
  log("S3", quantity("its slope there, computed well", sigmoid_of(at_one) * sigmoid_of(-at_one),
                     static_cast<double>(slope), 1e-9));
  const Ruling limits =
      all_below({{"1 - sigmoid(20)", {1 - sigmoid.value(20)}},
                 {"sigmoid(-20)", {sigmoid.value(-20)}},
                 {"its slope beyond 20", {highest([&](double z) { return sigmoid.derivative(z); }, 20, 700).value}},
                 {"its slope beyond -20", {highest([&](double z) { return sigmoid.derivative(z); }, -700, -20).value}}},
                1e-8);
  add({.id = "S3",
       .statement = "Sigmoid saturates for large |x|: it tends to 1 and 0, and its derivative to 0.",
       .source = text(guide, ", part 2"),
       .predicted = 24 * ln2,
       .measured = Measurement{at_one},
       .tolerance = 1e-4,
       .rule = "Beyond |x| = 20 sigmoid is within 1e-8 of its limits and its slope below 1e-8. The number measured is "
               "the first float at which it is exactly 1 in float32.",
       .verdict = limits.verdict,
       .condition =
           text(limits.condition, "; in float32 the limits are reached: 1 from ", in_words(at_one, 6), " on, 0 from ",
                in_words(at_zero, 6), " on, and s (1 - s) is then exactly 0 where the slope is ",
                in_words(static_cast<double>(slope)))});

  // Exact zeros of z: none in a live layer, all behind a dead one whose successor has no bias.
  auto net = mlp<double>({.inputs = 64, .hidden = {64, 64}, .outputs = 64, .activations = {relu}});
  net.initialize(initializer("he"), rng_.split("zeros"));
  Matrix<double> inputs(256, 64);
  rng_.split("zero inputs").fill_normal(std::span<double>(inputs.data(), static_cast<std::size_t>(inputs.size())));
  const auto zeros = [&] {
    Tape<double> tape({.keep_pre_activations = true});
    net.forward(tape.constant(inputs), {});
    std::vector<double> shares;
    for (const Node<double>& node : tape.nodes()) {
      if (!node.pre_activation) continue;
      const Index count = node.shape.size();
      shares.push_back(static_cast<double>(std::count(node.pre_activation, node.pre_activation + count, 0.0)) /
                       static_cast<double>(count));
    }
    return shares.at(1);
  };
  const double alive = zeros();
  dynamic_cast<Linear<double>&>(net[0]).bias.value.setConstant(-1e3);
  const double behind_dead = zeros();
  int other = 0;
  for (double z = -50; z <= 50; z += 1.0 / 64) other += relu.derivative(z) != (z > 0 ? 1 : 0);
  log("S4", quantity("share of z that are exactly 0, second layer, at the start", 0, alive));
  log("S4", quantity("the same behind a layer that is all dead", 1, behind_dead));
  add({.id = "S4",
       .statement = "ReLU's derivative is 0 or 1; at 0 it is set to 0, or sometimes to 1.",
       .source = text(guide, ", part 3"),
       .predicted = 1,
       .measured = Measurement{behind_dead},
       .tolerance = 0,
       .rule = "At 6,401 points the engine's derivative is 1 for z > 0 and 0 elsewhere, 0 included. The number is the "
               "share of z that are exactly 0 behind a dead layer, where the convention decides everything.",
       .verdict = other == 0 ? Verdict::confirmed : Verdict::refuted,
       .condition = text("z = 0 at a share ", in_words(alive), " of a live layer's units, at ", in_words(behind_dead),
                         " behind a dead one"),
       .surprise = alive < behind_dead ? text("z = 0 is no rare case: ", in_words(100 * behind_dead),
                                              " % of the units behind a dead layer sit there")
                                       : ""});
}

void Run::extremes() {
  const Activation gelu = activation("gelu"), silu = activation("silu"), mish = activation("mish");
  const double w = boost::math::lambert_w0(1 / std::numbers::e);
  add({"S5", "SiLU is bounded below: its minimum is -0.278, at x = -1.278.", text(guide, ", part 5"),
       point("minimum of silu", {-1 - w, -w}, bottom(silu), Extremum{-1.278, -0.278})});
  add({"S6", "Mish is bounded below: its minimum is -0.309, at x = -1.192.", text(guide, ", part 5"),
       point("minimum of mish", *extrema(mish).value_min, bottom(mish), Extremum{-1.192, -0.309})});

  const Extremum dip = bottom(gelu), descent = flattest(gelu), silu_descent = flattest(silu);
  const double where_flat = root(gelu_slope_of, -1, -0.5);
  const Ruling slightly = very_slightly(-dip.value, -descent.value, -bottom(silu).value, -silu_descent.value);
  for (const Quantity& q : point("minimum of gelu", {where_flat, gelu_of(where_flat)}, dip)) log("S7", q);
  add({.id = "S7",
       .statement = "GELU is non-monotonic only very slightly, unlike SiLU and Mish.",
       .source = text(guide, ", part 5"),
       .predicted = gelu_of(where_flat),
       .measured = Measurement{dip.value},
       .tolerance = exact,
       .rule = "Confirmed if the depth of its dip and its steepest descent are each less than half of SiLU's, "
               "conditional if it falls at all. The number is the dip.",
       .verdict = slightly.verdict,
       .condition = slightly.condition,
       .surprise = -descent.value > -silu_descent.value ? text("GELU falls more steeply (", in_words(descent.value),
                                                               ") than SiLU (", in_words(silu_descent.value), ")")
                                                        : ""});

  add({"S8", "GELU's slope lies between -0.129 and 1.129, at -sqrt 2 and sqrt 2.", text(guide, ", part 8"),
       point("largest slope of gelu", {sqrt2, gelu_slope_of(sqrt2)}, steepest(gelu)) +
           point("smallest slope of gelu", {-sqrt2, gelu_slope_of(-sqrt2)}, descent)});
  // silu''(x) = 0 where x tanh(x / 2) = 2, and the two slopes add up to 1.
  const double bend = root([](double x) { return x * std::tanh(x / 2) - 2; }, 1, 4);
  const double silu_slope = sigmoid_of(bend) * (1 + bend * sigmoid_of(-bend));
  add({"S9", "SiLU's slope lies between -0.0998 and 1.0998, at -2.399 and 2.399.", text(guide, ", part 8"),
       point("largest slope of silu", {bend, silu_slope}, steepest(silu)) +
           point("smallest slope of silu", {-bend, 1 - silu_slope}, silu_descent)});
  const Extrema of_mish = extrema(mish);
  add({"S10", "Mish's slope lies between -0.113 and 1.088.", text(guide, ", part 8 (its numbers are not given)"),
       point("largest slope of mish", *of_mish.derivative_max, steepest(mish)) +
           point("smallest slope of mish", *of_mish.derivative_min, flattest(mish))});

  std::vector<Case> cases;
  for (const Activation& f : {gelu, silu, mish}) {
    const double most = steepest(f).value;
    cases.push_back({f.name(), at_least({1}, most), in_words(most, 4)});
  }
  const Ruling bounded = in_all(cases);
  add({.id = "S11",
       .statement = "GELU and its like are smooth versions of ReLU, whose slope is at most 1: so is theirs.",
       .source = text(guide, ", part 5; AI/ML interview guide: activation functions"),
       .predicted = gelu_slope_of(sqrt2),
       .measured = Measurement{steepest(gelu).value},
       .tolerance = exact,
       .rule = "The largest slope by a scan is at most 1 for GELU, SiLU and Mish. The number is GELU's.",
       .verdict = bounded.verdict,
       .condition = bounded.condition,
       .surprise =
           bounded.verdict == Verdict::refuted ? "every one of them amplifies somewhere: " + bounded.condition : ""});
}

void Run::gelu_forms() {
  const Activation gelu = activation("gelu"), silu = activation("silu");
  // S12: the forms in the standard library's words; theory looks at the engine's formula of the difference.
  struct Form {
    const char* name;
    const char* difference;
    double (*value)(double);
    double (*slope)(double);
  };
  constexpr double a = 1.5957691216057308, b = 0.044715;  // 2 sqrt(2 / pi)
  const auto tanh_value = [](double x) { return x * (1 + std::tanh(a / 2 * (x + b * x * x * x))) / 2; };
  const auto tanh_slope = [](double x) {
    const double t = std::tanh(a / 2 * (x + b * x * x * x));
    return (1 + t) / 2 + x * (1 - t * t) / 4 * a * (1 + 3 * b * x * x);
  };
  const auto quick_value = [](double x) { return x * sigmoid_of(1.702 * x); };
  const auto quick_slope = [](double x) { return sigmoid_of(1.702 * x) * (1 + 1.702 * x * sigmoid_of(-1.702 * x)); };
  const std::vector<Form> forms = {{"tanh form", "gelu_tanh(x) - gelu(x)", tanh_value, tanh_slope},
                                   {"sigmoid form", "quick_gelu(x) - gelu(x)", quick_value, quick_slope}};
  const auto largest = [](const std::optional<Extremum>& low, const std::optional<Extremum>& high) {
    return std::max(low ? -low->value : 0, high ? high->value : 0);
  };
  std::vector<MeasuredCase> errors;
  std::vector<double> predicted;
  for (const Form& form : forms) {
    const Extrema e = extrema(activation(form.difference));
    predicted.push_back(largest(e.value_min, e.value_max));
    predicted.push_back(largest(e.derivative_min, e.derivative_max));
    const auto value = [&](double x) { return std::abs(form.value(x) - gelu_of(x)); };
    const auto slope = [&](double x) { return std::abs(form.slope(x) - gelu_slope_of(x)); };
    errors.push_back({text(form.name, ": value"), {highest(value, -10, 10).value}});
    errors.push_back({text(form.name, ": slope"), {highest(slope, -10, 10).value}});
  }
  for (std::size_t i = 0; i < errors.size(); ++i)
    log("S12", {"largest error, " + errors[i].name, predicted[i], errors[i].measured, exact});
  const Ruling practical = all_below({errors[0], errors[1]}, half_width), all = all_below(errors, half_width);
  add({.id = "S12",
       .statement = "GELU may be computed as x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))).",
       .source = text(guide, ", part 5"),
       .predicted = predicted[0],
       .measured = errors[0].measured,
       .tolerance = exact,
       .rule = text("The largest errors of this form and of its slope, by a scan, are below ", half_width,
                    ", what half precision resolves near 1. The condition also tells of x sigmoid(1.702 x)."),
       .verdict = practical.verdict,
       .condition = all.condition,
       .surprise = missed(errors[0].measured, predicted[0], exact)});

  // S13: means over draws of the mask.
  const std::vector<double> points = {-3, -2, -1, -0.5, -0.1, 0.5, 1, 2, 3};
  const std::vector<double> shares = trials_.run("random masks", static_cast<int>(points.size()), 0.05, [&](int i) {
    Rng rng = rng_.split("masks").split(static_cast<std::uint64_t>(i));
    const double share = normal_cdf_of(points[static_cast<std::size_t>(i)]);
    int kept = 0;
    for (int n = 0; n < plan_.draws; ++n) kept += rng.uniform() < share;
    return static_cast<double>(kept) / plan_.draws;
  });
  std::vector<MeasuredCase> deviations;
  for (std::size_t i = 0; i < points.size(); ++i) {
    const double x = points[i], share = normal_cdf_of(x);
    const double error = std::abs(x) * std::sqrt(share * (1 - share) / plan_.draws);  // Var = x^2 Phi (1 - Phi)
    const double mean = x * shares[i];
    log("S13", {text("mean of x m at x = ", x), gelu.value(x), {mean, mean - 2 * error, mean + 2 * error}, 4 * error});
    deviations.push_back({text("x = ", x), {std::abs(mean - gelu.value(x)) / error}});
  }
  const Ruling means = all_below(deviations, 4);
  const auto worst = std::max_element(deviations.begin(), deviations.end(), [](const auto& left, const auto& right) {
    return left.measured.value < right.measured.value;
  });
  add({.id = "S13",
       .statement = "GELU is the mean of x m, where m is 1 with probability Phi(x), else 0.",
       .source = text(guide, ", part 5"),
       .predicted = 0,
       .measured = worst->measured,
       .tolerance = 4,
       .rule = text("The mean of ", plan_.draws,
                    " draws is within 4 standard errors, x^2 Phi (1 - Phi) / n, of GELU(x) "
                    "at each of nine x. The number is the largest deviation, in standard errors."),
       .verdict = means.verdict,
       .condition = means.condition});

  // S14: two passes, and training.
  const auto differs = [&](auto layer) {
    std::vector<Matrix<double>> y;
    for (const std::uint64_t pass : {1, 2}) {
      Tape<double> tape({.recording = false});
      const Matrix<double> x = Eigen::Map<const Matrix<double>>(points.data(), 1, std::ssize(points));
      y.push_back(layer(tape.constant(x), Context{.training = true, .rng = rng_.split("pass").split(pass)}).value());
    }
    return y[0] != y[1];
  };
  const bool gelu_random = differs([&](const Var<double>& x, const Context&) { return activate(x, gelu); });
  const auto gap = [](const FitRecord& r) { return r.test_loss - r.loss; };
  const Measurement change = paired_difference<Cell, FitRecord>(trained_[0], trained_[1], gap);
  const Measurement by_dropout = paired_difference<Cell, FitRecord>(trained_[0], trained_[3], gap);
  const Ruling regularizer = stochastic_regularizer(gelu_random, change, by_dropout);
  Table table{.name = "stochastic_mask",
              .title = text("GELU, its random sibling, and dropout: ", plan_.data, ", ", plan_.train_rows,
                            " training images, 2 hidden layers x ", plan_.width, ", ", plan_.steps, " steps of Adam"),
              .columns = {"hidden layer", "training loss", "test loss", "gap", "test accuracy"}};
  const auto over = [](const Trained& t, double FitRecord::*field) {
    return t.mean([field](const FitRecord& r) { return r.*field; });
  };
  for (const Trained& t : trained_) {
    table.rows.push_back({t.cell.name, over(t, &FitRecord::loss), over(t, &FitRecord::test_loss), t.mean(gap),
                          over(t, &FitRecord::test_accuracy)});
  }
  report_.tables.push_back(std::move(table));
  add({.id = "S14",
       .statement = "GELU acts as a stochastic regularizer, an input-dependent dropout.",
       .source = text(guide, ", part 5"),
       .predicted = 0,
       .measured = change,
       .tolerance = {},
       .rule = "Confirmed if GELU is random and closes at least half of the gap between test and training loss that "
               "dropout 0.5 closes, against ReLU with the same seeds; refuted if it does neither. The number is "
               "GELU's gap less ReLU's; a function that drops nothing has none of dropout's effect.",
       .verdict = regularizer.verdict,
       .condition = text(regularizer.condition, "; the random mask itself: ",
                         in_words(paired_difference<Cell, FitRecord>(trained_[0], trained_[2], gap))),
       .surprise = regularizer.verdict == Verdict::refuted ? "GELU drops nothing: " + regularizer.condition : ""});

  std::vector<Quantity> limits = {quantity("largest |GELU(x) - x| from 4 on", 4 * normal_cdf_of(-4),
                                           highest([&](double x) { return std::abs(gelu.value(x) - x); }, 4, 40).value),
                                  quantity("largest |GELU(x)| up to -4", 4 * normal_cdf_of(-4),
                                           highest([&](double x) { return std::abs(gelu.value(x)); }, -40, -4).value)};
  for (Quantity& q : limits) q.stated = 0;
  add({"S15", "For large positive x GELU is x, for large negative x it is 0.", text(guide, ", part 5"), limits});

  const Activation swish = activation("swish(beta=1)"), steeper = activation("swish(beta=2)");
  const auto apart = [&](const Activation& f) {
    return highest([&](double x) { return std::abs(f.value(x) - silu.value(x)); }, -30, 30).value;
  };
  const Ruling same = same_function(apart(swish), apart(steeper));
  const Extrema difference = extrema(activation("x*sigmoid(2*x) - x*sigmoid(x)"));
  const double expected = largest(difference.value_min, difference.value_max);
  log("S16", quantity("largest |swish(beta = 1) - silu|", 0, apart(swish), 0));
  log("S16", quantity("largest |swish(beta = 2) - silu|", expected, apart(steeper)));
  add({.id = "S16",
       .statement = "SiLU and Swish are the same function.",
       .source = text(guide, ", part 5"),
       .predicted = 0,
       .measured = Measurement{apart(swish)},
       .tolerance = 0,
       .rule = "Confirmed if equal for every beta, conditional if for beta = 1 only. The number is the largest "
               "difference at beta = 1; the paper of 2017 trains beta.",
       .verdict = same.verdict,
       .condition = same.condition});
}

void Run::elu() {
  // One-sided differences at 0: the jump of the slope, and of the second derivative.
  constexpr double h = 1e-7;
  const auto slope_jump = [](const Activation& f) {
    return (f.value(h) - f.value(0)) / h - (f.value(0) - f.value(-h)) / h;
  };
  const auto bend_jump = [](const Activation& f) {
    return (f.derivative(2 * h) - f.derivative(h)) / h - (f.derivative(-h) - f.derivative(-2 * h)) / h;
  };
  const Activation plain = activation("elu"), wide = activation("elu(alpha=1.5)"), selu = activation("selu");
  constexpr double lambda = 1.0507009873554805, alpha = 1.6732632423543772;
  const std::vector<Quantity> jumps = {
      quantity("slope of elu", 0, slope_jump(plain), 1e-5),
      quantity("second derivative of elu", -1, bend_jump(plain), 1e-5),
      quantity("slope of elu(alpha=1.5)", 1 - 1.5, slope_jump(wide), 1e-5),
      quantity("slope of selu", lambda * (1 - alpha), slope_jump(selu), 1e-5),
  };
  std::vector<Case> smooth;
  for (const Quantity& q : jumps) {
    log("S17", {"jump at 0 of the " + q.name, q.predicted, q.measured, q.tolerance});
    smooth.push_back({q.name, near(q.measured, 0, 1e-5), "jump " + in_words(q.measured.value)});
  }
  const Ruling ruling = in_all(smooth);
  add({.id = "S17",
       .statement = "ELU is smooth at x = 0, unlike ReLU.",
       .source = text(guide, ", part 4"),
       .predicted = jumps[1].predicted,
       .measured = jumps[1].measured,
       .tolerance = 1e-5,
       .rule = "No derivative jumps at 0, by one-sided differences: the slope of ELU, with alpha = 1, 1.5 and SELU's, "
               "and the second derivative with alpha = 1, whose jump is the number.",
       .verdict = ruling.verdict,
       .condition = ruling.condition});
  std::vector<Quantity> limits;
  for (const double a : {1.0, 0.5, 1.5}) {
    limits.push_back(quantity(text("elu(-40), alpha ", a), -a, activation(text("elu(alpha=", a, ")")).value(-40)));
  }
  add({"S18", "ELU saturates to -alpha for large negative x.", text(guide, ", part 4"), limits});
}

void Run::measure_means() {
  means_ = trials_.run("means", plan_.batches, 0.25, [&](int batch) {
    Rng rng = rng_.split("means").split(static_cast<std::uint64_t>(batch));
    constexpr Index block = 4000;
    std::vector<double> z(block), y(block), sums(2 * sampled.size());
    Index left = plan_.samples;
    for (; left > 0; left -= block) {
      z.resize(static_cast<std::size_t>(std::min(left, block)));
      rng.fill_normal(std::span<double>(z));
      for (std::size_t f = 0; f < sampled.size(); ++f) {
        activation(sampled[f])(z.data(), y.data(), static_cast<double*>(nullptr), std::ssize(z));
        for (std::size_t i = 0; i < z.size(); ++i) sums[2 * f] += y[i], sums[2 * f + 1] += y[i] * y[i];
      }
      trials_.check_stop();
    }
    for (double& sum : sums) sum /= static_cast<double>(plan_.samples);
    return sums;
  });
}

Measurement Run::moment(const std::string& name, std::size_t which) const {
  const auto f = static_cast<std::size_t>(std::find(sampled.begin(), sampled.end(), name) - sampled.begin());
  std::vector<double> samples;
  for (const std::vector<double>& batch : means_) samples.push_back(batch[2 * f + which]);
  return mean_interval(samples);
}

void Run::means() {
  Table table{.name = "means",
              .title = "Mean and second moment of f(z), z ~ N(0, 1), by samples and by quadrature",
              .columns = {"activation", "mean", "mean predicted", "second moment", "second moment predicted"}};
  for (const std::string& name : sampled) {
    const Moments theory = moments(activation(name));
    table.rows.push_back({name, mean(name), theory.mean, second(name), theory.second});
  }
  report_.tables.push_back(std::move(table));

  // A statement that activations are, or are not, zero-centred: within `limit` of 0.
  const auto zero_centred = [&](const std::string& id, const std::string& statement, const std::string& where,
                                const std::vector<std::string>& names, double limit, const std::string& limit_words,
                                bool stated = true) {
    std::vector<Case> cases;
    std::string surprise;
    for (const std::string& name : names) {
      const Quantity q = mean_of(name, 3e-3);
      log(id, q);
      const Verdict is = near(q.measured, 0, limit), is_not = at_least(q.measured, limit);
      cases.push_back({name, stated ? is : is_not, in_words(q.measured, 4)});
      if (surprise.empty()) surprise = missed(q.measured, q.predicted, q.tolerance);
    }
    const Ruling ruling = in_all(cases);
    if (stated && ruling.verdict == Verdict::refuted) {
      surprise = text("the mean of ", names.front(), " is ", in_words(mean(names.front()), 4), ", ReLU's ",
                      in_words(mean("relu"), 4));
    }
    add({.id = id,
         .statement = statement,
         .source = text(guide, ", ", where),
         .predicted = moments(activation(names.front())).mean,
         .measured = mean(names.front()),
         .tolerance = limit,
         .rule = text("The mean of f(z), z ~ N(0, 1), is ", stated ? "within " : "farther than ", limit_words,
                      stated ? " of 0" : " from 0", " with its whole interval over ", plan_.batches, " batches of ",
                      plan_.samples, " samples. The number is ", names.front(), "'s."),
         .verdict = ruling.verdict,
         .condition = ruling.condition,
         .surprise = surprise});
  };
  const double nearer = moments(activation("relu")).mean / 2;
  const std::string nearer_words = text(in_words(nearer), ", half of ReLU's,");
  zero_centred("S19", "ELU has zero-centred mean activations.", "part 4", {"elu"}, centred, text(centred));
  add({"S20",
       "SELU keeps mean 0 and variance 1.",
       text(guide, ", part 4"),
       {mean_of("selu", 3e-3), {"selu: E[f^2]", moments(activation("selu")).second, second("selu"), 5e-3, 1.0, 5e-3}}});
  add({"S21",
       "Sigmoid's output is always positive: its mean is 0.5.",
       text(guide, ", part 2"),
       {mean_of("sigmoid", 3e-3)}});
  zero_centred("S22", "ReLU is not zero-centred.", "part 4", {"relu"}, centred, text(centred), false);
  log("S22", {"relu: E[f^2]", 0.5, second("relu"), 5e-3});
  zero_centred("S23", "GELU and SiLU are approximately zero-centred.", "part 8", {"gelu", "silu", "mish"}, nearer,
               nearer_words);
  zero_centred("S24", "Leaky ReLU is approximately zero-centred.", "part 4", {"leaky_relu"}, nearer, nearer_words);
}

void Run::ranges_in_floats() {
  const std::vector<FloatRange> found = trials_.run("floats", static_cast<int>(ranges.size()), 0.2, [&](int i) {
    return float_range(activation(ranges[static_cast<std::size_t>(i)].activation), plan_.float_stride);
  });
  Table table{.name = "ranges",
              .title = "Least and greatest value over the finite floats, and the range as printed",
              .columns = {"activation", "least", "greatest", "printed low", "printed high"}};
  std::vector<Case> cases;
  for (std::size_t i = 0; i < ranges.size(); ++i) {
    const Range& r = ranges[i];
    const FloatRange& f = found[i];
    // A closed end is attained, to the digits printed; an open one is not.
    const bool low = r.open ? f.least > r.low : std::abs(f.least - r.low) <= 5e-4;
    const bool high = r.high ? f.greatest < *r.high : f.greatest > 1e38;
    cases.push_back({r.activation, low && high ? Verdict::confirmed : Verdict::refuted,
                     text("[", in_words(f.least, 4), ", ", in_words(f.greatest, 4), "]")});
    table.rows.push_back({r.activation, f.least, f.greatest, r.low, r.high.value_or(INFINITY)});
  }
  report_.tables.push_back(std::move(table));
  const Ruling ruling = in_all(cases);
  add({.id = "S25",
       .statement = "Ranges: sigmoid (0, 1), tanh (-1, 1), ReLU [0, inf), ELU (-alpha, inf), GELU [-0.17, inf), SiLU "
                    "[-0.278, inf), Mish [-0.309, inf).",
       .source = text(guide, ", part 8"),
       .predicted = 0,
       .measured = Measurement{found.front().least},
       .tolerance = 5e-4,
       .rule = text("Over the finite floats (every ", plan_.float_stride,
                    "th) values attain a closed end, to the digits "
                    "printed, and never an open one. The number is sigmoid's least value: rounding closes its range."),
       .verdict = ruling.verdict,
       .condition = ruling.condition});
}

void Run::soft_death() {
  const Activation gelu = activation("gelu");
  // phi(z) rounds to 0 below 2^-150.
  const double underflow = -std::sqrt(2 * (150 * ln2 - std::log(2 * std::numbers::pi) / 2));
  const auto found = first_float(gelu, -1, -32, [](float, float slope) { return slope == 0; });
  const double last = found.value_or(NAN);
  log("S26", quantity("GELU's slope is 0 in float32 from", underflow, last, 1e-4));
  log("S26", quantity("GELU's slope at -5", gelu_slope_of(-5), gelu.derivative(-5), 1e-9));

  Table table{.name = "soft_death",
              .title = "Mean |f'(z)| of a GELU unit and share of exact zeros in float32, z ~ N(shift, 1)",
              .columns = {"shift", "mean slope", "over that at 0", "share of zeros"}};
  std::vector<float> z(100'000), shifted(z.size()), value(z.size()), slope(z.size());
  rng_.split("soft death").fill_normal(std::span<float>(z));
  double whole = 0;
  std::optional<int> as_good_as_dead;
  for (int shift = 0; shift >= -20; --shift) {
    for (std::size_t i = 0; i < z.size(); ++i) shifted[i] = z[i] + static_cast<float>(shift);
    gelu(shifted.data(), value.data(), slope.data(), std::ssize(z));
    double sum = 0, zeros = 0;
    for (const float s : slope) sum += static_cast<double>(std::abs(s)), zeros += s == 0;
    const auto count = static_cast<double>(z.size());
    if (shift == 0) whole = sum;
    if (!as_good_as_dead && sum < 1e-6 * whole) as_good_as_dead = shift;
    table.rows.push_back({static_cast<double>(shift), sum / count, sum / whole, zeros / count});
  }
  report_.tables.push_back(std::move(table));
  add({.id = "S26",
       .statement = "GELU has no dead neurons, only soft ones.",
       .source = text(guide, ", part 8"),
       .predicted = underflow,
       .measured = Measurement{last},
       .tolerance = 1e-4,
       .rule =
           "Confirmed if GELU's slope is exactly 0 at no float from -1 down to -32, else conditional. The number is "
           "the first at which it is; theory: the normal density underflows.",
       .verdict = found ? Verdict::conditional : Verdict::confirmed,
       .condition = text("holds where some z is above ", in_words(last, 5),
                         "; with z ~ N(b, 1) the mean slope is below "
                         "a millionth of that at b = 0 from b = ",
                         as_good_as_dead.value_or(-99), " on"),
       .surprise = missed({last}, underflow, 1e-4)});
}

void Run::measure_training() {
  DataOptions options{.name = plan_.data, .seed = settings_.seed};
  options.roots = settings_.data_roots;
  options.samples = plan_.data == "mnist" ? plan_.train_rows : plan_.train_rows + plan_.test_rows;
  const Split<float> data = load_data<float>(options);
  std::vector<Index> rows(static_cast<std::size_t>(std::min(plan_.test_rows, data.test.size())));
  std::iota(rows.begin(), rows.end(), Index{0});
  const Dataset<float> test = select_rows(data.test, rows);
  const auto one = [&](const Cell& cell, double rate, std::uint64_t seed) {
    FitOptions fitted{.net = {.hidden = {plan_.width, plan_.width}, .activations = {activation(cell.activation)}},
                      .initializer = initializer("he")};
    fitted.net.dropout = cell.dropout;
    fitted.trainer.optimizer.learning_rate = rate;
    fitted.trainer.steps = plan_.steps;
    FitHooks<float> hooks;
    if (cell.mask) hooks.on_start = [](Sequential<float>& net) { replace_activations(net, StochasticMask<float>()); };
    return fit<float>(trials_, fitted, data.train, test, rng_.split("training").split(seed), hooks);
  };
  const std::vector<Cell> cells = {{.name = "relu", .activation = "relu"},
                                   {.name = "gelu", .activation = "gelu"},
                                   {.name = "random mask", .activation = "gelu", .mask = true},
                                   {.name = "relu, dropout 0.5", .activation = "relu", .dropout = 0.5}};
  trained_ = tune_and_train(
      trials_, "training", cells, plan_.trained, 0.5, one, [](const FitRecord& r) { return r.test_loss; },
      [](const Cell& cell) { return cell.name; });
}

void Run::series() {
  for (const bool slope : {false, true}) {
    for (const std::string& name : sampled) {
      Series line{
          .chart = slope ? "Slopes" : "Activations", .name = name, .x_label = "x", .y_label = slope ? "f'(x)" : "f(x)"};
      const Activation f = activation(name);
      for (int i = -50; i <= 50; ++i) {
        line.x.push_back(i / 10.0);
        line.y.push_back(slope ? f.derivative(line.x.back()) : f.value(line.x.back()));
      }
      report_.series.push_back(std::move(line));
    }
  }
}

Report Run::report() {
  measure_means();
  measure_training();
  slopes_and_limits();
  extremes();
  gelu_forms();
  elu();
  means();
  ranges_in_floats();
  soft_death();
  series();
  report_.tables.insert(report_.tables.begin(), std::move(constants_));
  const auto claims_that = [&](Verdict verdict) {
    return std::count_if(report_.claims.begin(), report_.claims.end(),
                         [verdict](const Claim& claim) { return claim.verdict == verdict; });
  };
  report_.answer =
      text("Of ", report_.claims.size(), " statements ", claims_that(Verdict::confirmed), " hold, ",
           claims_that(Verdict::conditional), " hold under a condition and ", claims_that(Verdict::refuted),
           " are wrong: GELU's slope reaches ", in_words(steepest(activation("gelu")).value, 4), ", its mean is ",
           in_words(mean("gelu").value), " and ELU's ", in_words(mean("elu").value), " where ReLU's is ",
           in_words(mean("relu").value), ".");
  report_.notes.push_back(text("Scans of 20,001 points with golden section in double; floats one by one; means over ",
                               plan_.batches, " x ", plan_.samples, " samples; training: Adam, rate 0.001, ",
                               plan_.trained, " paired seeds."));
  return std::move(report_);
}

}  // namespace

ShapesPlan shapes_plan(const ExperimentSettings& settings) {
  ShapesPlan plan;
  if (settings.profile == Profile::full) {
    plan.batches = 30;
    plan.float_stride = 1;
    plan.trained = 20;
    plan.train_rows = 5000;
    plan.test_rows = 10'000;
    plan.steps = 3000;
  }
  if (settings.seeds > 0) plan.trained = settings.seeds;
  return plan;
}

Report activation_shapes(const ExperimentSettings& settings, const ShapesPlan& plan) {
  return Run(settings, plan).report();
}

Report activation_shapes(const ExperimentSettings& settings) {
  return activation_shapes(settings, shapes_plan(settings));
}

}  // namespace evengrad
