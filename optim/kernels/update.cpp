#include <evengrad/core/kernels/isa.hpp>
#include <evengrad/core/math.hpp>
#include <evengrad/optim/kernels/update.hpp>

namespace evengrad::updates {
inline namespace EVENGRAD_ISA {
namespace {

// A number of the rates in every lane, or each net's own in its lane.
template <Real S, class Number>
Lanes<S> lanes_of(const Rates* rates, Index nets, Number number) {
  if (nets == 1) return Lanes<S>(number(*rates));
  S each[Lanes<S>::size];
  for (Index n = 0; n < Lanes<S>::size; ++n) each[n] = static_cast<S>(number(rates[n % nets]));
  return Lanes<S>::load(each);
}

// Runs rule(w, g, a, b) on whole vectors and once on the rest; the rule changes w, a and b.
template <Real S, class Rule>
void for_each(S* w, const S* g, S* a, S* b, Index count, const Rates* rates, Index nets, Rule rule) {
  using L = Lanes<S>;
  const L decay = lanes_of<S>(rates, nets, [](const Rates& r) { return r.weight_decay; });
  const L shrink = lanes_of<S>(rates, nets, [](const Rates& r) { return r.shrink; });
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
    store(flushed(weight), w);
    store(first, a);
    store(second, b);
  }
}

// The running mean of squared gradients. What it leaves out as negligible changes sqrt(mean) + eps by less than half a
// unit in eps' last place, or else nothing is left out.
template <Real S>
struct Squares {
  Lanes<S> least_gradient, least_mean;

  Squares(const Rates* rates, Index nets)
      : least_gradient(lanes_of<S>(rates, nets, [](const Rates& r) { return limit(r, root); })),
        least_mean(lanes_of<S>(rates, nets, [](const Rates& r) { return limit(r, negligible<S>); })) {}

  Lanes<S> operator()(Lanes<S> mean, Lanes<S> keep, Lanes<S> take, Lanes<S> gradient) const {
    const Lanes<S> seen = flushed(gradient, least_gradient);
    return flushed(fma(keep, mean, take * seen * seen), least_mean);
  }

 private:
  static constexpr double root = sizeof(S) == sizeof(float) ? 0x1p-55 : 0x1p-495;  // of negligible<S> / (1 - beta2)
  static double limit(const Rates& r, double number) { return r.eps >= 1e-9 ? number : 0; }
};

template <Real S>
void sgd(S* w, const S* g, S* a, S* b, Index count, const Rates* rates, Index nets) {
  const Lanes<S> step = lanes_of<S>(rates, nets, [](const Rates& r) { return -r.learning_rate; });
  for_each(w, g, a, b, count, rates, nets, [=](auto& weight, auto gradient, auto&, auto&) {
    weight = fma(step, gradient, weight);
  });
}

template <Real S>
void momentum(S* w, const S* g, S* a, S* b, Index count, const Rates* rates, Index nets) {
  const Lanes<S> step = lanes_of<S>(rates, nets, [](const Rates& r) { return -r.learning_rate; });
  const Lanes<S> keep = lanes_of<S>(rates, nets, [](const Rates& r) { return r.momentum; });
  for_each(w, g, a, b, count, rates, nets, [=](auto& weight, auto gradient, auto& velocity, auto&) {
    velocity = flushed(fma(keep, velocity, gradient));
    weight = fma(step, velocity, weight);
  });
}

template <Real S>
void nesterov(S* w, const S* g, S* a, S* b, Index count, const Rates* rates, Index nets) {
  const Lanes<S> step = lanes_of<S>(rates, nets, [](const Rates& r) { return -r.learning_rate; });
  const Lanes<S> keep = lanes_of<S>(rates, nets, [](const Rates& r) { return r.momentum; });
  for_each(w, g, a, b, count, rates, nets, [=](auto& weight, auto gradient, auto& velocity, auto&) {
    velocity = flushed(fma(keep, velocity, gradient));
    weight = fma(step, fma(keep, velocity, gradient), weight);
  });
}

template <Real S>
void adam(S* w, const S* g, S* a, S* b, Index count, const Rates* rates, Index nets) {
  const auto of = [=](auto number) { return lanes_of<S>(rates, nets, number); };
  const Lanes<S> keep1 = of([](const Rates& r) { return r.momentum; });
  const Lanes<S> take1 = of([](const Rates& r) { return 1 - r.momentum; });
  const Lanes<S> keep2 = of([](const Rates& r) { return r.beta2; });
  const Lanes<S> take2 = of([](const Rates& r) { return 1 - r.beta2; });
  const Lanes<S> step = of([](const Rates& r) { return -r.learning_rate * r.scale1; });
  const Lanes<S> scale2 = of([](const Rates& r) { return r.scale2; });
  const Lanes<S> eps = of([](const Rates& r) { return r.eps; });
  const Squares<S> squares(rates, nets);
  for_each(w, g, a, b, count, rates, nets, [=](auto& weight, auto gradient, auto& mean, auto& square) {
    mean = flushed(fma(keep1, mean, take1 * gradient));
    square = squares(square, keep2, take2, gradient);
    weight = fma(step, mean / fma(sqrt(square), scale2, eps), weight);
  });
}

template <Real S>
void rmsprop(S* w, const S* g, S* a, S* b, Index count, const Rates* rates, Index nets) {
  const Lanes<S> keep = lanes_of<S>(rates, nets, [](const Rates& r) { return r.momentum; });
  const Lanes<S> take = lanes_of<S>(rates, nets, [](const Rates& r) { return 1 - r.momentum; });
  const Lanes<S> step = lanes_of<S>(rates, nets, [](const Rates& r) { return -r.learning_rate; });
  const Lanes<S> eps = lanes_of<S>(rates, nets, [](const Rates& r) { return r.eps; });
  const Squares<S> squares(rates, nets);
  for_each(w, g, a, b, count, rates, nets, [=](auto& weight, auto gradient, auto& square, auto&) {
    square = squares(square, keep, take, gradient);
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
