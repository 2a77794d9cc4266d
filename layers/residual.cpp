#include <evengrad/layers/residual.hpp>

namespace evengrad {

template <Real S>
Var<S> Residual<S>::forward(const Var<S>& x, const Context& context) {
  const auto inside = [&] {
    const typename Tape<S>::Scope scope(x.tape(), "inner");
    return inner.forward(x, context);
  };
  const Var<S> y = inside();
  if (y.shape() != x.shape()) {
    throw ShapeError(text("[residual] input is ", x.shape(), ", the inner layers give ", y.shape(),
                          ": expected the same shape, to add them"));
  }
  return x + y;
}

template <Real S>
void Residual<S>::roles(Roles<S>& roles, const Path& path) {
  roles.begin_residual();
  inner.roles(roles, Path(path, "inner"));
  roles.end_residual();
}

template <Real S>
Shape Residual<S>::outputs(const Shape& inputs) const {
  const Shape given = inner.outputs(inputs);
  if (given != inputs) {
    throw ShapeError(
        text(describe(), ": the inner layers make ", given, " of ", inputs, ": expected the same shape, to add them"));
  }
  return inputs;
}

template class Residual<float>;
template class Residual<double>;

}  // namespace evengrad
