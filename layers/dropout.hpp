#pragma once

#include <evengrad/core/numbers.hpp>
#include <evengrad/layers/layer.hpp>

namespace evengrad {

/// x * mask; the mask is 0 with probability p, else 1 / (1 - p), so that the mean is kept.
template <Real S>
struct Drop {
  static constexpr std::string_view name = "dropout";
  double p = 0;
  Rng rng{0};               // read by forward only
  const S* mask = nullptr;  // of x's shape

  void forward(Forward<S>& step);
  void pull(Pull<S>& step) const;
};

/// Dropout (Srivastava et al. 2014), inverted: training drops a share p of the values and scales the others; evaluation
/// is the identity. The mask comes from the stream `context.rng.split(scope of the layer)`: it depends on the seed, the
/// step and the layer's name, and on nothing that was drawn before.
template <Real S>
class Dropout : public ClonableLayer<Dropout<S>, S> {
 public:
  /// \throws UsageError unless p is in [0, 1).
  explicit Dropout(double p);

  using Layer<S>::forward;
  Var<S> forward(const Var<S>& x, const Context& context) override;
  void roles(Roles<S>& roles, const Path&) override { roles.dropout(p_), roles.not_plain(); }
  std::string describe() const override { return text("Dropout(", p_, ")"); }
  std::string word() const override { return "dropout(" + number_text(p_) + ")"; }

 private:
  double p_;
};

}  // namespace evengrad
