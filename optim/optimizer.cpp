#include <evengrad/optim/optimizer.hpp>

#include <evengrad/core/dispatch.hpp>
#include <evengrad/core/names.hpp>
#include <evengrad/core/same_name.hpp>

#include <cmath>

namespace evengrad {

namespace updates {

template <Real S>
const Table<S>& table() {
#if defined(EVENGRAD_DISPATCH)
  if (best_isa() == Isa::avx512) return avx512_table<S>();
  if (best_isa() == Isa::avx2) return avx2_table<S>();
#endif
  return baseline_table<S>();
}
template const Table<float>& table<float>();
template const Table<double>& table<double>();

}  // namespace updates

namespace {

// Below this many numbers one thread updates a parameter alone, as it computes their gradient alone (core/ops.cpp).
constexpr Index numbers_for_threads = 200'000;

using Setting = std::optional<double> OptimizerOptions::*;

// The one list of optimizers: what each is called, its rule, its state and its settings with their defaults.
struct Entry {
  OptimizerInfo info;
  updates::Update<float> updates::Table<float>::*f32;
  updates::Update<double> updates::Table<double>::*f64;
  int state_count;
  bool adaptive;   // uses eps and corrects or averages squares
  bool decoupled;  // weight decay does not pass through the gradient
  std::vector<std::pair<Setting, double>> settings;
};

const std::vector<Entry>& entries() {
  using F = updates::Table<float>;
  using D = updates::Table<double>;
  constexpr Setting momentum = &OptimizerOptions::momentum, beta1 = &OptimizerOptions::beta1,
                    beta2 = &OptimizerOptions::beta2, eps = &OptimizerOptions::eps, alpha = &OptimizerOptions::alpha,
                    decay = &OptimizerOptions::weight_decay;
  static const std::vector<Entry> list = {
      {{"sgd", "w -= lr g", 0.01, "Robbins and Monro 1951"}, &F::sgd, &D::sgd, 0, false, false, {{decay, 0}}},
      {{"momentum", "v = mu v + g; w -= lr v", 0.01, "Polyak 1964"},
       &F::momentum, &D::momentum, 1, false, false, {{momentum, 0.9}, {decay, 0}}},
      {{"nesterov", "v = mu v + g; w -= lr (g + mu v)", 0.01, "Sutskever et al. 2013, after Nesterov 1983"},
       &F::nesterov, &D::nesterov, 1, false, false, {{momentum, 0.9}, {decay, 0}}},
      {{"adam", "m, v = means of g, g^2; w -= lr m^ / (sqrt(v^) + eps)", 1e-3, "Kingma and Ba 2015"},
       &F::adam, &D::adam, 2, true, false, {{beta1, 0.9}, {beta2, 0.999}, {eps, 1e-8}, {decay, 0}}},
      {{"adamw", "w -= lr decay w, then adam", 1e-3, "Loshchilov and Hutter 2019"},
       &F::adam, &D::adam, 2, true, true, {{beta1, 0.9}, {beta2, 0.999}, {eps, 1e-8}, {decay, 0.01}}},
      {{"rmsprop", "v = mean of g^2; w -= lr g / (sqrt(v) + eps)", 0.01, "Hinton 2012, lecture 6e"},
       &F::rmsprop, &D::rmsprop, 1, true, false, {{alpha, 0.99}, {eps, 1e-8}, {decay, 0}}},
  };
  return list;
}

struct NamedSetting {
  std::string_view name;
  Setting setting;
  double below;  // values are at least 0 and below this
};
constexpr double unbounded = 1e300;
const NamedSetting named_settings[] = {
    {"momentum", &OptimizerOptions::momentum, 1},   {"beta1", &OptimizerOptions::beta1, 1},
    {"beta2", &OptimizerOptions::beta2, 1},         {"alpha", &OptimizerOptions::alpha, 1},
    {"eps", &OptimizerOptions::eps, unbounded},     {"weight decay", &OptimizerOptions::weight_decay, unbounded},
};

const Entry& find_entry(const std::string& name) {
  std::vector<std::string> known;
  for (const Entry& entry : entries()) {
    if (same_name(entry.info.name, name)) return entry;
    known.push_back(entry.info.name);
  }
  throw UsageError(unknown_name("optimizer", name, known));
}

}  // namespace

const std::vector<OptimizerInfo>& optimizers() {
  static const std::vector<OptimizerInfo> infos = [] {
    std::vector<OptimizerInfo> all;
    for (const Entry& entry : entries()) all.push_back(entry.info);
    return all;
  }();
  return infos;
}

template <Real S>
Optimizer<S>::Optimizer(const OptimizerOptions& options) : name_(options.name), decay_biases_(options.decay_biases) {
  const Entry& entry = find_entry(options.name);
  if constexpr (sizeof(S) == sizeof(float)) {
    rule_ = updates::table<S>().*entry.f32;
  } else {
    rule_ = updates::table<S>().*entry.f64;
  }
  state_count_ = entry.state_count;
  adaptive_ = entry.adaptive;
  decoupled_ = entry.decoupled;

  OptimizerOptions full;
  for (const auto& [setting, value] : entry.settings) full.*setting = value;
  for (const NamedSetting& named : named_settings) {
    const std::optional<double>& given = options.*named.setting;
    if (!given) continue;
    if (!(full.*named.setting)) throw UsageError(text("optimizer ", name_, " has no ", named.name));
    if (!(*given >= 0 && *given < named.below)) {
      throw UsageError(text("optimizer ", name_, ": ", named.name, " must be at least 0",
                            named.below == 1 ? " and below 1" : " and finite", ", got ", *given));
    }
    full.*named.setting = given;
  }
  const double rate = options.learning_rate.value_or(entry.info.learning_rate);
  if (!(rate >= 0 && rate < unbounded)) {
    throw UsageError(text("optimizer ", name_, ": the learning rate must be at least 0 and finite, got ", rate));
  }
  rates_.learning_rate = rate;
  rates_.momentum = full.momentum.value_or(full.beta1.value_or(full.alpha.value_or(0)));
  rates_.beta2 = full.beta2.value_or(0);
  rates_.eps = full.eps.value_or(0);
  weight_decay_ = *full.weight_decay;
}

template <Real S>
void Optimizer<S>::begin_step() {
  ++steps_;
  next_ = 0;
  if (adaptive_ && state_count_ == 2) {
    const double t = static_cast<double>(steps_);
    rates_.scale1 = 1 / (1 - std::pow(rates_.momentum, t));
    rates_.scale2 = 1 / std::sqrt(1 - std::pow(rates_.beta2, t));
  }
}

template <Real S>
typename Optimizer<S>::State& Optimizer<S>::state_of(const Parameter<S>& parameter) {
  if (next_ == states_.size()) {
    State state;
    if (state_count_ > 0) state.first.setZero(parameter.value.rows(), parameter.value.cols());
    if (state_count_ > 1) state.second.setZero(parameter.value.rows(), parameter.value.cols());
    states_.push_back(std::move(state));
  }
  return states_[next_++];
}

template <Real S>
void Optimizer<S>::update(const Path& path, Parameter<S>& parameter, const Gradients<S>& gradients) {
  const ConstMap<S> gradient = gradients.find(parameter);
  if (!gradient.data()) {
    throw Error(text("optimizer ", name_, ": parameter ", path.str(), " took no part in the loss: it has no gradient"));
  }
  State& state = state_of(parameter);
  if (state_count_ > 0 && state.first.size() != parameter.value.size()) {
    throw Error(text("optimizer ", name_, ": parameter ", path.str(), " changed its size since the first step"));
  }
  const updates::Rates now = rates(parameter);
  // The rows that a thread updates are those whose gradients it has computed (core/ops.cpp).
  ThreadPool& pool = gradients.pool();
  const Index rows = parameter.value.rows(), cols = parameter.value.cols();
  const int pieces = rows * cols >= numbers_for_threads ? pool.threads() : 1;
  pool.run(pieces, [&](int i) {
    const Part of_rows = part_of(rows, i, pieces);
    const auto of = [begin = of_rows.begin * cols](S* numbers) { return numbers ? numbers + begin : nullptr; };
    rule_(of(parameter.value.data()), gradient.data() + of_rows.begin * cols, of(state.first.data()),
          of(state.second.data()), of_rows.size() * cols, &now, 1);
  });
}

template <Real S>
updates::Rates Optimizer<S>::rates(const Parameter<S>& parameter) const {
  updates::Rates rates = rates_;
  const double decay = parameter.rank == 1 && !decay_biases_ ? 0 : weight_decay_;
  rates.weight_decay = decoupled_ ? 0 : decay;
  rates.shrink = decoupled_ ? 1 - rates.learning_rate * decay : 1;
  return rates;
}

template <Real S>
void Optimizer<S>::visit_one(const Path& path, Parameter<S>& parameter,
                             FunctionRef<void(const Path&, Matrix<S>&)> visitor) {
  const std::string name = path.str();
  State& state = state_of(parameter);
  const Path root, first(root, "first"), second(root, "second");
  if (state_count_ > 0) visitor(Path(first, name), state.first);
  if (state_count_ > 1) visitor(Path(second, name), state.second);
}

template class Optimizer<float>;
template class Optimizer<double>;

}  // namespace evengrad
