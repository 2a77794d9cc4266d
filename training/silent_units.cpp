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
std::vector<UnitShares> unit_shares(Layer<S>& net, const MatrixRef<S>& inputs, std::span<const double> largest_slopes,
                                    const Shape& sample) {
  Tape<S> tape({.recording = !largest_slopes.empty()});
  return unit_shares(tape, net, inputs, largest_slopes, sample);
}

template <Real S>
std::vector<UnitShares> unit_shares(Tape<S>& tape, Layer<S>& net, const MatrixRef<S>& inputs,
                                    std::span<const double> largest_slopes, const Shape& sample) {
  // At a time, so that their activations stay in the cache: rows of whole samples.
  const Index each = std::max<Index>(1, sample.rows), block = std::max<Index>(1, 128 / each) * each;
  std::vector<UnitShares> layers;
  std::vector<double> rows;  // that were counted, of each layer
  for (Index begin = 0; begin < inputs.rows(); begin += block) {
    tape.clear();
    const Index count = std::min(block, inputs.rows() - begin);
    Shape shape = sample.cols > 0 ? sample : Shape(1, inputs.cols());
    shape.blocks = count / each;
    net.forward(tape.constant(inputs.middleRows(begin, count), shape), Context{});
    std::size_t layer = 0;
    const Node<S>* output = nullptr;  // of the layer in progress, so far
    for (const Node<S>& node : tape.nodes()) {
      if (node.role == OpRole::product && output) {
        if (layer == layers.size()) layers.emplace_back(), rows.push_back(0);
        rows[layer] += static_cast<double>(output->shape.matrix_rows());
        add_counts(*output, layer < largest_slopes.size() ? &largest_slopes[layer] : nullptr, layers[layer]);
        ++layer;
      }
      const bool leaf = node.input_count == 0 || node.role == OpRole::reshape;
      if (node.role == OpRole::product || (output && node.role != OpRole::addition && !leaf)) output = &node;
    }
  }
  for (std::size_t l = 0; l < layers.size(); ++l) {
    UnitShares& layer = layers[l];
    for (auto* list : {&layer.zero, &layer.positive, &layer.magnitude, &layer.flat}) {
      for (double& number : *list) number /= rows[l];
    }
    layer.flat_not_zero /= rows[l] * static_cast<double>(layer.zero.size());
  }
  return layers;
}

template <Real S>
Index reinitialize_silent_units(Layer<S>& net, const MatrixRef<S>& inputs, const Initializer& init, const Rng& rng,
                                Optimizer<S>* optimizer) {
  Roles<S> roles;
  net.roles(roles, Path());
  const std::vector<Weight<S>> chain = roles.finish();
  for (const Weight<S>& weight : chain) {
    const Index takes = weight.weight->value.cols(), layer = weight.role.layer;
    const bool follows = layer == 0 || takes == chain[static_cast<std::size_t>(layer - 1)].weight->value.rows();
    if (!weight.role.residual && follows && weight.role.kind == WeightKind::linear) continue;
    throw UsageError(text("silent units of a ",
                          weight.role.residual ? "residual net" : "net that is not a chain of layers",
                          " cannot be drawn anew: their outgoing weights serve others too"));
  }
  std::vector<std::vector<bool>> silent;
  Index count = 0;
  for (const UnitShares& layer : unit_shares<S>(net, inputs)) {
    silent.push_back(layer.silent());
    count += std::count(silent.back().begin(), silent.back().end(), true);
  }
  if (count == 0) return 0;
  if (silent.size() + 1 != chain.size()) throw UsageError("silent units can be drawn anew in a chain of layers only");
  silent.emplace_back(static_cast<std::size_t>(chain.back().weight->value.rows()), false);

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

  const std::unique_ptr<Layer<S>> fresh = net.clone();
  fresh->initialize(init, rng);
  std::vector<const Matrix<S>*> starts;
  fresh->visit(Path(), [&](const Path&, Parameter<S>& parameter) { starts.push_back(&parameter.value); });
  struct Place {
    std::size_t layer;
    bool is_weight;
  };
  std::map<std::string, Place> places;
  std::size_t number = 0, weights = 0;
  net.visit(Path(), [&](const Path& path, Parameter<S>& parameter) {
    const bool is_weight = weights < chain.size() && parameter.id.value() == chain[weights].weight->id.value();
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

template std::vector<UnitShares> unit_shares(Layer<float>&, const MatrixRef<float>&, std::span<const double>,
                                             const Shape&);
template std::vector<UnitShares> unit_shares(Layer<double>&, const MatrixRef<double>&, std::span<const double>,
                                             const Shape&);
template std::vector<UnitShares> unit_shares(Tape<float>&, Layer<float>&, const MatrixRef<float>&,
                                             std::span<const double>, const Shape&);
template std::vector<UnitShares> unit_shares(Tape<double>&, Layer<double>&, const MatrixRef<double>&,
                                             std::span<const double>, const Shape&);
template Index reinitialize_silent_units(Layer<float>&, const MatrixRef<float>&, const Initializer&, const Rng&,
                                         Optimizer<float>*);
template Index reinitialize_silent_units(Layer<double>&, const MatrixRef<double>&, const Initializer&, const Rng&,
                                         Optimizer<double>*);

}  // namespace evengrad
