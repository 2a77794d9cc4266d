// docs/theory.md says nothing in numbers that is not computed here: each statement of the list is looked for in the
// document with the values that the library gives, and no other number with a decimal point may stand there.
#include "../paths.hpp"

#include <evengrad/activations/registry.hpp>
#include <evengrad/data/generators.hpp>
#include <evengrad/init/mean_field.hpp>
#include <evengrad/init/net_theory.hpp>
#include <evengrad/init/normalized.hpp>
#include <evengrad/init/recommend.hpp>
#include <evengrad/layers/mlp.hpp>
#include <evengrad/training/propagation.hpp>
#include <evengrad/training/trainer.hpp>

#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <fstream>
#include <iterator>
#include <limits>
#include <regex>

namespace evengrad {
namespace {

constexpr double pi = 3.14159265358979323846;

// Words of the document, with a place for each value: {4} has four decimals, {2e} two and an exponent.
struct Statement {
  std::string words;
  std::vector<double> values;

  std::string text() const {
    static const std::regex place("\\{(\\d)(e?)\\}");
    std::string filled;
    auto value = values.begin();
    auto rest = words.begin();
    for (std::sregex_iterator m(words.begin(), words.end(), place), end; m != end; ++m) {
      char digits[64];
      const int decimals = (*m)[1].str()[0] - '0';
      if (value == values.end()) throw std::logic_error("a value is missing: " + words);
      std::snprintf(digits, sizeof digits, (*m)[2].length() ? "%.*e" : "%.*f", decimals, *value++);
      filled.append(rest, (*m)[0].first).append(digits);
      rest = (*m)[0].second;
    }
    if (value != values.end()) throw std::logic_error("a value too many: " + words);
    return filled.append(rest, words.end());
  }
};

// Lines are broken where they are long: a blank is a blank.
std::string with_single_blanks(const std::string& text) { return std::regex_replace(text, std::regex("\\s+"), " "); }

std::string document() {
  std::ifstream file(test::source_folder + "/docs/theory.md");
  return with_single_blanks({std::istreambuf_iterator<char>(file), {}});
}

NetOptions net(const char* f, const char* init, Index depth) {
  NetOptions options{activation(f), initializer(init)};
  options.depth = depth;
  return options;
}

double last_q(const NetTheory& t) { return t.layers.back().q.value; }
double ratio(const char* f, const char* init, Index depth) { return predict(net(f, init, depth)).gradient_ratio.value; }

double iterate(const Activation& f, const Scales& scales, double q, int layers) {
  for (int l = 0; l < layers; ++l) q = variance_map(f, scales, q);
  return q;
}

Measured measured_ratio(const char* f, const char* init, Index depth, Index width, Index inputs, Index nets) {
  NetOptions options = net(f, init, depth);
  options.width = width, options.inputs = inputs, options.nets = nets;
  return propagate<double>(options, Rng(1)).gradient_ratio;
}

void say_variance_maps(std::vector<Statement>& s) {
  const Activation sigmoid = activation("sigmoid"), gelu = activation("gelu");
  std::vector<double> factors;
  for (const double weight : {1.0, 2.0, 16.0})
    factors.push_back(std::sqrt(fixed_points(sigmoid, {weight, 0}).at(0).chi1));
  s.push_back({"by {5} with Xavier, by {5} with He and by {5} at σw² = 16", factors});

  s.push_back({"both χ∥ and χ₁ tend to {1} at q = 0", {fixed_points(gelu, {2, 0}).at(0).chi1}});
  for (const Index depth : {10, 20, 30, 50, 100}) {
    const NetTheory t = predict(net("gelu", "he", depth));
    s.push_back({"| " + std::to_string(depth) + " | {2e} | {2e} |", {last_q(t), t.gradient_ratio.value}});
  }
  const auto slope = [](const char* f) { return moments(activation(f)).second_slope / moments(activation(f)).second; };
  s.push_back({"1/√E[f²] = {6} puts a fixed point at q = 1, but χ∥ = {4} there",
               {*gain(gelu, "second_moment"), slope("gelu")}});
  s.push_back({"one percent is {0} percent after 20 layers", {std::pow(slope("gelu"), 20)}});
  s.push_back({"SiLU ({4}) and Mish ({4})", {slope("silu"), slope("mish")}});
  s.push_back({"χ₁ = {4} for GELU", {moments(gelu).derivative_second / moments(gelu).second}});
}

void say_gains(std::vector<Statement>& s) {
  const Gains gelu = gains(activation("gelu")), tanh = gains(activation("tanh")), selu = gains(activation("selu"));
  s.push_back({"mean square of the signal at 1 | {4} | {4} | {4} |",
               {*gelu.second_moment, *tanh.second_moment, *selu.second_moment}});
  s.push_back({"mean square of activations at 1 | {4} | none | {4} |", {*gelu.fixed_point, *selu.fixed_point}});
  s.push_back({"variance of activations, mean apart | {4} | {4} | {4} |",
               {*gelu.unit_variance, *tanh.unit_variance, *selu.unit_variance}});
  s.push_back({"mean square of the gradient | {4} | {4} | {4} |", {*gelu.backward, *tanh.backward, *selu.backward}});
  s.push_back({"what the table's authors chose | none | {4} | {4} |", {*tanh.pytorch, *selu.pytorch}});
  EXPECT_FALSE(tanh.fixed_point);
  EXPECT_FALSE(gelu.pytorch);
  s.push_back({"where √2 = {4}", {*gain(activation("relu"), "backward")}});
  const double weight = std::pow(*selu.pytorch, 2);
  s.push_back({"the variance settles at {4} instead of 1", {iterate(activation("selu"), {weight, 0}, 1, 500)}});
}

void say_correlations(std::vector<Statement>& s) {
  const NetTheory t = predict(net("relu", "he", 100));
  const auto c = [&](std::size_t layer) { return t.layers.at(layer - 1).correlation.value; };
  s.push_back({"correlation {4} in layer 2, {4} in layer 10, {4} in layer 30 and {4} in layer 100",
               {c(2), c(10), c(30), c(100)}});
  s.push_back({"for tanh at σw² = 1/2 and σb² = 1/10 it is {3} layers, and for the sigmoid with Xavier {3} layers",
               {regime(activation("tanh"), {0.5, 0.1}).correlation_depth,
                regime(activation("sigmoid"), {1, 0}).correlation_depth}});
  s.push_back({"{4} for a leaky ReLU of slope {2} with He (whose rule would divide by it), {4} for SELU with He",
               {regime(activation("leaky_relu"), {2, 0}).point.chi1, 0.01,
                regime(activation("selu"), {2, 0}).point.chi1}});
  EXPECT_EQ(regime(activation("tanh"), {1, 0}, 1e-9).correlation_depth, HUGE_VAL);
}

void say_critical_points(std::vector<Statement>& s) {
  s.push_back({"leaky slope of {2} it is {4}", {0.01, critical_point(activation("leaky_relu(0.01)"))->scales.weight}});
  const Activation tanh = activation("tanh"), elu = activation("elu"), gelu = activation("gelu");
  const double q100 = iterate(tanh, {1, 0}, 1, 100), q1000 = iterate(tanh, {1, 0}, q100, 900);
  s.push_back({"2 l qₗ is {3} at l = 100 and {4} at l = 1000", {200 * q100, 2000 * q1000}});
  s.push_back({"At 100 layers the ratio is {4} (theory)", {ratio("tanh", "lecun", 100)}});
  s.push_back({"gain of 5/3 instead it is {0}", {ratio("tanh", "xavier(gain=1.66666666666666667)", 100)}});
  s.push_back({"at l = 1000, l² qₗ/(2π) is {3}", {1e6 * iterate(elu, {1, 0}, 1, 1000) / (2 * pi)}});
  s.push_back({"at σw² = {6}, but a better place", {critical_point(activation("selu"))->scales.weight}});
  for (const auto& [name, row] : {std::pair("gelu", "| GELU | {8} | {8} | {8} |"),
                                  {"silu", "| SiLU | {6} | {6} | {6} |"},
                                  {"mish", "| Mish | {6} | {6} | {6} |"},
                                  {"hard_swish", "| hard-swish | {6} | {6} | {6} |"}}) {
    const CriticalPoint point = *critical_point(activation(name));
    EXPECT_EQ(point.kind, Universality::half_stable) << name;
    s.push_back({row, {point.scales.weight, point.scales.bias, *point.q}});
  }
  const CriticalPoint point = *critical_point(gelu);
  EXPECT_NEAR(*point.q, (3 + std::sqrt(17)) / 2, 1e-9);
  const auto after = [&](double start) { return iterate(gelu, point.scales, start * *point.q, 200) / *point.q; };
  s.push_back({"the variance is {4} and {4} of q*", {after(1.1), after(0.9)}});
  for (const char* name : {"sigmoid", "hard_sigmoid", "softplus", "log_sigmoid"}) {
    EXPECT_FALSE(critical_point(activation(name))) << name;
  }
  EXPECT_FALSE(edge_without_bias(activation("softplus")));
  const Activation sigmoid = activation("sigmoid");
  const double q = *edge_without_bias(sigmoid);
  const Moments m = moments(sigmoid, q);
  s.push_back({"it begins at q = {2}, σw² = {2}. There χ∥ = {3}",
               {q, 1 / m.derivative_second, m.second_slope / m.derivative_second}});
}

void say_selu(std::vector<Statement>& s) {
  const Activation selu = activation("selu");
  const Moments m = moments(selu);
  s.push_back({"fixed point q = 1 with χ∥ = {5}", {m.second_slope}});
  s.push_back({"A variance of {1} becomes {4}, {4}, {4} in",
               {1.5, iterate(selu, {}, 1.5, 1), iterate(selu, {}, 1.5, 2), iterate(selu, {}, 1.5, 3)}});
  const double factor = std::sqrt(m.derivative_second);
  s.push_back({"E[f'²] = {5}, so its rms grows by {4} a layer: {2} over 20 layers, {2} over 50 and {1} over 100",
               {m.derivative_second, factor, std::pow(factor, 20), std::pow(factor, 50), std::pow(factor, 100)}});
  s.push_back({"in layer 20 it is {1}.", {last_q(predict(net("selu", "he", 20)))}});
}

void say_finite_width(std::vector<Statement>& s) {
  s.push_back({"squared gradient is e^(-5/2) = {3}", {std::exp(-2.5)}});
  const Measured walk = measured_ratio("relu", "he", 65, 64, 1, 200);
  s.push_back({"{3} [{3}, {3}]; the law says e^(-5/4) = {3}", {walk.value, walk.low, walk.high, std::exp(-1.25)}});
  EXPECT_GT(std::exp(-1.25), walk.low);
  EXPECT_LT(std::exp(-1.25), walk.high);
}

void say_silent_units(std::vector<Statement>& s) {
  NetOptions relu = net("relu", "he", 20);
  relu.inputs = 1000, relu.orthogonal_inputs = true;
  const NetTheory t = predict(relu);
  const auto percent = [&](std::size_t layer) { return 100 * t.layers.at(layer - 1).silent_fraction; };
  s.push_back({"{1} % in layer 5, {1} % in layer 10, {1} % in layer 20", {percent(5), percent(10), percent(20)}});
}

void say_normalization_and_residuals(std::vector<Statement>& s) {
  const auto factor = [](const char* f) {
    return moments(activation(f)).derivative_second / moments(activation(f)).variance;
  };
  EXPECT_NEAR(factor("relu"), pi / (pi - 1), 1e-12);
  s.push_back({"π/(π - 1) = {4}; over 50 layers the rms grows by {2e}. For tanh it is {4}, for GELU {4}",
               {factor("relu"), std::pow(factor("relu"), 25), factor("tanh"), factor("gelu")}});
  const auto batch_factor = [](const char* f, Index inputs) {
    const NetTheory t = predict({.activation = activation(f),
                                 .initializer = initializer("he"),
                                 .depth = 4,
                                 .inputs = inputs,
                                 .batch_norm = true});
    return std::pow(t.layers[1].gradient.value / t.layers[2].gradient.value, 2);
  };
  s.push_back({"ReLU the factor is {4} for a batch of 8, {4} for 32 and {4} for 256",
               {batch_factor("relu", 8), batch_factor("relu", 32), batch_factor("relu", 256)}});
  // q of layers 2 and 22 are those of the stream after 1 and 21 layers, times the same number.
  const auto growth = [](const char* f, const Initializer& init) {
    const NetTheory t = predict({.activation = activation(f), .initializer = init, .depth = 22, .residual = true});
    return last_q(t) / t.layers[1].q.value;
  };
  s.push_back({"a factor of {2e} over 20 layers", {growth("relu", initializer("he"))}});
  const double tanh = growth("tanh", initializer("lecun(residual)"));
  EXPECT_LT(tanh, std::exp(1));
  s.push_back({"over 20 of 22 layers is {2}. With `matched(residual)` it is {2}",
               {tanh, growth("tanh", initializer("matched(residual)"))}});
  const Initializer divided("he over sqrt(depth)", [he = initializer("he")](const WeightRole& role) {
    LayerDraws draws = he(role);
    if (role.layer > 0) draws.weight.scale /= std::sqrt(22);
    return draws;
  });
  s.push_back({"For He's weights over √L and ReLU the same factor is {2}", {growth("relu", divided)}});
}

double other_chi(const Activation& f, double a, double b) {
  const Moments m = moments(f);
  return a * a * m.second_slope + 2 * a * b * m.mean_slope;
}

void say_repair(std::vector<Statement>& s) {
  const Activation gelu = activation("gelu");
  const Repair n = repair(gelu);
  const double other = -2 * n.a * moments(gelu).mean - n.b;
  s.push_back({"For GELU, a = {4} and b = {4} with χ∥ = {4}; the other root, b = {4}, has χ∥ = {4}",
               {n.a, n.b, n.chi_parallel, other, other_chi(gelu, n.a, other)}});
  EXPECT_GT(other_chi(gelu, n.a, other), 1);
  const Repair relu = repair(activation("relu")), tanh = repair(activation("tanh"));
  s.push_back({"For ReLU, a = {4}, b = {4} and χ∥ = {4}", {relu.a, relu.b, relu.chi_parallel}});
  s.push_back({"(tanh: a = {4}, b = {4}, χ∥ = {4})", {tanh.a, tanh.b, tanh.chi_parallel}});
  s.push_back({"with LeCun {2} (infinitely wide: 1), GELU at its critical point {2} (1), GELU with He {1e} ({1e})",
               {measured_ratio("normalized(gelu)", "lecun", 100, 256, 4, 4).value,
                measured_ratio("gelu", "critical", 100, 256, 4, 4).value,
                measured_ratio("gelu", "he", 100, 256, 4, 4).value, ratio("gelu", "he", 100)}});
  const double c = predict(net("normalized(gelu)", "lecun", 100)).layers.back().correlation.value;
  s.push_back({"end at c = {4}: {1} % of", {c, 100 * (1 - c)}});
  const auto points = fixed_points(normalized(gelu), {1, 0});
  EXPECT_FALSE(points.at(1).stable());
  s.push_back({"second, unstable fixed point at q = {1};", {points.at(1).q}});
}

double trained_loss(const char* f, const char* init, double rate) {
  Dataset<double> data = spirals(400, 0.05, Rng(1)), none;
  data.inputs /= std::sqrt(data.inputs.array().square().mean());
  MlpOptions options;
  options.inputs = 2, options.outputs = data.outputs();
  options.hidden.assign(30, 32);
  options.activations.push_back(activation(f));
  Sequential<double> model = mlp<double>(options);
  model.initialize(initializer(init), Rng(2));
  TrainerOptions training;
  training.optimizer.learning_rate = rate;
  training.steps = 500;
  return Trainer<double>(model, data, none, training).run().train.loss;
}

// Rounding differs between machines, and 500 steps enlarge it: of losses the document gives bounds.
void say_training(std::vector<Statement>& s) {
  const double rate = 0.0003, low = 0.01, high = 0.3;
  s.push_back({"Adam at a rate of {4}", {rate}});
  s.push_back({"theory calls lost ({2e} at layer 1), reaches a loss below {2}", {ratio("gelu", "he", 30), low}});
  s.push_back({"reaches layer 1 at {2}, is still above {1} after", {ratio("tanh", "lecun", 30), high}});
  EXPECT_LT(trained_loss("gelu", "he", rate), low);
  EXPECT_LT(trained_loss("normalized(gelu)", "lecun", rate), low);
  EXPECT_GT(trained_loss("tanh", "lecun", rate), high);
}

void say_choices_and_limits(std::vector<Statement>& s) {
  const Activation gelu = activation("gelu");
  const double slope = moments(gelu).second_slope / moments(gelu).second;
  s.push_back({"from 11 layers on ({2} there, {2} at 10)", {std::pow(slope, 11), std::pow(slope, 10)}});
  EXPECT_EQ(recommend(gelu, {.depth = 10}).init, "matched");
  EXPECT_EQ(recommend(gelu, {.depth = 11}).init, "critical");
  using Float = std::numeric_limits<float>;
  s.push_back({"float32 ends at {1e} and, below {1e},",
               {static_cast<double>(Float::max()), static_cast<double>(Float::min())}});
  EXPECT_FALSE(std::isfinite(moments(activation("exp(x^2/2)")).second));
}

TEST(TheoryDocument, SaysWhatTheLibraryComputes) {
  add_normalized();
  std::vector<Statement> statements;
  for (const auto say :
       {say_variance_maps, say_gains, say_correlations, say_critical_points, say_selu, say_finite_width,
        say_silent_units, say_normalization_and_residuals, say_repair, say_training, say_choices_and_limits}) {
    say(statements);
  }
  const std::string text = document();
  ASSERT_FALSE(text.empty());
  std::string unexplained = text;
  for (const Statement& statement : statements) {
    const std::string expected = statement.text();
    const std::size_t at = text.find(expected);
    EXPECT_NE(at, std::string::npos) << "docs/theory.md should say\n" << statement.words << "\tas\t" << expected;
    if (at != std::string::npos) unexplained.replace(at, expected.size(), expected.size(), '_');
  }
  const std::regex number("[0-9]+\\.[0-9]+|[0-9]e[-+]?[0-9]");
  for (std::sregex_iterator m(unexplained.begin(), unexplained.end(), number), end; m != end; ++m) {
    const auto at = static_cast<std::size_t>(m->position());
    ADD_FAILURE() << "no statement explains " << m->str() << " in ..."
                  << unexplained.substr(at < 60 ? 0 : at - 60, 120);
  }
}

}  // namespace
}  // namespace evengrad
