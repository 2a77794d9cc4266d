// What the page asks of deep nets as they are initialized: signals, gradients, phases.
#include "calls.hpp"

#include <evengrad/activations/registry.hpp>
#include <evengrad/core/error.hpp>
#include <evengrad/experiments/documents.hpp>
#include <evengrad/init/recommend.hpp>

#include <algorithm>
#include <cmath>

namespace evengrad::page {

namespace {

NetOptions read_net(const Options& options) {
  const auto count = [&](const char* name, std::int64_t otherwise, std::int64_t most) {
    return static_cast<Index>(options.whole(name, otherwise, 1, most));
  };
  NetOptions net{.activation = activation(options.text("activation")),
                 .initializer = initializer(options.text("init")),
                 .depth = count("depth", 20, 1000),
                 .width = count("width", 256, 4096),
                 .inputs = count("inputs", 256, 4096),
                 .nets = count("nets", 10, 1000),
                 .input_variance = options.number("input_variance", 1, 1e-30, 1e30),
                 .batch_norm = options.flag("batch_norm"),
                 .residual = options.flag("residual"),
                 .orthogonal_inputs = options.flag("orthogonal_inputs")};
  if (options.has("bias_std")) net.bias_std = options.number("bias_std", 0, 0, 1e30);
  return net;
}

void say_warnings(const Options& options, Answer& answer) {
  answer.json = Json::array();
  for (const Warning& warning : warnings(read_net(options))) answer.json.push_back(warning.message);
}

// A page should not be asked for minutes.
void check_work(const NetOptions& net) {
  constexpr double most = 4e11;
  const double width = static_cast<double>(net.width);
  const double work = 6 * width * width * static_cast<double>(net.depth) * static_cast<double>(net.inputs) *
                      static_cast<double>(net.nets);
  if (work > most) {
    throw UsageError(text("a measurement of ", work, " multiply-adds is too much for a page (", most,
                          "): take fewer --nets, --inputs, --width or --depth, or the command line"));
  }
}

// Counts of numbers in equal bins, the outer ones for what lies beyond; a row a layer.
struct Histograms {
  std::size_t bins;
  double lowest, highest;
  std::vector<float> counts;

  Histograms(std::size_t layers, std::size_t bin_count, double from, double to)
      : bins(bin_count), lowest(from), highest(to), counts(layers * bin_count) {}

  void add(std::size_t layer, double x) {
    const double place = std::floor((x - lowest) / (highest - lowest) * static_cast<double>(bins));
    const double bin = std::clamp(place, 0.0, static_cast<double>(bins - 1));
    counts[layer * bins + static_cast<std::size_t>(bin)] += 1;
  }

  Json json(Answer& answer) {
    return {{"bins", bins}, {"lowest", lowest}, {"highest", highest}, {"counts", answer.array(std::move(counts))}};
  }
};

template <Real S>
void measure(const NetOptions& net, std::uint64_t seed, Answer& answer) {
  NetTheory expected = predict(net);
  add_bands(expected, net, Rng(seed).split("bands"));
  const auto layers = static_cast<std::size_t>(net.depth);
  Histograms signals(layers, 49, -4, 4), gradients(layers, 150, -30, 20);
  const Propagation measured = propagate<S>(
      net, Rng(seed).split("propagate"), [&](std::size_t layer, const ConstMap<S>& z, const ConstMap<S>& gradient) {
        const double rms = z.template cast<double>().norm() / std::sqrt(static_cast<double>(z.size()));
        for (Index i = 0; i < z.size(); ++i) {
          const double x = static_cast<double>(z.data()[i]), g = static_cast<double>(gradient.data()[i]);
          if (std::isfinite(x / rms)) signals.add(layer, x / rms);
          if (std::isfinite(g) && g != 0) gradients.add(layer, std::log10(std::abs(g)));
        }
      });
  answer.json = Json::parse(propagation_json(net, measured, expected, seed));
  answer.json["conclusion"] = gradient_conclusion(measured.gradient_ratio.value);
  answer.json["pre_activations"] = signals.json(answer);
  answer.json["gradients"] = gradients.json(answer);
}

void propagate_net(const Options& options, Answer& answer) {
  const NetOptions net = read_net(options);
  const std::uint64_t seed = options.seed();
  const auto dtype = parse_choice<Dtype>("dtype", options.text("dtype", "float32"));
  options.require_all_read();
  check_work(net);
  if (dtype == Dtype::float64) {
    measure<double>(net, seed, answer);
  } else {
    measure<float>(net, seed, answer);
  }
  answer.json["command"] = options.command("propagate");
}

// Moments of an activation over variances, between which they are read.
class MomentTable {
 public:
  explicit MomentTable(const Activation& f) {
    for (int i = 0; i <= last; ++i) table_.push_back(moments(f, std::exp(log_of(i))));
  }

