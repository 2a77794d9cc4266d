// SLEEF's vector functions (1 ulp), in the widest vectors this file is compiled for, put together to activations.
#include <sleef.h>

#include "peer.hpp"

#include <immintrin.h>

#include <cstring>

namespace {

#if defined(__AVX512F__)
using Packet = __m512;
constexpr long width = 16;
#define SLEEF(name) Sleef_##name##f16_u10
#else
using Packet = __m256;
constexpr long width = 8;
#define SLEEF(name) Sleef_##name##f8_u10
#endif

// g++ and clang do arithmetic and comparisons with these vectors.
Packet load(const float* p) {
  Packet v;
  std::memcpy(&v, p, sizeof v);
  return v;
}
Packet positive(Packet v) { return v > 0 ? v : Packet{}; }
Packet sigmoid(Packet x) { return 1.f / (1.f + SLEEF(exp)(-x)); }
Packet phi(Packet x) { return 0.5f * (1.f + SLEEF(erf)(x * 0.70710678f)); }
Packet gelu_tanh_inner(Packet x) { return SLEEF(tanh)(0.79788456f * (x + 0.044715f * x * x * x)); }
Packet softplus(Packet x) { return positive(x) + SLEEF(log1p)(SLEEF(exp)(x > 0 ? -x : x)); }

peers::Kernel kernel(const std::string& name, long count) {
  struct Buffers {
    peers::Numbers x, y, g, dx;
  };
  const peers::Numbers zeros(static_cast<std::size_t>(count));
  auto b = std::make_shared<Buffers>(Buffers{zeros, zeros, zeros, zeros});
  for (long i = 0; i < count; ++i)
    b->x[static_cast<std::size_t>(i)] = b->g[static_cast<std::size_t>(i)] =
        static_cast<float>((i * 7919) % 6007) / 1001.f - 3;
  // f(x) -> y, and f'(x, y) g -> dx
  const auto passes = [=](auto f, auto slope) -> peers::Kernel {
    return {{{"forward",
              [=] {
                for (long i = 0; i + width <= count; i += width) {
                  const Packet y = f(load(&b->x[static_cast<std::size_t>(i)]));
                  std::memcpy(&b->y[static_cast<std::size_t>(i)], &y, sizeof y);
                }
              }},
             {"backward",
              [=] {
                for (long i = 0; i + width <= count; i += width) {
                  const auto at = static_cast<std::size_t>(i);
                  const Packet dx = load(&b->g[at]) * slope(load(&b->x[at]), load(&b->y[at]));
                  std::memcpy(&b->dx[at], &dx, sizeof dx);
                }
              }}},
            b->x.data(),
            b->y.data()};
  };
  if (name == "sigmoid") return passes(sigmoid, [](Packet, Packet y) { return y * (1.f - y); });
  if (name == "tanh")
    return passes([](Packet x) { return SLEEF(tanh)(x); }, [](Packet, Packet y) { return 1.f - y * y; });
  if (name == "elu")
    return passes([](Packet x) { return x > 0 ? x : SLEEF(expm1)(x); },
                  [](Packet, Packet y) { return y > 0 ? Packet{} + 1.f : y + 1.f; });
  if (name == "silu")
    return passes([](Packet x) { return x * sigmoid(x); },
                  [](Packet x, Packet) {
                    const Packet s = sigmoid(x);
                    return s * (1.f + x * (1.f - s));
                  });
  if (name == "gelu")
    return passes([](Packet x) { return x * phi(x); },
                  [](Packet x, Packet) { return phi(x) + x * 0.39894228f * SLEEF(exp)(-0.5f * x * x); });
  if (name == "gelu_tanh")
    return passes([](Packet x) { return 0.5f * x * (1.f + gelu_tanh_inner(x)); },
                  [](Packet x, Packet) {
                    const Packet t = gelu_tanh_inner(x);
                    return 0.5f * (1.f + t + x * (1.f - t * t) * 0.79788456f * (1.f + 0.134145f * x * x));
                  });
  if (name == "softplus") return passes(softplus, [](Packet x, Packet) { return sigmoid(x); });
  if (name == "mish")
    return passes([](Packet x) { return x * SLEEF(tanh)(softplus(x)); },
                  [](Packet x, Packet) {
                    const Packet t = SLEEF(tanh)(softplus(x));
                    return t + x * sigmoid(x) * (1.f - t * t);
                  });
  return {};  // relu calls nothing
}

}  // namespace

int main(int argc, char** argv) {
  return peers::serve(argc, argv, {[](const peers::Work&) { return nullptr; }, kernel});
}
