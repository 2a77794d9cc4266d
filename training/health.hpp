// Rules that turn what a probe saw into findings: what is wrong, where, since when, why, and what to try.
#pragma once

#include <evengrad/training/probe.hpp>

#include <map>
#include <string_view>
#include <utility>

namespace evengrad {

/// One thing that is wrong with a run.
struct Finding {
  std::string rule;
  std::string severity;         ///< "critical": the run is lost; "warning"
  std::string where;            ///< "layers.2", "inputs", "labels", "loss", or "layers" for the whole net
  std::int64_t since_step = 0;  ///< 0: before the first step
  std::string message;          ///< a sentence or two, with the number behind it
  std::string remedy;           ///< the option to try first
};

/// Thresholds by the names of their rules, where they are not to be the default.
using Thresholds = std::map<std::string, double, std::less<>>;

/// One rule, for lists and documents.
struct HealthRule {
  std::string name;
  std::string sees;  ///< when it speaks, with "T" for the threshold
  double threshold;
  std::string source;
  std::string cure;
  std::vector<Finding> (*check)(const TrainingRecord& record, double threshold);
};

/// The one list of rules, causes before their consequences: data, initialization, settings, then what they lead to.
const std::vector<HealthRule>& health_rules();

/// What the rules find, causes first: the first finding is what to mend first. Empty for a healthy run.
/// \throws UsageError for a threshold of an unknown rule.
std::vector<Finding> findings(const TrainingRecord& record, const Thresholds& thresholds = {});

/// Reads "rule=value". \throws UsageError for an unknown rule or what is no number of 0 or more.
std::pair<std::string, double> parse_threshold(std::string_view text);

}  // namespace evengrad
