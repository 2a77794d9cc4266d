// Wide random nets (Poole et al. 2016, Schoenholz et al. 2017; Roberts, Yaida and Hanin 2022): weights of variance
// sigma_w2 / fan_in and biases of variance sigma_b2 make pre-activations normal, with a variance and correlations that
// one map carries from layer to layer.
#pragma once

#include <evengrad/init/moments.hpp>

#include <array>
#include <string>
#include <string_view>
#include <vector>

namespace evengrad {

/// sigma_w2 and sigma_b2.
struct Scales {
  double weight = 1;
  double bias = 0;
};

/// f's slopes below and above 0 where it is linear on either side: (0.01, 1) for leaky_relu. Null otherwise.
std::optional<std::array<double, 2>> homogeneous_slopes(const Activation& f);

/// The next layer's pre-activation variance: sigma_w2 E[f^2] + sigma_b2 at N(0, q).
double variance_map(const Activation& f, const Scales& scales, double q);

/// The next layer's 1 - c for two inputs of variance q and correlation c; exact also where 1 - c is tiny.
double distance_map(const Activation& f, const Scales& scales, double q, double distance);

/// A variance that the map keeps. chi_parallel is the map's slope there; chi1 = sigma_w2 E[f'^2] is the factor of the
/// squared gradient a layer, and the slope of the correlation map at c = 1.
struct FixedPoint {
  double q = 0;
  double chi_parallel = 0;
  double chi1 = 0;
  bool stable() const { return chi_parallel < 1; }
};

/// All fixed points in 0 and [1e-8, 1e8], rising. None where each variance is one (ReLU at sigma_w2 = 2).
std::vector<FixedPoint> fixed_points(const Activation& f, const Scales& scales);

/// What squared gradients do in the end: vanish, stay, explode. Or the variance grows without bound; or theory is
/// silent, since moments do not exist or cannot be resolved.
enum class Phase { ordered, critical, chaotic, unbounded, unknown };
std::string_view to_string(Phase phase);

/// Where deep layers end up, and how many layers the way takes. Infinite is what grows beyond every number with depth;
/// NaN what is unknown or, of the correlation, what depends on the inputs.
struct Regime {
  FixedPoint point;              ///< q infinite if the variance grows without bound; then its and the gradient's factor
  double correlation = 1;        ///< cosine of any two inputs in the end
  double variance_depth = 0;     ///< xi_q: e-folding depth of a deviation from q; infinite at slope 1
  double correlation_depth = 0;  ///< xi_c: the same for the correlation
  double gradient_depth = 0;     ///< the layers in which the squared gradient changes by e
  Phase phase = Phase::critical;
};

/// One line: phase, fate of variance, gradient and correlation. Without inf and nan.
std::string describe(const Regime& regime);

/// The regime of a net whose first layer has pre-activations of variance q.
Regime regime(const Activation& f, const Scales& scales, double q = 1);

/// The classes of Roberts, Yaida and Hanin 2022, chapter 5.
enum class Universality { scale_invariant, k_star_zero, half_stable };
std::string_view to_string(Universality kind);

/// Scales at which chi1 = chi_parallel = 1: deep nets keep variance and gradient.
struct CriticalPoint {
  Scales scales;
  std::optional<double> q;  ///< null where every variance is kept
  Universality kind = Universality::half_stable;
};

/// The critical point: f = slope * x on either side of 0 (scale_invariant); f(0) = 0, f'(0) not 0 and the variance
/// falls slowly, as a power of depth (k_star_zero); or E[f'^2] = d E[f^2] / dq at some q (half_stable). Null where none
/// exists.
std::optional<CriticalPoint> critical_point(const Activation& f);

/// Scales with a fixed point at q and chi1 = 1 there; null where that needs a negative bias variance.
std::optional<Scales> edge_of_chaos(const Activation& f, double q);

/// The smallest such q without biases: where the line chi1 = 1 begins. Null where every net without biases is ordered
/// or none is.
std::optional<double> edge_without_bias(const Activation& f);

}  // namespace evengrad
