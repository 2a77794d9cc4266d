#include <evengrad/layers/layer.hpp>

namespace evengrad {

template <Real S>
void Layer<S>::roles(Roles<S>& roles, const Path& path) {
  bool any = false;
  Index outputs = 0;  // of the newest weight, until its bias is found
  visit(path, [&](const Path& name, Parameter<S>& parameter) {
    any = true;
    const Matrix<S>& value = parameter.value;
    if (!parameter.trainable) return;
    if (parameter.rank > 1) {
      outputs = value.rows();
      roles.weight(name, parameter, {.fan_in = value.cols(), .fan_out = outputs});
    } else if (outputs > 0 && value.size() == outputs) {
      roles.bias(name, parameter);
      outputs = 0;
    }
  });
  if (const Activation* f = activation(); f && !any) {
    roles.activation(*f);
  } else {
    roles.not_plain();
  }
}

template <Real S>
void Layer<S>::initialize(const Initializer& init, const Rng& rng) {
  reset();
  const auto draw = [&](Parameter<S>& parameter, const std::string& name, const Draw& how, Index gates) {
    if (gates == 1) return fill(parameter.value, how, rng.split(name));
    const Index rows = parameter.value.rows() / gates;
    for (Index gate = 0; gate < gates; ++gate) {
      Matrix<S> block(rows, parameter.value.cols());
      fill(block, how, rng.split(name).split(static_cast<std::uint64_t>(gate)));
      parameter.value.middleRows(gate * rows, rows) = block;
    }
  };
  for (const Weight<S>& weight : weights(*this)) {
    const LayerDraws draws = init(weight.role);
    draw(*weight.weight, weight.name, draws.weight, weight.role.gates);
    if (weight.bias) draw(*weight.bias, weight.bias_name, draws.bias, 1);
  }
}

template <Real S>
std::string Layer<S>::word() const {
  throw Error(describe() +
              " has no word in a net's line, so a net with it cannot be saved; give it word() and register_layer()");
}

void require_columns(const std::string& layer, Index expected, const Shape& inputs) {
  if (inputs.cols == expected) return;
  throw ShapeError(text(layer, ": expected ", expected, " inputs, got ", inputs.cols));
}

template class Layer<float>;
template class Layer<double>;

}  // namespace evengrad
