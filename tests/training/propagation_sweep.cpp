// Theory against measurement over many pairings, widths and depths. Takes minutes: label deep.
#include <evengrad/training/propagation.hpp>

#include <evengrad/activations/registry.hpp>
#include <evengrad/core/error.hpp>
#include <evengrad/init/normalized.hpp>

#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>

using namespace evengrad;

namespace {

// The measured interval holds the infinite-width value, or overlaps the band that holds 95 % of such measurements.
bool meets(const Prediction& theory, const Measured& measured) {
  if (measured.low <= theory.value && theory.value <= measured.high) return true;
  return theory.low && measured.low <= *theory.high && measured.high >= *theory.low;
}

class Sweep : public testing::TestWithParam<const char*> {};

}  // namespace

TEST_P(Sweep, MeetsTheory) {
  const char* const f = GetParam();
  int cells = 0, missed = 0;
  for (const char* init : {"xavier", "he", "lecun", "matched", "orthogonal", "critical"}) {
    if (std::string_view(init) == "critical" && std::string_view(f) == "sigmoid") continue;  // there is none
    for (const Index width : {64, 256, 1024}) {
      for (const Index depth : {10, 100}) {
        for (const bool residual : {false, true}) {
          // Wide and deep at once would take an hour; the deep nets below are both.
          if (depth == 100 && (residual || width == 1024)) continue;
          if (residual && width == 1024) continue;
          NetOptions net{.activation = activation(f), .initializer = initializer(init), .depth = depth, .width = width};
          net.inputs = 8, net.nets = width == 1024 ? 5 : 10, net.residual = residual;
          const std::uint64_t cell = static_cast<std::uint64_t>(width * 1000 + depth);
          const Propagation measured = propagate<float>(net, Rng(cell).split(init).split(f));
          NetTheory theory = predict(net);
          add_bands(theory, net, Rng(cell).split("bands"));
          const LayerMeasurement& last = measured.layers.back();
          const auto count = [&](const char* what, const Prediction& predicted, const Measured& m) {
            // Beyond float32's range nothing can be compared.
            if (!(predicted.value > 1e-30 && predicted.value < 1e30)) return;
            ++cells;
            if (meets(predicted, m)) return;
            ++missed;
            std::printf("  %s %s width %d depth %d%s: %s measured %.4g [%.4g, %.4g], theory %.4g [%.4g, %.4g]\n", f, init,
                        static_cast<int>(width), static_cast<int>(depth), residual ? " residual" : "", what, m.value, m.low,
                        m.high, predicted.value, predicted.low.value_or(NAN), predicted.high.value_or(NAN));
          };
          count("q", theory.layers.back().q, last.q);
          count("gradient ratio", theory.gradient_ratio, measured.gradient_ratio);
        }
      }
    }
  }
  std::printf("  %s: %d of %d quantities miss their theory\n", f, missed, cells);
  EXPECT_GT(cells, 50);
  // Two 95 % intervals that only have to overlap miss by chance far less often than one in twenty.
  EXPECT_LE(missed, cells / 20);
}

INSTANTIATE_TEST_SUITE_P(Activations, Sweep,
                         testing::Values("sigmoid", "tanh", "relu", "leaky_relu", "elu", "selu", "gelu", "silu", "mish"));

TEST(DeepNets, GeluKeepsItsGradientAtItsCriticalPointAndNormalized) {
  add_normalized();
  const auto ratio = [](const char* f, const char* init) {
    NetOptions net{.activation = activation(f), .initializer = initializer(init), .depth = 100, .width = 1024};
    net.inputs = 8, net.nets = 5;
    return propagate<float>(net, Rng(7)).gradient_ratio.value;
  };
  const double critical = ratio("gelu", "critical"), normalized = ratio("normalized(gelu)", "lecun"), he = ratio("gelu", "he");
  std::printf("  gradient of layer 1 over layer 100: critical %.3g, normalized %.3g, he %.3g\n", critical, normalized, he);
  EXPECT_GT(critical, 1 / 3.0);
  EXPECT_LT(critical, 3);
  EXPECT_GT(normalized, 1 / 3.0);
  EXPECT_LT(normalized, 3);
  EXPECT_LT(he, 1e-3);
}

TEST(DeepNets, SeluHoldsItsVarianceWithLecun) {
  NetOptions net{.activation = activation("selu"), .initializer = initializer("lecun"), .depth = 50, .width = 1024};
  net.inputs = 8, net.nets = 5;
  const Propagation measured = propagate<float>(net, Rng(7));
  EXPECT_NEAR(measured.layers.back().q.value, 1, 0.15);
}
