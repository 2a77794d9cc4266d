// Training as the page plays it: a session is a trainer and its probe that go on as often as they are asked.
#include "calls.hpp"

#include <evengrad/activations/formula.hpp>
#include <evengrad/activations/registry.hpp>
#include <evengrad/core/error.hpp>
#include <evengrad/core/numbers.hpp>
#include <evengrad/data/csv.hpp>
#include <evengrad/init/extrema.hpp>
#include <evengrad/init/recommend.hpp>
#include <evengrad/training/digest.hpp>
#include <evengrad/training/health.hpp>
#include <evengrad/training/setup.hpp>

#include <algorithm>
#include <cmath>
#include <map>

namespace evengrad::page {

namespace {

// What a page's memory and patience hold; the command line goes further.
constexpr Index most_samples = 200'000, most_batch = 100'000;
constexpr std::int64_t most_steps = 1'000'000'000;
constexpr double most_parameters = 4e6;

// Without --steps and --epochs a session is open-ended.
bool has_end(const Options& options) { return options.has("steps") || options.has("epochs"); }

}  // namespace

DataOptions read_data(const Options& options, std::uint64_t seed) {
  DataOptions data;
  options.read(data);
  if (options.has("csv")) data.csv = options.text("csv");
  if (data.samples && *data.samples > most_samples) {
    throw UsageError(text("--samples: a page draws at most ", most_samples, ", got ", *data.samples));
  }
  data.seed = seed;
  return data;
}

TrainerOptions read_trainer(const Options& options, std::uint64_t seed) {
  TrainerOptions trainer;
  options.read(trainer);
  if (trainer.batch_size > most_batch) {
    throw UsageError(text("--batch-size: a page takes at most ", most_batch, ", got ", trainer.batch_size));
  }
  if (!has_end(options)) {
    trainer.steps = most_steps;
    if (trainer.schedule != "constant") {
      throw UsageError(text("--schedule ", trainer.schedule, " needs --steps or --epochs: how long it is"));
    }
  }
  trainer.seed = seed;
  return trainer;
}

namespace {

TrainingSetup read_setup(const Options& options) {
  TrainingSetup setup;
  options.read(setup);
  setup.data = read_data(options, options.seed());
  setup.trainer = read_trainer(options, options.seed());
  options.has("plane");  // read by the session
  options.require_all_read();
  return setup;
}

Json finite_or_null(double value) { return std::isfinite(value) ? Json(value) : Json(nullptr); }

Json to_json(const Metrics& metrics) {
  return {{"loss", finite_or_null(metrics.loss)},
          {"accuracy", metrics.accuracy ? Json(*metrics.accuracy) : Json(nullptr)}};
}

Json to_json(LayerRow row) {
  Json document;
  for (const auto& field : to_row(std::move(row))) {
    std::visit([&](const auto& held) { document[field.first] = held; }, field.second);
  }
  return document;
}

Json to_json(const Finding& finding) {
  return {{"rule", finding.rule},       {"severity", finding.severity},
          {"where", finding.where},     {"since_step", finding.since_step},
          {"message", finding.message}, {"try", finding.remedy}};
}

std::vector<float> numbers_of(const Matrix<float>& matrix) { return {matrix.data(), matrix.data() + matrix.size()}; }

Json samples_json(const Dataset<float>& data, Answer& answer) {
  Json samples{{"size", data.size()}, {"inputs", answer.array(numbers_of(data.inputs))}};
  const bool classes = data.task == Task::classification;
  samples["labels"] = classes ? answer.array(data.labels) : Json(nullptr);
  samples["targets"] = classes ? Json(nullptr) : answer.array(numbers_of(data.targets));
  return samples;
}

// A linear layer as it stands in the net, and with what it began.
struct LinearLayer {
  std::string name;
  Parameter<float>* weight = nullptr;
  Parameter<float>* bias = nullptr;
  const Activation* activation = nullptr;  // that follows; null for the output layer
  Matrix<float> first_weight = {}, first_bias = {};
};

// Features that follow x1 and x2 and are made of them.
using PlaneFeature = double (*)(double x1, double x2);
constexpr std::pair<std::string_view, PlaneFeature> plane_features[] = {
    {"x1^2", [](double x1, double) { return x1 * x1; }},
    {"x2^2", [](double, double x2) { return x2 * x2; }},
    {"x1*x2", [](double x1, double x2) { return x1 * x2; }},
    {"sin(x1)", [](double x1, double) { return std::sin(x1); }},
    {"sin(x2)", [](double, double x2) { return std::sin(x2); }}};

std::vector<PlaneFeature> read_plane(const Options& options) {
  std::vector<PlaneFeature> made;
  if (!options.has("plane")) return made;
  for (const std::string& name : options.texts("plane")) {
    const auto* found = std::find_if(std::begin(plane_features), std::end(plane_features),
                                     [&](const auto& known) { return known.first == name; });
    if (found == std::end(plane_features)) throw UsageError(text("--plane: unknown feature '", name, "'"));
    made.push_back(found->second);
  }
  return made;
}

/// One net that trains. It stays where it is: trainer and probe refer to the net and the data.
class Session {
 public:
  explicit Session(const Options& options)
      : options_(options),
        plane_(read_plane(options_)),
        setup_(read_setup(options_)),
        data_(load_data<float>(setup_.data)),
        net_(make_net()),
        trainer_(net_, data_.train, data_.test, setup_.trainer),
        probe_(trainer_, net_, data_.train, {.theory = theory_net<float>(setup_, net_)}) {
    probe_.on_rows = [this](std::span<const LayerRow> rows) { rows_.assign(rows.begin(), rows.end()); };
    trainer_.on_step = [this](const StepReport& step) {
      losses_.push_back(static_cast<float>(step.loss));
      epoch_ = step.epoch;
    };
    trainer_.stop = [this] { return trainer_.steps() >= target_; };
    for (const Weight<float>& weight : evengrad::weights<float>(net_)) {
      linear_.push_back({weight.layer, weight.weight, weight.bias, weight.role.activation, weight.weight->value,
                         weight.bias ? weight.bias->value : Matrix<float>()});
    }
    for (std::size_t l = 0; l + 1 < linear_.size(); ++l) {
      slopes_.push_back(linear_[l].activation ? largest_slope(*linear_[l].activation) : 1);
    }
  }
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  const Options& options() const { return options_; }

