#include <evengrad/layers/positions.hpp>

#include <evengrad/core/math.hpp>
#include <evengrad/core/sequence_ops.hpp>

namespace evengrad {

template <Real S>
Positions<S>::Positions(const PositionOptions& options) : kind_(options.kind) {
  if (options.rows < 1 || options.width < 1) {
    throw UsageError(
        text("positions need at least one row and one column, got ", options.rows, " and ", options.width));
  }
  weight.value.setZero(options.rows, options.width);
  if (kind_ == PositionKind::learned) return;
  weight.trainable = false;
  for (Index c = 0; c < options.width; ++c) {
    const double share = static_cast<double>(c - c % 2) / static_cast<double>(options.width);
    const double rate = pow(10'000.0, Lanes<double>(-share))[0];
    for (Index t = 0; t < options.rows; ++t) {
      const Lanes<double> angle(static_cast<double>(t) * rate);
      weight.value(t, c) = static_cast<S>((c % 2 == 0 ? sin(angle) : cos(angle))[0]);
    }
  }
}

template <Real S>
Var<S> Positions<S>::forward(const Var<S>& x, const Context&) {
  return add_positions(x, x.tape().parameter(weight));
}

template <Real S>
void Positions<S>::visit(const Path& path, ParameterVisitor<S> visitor) {
  if (kind_ == PositionKind::learned) visitor(Path(path, "weight"), weight);
}

template <Real S>
void Positions<S>::roles(Roles<S>& roles, const Path& path) {
  if (kind_ == PositionKind::learned) {
    roles.weight(Path(path, "weight"), weight,
                 {.fan_in = 1, .fan_out = weight.value.cols(), .kind = WeightKind::embedding});
  }
  roles.not_plain();
}

template <Real S>
std::string Positions<S>::describe() const {
  return text("Positions(", weight.value.rows(), ", ", weight.value.cols(), ", ", choice_word(kind_), ")");
}

template <Real S>
Shape Positions<S>::outputs(const Shape& inputs) const {
  require_columns(describe(), weight.value.cols(), inputs);
  if (inputs.rows > weight.value.rows()) {
    throw ShapeError(text(describe(), ": expected at most ", weight.value.rows(), " rows a sample, got ", inputs.rows));
  }
  return inputs;
}

template class Positions<float>;
template class Positions<double>;

}  // namespace evengrad