  // E[f^2], E[f'^2] or the slope of the first at this variance, kept within the table.
  double operator()(double Moments::*moment, double q) const {
    const double place = std::clamp((std::log(q) - low) / (high - low), 0.0, 1.0) * last;
    const int at = std::min(static_cast<int>(place), last - 1);
    const double share = place - at, a = table_[static_cast<std::size_t>(at)].*moment,
                 b = table_[static_cast<std::size_t>(at + 1)].*moment;
    if (a > 0 && b > 0) return std::exp(std::log(a) + share * (std::log(b) - std::log(a)));
    return a + share * (b - a);
  }

  static constexpr double smallest = 1e-8, largest = 1e8;

 private:
  static constexpr int last = 320;
  static constexpr double low = -18.420680743952367, high = 18.420680743952367;  // their logarithms
  static double log_of(int i) { return low + (high - low) * i / last; }
  std::vector<Moments> table_;
};

// Where the variance goes from 1, and how signal and gradient change there.
void phase(const Options& options, Answer& answer) {
  const Activation f = activation(options.text("activation"));
  const std::vector<double> w = options.numbers("sigma_w", 3), b = options.numbers("sigma_b", 3);
  for (const std::vector<double>* axis : {&w, &b}) {
    const auto& [from, to, count] = std::tie((*axis)[0], (*axis)[1], (*axis)[2]);
    if (!(from >= 0 && to >= from && to <= 1e3 && count >= 1 && count <= 400 && count == std::floor(count))) {
      throw UsageError(
          "--sigma-w and --sigma-b: expected [from, to, count] with 0 <= from <= to <= 1000 and 1 to 400 values");
    }
  }
  const MomentTable moment(f);
  const auto value = [](const std::vector<double>& axis, int i) {
    return axis[2] > 1 ? axis[0] + (axis[1] - axis[0]) * i / (axis[2] - 1) : axis[0];
  };
  constexpr int most = 400;  // layers
  std::vector<float> chi1, chi_par, variance;
  for (int row = 0; row < static_cast<int>(b[2]); ++row) {
    for (int column = 0; column < static_cast<int>(w[2]); ++column) {
      const double weight = std::pow(value(w, column), 2), bias = std::pow(value(b, row), 2);
      double q = 1;
      for (int layer = 0; layer < most && q > MomentTable::smallest && q < MomentTable::largest; ++layer) {
        const double next = weight * moment(&Moments::second, q) + bias;
        const bool settled = std::abs(next - q) < 1e-7 * q;
        q = next;
        if (settled) break;
      }
      const bool grows = !(q < MomentTable::largest);
      chi1.push_back(static_cast<float>(weight * moment(&Moments::derivative_second, q)));
      chi_par.push_back(static_cast<float>(weight * moment(&Moments::second_slope, q)));
      variance.push_back(grows ? INFINITY : q > MomentTable::smallest ? static_cast<float>(q) : 0);
    }
  }
  Json critical = nullptr;
  if (const auto point = critical_point(f)) {
    critical = {{"sigma_w2", point->scales.weight},
                {"sigma_b2", point->scales.bias},
                {"q_star", point->q ? Json(*point->q) : Json(nullptr)},
                {"class", to_string(point->kind)}};
  }
  answer.json = {{"chi1", answer.array(std::move(chi1))},
                 {"chi_par", answer.array(std::move(chi_par))},
                 {"q", answer.array(std::move(variance))},
                 {"critical", critical}};
}

// Each initializer's gradient after 1, ..., depth layers, and the scales of a layer in the middle.
void fates(const Options& options, Answer& answer) {
  const Activation f = activation(options.text("activation"));
  const auto depth = static_cast<Index>(options.whole("depth", 50, 1, 1000));
  const auto width = static_cast<Index>(options.whole("width", 256, 1, 4096));
  answer.json = Json::array();
  for (const std::string& name : options.texts("inits")) {
    Json row = {{"init", name},         {"sigma_w2", nullptr},       {"sigma_b2", nullptr},
                {"bias_mean", nullptr}, {"gradient_log10", nullptr}, {"refused", nullptr}};
    try {
      const NetOptions net{.activation = f, .initializer = initializer(name), .depth = depth, .width = width};
      const LayerDraws draws = net.initializer(net.role((depth + 1) / 2));
      const auto d = draws.weight.distribution;
      if (d != Distribution::identity && d != Distribution::constant) {
        const double fan = d == Distribution::orthogonal ? 1 : std::sqrt(static_cast<double>(width));
        row["sigma_w2"] = std::pow(draws.weight.scale * fan, 2);
        // Equal biases deviate by nothing: theory takes them as the mean of pre-activations.
        const bool equal = draws.bias.distribution == Distribution::constant;
        row["sigma_b2"] = equal ? 0 : std::pow(draws.bias.scale, 2);
        row["bias_mean"] = equal ? draws.bias.scale : 0;
      }
      row["gradient_log10"] = gradient_by_depth(f, net.initializer, depth, width);
    } catch (const UsageError& error) {
      row["refused"] = error.what();
    }
    answer.json.push_back(std::move(row));
  }
}

}  // namespace

std::span<const Method> depth_methods() {
  static constexpr Method all[] = {
      {"warnings", say_warnings}, {"propagate", propagate_net}, {"phase", phase}, {"fates", fates}};
  return all;
}

}  // namespace evengrad::page
