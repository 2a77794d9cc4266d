// What an activation does to a normal variable: its moments and those of its derivative, for one variable and for two
// that correlate, by quadrature split at its kinks; and the five numbers that are called its gain.
#pragma once

#include <evengrad/core/activation.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace evengrad {

/// Moments at z ~ N(mean, q). What does not exist is infinite or NaN; NaN, too, what cannot be resolved (sin from q =
/// 2e5 on, which goes up and down a thousand times within the normal).
struct Moments {
  double mean = 0;                     ///< E[f]
  double second = 0;                   ///< E[f^2]
  double variance = 0;                 ///< E[f^2] - E[f]^2
  double fourth = 0;                   ///< E[f^4]
  double derivative_mean = 0;          ///< E[f']
  double derivative_second = 0;        ///< E[f'^2]
  double derivative_fourth = 0;        ///< E[f'^4]
  double mixed = 0;                    ///< E[f^2 f'^2]
  double mean_slope = 0;               ///< d E[f] / dq
  double second_slope = 0;             ///< d E[f^2] / dq
  double derivative_second_slope = 0;  ///< d E[f'^2] / dq
  double error = 0;                    ///< estimated relative error of the first, second and derivative moments
};

/// The moments for a variance q >= 0. Derivatives with respect to q come from E[g (z^2 - 1)] / (2q) with z standard, so
/// that neither they nor anything else needs f''; at q = 0 they are 0.
Moments moments(const Activation& f, double q = 1, double mean = 0);

/// Moments of f(u) and f(v) for u, v ~ N(mean, q) with correlation 1 - distance.
struct PairMoments {
  double difference = 0;                     ///< E[(f(u) - f(v))^2] = 2 (E[f^2] - E[f(u) f(v)]), without cancellation
  double derivative_product = 0;             ///< E[f'(u) f'(v)]
  double squares_difference = 0;             ///< E[(f(u)^2 - f(v)^2)^2]
  double derivative_squares_difference = 0;  ///< E[(f'(u)^2 - f'(v)^2)^2]
  double error = 0;                          ///< estimated relative error of the first two
};

/// `distance` in [0, 2], q >= 0.
PairMoments pair_moments(const Activation& f, double q, double distance, double mean = 0);

/// P(f(z) = 0) at z ~ N(mean, q): more than 0 only where f vanishes on an interval.
double zero_probability(const Activation& f, double q, double mean = 0);

/// P(f(z_1) = ... = f(z_m) = 0) at N(mean, q) with correlation c between all pairs: the share of units that are silent
/// on all of m inputs. Negative correlations count as 0.
double silent_probability(const Activation& f, double q, double c, double m, double mean = 0);

/// The factors that are called "the gain" of an activation. Null where there is none.
struct Gains {
  std::optional<double> second_moment;  ///< 1 / sqrt(E[f^2])
  std::optional<double> fixed_point;    ///< the smallest s with E[f(s z)^2] = 1
  std::optional<double> unit_variance;  ///< 1 / sqrt(Var f)
  std::optional<double> backward;       ///< 1 / sqrt(E[f'^2])
  std::optional<double> pytorch;        ///< torch.nn.init.calculate_gain
};

/// All of them, at N(0, 1).
Gains gains(const Activation& f);

/// Their names, and the one of a name. \throws UsageError for an unknown name.
const std::vector<std::string>& gain_names();
std::optional<double> gain(const Activation& f, std::string_view name);

}  // namespace evengrad
