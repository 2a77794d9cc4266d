#include <evengrad/init/initializer.hpp>

#include <evengrad/core/error.hpp>
#include <evengrad/core/linear_algebra.hpp>
#include <evengrad/core/names.hpp>
#include <evengrad/core/numbers.hpp>
#include <evengrad/core/same_name.hpp>
#include <evengrad/init/mean_field.hpp>
#include <evengrad/init/recommend.hpp>

#include <cmath>
#include <map>
#include <memory>
#include <mutex>
#include <span>

namespace evengrad {

namespace {

// Standard deviation of a normal cut off at two standard deviations.
constexpr double truncated_deviation = 0.8796256610342398;

// What `he` takes from an activation: that ReLU of slopes a and b below and above 0 keeps 2 / (a^2 + b^2) of a signal,
// whether it is named so or typed as a formula. 2 for all others.
double he_scale(const Activation* f) {
  if (!f) return 2;
  const auto slopes = homogeneous_slopes(*f);
  const bool named = f->name().starts_with("leaky_relu") || f->name().starts_with("prelu");
  if (!slopes || (!named && (*slopes)[0] == (*slopes)[1])) return 2;
  const auto [below, above] = *slopes;
  return 2 / (above * above + below * below);
}

LayerDraws weight_only(const Draw& draw) { return {draw, {}}; }

// Makes the rule from the arguments that the user gave.
using MakeRule = Initializer::Rule (*)(const NamedCall&);

// The activation that a weight's scale compensates: that whose outputs it sums; in the first layer, the one behind it.
const Activation* compensated(const WeightRole& role) {
  return role.input_activation ? role.input_activation : role.activation;
}

// Whether a residual sum is behind this weight whatever the data's dimension.
bool is_between_hidden(const WeightRole& role) {
  return role.layer > 0 && role.layer + 1 < role.layers && role.activation;
}

// For h + f(W h) in L hidden layers: with f at second moment s^2 of h's, each sum adds s^2 + 2 s |E f| / sqrt(E f^2) of
// it, the second term because means add up. At 1/L the whole net grows the signal by no more than e.
double residual_factor(const WeightRole& role) {
  if (!is_between_hidden(role)) return 1;
  const Moments m = moments(*role.activation);
  const double b = std::abs(m.mean) / std::sqrt(m.second), share = 1 / static_cast<double>(role.layers - 1);
  return m.second > 0 && std::isfinite(b) ? share / (b + std::sqrt(b * b + share)) : std::sqrt(share);
}

// A gain and whether depth scales it, as the user gave them.
struct Scaling {
  double number = 1;
  std::string gain_name;  // instead of the number
  bool residual = false;

