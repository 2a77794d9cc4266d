#include <evengrad/core/kernels/isa.hpp>
#include <evengrad/core/math.hpp>
#include <evengrad/optim/kernels/update.hpp>

namespace evengrad::updates {
inline namespace EVENGRAD_ISA {
namespace {

// Runs rule(w, g, a, b) on whole vectors and once on the rest; the rule changes w, a and b.
template <Real S, class Rule>
void for_each(S* w, const S* g, S* a, S* b, Index count, const Rates& rates, Rule rule) {
  using L = Lanes<S>;
  const L decay(rates.weight_decay), shrink(rates.shrink);
  for (Index i = 0; i < count; i += L::size) {
    const Index rest = count - i;
    const auto load = [&](const S* p) { return !p ? L(0.0) : rest >= L::size ? L::load(p + i) : L::load(p + i, rest); };
    const auto store = [&](L v, S* p) {
      if (p) rest >= L::size ? v.store(p + i) : v.store(p + i, rest);
    };
    L weight = load(w), first = load(a), second = load(b);
    const L gradient = fma(decay, weight, load(g));
    weight = weight * shrink;
    rule(weight, gradient, first, second);
    store(weight, w);
    store(first, a);
    store(second, b);
  }
}

template <Real S>
void sgd(S* w, const S* g, S* a, S* b, Index count, const Rates& rates) {
  const Lanes<S> step(-rates.learning_rate);
  for_each(w, g, a, b, count, rates, [=](auto& weight, auto gradient, auto&, auto&) {
    weight = fma(step, gradient, weight);
  });
}

template <Real S>
void momentum(S* w, const S* g, S* a, S* b, Index count, const Rates& rates) {
  const Lanes<S> step(-rates.learning_rate), keep(rates.momentum);
  for_each(w, g, a, b, count, rates, [=](auto& weight, auto gradient, auto& velocity, auto&) {
    velocity = fma(keep, velocity, gradient);
    weight = fma(step, velocity, weight);
  });
}

template <Real S>
void nesterov(S* w, const S* g, S* a, S* b, Index count, const Rates& rates) {
  const Lanes<S> step(-rates.learning_rate), keep(rates.momentum);
  for_each(w, g, a, b, count, rates, [=](auto& weight, auto gradient, auto& velocity, auto&) {
    velocity = fma(keep, velocity, gradient);
    weight = fma(step, fma(keep, velocity, gradient), weight);
  });
}

template <Real S>
void adam(S* w, const S* g, S* a, S* b, Index count, const Rates& rates) {
  const Lanes<S> keep1(rates.momentum), take1(1 - rates.momentum), keep2(rates.beta2), take2(1 - rates.beta2);
  const Lanes<S> step(-rates.learning_rate * rates.scale1), scale2(rates.scale2), eps(rates.eps);
  for_each(w, g, a, b, count, rates, [=](auto& weight, auto gradient, auto& mean, auto& square) {
    mean = fma(keep1, mean, take1 * gradient);
    square = fma(keep2, square, take2 * gradient * gradient);
    weight = fma(step, mean / fma(sqrt(square), scale2, eps), weight);
  });
}

template <Real S>
void rmsprop(S* w, const S* g, S* a, S* b, Index count, const Rates& rates) {
  const Lanes<S> keep(rates.momentum), take(1 - rates.momentum), step(-rates.learning_rate), eps(rates.eps);
  for_each(w, g, a, b, count, rates, [=](auto& weight, auto gradient, auto& square, auto&) {
    square = fma(keep, square, take * gradient * gradient);
    weight = fma(step, gradient / (sqrt(square) + eps), weight);
  });
}

}  // namespace
}  // inline namespace EVENGRAD_ISA

template <Real S>
const Table<S>& EVENGRAD_ISA_NAME(table)() {
  static const Table<S> table{sgd<S>, momentum<S>, nesterov<S>, adam<S>, rmsprop<S>};
  return table;
}

template const Table<float>& EVENGRAD_ISA_NAME(table)<float>();
template const Table<double>& EVENGRAD_ISA_NAME(table)<double>();

}  // namespace evengrad::updates
