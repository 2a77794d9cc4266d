#include <evengrad/experiments/comparison.hpp>

#include <evengrad/activations/registry.hpp>
#include <evengrad/core/error.hpp>
#include <evengrad/init/net_theory.hpp>
#include <evengrad/training/propagation.hpp>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>

namespace evengrad {

namespace {

constexpr int selection_seeds = 2;
constexpr Index probe_inputs = 512;
constexpr double sure = 0.8;  // a forecast beyond this, or below 1 less it, is one that can be wrong

// The logistic curve of forecast().
constexpr double even_chance_at = 7.25;  // decades of the gradient
constexpr double steepness = 0.6;        // a decade

// Hidden units that are exactly 0 for every one of these inputs.
double silent_share(Mlp<float>& net, const Matrix<float>& inputs) {
  Tape<float> tape({.recording = false});
  net.forward(tape.constant(inputs), {});
  Index silent = 0, units = 0;
  std::uint32_t number = 0;
  for (const Node<float>& node : tape.nodes()) {
    const bool hidden = node.op == Affine<float>::name && ++number < net.options().hidden.size() + 1;
    if (!hidden) continue;
    const ConstMap<float> value = value_of(node);
    silent += (value.array() == 0).colwise().all().count();
    units += node.shape.cols;
  }
  return units > 0 ? static_cast<double>(silent) / static_cast<double>(units) : 0;
}

NetOptions net_options(const Pairing& pairing) {
  NetOptions net{.activation = activation(pairing.activation), .initializer = initializer(pairing.initializer)};
  net.depth = pairing.depth;
  net.width = pairing.width;
  return net;
}

void require(const ComparisonOptions& options, const Split<float>& data) {
  const auto some = [](const char* what, std::size_t count) {
    if (count == 0) throw UsageError(text("compare needs at least one of ", what));
  };
  some("activations", options.activations.size());
  some("inits", options.initializers.size());
  some("depths", options.depths.size());
  some("widths", options.widths.size());
  some("lrs", options.rates.size());
  constexpr Index most = 10000;
  for (const auto& [what, list] : {std::pair{"depth", &options.depths}, {"width", &options.widths}}) {
    for (const Index n : *list) {
      if (n < 1 || n > most) throw UsageError(text("a ", what, " must be from 1 to ", most, ", got ", n));
    }
  }
  for (const double rate : options.rates) {
    if (!(rate > 0) || !std::isfinite(rate)) throw UsageError(text("a rate must be positive and finite, got ", rate));
  }
  if (options.seeds < 1) throw UsageError(text("seeds must be at least 1, got ", options.seeds));
  if (data.test.size() == 0) throw UsageError("compare needs test data: give a test fraction above 0");
}

std::vector<ComparisonCell> cells_of(const ComparisonOptions& options) {
  std::vector<ComparisonCell> cells;
  for (const Index depth : options.depths) {
    for (const Index width : options.widths) {
      for (const std::string& f : options.activations) {
        for (const std::string& init : options.initializers) {
          ComparisonCell& cell = cells.emplace_back();
          cell.pairing = {activation(f).name(), initializer(init).name(), depth, width, options.rates};
          try {
            net_options(cell.pairing).draws();  // an initializer may refuse an activation
          } catch (const UsageError& error) {
            cell.refused = error.what();
          }
        }
      }
    }
  }
  return cells;
}

// From 1, the largest probability first; of equal ones the mean.
void add_ranks(std::vector<Forecast>& forecasts) {
  for (Forecast& f : forecasts) {
    double before = 0, equal = 0;
    for (const Forecast& other : forecasts) {
      before += other.probability > f.probability;
      equal += other.probability == f.probability;
    }
    f.rank = before + (equal + 1) / 2;
  }
}

Strata metrics_of(const std::vector<const ComparisonCell*>& cells) {
  Strata strata;
  for (const ComparisonCell* cell : cells) {
    std::vector<double>& metrics = strata.emplace_back();
    for (const ComparisonRecord& record : cell->records) metrics.push_back(record.metric);
  }
  return strata;
}

std::string percent(double share) { return in_words(100 * share, 3) + " %"; }

std::string metric_words(const Comparison& c, const Measurement& m) {
  if (!c.larger_is_better) return in_words(m);
  if (!std::isfinite(*m.low) || !std::isfinite(*m.high)) return percent(m.value);
  if (*m.low == *m.high) return percent(m.value) + " with every seed";
  return text(percent(m.value), " [", percent(*m.low), ", ", percent(*m.high), "]");
}

std::string name_of(const ComparedPairing& p) { return p.activation + " with " + p.initializer; }

// Which to use, how sure that is, or that it is a tie; nothing that the numbers do not carry.
std::string conclude(const Comparison& c, int seeds) {
  if (c.pairings.empty()) return "No pairing could be built: nothing was compared.";
  if (!any_trained(c)) return "Every net diverged: nothing was compared; give smaller rates.";
  const ComparedPairing& best = c.pairings.front();
  const std::string metric = c.larger_is_better ? "test accuracy" : "test loss";
  const std::string result = text(metric, " ", metric_words(c, best.metric));
  if (c.pairings.size() == 1) {
    return text("Only ", name_of(best), " was compared: ", result,
                seeds < 2 ? "; one seed gives no interval, --seeds 5 does." : ".");
  }
  if (seeds < 2)
    return text("Undecided: one seed says nothing of the spread; ", name_of(best), " came first with ", result, ".");
  std::vector<std::string> tied;
  double closest = 1;  // the probability of improvement over the best of the worse ones
  for (const ComparedPairing& p : c.pairings) {
    if (&p == &best) continue;
    if (p.worse) {
      closest = std::min(closest, p.best_is_better.value);
    } else {
      tied.push_back(name_of(p));
    }
  }
  const std::size_t others = c.pairings.size() - 1;
  if (tied.empty()) {
    return text("Use ", name_of(best), ": ", result, "; it beats each of the ", others,
                others == 1 ? " other" : " others", " with probability ", in_words(closest, 2),
                " or more, its corrected 95 % interval above 1/2.");
  }
  std::string names;
  constexpr std::size_t shown = 4;
  for (std::size_t i = 0; i < std::min(tied.size(), shown); ++i) names += (i > 0 ? "; " : "") + tied[i];
  if (tied.size() > shown) names += text("; and ", tied.size() - shown, " more");
  const std::size_t rest = others - tied.size();
  return text("A tie between ", tied.size() + 1, " of ", c.pairings.size(), " pairings: ", name_of(best),
              " came first (", result, "), not distinguishable with ", seeds, " seeds from ", names,
              rest == 0 ? "" : text("; the other ", rest > 1 ? text(rest, " ") : "", "came out worse with these seeds"),
              ".");
}

// Forecasters that know no theory.
double always_he(const ComparisonCell& cell) { return cell.pairing.initializer.starts_with("he") ? 1 : 0; }
double depth_only(const ComparisonCell& cell) {
  return 1 / (1 + std::pow(static_cast<double>(cell.pairing.depth) / 20, 2));  // an even chance at 20 layers
}

}  // namespace

std::string to_string(const Pairing& p) {
  return text(p.activation, ", ", p.initializer, ", depth ", p.depth, ", width ", p.width);
}

Forecast forecast(const Activation& activation, const Initializer& initializer, Index depth, Index width) {
  NetOptions net{.activation = activation, .initializer = initializer};
  net.depth = depth;
  net.width = width;
  const NetTheory theory = predict(net);
  Forecast f;
  f.gradient_ratio = theory.gradient_ratio.value;
  f.signal_ratio = theory.layers.back().q.value / theory.layers.front().q.value;
  const double decades = std::abs(std::log10(f.gradient_ratio));
  if (!std::isnan(decades)) f.probability = 1 / (1 + std::exp(steepness * (decades - even_chance_at)));
  return f;
}

Comparison compare(const ComparisonOptions& options, const Split<float>& data, const ExperimentSettings& settings) {
  require(options, data);
  Trials trials(settings);
  const Rng rng = Rng(settings.seed).split("compare");
  Comparison result;
  result.data = data.train.name;
  result.larger_is_better = data.train.task == Task::classification;
  result.metric = result.larger_is_better ? "test_accuracy" : "test_loss";
  result.cells = cells_of(options);
  std::vector<ComparisonCell*> cells;  // those that can be built
  for (ComparisonCell& cell : result.cells) {
    if (cell.refused.empty()) cells.push_back(&cell);
  }
  const auto count = static_cast<int>(cells.size());
  const auto cell_of = [&](int i) -> ComparisonCell& { return *cells[static_cast<std::size_t>(i)]; };
  const auto label = [&](int i) { return to_string(cell_of(i).pairing); };

  // Stored before anything is trained.
  std::vector<Forecast> forecasts = trials.run(
      "forecasts", count, 0.02,
      [&](int i) {
        const NetOptions net = net_options(cell_of(i).pairing);
        return forecast(net.activation, net.initializer, net.depth, net.width);
      },
      label);
  add_ranks(forecasts);
  const std::vector<std::vector<double>> ratios = trials.run(
      "gradients at the start", count, 0.08,
      [&](int i) {
        NetOptions net = net_options(cell_of(i).pairing);
        net.inputs = 64;
        const Measured m =
            propagate<float>(net, rng.split("start").split(to_string(cell_of(i).pairing))).gradient_ratio;
        return std::vector<double>{m.value, m.low, m.high};
      },
      label);

  const double constant_loss = constant_answer_loss(data.train);
  const Split<float> selection = split_rows(data.train, options.validation_fraction, rng.split("validation"));
  Matrix<float> probe = data.train.inputs.topRows(std::min(probe_inputs, data.train.size()));
  const auto one = [&](const Pairing& pairing, double rate, std::uint64_t seed) {
    FitOptions fitted{.net = {.hidden = std::vector<Index>(static_cast<std::size_t>(pairing.depth), pairing.width),
                              .activations = {activation(pairing.activation)}},
                      .initializer = initializer(pairing.initializer),
                      .trainer = options.trainer};
    fitted.trainer.optimizer.learning_rate = rate;
    ComparisonRecord record;
    FitHooks<float> hooks;
    hooks.on_end = [&](Mlp<float>& net) { record.silent_fraction = silent_share(net, probe); };
    // Rates are chosen on rows that the results do not see, with a seed that they do not use.
    const Split<float>& rows = seed < selection_seeds ? selection : data;
    static_cast<FitRecord&>(record) =
        fit<float>(trials, fitted, rows.train, rows.test, rng.split("training").split(seed), hooks);
    record.metric = result.larger_is_better ? record.test_accuracy : record.test_loss;
    record.trains = record.loss < constant_loss / 2;
    return record;
  };
  std::vector<Pairing> pairings;
  for (const ComparisonCell* cell : cells) pairings.push_back(cell->pairing);
  const auto tuned = tune_and_train(
      trials, "training", pairings, options.seeds, 0.9, one,
      [&](const ComparisonRecord& r) { return result.larger_is_better ? -r.metric + 1e-3 * r.test_loss : r.metric; },
      [](const Pairing& pairing) { return to_string(pairing); }, selection_seeds);
  for (std::size_t i = 0; i < cells.size(); ++i) {
    ComparisonCell& cell = *cells[i];
    cell.forecast = forecasts[i];
    cell.gradient_ratio = {ratios[i][0], ratios[i][1], ratios[i][2]};
    cell.rate = tuned[i].rate;
    cell.records = tuned[i].records;
  }
  rank(result, rng.split("bootstrap"));
  score_forecasts(result);
  return result;
}

void rank(Comparison& comparison, const Rng& rng) {
  std::map<std::pair<std::string, std::string>, std::vector<const ComparisonCell*>> groups;
  std::size_t complete = 0;
  for (ComparisonCell& cell : comparison.cells) {
    if (!cell.refused.empty()) continue;
    const std::vector<const ComparisonCell*> alone = {&cell};
    cell.metric = bootstrap_mean(metrics_of(alone), rng.split(to_string(cell.pairing)));
    cell.diverged = static_cast<int>(std::count_if(cell.records.begin(), cell.records.end(),
                                                   [](const ComparisonRecord& record) { return record.diverged; }));
    cell.silent_fraction = 0;
    for (const ComparisonRecord& record : cell.records) {
      cell.silent_fraction += record.silent_fraction / static_cast<double>(cell.records.size());
    }
    auto& group = groups[{cell.pairing.activation, cell.pairing.initializer}];
    group.push_back(&cell);
    complete = std::max(complete, group.size());
  }
  // A pairing that is refused anywhere is left out: it has no result to compare.
  std::vector<std::pair<ComparedPairing, Strata>> ranked;
  for (const auto& [names, group] : groups) {
    if (group.size() < complete) continue;
    const Strata strata = metrics_of(group);
    ComparedPairing pairing{
        names.first, names.second, bootstrap_mean(strata, rng.split(names.first + names.second)), {}};
    pairing.diverged = std::all_of(group.begin(), group.end(), [](const auto* cell) { return cell->all_diverged(); });
    ranked.emplace_back(std::move(pairing), strata);
  }
  const double sign = comparison.larger_is_better ? 1 : -1;
  std::stable_sort(ranked.begin(), ranked.end(), [&](const auto& a, const auto& b) {
    return sign * a.first.metric.value > sign * b.first.metric.value;
  });
  comparison.pairings.clear();
  const auto n = static_cast<double>(ranked.size());
  const double level = 1 - 0.05 / std::max(1.0, n * (n - 1) / 2);
  for (std::size_t i = 0; i < ranked.size(); ++i) {
    ComparedPairing pairing = ranked[i].first;
    const Strata &best = ranked.front().second, &other = ranked[i].second;
    pairing.best_is_better = comparison.larger_is_better
                                 ? probability_of_improvement(best, other, rng.split("improvement").split(i), level)
                                 : probability_of_improvement(other, best, rng.split("improvement").split(i), level);
    pairing.worse = i > 0 && *pairing.best_is_better.low > 0.5;
    comparison.pairings.push_back(std::move(pairing));
  }
  int seeds = 0;
  for (const ComparisonCell& cell : comparison.cells) seeds = std::max(seeds, static_cast<int>(cell.records.size()));
  comparison.conclusion = conclude(comparison, seeds);
}

void score_forecasts(Comparison& comparison) {
  constexpr int bins = 5;
  struct Forecaster {
    const char* name;
    double (*probability)(const ComparisonCell&);
  };
  const Forecaster forecasters[] = {{"theory", [](const ComparisonCell& cell) { return cell.forecast.probability; }},
                                    {"always he", always_he},
                                    {"depth only", depth_only}};
  comparison.scores.clear();
  comparison.calibration.clear();
  comparison.failures.clear();
  for (int b = 0; b < bins; ++b) {
    comparison.calibration.push_back({static_cast<double>(b) / bins, static_cast<double>(b + 1) / bins, 0, 0, 0});
  }
  for (const Forecaster& forecaster : forecasters) {
    double sum = 0;
    int nets = 0;
    for (const ComparisonCell& cell : comparison.cells) {
      for (const ComparisonRecord& record : cell.records) {
        const double error = forecaster.probability(cell) - (record.trains ? 1 : 0);
        sum += error * error;
        ++nets;
      }
    }
    comparison.scores.push_back({forecaster.name, nets > 0 ? sum / nets : std::nan("")});
  }
  std::vector<double> expected, measured;
  for (const ComparisonCell& cell : comparison.cells) {
    if (cell.records.empty()) continue;
    const double p = cell.forecast.probability;
    double trained = 0;
    for (const ComparisonRecord& record : cell.records) trained += record.trains;
    CalibrationBin& bin = comparison.calibration[std::min<std::size_t>(bins - 1, static_cast<std::size_t>(p * bins))];
    bin.forecasts += static_cast<int>(cell.records.size());
    bin.forecast += p * static_cast<double>(cell.records.size());
    bin.observed += trained;
    const double share = trained / static_cast<double>(cell.records.size());
    if ((p >= sure && share < 0.5) || (p <= 1 - sure && share > 0.5)) {
      comparison.failures.push_back(text(to_string(cell.pairing), ": expected to train with probability ",
                                         in_words(p, 2), ", ", static_cast<int>(trained), " of ", cell.records.size(),
                                         " did"));
    }
    expected.push_back(cell.forecast.rank);
    measured.push_back(comparison.larger_is_better ? -cell.metric.value : cell.metric.value);
  }
  for (CalibrationBin& bin : comparison.calibration) {
    if (bin.forecasts == 0) continue;
    bin.forecast /= bin.forecasts;
    bin.observed /= bin.forecasts;
  }
  comparison.rank_correlation = expected.size() < 2 ? std::nan("") : rank_correlation(expected, measured);
}

bool any_trained(const Comparison& comparison) {
  return std::any_of(comparison.cells.begin(), comparison.cells.end(),
                     [](const ComparisonCell& cell) { return !cell.records.empty() && !cell.all_diverged(); });
}

Report comparison_report(const Comparison& c) {
  Report report{.name = "compare",
                .title = text("Comparison on ", c.data),
                .question = "Which activation goes with which initializer, at these depths and widths?",
                .answer = c.conclusion};
  Table pairings{.name = "pairings",
                 .title = "Pairings over all depths and widths, the best first",
                 .columns = {"activation", "initializer", c.metric, "P(best is better)", "verdict"}};
  for (const ComparedPairing& p : c.pairings) {
    const bool best = &p == &c.pairings.front();
    pairings.rows.push_back({p.activation, p.initializer, p.diverged ? Cell("-") : Cell(p.metric), p.best_is_better,
                             std::string(p.diverged ? "diverged"
                                         : best     ? "best"
                                         : p.worse  ? "worse"
                                                    : "tied with the best")});
  }
  Table cells{.name = "cells",
              .title = "Cells, each at its best rate",
              .columns = {"activation", "initializer", "depth", "width", "rate", c.metric, "diverged", "silent units",
                          "gradient ratio", "predicted", "P(trains)", "trained"}};
  for (const ComparisonCell& cell : c.cells) {
    const Pairing& p = cell.pairing;
    std::vector<Cell> row = {p.activation, p.initializer, static_cast<double>(p.depth), static_cast<double>(p.width)};
    if (!cell.refused.empty()) {
      row.resize(cells.columns.size(), std::string("-"));
      report.notes.push_back(text(to_string(p), " is left out: ", cell.refused));
    } else {
      const auto trained = std::count_if(cell.records.begin(), cell.records.end(),
                                         [](const ComparisonRecord& record) { return record.trains; });
      row.insert(row.end(),
                 {cell.rate, cell.all_diverged() ? Cell("diverged") : Cell(cell.metric),
                  text(cell.diverged, " of ", cell.records.size()), cell.silent_fraction, cell.gradient_ratio,
                  cell.forecast.gradient_ratio, cell.forecast.probability, text(trained, " of ", cell.records.size())});
    }
    cells.rows.push_back(std::move(row));
  }
  Table oracle{
      .name = "oracle",
      .title = "What was forecast before training, scored after it: Brier score (0 is perfect, a coin has 0.25)",
      .columns = {"forecaster", "Brier score"}};
  for (const ForecastScore& score : c.scores) oracle.rows.push_back({score.name, score.brier});
  Table calibration{
      .name = "calibration",
      .title = "Of nets that theory expected to train with a probability in this range, the share that did",
      .columns = {"from", "to", "nets", "mean forecast", "share that trained"}};
  for (const CalibrationBin& bin : c.calibration) {
    if (bin.forecasts == 0) continue;
    calibration.rows.push_back({bin.low, bin.high, static_cast<double>(bin.forecasts), bin.forecast, bin.observed});
  }
  report.tables = {std::move(pairings), std::move(cells), std::move(oracle), std::move(calibration)};

  std::map<std::pair<Index, Index>, HeatMap> maps;
  for (const ComparisonCell& cell : c.cells) {
    const Pairing& p = cell.pairing;
    HeatMap& map = maps[{p.depth, p.width}];
    const auto index_of = [](std::vector<std::string>& names, const std::string& name) {
      const auto found = std::find(names.begin(), names.end(), name);
      if (found == names.end()) names.push_back(name);
      return static_cast<std::size_t>(std::find(names.begin(), names.end(), name) - names.begin());
    };
    map.name = text(c.metric, "_depth_", p.depth, "_width_", p.width);
    map.title = text(c.metric, ", depth ", p.depth, ", width ", p.width);
    map.row_label = "activation";
    map.column_label = "initializer";
    const std::size_t row = index_of(map.rows, p.activation), column = index_of(map.columns, p.initializer);
    if (map.values.size() <= row) map.values.resize(row + 1);
    if (map.values[row].size() <= column) map.values[row].resize(column + 1, std::nan(""));
    if (cell.refused.empty() && !cell.all_diverged()) map.values[row][column] = cell.metric.value;
  }
  for (auto& [size, map] : maps) report.heat_maps.push_back(std::move(map));

  if (!std::isnan(c.rank_correlation)) {
    report.notes.push_back(
        text("Rank correlation of what theory expected and what was measured: ", in_words(c.rank_correlation, 2), "."));
  }
  for (const std::string& failure : c.failures) report.notes.push_back("Theory failed for " + failure + ".");
  if (c.failures.empty()) report.notes.push_back("Theory was not sure of anything that did not come true.");
  return report;
}

}  // namespace evengrad
