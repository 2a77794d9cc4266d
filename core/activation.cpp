#include <evengrad/core/activation.hpp>

#include <evengrad/core/kernels/kernels.hpp>

#include <algorithm>
#include <array>
#include <cmath>

namespace evengrad {

namespace {
template <Real S>
void identity(const void*, const S* z, S* value, S* derivative, Index count) {
  if (value != z) std::copy_n(z, count, value);
  if (derivative) std::fill_n(derivative, count, S(1));
}
}  // namespace

Activation::Activation() : name_("identity"), kernels_{identity<float>, identity<double>} {}

// Tried at floats up to where exp(x) is 0: every tail passes through here, and what is 0 or 1 has none.
bool Activation::fades() const {
  if (!kernels_.f32) return false;  // a handle without a function
  std::array<float, 448> y, slopes;
  for (std::size_t i = 0; i < y.size(); ++i) y[i] = 0.5f * (static_cast<float>(i) - 223.5f);
  (*this)(y.data(), y.data(), slopes.data(), y.size());
  const auto tiny = [](float x) { return x != 0 && std::abs(x) < negligible<float>; };
  return std::any_of(y.begin(), y.end(), tiny) || std::any_of(slopes.begin(), slopes.end(), tiny);
}

template <Real S>
void Activation::apply(const S* z, S* value, S* derivative, Index count) const {
  (*this)(z, value, derivative, count);
  if (!fades_) return;
  kernels::kernels<S>().flush(value, count);
  if (derivative) kernels::kernels<S>().flush(derivative, count);
}

template void Activation::apply(const float*, float*, float*, Index) const;
template void Activation::apply(const double*, double*, double*, Index) const;

double Activation::value(double z) const {
  double y;
  (*this)(&z, &y, static_cast<double*>(nullptr), 1);
  return y;
}

double Activation::derivative(double z) const {
  double y, dy;
  (*this)(&z, &y, &dy, 1);
  return dy;
}

}  // namespace evengrad
