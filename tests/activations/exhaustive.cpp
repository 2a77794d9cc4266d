// Every built-in activation at every float there is, 2^32 of them, for every instruction set that this machine has.
//
// The exact values are those of references.hpp in double, from the C library: they are wrong by a few units of 2^-53,
// times the condition number, where the bound is 4 units of 2^-24 times it. Within a block of neighbours, which differ
// by a thousandth, nearly all of these functions are a polynomial to 1e-12. So the reference is asked at the nodes of
// one, then at both ends of the block and where the polynomial is least sure; if it agrees to 1e-12 of itself there,
// the polynomial stands in for it in the block, else the reference is asked for every number. A result that is worse
// than the worst so far is always held against the reference itself.
//
// EVENGRAD_FLOAT_STRIDE=1000 looks at every 1000th block only, and at the last one.
#include "builtins.hpp"
#include "references.hpp"

#include <evengrad/core/lanes.hpp>
#include <evengrad/core/parallel.hpp>

#include <bit>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <mutex>
#include <thread>
#include <vector>

namespace evengrad {
namespace {

constexpr std::uint32_t infinity_bits = 0x7f800000, sign = 0x80000000;
constexpr std::uint32_t numbers = 2 * (infinity_bits + 1);  // all floats but the NaNs
constexpr std::uint32_t block = 1 << 14;
constexpr std::uint32_t blocks = (numbers + block - 1) / block;

/// The floats in their order, -inf first, +inf last.
float in_order(std::uint32_t i) {
  return std::bit_cast<float>(i <= infinity_bits ? sign | (infinity_bits - i) : i - infinity_bits - 1);
}

using L = Lanes<double>;

L magnitude(L a) { return where(a < L(0.0), -a, a); }
L larger(L a, L b) { return where(a < b, b, a); }
L smaller(L a, L b) { return where(b < a, b, a); }

/// The polynomial through a function's values at the Chebyshev nodes of [-1, 1].
class Polynomial {
 public:
  static constexpr int size = 10;
  static double node(int k) { return std::cos((k + 0.5) * std::numbers::pi / size); }
  /// Where it is least sure: between the nodes, k = 1 to size - 1.
  static double between(int k) { return std::cos(k * std::numbers::pi / size); }

  explicit Polynomial(const double (&at_nodes)[size]) {
    for (int k = 0; k < size; ++k) {
      double sum = 0;
      for (int j = 0; j < size; ++j) sum += at_nodes[j] * std::cos(k * (j + 0.5) * std::numbers::pi / size);
      terms_[k] = sum * (k == 0 ? 1 : 2) / size;
    }
  }

  /// Its value, by Clenshaw's recurrence.
  template <class T>
  T operator()(T t) const {
    T one(0.0), two(0.0);
    for (int k = size - 1; k > 0; --k) {
      const T next = T(terms_[k]) + (t + t) * one - two;
      two = one;
      one = next;
    }
    return T(terms_[0]) + t * one - two;
  }

 private:
  double terms_[size];
};

/// A block of neighbours in their order, and the first number of the next block, so that no step from one to the next
/// is missed; with the exact values and slopes. Rows are filled up to whole vectors with the last number.
struct Block {
  std::size_t count = 0, filled = 0;
  std::vector<float> x;
  std::vector<double> wide, value, slope;  // x in double, f(x), f'(x)
  std::vector<double> unit;  // an ulp of f(x) as a float, times its condition number where that is above 1
  L low, high;               // of f
  bool by_polynomial = false;

  void take(const Reference<double>& reference, const Kinks& kinks, std::uint32_t number) {
    const std::uint32_t begin = number * block;
    count = std::min(block + 1, numbers - begin);
    filled = (count + L::size - 1) / L::size * L::size;
    x.resize(filled);
    for (auto* row : {&wide, &value, &slope, &unit}) row->resize(filled);
    for (std::size_t i = 0; i < filled; ++i) {
      wide[i] = x[i] = in_order(begin + static_cast<std::uint32_t>(std::min(i, count - 1)));
    }
    by_polynomial = take_polynomials(reference, kinks);
    for (std::size_t i = 0; i < filled && !by_polynomial; ++i) {
      const Point<double> exact = reference(wide[i]);
      value[i] = exact.value, slope[i] = exact.slope;
    }
    take_units();
  }

