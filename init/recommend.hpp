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

/// A sentence for each way in which theory expects this net to fail, with the predicted numbers; empty for a sound net.
std::vector<std::string> warnings(const NetOptions& net, const WarningLimits& limits = {});

}  // namespace evengrad
