#include <evengrad/training/setup.hpp>

#include <evengrad/activations/registry.hpp>
#include <evengrad/core/error.hpp>
#include <evengrad/core/names.hpp>
#include <evengrad/training/lsuv.hpp>

namespace evengrad {

namespace {

// "256,128": at least 1 each; "none" is a linear model.
std::vector<Index> parse_widths(const std::string& given) {
  constexpr double widest = 1e6;
  constexpr std::size_t deepest = 10'000;
  std::vector<Index> widths;
  if (given == "none" || given.empty()) return widths;
  std::string_view rest = given;
  for (bool more = true; more;) {
    const auto comma = rest.find(',');
    const std::string part(rest.substr(0, comma));
    more = comma != rest.npos;
    rest.remove_prefix(more ? comma + 1 : rest.size());
    const double width = parse_number("--hidden", part);
    if (!(width >= 1 && width <= widest) || width != static_cast<double>(static_cast<Index>(width))) {
      throw UsageError(
          text("--hidden: a width must be a whole number from 1 to ", static_cast<Index>(widest), ", got ", part));
    }
    if (widths.size() == deepest) throw UsageError(text("--hidden: more than ", deepest, " layers"));
    widths.push_back(static_cast<Index>(width));
  }
  return widths;
}

// Refuses a net that no memory holds before anything is allocated.
void check_size(const MlpOptions& options) {
  constexpr double most = 2e9;
  double parameters = 0;
  Index inputs = options.inputs;
  for (const Index width : options.hidden) {
    parameters += static_cast<double>(width) * static_cast<double>(inputs + 1);
    inputs = width;
  }
  parameters += static_cast<double>(options.outputs) * static_cast<double>(inputs + 1);
  if (parameters > most) {
    throw UsageError(text("--hidden: ", parameters, " parameters are more than the ", most, " that one net may have"));
  }
}

}  // namespace

MlpOptions mlp_options(const TrainingSetup& setup, Index inputs, Index outputs) {
  MlpOptions options{.inputs = inputs, .hidden = parse_widths(setup.hidden), .outputs = outputs, .activations = {}};
  for (const std::string& name : split_list(setup.activation)) options.activations.push_back(activation(name));
  options.norm = setup.norm;
  options.dropout = setup.dropout;
  options.residual = setup.residual;
  check_size(options);
  return options;
}

template <Real S>
void initialize(Mlp<S>& net, const TrainingSetup& setup, const Dataset<S>& train) {
  const Rng rng = Rng(setup.trainer.seed).split("init");
  if (setup.init == "lsuv") {
    constexpr Index measured_on = 512;  // rows; variances are known to a few percent
    initialize_lsuv<S>(net, train.inputs.topRows(std::min(measured_on, train.size())), rng);
  } else {
    net.initialize(initializer(setup.init), rng);
  }
}

std::optional<NetOptions> theory_net(const TrainingSetup& setup, const MlpOptions& net) {
  constexpr std::size_t deepest = 1000;
  if (net.hidden.empty() || net.hidden.size() > deepest || net.activations.size() != 1) return std::nullopt;
  return NetOptions{.activation = net.activations.front(),
                    .initializer = initializer(setup.init),
                    .depth = static_cast<Index>(net.hidden.size()),
                    .width = net.hidden[net.hidden.size() / 2],
                    .inputs = setup.trainer.batch_size,
                    .batch_norm = net.norm == Norm::batch,
                    .layer_norm = net.norm == Norm::layer,
                    .residual = net.residual};
}

template void initialize(Mlp<float>&, const TrainingSetup&, const Dataset<float>&);
template void initialize(Mlp<double>&, const TrainingSetup&, const Dataset<double>&);

}  // namespace evengrad
