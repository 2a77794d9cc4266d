// Every built-in activation at every float there is, 2^32 of them, for every instruction set that this machine has.
//
// The exact values are those of references.hpp in double, from the C library: they are wrong by a few units of 2^-53,
// times the condition number, where the bound is 4 units of 2^-24 times it. EVENGRAD_FLOAT_STRIDE=1000 looks at every
// 1000th block of neighbours only, and at the last one.
#include "builtins.hpp"
#include "references.hpp"

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

constexpr std::size_t isas = std::size(every_isa);

struct Found {
  Accuracy<float, double> accuracy[isas];
  std::string wrong;
  std::uint64_t count = 0;

  void merge(const Found& other) {
    for (std::size_t k = 0; k < isas; ++k) accuracy[k].merge(other.accuracy[k]);
    if (wrong.empty()) wrong = other.wrong;
    count += other.count;
  }
};

/// One block of neighbours, and the first number of the next one, so that no step from one to the next is missed.
template <class F>
Found look(const Reference<double>& reference, bool never_falls, std::uint32_t number) {
  const std::uint32_t begin = number * block, count = std::min(block + 1, numbers - begin);
  std::vector<float> x(count), value(count), slope(count), alone(count), before_value(count), before_slope(count);
  std::vector<Point<double>> exact(count);
  Found found;
  found.count = std::min(block, numbers - begin);
  for (std::uint32_t i = 0; i < count; ++i) {
    x[i] = in_order(begin + i);
    exact[i] = reference(static_cast<double>(x[i]));
  }
  const auto same = [count](const std::vector<float>& a, const std::vector<float>& b) {
    return std::memcmp(a.data(), b.data(), count * sizeof(float)) == 0;
  };
  for (std::size_t k = 0; k < isas; ++k) {
    if (!kernels::builtins(every_isa[k])) continue;
    const Activation f = builtin<F>(every_isa[k]);
    f(x.data(), value.data(), slope.data(), count);
    f(x.data(), alone.data(), static_cast<float*>(nullptr), count);
    if (!same(value, alone)) found.wrong = text("another value without the derivative, from ", x[0]);
    if (k > 0 && same(value, before_value) && same(slope, before_slope)) {
      found.accuracy[k] = found.accuracy[k - 1];
      continue;
    }
    for (std::uint32_t i = 0; i < count; ++i) {
      found.accuracy[k].take(reference, x[i], exact[i], value[i], slope[i]);
      if (never_falls && i > 0 && value[i] < value[i - 1]) found.wrong = text("falls at ", x[i]);
    }
    before_value.swap(value);
    before_slope.swap(slope);
  }
  return found;
}

std::uint32_t stride() {
  const char* text = std::getenv("EVENGRAD_FLOAT_STRIDE");
  return text ? static_cast<std::uint32_t>(std::max(1, std::atoi(text))) : 1;
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

  ThreadPool pool(std::max(1, static_cast<int>(std::thread::hardware_concurrency())));
  Found found;
  std::mutex merging;
  const std::uint32_t step = stride();
  const std::uint32_t pieces = (blocks - 1 + step - 1) / step + 1;  // the first block and the last one always
  pool.run(static_cast<int>(pieces), [&](int piece) {
    const std::uint32_t number = std::min(static_cast<std::uint32_t>(piece) * step, blocks - 1);
    const Found some = look<TypeParam>(reference, never_falls, number);
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
  std::cout << name << ": " << found.count << " floats in " << seconds.count() << " s\n";
}

}  // namespace
}  // namespace evengrad
