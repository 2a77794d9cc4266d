#include <evengrad/layers/residual.hpp>

namespace evengrad {

template <Real S>
Var<S> Residual<S>::forward(const Var<S>& x, const Context& context) {
  const auto inside = [&](std::string_view name, Sequential<S>& layers) {
    const typename Tape<S>::Scope scope(x.tape(), name);
    return layers.forward(x, context);
  };
  const Var<S> y = inside("inner", inner), carried = shortcut ? inside("shortcut", *shortcut) : x;
  if (y.shape() != carried.shape()) {
    throw ShapeError(text("[residual] input is ", x.shape(), ", the inner layers give ", y.shape(), ", the shortcut ",
                          carried.shape(), ": expected the same shape, to add them"));
  }
  return carried + y;
}

template <Real S>
void Residual<S>::visit(const Path& path, ParameterVisitor<S> visitor) {
  inner.visit(Path(path, "inner"), visitor);
  if (shortcut) shortcut->visit(Path(path, "shortcut"), visitor);
}

template <Real S>
void Residual<S>::roles(Roles<S>& roles, const Path& path) {
  const auto input = roles.input();
  roles.begin_residual();
  inner.roles(roles, Path(path, "inner"));
  roles.end_residual();
  if (!shortcut) return;
  roles.input(input);
  shortcut->roles(roles, Path(path, "shortcut"));
}

template <Real S>
void Residual<S>::reset() {
  inner.reset();
  if (shortcut) shortcut->reset();
}

template <Real S>
std::string Residual<S>::describe() const {
  return "Residual(" + inner.describe() + (shortcut ? "; shortcut " + shortcut->describe() : "") + ")";
}

template <Real S>
std::string Residual<S>::word() const {
  if (!shortcut) return Layer<S>::word();  // in a line the sum is its Sequential's
  return "residual(" + inner.word() + ", shortcut=" + shortcut->word() + ")";
}

template <Real S>
Shape Residual<S>::outputs(const Shape& inputs) const {
  const Shape given = inner.outputs(inputs), carried = shortcut ? shortcut->outputs(inputs) : inputs;
  if (given != carried) {
    throw ShapeError(text("its layers make ", given, " of ", inputs, ", the shortcut ", carried,
                          ": expected the same shape, to add them"));
  }
  return given;
}

template class Residual<float>;
template class Residual<double>;

}  // namespace evengrad
