// Which initializer goes with an activation at a depth, why, and what a wrong pairing will do.
#pragma once

#include <evengrad/init/net_theory.hpp>

namespace evengrad {

/// What a recommendation depends on besides the activation.
struct NetKind {
  Index depth = 20;  ///< hidden layers
  bool residual = false;
  bool normalized = false;  ///< batch or layer normalization before activations
};

struct Recommendation {
  std::string init;    ///< as initializer() takes it
  std::string reason;  ///< one line
};

/// What theory prefers: a scale at which nothing changes with depth (scale-invariant activations), a stable fixed point
/// at variance 1 (SELU, normalized(f)), the critical point where the depth asks for it, else matched.
Recommendation recommend(const Activation& f, const NetKind& kind = {});

/// How far two quantities may change over a net before warnings() speaks.
struct WarningLimits {
  double gradient = 100;  ///< gradient of layer 1 over that of the last, or its inverse
  double signal = 1000;   ///< variance of the last layer over that of the first, or its inverse
};

/// One way in which theory expects a net to fail.
struct Warning {
  std::string message;  ///< a sentence with the predicted number
  /// The hidden layer, from 1, that makes more than half of the change or, where no one does, the one that it reaches
  /// last: layer 1 for a gradient, the last for a signal. 0 where all layers are alike.
  Index layer = 0;
};

/// All of them; empty for a sound net.
std::vector<Warning> warnings(const NetOptions& net, const WarningLimits& limits = {});

}  // namespace evengrad
