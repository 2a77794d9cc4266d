#include <evengrad/layers/dropout.hpp>

#include <evengrad/core/kernels/kernels.hpp>

namespace evengrad {

template <Real S>
void Drop<S>::forward(Forward<S>& step) {
  const Index count = step.shape().size();
  const S kept = static_cast<S>(1 / (1 - p));
  const auto threshold = static_cast<std::uint64_t>(p * 0x1p32);
  S* to = step.keep(count);
  for (Index i = 0; i < count; i += 2) {  // one draw serves two numbers
    const std::uint64_t bits = rng.next();
    to[i] = (bits & 0xffffffff) < threshold ? S(0) : kept;
    if (i + 1 < count) to[i + 1] = (bits >> 32) < threshold ? S(0) : kept;
  }
  mask = to;
  kernels::kernels<S>().multiply(step.input(0).data(), mask, step.output().data(), count, false);
}

template <Real S>
void Drop<S>::pull(Pull<S>& step) const {
  const Target<S> to = step.target(0);
  kernels::kernels<S>().multiply(step.gradient().data(), mask, to.data, step.shape().size(), to.accumulate);
}

template <Real S>
Dropout<S>::Dropout(double p) : p_(p) {
  if (!(p >= 0 && p < 1)) throw UsageError(text("dropout must be in [0, 1), got ", p));
}

template <Real S>
Var<S> Dropout<S>::forward(const Var<S>& x, const Context& context) {
  if (!context.training || p_ == 0) return x;
  return x.tape().record(Drop<S>{p_, context.rng.split(x.tape().scope())}, x.shape(), {x});
}

template struct Drop<float>;
template struct Drop<double>;
template class Dropout<float>;
template class Dropout<double>;

}  // namespace evengrad
