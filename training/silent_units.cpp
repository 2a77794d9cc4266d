#include <evengrad/training/silent_units.hpp>

#include <algorithm>
#include <map>

namespace evengrad {

std::vector<bool> UnitShares::silent() const {
  std::vector<bool> flags;
  for (const double share : zero) flags.push_back(share == 1);
  return flags;
}

template <Real S>
std::vector<UnitShares> unit_shares(Mlp<S>& net, const MatrixRef<S>& inputs) {
  Tape<S> tape({.recording = false});
  net.forward(tape.constant(inputs), Context{});
  std::vector<UnitShares> layers;
  const Node<S>* output = nullptr;  // of the layer in progress, so far
  for (const Node<S>& node : tape.nodes()) {
    if (node.op == "affine" && output) {
      const ConstMap<S> f(output->value, output->shape.rows, output->shape.cols);
      const auto samples = static_cast<double>(f.rows());
      UnitShares& shares = layers.emplace_back();
      for (Index unit = 0; unit < f.cols(); ++unit) {
        shares.zero.push_back(static_cast<double>((f.col(unit).array() == S(0)).count()) / samples);
        shares.positive.push_back(static_cast<double>((f.col(unit).array() > S(0)).count()) / samples);
      }
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
  for (const UnitShares& layer : unit_shares(net, inputs)) {
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

template std::vector<UnitShares> unit_shares(Mlp<float>&, const MatrixRef<float>&);
template std::vector<UnitShares> unit_shares(Mlp<double>&, const MatrixRef<double>&);
template Index reinitialize_silent_units(Mlp<float>&, const MatrixRef<float>&, const Initializer&, const Rng&,
                                         Optimizer<float>*);
template Index reinitialize_silent_units(Mlp<double>&, const MatrixRef<double>&, const Initializer&, const Rng&,
                                         Optimizer<double>*);

}  // namespace evengrad
