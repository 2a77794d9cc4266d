#include <evengrad/experiments/comparison.hpp>

#include <evengrad/activations/registry.hpp>
#include <evengrad/core/error.hpp>
#include <evengrad/init/net_theory.hpp>
#include <evengrad/training/propagation.hpp>

#include <algorithm>
#include <cmath>
#include <map>
#include <numeric>
#include <tuple>

namespace evengrad {

namespace {

constexpr int selection_seeds = 2;
constexpr Index probe_inputs = 512;
constexpr Index most_parts = 500;    // of the test rows, see TestScores
constexpr Index few_test_rows = 30;  // below it an answer is indicative only
constexpr double rounding = 1e-9;    // of the best constant answer's loss: losses below it are zero
constexpr double sure = 0.8;         // a forecast beyond this, or below 1 less it, is one that can be wrong

// The logistic curve of forecast().
constexpr double even_chance_at = 7.25;  // decades of the gradient
constexpr double steepness = 0.6;        // a decade

// Hidden units that are exactly 0 for every one of these inputs.
double silent_share(Layer<float>& net, const Matrix<float>& inputs) {
  Tape<float> tape({.recording = false});
  net.forward(tape.constant(inputs), {});
  Index silent = 0, units = 0;
  std::size_t number = 0;
  const std::size_t layers = weights(net).size();
  for (const Node<float>& node : tape.nodes()) {
    const bool hidden = node.role == OpRole::product && ++number < layers;
    if (!hidden) continue;
    const ConstMap<float> value = value_of(node);
    silent += (value.array() == 0).colwise().all().count();
    units += node.shape.cols;
  }
  return units > 0 ? static_cast<double>(silent) / static_cast<double>(units) : 0;
}

// What a net scores on equal parts of the test rows, drawn at random: right answers, or squared errors.
std::vector<double> test_parts(Sequential<float>& net, const Dataset<float>& test, Rng rng) {
  constexpr Index batch = 1024;
  std::vector<double> scores;
  for (Index begin = 0; begin < test.size(); begin += batch) {
    const Index count = std::min(batch, test.size() - begin);
    Tape<float> tape({.recording = false});
    const Matrix<float> inputs = test.inputs.middleRows(begin, count);
    const Matrix<float> output = net.forward(tape.constant(inputs), {}).value();
    for (Index r = 0; r < count; ++r) {
      if (test.task == Task::regression) {
        scores.push_back((output.row(r) - test.targets.row(begin + r)).cast<double>().array().square().mean());
      } else {
        Index largest = 0;
        output.row(r).maxCoeff(&largest);
        scores.push_back(largest == test.labels[static_cast<std::size_t>(begin + r)]);
      }
    }
  }
  const std::size_t n = scores.size(), parts = std::min<std::size_t>(n, most_parts);
  if (parts == n) return scores;
  for (std::size_t i = n; i > 1; --i) std::swap(scores[i - 1], scores[rng.below(i)]);
  std::vector<double> means(parts);
  for (std::size_t p = 0; p < parts; ++p) {
    const auto first = scores.begin() + static_cast<std::ptrdiff_t>(p * n / parts);
    const auto last = scores.begin() + static_cast<std::ptrdiff_t>((p + 1) * n / parts);
    means[p] = std::accumulate(first, last, 0.0) / static_cast<double>(last - first);
  }
  return means;
}

// What the best answer that ignores the inputs reaches on these rows.
double constant_metric(const Dataset<float>& test) {
  if (test.task == Task::regression) return constant_answer_loss(test);
  std::vector<Index> count(static_cast<std::size_t>(test.classes), 0);
  for (const std::int32_t label : test.labels) ++count[static_cast<std::size_t>(label)];
  return static_cast<double>(*std::max_element(count.begin(), count.end())) / static_cast<double>(test.size());
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
  const bool regression = data.train.task == Task::regression;
  const Matrix<float>& targets = data.train.targets;
  const std::vector<std::int32_t>& labels = data.train.labels;
  const bool constant = regression
                            ? (targets.array() == targets.row(0).replicate(targets.rows(), 1).array()).all()
                            : std::all_of(labels.begin(), labels.end(), [&](auto label) { return label == labels[0]; });
  if (constant) {
    throw Error(text("compare: every row of the training data has the same ", regression ? "target" : "class",
                     ": there is nothing to learn"));
  }
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

using Cells = std::vector<const ComparisonCell*>;

// The metrics of the nets that ended times `sign`, a list a cell.
Strata metrics_of(const Cells& cells, double sign = 1) {
  Strata strata;
  for (const ComparisonCell* cell : cells) {
    std::vector<double>& metrics = strata.emplace_back();
    for (const ComparisonRecord& record : cell->records) {
      if (record.ended()) metrics.push_back(sign * record.metric);
    }
  }
  return strata;
}

// The mean over cells, of the seeds that ended in every one: seed s of one cell shares its stream with seed s of
// others.
TestScores scores_of(const Cells& cells, Index rows) {
  TestScores scores{.means = {}, .parts = {}, .rows = rows};
  const auto n = static_cast<double>(cells.size());
  for (std::size_t s = 0; s < cells.front()->records.size(); ++s) {
    const auto ended = [&](const ComparisonCell* cell) { return cell->records[s].ended(); };
    if (!std::all_of(cells.begin(), cells.end(), ended)) continue;
    double& mean = scores.means.emplace_back(0);
    std::vector<double>& parts = scores.parts.emplace_back(cells.front()->records[s].parts.size(), 0);
    for (const ComparisonCell* cell : cells) {
      const ComparisonRecord& record = cell->records[s];
      mean += record.metric / n;
      for (std::size_t i = 0; i < parts.size(); ++i) parts[i] += record.parts[i] / n;
    }
  }
  return scores;
}

// One seed gives no interval, none no number.
Measurement metric_of(const Comparison& c, const TestScores& scores) {
  if (scores.means.empty()) return {std::nan("")};
  if (scores.means.size() == 1) return {scores.means.front()};
  return c.larger_is_better ? accuracy_interval(scores) : loss_interval(scores);
}

std::optional<Measurement> r2_of(const Comparison& c, const Measurement& loss) {
  if (c.larger_is_better || !(c.constant_metric > 0) || std::isnan(loss.value)) return {};
  const auto share = [&](double x) { return 1 - x / c.constant_metric; };
  Measurement r2{share(loss.value)};
  if (loss.low) r2 = {r2.value, share(*loss.high), share(*loss.low)};
  return r2;
}

int count(const std::map<FitOutcome, int>& outcomes, std::initializer_list<FitOutcome> kinds) {
  int sum = 0;
  for (const auto& [outcome, nets] : outcomes) sum += std::count(kinds.begin(), kinds.end(), outcome) > 0 ? nets : 0;
  return sum;
}

constexpr auto failures = {FitOutcome::diverged, FitOutcome::failed_on_test};
constexpr auto all_outcomes = {FitOutcome::diverged, FitOutcome::failed_on_test, FitOutcome::did_not_learn,
                               FitOutcome::learned};

// What happened to nets, in one place.
std::string outcome_words(FitOutcome outcome) {
  switch (outcome) {
    case FitOutcome::learned:
      return "learned";
    case FitOutcome::did_not_learn:
      return "did not learn";
    case FitOutcome::failed_on_test:
      return "failed on test rows";
    case FitOutcome::diverged:
      return "diverged";
  }
  return {};
}

// How far down a pairing stands whatever its metric: 0 where all nets ended and some learned.
enum Tier { sound, some_failed, none_learned, all_failed };
Tier tier(const ComparedPairing& p) {
  const int nets = count(p.outcomes, all_outcomes), failed = count(p.outcomes, failures);
  if (failed == nets || std::isnan(p.metric.value)) return all_failed;
  if (count(p.outcomes, {FitOutcome::learned}) == 0) return none_learned;
  return failed > 0 ? some_failed : sound;
}

// Empty where nothing went wrong with its nets.
std::string trouble(const ComparedPairing& p) {
  if (tier(p) == sound) return {};
  if (tier(p) == none_learned && count(p.outcomes, failures) == 0) return outcome_words(FitOutcome::did_not_learn);
  const int nets = count(p.outcomes, all_outcomes), failed = count(p.outcomes, failures);
  const int diverged = count(p.outcomes, {FitOutcome::diverged});
  const std::string what = diverged == failed ? outcome_words(FitOutcome::diverged)
                           : diverged == 0    ? outcome_words(FitOutcome::failed_on_test)
                                              : "diverged or " + outcome_words(FitOutcome::failed_on_test);
  return failed == nets ? what : text(failed, " of ", nets, " nets ", what);
}

std::string percent(double share) { return in_words(100 * share, 3) + " %"; }

std::string percent(const Measurement& m) {
  if (!m.low) return percent(m.value);
  return text(percent(m.value), " [", percent(*m.low), ", ", percent(*m.high), "]");
}

// "test accuracy 98 % [95 %, 99 %]", "test loss 0.12 [0.1, 0.15], R² 0.9 [0.87, 0.92]"
std::string result_words(const Comparison& c, const ComparedPairing& p) {
  if (c.larger_is_better) return "test accuracy " + percent(p.metric);
  return text("test loss ", in_words(p.metric), p.r2 ? text(", R² ", in_words(*p.r2)) : "");
}

std::string constant_words(const Comparison& c) {
  return c.larger_is_better ? text("always answering the most frequent class (", percent(c.constant_metric), ")")
                            : text("always answering the mean (test loss ", in_words(c.constant_metric, 3), ", R² 0)");
}

std::string name_of(const ComparedPairing& p) { return p.activation + " with " + p.initializer; }

std::string plural(std::size_t n, const char* what) { return text(n, " ", what, n == 1 ? "" : "s"); }

bool better(const Comparison& c, double metric, double than) {
  return c.larger_is_better ? metric > than : metric < than;
}

// Why there is no result to rank, or nothing that a net learned.
std::string nothing_learned(const Comparison& c) {
  std::map<FitOutcome, int> outcomes;
  for (const ComparisonCell& cell : c.cells) {
    for (const auto& [outcome, nets] : cell.outcomes) outcomes[outcome] += nets;
  }
  const int nets = count(outcomes, all_outcomes);
  if (outcomes[FitOutcome::diverged] == nets) return "Every net diverged: nothing was compared; give smaller rates.";
  const char* hint = c.larger_is_better ? "" : "; targets far from 0 or of a scale far from 1 need standardizing";
  if (outcomes[FitOutcome::did_not_learn] == nets) {
    return text(
        "No net learned: none answers its own training rows better than the best constant answer; try other "
        "rates or more steps",
        hint, ".");
  }
  return text("No pairing learned: of ", nets, " nets ", to_string(outcomes), "; try smaller rates", hint, ".");
}

// Which to use, how sure that is, or that it is a tie; nothing that the numbers do not carry.
std::string conclude(const Comparison& c, int seeds) {
  if (c.pairings.empty()) return "No pairing could be built: nothing was compared.";
  const ComparedPairing& best = c.pairings.front();
  if (tier(best) == all_failed || tier(best) == none_learned) return nothing_learned(c);
  const std::string result = result_words(c, best);
  const std::string scope = text(seeds, seeds == 1 ? " seed" : " seeds", " and ", c.test_rows, " test rows");
  if (!std::isnan(c.constant_metric) && !better(c, best.metric.value, c.constant_metric)) {
    return text("No pairing predicts the test rows better than ", constant_words(c), ": the best, ", name_of(best),
                ", has ", result, ".");
  }
  std::string caution = tier(best) == some_failed ? text("; ", best.verdict, ", none of the pairings without") : "";
  const std::optional<double>& edge = c.larger_is_better ? best.metric.low : best.metric.high;
  if (edge && !std::isnan(c.constant_metric) && !better(c, *edge, c.constant_metric))
    caution += text("; that is not distinguishable from ", constant_words(c));
  const bool few = c.test_rows < few_test_rows;
  const std::string indicative = few ? text("Indicative only, with ", c.test_rows, " test rows: ") : "";
  if (c.pairings.size() == 1) {
    return text(indicative, few ? "only " : "Only ", name_of(best), " was compared: ", result, caution,
                seeds < 2 ? "; one seed gives no interval, --seeds 5 does." : ".");
  }
  if (seeds < 2)
    return text("Undecided: one seed says nothing of the spread; ", name_of(best), " came first with ", result, ".");
  std::vector<std::string> tied;
  std::size_t failed = 0, beaten = 0;
  const ComparedPairing* closest = nullptr;  // of those that the numbers show to be worse
  for (const ComparedPairing& p : c.pairings) {
    if (&p == &best) continue;
    if (!p.worse) {
      tied.push_back(name_of(p));
    } else if (!trouble(p).empty()) {
      ++failed;
    } else {
      ++beaten;
      const auto margin = [](const ComparedPairing& q) { return *q.behind.low; };
      if (closest == nullptr || margin(p) < margin(*closest)) closest = &p;
    }
  }
  const std::string bad =
      failed == 0 ? "" : text("; ", plural(failed, "pairing"), " diverged, failed or did not learn");
  if (tied.empty()) {
    std::string margin;
    if (closest != nullptr) {
      const std::string by = c.larger_is_better ? text(in_words(100 * closest->behind.value, 2), " [",
                                                       in_words(100 * *closest->behind.low, 2), ", ",
                                                       in_words(100 * *closest->behind.high, 2), "] points")
                                                : text("a factor of ", in_words(closest->behind));
      margin = text("; it beats ", beaten == 1 ? "the other" : text("each of the other ", beaten), ", ",
                    beaten == 1 ? "" : "the closest, ", beaten == 1 ? "" : name_of(*closest) + ", ", "by ", by);
    }
    return text(indicative.empty() ? "Use " : indicative, name_of(best), indicative.empty() ? ": " : " came first (",
                result, indicative.empty() ? "" : ")", caution, margin, bad, ".");
  }
  std::string names;
  constexpr std::size_t shown = 4;
  for (std::size_t i = 0; i < std::min(tied.size(), shown); ++i) names += (i > 0 ? "; " : "") + tied[i];
  if (tied.size() > shown) names += text("; and ", tied.size() - shown, " more");
  return text(indicative, few ? "a" : "A", " tie between ", tied.size() + 1, " of ", c.pairings.size(),
              " pairings: ", name_of(best), " came first (", result, "), not distinguishable with ", scope, " from ",
              names, caution, beaten > 0 ? text("; it beats ", plural(beaten, "other")) : "", bad, ".");
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
  result.test_rows = data.test.size();
  result.constant_metric = constant_metric(data.test);
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
    hooks.on_end = [&](Sequential<float>& net) {
      record.silent_fraction = silent_share(net, probe);
      if (seed >= selection_seeds) record.parts = test_parts(net, data.test, rng.split("parts"));
    };
    // Rates are chosen on rows that the results do not see, with a seed that they do not use.
    const Split<float>& rows = seed < selection_seeds ? selection : data;
    static_cast<FitRecord&>(record) =
        fit<float>(trials, fitted, rows.train, rows.test, rng.split("training").split(seed), hooks);
    record.metric = !record.ended()           ? std::nan("")
                    : result.larger_is_better ? record.test_accuracy
                                              : record.final_test_loss;
    record.trains = record.loss < constant_loss / 2;
    return record;
  };
  std::vector<Pairing> pairings;
  for (const ComparisonCell* cell : cells) pairings.push_back(cell->pairing);
  const auto tuned = tune_and_train(
      trials, "training", pairings, options.seeds, 0.9, one,
      [&](const ComparisonRecord& r) {
        return result.larger_is_better ? -r.test_accuracy + 1e-3 * r.test_loss : r.test_loss;
      },
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
  std::map<std::pair<std::string, std::string>, Cells> groups;
  std::size_t complete = 0;
  for (ComparisonCell& cell : comparison.cells) {
    if (!cell.refused.empty()) continue;
    cell.metric = metric_of(comparison, scores_of({&cell}, comparison.test_rows));
    cell.r2 = r2_of(comparison, cell.metric);
    cell.outcomes.clear();
    cell.silent_fraction = 0;
    for (const ComparisonRecord& record : cell.records) {
      ++cell.outcomes[record.outcome()];
      cell.silent_fraction += record.silent_fraction / static_cast<double>(cell.records.size());
    }
    Cells& group = groups[{cell.pairing.activation, cell.pairing.initializer}];
    group.push_back(&cell);
    complete = std::max(complete, group.size());
  }
  // A pairing that is refused anywhere is left out: it has no result to compare.
  std::vector<std::pair<ComparedPairing, Cells>> ranked;
  for (const auto& [names, group] : groups) {
    if (group.size() < complete) continue;
    ComparedPairing pairing{.activation = names.first, .initializer = names.second};
    pairing.metric = metric_of(comparison, scores_of(group, comparison.test_rows));
    pairing.r2 = r2_of(comparison, pairing.metric);
    for (const ComparisonCell* cell : group) {
      for (const auto& [outcome, nets] : cell->outcomes) pairing.outcomes[outcome] += nets;
    }
    ranked.emplace_back(std::move(pairing), group);
  }
  const double sign = comparison.larger_is_better ? 1 : -1;
  const auto place = [&](const ComparedPairing& p) {
    const double metric = std::isnan(p.metric.value) ? 0 : -sign * p.metric.value;
    return std::tuple(tier(p), tier(p) == some_failed ? count(p.outcomes, failures) : 0, metric);
  };
  std::stable_sort(ranked.begin(), ranked.end(),
                   [&](const auto& a, const auto& b) { return place(a.first) < place(b.first); });
  comparison.pairings.clear();
  const auto n = static_cast<double>(ranked.size());
  const double level = 1 - 0.05 / std::max(1.0, n * (n - 1) / 2);
  const double even = comparison.larger_is_better ? 0 : 1;
  const double floor = std::isnan(comparison.constant_metric) ? 0 : rounding * comparison.constant_metric;
  for (std::size_t i = 0; i < ranked.size(); ++i) {
    auto& [pairing, group] = ranked[i];
    const ComparedPairing& best = ranked.front().first;
    const TestScores of_best = scores_of(ranked.front().second, comparison.test_rows);
    const TestScores of_this = scores_of(group, comparison.test_rows);
    pairing.behind = {i == 0 ? even : std::nan("")};
    const bool paired = count(pairing.outcomes, failures) == 0 && count(best.outcomes, failures) == 0;
    if (i > 0 && paired) {
      pairing.behind = comparison.larger_is_better
                           ? paired_accuracy_difference(of_best, of_this, level)
                           : paired_loss_ratio(of_this, of_best, floor, level);
      if (of_this.means.size() == 1) pairing.behind = {pairing.behind.value};
    }
    const Strata a = metrics_of(ranked.front().second, sign), b = metrics_of(group, sign);
    const auto empty = [](const Strata& strata) {
      return std::any_of(strata.begin(), strata.end(), [](const auto& samples) { return samples.empty(); });
    };
    pairing.best_is_better = i == 0 ? 0.5
                             : empty(a) || empty(b)
                                 ? std::nan("")
                                 : probability_of_improvement(a, b, rng.split("improvement").split(i)).value;
    const bool lower = std::pair(tier(pairing), tier(pairing) == some_failed ? count(pairing.outcomes, failures) : 0) >
                       std::pair(tier(best), tier(best) == some_failed ? count(best.outcomes, failures) : 0);
    pairing.worse = i > 0 && (lower || (pairing.behind.low && *pairing.behind.low > even));
    pairing.verdict = !trouble(pairing).empty() ? trouble(pairing)
                      : i == 0                  ? "best"
                      : pairing.worse           ? "worse"
                                                : "tied with the best";
    comparison.pairings.push_back(pairing);
  }
  if (!comparison.pairings.empty() && comparison.pairings.front().verdict == "best" &&
      !std::isnan(comparison.constant_metric) &&
      !better(comparison, comparison.pairings.front().metric.value, comparison.constant_metric)) {
    comparison.pairings.front().verdict = "best, no better than a constant";
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
    const double metric = comparison.larger_is_better ? -cell.metric.value : cell.metric.value;
    measured.push_back(std::isnan(metric) ? INFINITY : metric);
  }
  for (CalibrationBin& bin : comparison.calibration) {
    if (bin.forecasts == 0) continue;
    bin.forecast /= bin.forecasts;
    bin.observed /= bin.forecasts;
  }
  comparison.rank_correlation = expected.size() < 2 ? std::nan("") : rank_correlation(expected, measured);
}

bool any_trained(const Comparison& comparison) {
  return std::any_of(comparison.cells.begin(), comparison.cells.end(), [](const ComparisonCell& cell) {
    return std::any_of(cell.records.begin(), cell.records.end(), [](const auto& record) { return record.ended(); });
  });
}

std::string to_string(const std::map<FitOutcome, int>& outcomes) {
  std::string words;
  for (const FitOutcome outcome : all_outcomes) {
    const int nets = count(outcomes, {outcome});
    if (nets > 0) words += text(words.empty() ? "" : ", ", nets, " ", outcome_words(outcome));
  }
  return words;
}

Report comparison_report(const Comparison& c) {
  Report report{.name = "compare",
                .title = text("Comparison on ", c.data),
                .question = "Which activation goes with which initializer, at these depths and widths?",
                .answer = c.conclusion};
  Table pairings{.name = "pairings",
                 .title = "Pairings over all depths and widths, the best first",
                 .columns = {"activation", "initializer", c.metric}};
  const bool regression = !c.larger_is_better;
  const auto number = [](const Measurement& m) { return std::isnan(m.value) ? Cell("-") : m.low ? Cell(m) : m.value; };
  const auto r2 = [&](const std::optional<Measurement>& m) { return m ? number(*m) : Cell("-"); };
  if (regression) pairings.columns.push_back("R²");
  pairings.columns.insert(pairings.columns.end(),
                          {regression ? "loss over the best's" : "behind the best", "P(best is better)", "verdict"});
  for (const ComparedPairing& p : c.pairings) {
    std::vector<Cell> row = {p.activation, p.initializer, number(p.metric)};
    if (regression) row.push_back(r2(p.r2));
    row.insert(row.end(), {number(p.behind), number({p.best_is_better}), p.verdict});
    pairings.rows.push_back(std::move(row));
  }
  Table cells{.name = "cells",
              .title = "Cells, each at its best rate",
              .columns = {"activation", "initializer", "depth", "width", "rate", c.metric}};
  if (regression) cells.columns.push_back("R²");
  cells.columns.insert(cells.columns.end(),
                       {"outcomes", "silent units", "gradient ratio", "predicted", "P(trains)", "trained"});
  for (const ComparisonCell& cell : c.cells) {
    const Pairing& p = cell.pairing;
    std::vector<Cell> row = {p.activation, p.initializer, static_cast<double>(p.depth), static_cast<double>(p.width)};
    if (!cell.refused.empty()) {
      row.resize(cells.columns.size(), std::string("-"));
      report.notes.push_back(text(to_string(p), " is left out: ", cell.refused));
    } else {
      const auto trained = std::count_if(cell.records.begin(), cell.records.end(),
                                         [](const ComparisonRecord& record) { return record.trains; });
      row.insert(row.end(), {cell.rate, number(cell.metric)});
      if (regression) row.push_back(r2(cell.r2));
      row.insert(row.end(),
                 {to_string(cell.outcomes), cell.silent_fraction, cell.gradient_ratio, cell.forecast.gradient_ratio,
                  cell.forecast.probability, text(trained, " of ", cell.records.size())});
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
    if (cell.refused.empty()) map.values[row][column] = cell.metric.value;
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