  double operator()(const WeightRole& role) const {
    const double depth = residual ? residual_factor(role) : 1;
    const Activation* f = compensated(role);
    if (gain_name.empty() || !f) return number * depth;
    const auto named = gain(*f, gain_name);
    if (!named) throw UsageError(text(f->name(), " has no ", gain_name, " gain; give a number or another name"));
    return *named * depth;
  }
};

Scaling parse_scaling(NamedCall call, bool takes_gain = true) {
  Scaling scaling;
  std::erase_if(call.arguments, [&](const NamedCall::Argument& a) {
    if (!a.key.empty() || a.value != "residual") return false;
    scaling.residual = true;
    return true;
  });
  if (takes_gain && call.arguments.size() == 1 && (call.arguments[0].key.empty() || call.arguments[0].key == "gain")) {
    const std::string& value = call.arguments[0].value;
    if (!value.empty() && std::isalpha(static_cast<unsigned char>(value.front()))) {
      const auto& names = gain_names();
      if (std::find(names.begin(), names.end(), value) == names.end()) {
        throw UsageError(unknown_name(call.name + " gain", value, names));
      }
      scaling.gain_name = value;
      return scaling;
    }
  }
  if (takes_gain) {
    scaling.number = numeric_arguments(call, {"gain"}, {1})[0];
  } else {
    numeric_arguments(call, {}, {});
  }
  return scaling;
}

template <Fan fan, Distribution distribution>
Initializer::Rule scaled(const NamedCall& call) {
  return [scaling = parse_scaling(call)](const WeightRole& role) {
    return weight_only(variance_scaling(scaling(role), fan, distribution, role));
  };
}

template <Distribution distribution>
Initializer::Rule he(const NamedCall& call) {
  return [scaling = parse_scaling(call, false)](const WeightRole& role) {
    const double gain = std::sqrt(he_scale(compensated(role))) * scaling(role);
    return weight_only(variance_scaling(gain, Fan::in, distribution, role));
  };
}

Initializer::Rule orthogonal_rule(const NamedCall& call) {
  return [scaling = parse_scaling(call)](const WeightRole& role) {
    return weight_only({Distribution::orthogonal, scaling(role)});
  };
}

// The variance of pre-activations at which f adds 1/L to a sum of mean square 1: E[f^2] + 2 |E[f]| = 1/L, the second
// term for means that add up.
double residual_variance(const Activation& f, double layers) {
  double low = -40, high = 5;  // log v
  while (high - low > 1e-13) {
    const double middle = (low + high) / 2;
    const Moments m = moments(f, std::exp(middle));
    (m.second + 2 * std::abs(m.mean) < 1 / layers ? low : high) = middle;
  }
  return std::exp(low);
}

// Every layer's pre-activations have second moment 1, if the data have: the first layer's inputs need no gain.
Initializer::Rule matched(const NamedCall& call) {
  return [scaling = parse_scaling(call, false)](const WeightRole& role) {
    if (!role.input_activation) return weight_only(variance_scaling(1, Fan::in, Distribution::normal, role));
    if (scaling.residual && is_between_hidden(role)) {
      const double v = residual_variance(*role.activation, static_cast<double>(role.layers - 1));
      return weight_only(variance_scaling(std::sqrt(v), Fan::in, Distribution::normal, role));
    }
    const double second = moments(*role.input_activation).second;
    if (!(second > 0) || !std::isfinite(second)) {
      throw UsageError(text("matched: E[f^2] of ", role.input_activation->name(), " at N(0, 1) is ",
                            rounded_text(second, 4), "; use lecun"));
    }
    const double gain = std::sqrt((1 - role.input_dropout) / second);  // dropout scales up what it keeps
    return weight_only(variance_scaling(gain, Fan::in, Distribution::normal, role));
  };
}

Initializer::Rule fixed_point(const NamedCall& call) {
  numeric_arguments(call, {}, {});
  return [](const WeightRole& role) {
    const Activation* f = compensated(role);
    const auto s = f ? gain(*f, "fixed_point") : 1;
    if (!s) throw UsageError(text("fixed_point: E[f(s z)^2] = 1 has no solution for ", f->name(), "; use matched"));
    return weight_only(variance_scaling(*s, Fan::in, Distribution::normal, role));
  };
}

Initializer::Rule backward(const NamedCall& call) {
  numeric_arguments(call, {}, {});
  return [](const WeightRole& role) {
    if (!role.input_activation) return weight_only(variance_scaling(1, Fan::in, Distribution::normal, role));
    const auto inverse = gain(*role.input_activation, "backward");
    if (!inverse) {
      throw UsageError(text("backward: E[f'^2] of ", role.input_activation->name(), " at N(0, 1) is 0 or infinite"));
    }
    return weight_only(variance_scaling(*inverse, Fan::out, Distribution::normal, role));
  };
}

// What takes milliseconds to derive is derived once for all layers of a net.
template <class T>
class Remembered {
 public:
  template <class Make>
  T operator()(const std::string& key, const Make& make) {
    const std::lock_guard lock(mutex_);
    const auto found = known_.find(key);
    return found != known_.end() ? found->second : known_.emplace(key, make()).first->second;
  }

