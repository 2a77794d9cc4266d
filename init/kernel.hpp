// Kernels of infinitely wide nets: what two inputs have in common behind an activation, in closed form or by
// quadrature; the Gaussian process that a random net is (NNGP) and its tangent kernel (NTK).
#pragma once

#include <evengrad/core/types.hpp>
#include <evengrad/init/initializer.hpp>

#include <optional>

namespace evengrad {

/// Of normal u and v without mean.
struct Covariance {
  double u = 1, v = 1;  ///< variances
  double both = 0;      ///< E[u v]
};

struct PairKernel {
  double value = 0;  ///< E[f(u) f(v)]
  double slope = 0;  ///< E[f'(u) f'(v)], the derivative of the first by E[u v] (Price 1958)
};

/// Closed forms: erf (Williams 1997), sin, gelu (Tsuchida et al. 2021) and all that are linear on either side of 0:
/// relu, leaky_relu, prelu, identity, abs(x) (Cho and Saul 2009). Null for other activations. docs/theory.md, 16.
std::optional<PairKernel> closed_kernel(const Activation& f, const Covariance& covariance);

/// The same for any f, by quadrature split at kinks, to about 1e-9. Infinite or NaN where it does not exist.
PairKernel quadrature_kernel(const Activation& f, const Covariance& covariance);

/// Of `inputs`, both (inputs, inputs) and symmetric.
struct NetKernels {
  Matrix<double> nngp;  ///< E[y y'] of an output y
  Matrix<double> ntk;   ///< sum over parameters of dy dy', each in units of its standard deviation (Jacot et al. 2018)
};

/// The kernels of a fully connected net of `depth` hidden layers and a linear output that `initializer` draws:
/// K = sigma_w2 x.x'/n + sigma_b2, then K -> sigma_w2 E[f f'] + sigma_b2; Theta = K, then
/// Theta -> K + sigma_w2 E[f' f''] Theta (Lee et al. 2018, 2019). `inputs` (samples, features).
/// \throws UsageError where weights are not random, biases are constant, or a moment does not exist.
NetKernels net_kernels(const Activation& f, const Initializer& initializer, Index depth, const Matrix<double>& inputs);

}  // namespace evengrad
