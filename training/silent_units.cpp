#include <evengrad/training/silent_units.hpp>

#include <algorithm>
#include <cstring>
#include <map>
#include <type_traits>

namespace evengrad {

std::vector<bool> UnitShares::silent() const {
  std::vector<bool> flags;
  for (const double share : zero) flags.push_back(share == 1);
  return flags;
}

namespace {

// Counts of some neighbouring units. In S they are exact up to 2^24 samples.
template <Real S, int width>
struct Counts {
  typedef S Numbers __attribute__((vector_size(width * sizeof(S))));

  Numbers zero{}, positive{}, magnitude{}, flat{}, both{};

  // f and f' (or null) of the first of these units; those of the next sample lie `stride` further.
  void add(const S* f, const S* slope, Index samples, Index stride, S limit) {
    const Numbers one = S(1) - Numbers{}, none{}, limits = limit - Numbers{};
    Numbers value, derivative;
    for (Index row = 0; row < samples; ++row) {
      std::memcpy(&value, f + row * stride, sizeof value);
      zero += value == none ? one : none;
      positive += value > none ? one : none;
      magnitude += value < none ? -value : value;
      if (!slope) continue;
      std::memcpy(&derivative, slope + row * stride, sizeof derivative);
      const Numbers is_flat = (derivative < none ? -derivative : derivative) < limits ? one : none;
      flat += is_flat;
      both += value != none ? is_flat : none;
    }
  }
};

// Adds what the units of a layer do on some samples: counts, and sums of |f|.
template <Real S>
void add_counts(const Node<S>& output, const double* largest_slope, UnitShares& sums) {
  const Index samples = output.shape.matrix_rows(), units = output.shape.cols;
  const S* slopes = largest_slope ? output.activation_derivative : nullptr;
  const S limit = largest_slope ? static_cast<S>(1e-3 * *largest_slope) : S(0);
  for (auto* list : {&sums.zero, &sums.positive, &sums.magnitude}) list->resize(static_cast<std::size_t>(units));
  if (largest_slope) sums.flat.resize(static_cast<std::size_t>(units));
  const auto count = [&](Index unit, auto width) {
    Counts<S, width> counts;
    counts.add(output.value + unit, slopes ? slopes + unit : nullptr, samples, units, limit);
    for (int lane = 0; lane < width; ++lane) {
      const auto at = static_cast<std::size_t>(unit + lane);
      sums.zero[at] += static_cast<double>(counts.zero[lane]);
      sums.positive[at] += static_cast<double>(counts.positive[lane]);
      sums.magnitude[at] += static_cast<double>(counts.magnitude[lane]);
      if (largest_slope) sums.flat[at] += static_cast<double>(counts.flat[lane]);
      sums.flat_not_zero += static_cast<double>(counts.both[lane]);
    }
  };
  constexpr int wide = 4;
  Index unit = 0;
  for (; unit + wide <= units; unit += wide) count(unit, std::integral_constant<int, wide>());
  for (; unit < units; ++unit) count(unit, std::integral_constant<int, 1>());
}

}  // namespace

template <Real S>
std::vector<UnitShares> unit_shares(Mlp<S>& net, const MatrixRef<S>& inputs, std::span<const double> largest_slopes) {
  Tape<S> tape({.recording = !largest_slopes.empty()});
  return unit_shares(tape, net, inputs, largest_slopes);
}

template <Real S>
std::vector<UnitShares> unit_shares(Tape<S>& tape, Mlp<S>& net, const MatrixRef<S>& inputs,
                                    std::span<const double> largest_slopes) {
  constexpr Index block = 128;  // samples at a time, whose activations stay in the cache
  std::vector<UnitShares> layers(net.options().hidden.size());
  for (Index begin = 0; begin < inputs.rows(); begin += block) {
    tape.clear();
    net.forward(tape.constant(inputs.middleRows(begin, std::min(block, inputs.rows() - begin))), Context{});
    std::size_t layer = 0;
    const Node<S>* output = nullptr;  // of the layer in progress, so far
    for (const Node<S>& node : tape.nodes()) {
      if (node.op == "affine" && output) {
        add_counts(*output, largest_slopes.empty() ? nullptr : &largest_slopes[layer], layers[layer]);
        ++layer;
      }
      const bool residual_sum = node.op == "add", leaf = node.input_count == 0;
      if (!residual_sum && !leaf) output = &node;
    }
  }
  const auto samples = static_cast<double>(inputs.rows());
  for (UnitShares& layer : layers) {
    for (auto* list : {&layer.zero, &layer.positive, &layer.magnitude, &layer.flat}) {
      for (double& number : *list) number /= samples;
    }
    layer.flat_not_zero /= samples * static_cast<double>(layer.zero.size());
  }
  return layers;
}

template <Real S>
Index reinitialize_silent_units(Mlp<S>& net, const MatrixRef<S>& inputs, const Initializer& init, const Rng& rng,
                                Optimizer<S>* optimizer) {
  if (net.options().residual) {
    throw UsageError("silent units of a residual net cannot be drawn anew: their outgoing weights serve others too");
  }
  std::vector<std::vector<bool>> silent;
  Index count = 0;
  for (const UnitShares& layer : unit_shares<S>(net, inputs)) {
    silent.push_back(layer.silent());
    count += std::count(silent.back().begin(), silent.back().end(), true);
  }
  if (count == 0) return 0;
  silent.emplace_back(net.options().outputs, false);

  // Gives a parameter of this layer, or what an optimizer keeps of it, a new start where it belongs to a silent unit.
  const auto renew = [&](Matrix<S>& old, const Matrix<S>& fresh, std::size_t layer, bool is_weight) {
    const std::vector<bool>& own = silent[layer];
    for (std::size_t u = 0; u < own.size(); ++u) {
      const auto unit = static_cast<Index>(u);
      if (own[u] && is_weight) old.row(unit) = fresh.row(unit);
      if (own[u] && !is_weight && old.cols() == static_cast<Index>(own.size())) old(0, unit) = fresh(0, unit);
    }
    if (!is_weight || layer == 0) return;
    for (Index from = 0; from < old.cols(); ++from) {
      if (!silent[layer - 1][static_cast<std::size_t>(from)]) continue;
      for (Index to = 0; to < old.rows(); ++to) {
        if (!own[static_cast<std::size_t>(to)]) old(to, from) = 0;
      }
    }
  };

  Mlp<S> fresh(net.options());
  fresh.initialize(init, rng);
  std::vector<const Matrix<S>*> starts;
  fresh.visit(Path(), [&](const Path&, Parameter<S>& parameter) { starts.push_back(&parameter.value); });
  struct Place {
    std::size_t layer;
    bool is_weight;
  };
  std::map<std::string, Place> places;
  std::size_t number = 0, weights = 0;
  net.visit(Path(), [&](const Path& path, Parameter<S>& parameter) {
    const bool is_weight = parameter.rank == 2;  // the first parameter of each linear layer
    weights += is_weight;
    places[path.str()] = {weights - 1, is_weight};
    renew(parameter.value, *starts[number++], weights - 1, is_weight);
  });
  if (!optimizer) return count;
  optimizer->visit_state(net, [&](const Path& path, Matrix<S>& state) {
    const std::string name = path.str();  // "first.layers.0.weight"
    const Place& place = places.at(name.substr(name.find('.') + 1));
    renew(state, Matrix<S>::Zero(state.rows(), state.cols()), place.layer, place.is_weight);
  });
  return count;
}

template std::vector<UnitShares> unit_shares(Mlp<float>&, const MatrixRef<float>&, std::span<const double>);
template std::vector<UnitShares> unit_shares(Mlp<double>&, const MatrixRef<double>&, std::span<const double>);
template std::vector<UnitShares> unit_shares(Tape<float>&, Mlp<float>&, const MatrixRef<float>&,
                                             std::span<const double>);
template std::vector<UnitShares> unit_shares(Tape<double>&, Mlp<double>&, const MatrixRef<double>&,
                                             std::span<const double>);
template Index reinitialize_silent_units(Mlp<float>&, const MatrixRef<float>&, const Initializer&, const Rng&,
                                         Optimizer<float>*);
template Index reinitialize_silent_units(Mlp<double>&, const MatrixRef<double>&, const Initializer&, const Rng&,
                                         Optimizer<double>*);

}  // namespace evengrad
