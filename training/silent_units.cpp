#include <evengrad/training/silent_units.hpp>

#include <algorithm>
#include <cmath>
#include <map>

namespace evengrad {

std::vector<bool> UnitShares::silent() const {
  std::vector<bool> flags;
  for (const double share : zero) flags.push_back(share == 1);
  return flags;
}

namespace {

template <Real S>
UnitShares shares_of(const Node<S>& output, const double* largest_slope) {
  const Index samples = output.shape.rows, units = output.shape.cols;
  const bool slopes = largest_slope && output.activation_derivative;
  const S limit = largest_slope ? static_cast<S>(1e-3 * *largest_slope) : S(0);
  // Counts in S are exact up to 2^24 samples; plain loops over a row become vector instructions.
  std::vector<S> zero(static_cast<std::size_t>(units)), positive = zero, magnitude = zero, flat = zero, both = zero;
  for (Index row = 0; row < samples; ++row) {
    const S* f = output.value + row * units;
    const S* d = slopes ? output.activation_derivative + row * units : nullptr;
    for (std::size_t u = 0; u < zero.size(); ++u) {
      zero[u] += f[u] == 0 ? S(1) : S(0);
      positive[u] += f[u] > 0 ? S(1) : S(0);
      magnitude[u] += std::abs(f[u]);
    }
    for (std::size_t u = 0; slopes && u < zero.size(); ++u) {
      const S is_flat = std::abs(d[u]) < limit ? S(1) : S(0);
      flat[u] += is_flat;
      both[u] += f[u] != 0 ? is_flat : S(0);
    }
  }
  const auto share = [&](const std::vector<S>& counts) {
    std::vector<double> shares;
    for (const S count : counts) shares.push_back(static_cast<double>(count) / static_cast<double>(samples));
    return shares;
  };
  UnitShares shares{share(zero), share(positive), share(magnitude), {}, 0};
  if (largest_slope) shares.flat = share(flat);
  for (const double part : share(both)) shares.flat_not_zero += part / static_cast<double>(units);
  return shares;
}

}  // namespace

template <Real S>
std::vector<UnitShares> unit_shares(Mlp<S>& net, const MatrixRef<S>& inputs, std::span<const double> largest_slopes) {
  Tape<S> tape({.recording = !largest_slopes.empty()});
  net.forward(tape.constant(inputs), Context{});
  std::vector<UnitShares> layers;
  const Node<S>* output = nullptr;  // of the layer in progress, so far
  for (const Node<S>& node : tape.nodes()) {
    if (node.op == "affine" && output) {
      layers.push_back(shares_of(*output, largest_slopes.empty() ? nullptr : &largest_slopes[layers.size()]));
    }
    const bool residual_sum = node.op == "add", leaf = node.input_count == 0;
    if (!residual_sum && !leaf) output = &node;
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
template Index reinitialize_silent_units(Mlp<float>&, const MatrixRef<float>&, const Initializer&, const Rng&,
                                         Optimizer<float>*);
template Index reinitialize_silent_units(Mlp<double>&, const MatrixRef<double>&, const Initializer&, const Rng&,
                                         Optimizer<double>*);

}  // namespace evengrad
