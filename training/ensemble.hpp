// Trains several nets of one shape at once, net n in lane n of every vector: small nets leave most of a vector empty.
//
//   std::vector<Trainer<float>*> all;                        // each with its own net, seed, rate and data
//   for (Trainer<float>& trainer : trainers) all.push_back(&trainer);
//   for (const TrainOutcome& outcome : train_together<float>(all)) {
//     if (!outcome.error) std::cout << outcome.result.train.loss << "\n";
//   }
#pragma once

#include <evengrad/training/trainer.hpp>

#include <exception>

namespace evengrad {

/// What run() of one of several trainers returned or threw.
struct TrainOutcome {
  TrainResult result;
  std::exception_ptr error;  ///< null if nothing was thrown; a NonFiniteStep of one net does not disturb the others
};

/// When nets share vectors.
enum class SideBySide { where_it_pays, always, never };

/// Calls run() of every trainer, those alike side by side on one core: weights, optimizer states, losses and errors are
/// the same bits as alone. Alike are trainers whose nets have one shape and one activation a layer, whose data have one
/// size, and whose options differ in rate, seed and threads only. Those that why_alone() names run alone. What a hook
/// throws is its own trainer's error.
template <Real S>
std::vector<TrainOutcome> train_together(std::span<Trainer<S>* const> trainers,
                                         SideBySide when = SideBySide::where_it_pays);

/// What about this trainer keeps its net out of a shared vector (a layer that is neither linear nor an activation with
/// a name, a hook that looks into a step); empty if nothing does.
template <Real S>
std::string why_alone(const Trainer<S>& trainer);

/// Whether two nets that need not be alone may share vectors.
template <Real S>
bool alike(const Trainer<S>& a, const Trainer<S>& b);

/// Whether so many nets like this one, at most ensemble_lanes(), train faster side by side than one after another.
template <Real S>
bool pays_side_by_side(const Trainer<S>& trainer, Index nets);

/// Nets that one vector holds on this machine.
template <Real S>
Index ensemble_lanes();

}  // namespace evengrad