  void describe(Answer& answer) {
    Json& json = answer.json;
    json["layers"] = Json::array();
    for (std::size_t l = 0; l < linear_.size(); ++l) {
      const Matrix<float>& weight = linear_[l].weight->value;
      json["layers"].push_back(
          {{"name", linear_[l].name},
           {"inputs", weight.cols()},
           {"outputs", weight.rows()},
           {"activation", linear_[l].activation ? Json(linear_[l].activation->name()) : Json(nullptr)}});
    }
    json["parameters"] = parameter_count<float>(net_);
    json["outputs"] = linear_.back().weight->value.rows();
    json["features"] = feature_names();
    json["classes"] = classifies() ? Json(data_.train.classes) : Json(nullptr);
    json["class_names"] = data_.train.class_names;
    json["notes"] = data_.notes;
    json["auto_init"] = nullptr;
    json["warnings"] = Json::array();
    if (const auto net = theory_net<float>(setup_, net_)) {
      if (setup_.init == "auto") {
        const Recommendation chosen = recommend(
            net->activation,
            {.depth = net->depth, .residual = net->residual, .normalized = net->batch_norm || net->layer_norm});
        json["auto_init"] = {{"init", chosen.init}, {"reason", chosen.reason}};
      }
      TrainingRecord beforehand;
      beforehand.facts.theory = net;
      for (const Finding& finding : evengrad::findings(beforehand)) json["warnings"].push_back(finding.message);
    }
    // What leads to any step of an open-ended session is this and --steps.
    constexpr std::string_view not_typed[] = {"csv", "plane"};
    json["command"] = options_.command("train", not_typed);
    json["train"] = samples_json(data_.train, answer);
    json["test"] = samples_json(data_.test, answer);
    json["normalization"] = {{"mean", data_.normalization.mean}, {"scale", data_.normalization.scale}};
    json["steps_per_epoch"] = (data_.train.size() - 1) / setup_.trainer.batch_size + 1;
    json["total_steps"] = has_end(options_) ? Json(trainer_.total_steps()) : Json(nullptr);
    json["learning_rate"] = trainer_.optimizer().learning_rate();
  }

