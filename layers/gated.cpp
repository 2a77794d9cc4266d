#include <evengrad/layers/gated.hpp>

#include <evengrad/activations/registry.hpp>
#include <evengrad/core/names.hpp>

namespace evengrad {

const std::vector<GatedInfo>& gated_layers() {
  static const std::vector<GatedInfo> list = {
      {"glu", "sigmoid", "sigmoid(x W) * (x V)", "Dauphin et al. 2017"},
      {"reglu", "relu", "max(x W, 0) * (x V)", "Shazeer 2020"},
      {"geglu", "gelu", "gelu(x W) * (x V)", "Shazeer 2020"},
      {"swiglu", "silu", "silu(x W) * (x V)", "Shazeer 2020"},
      {"bilinear", "identity", "(x W) * (x V)", "Dauphin et al. 2017"},
  };
  return list;
}

Activation gate(std::string_view name) {
  std::vector<std::string> known;
  for (const GatedInfo& info : gated_layers()) {
    if (info.name == name) return activation(info.gate);
    known.emplace_back(info.name);
  }
  throw UsageError(unknown_name("gated layer", name, known));
}

template <Real S>
Gated<S>::Gated(const GatedOptions& options)
    : gate({.inputs = options.inputs, .outputs = options.hidden, .bias = options.bias}),
      up({.inputs = options.inputs, .outputs = options.hidden, .bias = options.bias}),
      f_(options.gate) {
  if (options.outputs != 0) {
    down.push_back(Linear<S>({.inputs = options.hidden, .outputs = options.outputs, .bias = options.bias}));
  }
}

template <Real S>
Var<S> Gated<S>::forward(const Var<S>& x, const Context& context) {
  const auto inside = [&](std::string_view name, Linear<S>& layer, const Var<S>& input, const Activation& f) {
    const typename Tape<S>::Scope scope(x.tape(), name);
    return layer.forward(input, context, f);
  };
  const Var<S> hidden = inside("gate", gate, x, f_) * inside("up", up, x, Activation());
  return down.empty() ? hidden : inside("down", down.front(), hidden, Activation());
}

template <Real S>
void Gated<S>::visit(const Path& path, ParameterVisitor<S> visitor) {
  gate.visit(Path(path, "gate"), visitor);
  up.visit(Path(path, "up"), visitor);
  for (Linear<S>& layer : down) layer.visit(Path(path, "down"), visitor);
}

template <Real S>
std::string Gated<S>::describe() const {
  std::string name = "Gated " + f_.name();
  for (const GatedInfo& info : gated_layers()) {
    if (info.gate == f_.name()) name = info.name;
  }
  const Matrix<S>& w = gate.weight.value;
  return text(name, "(", w.cols(), ", ", w.rows(), down.empty() ? "" : text(", ", down.front().weight.value.rows()),
              ")");
}

template <Real S>
void Gated<S>::roles(Roles<S>& roles, const Path& path) {
  const auto input = roles.input();
  gate.roles(roles, Path(path, "gate"));
  roles.activation(f_);
  const auto hidden = roles.input();
  roles.input(input);
  up.roles(roles, Path(path, "up"));
  roles.input(hidden);  // the factor from up has mean square 1 where the initializer keeps it
  for (Linear<S>& layer : down) layer.roles(roles, Path(path, "down"));
  roles.not_plain();
}

template <Real S>
std::string Gated<S>::word() const {
  if (!down.empty() && down.front().weight.value.rows() != gate.weight.value.cols()) return Layer<S>::word();
  return text("gated(", gate.weight.value.rows(), ", ", f_.name(), gate.bias.value.size() ? ", bias=1" : "",
              down.empty() ? ", down=0)" : ")");
}

template <Real S>
Shape Gated<S>::outputs(const Shape& inputs) const {
  const Shape hidden = gate.outputs(inputs);
  return down.empty() ? hidden : down.front().outputs(hidden);
}

template class Gated<float>;
template class Gated<double>;

}  // namespace evengrad
