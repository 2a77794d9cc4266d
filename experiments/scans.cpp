#include <evengrad/core/bits.hpp>
#include <evengrad/experiments/scans.hpp>

#include <algorithm>
#include <cmath>
#include <limits>

namespace evengrad {

namespace {

constexpr Index block = 4096;

std::uint32_t bits_of(float x) { return bit_cast<std::uint32_t>(x); }

}  // namespace

Extremum highest(FunctionRef<double(double)> f, double low, double high) {
  constexpr int steps = 20000;
  const double width = (high - low) / steps;
  Extremum best{low, f(low)};
  for (int i = 1; i <= steps; ++i) {
    const double x = i < steps ? low + i * width : high, y = f(x);
    if (y > best.value) best = {x, y};
  }
  double a = std::max(low, best.at - width), b = std::min(high, best.at + width);
  const double golden = (std::sqrt(5.0) - 1) / 2;
  double c = b - golden * (b - a), d = a + golden * (b - a), at_c = f(c), at_d = f(d);
  while (b - a > 1e-9) {
    if (at_c > at_d) {
      b = d, d = c, at_d = at_c;
      c = b - golden * (b - a), at_c = f(c);
    } else {
      a = c, c = d, at_c = at_d;
      d = a + golden * (b - a), at_d = f(d);
    }
  }
  const double middle = (a + b) / 2, at_middle = f(middle);
  return at_middle >= best.value ? Extremum{middle, at_middle} : best;
}

Extremum lowest(FunctionRef<double(double)> f, double low, double high) {
  const Extremum e = highest([&](double x) { return -f(x); }, low, high);
  return {e.at, -e.value};
}

std::optional<float> first_float(const Activation& f, float from, float to,
                                 FunctionRef<bool(float value, float derivative)> holds) {
  std::vector<float> z(block), value(block), derivative(block);
  const std::uint32_t end = bits_of(to);
  for (std::uint32_t start = bits_of(from); start <= end; start += block) {
    const Index count = std::min<Index>(block, static_cast<Index>(end - start) + 1);
    for (Index i = 0; i < count; ++i) {
      z[static_cast<std::size_t>(i)] = bit_cast<float>(start + static_cast<std::uint32_t>(i));
    }
    f(z.data(), value.data(), derivative.data(), count);
    for (std::size_t i = 0; i < static_cast<std::size_t>(count); ++i) {
      if (holds(value[i], derivative[i])) return z[i];
    }
  }
  return std::nullopt;
}

FloatRange float_range(const Activation& f, std::uint32_t stride) {
  constexpr float infinity = std::numeric_limits<float>::infinity();
  FloatRange range{infinity, -infinity};
  std::vector<float> z, value(block);
  const auto take = [&] {
    f(z.data(), value.data(), static_cast<float*>(nullptr), static_cast<Index>(z.size()));
    for (std::size_t i = 0; i < z.size(); ++i) {
      range.least = std::min(range.least, static_cast<double>(value[i]));
      range.greatest = std::max(range.greatest, static_cast<double>(value[i]));
    }
    z.clear();
  };
  for (std::uint64_t bits = 0; bits < bits_of(infinity); bits += stride) {
    const float x = bit_cast<float>(static_cast<std::uint32_t>(bits));
    z.push_back(x);
    z.push_back(-x);
    if (z.size() == static_cast<std::size_t>(block)) take();
  }
  take();
  return range;
}

}  // namespace evengrad
