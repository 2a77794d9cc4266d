#include "options.hpp"
#include "program.hpp"

#include <evengrad/activations/registry.hpp>
#include <evengrad/core/error.hpp>
#include <evengrad/core/names.hpp>
#include <evengrad/experiments/documents.hpp>
#include <evengrad/init/net_theory.hpp>
#include <evengrad/training/propagation.hpp>

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

  std::cout << net.activation.name() << ", " << net.initializer.name() << ", width " << net.width << ", depth "
            << net.depth << ", " << net.nets << " nets, " << net.inputs << " inputs, seed " << global.seed << "\n\n"
            << "      mean square z       gradient rms        correlation   zeros        silent units\n"
            << "layer measured  theory    measured  theory    meas.  theory meas. theory meas. theory\n";
  const std::size_t depth = measured.layers.size();
  for (std::size_t l = 0; l < depth; ++l) {
    // A deep net's middle is shown in steps; --json has every layer.
    if (depth > 24 && l >= 5 && l + 5 < depth && (l + 1) % 5 != 0) continue;
    const LayerMeasurement& m = measured.layers[l];
    const LayerTheory& t = expected.layers[l];
    char line[200];
    std::snprintf(line, sizeof line, "%5zu %-9s %-9s %-9s %-9s %6.3f %6.3f %5.3f %5.3f  %5.3f %5.3f\n", l + 1,
                  significant(m.q.value, 3).c_str(), significant(t.q.value, 3).c_str(),
                  significant(m.gradient.value, 3).c_str(), significant(t.gradient.value, 3).c_str(),
                  m.correlation.value, t.correlation.value, m.zero_fraction.value, t.zero_fraction,
                  m.silent_fraction.value, t.silent_fraction);
    std::cout << line;
  }
  const Prediction& ratio = expected.gradient_ratio;
  std::cout << "\ngradient of layer 1 over that of layer " << depth << ": "
            << significant(measured.gradient_ratio.value)
            << (net.nets == 1 ? " (one net gives no interval)"
                              : text(" [", significant(measured.gradient_ratio.low), ", ",
                                     significant(measured.gradient_ratio.high), "]"))
            << ", theory " << significant(ratio.value);
  if (ratio.low && ratio.high) {
    std::cout << " (at this width [" << significant(*ratio.low) << ", " << significant(*ratio.high) << "])";
  }
  std::cout << '\n' << gradient_conclusion(measured.gradient_ratio.value) << '\n';
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
