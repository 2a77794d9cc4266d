#pragma once

#include <evengrad/layers/embedding.hpp>

namespace evengrad {

/// x E^T, with the weight E (tokens, width) of the embedding before it in the same Sequential (Press and Wolf 2017):
/// (batch, time, width) -> (batch, time, tokens). A copy of the Sequential ties the copies.
template <Real S>
class TiedHead : public ClonableLayer<TiedHead<S>, S> {
 public:
  explicit TiedHead(Embedding<S>& embedding) { tie(embedding); }
  void tie(Embedding<S>& embedding) {
    embedding_ = &embedding;
    embedding.tied = true;
  }

  using Layer<S>::forward;
  Var<S> forward(const Var<S>& x, const Context& context) override { return forward(x, context, Activation()); }
  Var<S> forward(const Var<S>& x, const Context& context, const Activation& f) override;
  void roles(Roles<S>& roles, const Path&) override { roles.not_plain(); }
  std::string describe() const override;
  std::string word() const override { return "head(tied=1)"; }
  Shape outputs(const Shape& inputs) const override;

 private:
  Embedding<S>* embedding_;
};

}  // namespace evengrad
