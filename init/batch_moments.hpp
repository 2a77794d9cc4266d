// What an activation does to a unit that batch normalization has normalized: for a batch of any size, not only a large
// one.
#pragma once

#include <evengrad/core/activation.hpp>

namespace evengrad {

/// Expectations over a batch: a unit's activations are f(z), its z have mean 0 and mean square `share`.
struct BatchMoments {
  double mean = 0;        ///< E[f]
  double second = 0;      ///< E[f^2]
  double gap = 0;         ///< E[(f(z) - f(z'))^2] / 2 of two samples: the batch's variance times m / (m - 1)
  double zero_below = 0;  ///< P(f = 0 and z < 0)
  double zero_above = 0;  ///< P(f = 0 and z > 0)
  double separate = 0;    ///< what the way back leaves of the mean square of gradients that are independent a sample
  double shared = 0;      ///< the same where all samples have one gradient
};

/// The moments for m samples whose pre-activations are normal, equally correlated, and then normalized: z / sqrt(share)
/// is uniform on the sphere of radius sqrt(m) in the m - 1 dimensions of mean 0. `share` is 1, or less where eps is
/// part of the variance. The way back is f'(z) and the normalization's projection, without its division by the
/// deviation. NaN for m < 4, where the inverse of a batch's variance has no mean (Yang et al. 2019).
BatchMoments batch_moments(const Activation& f, double m, double share = 1);

}  // namespace evengrad
