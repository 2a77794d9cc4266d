// An experiment: a name, a question, and a function from settings to a report. The list is in experiment.cpp.
#pragma once

#include <evengrad/data/registry.hpp>
#include <evengrad/experiments/report.hpp>
#include <evengrad/training/ensemble.hpp>
#include <evengrad/training/results_store.hpp>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace evengrad {

enum class Profile { quick, full };

template <>
struct Choices<Profile> {
  static constexpr std::pair<std::string_view, Profile> words[] = {{"quick", Profile::quick}, {"full", Profile::full}};
};

/// "quick", "full"
std::string to_string(Profile profile);

struct ExperimentSettings {
  Profile profile = Profile::quick;
  std::uint64_t seed = 1;
  int seeds = 0;  ///< how many seeds a measurement averages over; 0: what the profile says
  int jobs = 1;   ///< trials at once, one core each; results do not depend on it
  SideBySide side_by_side = SideBySide::where_it_pays;  ///< nets of several trials; results do not depend on it
  std::vector<std::filesystem::path> data_roots = DataOptions().roots;          ///< where to look for images
  std::function<void(double share, const std::string& what)> on_progress = {};  ///< from one thread at a time
  std::function<bool()> stop = {};  ///< true: give up by throwing Interrupted; asked from any thread
  std::string experiment = {};      ///< the name under which trials are stored
  std::string options = {};         ///< what else determines their results, in words; part of their key
  ResultsStore* store = nullptr;    ///< where finished trials are kept and looked for; null: nowhere
};

/// Thrown out of an experiment that was asked to stop.
struct Interrupted {};

struct Experiment {
  std::string name;                                   ///< "vanishing-gradients"
  std::string title;                                  ///< "Vanishing gradients"
  std::string question;                               ///< one sentence
  std::string prefix;                                 ///< of its claims' ids: "V" of V1, V2, ...
  int claims = 0;                                     ///< how many there are
  Report (*run)(const ExperimentSettings& settings);  ///< all of the report but name, title and question
};

/// The ids of its claims, "V1", "V2", ...
std::vector<std::string> claim_ids(const Experiment& experiment);

/// The experiment's whole report. \throws Error where its claims are not claim_ids(), each once.
Report run_experiment(const Experiment& experiment, const ExperimentSettings& settings);

/// Every experiment there is, in the order of the list of claims.
const std::vector<Experiment>& experiments();

/// What one call of the program ran and found: what the writers write.
struct Results {
  Profile profile = Profile::quick;
  std::uint64_t seed = 1;
  int seeds = 0;  ///< as in the settings
  double seconds = 0;
  std::vector<Report> experiments = {};
};

/// The command that finds all of it again, or one experiment: "evengrad run dying-relu --profile quick --seed 1".
std::string command(const Results& results, const std::string& only = {});

}  // namespace evengrad
