#include <evengrad/training/network_map.hpp>

#include <evengrad/activations/registry.hpp>
#include <evengrad/core/command_words.hpp>
#include <evengrad/core/names.hpp>
#include <evengrad/core/numbers.hpp>
#include <evengrad/init/mean_field.hpp>
#include <evengrad/layers/losses.hpp>
#include <evengrad/layers/mlp.hpp>
#include <evengrad/training/digest.hpp>
#include <evengrad/training/ensemble.hpp>
#include <evengrad/training/finite.hpp>

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <numeric>

namespace evengrad {

namespace {

constexpr double deepest = 1000;
constexpr Index largest_side = 4096;

[[noreturn]] void refuse(std::string_view axis, const std::string& why) {
  throw UsageError(text("map axis '", axis, "': ", why));
}

void check(const MapAxis& axis) {
  const std::string name = axis.text();
  const auto& known = map_settings();
  if (std::find(known.begin(), known.end(), axis.setting) == known.end()) {
    throw UsageError(unknown_name("map axis", axis.setting, known));
  }
  if (axis.count < 2 || axis.count > largest_side) {
    refuse(name, evengrad::text("expected from 2 to ", largest_side, " pixels, got ", axis.count));
  }
  if (!std::isfinite(axis.from) || !std::isfinite(axis.to) || !(axis.from < axis.to)) {
    refuse(name, "expected a range that rises, FROM:TO");
  }
  const bool is_rate = axis.setting == "lr", is_depth = axis.setting == "depth";
  if (axis.from < 0 || ((is_rate || axis.log) && axis.from == 0)) {
    refuse(name, axis.log ? "a logarithmic range must be above 0" : "the range must be above 0");
  }
  if (is_depth && !(axis.from >= 1 && axis.to <= deepest)) {
    refuse(name, evengrad::text("a depth is from 1 to ", deepest));
  }
  if (is_depth && static_cast<double>(axis.count) > axis.to - axis.from + 1) {
    refuse(name, "more pixels than there are whole numbers in the range");
  }
}

// The arguments of gaussian(sigma_w, sigma_b), where that is the initializer.
std::optional<std::vector<double>> sigmas(const std::string& init) {
  const NamedCall call = parse_call(init);
  if (call.name != "gaussian") return std::nullopt;
  return numeric_arguments(call, {"sigma_w", "sigma_b"}, {1, 0});
}

}  // namespace

double MapAxis::at(Index i) const {
  const double share = static_cast<double>(i) / static_cast<double>(count - 1);
  const double value = i == count - 1 ? to : log ? from * std::pow(to / from, share) : from + (to - from) * share;
  return setting == "depth" ? std::round(value) : value;
}

std::string MapAxis::text() const {
  return evengrad::text(setting, "=", number_text(from), ":", number_text(to), ":", count, log ? ":log" : "");
}

const std::vector<std::string>& map_settings() {
  static const std::vector<std::string> names = {"sigma_w", "sigma_b", "depth", "lr"};
  return names;
}

MapAxis parse_map_axis(std::string_view given) {
  const auto equals = given.find('=');
  std::vector<std::string> parts;
  if (equals != given.npos) {
    for (std::string_view rest = given.substr(equals + 1);;) {
      const auto colon = rest.find(':');
      parts.emplace_back(rest.substr(0, colon));
      if (colon == rest.npos) break;
      rest.remove_prefix(colon + 1);
    }
  }
  if (parts.size() < 3 || parts.size() > 4 || (parts.size() == 4 && parts[3] != "log" && parts[3] != "linear")) {
    refuse(given, "expected NAME=FROM:TO:PIXELS or NAME=FROM:TO:PIXELS:log");
  }
  MapAxis axis{.setting = std::string(given.substr(0, equals)),
               .from = parse_number(given, parts[0]),
               .to = parse_number(given, parts[1]),
               .count = 0,
               .log = parts.size() == 4 && parts[3] == "log"};
  const double count = parse_number(given, parts[2]);
  if (!(count >= 2 && count <= static_cast<double>(largest_side)) || count != std::floor(count)) {
    refuse(given, evengrad::text("expected from 2 to ", largest_side, " pixels, got ", parts[2]));
  }
  axis.count = static_cast<Index>(count);
  check(axis);
  return axis;
}

template <Real S>
NetworkMap<S>::NetworkMap(NetworkMapOptions options, Dataset<S> train)
    : options_(std::move(options)), train_(std::move(train)) {
  check(options_.x);
  check(options_.y);
  if (options_.x.setting == options_.y.setting) refuse(options_.y.text(), "the other axis has the same setting");
  options_.activation = activation(options_.activation).name();
  initializer(options_.init);
  for (const MapAxis* axis : {&options_.x, &options_.y}) {
    if (axis->setting.starts_with("sigma") && !sigmas(options_.init)) {
      refuse(axis->text(), evengrad::text("the initializer must be gaussian, got ", options_.init));
    }
  }
  if (options_.depth < 1 || static_cast<double>(options_.depth) > deepest) {
    throw UsageError(evengrad::text("a depth is from 1 to ", deepest, ", got ", options_.depth));
  }
  if (options_.width < 1) throw UsageError(evengrad::text("a width must be at least 1, got ", options_.width));
  evengrad::check(train_);
  options_.trainer.threads = 1;
}

template <Real S>
PixelSettings NetworkMap<S>::settings(Index pixel) const {
  if (pixel < 0 || pixel >= size()) throw UsageError(evengrad::text("the map has ", size(), " pixels, got ", pixel));
  PixelSettings s{options_.init, options_.depth, options_.trainer.optimizer.learning_rate};
  const auto own = sigmas(options_.init);
  double sigma_w = own ? (*own)[0] : 0, sigma_b = own ? (*own)[1] : 0;
  bool drawn = false;
  for (const auto& [axis, i] : {std::pair{&options_.x, pixel % columns()}, {&options_.y, pixel / columns()}}) {
    const double value = axis->at(i);
    if (axis->setting == "lr") s.learning_rate = value;
    if (axis->setting == "depth") s.depth = static_cast<Index>(value);
    if (axis->setting == "sigma_w") sigma_w = value;
    if (axis->setting == "sigma_b") sigma_b = value;
    drawn = drawn || axis->setting.starts_with("sigma");
  }
  if (drawn)
    s.init = evengrad::text("gaussian(sigma_w=", number_text(sigma_w), ", sigma_b=", number_text(sigma_b), ")");
  return s;
}

template <Real S>
TrainerOptions NetworkMap<S>::trainer_options(const PixelSettings& settings) const {
  TrainerOptions trainer = options_.trainer;
  trainer.optimizer.learning_rate = settings.learning_rate;
  return trainer;
}

namespace {

// A net as `train` would draw it.
template <Real S>
Sequential<S> draw(const NetworkMapOptions& options, const PixelSettings& settings, const Dataset<S>& train) {
  auto net = mlp<S>({.inputs = train.features(),
                     .hidden = std::vector<Index>(static_cast<std::size_t>(settings.depth), options.width),
                     .outputs = required_outputs(train, options.trainer.loss),
                     .activations = {activation(options.activation)}});
  net.initialize(initializer(settings.init), Rng(options.trainer.seed).split("init"));
  return net;
}

}  // namespace

template <Real S>
std::vector<Pixel> NetworkMap<S>::train(std::span<const Index> pixels, const std::function<bool()>& stop) const {
  struct Network {
    Sequential<S> net;
    Pixel pixel;
    std::unique_ptr<Trainer<S>> trainer;
  };
  const Dataset<S> none{.task = train_.task};
  const double unit = constant_answer_loss(train_);
  std::vector<std::unique_ptr<Network>> networks;
  std::vector<Trainer<S>*> trainers;
  for (const Index number : pixels) {
    const PixelSettings chosen = settings(number);
    Network& network =
        *networks.emplace_back(std::make_unique<Network>(Network{draw(options_, chosen, train_), {}, nullptr}));
    network.trainer = std::make_unique<Trainer<S>>(network.net, train_, none, trainer_options(chosen));
    network.trainer->stop = stop;
    network.trainer->on_loss = [&pixel = network.pixel, unit](const StepReport& step) {
      if (pixel.learned == 0 && step.loss < bar * unit) pixel.learned = step.step;
      if (pixel.diverged == 0 && !(step.loss < bound * unit)) pixel.diverged = step.step;
    };
    trainers.push_back(network.trainer.get());
  }
  const std::vector<TrainOutcome> outcomes = train_together<S>(trainers);
  std::vector<Pixel> trained;
  for (std::size_t i = 0; i < outcomes.size(); ++i) {
    Pixel pixel = networks[i]->pixel;
    pixel.loss = outcomes[i].result.train.loss;
    try {
      if (outcomes[i].error) std::rethrow_exception(outcomes[i].error);
    } catch (const NonFiniteStep& broke) {
      pixel.loss = std::numeric_limits<double>::quiet_NaN();
      if (pixel.diverged == 0) pixel.diverged = broke.place.step;
    }
    if (!(pixel.loss < bar * unit)) pixel.learned = 0;
    if (pixel.loss < bound * unit) pixel.diverged = 0;
    // What only the evaluation after the last step saw.
    if (pixel.loss < bar * unit && pixel.learned == 0) pixel.learned = trainers[i]->steps();
    if (!(pixel.loss < bound * unit) && pixel.diverged == 0) pixel.diverged = trainers[i]->steps();
    trained.push_back(pixel);
  }
  return trained;
}

template <Real S>
PixelRun NetworkMap<S>::run(Index pixel) const {
  const PixelSettings chosen = settings(pixel);
  Sequential<S> net = draw(options_, chosen, train_);
  const Dataset<S> none{.task = train_.task};
  Trainer<S> trainer(net, train_, none, trainer_options(chosen));
  PixelRun run;
  trainer.on_loss = [&](const StepReport& step) { run.losses.push_back(step.loss); };
  try {
    run.loss = trainer.run().train.loss;
  } catch (const NonFiniteStep&) {
    run.loss = std::numeric_limits<double>::quiet_NaN();
  }
  run.weights_digest = weights_digest<S>(net).hex();
  return run;
}

template <Real S>
std::vector<MapBatch> NetworkMap<S>::batches(Index most) const {
  Index coarsest = 1;
  while (coarsest * 8 <= std::max(columns(), rows())) coarsest *= 2;
  struct Place {
    Index edge, depth, pixel;
  };
  std::vector<Place> places;
  for (Index pixel = 0; pixel < size(); ++pixel) {
    const Index column = pixel % columns(), row = pixel / columns();
    Index edge = coarsest;
    while (column % edge != 0 || row % edge != 0) edge /= 2;
    places.push_back({edge, settings(pixel).depth, pixel});
  }
  std::stable_sort(places.begin(), places.end(), [](const Place& a, const Place& b) {
    return a.edge != b.edge ? a.edge > b.edge : a.depth < b.depth;
  });
  std::vector<MapBatch> all;
  for (std::size_t i = 0; i < places.size(); ++i) {
    const Place& p = places[i];
    const bool goes_on =
        i > 0 && p.edge == places[i - 1].edge && p.depth == places[i - 1].depth && std::ssize(all.back().pixels) < most;
    if (!goes_on) all.push_back({p.edge, {}});
    all.back().pixels.push_back(p.pixel);
  }
  return all;
}

// The largest rate at which gradient descent does not run away from where this network starts: 2 over the sharpness,
// the largest eigenvalue of the loss's second derivative, by power iteration on differences of gradients in double.
template <Real S>
std::optional<double> NetworkMap<S>::largest_stable_rate(const PixelSettings& settings) const {
  constexpr Index most_rows = 256;
  constexpr int rounds = 16;
  std::vector<Index> rows(static_cast<std::size_t>(std::min(most_rows, train_.size())));
  std::iota(rows.begin(), rows.end(), 0);
  const Dataset<double> data = convert<double>(select_rows(train_, rows));
  Sequential<double> net = draw<double>(options_, settings, data);
  Tape<double> tape;
  using Vector = Eigen::VectorXd;
  const auto gradient_at = [&](const Vector& move) {
    Index at = 0;
    const auto shift = [&](double sign) {
      at = 0;
      net.visit(Path(), [&](const Path&, Parameter<double>& p) {
        p.value.reshaped() += sign * move.segment(at, p.value.size());
        at += p.value.size();
      });
    };
    shift(1);
    tape.clear();
    const Var<double> output = net.forward(tape.constant(data.inputs), Context{});
    const Var<double> loss = data.task == Task::classification
                                 ? softmax_cross_entropy<double>(output, data.labels)
                                 : mean_squared_error(output, tape.constant(data.targets));
    const Gradients<double> gradients = tape.backward(loss);
    Vector flat(move.size());
    at = 0;
    net.visit(Path(), [&](const Path&, Parameter<double>& p) {
      flat.segment(at, p.value.size()) = gradients.of(p).reshaped();
      at += p.value.size();
    });
    shift(-1);
    return flat;
  };
  const Index size = parameter_count<double>(net);
  Vector v(size);
  Rng(options_.trainer.seed).split("sharpness").fill_normal(std::span(v.data(), static_cast<std::size_t>(size)));
  v.normalize();
  double sharpness = 0;
  constexpr double h = 1e-5;
  for (int round = 0; round < rounds; ++round) {
    const Vector product = (gradient_at(h * v) - gradient_at(-h * v)) / (2 * h);
    sharpness = v.dot(product);
    if (!product.allFinite() || product.norm() == 0) return std::nullopt;
    v = product.normalized();
  }
  return sharpness > 0 ? std::optional(2 / sharpness) : std::nullopt;
}

namespace {

constexpr double nothing = std::numeric_limits<double>::quiet_NaN();  // a gap in a curve

// sigma_w and sigma_b with chi1 = 1.
MapCurve edge_of_chaos_line(const Activation& f, const MapAxis& sigma_w, const MapAxis& sigma_b) {
  MapCurve curve{"chi1 = 1, the edge of chaos", "Poole et al. 2016", {}, {}};
  const auto critical = critical_point(f);
  if (critical && critical->kind == Universality::scale_invariant) {
    const double w = std::sqrt(critical->scales.weight);
    curve.x = {w, w};
    curve.y = {sigma_b.from, sigma_b.to};
    return curve;
  }
  // The line's points by their variance q: first the part of it within the map, then that part finely.
  const auto inside = [](const MapAxis& axis, double value) {
    const double margin = (axis.to - axis.from) / 4;
    return value >= axis.from - margin && value <= axis.to + margin;
  };
  constexpr int points = 240;
  double low = 1e-6, high = 1e4;
  for (const bool fine : {false, true}) {
    double first = HUGE_VAL, last = 0;
    const double step = std::pow(high / low, 1.0 / (points - 1));
    double q = low;
    for (int i = 0; i < points; ++i, q *= step) {
      const auto scales = edge_of_chaos(f, q);
      const bool shown =
          scales && inside(sigma_w, std::sqrt(scales->weight)) && inside(sigma_b, std::sqrt(scales->bias));
      if (shown) first = std::min(first, q), last = q;
      if (!fine) continue;
      curve.x.push_back(shown ? std::sqrt(scales->weight) : nothing);
      curve.y.push_back(shown ? std::sqrt(scales->bias) : nothing);
    }
    if (last == 0) return {curve.name, curve.source, {}, {}};
    low = first / step;
    high = last * step;
  }
  return curve;
}

// As deep as a signal travels, over one of the sigmas.
MapCurve depth_scale_curve(const Activation& f, const MapAxis& sigma, const Scales& other) {
  MapCurve curve{"6 xi_c, as deep as nets train", "Schoenholz et al. 2017", {}, {}};
  const int points = static_cast<int>(std::clamp<Index>(2 * sigma.count, 64, 256));
  MapAxis fine = sigma;
  fine.count = points;
  for (int i = 0; i < points; ++i) {
    const double s = fine.at(i);
    Scales scales = other;
    (sigma.setting == "sigma_w" ? scales.weight : scales.bias) = s * s;
    const Regime r = regime(f, scales);
    // Where the signal dies, angles do not, and what ends is the gradient.
    const double depth = 6 * (r.point.q == 0 ? r.gradient_depth : r.correlation_depth);
    curve.x.push_back(s);
    curve.y.push_back(std::isfinite(depth) ? depth : nothing);
  }
  return curve;
}

MapCurve turned(MapCurve curve) {
  std::swap(curve.x, curve.y);
  return curve;
}

}  // namespace

template <Real S>
std::vector<MapCurve> NetworkMap<S>::theory() const {
  const MapAxis &x = options_.x, &y = options_.y;
  const Activation f = activation(options_.activation);
  const auto is = [](const MapAxis& axis, std::string_view name) { return axis.setting == name; };
  std::vector<MapCurve> curves;
  const auto add = [&](bool turn, MapCurve curve) {
    if (curve.x.empty()) return;
    if (turn) curve = turned(std::move(curve));
    curves.push_back(std::move(curve));
  };
  const auto own = sigmas(options_.init);
  const Scales scales = own ? Scales{(*own)[0] * (*own)[0], (*own)[1] * (*own)[1]} : Scales{};
  if (is(x, "sigma_w") && is(y, "sigma_b")) add(false, edge_of_chaos_line(f, x, y));
  if (is(x, "sigma_b") && is(y, "sigma_w")) add(true, edge_of_chaos_line(f, y, x));
  if (is(y, "depth") && x.setting.starts_with("sigma")) add(false, depth_scale_curve(f, x, scales));
  if (is(x, "depth") && y.setting.starts_with("sigma")) add(true, depth_scale_curve(f, y, scales));
  const bool has_rate = is(x, "lr") || is(y, "lr"), turn = is(x, "lr");
  const TrainerOptions& trainer = options_.trainer;
  if (has_rate && trainer.optimizer.name == "sgd" && trainer.loss.empty() && trainer.label_smoothing == 0) {
    const MapAxis& other = turn ? y : x;
    MapCurve curve{"2 / sharpness at the start, the largest stable rate", "Cohen et al. 2021", {}, {}};
    constexpr Index points = 24;
    for (Index i = 0; i < std::min(points, other.count); ++i) {
      const Index at = i * (other.count - 1) / (std::min(points, other.count) - 1);
      curve.x.push_back(other.at(at));
      curve.y.push_back(largest_stable_rate(settings(turn ? at * columns() : at)).value_or(nothing));
    }
    add(turn, std::move(curve));
  }
  return curves;
}

namespace {

class CommandLine {
 public:
  explicit CommandLine(const char* command) : line_(command) {}
  template <class Value>
  CommandLine& add(const char* option, const Value& value) {
    std::string word;
    if constexpr (std::is_convertible_v<Value, std::string>) {
      word = value;
    } else if constexpr (std::is_floating_point_v<Value>) {
      word = number_text(value);
    } else {
      word = std::to_string(value);
    }
    line_ += " " + std::string(option) + " " + shell_quoted(word);
    return *this;
  }
  template <class Value>
  CommandLine& add(const char* option, const std::optional<Value>& value) {
    return value ? add(option, *value) : *this;
  }