 private:
  bool take_polynomials(const Reference<double>& reference, const Kinks& kinks) {
    const double low = wide.front(), high = wide.back(), middle = low / 2 + high / 2, radius = high / 2 - low / 2;
    if (!std::isfinite(radius)) return false;
    for (const double kink : kinks) {
      if (low <= kink && kink <= high) return false;
    }
    double values[Polynomial::size], slopes[Polynomial::size];
    for (int k = 0; k < Polynomial::size; ++k) {
      const Point<double> exact = reference(middle + radius * Polynomial::node(k));
      values[k] = exact.value, slopes[k] = exact.slope;
    }
    const Polynomial f(values), df(slopes);
    const auto agrees = [&](double at) {
      const double t = (at - middle) / radius;
      const Point<double> exact = reference(at);
      return std::abs(f(t) - exact.value) <= 1e-12 * std::abs(exact.value) &&
             std::abs(df(t) - exact.slope) <= 1e-12 * std::abs(exact.slope);
    };
    if (!agrees(low) || !agrees(high)) return false;
    for (int k = 1; k < Polynomial::size; ++k) {
      if (!agrees(middle + radius * Polynomial::between(k))) return false;
    }
    for (std::size_t i = 0; i < filled; i += L::size) {
      const L t = (L::load(&wide[i]) - L(middle)) / L(radius);
      f(t).store(&value[i]);
      df(t).store(&slope[i]);
    }
    return true;
  }

  void take_units() {
    low = high = L(value.front());
    for (std::size_t i = 0; i < filled; i += L::size) {
      const L f = L::load(&value[i]);
      low = smaller(low, f), high = larger(high, f);
      const L power = L::from_bits(f.bits() & std::int64_t{0x7ff} << 52);  // of two, |f| rounded down to it
      const L condition = magnitude(L::load(&wide[i]) * L::load(&slope[i])) / magnitude(f);
      const L above = where(magnitude(f) > L(0.0), larger(L(1.0), condition), L(1.0));
      (larger(power * L(0x1p-23), L(0x1p-149)) * above).store(&unit[i]);
    }
  }
};

constexpr std::size_t isas = std::size(every_isa);

struct Found {
  Accuracy<float, double> accuracy[isas];
  std::string wrong;
  std::uint64_t count = 0, by_polynomial = 0;

