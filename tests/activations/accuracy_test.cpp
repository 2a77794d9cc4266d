// Every built-in activation against formulas written a second time, in more precision and in another form, for every
// instruction set that this machine has.
#include "builtins.hpp"
#include "references.hpp"

#include <evengrad/core/random.hpp>

#include <bit>
#include <cstring>

namespace evengrad {
namespace {

// ---- inputs ----

/// Bit patterns of every size and sign, and as many numbers where activations bend.
template <Real S>
std::vector<S> inputs(std::size_t count) {
  using Bits = std::conditional_t<sizeof(S) == 4, std::uint32_t, std::uint64_t>;
  const S inf = std::numeric_limits<S>::infinity();
  std::vector<S> x{0,
                   S(-0.0),
                   inf,
                   -inf,
                   std::numeric_limits<S>::denorm_min(),
                   std::numeric_limits<S>::max(),
                   std::numeric_limits<S>::lowest(),
                   3,
                   -3,
                   6,
                   1,
                   -1};
  Rng rng(20260);
  const S widths[] = {1, 4, 20, sizeof(S) == 4 ? S(120) : S(800)};
  while (x.size() < count) {
    if (const S any = std::bit_cast<S>(static_cast<Bits>(rng.next())); !std::isnan(any)) x.push_back(any);
    x.push_back(static_cast<S>(2 * rng.uniform() - 1) * widths[x.size() / 2 % 4]);
  }
  return x;
}

/// Values within 4 ulp times the condition number |x f'/f| where that is above 1; slopes within the tolerance, of the
/// right sign but next to where it changes; no NaN; the same bits with and without the derivative.
template <class F, Real S, class T>
void check(std::size_t count, T slope_tolerance) {
  const auto all = references<T>();
  ASSERT_TRUE(all.contains(F::name)) << "a built-in activation needs a reference";
  const Reference<T>& reference = all.find(F::name)->second;
  const std::vector<S> x = inputs<S>(count);
  std::vector<Point<T>> exact(x.size());
  std::transform(x.begin(), x.end(), exact.begin(), reference);
  std::vector<S> value(x.size()), alone(x.size()), slope(x.size());
  for (const Isa isa : every_isa) {
    if (!kernels::builtins(isa)) continue;
    const Activation f = builtin<F>(isa);
    f(x.data(), value.data(), slope.data(), static_cast<Index>(x.size()));
    f(x.data(), alone.data(), static_cast<S*>(nullptr), static_cast<Index>(x.size()));
    ASSERT_EQ(std::memcmp(value.data(), alone.data(), x.size() * sizeof(S)), 0);
    Accuracy<S, T> found;
    for (std::size_t i = 0; i < x.size(); ++i) found.take(reference, x[i], exact[i], value[i], slope[i]);
    const std::string where = text("instruction set ", static_cast<int>(isa), ", at ");
    EXPECT_EQ(found.wrong, "") << where;
    EXPECT_LE(found.ulps.error, 4) << where << found.ulps.at;
    EXPECT_LE(found.slopes.error, slope_tolerance) << where << found.slopes.at;
    EXPECT_TRUE(found.in_range(has_valley(F::name))) << where << found.low << ", " << found.high;
  }
}

/// The largest error, in ulp, of a formula in float; infinity where it overflows or is NaN and should not.
template <class Formula>
double ulps(const char* name, Formula formula, float from = -300, float to = 300) {
  const auto all = references<double>();
  double worst = 0;
  for (float x = from; x <= to; x += 0x1p-7f) {
    const double exact = all.find(name)->second(static_cast<double>(x)).value;
    const double error = std::abs(static_cast<double>(formula(x)) - exact) / ulp<float>(exact);
    worst = std::isnan(error) ? HUGE_VAL : std::max(worst, error);
  }
  return worst;
}

// What the bound of 4 ulp is worth: the usual forms of the same functions break it by far.
TEST(Accuracy, NaiveFormsWouldBeSeen) {
  EXPECT_GT(ulps("sigmoid", [](float x) { return 1 / (1 + std::exp(-x)); }), 1e6);
  EXPECT_GT(ulps(
                "softplus", [](float x) { return std::log(1 + std::exp(x)); }, -300, 80),
            1e6);
  EXPECT_EQ(ulps("softplus", [](float x) { return std::log(1 + std::exp(x)); }), HUGE_VAL);
  EXPECT_GT(ulps("gelu", [](float x) { return 0.5f * x * (1 + std::erf(x * std::sqrt(0.5f))); }), 1e6);
  // Rounding the argument alone costs what the condition number allows for.
  EXPECT_GT(ulps("gelu", [](float x) { return 0.5f * x * std::erfc(-x * std::sqrt(0.5f)); }), 100);
}

template <class F>
class BuiltinAccuracy : public testing::Test {};
TYPED_TEST_SUITE(BuiltinAccuracy, BuiltinTypes, BuiltinName);

TYPED_TEST(BuiltinAccuracy, FloatAgreesWithDouble) { check<TypeParam, float, double>(std::size_t{1} << 22, 2e-7); }

// At each of the 2000 floats on both sides of a zero; further away, the bound on slopes decides. In float the sign is
// wrong at two floats, each beside a zero: gelu_tanh at -0.75246137, where f' is 2e-8, and without fused multiply-add
// quick_gelu at -0.75115424, where it is 4e-9.
TYPED_TEST(BuiltinAccuracy, SlopesChangeTheirSignWhereTheyShould) {
  const auto all = references<double>();
  const Reference<double>& reference = all.find(TypeParam::name)->second;
  const auto rises = [&](float x) { return reference(static_cast<double>(x)).slope > 0; };
  std::vector<float> x;
  for (float start = -20; start < 20; start += 0.25f) {
    float below = start, above = start + 0.25f;
    if (rises(below) == rises(above)) continue;
    while (std::nextafter(below, above) < above) {
      const float middle = below + (above - below) / 2;
      (rises(middle) == rises(below) ? below : above) = middle;
    }
    for (int i = 0; i < 2000; ++i, below = std::nextafter(below, -HUGE_VALF)) x.push_back(below);
    for (int i = 0; i < 2000; ++i, above = std::nextafter(above, HUGE_VALF)) x.push_back(above);
  }
  if (has_valley(TypeParam::name) || TypeParam::name == "sin") {
    EXPECT_FALSE(x.empty());
  }
  std::vector<float> value(x.size()), slope(x.size());
  for (const Isa isa : every_isa) {
    if (!kernels::builtins(isa)) continue;
    builtin<TypeParam>(isa)(x.data(), value.data(), slope.data(), static_cast<Index>(x.size()));
    Accuracy<float, double> found;
    for (std::size_t i = 0; i < x.size(); ++i) {
      found.take(reference, x[i], reference(static_cast<double>(x[i])), value[i], slope[i]);
    }
    EXPECT_EQ(found.wrong, "") << "instruction set " << static_cast<int>(isa);
    EXPECT_LE(std::count(found.beside.begin(), found.beside.end(), ' '), 1) << found.beside;
  }
}

TYPED_TEST(BuiltinAccuracy, DoubleAgreesWithLongDouble) { check<TypeParam, double, long double>(100000, 0x1p-51L); }

}  // namespace
}  // namespace evengrad
