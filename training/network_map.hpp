// Every pixel is a network: a plane of two settings, each of its pixels one training run like any other, the pixels
// alike side by side in the lanes of vectors; and what theory says of that plane.
//
//   NetworkMap<float> map({.activation = "tanh", .x = parse_map_axis("sigma_w=0.5:4:64"),
//                          .y = parse_map_axis("sigma_b=0:2:48")}, load_data<float>(data).train);
//   for (const MapBatch& batch : map.batches(64)) map.train(batch.pixels);
#pragma once

#include <evengrad/data/registry.hpp>
#include <evengrad/training/trainer.hpp>

#include <array>
#include <span>

namespace evengrad {

/// One side of a map: a setting and its values, from the first pixel's to the last's.
struct MapAxis {
  std::string setting;  ///< one of map_settings()
  double from = 0, to = 1;
  Index count = 2;  ///< pixels
  bool log = false;

  /// Of pixel `i`; a depth is a whole number.
  double at(Index i) const;
  /// "sigma_w=0.5:4:64", "lr=0.001:1:48:log"
  std::string text() const;
};

/// "sigma_w", "sigma_b", "depth", "lr"
const std::vector<std::string>& map_settings();

/// Reads what text() writes. \throws UsageError that says what is wrong with which axis.
MapAxis parse_map_axis(std::string_view given);

struct NetworkMapOptions {
  std::string activation = "tanh";  ///< a name or a formula
  std::string init = "gaussian";    ///< an axis sigma_w or sigma_b takes the place of gaussian's argument
  Index depth = 10, width = 16;     ///< hidden layers, units in each
  TrainerOptions trainer = {};      ///< what `train` would get; the seed is that of every pixel
  MapAxis x = {}, y = {};
};

/// What makes a pixel's network differ from the others'.
struct PixelSettings {
  std::string init;
  Index depth = 0;
  std::optional<double> learning_rate = {};  ///< as in OptimizerOptions
};

/// What became of a pixel's network.
struct Pixel {
  double loss = 0;            ///< of the training data after the last step; NaN where there was a NaN or an infinity
  std::int64_t diverged = 0;  ///< the step whose loss was first out of bounds, if it still is at the end; else 0
  std::int64_t learned = 0;   ///< the step whose loss was first below the bar, if it still is at the end; else 0
};

/// A pixel's network trained alone.
struct PixelRun {
  std::vector<double> losses;  ///< of each step
  double loss = 0;             ///< as in Pixel
  std::string weights_digest;  ///< as `train --json` says it
};

/// Pixels to train together, each standing for a square of `edge` pixels from it on until finer ones are there.
struct MapBatch {
  Index edge = 1;
  std::vector<Index> pixels;
};

/// A curve of theory in a map, in the settings' units.
struct MapCurve {
  std::string name, source;
  std::vector<double> x, y;
};

template <Real S>
class NetworkMap {
 public:
  /// A network that learned ends below `bar` times the loss of the best constant answer, one that diverged above
  /// `bound` times it.
  static constexpr double bar = 0.5, bound = 10;

  /// \throws UsageError for an option that is wrong, a setting on both axes, or sigmas of another initializer.
  NetworkMap(NetworkMapOptions options, Dataset<S> train);

  const NetworkMapOptions& options() const { return options_; }
  Index columns() const { return options_.x.count; }
  Index rows() const { return options_.y.count; }
  Index size() const { return columns() * rows(); }
  const Dataset<S>& data() const { return train_; }

  /// Pixels are numbered row by row, from the lowest value of both axes.
  PixelSettings settings(Index pixel) const;

  /// Trains the pixels' networks, each to the bits of its own `train`. `stop` is asked now and then: true leaves
  /// everything as it is, and what comes back is worth nothing.
  std::vector<Pixel> train(std::span<const Index> pixels, const std::function<bool()>& stop = {}) const;

  /// The same for one pixel, with its learning curve.
  PixelRun run(Index pixel) const;

  /// Every pixel once, coarse to fine: those of one batch, at most `most`, are of one refinement and one depth, so that
  /// they may share vectors.
  std::vector<MapBatch> batches(Index most) const;

  /// What theory says of this plane: the line chi1 = 1 in (sigma_w, sigma_b); the depth that a signal travels in a
  /// plane with depth; the largest stable rate of plain gradient descent in a plane with rate.
  std::vector<MapCurve> theory() const;

 private:
  TrainerOptions trainer_options(const PixelSettings& settings) const;
  std::optional<double> largest_stable_rate(const PixelSettings& settings) const;

  NetworkMapOptions options_;
  Dataset<S> train_;
};

/// The line of `evengrad train` that trains a pixel's network alone; `data` are those that the map was made of.
template <Real S>
std::string pixel_command(const NetworkMap<S>& map, Index pixel, const DataOptions& data);

/// The line of `evengrad compare` that makes the map.
template <Real S>
std::string map_command(const NetworkMap<S>& map, const DataOptions& data);

}  // namespace evengrad
