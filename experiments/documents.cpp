#include <evengrad/experiments/documents.hpp>

#include <evengrad/core/error.hpp>
#include <evengrad/core/numbers.hpp>
#include <evengrad/data/registry.hpp>
#include <evengrad/init/initializer.hpp>
#include <evengrad/layers/losses.hpp>
#include <evengrad/layers/presets.hpp>
#include <evengrad/layers/registry.hpp>
#include <evengrad/optim/optimizer.hpp>
#include <evengrad/optim/schedule.hpp>
#include <evengrad/training/health.hpp>
#include <evengrad/training/setup.hpp>

#include <nlohmann/json.hpp>

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace evengrad {

namespace {

using Json = nlohmann::ordered_json;

std::string dump(const Json& document) { return document.dump(-1, ' ', false, Json::error_handler_t::replace); }

Json or_null(const std::optional<double>& value) { return value ? Json(*value) : Json(nullptr); }

Json or_null(const std::optional<Extremum>& extremum) {
  return extremum ? Json{{"at", extremum->at}, {"value", extremum->value}} : Json(nullptr);
}

std::optional<Repair> repair_of(const Activation& f) {
  try {
    return repair(f);
  } catch (const UsageError&) {
    return std::nullopt;
  }
}

template <class Info>
Json list_of(const std::vector<Info>& infos, Json (*row)(const Info&)) {
  Json list = Json::array();
  for (const Info& info : infos) list.push_back(row(info));
  return list;
}

Json row(const ActivationEntry& entry) {
  Json parameters = Json::array();
  for (const ActivationParameter& p : entry.parameters) {
    parameters.push_back({{"name", p.name}, {"value", p.value}, {"lowest", p.lowest}, {"highest", p.highest}});
  }
  return {{"name", entry.name},
          {"aliases", entry.aliases},
          {"formula", entry.info.formula},
          {"derivative", entry.info.derivative},
          {"range", entry.info.range},
          {"year", entry.info.year},
          {"source", entry.info.source},
          {"uses", entry.info.uses},
          {"notes", entry.info.notes},
          {"learned", entry.learned},
          {"parameters", std::move(parameters)}};
}

Json row(const InitializerInfo& info) {
  return {{"name", info.name}, {"aliases", info.aliases}, {"formula", info.formula}, {"source", info.source}};
}

Json row(const OptimizerInfo& info) {
  return {
      {"name", info.name}, {"formula", info.formula}, {"learning_rate", info.learning_rate}, {"source", info.source}};
}

Json row(const ScheduleInfo& info) { return {{"name", info.name}, {"formula", info.formula}}; }

Json row(const LossInfo& info) { return {{"name", info.name}, {"formula", info.formula}, {"task", info.task}}; }

// Generators also say what they draw.
Json row(const DatasetInfo& info) {
  Json row{{"name", info.name}, {"description", info.description}};
  if (const auto* generator = std::get_if<Generator>(&info.source)) {
    constexpr Index few = 8;  // samples show the shape
    const Dataset<double> shape = generator->draw(few, generator->noise, Rng(1));
    row["samples"] = generator->samples;
    row["noise"] = generator->noise;
    row["features"] = shape.features();
    row["classes"] = shape.task == Task::classification ? Json(shape.classes) : Json(nullptr);
  }
  return row;
}

Json row(const LayerWord<float>& word) {
  const std::string call = word.arguments.empty() ? word.name : text(word.name, "(", word.arguments, ")");
  return {{"name", word.name}, {"call", call}, {"help", word.help}};
}

Json row(const Preset& preset) {
  return {{"name", preset.name}, {"call", preset.call()}, {"help", preset.help}, {"line", default_line(preset)}};
}

Json row(const OptionEntry& option) {
  return {{"name", option.name}, {"group", option.group},       {"help", option.help},
          {"type", option.type}, {"default", option.otherwise}, {"choices", option.choices}};
}

Json row(const HealthRule& rule) {
  return {{"name", rule.name},
          {"sees", rule.sees},
          {"threshold", rule.threshold},
          {"source", rule.source},
          {"try", rule.cure}};
}

// "q", "q_low", "q_high".
void add_measured(Json& row, const std::string& name, const Measured& m) {
  row[name] = m.value;
  row[name + "_low"] = m.low;
  row[name + "_high"] = m.high;
}

// "q_theory" and, where a band is known, "q_theory_low", "q_theory_high".
void add_theory_value(Json& row, const std::string& name, const Prediction& p) {
  row[name + "_theory"] = p.value;
  if (p.low && p.high) {
    row[name + "_theory_low"] = *p.low;
    row[name + "_theory_high"] = *p.high;
  }
}

}  // namespace

std::string lists_json() {
  return dump({{"activations", list_of<ActivationEntry>(activations(), row)},
               {"initializers", list_of<InitializerInfo>(initializers(), row)},
               {"optimizers", list_of<OptimizerInfo>(optimizers(), row)},
               {"schedules", list_of<ScheduleInfo>(schedules(), row)},
               {"losses", list_of<LossInfo>(losses(), row)},
               {"datasets", list_of<DatasetInfo>(datasets(), row)},
               {"rules", list_of<HealthRule>(health_rules(), row)},
               {"layers", list_of<LayerWord<float>>(layer_words<float>(), row)},
               {"nets", list_of<Preset>(presets(), row)},
               {"options", list_of<OptionEntry>(option_list<TrainingSetup>(), row)}});
}

ActivationTheory theory_of(std::string_view given) {
  const Activation f = activation(given);
  const auto named = named_activation(given);
  return {f,
          named,
          named ? formula_text(named->entry->info.formula, *named) : f.name(),
          moments(f),
          gains(f),
          extrema(f),
          critical_point(f),
          {{{1, 0}, regime(f, {1, 0})}, {{2, 0}, regime(f, {2, 0})}},
          repair_of(f),
          recommend(f)};
}

std::string theory_json(std::string_view given) {
  const auto [f, named, formula, m, g, e, critical, regimes, repaired, recommended] = theory_of(given);
  Json document;
  document["activation"] = f.name();
  document["formula"] = formula;
  document["moments"] = {
      {"mean", m.mean}, {"second", m.second}, {"variance", m.variance}, {"derivative_second", m.derivative_second}};
  document["gains"] = {{"second_moment", or_null(g.second_moment)},
                       {"fixed_point", or_null(g.fixed_point)},
                       {"unit_variance", or_null(g.unit_variance)},
                       {"backward", or_null(g.backward)},
                       {"pytorch", or_null(g.pytorch)}};
  document["extrema"] = {{"value_min", or_null(e.value_min)},
                         {"value_max", or_null(e.value_max)},
                         {"derivative_min", or_null(e.derivative_min)},
                         {"derivative_max", or_null(e.derivative_max)}};
  document["critical"] = nullptr;
  if (critical) {
    document["critical"] = {{"sigma_w2", critical->scales.weight},
                            {"sigma_b2", critical->scales.bias},
                            {"q_star", or_null(critical->q)},
                            {"class", to_string(critical->kind)}};
  }
  document["regimes"] = Json::array();
  for (const auto& [scales, r] : regimes) {
    document["regimes"].push_back({{"sigma_w2", scales.weight},
                                   {"sigma_b2", scales.bias},
                                   {"phase", to_string(r.phase)},
                                   {"q", r.point.q},
                                   {"chi_par", r.point.chi_parallel},
                                   {"chi1", r.point.chi1},
                                   {"correlation", r.correlation},
                                   {"correlation_depth", r.correlation_depth},
                                   {"text", describe(r)}});
  }
  document["normalized"] = nullptr;
  if (repaired) document["normalized"] = {{"a", repaired->a}, {"b", repaired->b}, {"chi_par", repaired->chi_parallel}};
  document["recommended"] = {{"init", recommended.init}, {"reason", recommended.reason}};
  document["notes"] = Json::array();
  for (const auto& [name, value] : {std::pair("E[f]", m.mean), std::pair("E[f^2]", m.second),
                                    std::pair("Var f", m.variance), std::pair("E[f'^2]", m.derivative_second)}) {
    if (!std::isfinite(value)) document["notes"].push_back(text(name, " at N(0, 1) is ", rounded_text(value, 4)));
  }
  return dump(document);
}

std::vector<std::string> propagation_notes(const NetOptions& net, const Propagation& measured,
                                           const NetTheory& expected) {
  std::vector<std::string> notes;
  // The first layer, from 1, of which this holds, or 0.
  const auto first = [](const auto& layers, auto&& holds) {
    const auto found = std::find_if(layers.begin(), layers.end(), holds);
    return found == layers.end() ? 0 : found - layers.begin() + 1;
  };
  if (const auto l = first(measured.layers, [](const LayerMeasurement& m) { return m.dead_nets > 0; })) {
    const double share = measured.layers.back().dead_nets;
    notes.push_back(text("dead nets: from layer ", l,
                         " on all pre-activations of some nets are 0, at the end those of ",
                         std::lround(share * static_cast<double>(net.nets)), " of ", net.nets,
                         "; they count in mean squares and zeros, not in correlations"));
  }
  if (measured.blocked_nets > 0) {
    notes.push_back(text("in ", std::lround(measured.blocked_nets * static_cast<double>(net.nets)), " of ", net.nets,
                         " nets no gradient reaches layer 1; gradients are those of the other nets"));
  }
  if (const auto l = first(measured.layers, [](const LayerMeasurement& m) { return !std::isfinite(m.q.value); })) {
    notes.push_back(text("measured: pre-activations overflow from layer ", l, " on"));
  } else if (!std::isfinite(measured.gradient_ratio.value)) {
    notes.push_back("measured: gradients overflow");
  }
  if (const auto l = first(expected.layers, [](const LayerTheory& t) { return !std::isfinite(t.q.value); })) {
    const double q = expected.layers[static_cast<std::size_t>(l - 1)].q.value;
    notes.push_back(std::isnan(q) ? text("theory: unknown from layer ", l, " on, ",
                                         l == 1 ? "since weights are not random or moments do not exist"
                                                : "since moments do not exist or cannot be resolved")
                                  : text("theory: the mean square is infinite or beyond double from layer ", l, " on"));
  } else if (const auto zero = first(expected.layers, [](const LayerTheory& t) { return t.q.value == 0; })) {
    notes.push_back(
        text("theory: the signal is 0, or below double, from layer ", zero, " on: there are no correlations"));
  } else if (!std::isfinite(expected.gradient_ratio.value)) {
    notes.push_back(net.batch_norm && net.inputs < 4 ? "theory: unknown behind the normalization of a batch below 4"
                                                     : "theory: the gradient is unknown or beyond double");
  } else if (const auto at =
                 first(expected.layers, [](const LayerTheory& x) { return !std::isfinite(x.correlation.value); });
             at > 0 && net.inputs > 1) {
    notes.push_back(text("theory: correlations cannot be resolved from layer ", at, " on"));
  }
  if (net.inputs == 1) notes.push_back("one input has no correlation");
  if (net.nets == 1) notes.push_back("one net gives no interval");
  return notes;
}

std::string propagation_json(const NetOptions& net, const Propagation& measured, const NetTheory& expected,
                             std::uint64_t seed) {
  Json document;
  document["activation"] = net.activation.name();
  document["init"] = net.initializer.name();
  document["width"] = net.width;
  document["depth"] = net.depth;
  document["nets"] = net.nets;
  document["inputs"] = net.inputs;
  document["seed"] = seed;
  document["layers"] = Json::array();
  for (std::size_t l = 0; l < measured.layers.size(); ++l) {
    const LayerMeasurement& m = measured.layers[l];
    const LayerTheory& t = expected.layers[l];
    Json row{{"layer", l + 1}};
    add_measured(row, "q", m.q);
    add_theory_value(row, "q", t.q);
    add_measured(row, "activation_mean", m.activation_mean);
    row["activation_mean_theory"] = t.activation_mean;
    add_measured(row, "activation_second_moment", m.activation_second_moment);
    row["activation_second_moment_theory"] = t.activation_second;
    add_measured(row, "gradient_rms", m.gradient);
    add_theory_value(row, "gradient_rms", t.gradient);
    add_measured(row, "correlation", m.correlation);
    add_theory_value(row, "correlation", t.correlation);
    add_measured(row, "zero_fraction", m.zero_fraction);
    row["zero_fraction_theory"] = t.zero_fraction;
    add_measured(row, "saturated_fraction", m.saturated_fraction);
    add_measured(row, "silent_fraction", m.silent_fraction);
    row["silent_fraction_theory"] = t.silent_fraction;
    row["dead_nets"] = m.dead_nets;
    document["layers"].push_back(row);
  }
  add_measured(document, "gradient_ratio", measured.gradient_ratio);
  add_theory_value(document, "gradient_ratio", expected.gradient_ratio);
  document["blocked_nets"] = measured.blocked_nets;
  document["notes"] = propagation_notes(net, measured, expected);
  return dump(document);
}

std::string gradient_conclusion(double ratio) {
  if (ratio == 0) return "no gradient reaches layer 1: this net cannot train";
  if (!std::isfinite(ratio)) return "signal or gradient overflow on the way: this net cannot train";
  char digits[32];
  std::snprintf(digits, sizeof digits, "%.2g", ratio);
  const std::string reach = text("gradients reach layer 1 at ", digits, " of their size");
  if (ratio < 1e-4) return reach + ": this net will not train with SGD";
  if (ratio < 0.1) return reach + ": the first layers will learn slowly with SGD";
  if (ratio > 1e4) return reach + ": they explode, this net needs a tiny rate or clipping";
  if (ratio > 10) return reach + ": they grow on the way, watch the learning rate";
  return reach + ": they stay even from the last layer to the first";
}

}  // namespace evengrad
