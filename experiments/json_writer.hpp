#pragma once

#include <evengrad/experiments/comparison.hpp>
#include <evengrad/experiments/trained_map.hpp>

namespace evengrad {

/// The results as the JSON document of `run --json` and DIR/results.json, described in docs: numbers with full
/// precision, non-finite ones as null, bytes that are not UTF-8 replaced.
std::string to_json(const Results& results);

/// The JSON document of `compare --json`, in the same manner. `command` is what to type to have it again.
std::string to_json(const Comparison& comparison, const std::string& command, std::uint64_t seed, double seconds);

/// The JSON document of `compare --map --json`: one list a row of pixels, from the lowest value of the axes.
std::string to_json(const TrainedMap& map, const std::string& command, std::uint64_t seed, double seconds);

}  // namespace evengrad
