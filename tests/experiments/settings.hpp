// Settings on which no result may depend.
#pragma once

#include <evengrad/experiments/experiment.hpp>

namespace evengrad {

/// One job trains every net alone; several put into shared vectors whatever nets they can.
inline ExperimentSettings settings_with(std::uint64_t seed, int jobs) {
  return {.seed = seed, .jobs = jobs, .side_by_side = jobs > 1 ? SideBySide::always : SideBySide::never};
}

}  // namespace evengrad
