#include <evengrad/layers/tied_head.hpp>

namespace evengrad {

template <Real S>
Var<S> TiedHead<S>::forward(const Var<S>& x, const Context&, const Activation& f) {
  return affine(x, x.tape().parameter(embedding_->weight), Var<S>(), f);
}

template <Real S>
std::string TiedHead<S>::describe() const {
  return text("TiedHead(", embedding_->weight.value.cols(), ", ", embedding_->weight.value.rows(), ")");
}

template <Real S>
Shape TiedHead<S>::outputs(const Shape& inputs) const {
  require_columns(describe(), embedding_->weight.value.cols(), inputs);
  return inputs.with_cols(embedding_->weight.value.rows());
}

template class TiedHead<float>;
template class TiedHead<double>;

}  // namespace evengrad
