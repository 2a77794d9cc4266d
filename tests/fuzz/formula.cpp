// Formulas in x: read, evaluated in float and double, and read again from their own name.
#include <evengrad/activations/formula.hpp>

#include <algorithm>
#include <array>
#include <cmath>

#include "target.hpp"

using namespace evengrad;

namespace {

constexpr int count = 12;

/// Values and slopes at the points.
template <class S>
using Numbers = std::array<S, 2 * count>;

/// To the last bit; which NaN it is does not matter.
template <class S>
bool same(const Numbers<S>& a, const Numbers<S>& b) {
  return std::equal(a.begin(), a.end(), b.begin(), [](S x, S y) {
    return std::isnan(x) ? std::isnan(y) : x == y && std::signbit(x) == std::signbit(y);
  });
}

template <class S>
Numbers<S> evaluate(const Activation& f) {
  const S x[count] = {0, S(-0.0), S(0.3), -1, 2, 50, -50, S(1e30), S(-1e-30), S(INFINITY), S(-INFINITY), S(NAN)};
  Numbers<S> with{};
  f(x, with.data(), with.data() + count, count);
  Numbers<S> without = with;
  f(x, without.data(), static_cast<S*>(nullptr), count);
  fuzz::expect(same<S>(with, without), "the derivative does not change the value");
  return with;
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::accepts(size, [&] {
    const Activation f = formula_activation(fuzz::text_of(data, size));
    double before = -50;
    for (const double kink : f.kinks()) {
      fuzz::expect(kink >= before && kink <= 50, "kinks ascend within [-50, 50]");
      before = kink;
    }
    const Activation again = formula_activation(f.name());
    fuzz::expect(same<float>(evaluate<float>(f), evaluate<float>(again)), "its name gives the same function in float");
    fuzz::expect(same<double>(evaluate<double>(f), evaluate<double>(again)),
                 "its name gives the same function in double");
  });
  return 0;
}
