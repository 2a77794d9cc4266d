// Hidden layers that are no activation of one number: a random mask, and a softmax over the whole layer.
#pragma once

#include <evengrad/layers/linear.hpp>
#include <evengrad/layers/mlp.hpp>
#include <evengrad/layers/softmax.hpp>

#include <cmath>

namespace evengrad {

/// x m with m ~ Bernoulli(Phi(x)) in training, its mean x Phi(x), which is GELU, in evaluation: the "SOI map" of
/// Hendrycks and Gimpel 2016. Gradients flow where m = 1.
template <Real S>
class StochasticMask : public ClonableLayer<StochasticMask<S>, S> {
 public:
  using Layer<S>::forward;
  Var<S> forward(const Var<S>& x, const Context& context) override {
    Rng rng = context.rng.split(x.tape().scope());
    const ConstMap<S> z = x.value();
    return x * x.tape().constant(x.shape(), [&](MutableMap<S> mask) {
      for (Index i = 0; i < mask.size(); ++i) {
        const double share = std::erfc(-static_cast<double>(z.data()[i]) * std::sqrt(0.5)) / 2;
        mask.data()[i] = static_cast<S>(context.training ? rng.uniform() < share : share);
      }
    });
  }
  std::string describe() const override { return "StochasticMask"; }
};

/// factor softmax(x) over the units of a layer.
template <Real S>
class HiddenSoftmax : public ClonableLayer<HiddenSoftmax<S>, S> {
 public:
  explicit HiddenSoftmax(double factor) : factor_(factor) {}

  using Layer<S>::forward;
  Var<S> forward(const Var<S>& x, const Context&) override { return scale(softmax(x), factor_); }
  std::string describe() const override { return text("HiddenSoftmax(", factor_, ")"); }

 private:
  double factor_;
};

/// Puts a copy of `layer` in the place of every hidden activation; weights stay.
template <Real S, class L>
void replace_activations(Sequential<S>& net, const L& layer) {
  Sequential<S> layers("layers");
  for (std::size_t i = 0; i < net.size(); ++i) {
    if (const auto* linear = dynamic_cast<const Linear<S>*>(&net[i])) {
      layers.add(*linear);
    } else {
      layers.add(layer);
    }
  }
  net = std::move(layers);
}

}  // namespace evengrad