 private:
  std::mutex mutex_;
  std::map<std::string, T> known_;
};

Initializer::Rule critical(const NamedCall& call) {
  const bool anywhere = call.arguments.empty();
  const double q = numeric_arguments(call, {"q"}, {1})[0];
  if (!(q > 0)) throw UsageError(text("critical: q, the variance of pre-activations, must be positive, got ", q));
  const auto points = std::make_shared<Remembered<std::optional<CriticalPoint>>>();
  return [points, anywhere, q](const WeightRole& role) {
    const Activation f = compensated(role) ? *compensated(role) : Activation();
    const auto point = (*points)(f.name(), [&]() -> std::optional<CriticalPoint> {
      if (anywhere) return critical_point(f);
      const auto scales = edge_of_chaos(f, q);
      return scales ? std::optional(CriticalPoint{*scales, q, Universality::half_stable}) : std::nullopt;
    });
    if (!point && !anywhere) {
      throw UsageError(text("critical: ", f.name(), " has no scales with a fixed point at q = ", q,
                            " and chi1 = 1 there; try another q, or matched, which keeps the signal"));
    }
    if (!point) {
      throw UsageError(text("critical: ", f.name(),
                            " has no point with chi1 = chi_parallel = 1; nearest: matched, which "
                            "keeps the signal, or normalized(",
                            f.name(), ") with lecun, which keeps the gradient too"));
    }
    double weight = point->scales.weight;
    // Inputs of second moment 1 to variance q*.
    if (!role.input_activation && point->kind == Universality::half_stable) weight = *point->q - point->scales.bias;
    const double bias = std::sqrt(point->scales.bias);
    return LayerDraws{variance_scaling(std::sqrt(weight), Fan::in, Distribution::normal, role),
                      bias > 0 ? Draw{Distribution::normal, bias} : Draw{}};
  };
}

Initializer::Rule automatic(const NamedCall& call) {
  numeric_arguments(call, {}, {});
  const auto choices = std::make_shared<Remembered<Initializer>>();
  return [choices](const WeightRole& role) {
    // What a state meets at every step must neither grow nor shrink it (Saxe et al. 2014, Henaff et al. 2016).
    if (role.kind == WeightKind::recurrent) return weight_only({Distribution::orthogonal, 1});
    const Activation f = compensated(role) ? *compensated(role) : Activation();
    const NetKind kind{.depth = role.layers - 1, .residual = role.residual, .normalized = role.normalized};
    const std::string key = text(f.name(), " ", kind.depth, kind.residual, kind.normalized);
    return (*choices)(key, [&] { return initializer(recommend(f, kind).init); })(role);
  };
}

template <Distribution distribution>
Initializer::Rule plain(const NamedCall& call) {
  constexpr bool has_default = distribution == Distribution::identity;
  const char* key = distribution == Distribution::normal     ? "std"
                    : distribution == Distribution::uniform  ? "a"
                    : distribution == Distribution::constant ? "value"
                                                             : "gain";
  if (!has_default && call.arguments.empty())
    throw UsageError(text(call.name, ": expected ", call.name, "(", key, ")"));
  double scale = numeric_arguments(call, {key}, {1})[0];
  if (distribution == Distribution::uniform) scale /= std::sqrt(3);  // U(-a, a)
  if ((distribution == Distribution::normal || distribution == Distribution::uniform) && scale < 0) {
    throw UsageError(text(call.name, ": ", key, " must not be negative"));
  }
  return [scale](const WeightRole&) { return weight_only({distribution, scale}); };
}

// The parameters of mean-field theory, in every layer.
Initializer::Rule gaussian(const NamedCall& call) {
  const std::vector<double> sigma = numeric_arguments(call, {"sigma_w", "sigma_b"}, {1, 0});
  if (sigma[0] < 0 || sigma[1] < 0) throw UsageError("gaussian: sigma_w and sigma_b must not be negative");
  return [w = sigma[0], b = sigma[1]](const WeightRole& role) {
    return LayerDraws{variance_scaling(w, Fan::in, Distribution::normal, role),
                      b > 0 ? Draw{Distribution::normal, b} : Draw{}};
  };
}

Initializer::Rule zeros(const NamedCall& call) {
  numeric_arguments(call, {}, {});
  return [](const WeightRole&) { return LayerDraws{}; };
}

// Weights and biases uniform on +-1/sqrt(fan_in): PyTorch's nn.Linear.
Initializer::Rule pytorch(const NamedCall& call) {
  numeric_arguments(call, {}, {});
  return [](const WeightRole& role) {
    const Draw draw = variance_scaling(1 / std::sqrt(3.0), Fan::in, Distribution::uniform, role);
    return LayerDraws{draw, draw};
  };
}

// GPT-2: N(0, std^2); the last weight of each of N residual branches N(0, std^2 / N), two branches a block.
Initializer::Rule gpt2(const NamedCall& call) {
  const double deviation = numeric_arguments(call, {"std"}, {0.02})[0];
  if (deviation < 0) throw UsageError("gpt2: std must not be negative");
  return [deviation](const WeightRole& role) {
    const double branches = role.ends_branch ? static_cast<double>(role.branches) : 1;
    return weight_only({Distribution::normal, deviation / std::sqrt(branches)});
  };
}

// TensorFlow Playground: weights uniform on +-0.5, biases 0.1.
Initializer::Rule playground(const NamedCall& call) {
  numeric_arguments(call, {}, {});
  return [](const WeightRole&) {
    return LayerDraws{{Distribution::uniform, 0.5 / std::sqrt(3)}, {Distribution::constant, 0.1}};
  };
}

struct Entry {
  InitializerInfo info;
  MakeRule make;
};

const std::vector<Entry>& entries() {
  constexpr auto normal = Distribution::normal, uniform = Distribution::uniform, truncated = Distribution::truncated;
  static const std::vector<Entry> list = {
      {{"xavier",
        {"glorot", "xavier_normal", "glorot_normal"},
        "Var W = gain^2 2 / (fan_in + fan_out)",
        "Glorot and Bengio 2010, eq. 16"},
       scaled<Fan::average, normal>},
      {{"xavier_uniform", {"glorot_uniform"}, "xavier, uniform", "Glorot and Bengio 2010"},
       scaled<Fan::average, uniform>},
      {{"xavier_truncated", {"glorot_truncated"}, "xavier, normal cut at 2 deviations", "Glorot and Bengio 2010"},
       scaled<Fan::average, truncated>},
      {{"he",
        {"kaiming", "he_normal", "kaiming_normal"},
        "Var W = 2 / ((a^2 + b^2) fan_in), a and b the slopes of a leaky ReLU, typed ones too, else 0 and 1",
        "He et al. 2015, eq. 10 and 15"},
       he<normal>},
      {{"he_uniform", {"kaiming_uniform"}, "he, uniform", "He et al. 2015"}, he<uniform>},
      {{"he_truncated", {"kaiming_truncated"}, "he, normal cut at 2 deviations", "He et al. 2015"}, he<truncated>},
      {{"lecun", {"lecun_normal"}, "Var W = gain^2 / fan_in", "LeCun et al. 1998, Efficient BackProp, section 4.6"},
       scaled<Fan::in, normal>},
      {{"lecun_uniform", {}, "lecun, uniform", "LeCun et al. 1998"}, scaled<Fan::in, uniform>},
      {{"lecun_truncated", {}, "lecun, normal cut at 2 deviations", "LeCun et al. 1998"}, scaled<Fan::in, truncated>},
      {{"orthogonal", {}, "gain Q, Q^T Q = 1", "Saxe et al. 2014"}, orthogonal_rule},
      {{"identity", {}, "gain on the diagonal", "Le et al. 2015"}, plain<Distribution::identity>},
      {{"gaussian",
        {},
        "Var W = sigma_w^2 / fan_in, Var b = sigma_b^2: gaussian(sigma_w=1, sigma_b=0)",
        "Poole et al. 2016"},
       gaussian},
      {{"normal", {}, "N(0, std^2)", ""}, plain<normal>},
      {{"uniform", {}, "U(-a, a)", ""}, plain<uniform>},
      {{"constant", {}, "every weight the same value", ""}, plain<Distribution::constant>},
      {{"zeros", {"zero"}, "every weight 0", ""}, zeros},
      {{"pytorch", {}, "U(+-1/sqrt(fan_in)), biases too: the default of PyTorch's nn.Linear", "PyTorch 1.13"}, pytorch},
      {{"keras", {}, "xavier_uniform: the default of Keras' Dense", "Keras 3"}, scaled<Fan::average, uniform>},
      {{"flax", {}, "lecun_truncated: the default of Flax' Dense", "Flax 0.8"}, scaled<Fan::in, truncated>},
      {{"candle", {}, "U(+-1/sqrt(fan_in)), biases too: the default of candle's linear", "candle 0.8"}, pytorch},
      {{"matched",
        {},
        "Var W = 1 / (E[f^2] fan_in), f before it; first layer 1 / fan_in",
        "moments at N(0, 1): init/moments.hpp"},
       matched},
      {{"fixed_point", {}, "Var W = s^2 / fan_in, s the smallest with E[f(s z)^2] = 1", "init/moments.hpp"},
       fixed_point},
      {{"backward", {}, "Var W = 1 / (E[f'^2] fan_out), f before it; first layer 1 / fan_in", "init/moments.hpp"},
       backward},
      {{"critical",
        {},
        "Var W = sigma_w2 / fan_in, Var b = sigma_b2 with chi1 = chi_parallel = 1; the first layer sets q1 = q*. "
        "critical(q): chi1 = 1 at this variance",
        "Roberts, Yaida and Hanin 2022, chapter 5"},
       critical},
      {{"auto", {}, "what theory prefers for this activation and depth", "init/recommend.hpp"}, automatic},
      {{"lsuv", {}, "orthogonal; train then scales each layer to variance 1 on the data", "Mishkin and Matas 2016"},
       orthogonal_rule},
      {{"gpt2",
        {},
        "N(0, 0.02^2), the last weight of each of N residual branches divided by sqrt(N): gpt2(std=0.02)",
        "Radford et al. 2019"},
       gpt2},
      {{"playground", {}, "U(-0.5, 0.5), biases 0.1: TensorFlow Playground", "TensorFlow Playground"}, playground},
  };
  return list;
}

}  // namespace

Draw variance_scaling(double gain, Fan fan, Distribution distribution, const WeightRole& role) {
  const auto in = static_cast<double>(role.fan_in), out = static_cast<double>(role.fan_out);
  const double n = fan == Fan::in ? in : fan == Fan::out ? out : (in + out) / 2;
  return {distribution, gain / std::sqrt(n)};
}

const std::vector<InitializerInfo>& initializers() {
  static const std::vector<InitializerInfo> infos = [] {
    std::vector<InitializerInfo> all;
    for (const Entry& entry : entries()) all.push_back(entry.info);
    return all;
  }();
  return infos;
}

Initializer initializer(std::string_view given) {
  const NamedCall call = parse_call(given);
  std::vector<std::string> known;
  for (const Entry& entry : entries()) {
    const auto& aliases = entry.info.aliases;
    const auto is_it = [&](std::string_view name) { return same_name(name, call.name); };
    if (is_it(entry.info.name) || std::any_of(aliases.begin(), aliases.end(), is_it)) {
      return {std::string(given), entry.make(call)};
    }
    known.push_back(entry.info.name);
    known.insert(known.end(), aliases.begin(), aliases.end());
  }
  throw UsageError(unknown_name("initializer", call.name, known));
}

namespace {

// Rows or columns orthonormal, whichever are fewer: Q of a Gaussian matrix, signs fixed by R's diagonal so that Q is
// uniform (Mezzadri 2007).
Matrix<double> orthogonal(Index rows, Index cols, Rng rng) {
  const Index larger = std::max(rows, cols), smaller = std::min(rows, cols);
  Matrix<double> gaussian(larger, smaller);
  rng.fill_normal(std::span<double>(gaussian.data(), static_cast<std::size_t>(gaussian.size())));
  auto [q, r] = factorize(std::move(gaussian));
  for (Index c = 0; c < smaller; ++c) {
    if (r(c, c) < 0) q.col(c) = -q.col(c);
  }
  if (rows >= cols) return q;
  return q.transpose();
}

}  // namespace

template <Real S>
void fill(Matrix<S>& values, const Draw& draw, Rng rng) {
  Matrix<double> numbers(values.rows(), values.cols());
  const std::span<double> flat(numbers.data(), static_cast<std::size_t>(numbers.size()));
  switch (draw.distribution) {
    case Distribution::normal:
      rng.fill_normal(flat);
      numbers *= draw.scale;
      break;
    case Distribution::uniform:
      rng.fill_uniform(flat, -1.0, 1.0);
      numbers *= draw.scale * std::sqrt(3.0);
      break;
    case Distribution::truncated:
      rng.fill_truncated_normal(flat, 2);
      numbers *= draw.scale / truncated_deviation;
      break;
    case Distribution::orthogonal:
      numbers = draw.scale * orthogonal(values.rows(), values.cols(), rng);
      break;
    case Distribution::identity:
      numbers.setIdentity();
      numbers *= draw.scale;
      break;
    case Distribution::constant:
      numbers.setConstant(draw.scale);
      break;
  }
  values = numbers.template cast<S>();
}

template void fill(Matrix<float>&, const Draw&, Rng);
template void fill(Matrix<double>&, const Draw&, Rng);

}  // namespace evengrad
