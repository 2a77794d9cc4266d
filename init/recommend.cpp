#include <evengrad/init/recommend.hpp>

#include <evengrad/core/error.hpp>
#include <evengrad/core/numbers.hpp>

#include <algorithm>
#include <cmath>
#include <limits>

namespace evengrad {

namespace {

std::string rounded(double number) { return rounded_text(number, 3); }

// sigma_w2 of an initializer behind this activation.
double weight_scale(const char* name, const Activation& f) {
  const WeightRole role{.layer = 1, .layers = 3, .activation = &f, .input_activation = &f};
  return std::pow(initializer(name)(role).weight.scale, 2);
}

// The aliases that everybody knows, where they are this scale without biases.
std::string usual_name(const Activation& f, const Scales& scales) {
  for (const char* name : {"lecun", "he"}) {
    if (scales.bias == 0 && std::abs(weight_scale(name, f) / scales.weight - 1) < 1e-12) return name;
  }
  return "critical";
}

// The largest variance q <= 1 at which a net on the edge of chaos, with the biases that this takes, brings orthogonal
// inputs no nearer than a correlation of about 1/2: one layer adds (sigma_w2 E[f]^2 + sigma_b2) / q to it. 0 if none.
double edge_variance(const Activation& f, Index depth) {
  for (double q = 1; q > 1e-4; q /= 1.1) {
    const auto scales = edge_of_chaos(f, q);
    if (!scales) return 0;
    const Moments m = moments(f, q);
    const bool stable = scales->weight * m.second_slope < 1;
    const double nearer = (scales->weight * m.mean * m.mean + scales->bias) / q;
    if (stable && static_cast<double>(depth) * nearer <= 0.5) return q;
  }
  return 0;
}

// Share of the gradient that is worth no biases.
constexpr double enough = 0.3;

}  // namespace

Recommendation recommend(const Activation& f, const NetKind& kind) {
  const Moments m = moments(f);
  if (!(m.second > 0) || !std::isfinite(m.second) || !std::isfinite(m.derivative_second)) {
    return {"lecun", "the moments of this activation at N(0, 1) do not exist: theory has no advice"};
  }
  const auto depth = static_cast<double>(kind.depth);
  // At the matched gain: slope of the variance map, and the factor of the squared gradient a layer.
  const double chi_parallel = m.second_slope / m.second, chi1 = m.derivative_second / m.second;
  const double gradient = std::min(std::pow(chi1, depth / 2), std::numeric_limits<double>::max());
  if (kind.residual) {
    return {"matched(residual)", text("each of the ", kind.depth, " layers adds 1/", kind.depth,
                                      " of the signal's mean square: it grows by no more than e over the net")};
  }
  const auto point = critical_point(f);
  if (kind.normalized) {
    return {point && point->kind == Universality::scale_invariant ? usual_name(f, point->scales) : "matched",
            "normalization undoes the weights' scale in the signal; this one suits the activation"};
  }
  if (point && point->kind == Universality::scale_invariant) {
    return {usual_name(f, point->scales), text("sigma_w2 = ", rounded(point->scales.weight),
                                               " keeps the mean square of signal and gradient at every depth")};
  }
  if (std::abs(m.second - 1) < 1e-6 && chi_parallel < 1) {
    return {"lecun", text("variance 1 is a stable fixed point, deviations shrink by ", rounded(chi_parallel),
                          " a layer; the gradient changes by ", rounded(gradient), " over ", kind.depth, " layers")};
  }
  if (point && point->kind == Universality::k_star_zero) {
    const double left = std::pow(10, gradient_by_depth(f, initializer("critical"), kind.depth).back());
    const double q = edge_variance(f, kind.depth);
    if (left < enough && q > 0) {
      return {text("critical(", rounded_text(q, 2), ")"),
              text("signal and gradient keep their size at this variance; at 0, with sigma_w2 = ",
                   rounded(point->scales.weight), ", a share of ", rounded(left), " of the gradient is left after ",
                   kind.depth, " layers")};
    }
    return {usual_name(f, point->scales), text("sigma_w2 = ", rounded(point->scales.weight),
                                               " is critical: signal and gradient fall only as a power of depth")};
  }
  const double drift = std::min(std::pow(chi_parallel, depth), std::numeric_limits<double>::max());
  if (point && drift > 4) {
    return {"critical", text("sigma_w2 = ", rounded(point->scales.weight), ", sigma_b2 = ", rounded(point->scales.bias),
                             " keep signal and gradient; without biases deviations grow by ", rounded(chi_parallel),
                             " a layer, by ", rounded(drift), " over ", kind.depth, " layers")};
  }
  const std::string change = text("the gradient changes by ", rounded(gradient), " over ", kind.depth, " layers");
  if (point) return {"matched", text("keeps the signal's second moment at 1; ", change)};
  return {"matched", text("no scales keep both signal and gradient; this keeps the signal, ", change, "; normalized(",
                          f.name(), ") with lecun would keep both")};
}

namespace {

// The layer at which a quantity changes by more than half of all change, or `otherwise`.
Index culprit(const NetTheory& theory, Prediction LayerTheory::*quantity, Index otherwise) {
  double all = 0, most = 0;
  Index at = otherwise;
  for (std::size_t l = 1; l < theory.layers.size(); ++l) {
    const double change =
        std::abs(std::log((theory.layers[l].*quantity).value / (theory.layers[l - 1].*quantity).value));
    all += change;
    if (!(change > most)) continue;
    most = change;
    at = static_cast<Index>(otherwise == 1 ? l : l + 1);  // a gradient comes from above
  }
  return most > all / 2 ? at : otherwise;
}

}  // namespace

std::vector<Warning> warnings(const NetOptions& net, const WarningLimits& limits) {
  std::vector<Warning> all;
  const std::string pair = text(net.activation.name(), " with ", net.initializer.name());
  const bool normalized = net.batch_norm || net.layer_norm;
  const Recommendation better =
      recommend(net.activation, {.depth = net.depth, .residual = net.residual, .normalized = normalized});
  const auto warn = [&](const std::string& what, Index layer = 0) {
    const bool same = better.init == net.initializer.name();
    all.push_back({text(pair, ": ", what,
                        same ? "" : text("; try ", better.init, ", which ", "is advised since ", better.reason)),
                   layer});
  };
  const LayerDraws draws = net.draws().back();
  if (draws.weight.distribution == Distribution::constant) {
    warn(draws.weight.scale == 0
             ? "all weights are 0: units of a layer stay equal, and where f(0) = 0 no weight ever gets a gradient"
             : "all weights are equal: every layer is as good as one unit, and stays so");
    return all;
  }
  const NetTheory theory = predict(net);
  constexpr double largest = 3.4e38;  // of float
  const double first = theory.layers.front().q.value, last = theory.layers.back().q.value;
  for (std::size_t l = 0; l < theory.layers.size(); ++l) {
    if (!(std::sqrt(theory.layers[l].q.value) > largest)) continue;
    warn(text("pre-activations overflow float32 at layer ", l + 1), static_cast<Index>(l + 1));
    return all;
  }
  if (std::isnan(last)) return all;  // no theory
  const double ratio = theory.gradient_ratio.value;
  if (ratio < 1 / limits.gradient || ratio > limits.gradient) {
    warn(std::isfinite(ratio) ? text("gradients reach layer 1 at ", rounded(ratio), " of their size")
                              : "gradients overflow on the way to layer 1",
         culprit(theory, &LayerTheory::gradient, 1));
  }
  if (last / first < 1 / limits.signal || last / first > limits.signal) {
    warn(text("the variance of pre-activations goes from ", rounded(first), " in layer 1 to ", rounded(last),
              " in layer ", net.depth),
         culprit(theory, &LayerTheory::q, net.depth));
  }
  const bool selu = net.activation.name() == "selu";
  if (selu && all.empty() && !normalized && std::abs(last - 1) > 0.1) {
    warn(text("self-normalization needs weight variance 1/fan_in; the variance of pre-activations goes to ",
              rounded(last), " instead of 1"),
         net.depth);
  }
  return all;
}

}  // namespace evengrad
