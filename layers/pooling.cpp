#include <evengrad/layers/pooling.hpp>

namespace evengrad {

namespace {

Window touching(std::string_view layer, Index size, Index stride) {
  if (size < 1 || stride < 0) {
    throw UsageError(text(layer, ": size and stride must be positive, got ", size, " and ", stride));
  }
  return {size, stride == 0 ? size : stride};
}

std::string arguments(const Window& window) {
  return text("(", window.size, window.stride == window.size ? ")" : text(", stride=", window.stride, ")"));
}

}  // namespace

template <Real S>
MaxPool<S>::MaxPool(Index size, Index stride) : window_(touching("max pool", size, stride)) {}

template <Real S>
std::string MaxPool<S>::describe() const {
  return "MaxPool" + arguments(window_);
}

template <Real S>
std::string MaxPool<S>::word() const {
  return "maxpool" + arguments(window_);
}

template <Real S>
AvgPool<S>::AvgPool(Index size, Index stride) : window_(touching("average pool", size, stride)) {}

template <Real S>
std::string AvgPool<S>::describe() const {
  return "AvgPool" + arguments(window_);
}

template <Real S>
std::string AvgPool<S>::word() const {
  return "avgpool" + arguments(window_);
}

template class MaxPool<float>;
template class MaxPool<double>;
template class AvgPool<float>;
template class AvgPool<double>;

}  // namespace evengrad
