#pragma once

#include <evengrad/core/sequence_ops.hpp>
#include <evengrad/layers/layer.hpp>

namespace evengrad {

/// The last row of each sample that is no padding: (batch, time, features) -> (batch, features).
template <Real S>
class Last : public ClonableLayer<Last<S>, S> {
 public:
  using Layer<S>::forward;
  Var<S> forward(const Var<S>& x, const Context&) override { return last(x); }
  void roles(Roles<S>& roles, const Path&) override { roles.not_plain(); }
  std::string describe() const override { return "Last"; }
  std::string word() const override { return "last"; }
  Shape outputs(const Shape& inputs) const override { return {inputs.blocks, inputs.cols}; }
};

}  // namespace evengrad
