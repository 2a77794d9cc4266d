#include "options.hpp"
#include "program.hpp"

#include <evengrad/activations/registry.hpp>
#include <evengrad/core/error.hpp>
#include <evengrad/core/names.hpp>
#include <evengrad/experiments/documents.hpp>
#include <evengrad/init/net_theory.hpp>
#include <evengrad/training/propagation.hpp>

#include <algorithm>
#include <cmath>
#include <iostream>

namespace evengrad::cli {

namespace {

struct PropagateArguments {
  std::string activation, init;
  Dtype dtype = Dtype::float32;
  Index width = 256, depth = 20, inputs = 256, nets = 10;
  double input_variance = 1;
  std::optional<double> bias_std;
  bool batch_norm = false, residual = false, orthogonal_inputs = false;

  template <class F>
  void fields(F& f) {
    f.group("Net");
    f({.name = "activation", .help = "A name or a formula in x", .required = true}, activation);
    f({.name = "init", .help = "Initializer (evengrad list initializers)", .required = true}, init);
    f({.name = "width", .help = "Units per layer"}, width);
    f({.name = "depth", .help = "Hidden layers"}, depth);
    f({.name = "bias-std", .help = "Standard deviation of the biases, instead of the initializer's"}, bias_std);
    f({.name = "batch-norm", .help = "Batch normalization between product and activation"}, batch_norm);
    f({.name = "residual", .help = "h + f(Wh + b)"}, residual);
    f.group("Measurement");
    f({.name = "inputs", .help = "Gaussian inputs, which are also the batch"}, inputs);
    f({.name = "nets", .help = "Nets that the measurement averages over"}, nets);
    f({.name = "input-variance", .help = "Variance of each component of an input"}, input_variance);
    f({.name = "orthogonal-inputs", .help = "Orthogonal inputs of equal length"}, orthogonal_inputs);
    f({.name = "dtype", .help = "float32 or float64"}, dtype);
  }
};

// What is no number stands as "-"; the notes below the table say why.
std::string size(double x, int digits = 3) { return std::isfinite(x) ? significant(x, digits) : "-"; }

std::string share(double x) {
  char digits[32];
  std::snprintf(digits, sizeof digits, "%.3f", x);
  return std::isfinite(x) ? digits : "-";
}

int propagate_net(const PropagateArguments& arguments, const Global& global) {
  for (const auto& [name, value] : {std::pair{"--width", arguments.width},
                                    {"--depth", arguments.depth},
                                    {"--inputs", arguments.inputs},
                                    {"--nets", arguments.nets}}) {
    if (value < 1 || value > 100000) throw UsageError(text(name, " must be from 1 to 100000, got ", value));
  }
  if (!(arguments.input_variance > 0) || !std::isfinite(arguments.input_variance)) {
    throw UsageError(text("--input-variance must be positive and finite, got ", arguments.input_variance));
  }
  if (arguments.bias_std && !(*arguments.bias_std >= 0 && std::isfinite(*arguments.bias_std))) {
    throw UsageError(text("--bias-std must be at least 0 and finite, got ", *arguments.bias_std));
  }
  NetOptions net{.activation = activation(arguments.activation),
                 .initializer = initializer(arguments.init),
                 .depth = arguments.depth,
                 .width = arguments.width,
                 .inputs = arguments.inputs,
                 .nets = arguments.nets,
                 .input_variance = arguments.input_variance,
                 .bias_std = arguments.bias_std,
                 .batch_norm = arguments.batch_norm,
                 .residual = arguments.residual,
                 .orthogonal_inputs = arguments.orthogonal_inputs};
  NetTheory expected = predict(net);
  add_bands(expected, net, Rng(global.seed).split("bands"));
  const Rng rng = Rng(global.seed).split("propagate");
  const Propagation measured =
      arguments.dtype == Dtype::float64 ? propagate<double>(net, rng) : propagate<float>(net, rng);

  if (global.json) {
    Json document = document_header();
    document.update(Json::parse(propagation_json(net, measured, expected, global.seed)));
    print_json(document);
    return 0;
  }

  const auto dead = [](const LayerMeasurement& m) { return m.dead_nets > 0; };
  const bool some_dead = std::any_of(measured.layers.begin(), measured.layers.end(), dead);
  std::cout << net.activation.name() << ", " << net.initializer.name() << ", width " << net.width << ", depth "
            << net.depth << ", " << net.nets << " nets, " << net.inputs << " inputs, seed " << global.seed << "\n\n"
            << "      mean square z       gradient rms        correlation   zeros        silent units"
            << (some_dead ? " dead" : "") << '\n'
            << "layer measured  theory    measured  theory    meas.  theory meas. theory meas. theory"
            << (some_dead ? " nets" : "") << '\n';
  const std::size_t depth = measured.layers.size();
  for (std::size_t l = 0; l < depth; ++l) {
    // A deep net's middle is shown in steps; --json has every layer.
    if (depth > 24 && l >= 5 && l + 5 < depth && (l + 1) % 5 != 0) continue;
    const LayerMeasurement& m = measured.layers[l];
    const LayerTheory& t = expected.layers[l];
    char line[200];
    std::snprintf(
        line, sizeof line, "%5zu %-9s %-9s %-9s %-9s %6s %6s %5s %5s  %5s %5s", l + 1, size(m.q.value).c_str(),
        size(t.q.value).c_str(), size(m.gradient.value).c_str(), size(t.gradient.value).c_str(),
        share(m.correlation.value).c_str(), share(t.correlation.value).c_str(), share(m.zero_fraction.value).c_str(),
        share(t.zero_fraction).c_str(), share(m.silent_fraction.value).c_str(), share(t.silent_fraction).c_str());
    std::cout << line << (some_dead ? "  " + share(m.dead_nets) : "") << '\n';
  }
  const Prediction& ratio = expected.gradient_ratio;
  const Measured& met = measured.gradient_ratio;
  std::cout << "\ngradient of layer 1 over that of layer " << depth << ": " << size(met.value, 4);
  if (std::isfinite(met.low) && std::isfinite(met.high)) {
    std::cout << " [" << significant(met.low) << ", " << significant(met.high) << "]";
  }
  std::cout << ", theory " << size(ratio.value, 4);
  if (ratio.low && ratio.high) {
    std::cout << " (at this width [" << significant(*ratio.low) << ", " << significant(*ratio.high) << "])";
  }
  std::cout << '\n' << gradient_conclusion(met.value) << '\n';
  for (const std::string& note : propagation_notes(net, measured, expected)) std::cout << note << '\n';
  return 0;
}

}  // namespace

Command add_propagate(CLI::App& program, Global& global) {
  CLI::App* app =
      program.add_subcommand("propagate", "Signal and gradient by layer before training, measured and predicted");
  auto a = std::make_shared<PropagateArguments>();
  CommandOptions options(*app, global);
  a->fields(options);
  return {app, [a, &global] { return propagate_net(*a, global); }};
}

}  // namespace evengrad::cli
