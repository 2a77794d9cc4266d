#pragma once

#include <evengrad/layers/layer.hpp>

namespace evengrad {

/// An activation as a layer of its own; the layer before it fuses with it where it can.
template <Real S>
class ActivationLayer : public ClonableLayer<ActivationLayer<S>, S> {
 public:
  explicit ActivationLayer(Activation f) : f_(std::move(f)) {}

  using Layer<S>::forward;
  Var<S> forward(const Var<S>& x, const Context&) override { return activate(x, f_); }
  const Activation* activation() const override { return &f_; }
  void roles(Roles<S>& roles, const Path&) override { roles.activation(f_); }
  std::string describe() const override { return f_.name(); }
  std::string word() const override;

 private:
  Activation f_;
};

template <Real S>
std::string ActivationLayer<S>::word() const {
  const bool formula = f_.name().find_first_of("+-*/^ ") != std::string::npos || f_.name() == "x";
  return formula ? "act(" + f_.name() + ")" : f_.name();
}

}  // namespace evengrad
