#include <evengrad/core/kernels/isa.hpp>
#include <evengrad/training/kernels/sums.hpp>

#include <cstring>

namespace evengrad::sums {
inline namespace EVENGRAD_ISA {
namespace {

template <Real S>
Sums add_up(const S* x, Index count) {
  constexpr int lanes = 4, chains = 2;
  typedef S Numbers __attribute__((vector_size(lanes * sizeof(S))));
  typedef double Wide __attribute__((vector_size(lanes * sizeof(double))));
  const Wide none{};
  const double first = static_cast<double>(*x);
  Wide sum[chains]{}, magnitude[chains]{}, squares[chains]{};
  Wide min[chains] = {first - none, first - none}, max[chains] = {first - none, first - none};
  Index i = 0;
  for (; i + lanes * chains <= count; i += lanes * chains) {
    for (int chain = 0; chain < chains; ++chain) {
      Numbers next;
      std::memcpy(&next, x + i + chain * lanes, sizeof next);
      const Wide wide = __builtin_convertvector(next, Wide);
      sum[chain] += wide;
      magnitude[chain] += wide < none ? -wide : wide;
      squares[chain] += wide * wide;
      min[chain] = wide < min[chain] ? wide : min[chain];
      max[chain] = wide > max[chain] ? wide : max[chain];
    }
  }
  Sums all{0, 0, 0, first, first};
  const auto bound = [&all](double low, double high) {
    all.min = low < all.min ? low : all.min;
    all.max = high > all.max ? high : all.max;
  };
  for (; i < count; ++i) {
    const auto wide = static_cast<double>(x[i]);
    all.sum += wide;
    all.magnitude += wide < 0 ? -wide : wide;
    all.squares += wide * wide;
    bound(wide, wide);
  }
  for (int chain = 0; chain < chains; ++chain) {
    for (int lane = 0; lane < lanes; ++lane) {
      all.sum += sum[chain][lane];
      all.magnitude += magnitude[chain][lane];
      all.squares += squares[chain][lane];
      bound(min[chain][lane], max[chain][lane]);
    }
  }
  return all;
}

}  // namespace
}  // namespace EVENGRAD_ISA

template <Real S>
AddUp<S> EVENGRAD_ISA_NAME(add_up)() {
  return add_up<S>;
}

template AddUp<float> EVENGRAD_ISA_NAME(add_up)<float>();
template AddUp<double> EVENGRAD_ISA_NAME(add_up)<double>();

}  // namespace evengrad::sums
