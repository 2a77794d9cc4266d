// The update rules, one pass over a parameter each: as separate statements they would read and write memory several
// times.
#pragma once

#include <evengrad/core/real.hpp>

namespace evengrad::updates {

/// What a rule needs besides its vectors; each uses some of it.
struct Rates {
  double learning_rate = 0;
  double weight_decay = 0;  // coupled: added to the gradient as weight_decay * w
  double shrink = 1;        // decoupled: w is first multiplied by this
  double momentum = 0;      // or beta1, or alpha
  double beta2 = 0;
  double eps = 0;
  double scale1 = 1;  // 1 / (1 - beta1^t)
  double scale2 = 1;  // 1 / sqrt(1 - beta2^t)
};

/// Changes w (count) from the gradient g and the state a, b (count each; null where a rule has none). With 1 net, rates
/// is for all; else nets divides the lanes of a vector, number i is of net i % nets, and each has rates of its own.
template <Real S>
using Update = void (*)(S* w, const S* g, S* a, S* b, Index count, const Rates* rates, Index nets);

template <Real S>
struct Table {
  Update<S> sgd;       // w -= lr g
  Update<S> momentum;  // a = momentum a + g; w -= lr a
  Update<S> nesterov;  // a = momentum a + g; w -= lr (g + momentum a)
  Update<S> adam;      // a, b: running means of g and g^2; w -= lr scale1 a / (sqrt(b) scale2 + eps)
  Update<S> rmsprop;   // a = alpha a + (1 - alpha) g^2; w -= lr g / (sqrt(a) + eps)
};

template <Real S>
const Table<S>& baseline_table();
template <Real S>
const Table<S>& avx2_table();
template <Real S>
const Table<S>& avx512_table();

/// The table for this machine.
template <Real S>
const Table<S>& table();

}  // namespace evengrad::updates