  void merge(const Found& other) {
    for (std::size_t k = 0; k < isas; ++k) accuracy[k].merge(other.accuracy[k]);
    if (wrong.empty()) wrong = other.wrong;
    count += other.count;
    by_polynomial += other.by_polynomial;
  }
};

/// Holds a kernel's results against the exact ones: all of them at once, then each that is worse than the worst so far.
void judge(const Block& exact, const std::vector<float>& value, const std::vector<float>& slope,
           const Reference<double>& reference, Accuracy<float, double>& accuracy) {
  constexpr std::size_t group = 64;
  double y[group], dy[group];
  L low(HUGE_VAL), high(-HUGE_VAL);
  for (std::size_t begin = 0; begin < exact.filled; begin += group) {
    const std::size_t end = std::min(exact.filled - begin, group);
    for (std::size_t i = 0; i < end; ++i) y[i] = value[begin + i], dy[i] = slope[begin + i];
    // Less than a hundredth of an ulp is what the polynomials' own rounding may look like.
    const L ulps(std::max(accuracy.ulps.error, 0.01)), slopes(std::max(accuracy.slopes.error, 1e-10));
    const auto fine = [&](std::size_t i) {
      const L df = L::load(&exact.slope[begin + i]), got = L::load(&y[i]), got_slope = L::load(&dy[i]);
      return (magnitude(got - L::load(&exact.value[begin + i])) <= ulps * L::load(&exact.unit[begin + i])) &
             (got_slope * df >= L(0.0)) & (magnitude(got_slope - df) <= slopes * larger(magnitude(df), L(1.0)));
    };
    Mask<double> all = L(0.0) == L(0.0);
    for (std::size_t i = 0; i < end; i += L::size) {
      all = all & fine(i);
      low = smaller(low, L::load(&y[i])), high = larger(high, L::load(&y[i]));
    }
    bool all_fine = true;
    for (Index lane = 0; lane < L::size; ++lane) all_fine = all_fine && all.v[lane];
    for (std::size_t i = 0; i < end && !all_fine; i += L::size) {
      const Mask<double> these = fine(i);
      for (Index lane = 0; lane < L::size; ++lane) {
        const std::size_t at = begin + i + static_cast<std::size_t>(lane);
        if (these.v[lane] || at >= exact.count) continue;
        accuracy.take(reference, exact.x[at], reference(exact.wide[at]), value[at], slope[at]);
      }
    }
  }
  for (Index lane = 0; lane < L::size; ++lane) {
    accuracy.low = std::min(accuracy.low, static_cast<float>(low[lane]));
    accuracy.high = std::max(accuracy.high, static_cast<float>(high[lane]));
    accuracy.exact_low = std::min(accuracy.exact_low, exact.low[lane]);
    accuracy.exact_high = std::max(accuracy.exact_high, exact.high[lane]);
  }
}

/// Everything that is written while some blocks are looked at.
struct Scratch {
  Block exact;
  std::vector<float> value, slope, alone;
};

/// One block on every instruction set.
void look(const Reference<double>& reference, const Activation (&activations)[isas], bool never_falls,
          std::uint32_t number, Scratch& scratch, Found& found) {
  auto& [exact, value, slope, alone] = scratch;
  exact.take(reference, activations[0].kinks(), number);
  const std::size_t count = exact.filled;
  for (auto* row : {&value, &slope, &alone}) row->resize(count);
  found.count += std::min<std::uint64_t>(block, exact.count);
  found.by_polynomial += exact.by_polynomial ? block : 0;
  for (std::size_t k = 0; k < isas; ++k) {
    if (!kernels::builtins(every_isa[k])) continue;
    const auto size = static_cast<Index>(count);
    activations[k](exact.x.data(), value.data(), slope.data(), size);
    activations[k](exact.x.data(), alone.data(), static_cast<float*>(nullptr), size);
    if (std::memcmp(value.data(), alone.data(), count * sizeof(float)) != 0) {
      found.wrong = text("another value without the derivative, from ", exact.x[0]);
    }
    if (never_falls) {
      int falls = 0;
      for (std::size_t i = 1; i < count; ++i) falls += value[i] < value[i - 1];
      if (falls > 0) found.wrong = text("falls between ", exact.x[0], " and ", exact.x[count - 1]);
    }
    judge(exact, value, slope, reference, found.accuracy[k]);
  }
}

std::uint32_t stride() {
  const char* text = std::getenv("EVENGRAD_FLOAT_STRIDE");
  return text ? static_cast<std::uint32_t>(std::max(1, std::atoi(text))) : 1;
}

template <class F>
Activation activation(std::size_t isa) {
  return kernels::builtins(every_isa[isa]) ? builtin<F>(every_isa[isa]) : Activation();
}

template <class F>
class EveryFloat : public testing::Test {};
TYPED_TEST_SUITE(EveryFloat, BuiltinTypes, BuiltinName);

TYPED_TEST(EveryFloat, IsWithinTheBounds) {
  const std::string name(TypeParam::name);
  const auto all = references<double>();
  const Reference<double>& reference = all.at(name);
  const bool valley = has_valley(name), never_falls = !valley && name != "sin";
  const auto start = std::chrono::steady_clock::now();

  const Activation activations[isas] = {activation<TypeParam>(0), activation<TypeParam>(1), activation<TypeParam>(2)};

  ThreadPool pool(std::max(1, static_cast<int>(std::thread::hardware_concurrency())));
  Found found;
  std::mutex merging;
  const std::uint32_t step = stride();
  constexpr std::uint32_t piece_size = 256;
  const std::uint32_t looks = (blocks - 1 + step - 1) / step + 1;  // the first block and the last one always
  pool.run(static_cast<int>((looks + piece_size - 1) / piece_size), [&](int piece) {
    Found some;
    {
      const std::lock_guard<std::mutex> lock(merging);
      for (std::size_t k = 0; k < isas; ++k) {  // what is no worse than these need not be looked at twice
        some.accuracy[k].ulps = found.accuracy[k].ulps;
        some.accuracy[k].slopes = found.accuracy[k].slopes;
      }
    }
    Scratch scratch;
    const std::uint32_t begin = static_cast<std::uint32_t>(piece) * piece_size;
    for (std::uint32_t i = begin; i < std::min(begin + piece_size, looks); ++i) {
      look(reference, activations, never_falls, std::min(i * step, blocks - 1), scratch, some);
    }
    const std::lock_guard<std::mutex> lock(merging);
    found.merge(some);
  });

  if (step == 1) {
    EXPECT_EQ(found.count, numbers);
  }
  EXPECT_EQ(found.wrong, "");
  for (std::size_t k = 0; k < isas; ++k) {
    if (!kernels::builtins(every_isa[k])) continue;
    const Accuracy<float, double>& accuracy = found.accuracy[k];
    SCOPED_TRACE(text("instruction set ", k));
    EXPECT_EQ(accuracy.wrong, "");
    EXPECT_LE(accuracy.ulps.error, 4) << "at " << accuracy.ulps.at;
    EXPECT_LE(accuracy.slopes.error, 2e-7) << "at " << accuracy.slopes.at;
    EXPECT_TRUE(accuracy.in_range(valley)) << accuracy.low << ", " << accuracy.high;
    std::cout << name << ", instruction set " << k << ": values within " << accuracy.ulps.error
              << " ulp, slopes within " << accuracy.slopes.error
              << (accuracy.beside.empty() ? "" : ", of the other sign beside a zero:") << accuracy.beside << std::endl;
  }
  const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - start;
  std::cout << name << ": " << found.count << " floats in " << seconds.count() << " s, "
            << 100.0 * static_cast<double>(found.by_polynomial) / static_cast<double>(found.count)
            << " % of them against a polynomial\n";
}

}  // namespace
}  // namespace evengrad
