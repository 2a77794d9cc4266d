#include <evengrad/training/health.hpp>

#include <evengrad/core/names.hpp>
#include <evengrad/core/utf8.hpp>
#include <evengrad/init/recommend.hpp>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <utility>

namespace evengrad {

namespace {

using Findings = std::vector<Finding>;

std::string rounded(double number) {
  char digits[32];
  std::snprintf(digits, sizeof digits, "%.3g", number);
  return digits;
}

std::string percent(double share) { return rounded(100 * share) + " %"; }

// "hidden layer 2 (layers.2)"
std::string named(const LayerRow& row) {
  return text(row.hidden != 0 ? text("hidden layer ", row.layer) : std::string("the output layer"), " (", row.name,
              ")");
}

std::size_t layer_count(const TrainingRecord& record) {
  double most = 0;
  for (const LayerRow& row : record.rows) most = std::max(most, row.layer);
  return static_cast<std::size_t>(most);
}

// The probed steps, in order, each with a row a layer.
std::vector<std::span<const LayerRow>> looks(const TrainingRecord& record) {
  std::vector<std::span<const LayerRow>> all;
  const std::size_t layers = layer_count(record);
  const std::span<const LayerRow> rows(record.rows);
  for (std::size_t i = 0; layers > 0 && i + layers <= rows.size(); i += layers) all.push_back(rows.subspan(i, layers));
  return all;
}

// Every layer for which `sick(row)` holds at the newest probed step, with the step since which it has held.
struct Sick {
  const LayerRow* now;
  const LayerRow* first;
};

template <class Rule>
std::vector<Sick> sick_layers(const TrainingRecord& record, Rule sick) {
  const auto all = looks(record);
  std::vector<Sick> found;
  for (std::size_t l = 0; !all.empty() && l < all.back().size(); ++l) {
    if (!sick(all.back()[l])) continue;
    std::size_t since = all.size() - 1;
    while (since > 0 && sick(all[since - 1][l])) --since;
    found.push_back({&all.back()[l], &all[since][l]});
  }
  return found;
}

// " and 3 more layers"
std::string and_more(std::size_t layers) {
  if (layers < 2) return "";
  return text(" and ", layers - 1, layers == 2 ? " more layer" : " more layers");
}

double mean_loss(std::span<const StepReport> steps) {
  double sum = 0;
  for (const StepReport& step : steps) sum += step.loss;
  return sum / static_cast<double>(steps.size());
}

// The mean over the last tenth of the steps, at least 5.
double loss_now(const TrainingRecord& record) {
  if (record.steps.empty()) return record.facts.guess_loss;
  const std::size_t count = std::min(record.steps.size(), std::max<std::size_t>(5, record.steps.size() / 10));
  return mean_loss(std::span(record.steps).last(count));
}

// A net that answers well may have gradients of nearly 0 and weights that stand still.
bool still_learning(const TrainingRecord& record) { return loss_now(record) > 0.1 * record.facts.guess_loss; }

std::string smaller_rate(const TrainingRecord& record, double factor = 10) {
  return "--lr " + rounded(record.facts.learning_rate / factor);
}

// ---- data ---------------------------------------------------------------------------------------------------------

Findings input_scale(const TrainingRecord& record, double threshold) {
  const TrainingFacts& facts = record.facts;
  if (!(facts.input_deviation > threshold)) return {};
  return {{"input_scale", "warning", "inputs", 0,
           text("the inputs are not normalized: ", facts.input_feature, " has standard deviation ",
                rounded(facts.input_deviation), ", so its weights drown out the others; 1 is usual"),
           "--normalize standard"}};
}

Findings input_center(const TrainingRecord& record, double threshold) {
  const TrainingFacts& facts = record.facts;
  if (!(facts.input_center > threshold)) return {};
  return {{"input_center", "warning", "inputs", 0,
           text("the inputs are not centred: ", percent(facts.input_center),
                " of their mean square is the same constant for every sample, so that each unit sees almost the same "
                "sum whatever the sample"),
           "--normalize standard"}};
}

Findings constant_features(const TrainingRecord& record, double threshold) {
  const std::vector<std::string>& names = record.facts.constant_features;
  if (!(static_cast<double>(names.size()) > threshold)) return {};
  constexpr std::size_t shown = 5;
  std::string list, columns;
  for (std::size_t i = 0; i < std::min(names.size(), shown); ++i) {
    list += (i > 0 ? ", " : "") + in_quotes(names[i]);
    columns += (i > 0 ? "," : "") + names[i];
  }
  if (names.size() > shown) list += text(" and ", names.size() - shown, " more");
  return {{"constant_features", "warning", "inputs", 0,
           text(names.size() == 1 ? "a column has" : "columns have",
                " one value in all training rows, from which nothing can be learned: ", list),
           "--exclude " + columns}};
}

Findings target_scale(const TrainingRecord& record, double threshold) {
  const TrainingFacts& facts = record.facts;
  if (!(facts.target_size > threshold)) return {};
  return {{"target_scale", "warning", "targets", 0,
           text("the targets are of size ", rounded(facts.target_size),
                ", and a net starts with outputs of size 1: most steps go into growing to that scale"),
           "--normalize standard"}};
}

Findings labels(const TrainingRecord& record, double threshold) {
  const TrainingFacts& facts = record.facts;
  if (record.epochs.empty() || !record.epochs.back().test) return {};
  const EpochReport& epoch = record.epochs.back();
  const bool learned = epoch.train.loss < 0.97 * facts.guess_loss, fails = epoch.test->loss >= facts.guess_loss;
  if (!learned || !fails) return {};
  std::string chance = text("loss ", rounded(epoch.test->loss), ", guessing has ", rounded(facts.guess_loss));
  if (facts.guess_accuracy && epoch.test->accuracy) {
    const double p = *facts.guess_accuracy;
    const double deviation = std::sqrt(p * (1 - p) / static_cast<double>(facts.test_samples));
    if (*epoch.test->accuracy > p + threshold * deviation || *epoch.train.accuracy < p + 0.1) return {};
    chance = text(percent(*epoch.test->accuracy), " right, always naming the most frequent class has ", percent(p));
  }
  return {{"labels", "warning", "labels", record.steps.back().step,
           text("the net learns its training samples by heart (loss ", rounded(epoch.train.loss),
                ") and knows nothing of others (", chance,
                "): the labels may not belong to their rows, or the inputs say nothing about them"),
           "check that labels stand beside their own rows; with noisy labels --label-smoothing 0.1"}};
}

// ---- initialization -----------------------------------------------------------------------------------------------

std::string better_init(const TrainingRecord& record) {
  const auto& net = record.facts.theory;
  if (!net) return "auto";
  return recommend(net->activation,
                   {.depth = net->depth, .residual = net->residual, .normalized = net->batch_norm || net->layer_norm})
      .init;
}

Findings initial_pairing(const TrainingRecord& record, double threshold) {
  Findings found;
  if (!record.facts.theory) return found;
  const WarningLimits limits{.gradient = threshold, .signal = 10 * threshold};
  const std::vector<std::string>& names = record.facts.layers;
  for (const Warning& warning : warnings(*record.facts.theory, limits)) {
    const auto layer = static_cast<std::size_t>(warning.layer);
    found.push_back({"initial_pairing", "warning", layer > 0 && layer <= names.size() ? names[layer - 1] : "layers", 0,
                     warning.message, "--init " + better_init(record)});
  }
  return found;
}

// The variance of pre-activations among the hidden layers at the first step. At critical points of tanh's class it
// falls as 1 / depth, so that the limit grows with depth.
Findings initial_signal(const TrainingRecord& record, double threshold) {
  const auto all = looks(record);
  if (all.empty() || all.front().front().step != 1) return {};
  if (record.facts.normalized_branches) return {};  // there branches are small on purpose, and that is right
  const LayerRow *least = nullptr, *most = nullptr, *jump = nullptr, *before = nullptr;
  double largest_jump = 1, hidden = 0;
  for (const LayerRow& row : all.front()) {
    const double here = row.pre_activation.deviation;
    if (row.hidden == 0 || here == 0) continue;  // 0: no unit before it is alive, which is another rule's business
    ++hidden;
    if (!least || here < least->pre_activation.deviation) least = &row;
    if (!most || here > most->pre_activation.deviation) most = &row;
    if (!before) before = &row;
    const double change = here / std::exchange(before, &row)->pre_activation.deviation;
    if (const double by = std::max(change, 1 / change); by > largest_jump) {
      largest_jump = by;
      jump = &row;
    }
  }
  if (!jump) return {};
  const double ratio = std::pow(most->pre_activation.deviation / least->pre_activation.deviation, 2);
  if (ratio <= threshold * hidden) return {};
  return {{"initial_signal", "warning", jump->name, 1,
           text("before any training the variance of pre-activations is ",
                rounded(std::pow(least->pre_activation.deviation, 2)), " in ", named(*least), " and ",
                rounded(std::pow(most->pre_activation.deviation, 2)), " in ", named(*most), "; it changes most at ",
                named(*jump), ": the initial weights do not fit the activation"),
           "--init " + better_init(record)}};
}

// ---- settings -----------------------------------------------------------------------------------------------------

Findings weight_decay(const TrainingRecord& record, double threshold) {
  const auto all = looks(record);
  if (record.facts.weight_decay <= 0 || all.size() < 2 || loss_now(record) <= 0.5 * record.facts.guess_loss) return {};
  const auto shrunk = [&](const LayerRow& row) {
    return row.weight.rms < threshold * all.front()[static_cast<std::size_t>(row.layer) - 1].weight.rms;
  };
  const std::vector<Sick> sick = sick_layers(record, shrunk);
  if (sick.empty()) return {};
  const LayerRow& row = *sick.front().now;
  return {{"weight_decay", "warning", row.name, sick.front().first->step,
           text("weight decay ", rounded(record.facts.weight_decay),
                " pulls the weights to 0 faster than the data can "
                "hold them: in ",
                named(row), and_more(sick.size()), " their rms fell to ",
                percent(row.weight.rms / all.front()[static_cast<std::size_t>(row.layer) - 1].weight.rms),
                " of where it started, and the loss is still ", rounded(loss_now(record))),
           "--weight-decay " + rounded(record.facts.weight_decay / 100)}};
}

// Where, and after what, a loss rises far above both its start and guessing.
Findings learning_rate(const TrainingRecord& record, double threshold) {
  constexpr std::size_t window = 3;
  const std::vector<StepReport>& steps = record.steps;
  if (steps.size() < window) return {};
  const double start = std::max(steps.front().loss, record.facts.guess_loss);
  for (std::size_t i = window; i <= steps.size(); ++i) {
    const std::span<const StepReport> three = std::span(steps).subspan(i - window, window);
    const double loss = mean_loss(three);
    if (!(loss > threshold * start)) continue;
    const LayerRow* most = nullptr;  // the layer that was moved most, up to then
    for (const LayerRow& row : record.rows) {
      const bool counts = std::isfinite(row.update_ratio) && row.step <= three.back().step;
      if (counts && (!most || row.update_ratio > most->update_ratio)) most = &row;
    }
    std::int64_t since = three.back().step;
    for (const StepReport& step : three) {
      if (step.loss > threshold * start) {
        since = step.step;
        break;
      }
    }
    return {{"learning_rate", "warning", most ? most->name : "loss", since,
             text("the learning rate ", rounded(record.facts.learning_rate), " is too large: the loss rose to ",
                  rounded(loss), " from ", rounded(steps.front().loss),
                  most ? text("; at step ", most->step, " one update was ", rounded(most->update_ratio),
                              " times the weights of ", named(*most))
                       : "",
                  ", about 0.001 is usual"),
             text(smaller_rate(record), record.facts.warmup_steps > 0 ? "" : ", or --warmup-steps 100",
                  record.facts.clips ? "" : ", or --clip-norm 1")}};
  }
  return {};
}

Findings update_ratio(const TrainingRecord& record, double threshold) {
  for (const LayerRow& row : record.rows) {
    if (!std::isfinite(row.update_ratio) || row.update_ratio <= threshold) continue;
    return {{"update_ratio", "warning", row.name, row.step,
             text("one update was ", rounded(row.update_ratio), " times as large as the weights of ", named(row),
                  ": nothing of what they were is left; about 0.001 is usual"),
             text(smaller_rate(record), record.facts.clips ? "" : ", or --clip-norm 1")}};
  }
  return {};
}

// ---- what it comes to ---------------------------------------------------------------------------------------------

Findings non_finite(const TrainingRecord& record, double) {
  if (!record.broke) return {};
  const NonFinitePlace& place = *record.broke;
  const LayerRow* most = nullptr;
  for (const LayerRow& row : record.rows) {
    if (std::isfinite(row.update_ratio) && (!most || row.update_ratio > most->update_ratio)) most = &row;
  }
  if (place.layer == "inputs" || place.layer == "targets") {
    return {
        {"non_finite", "critical", place.layer, place.step,
         text("a NaN or infinity stands in the ", place.layer, " of the batch of step ", place.step, " (op ", place.op,
              ", ", place.direction, "), before any computation: it is in the data, or came of scaling them"),
         "check the data for missing and huge values"}};
  }
  const bool early = record.steps.empty();
  std::string before;
  if (place.largest_before > 0)
    before += text("; the largest number that went into it was ", rounded(place.largest_before));
  if (!early) before += text("; the loss before was ", rounded(record.steps.back().loss));
  const std::string cause = early
                                ? "; no update came before it, so that the initial weights or the inputs are to blame"
                                : text("; the likely cause is the learning rate ", rounded(record.facts.learning_rate),
                                       most ? text(", at which one update was ", rounded(most->update_ratio),
                                                   " times the weights of ", named(*most))
                                            : "");
  return {{"non_finite", "critical", place.layer.empty() ? "loss" : place.layer, place.step,
           text("a NaN or infinity in the ", place.direction, " pass of step ", place.step,
                place.layer.empty() ? "" : ", layer " + place.layer, place.op.empty() ? "" : ", op " + place.op, before,
                cause),
           early ? "--init " + better_init(record)
                 : text(smaller_rate(record), record.facts.clips ? "" : ", or --clip-norm 1")}};
}

Findings silent_units(const TrainingRecord& record, double threshold) {
  const std::vector<Sick> sick =
      sick_layers(record, [&](const LayerRow& row) { return row.hidden != 0 && row.inactive > threshold; });
  if (sick.empty()) return {};
  const LayerRow &row = *sick.front().now, &first = *sick.front().first;
  const double drift = row.inactive_bias - row.inactive_bias_start;
  std::string cause, remedy;
  if (first.step == 1 && row.inactive_bias_start < 0) {
    cause = text("their biases started at ", rounded(row.inactive_bias_start), ", below what their inputs can lift");
    remedy = "--init auto";
  } else if (first.step == 1) {
    cause = "they were so before training: the initial weights leave them nothing but negative inputs";
    remedy = "--init auto";
  } else if (drift < 0 && -drift > 0.5 * row.pre_activation.deviation) {
    cause = text("their biases drifted from ", rounded(row.inactive_bias_start), " to ", rounded(row.inactive_bias));
    remedy = smaller_rate(record);
  } else {
    cause = "updates turned their weights away from every input: a step was too large";
    remedy = smaller_rate(record);
  }
  return {{"silent_units", "warning", row.name, first.step,
           text(percent(row.inactive), " of the units of ", named(row), and_more(sick.size()),
                " are 0 for at least 99 % of the inputs (", percent(row.silent),
                " silent for all of them) and hardly learn any more; ", cause),
           remedy + ", or --reinit-dead, or --activation leaky_relu"}};
}

Findings saturated_units(const TrainingRecord& record, double threshold) {
  // What is exactly 0 is silent_units' business: half of a healthy ReLU's answers are.
  const auto flat = [](const LayerRow& row) { return std::max(row.saturated - row.silent, row.flat); };
  const std::vector<Sick> sick =
      sick_layers(record, [&](const LayerRow& row) { return row.hidden != 0 && flat(row) > threshold; });
  if (sick.empty()) return {};
  const LayerRow& row = *sick.front().now;
  const bool early = sick.front().first->step == 1;
  return {{"saturated_units", "warning", row.name, sick.front().first->step,
           text(named(row), and_more(sick.size()), early ? " starts" : " ended up",
                " on the flat parts of its activation: for ", percent(flat(row)),
                " of inputs and units the slope is below 0.001 of its largest; pre-activations reach ",
                rounded(std::max(std::abs(row.pre_activation.min), std::abs(row.pre_activation.max))),
                early ? ", since the initial weights or the inputs are too large" : ", since a step was too large"),
           early ? "--init auto, or --norm layer" : smaller_rate(record) + ", or --norm layer"}};
}

Findings dormant_units(const TrainingRecord& record, double threshold) {
  const std::vector<Sick> sick =
      sick_layers(record, [&](const LayerRow& row) { return row.hidden != 0 && row.dormant - row.silent > threshold; });
  if (sick.empty()) return {};
  const LayerRow& row = *sick.front().now;
  return {{"dormant_units", "warning", row.name, sick.front().first->step,
           text(percent(row.dormant), " of the units of ", named(row), and_more(sick.size()),
                " answer with less than 2.5 % of their layer's mean: a few units do the work of all"),
           text(smaller_rate(record), ", or --norm layer")}};
}

Findings exploding_gradient(const TrainingRecord& record, double threshold) {
  for (const auto& look : looks(record)) {
    const LayerRow *first = nullptr, *last = nullptr;
    for (const LayerRow& row : look) {
      if (row.hidden == 0) continue;
      if (!first) first = &row;
      last = &row;
    }
    if (!first || first == last) continue;
    const double ratio = first->pre_activation_gradient.rms / last->pre_activation_gradient.rms;
    if (!(ratio > threshold) || !std::isfinite(ratio)) continue;
    return {{"exploding_gradient", "warning", first->name, first->step,
             text("on its way back from ", named(*last), " to ", named(*first), " the gradient grows ", rounded(ratio),
                  " times: early layers are moved far more than late ones"),
             text("--init auto", record.facts.clips ? "" : ", or --clip-norm 1")}};
  }
  return {};
}

Findings vanishing_gradient(const TrainingRecord& record, double threshold) {
  if (!still_learning(record)) return {};
  const std::vector<Sick> sick =
      sick_layers(record, [&](const LayerRow& row) { return row.weight_gradient.magnitude < threshold; });
  if (sick.empty()) return {};
  const LayerRow& row = *sick.front().now;
  return {{"vanishing_gradient", "warning", row.name, sick.front().first->step,
           text("hardly any gradient reaches ", named(row), and_more(sick.size()), ": its mean size is ",
                rounded(row.weight_gradient.magnitude), " while the loss is still ", rounded(loss_now(record)),
                ", so that these weights do not learn"),
           "--init auto, or --residual, or --norm batch"}};
}

Findings frozen_weights(const TrainingRecord& record, double threshold) {
  if (!still_learning(record)) return {};
  // Without a gradient it is not the rate that is too small, and at the end of a schedule it may be: only what stands
  // still from the first step on is frozen, so a resumed run cannot say.
  const std::vector<Sick> sick = sick_layers(
      record, [&](const LayerRow& row) { return row.update_ratio < threshold && row.weight_gradient.magnitude > 0; });
  if (sick.empty() || sick.front().first->step != 1) return {};
  const LayerRow& row = *sick.front().now;
  return {{"frozen_weights", "warning", row.name, sick.front().first->step,
           text("the weights of ", named(row), and_more(sick.size()), " stand still: one update is ",
                rounded(row.update_ratio), " of them while the loss is still ", rounded(loss_now(record)),
                "; the learning rate is ", rounded(record.facts.learning_rate)),
           "--lr " + rounded(10 * record.facts.learning_rate)}};
}

Findings nothing_learned(const TrainingRecord& record, double threshold) {
  constexpr std::size_t fewest = 50;  // steps before anything can be said
  if (record.steps.size() < fewest || !(loss_now(record) >= threshold * record.facts.guess_loss)) return {};
  return {
      {"nothing_learned", "warning", "loss", record.steps.back().step,
       text("after ", record.steps.size(), " steps the loss is ", rounded(loss_now(record)),
            ", no better than guessing without a look at the inputs (", rounded(record.facts.guess_loss),
            "), and nothing else is wrong: the rate is too small, the net too narrow, or the labels do not belong to "
            "their rows"),
       "--lr " + rounded(10 * record.facts.learning_rate)}};
}

// Far from guessing it may be all that the data allow; close to it something holds the net back.
Findings plateau(const TrainingRecord& record, double threshold) {
  constexpr std::size_t fewest = 1000;  // a short run may be on its way: spirals stand still for 600 steps
  constexpr double close = 0.8, fall = 0.02;
  if (record.steps.size() < fewest) return {};
  const std::size_t quarter = record.steps.size() / 4;
  const std::span<const StepReport> steps(record.steps);
  const double now = mean_loss(steps.last(quarter)), before = mean_loss(steps.last(2 * quarter).first(quarter));
  const double guess = record.facts.guess_loss;
  if (!(now > close * guess && now < threshold * guess && before - now < fall * before)) return {};
  const std::int64_t since = steps.last(2 * quarter).front().step;
  return {
      {"plateau", "warning", "loss", since,
       text("the loss has stood at ", rounded(now), " since step ", since, ", ", percent(now / guess), " of guessing (",
            rounded(guess), "): the net has found a simple answer and does not leave it"),
       text(record.facts.optimizer == "sgd" ? "--optimizer adam" : "--lr " + rounded(3 * record.facts.learning_rate),
            ", or --activation gelu")}};
}

}  // namespace

const std::vector<HealthRule>& health_rules() {
  static const std::string debugger = "Amazon SageMaker Debugger, rule ";
  static const std::vector<HealthRule> rules = {
      {"input_scale", "a feature's standard deviation is above T", 10,
       "LeCun et al. 1998, Efficient BackProp, section "
       "4.3 (scale inputs to equal variance); the number is ours",
       "--normalize standard", input_scale},
      {"input_center", "more than T of the inputs' mean square is the square of their mean", 0.9,
       "LeCun et al. 1998, Efficient BackProp, section 4.3 (centre inputs); the number is ours", "--normalize standard",
       input_center},
      {"constant_features", "more than T columns of a table have one value in all training rows", 0, "ours",
       "--exclude COLUMN", constant_features},
      {"target_scale", "the root mean square of a regression's targets, as the net sees them, is above T", 10, "ours",
       "--normalize standard", target_scale},
      {"labels",
       "training samples are learned by heart (accuracy 0.1 above the most frequent class, or a loss below "
       "guessing), and test accuracy is within T standard deviations of the most frequent class",
       2,
       "ours; Zhang et al. 2017, Understanding deep learning requires rethinking generalization (nets fit random "
       "labels)",
       "check the data", labels},
      {"initial_pairing",
       "theory expects the gradient to change by more than T over the net, or the signal by more "
       "than 10 T",
       100, "init/recommend.hpp, docs/theory.md", "--init auto", initial_pairing},
      {"initial_signal",
       "at step 1 variances of pre-activations differ by more than T times the number of hidden "
       "layers",
       10,
       debugger + "PoorWeightInitialization (threshold 10); times depth since at a critical point it may "
                  "fall as 1/depth (Roberts et al. 2022)",
       "--init auto", initial_signal},
      {"weight_decay", "decayed weights fell below T of their start while the loss is above half of guessing", 0.5,
       "ours", "--weight-decay", weight_decay},
      {"non_finite", "a NaN or an infinity ended the run", 0, "Wardat et al. 2021, DeepLocalize", "--lr, --clip-norm",
       non_finite},
      {"learning_rate", "the mean loss of 3 steps is above T times the first and T times guessing", 3, "ours",
       "--lr, --warmup-steps, --clip-norm", learning_rate},
      {"update_ratio", "rms of one update over rms of the weights is above T", 10,
       debugger + "WeightUpdateRatio (large_threshold 10)", "--lr, --clip-norm", update_ratio},
      {"silent_units", "more than T of a layer's units are 0 for at least 99 % of the inputs", 0.5,
       debugger + "DeadRelu (threshold_inactivity 1 %, threshold_layer 50 %)",
       "--init, --lr, --reinit-dead, --activation leaky_relu", silent_units},
      {"saturated_units",
       "for more than T of inputs and units, or of units for all inputs, the slope is below 0.001 of its largest and "
       "the activation is not 0",
       0.5, debugger + "SaturatedActivation (threshold_layer 50 %; tanh beyond 9.5 there)",
       "--init, --norm layer, --lr", saturated_units},
      {"dormant_units",
       "more than T of a layer's units, silent ones apart, have activations of a mean size below 0.025 of the layer's",
       0.5, "Sokar et al. 2023, The dormant neuron phenomenon (0.025); the share is ours", "--lr, --norm layer",
       dormant_units},
      {"exploding_gradient",
       "rms gradient of the first hidden layer's pre-activations is more than T times that of the "
       "last's",
       100, "as initial_pairing, measured", "--init auto, --clip-norm", exploding_gradient},
      {"vanishing_gradient",
       "the mean size of a layer's weight gradient is below T while the loss is above a tenth of guessing", 1e-7,
       debugger + "VanishingGradient (threshold 1e-7)", "--init auto, --residual, --norm batch", vanishing_gradient},
      {"frozen_weights",
       "rms of one update over rms of the weights is below T while the loss is above a tenth of guessing, at every "
       "look",
       1e-8, debugger + "WeightUpdateRatio (small_threshold 1e-8)", "--lr", frozen_weights},
      {"nothing_learned", "after 50 steps or more the loss is above T of guessing, and no other rule says why", 0.99,
       "ours", "--lr", nothing_learned},
      {"plateau",
       "after 1,000 steps or more the loss of the last quarter is between 0.8 and T of guessing and less than 2 % "
       "below "
       "that of the quarter before, and no other rule says why",
       0.99, "ours", "--optimizer adam, --lr, --activation gelu", plateau},
  };
  return rules;
}

std::vector<Finding> findings(const TrainingRecord& record, const Thresholds& thresholds) {
  for (const auto& [name, value] : thresholds) parse_threshold(text(name, "=", value));
  std::vector<Finding> all;
  for (const HealthRule& rule : health_rules()) {
    // What was found is why.
    if ((rule.check == nothing_learned || rule.check == plateau) && !all.empty()) continue;
    const auto own = thresholds.find(rule.name);
    for (Finding& finding : rule.check(record, own == thresholds.end() ? rule.threshold : own->second)) {
      all.push_back(std::move(finding));
    }
  }
  return all;
}

std::pair<std::string, double> parse_threshold(std::string_view given) {
  const auto equals = given.find('=');
  const std::string name(given.substr(0, equals));
  std::vector<std::string> known;
  for (const HealthRule& rule : health_rules()) known.push_back(rule.name);
  if (std::find(known.begin(), known.end(), name) == known.end()) throw UsageError(unknown_name("rule", name, known));
  if (equals == given.npos) throw UsageError(text("a threshold is written rule=value, got ", given));
  const double value = parse_number("--threshold " + name, std::string(given.substr(equals + 1)));
  if (value < 0) throw UsageError(text("--threshold ", name, " must not be negative, got ", value));
  return {name, value};
}

}  // namespace evengrad