  /// What `train` and `compare` call alike.
  CommandLine& add(const DataOptions& data) {
    add("--data", data.name).add("--samples", data.samples).add("--noise", data.noise);
    add("--test-fraction", data.test_fraction);
    const auto add_text = [&](const OptionInfo& info, const auto& value) {
      using T = std::decay_t<decltype(value)>;
      if (value == T{}) return;
      const std::string option = evengrad::text("--", info.name);
      if constexpr (std::is_same_v<T, std::string>) {
        add(option.c_str(), value);
      } else {
        add(option.c_str(), std::string(choice_word(*value)));
      }
    };
    TableOptions(data.table).fields(add_text);
    return *this;
  }
  CommandLine& add(const TrainerOptions& trainer, bool wide) {
    add("--optimizer", trainer.optimizer.name).add("--weight-decay", trainer.optimizer.weight_decay);
    if (trainer.schedule != "constant") add("--schedule", trainer.schedule);
    add("--batch-size", trainer.batch_size);
    trainer.steps ? add("--steps", *trainer.steps) : add("--epochs", trainer.epochs);
    if (wide) add("--dtype", "float64");
    return add("--seed", trainer.seed);
  }

  const std::string& text() const { return line_; }

 private:
  std::string line_;
};

}  // namespace

template <Real S>
std::string pixel_command(const NetworkMap<S>& map, Index pixel, const DataOptions& data) {
  const NetworkMapOptions& options = map.options();
  const PixelSettings settings = map.settings(pixel);
  std::string hidden;
  for (Index i = 0; i < settings.depth; ++i) hidden += (i > 0 ? "," : "") + std::to_string(options.width);
  CommandLine line("evengrad train");
  line.add(data).add("--hidden", hidden).add("--activation", options.activation).add("--init", settings.init);
  line.add("--lr", settings.learning_rate).add(options.trainer, sizeof(S) == sizeof(double));
  return line.text();
}

template <Real S>
std::string map_command(const NetworkMap<S>& map, const DataOptions& data) {
  const NetworkMapOptions& options = map.options();
  const auto varies = [&](const char* name) { return options.x.setting == name || options.y.setting == name; };
  CommandLine line("evengrad compare");
  line.add("--map", options.x.text() + "," + options.y.text()).add("--activations", options.activation);
  if (!(varies("sigma_w") && varies("sigma_b"))) line.add("--inits", options.init);
  if (!varies("depth")) line.add("--depths", options.depth);
  line.add("--widths", options.width);
  if (!varies("lr")) line.add("--lrs", options.trainer.optimizer.learning_rate);
  return line.add(data).add(options.trainer, sizeof(S) == sizeof(double)).text();
}

#define EVENGRAD_INSTANTIATE(S)                                                        \
  template class NetworkMap<S>;                                                        \
  template std::string pixel_command(const NetworkMap<S>&, Index, const DataOptions&); \
  template std::string map_command(const NetworkMap<S>&, const DataOptions&);
EVENGRAD_INSTANTIATE(float)
EVENGRAD_INSTANTIATE(double)
#undef EVENGRAD_INSTANTIATE

}  // namespace evengrad