  void step(std::int64_t steps, bool measured, Answer& answer) {
    losses_.clear();
    if (broke_.empty()) {
      target_ = std::min(trainer_.steps() + steps, trainer_.total_steps());
      // Looks that stay in the record lie ever further apart, so that it does not grow with the time one watches.
      const bool keep = target_ >= kept_ + std::max<std::int64_t>(1, kept_ / 50);
      if (keep) kept_ = target_;
      probe_.also(target_, keep);
      try {
        if (trainer_.steps() < target_) trainer_.run();
      } catch (const NonFiniteStep& error) {
        broke_ = error.what();
        probe_.broke(error);
      }
    }
    answer.json = {{"step", trainer_.steps()}, {"epoch", epoch_}, {"losses", answer.array(losses_)}};
    answer.json["train"] = measured ? measure(data_.train) : Json(nullptr);
    answer.json["test"] = measured && data_.test.size() > 0 ? measure(data_.test) : Json(nullptr);
    answer.json["finished"] = trainer_.steps() >= trainer_.total_steps();
    answer.json["broke"] = broke_.empty() ? Json(nullptr) : Json(broke_);
  }

  void look(const Options& options, Answer& answer) {
    constexpr std::int64_t finest = 256;
    const auto grid = static_cast<Index>(options.whole("grid", 0, 0, finest));
    const bool units = options.flag("units"), weights = options.flag("weights");
    answer.json = {{"area", nullptr}, {"boundary", nullptr}, {"units", nullptr}, {"weights", nullptr}};
    if (grid > 0) draw(grid, area(options.group("area")), units, answer);
    if (weights) {
      answer.json["weights"] = Json::array();
      for (const LinearLayer& layer : linear_) {
        answer.json["weights"].push_back(
            {{"weight", answer.array(numbers_of(layer.weight->value))},
             {"bias", layer.bias ? answer.array(numbers_of(layer.bias->value)) : answer.array(std::vector<float>())}});
      }
    }
    answer.json["dead"] = Json::array();
    if (!slopes_.empty() && broke_.empty()) {
      for (const UnitShares& layer : unit_shares<float>(net_, probe_.inputs(), slopes_)) {
        std::vector<std::uint8_t> flags;
        for (std::size_t u = 0; u < layer.zero.size(); ++u) {
          flags.push_back(static_cast<std::uint8_t>((layer.zero[u] == 1 ? 1 : 0) | (layer.flat[u] == 1 ? 2 : 0)));
        }
        answer.json["dead"].push_back(answer.array(std::move(flags)));
      }
    }
    answer.json["rows"] = Json::array();
    for (const LayerRow& row : rows_) answer.json["rows"].push_back(to_json(row));
    answer.json["findings"] = judged();
  }

  // One weight, or a bias where there is no `from`; or all that leads into a unit: `revive` gives it what it began
  // with, `kill` no weights and a bias so low that ReLU answers 0 to everything.
  void edit(const Options& options) {
    const auto layer =
        static_cast<std::size_t>(options.whole("layer", 0, 0, static_cast<std::int64_t>(linear_.size()) - 1));
    LinearLayer& linear = linear_[layer];
    const auto to = static_cast<Index>(options.whole("to", 0, 0, linear.weight->value.rows() - 1));
    if (options.flag("kill") || options.flag("revive")) {
      constexpr float out_of_reach = -10;
      const bool wakes = options.flag("revive");
      if (wakes) {
        linear.weight->value.row(to) = linear.first_weight.row(to);
      } else {
        linear.weight->value.row(to).setZero();
      }
      if (linear.bias) linear.bias->value.data()[to] = wakes ? linear.first_bias.data()[to] : out_of_reach;
      return;
    }
    constexpr double largest = 1e6;
    const auto value = static_cast<float>(options.number("value", 0, -largest, largest));
    if (options.has("from")) {
      linear.weight->value(to, static_cast<Index>(options.whole("from", 0, 0, linear.weight->value.cols() - 1))) =
          value;
    } else if (linear.bias) {
      linear.bias->value.data()[to] = value;
    }
  }

  std::string digest() { return weights_digest<float>(net_).hex(); }

  std::vector<std::uint8_t> weights() {
    const std::string bytes = model_bytes<float>(net_, model_data(data_));
    return {bytes.begin(), bytes.end()};
  }

  // As the data are before they are normalized, to the last digit.
  std::string csv() const {
    DataOptions plain = setup_.data;
    plain.normalize = Normalize::none;
    const Split<double> data = load_data<double>(plain);
    std::string lines;
    for (const std::string& name : feature_names()) lines += csv_cell(name) + ",";
    lines += classifies() ? "class" : "target";
    lines += "\r\n";
    for (const Dataset<double>* part : {&data.train, &data.test}) {
      for (Index row = 0; row < part->size(); ++row) {
        for (Index column = 0; column < part->features(); ++column)
          lines += number_text(part->inputs(row, column)) + ",";
        lines += label(*part, row) + "\r\n";
      }
    }
    return lines;
  }

