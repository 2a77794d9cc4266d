#include <evengrad/experiments/experiment.hpp>

#include <evengrad/experiments/vanishing_gradients.hpp>

namespace evengrad {

std::string to_string(Profile profile) { return profile == Profile::quick ? "quick" : "full"; }

Report run_experiment(const Experiment& experiment, const ExperimentSettings& settings) {
  ExperimentSettings named = settings;
  named.experiment = experiment.name;
  Report report = experiment.run(named);
  report.name = experiment.name;
  report.title = experiment.title;
  report.question = experiment.question;
  return report;
}

const std::vector<Experiment>& experiments() {
  static const std::vector<Experiment> list = {
      {"vanishing-gradients", "Vanishing gradients",
       "How much of the last layer's gradient reaches the first one, by activation, initializer and depth?",
       vanishing_gradients},
  };
  return list;
}

}  // namespace evengrad
