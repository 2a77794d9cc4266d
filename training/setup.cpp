#include <evengrad/training/setup.hpp>

#include <evengrad/activations/registry.hpp>
#include <evengrad/core/error.hpp>
#include <evengrad/core/names.hpp>
#include <evengrad/data/batches.hpp>
#include <evengrad/layers/mlp.hpp>
#include <evengrad/layers/registry.hpp>
#include <evengrad/training/lsuv.hpp>
#include <evengrad/training/trainer.hpp>

#include <numeric>

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
    std::string part(rest.substr(0, comma));
    part.erase(0, part.find_first_not_of(' '));
    part.erase(part.find_last_not_of(' ') + 1);
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

// Refuses a net that is too large before anything is allocated.
void check_size(const MlpOptions& options, double most) {
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

MlpOptions mlp_options(const TrainingSetup& setup, Index inputs, Index outputs, double most_parameters) {
  MlpOptions options{.inputs = inputs, .hidden = parse_widths(setup.hidden), .outputs = outputs, .activations = {}};
  for (const std::string& name : split_list(setup.activation)) options.activations.push_back(activation(name));
  options.norm = setup.norm;
  options.dropout = setup.dropout;
  options.residual = setup.residual;
  check_size(options, most_parameters);
  return options;
}

template <Real S>
void permute_pixels(Matrix<S>& images, const Shape& sample, Order order) {
  if (order != Order::permuted || images.rows() == 0) return;
  std::vector<Index> pixels(static_cast<std::size_t>(sample.rows));
  std::iota(pixels.begin(), pixels.end(), Index{0});
  Rng(0).split("permuted pixels").shuffle(pixels);  // the same in every run
  const Matrix<S> before = images;
  for (Index i = 0; i < sample.rows; ++i) {
    images.middleCols(i * sample.cols, sample.cols) =
        before.middleCols(pixels[static_cast<std::size_t>(i)] * sample.cols, sample.cols);
  }
}

namespace {

template <Real S>
void arrange(Split<S>& data, Takes takes, Order order) {
  data.order = order;
  for (Dataset<S>* part : {&data.train, &data.test}) {
    const Shape& image = part->image;
    if (!image.is_image()) continue;  // it has the shape that it came with
    if (takes != Takes::sequence) {
      part->sample = takes == Takes::image ? image : Shape();
      continue;
    }
    part->sample =
        order == Order::rows ? Shape(1, image.height, image.width * image.cols) : Shape(1, image.rows, image.cols);
    permute_pixels(part->inputs, part->sample, order);
  }
}

}  // namespace

template <Real S>
void shape_samples(Split<S>& data, const TrainingSetup& setup) {
  arrange(data, setup.net.empty() ? Takes::any : takes<S>(setup.net), setup.data.order);
}

template <Real S>
void shape_samples(Split<S>& data, const Shape& sample, Order order) {
  arrange(data, sample.is_image() ? Takes::image : sample.rows > 1 ? Takes::sequence : Takes::any, order);
}

template <Real S>
Sequential<S> make_net(const TrainingSetup& setup, const Dataset<S>& data, double most_parameters) {
  const Index outputs = required_outputs(data, setup.trainer.loss);
  return make_net<S>(setup, data.shape(1), outputs, most_parameters, std::ssize(data.tokens));
}

template <Real S>
Sequential<S> make_net(const TrainingSetup& setup, const Shape& inputs, Index outputs, double most_parameters,
                       Index tokens) {
  if (setup.net.empty()) return mlp<S>(mlp_options(setup, inputs.cols, outputs, most_parameters));
  if (setup.residual || setup.dropout != 0) {
    throw UsageError(text("--net: write ", setup.residual ? "residual(…)" : "dropout(p)", " into the line instead of ",
                          setup.residual ? "--residual" : "--dropout"));
  }
  NetSettings settings{.inputs = inputs, .outputs = outputs, .most_parameters = most_parameters, .tokens = tokens};
  for (const std::string& name : split_list(setup.activation)) settings.activations.push_back(activation(name));
  settings.norm = setup.norm == Norm::none ? "none" : text(choice_word(setup.norm), "norm");
  return build_net<S>(setup.net, settings);
}

template <Real S>
void initialize(Layer<S>& net, const TrainingSetup& setup, const Dataset<S>& train) {
  const Rng rng = Rng(setup.trainer.seed).split("init");
  if (setup.init == "lsuv") {
    constexpr Index measured_on = 512;  // rows; variances are known to a few percent
    Batch<S> batch;
    batch.gather(train, rows_of(train, 0, std::min(measured_on, train.size())));
    initialize_lsuv<S>(net, batch.inputs(), rng, batch.shape());
  } else {
    net.initialize(initializer(setup.init), rng);
  }
}

template <Real S>
std::optional<NetOptions> theory_net(const TrainingSetup& setup, Layer<S>& net) {
  constexpr std::size_t deepest = 1000;
  Roles<S> roles;
  net.roles(roles, Path());
  const std::vector<Weight<S>> weights = roles.finish();
  if (weights.size() < 2 || weights.size() > deepest + 1) return std::nullopt;
  const Activation* f = weights.front().role.activation;
  for (std::size_t l = 0; l + 1 < weights.size(); ++l) {
    const WeightRole& role = weights[l].role;
    const bool follows = weights[l + 1].weight->value.cols() == weights[l].weight->value.rows();
    if (!f || !role.activation || role.activation->name() != f->name() || !follows || role.gates != 1 ||
        role.kind != WeightKind::linear) {
      return std::nullopt;
    }
  }
  return NetOptions{.activation = *f,
                    .initializer = initializer(setup.init),
                    .depth = std::ssize(weights) - 1,
                    .width = weights[(weights.size() - 1) / 2].weight->value.rows(),
                    .inputs = setup.trainer.batch_size,
                    .batch_norm = roles.norm() == choice_word(Norm::batch),
                    .layer_norm = roles.norm() == choice_word(Norm::layer),
                    .residual = weights.front().role.residual};
}

#define EVENGRAD_INSTANTIATE(S)                                                              \
  template void permute_pixels(Matrix<S>&, const Shape&, Order);                             \
  template void shape_samples(Split<S>&, const TrainingSetup&);                              \
  template void shape_samples(Split<S>&, const Shape&, Order);                               \
  template Sequential<S> make_net(const TrainingSetup&, const Dataset<S>&, double);          \
  template Sequential<S> make_net(const TrainingSetup&, const Shape&, Index, double, Index); \
  template void initialize(Layer<S>&, const TrainingSetup&, const Dataset<S>&);              \
  template std::optional<NetOptions> theory_net(const TrainingSetup&, Layer<S>&);
EVENGRAD_INSTANTIATE(float)
EVENGRAD_INSTANTIATE(double)
#undef EVENGRAD_INSTANTIATE

}  // namespace evengrad
