#include <evengrad/layers/concat.hpp>

#include <evengrad/core/image_ops.hpp>

namespace evengrad {

template <Real S>
Var<S> Concat<S>::forward(const Var<S>& x, const Context& context) {
  const auto inside = [&] {
    const typename Tape<S>::Scope scope(x.tape(), "inner");
    return inner.forward(x, context);
  };
  return concat(x, inside());
}

template <Real S>
void Concat<S>::roles(Roles<S>& roles, const Path& path) {
  inner.roles(roles, Path(path, "inner"));
  roles.not_plain();
}

template <Real S>
Shape Concat<S>::outputs(const Shape& inputs) const {
  const Shape given = inner.outputs(inputs);
  if (given.with_cols(inputs.cols) != inputs) {
    throw ShapeError(text("its layers make ", given, " of ", inputs,
                          ": expected the same but for the last, to put them side by side"));
  }
  return inputs.with_cols(inputs.cols + given.cols);
}

template class Concat<float>;
template class Concat<double>;

}  // namespace evengrad