 private:
  struct Area {
    double x[2], y[2];
  };

  bool classifies() const { return data_.train.task == Task::classification; }

  Sequential<float> make_net() const {
    Sequential<float> net = evengrad::make_net<float>(
        setup_, {1, data_.train.features()}, required_outputs(data_.train, setup_.trainer.loss), most_parameters);
    initialize<float>(net, setup_, data_.train);
    return net;
  }

  std::vector<std::string> feature_names() const {
    std::vector<std::string> names = data_.train.feature_names;
    for (Index i = static_cast<Index>(names.size()); i < data_.train.features(); ++i) names.push_back(text("x", i + 1));
    return names;
  }

  std::string label(const Dataset<double>& part, Index row) const {
    if (!classifies()) return number_text(part.targets(row, 0));
    const auto number = static_cast<std::size_t>(part.labels[static_cast<std::size_t>(row)]);
    return number < part.class_names.size() ? csv_cell(part.class_names[number]) : std::to_string(number);
  }

  Json measure(const Dataset<float>& data) {
    if (!broke_.empty()) return nullptr;
    try {
      return to_json(trainer_.evaluate(data));
    } catch (const NonFiniteStep& error) {
      broke_ = error.what();
      probe_.broke(error);
      return nullptr;
    }
  }

  // The rules look at all of a run: once a look.
  const Json& judged() {
    const std::size_t seen = probe_.record().rows.size() + (broke_.empty() ? 0 : 1);
    if (seen != judged_) {
      judged_ = seen;
      findings_ = Json::array();
      for (const Finding& finding : evengrad::findings(probe_.record())) findings_.push_back(to_json(finding));
    }
    return findings_;
  }

  // What is asked for, or a little more than the training data.
  Area area(const Options& options) const {
    if (data_.train.features() != features()) throw UsageError("a picture needs data of two features");
    Area all{};
    double* const axes[] = {all.x, all.y};
    for (Index i = 0; i < 2; ++i) {
      const char* name = i == 0 ? "x" : "y";
      const auto column = data_.train.inputs.col(i);
      const double low = static_cast<double>(column.minCoeff()), high = static_cast<double>(column.maxCoeff());
      const double margin = std::max(0.1 * (high - low), 1e-6);
      std::vector<double> ends = {low - margin, high + margin};
      if (options.has(name)) ends = options.numbers(name, 2);
      if (!(ends[0] < ends[1])) throw UsageError(text("the area's ", name, ": expected [from, to] with from < to"));
      std::copy(ends.begin(), ends.end(), axes[i]);
    }
    return all;
  }

  // The net on (y, x) of a grid: what it answers, and what each hidden unit says.
  void draw(Index grid, const Area& area, bool units, Answer& answer) {
    Tape<float>& tape = picture_;
    tape.clear();
    const auto along = [grid](const double(&ends)[2], Index i) {
      return static_cast<float>(
          grid == 1 ? ends[0] : ends[0] + (ends[1] - ends[0]) * static_cast<double>(i) / static_cast<double>(grid - 1));
    };
    const Var<float> output = net_.forward(tape.constant({grid * grid, features()},
                                                         [&](MutableMap<float> points) {
                                                           for (Index i = 0; i < grid * grid; ++i) {
                                                             points(i, 0) = along(area.x, i % grid);
                                                             points(i, 1) = along(area.y, i / grid);
                                                             add_plane_features(points.row(i).data());
                                                           }
                                                         }),
                                           Context{});
    Matrix<float> values = output.value();
    if (classifies()) to_probabilities(values);
    answer.json["area"] = {{"x", area.x}, {"y", area.y}};
    answer.json["boundary"] = answer.array(numbers_of(values));
    if (!units) return;
    // A hidden layer's outputs are what the next product takes.
    answer.json["units"] = Json::array();
    std::size_t products = 0;
    for (const Node<float>& node : tape.nodes()) {
      if (node.role != OpRole::product || products++ == 0) continue;
      const Node<float>& hidden = tape.nodes()[node.inputs[0]];
      const Matrix<float> by_unit = value_of(hidden).transpose();
      answer.json["units"].push_back(answer.array(numbers_of(by_unit)));
    }
  }

