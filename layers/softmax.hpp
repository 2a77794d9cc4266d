// Softmax and log-softmax as output layers. To train a classifier use softmax_cross_entropy on the logits instead: it
// is more accurate.
#pragma once

#include <evengrad/layers/layer.hpp>

namespace evengrad {

/// softmax(x / temperature), each row by itself; with `logarithm` its log.
template <Real S>
struct RowSoftmax {
  static constexpr std::string_view name = "softmax";
  double temperature = 1;
  bool logarithm = false;
  const S* probabilities = nullptr;  // (B, C)

  void forward(Forward<S>& step);
  void pull(Pull<S>& step) const;
};

/// softmax(x / temperature) of each row: positive numbers that sum to 1.
/// \throws UsageError unless the temperature is positive and finite.
template <Real S>
Var<S> softmax(const Var<S>& x, double temperature = 1);

/// log softmax(x / temperature) of each row, where it is not rounded to 0 first.
/// \throws UsageError unless the temperature is positive and finite.
template <Real S>
Var<S> log_softmax(const Var<S>& x, double temperature = 1);

/// softmax() as a layer.
template <Real S>
class Softmax : public ClonableLayer<Softmax<S>, S> {
 public:
  explicit Softmax(double temperature = 1) : temperature_(temperature) {}

  using Layer<S>::forward;
  Var<S> forward(const Var<S>& x, const Context&) override { return softmax(x, temperature_); }
  std::string describe() const override { return text("Softmax(temperature ", temperature_, ")"); }

 private:
  double temperature_;
};

/// log_softmax() as a layer.
template <Real S>
class LogSoftmax : public ClonableLayer<LogSoftmax<S>, S> {
 public:
  explicit LogSoftmax(double temperature = 1) : temperature_(temperature) {}

  using Layer<S>::forward;
  Var<S> forward(const Var<S>& x, const Context&) override { return log_softmax(x, temperature_); }
  std::string describe() const override { return text("LogSoftmax(temperature ", temperature_, ")"); }

 private:
  double temperature_;
};

}  // namespace evengrad
