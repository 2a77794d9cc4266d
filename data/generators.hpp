// Synthetic data: small problems whose answer is known.
//
// Each takes how many samples to draw, the standard deviation of its Gaussian noise, and a random stream; all of them
// give the same samples for the same stream. Two inputs are called x1 and x2.
#pragma once

#include <evengrad/core/random.hpp>
#include <evengrad/data/dataset.hpp>

namespace evengrad {

/// The corners of the unit square in turn, labelled x1 xor x2, plus noise: no line parts them (Minsky and Papert 1969).
Dataset<double> xor_corners(Index samples, double noise, Rng rng);

/// Two half circles of radius 1 that reach into each other: (cos t, sin t) and (1 - cos t, 1/2 - sin t), t evenly in
/// [0, pi], plus noise (scikit-learn's make_moons).
Dataset<double> moons(Index samples, double noise, Rng rng);

/// Two circles around 0 with radius 1 and 1/2, plus noise (scikit-learn's make_circles with factor 0.5).
Dataset<double> circles(Index samples, double noise, Rng rng);

/// Two spirals of 1.75 turns each, one the other's mirror at 0: radius 6.5 - 6 t at the angle 1.75 2 pi t, t evenly in
/// [0, 1], plus noise (after Lang and Witbrock 1988, "Learning to tell two spirals apart"; theirs have three turns).
Dataset<double> spirals(Index samples, double noise, Rng rng);

/// Three round Gaussian clouds with standard deviation `noise`, at the corners of a triangle 4 away from 0.
Dataset<double> blobs(Index samples, double noise, Rng rng);

/// Regression: sin x for x uniform in [-2 pi, 2 pi], plus noise on the target.
Dataset<double> sine(Index samples, double noise, Rng rng);

/// Regression: sin x1 sin x2 for x1, x2 uniform in [-pi, pi], two hills and two hollows, plus noise on the target: no
/// sum of a function of x1 and one of x2.
Dataset<double> hills(Index samples, double noise, Rng rng);

/// Regression: what a random net answers, v.tanh(W x + b) with 16 hidden units, to 8 inputs of N(0, 1), plus noise on
/// the target. W has variance 1/8, b 1/4 and v 1/16, so that a student of the same shape can be perfect.
Dataset<double> teacher(Index samples, double noise, Rng rng);

}  // namespace evengrad