  Index features() const { return 2 + static_cast<Index>(plane_.size()); }

  // What the data have beside x1 and x2, which are normalized like every column.
  void add_plane_features(float* point) const {
    const std::vector<double>&mean = data_.normalization.mean, &scale = data_.normalization.scale;
    const auto plain = [&](std::size_t i) { return static_cast<double>(point[i]) * scale[i] + mean[i]; };
    for (std::size_t i = 0; i < plane_.size(); ++i) {
      point[i + 2] = static_cast<float>((plane_[i](plain(0), plain(1)) - mean[i + 2]) / scale[i + 2]);
    }
  }

  static void to_probabilities(Matrix<float>& logits) {
    if (logits.cols() == 1) {
      logits = (1 / (1 + (-logits.array()).exp())).matrix();
      return;
    }
    for (Index row = 0; row < logits.rows(); ++row) {
      logits.row(row).array() -= logits.row(row).maxCoeff();
      logits.row(row) = logits.row(row).array().exp().matrix();
      logits.row(row) /= logits.row(row).sum();
    }
  }

  Options options_;
  std::vector<PlaneFeature> plane_;
  TrainingSetup setup_;
  Split<float> data_;
  Sequential<float> net_;
  Trainer<float> trainer_;
  Probe<float> probe_;
  Tape<float> picture_{{.recording = false}};
  std::vector<LinearLayer> linear_;
  std::vector<double> slopes_;  // max|f'| of each hidden layer
  std::vector<LayerRow> rows_;  // of the newest look
  std::vector<float> losses_;
  std::int64_t target_ = 0, epoch_ = 0, kept_ = 0;
  std::string broke_;
  std::size_t judged_ = static_cast<std::size_t>(-1);
  Json findings_ = Json::array();
};

std::map<std::int64_t, std::unique_ptr<Session>>& sessions() {
  static std::map<std::int64_t, std::unique_ptr<Session>> all;
  return all;
}

Session& session_of(const Options& options) {
  const std::int64_t number = options.whole("session", -1, 0, most_steps);
  const auto found = sessions().find(number);
  if (found == sessions().end()) throw UsageError(text("there is no session ", number));
  return *found->second;
}

void start(std::int64_t number, const Options& options, Answer& answer) {
  auto session = std::make_unique<Session>(options);
  answer.json["session"] = number;
  session->describe(answer);
  sessions()[number] = std::move(session);
}

// A wrong formula among several activations: counted in the whole list.
void check_activations(const Options& options) {
  const std::string list = options.text("activation", "relu");
  std::size_t begin = 0;
  for (const std::string& part : split_list(list)) {
    begin = list.find(part, begin);
    try {
      activation(part);
    } catch (const FormulaError& error) {
      throw FormulaError(error.what(), begin + error.at - std::min(begin, list.find_first_not_of(" \t\r\n")));
    }
    begin += part.size();
  }
}

void open(const Options& options, Answer& answer) {
  static std::int64_t opened = 0;
  check_activations(options);
  start(opened, options, answer);
  ++opened;
}

void restart(const Options& options, Answer& answer) {
  Json asked = session_of(options).options().json();
  if (options.has("seed")) asked["seed"] = options.text("seed");
  start(options.whole("session", 0, 0, most_steps), Options(asked), answer);
}

void step(const Options& options, Answer& answer) {
  session_of(options).step(options.whole("steps", 1, 0, most_steps), options.flag("measure"), answer);
}

void look(const Options& options, Answer& answer) { session_of(options).look(options, answer); }

void edit(const Options& options, Answer& answer) {
  session_of(options).edit(options);
  options.require_all_read();
  answer.json = nullptr;
}

void digest(const Options& options, Answer& answer) { answer.json = session_of(options).digest(); }

void weights(const Options& options, Answer& answer) { answer.json = answer.array(session_of(options).weights()); }

void csv(const Options& options, Answer& answer) { answer.json = session_of(options).csv(); }

void close(const Options& options, Answer& answer) {
  session_of(options);
  sessions().erase(options.whole("session", 0, 0, most_steps));
  answer.json = nullptr;
}

}  // namespace

std::span<const Method> session_methods() {
  static constexpr Method all[] = {{"open", open},       {"restart", restart}, {"step", step},
                                   {"look", look},       {"edit", edit},       {"digest", digest},
                                   {"weights", weights}, {"csv", csv},         {"close", close}};
  return all;
}

}  // namespace evengrad::page
