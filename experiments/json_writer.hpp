#pragma once

#include <evengrad/experiments/experiment.hpp>

namespace evengrad {

/// The results as the JSON document of `run --json` and DIR/results.json, described in docs: numbers with full
/// precision, non-finite ones as null, bytes that are not UTF-8 replaced.
std::string to_json(const Results& results);

}  // namespace evengrad
