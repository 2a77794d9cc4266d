// The documents of `list --json`, `theory --json` and `propagate --json`, as JSON objects: the program prints them and
// the page of the playground draws them.
#pragma once

#include <evengrad/activations/registry.hpp>
#include <evengrad/init/extrema.hpp>
#include <evengrad/init/mean_field.hpp>
#include <evengrad/init/moments.hpp>
#include <evengrad/init/normalized.hpp>
#include <evengrad/init/recommend.hpp>
#include <evengrad/training/propagation.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace evengrad {

/// Everything that has a name: a list each of activations, initializers, optimizers, schedules, losses, datasets and
/// health rules.
std::string lists_json();

/// Everything that follows from an activation.
struct ActivationTheory {
  Activation f;
  std::optional<NamedActivation> named;  ///< null for a formula or a wrapper
  std::string formula;
  Moments moments;
  Gains gains;
  Extrema extrema;
  std::optional<CriticalPoint> critical;
  std::vector<std::pair<Scales, Regime>> regimes;  ///< of LeCun's and He's scales
  std::optional<Repair> repaired;                  ///< null where it cannot be
  Recommendation recommended;
};

/// \param activation as activation() takes it.
ActivationTheory theory_of(std::string_view activation);

std::string theory_json(std::string_view activation);

/// Sentences about what is no number in a measurement or its theory, and why; empty where all are.
std::vector<std::string> propagation_notes(const NetOptions& net, const Propagation& measured,
                                           const NetTheory& expected);

/// A measurement beside its theory, layer by layer, with these notes.
std::string propagation_json(const NetOptions& net, const Propagation& measured, const NetTheory& expected,
                             std::uint64_t seed);

/// What the gradient's way from the last layer to the first means for training, in one line.
std::string gradient_conclusion(double ratio);

}  // namespace evengrad
