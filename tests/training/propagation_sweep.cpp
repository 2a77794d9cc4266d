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

// Counts quantities of a net and those that miss their theory.
struct Tally {
  int cells = 0, missed = 0;

  void add(const std::string& what, const Prediction& predicted, const Measured& m) {
    // Beyond float32's range nothing can be compared.
    if (!(predicted.value > 1e-30 && predicted.value < 1e30)) return;
    ++cells;
    if (meets(predicted, m)) return;
    ++missed;
    std::printf("  %s measured %.4g [%.4g, %.4g], theory %.4g [%.4g, %.4g]\n", what.c_str(), m.value, m.low, m.high,
                predicted.value, predicted.low.value_or(NAN), predicted.high.value_or(NAN));
  }
};

class Sweep : public testing::TestWithParam<const char*> {};

}  // namespace

TEST_P(Sweep, MeetsTheory) {
  const char* const f = GetParam();
  Tally tally;
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
          const std::string what =
              text(f, " ", init, " width ", width, " depth ", depth, residual ? " residual: " : ": ");
          tally.add(what + "q", theory.layers.back().q, measured.layers.back().q);
          tally.add(what + "gradient ratio", theory.gradient_ratio, measured.gradient_ratio);
        }
      }
    }
  }
  std::printf("  %s: %d of %d quantities miss their theory\n", f, tally.missed, tally.cells);
  EXPECT_GT(tally.cells, 50);
  // Two 95 % intervals that only have to overlap miss by chance far less often than one in twenty.
  EXPECT_LE(tally.missed, tally.cells / 20);
}

INSTANTIATE_TEST_SUITE_P(Activations, Sweep,
                         testing::Values("sigmoid", "tanh", "relu", "leaky_relu", "elu", "selu", "gelu", "silu",
                                         "mish"));

class BatchNormSweep : public testing::TestWithParam<const char*> {};

TEST_P(BatchNormSweep, MeetsTheory) {
  const char* const f = GetParam();
  Tally tally;
  for (const Index width : {128, 256, 512}) {
    for (const Index depth : {10, 20, 30}) {
      NetOptions net{.activation = activation(f), .initializer = initializer("he"), .depth = depth, .width = width};
      net.batch_norm = true;
      const std::uint64_t cell = static_cast<std::uint64_t>(width * 1000 + depth);
      const Propagation measured = propagate<float>(net, Rng(cell).split("batch_norm").split(f));
      NetTheory theory = predict(net);
      add_bands(theory, net, Rng(cell).split("bands"));
      const std::string what = text(f, " with batch normalization, width ", width, " depth ", depth, ": ");
      const std::size_t middle = theory.layers.size() / 2;
      tally.add(what + "q in the middle", theory.layers[middle].q, measured.layers[middle].q);
      tally.add(what + "gradient in the middle", theory.layers[middle].gradient, measured.layers[middle].gradient);
      tally.add(what + "q", theory.layers.back().q, measured.layers.back().q);
      tally.add(what + "gradient ratio", theory.gradient_ratio, measured.gradient_ratio);
      const double off = std::log(measured.gradient_ratio.value / theory.gradient_ratio.value);
      std::printf("  %sratio %.4g [%.4g, %.4g], wide net %.4g, at this width [%.4g, %.4g]\n", what.c_str(),
                  measured.gradient_ratio.value, measured.gradient_ratio.low, measured.gradient_ratio.high,
                  theory.gradient_ratio.value, *theory.gradient_ratio.low, *theory.gradient_ratio.high);
      // Even where depth / width is large, the wide net's factor a layer is close.
      EXPECT_LT(std::abs(2 * off / static_cast<double>(depth - 1)), 0.02) << what;
    }
  }
  std::printf("  %s: %d of %d quantities miss their theory\n", f, tally.missed, tally.cells);
  EXPECT_EQ(tally.cells, 36);
  EXPECT_LE(tally.missed, tally.cells / 20);
}

INSTANTIATE_TEST_SUITE_P(Activations, BatchNormSweep, testing::Values("relu", "identity", "tanh", "gelu"));

TEST(DeepNets, GeluKeepsItsGradientAtItsCriticalPointAndNormalized) {
  add_normalized();
  const auto ratio = [](const char* f, const char* init) {
    NetOptions net{.activation = activation(f), .initializer = initializer(init), .depth = 100, .width = 1024};
    net.inputs = 8, net.nets = 5;
    return propagate<float>(net, Rng(7)).gradient_ratio.value;
  };
  const double critical = ratio("gelu", "critical"), normalized = ratio("normalized(gelu)", "lecun"),
               he = ratio("gelu", "he");
  std::printf("  gradient of layer 1 over layer 100: critical %.3g, normalized %.3g, he %.3g\n", critical, normalized,
              he);
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
