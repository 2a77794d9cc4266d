// The documents of `theory --json` and `propagate --json`, as JSON objects: the program prints them and the page of the
// playground draws them.
#pragma once

#include <evengrad/training/propagation.hpp>

#include <string>
#include <string_view>

namespace evengrad {

/// Everything that follows from an activation, given as activation() takes it: moments, gains, extrema, critical point,
/// repair and recommended initializer.
std::string theory_json(std::string_view activation);

/// A measurement beside its theory, layer by layer.
std::string propagation_json(const NetOptions& net, const Propagation& measured, const NetTheory& expected,
                             std::uint64_t seed);

/// What the gradient's way from the last layer to the first means for training, in one line.
std::string gradient_conclusion(double ratio);

}  // namespace evengrad
