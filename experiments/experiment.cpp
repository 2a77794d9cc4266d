#include <evengrad/experiments/experiment.hpp>

#include <evengrad/core/error.hpp>
#include <evengrad/experiments/activation_shapes.hpp>
#include <evengrad/experiments/dying_relu.hpp>
#include <evengrad/experiments/gelu_vs_relu.hpp>
#include <evengrad/experiments/init_pairing.hpp>
#include <evengrad/experiments/linear_and_universal.hpp>
#include <evengrad/experiments/relu_sparsity_and_cost.hpp>
#include <evengrad/experiments/softmax_claims.hpp>
#include <evengrad/experiments/vanishing_gradients.hpp>

#include <algorithm>
#include <iterator>

namespace evengrad {

std::string to_string(Profile profile) { return profile == Profile::quick ? "quick" : "full"; }

std::vector<std::string> claim_ids(const Experiment& experiment) {
  std::vector<std::string> ids;
  for (int number = 1; number <= experiment.claims; ++number) ids.push_back(text(experiment.prefix, number));
  return ids;
}

namespace {

// A claim that is missing or decided twice is a mistake in the experiment.
void check_claims(const Experiment& experiment, const Report& report) {
  std::vector<std::string> expected = claim_ids(experiment), got;
  for (const Claim& claim : report.claims) got.push_back(claim.id);
  std::sort(expected.begin(), expected.end());
  std::sort(got.begin(), got.end());
  const auto difference = [](const std::vector<std::string>& a, const std::vector<std::string>& b) {
    std::vector<std::string> only;
    std::set_difference(a.begin(), a.end(), b.begin(), b.end(), std::back_inserter(only));
    std::string names;
    for (const std::string& id : only) names += " " + id;
    return names.empty() ? std::string(" none") : names;
  };
  if (got == expected) return;
  throw Error(text("experiment ", experiment.name, ": its report must hold each of its claims once; missing:",
                   difference(expected, got), "; doubled or not its own:", difference(got, expected)));
}

}  // namespace

Report run_experiment(const Experiment& experiment, const ExperimentSettings& settings) {
  ExperimentSettings named = settings;
  named.experiment = experiment.name;
  Report report = experiment.run(named);
  check_claims(experiment, report);
  report.name = experiment.name;
  report.title = experiment.title;
  report.question = experiment.question;
  return report;
}

const std::vector<Experiment>& experiments() {
  static const std::vector<Experiment> list = {
      {"activation-shapes", "Shapes of activations",
       "Which of the numbers that textbooks give for the activations are right: extrema, limits, means, ranges?", "S",
       26, activation_shapes},
      {"linear-and-universal", "Linear collapse and universality",
       "What can a net without a bend do, what can one hidden layer with one, and does training find it?", "U", 5,
       linear_and_universal},
      {"vanishing-gradients", "Vanishing gradients",
       "How much of the last layer's gradient reaches the first one, by activation, initializer and depth?", "V", 13,
       vanishing_gradients},
      {"relu-sparsity-and-cost", "Sparsity and cost of ReLU",
       "How many activations of a ReLU net are zero, what is that worth, and what do activations cost?", "R", 9,
       relu_sparsity_and_cost},
      {"dying-relu", "Dying ReLU", "How many ReLU units are silent for every input, what kills and what revives them?",
       "D", 21, dying_relu},
      {"init-pairing", "Activations and initializers",
       "Which initializer goes with which activation, how deep, and what do wrong pairings do?", "I", 17, init_pairing},
      {"gelu-vs-relu", "GELU against ReLU, and gates",
       "Do smooth activations and gated blocks learn better than ReLU, and what do they cost?", "G", 11, gelu_vs_relu},
      {"softmax", "Softmax",
       "Are the numbers printed for softmax right, and what do temperature, distillation and hidden softmax layers do?",
       "M", 12, softmax_claims},
  };
  return list;
}

std::string command(const Results& results, const std::string& only) {
  std::string names = " " + only;
  if (only.empty()) {
    names.clear();
    for (const Report& report : results.experiments) names += " " + report.name;
    if (results.experiments.size() == experiments().size()) names = " all";
  }
  return text("evengrad run", names, " --profile ", to_string(results.profile), " --seed ", results.seed,
              results.seeds > 0 ? text(" --seeds ", results.seeds) : "");
}

}  // namespace evengrad
