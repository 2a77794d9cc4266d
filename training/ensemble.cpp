#include <evengrad/training/ensemble.hpp>

#include <evengrad/activations/registry.hpp>
#include <evengrad/core/kernels/ensemble.hpp>
#include <evengrad/core/kernels/kernels.hpp>
#include <evengrad/layers/layer.hpp>
#include <evengrad/layers/loss_terms.hpp>
#include <evengrad/optim/clip.hpp>

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>

namespace evengrad {

namespace {

constexpr Index most_lanes = 16;

// How many times more nets a second a full vector trains than one net after another, cautiously, from bench/ensemble:
// 1 + gain / width, where it measured for float at widths 8, 16, 32 and 48 2.4 to 3.4, 1.6 to 2.3, 1.1 to 1.4 and 1.05
// to 1.4, for double at 8, 16 and 32 1.5 to 2.2, 1.2 to 1.6 and 0.97 to 1.15. Beyond the widest, weights and values of
// that many nets leave the caches.
template <Real S>
constexpr double gain_of_width = sizeof(S) == sizeof(float) ? 10 : 4;
template <Real S>
constexpr Index widest = sizeof(S) == sizeof(float) ? 48 : 32;

// The narrowest vectors with fused multiply-adds that hold so many nets: a vector costs the same however full it is.
template <Real S>
const kernels::EnsembleTable<S>& ensemble_kernels(Index nets) {
  if (best_isa() > Isa::avx2) {
    const kernels::EnsembleTable<S>& half = *kernels::ensemble_for<S>(Isa::avx2);
    if (nets <= half.lanes) return half;
  }
  return *kernels::ensemble_for<S>(best_isa());
}

}  // namespace

/// The nets of up to as many trainers as a vector has lanes. Lanes without a net, or whose net has left, hold numbers
/// that nobody reads.
template <Real S>
class Ensemble {
 public:
  explicit Ensemble(std::span<Trainer<S>* const> trainers);
  void run(std::span<TrainOutcome> outcomes);

  static std::string why_alone(const Trainer<S>& trainer);
  static bool alike(const Trainer<S>& a, const Trainer<S>& b);
  static bool pays(const Trainer<S>& trainer, Index nets);

 private:
  // A linear layer and the function behind it. A matrix (rows, cols) is rows * cols vectors.
  struct Stage {
    Index inputs, outputs;
    const Activation* f;  // null for none
    Index weight, bias;   // where they are among all parameters
    S *y, *derivative, *slopes;
  };
  // Parameters that one call updates.
  struct Segment {
    const Parameter<S>* parameter;  // the rates are those of this one
    Index begin, count;
  };

  // The products of a net that is no more than these, each with a bias and a function or none; else empty.
  static std::vector<Weight<S>> products_of(const Trainer<S>& trainer);
  S* room(Index vectors);
  void exchange(std::size_t net, bool load);
  void train_epoch(const Trainer<S>& first);
  void gather(std::size_t net, Index batch);
  void forward();
  void loss();
  template <class Term>
  void mean_of_terms(Term term);
  void backward();
  void clip();
  void update();
  void check(const std::array<S, most_lanes>& numbers, const auto& end);
  void guard(std::size_t net, const auto& action);
  void leave(std::size_t net, FunctionRef<void()> end);
  const Trainer<S>* first_alive() const {
    const auto found = std::find(alive_.begin(), alive_.end(), true);
    return found == alive_.end() ? nullptr : trainers_[static_cast<std::size_t>(found - alive_.begin())];
  }
  void for_alive(const auto& action) {
    for (std::size_t n = 0; n < trainers_.size(); ++n) {
      if (alive_[n]) action(n, *trainers_[n]);
    }
  }

  std::span<Trainer<S>* const> trainers_;
  const kernels::EnsembleTable<S>& kernel_ = ensemble_kernels<S>(std::ssize(trainers_));
  const Index lanes_ = kernel_.lanes;
  std::span<TrainOutcome> outcomes_;
  std::vector<bool> alive_;
  Optimizer<S> optimizer_;  // of the rule and its rates; the states are here
  Arena memory_;
  std::vector<Stage> stages_;
  std::vector<Segment> segments_;
  Index parameters_ = 0, rows_ = 0;  // of the batch
  S *weights_, *gradients_, *states_[2] = {}, *x_, *target_;
  std::array<S, most_lanes> losses_{}, right_{}, finite_{};
  std::array<double, most_lanes> learning_rates_{};
  std::array<updates::Rates, most_lanes> rates_{};
};

template <Real S>
std::vector<Weight<S>> Ensemble<S>::products_of(const Trainer<S>& trainer) {
  Roles<S> roles;
  trainer.model_.roles(roles, Path());
  std::vector<Weight<S>> products = roles.finish();
  return roles.plain() ? products : std::vector<Weight<S>>{};
}

template <Real S>
std::string Ensemble<S>::why_alone(const Trainer<S>& trainer) {
  const std::vector<Weight<S>> products = products_of(trainer);
  if (products.empty()) return "the model is more than linear layers with their functions";
  for (const Weight<S>& product : products) {
    if (!product.weight->trainable || !product.bias->trainable) return product.layer + " is not trained";
    const Activation* f = product.role.activation;
    if (!f || f->is_identity()) continue;
    try {
      activation(f->name());  // else two of one name may be different functions
    } catch (const UsageError&) {
      return f->name() + " is not a name or a formula";
    }
  }
  const TrainerOptions& options = trainer.options_;
  if (options.loss == "bce" && trainer.train_.task == Task::regression) return "bce checks its targets";
  if (trainer.on_gradients || trainer.on_step || trainer.observer_) return "a hook looks into its steps";
  return "";
}

template <Real S>
bool Ensemble<S>::alike(const Trainer<S>& a, const Trainer<S>& b) {
  const auto common = [](TrainerOptions options) {
    options.optimizer.learning_rate = {};
    options.seed = 0;
    options.threads = 1;
    return options;
  };
  return a.model_.describe() == b.model_.describe() && common(a.options_) == common(b.options_) &&
         a.train_.size() == b.train_.size() && a.train_.task == b.train_.task && a.progress_.step == b.progress_.step &&
         a.progress_.samples == b.progress_.samples;
}

template <Real S>
bool Ensemble<S>::pays(const Trainer<S>& trainer, Index nets) {
  Index width = 0;
  for (const Weight<S>& product : products_of(trainer)) {
    width = std::max({width, product.weight->value.cols(), product.weight->value.rows()});
  }
  const double gain = 1 + gain_of_width<S> / static_cast<double>(width);
  return width <= widest<S> && static_cast<double>(nets) * gain > static_cast<double>(ensemble_kernels<S>(nets).lanes);
}

template <Real S>
Ensemble<S>::Ensemble(std::span<Trainer<S>* const> trainers)
    : trainers_(trainers), alive_(trainers.size(), true), optimizer_(trainers[0]->options_.optimizer) {
  const Trainer<S>& first = *trainers[0];
  const Index batch = std::min(first.options_.batch_size, first.train_.size());
  for (const Weight<S>& product : products_of(first)) {
    const Activation* f = product.role.activation;
    if (f && f->is_identity()) f = nullptr;
    const Index inputs = product.weight->value.cols(), outputs = product.weight->value.rows(), size = batch * outputs;
    const Index weight = parameters_, bias = weight + inputs * outputs;
    stages_.push_back({inputs, outputs, f, weight, bias, room(size), f ? room(size) : nullptr, room(size)});
    if (first.options_.optimizer.decay_biases) {
      if (segments_.empty()) segments_.push_back({product.weight, 0, 0});
      segments_.back().count = bias + outputs;
    } else {
      segments_.push_back({product.weight, weight, inputs * outputs});
      segments_.push_back({product.bias, bias, outputs});
    }
    parameters_ = bias + outputs;
  }
  weights_ = room(parameters_);
  gradients_ = room(parameters_);
  x_ = room(batch * stages_.front().inputs);
  target_ = room(batch * stages_.back().outputs);
  optimizer_.set_steps(first.progress_.step);
  for (std::size_t n = 0; n < trainers.size(); ++n) exchange(n, true);
}

template <Real S>
S* Ensemble<S>::room(Index vectors) {
  S* numbers = memory_.allocate<S>(static_cast<std::size_t>(vectors * lanes_));
  std::fill_n(numbers, vectors * lanes_, S(0));
  return numbers;
}

// Weights and optimizer state of a net, from its trainer or back to it.
template <Real S>
void Ensemble<S>::exchange(std::size_t net, bool load) {
  const auto move = [&](Matrix<S>& own, S* lane) {
    for (Index i = 0; i < own.size(); ++i) {
      S &there = lane[i * lanes_ + static_cast<Index>(net)], &here = own.data()[i];
      load ? there = here : here = there;
    }
    return own.size() * lanes_;
  };
  Trainer<S>& trainer = *trainers_[net];
  S* weights = weights_;
  trainer.model_.visit(Path(), [&](const Path&, Parameter<S>& p) { weights += move(p.value, weights); });
  // The states of each parameter follow each other.
  Index done[2] = {};
  trainer.optimizer_.visit_state(trainer.model_, [&](const Path& path, Matrix<S>& state) {
    const int which = path.str().starts_with("first") ? 0 : 1;
    if (!states_[which]) states_[which] = room(parameters_);
    done[which] += move(state, states_[which] + done[which]);
  });
  if (!load) trainer.optimizer_.set_steps(optimizer_.steps());
}

template <Real S>
void Ensemble<S>::run(std::span<TrainOutcome> outcomes) {
  const auto start = std::chrono::steady_clock::now();
  outcomes_ = outcomes;
  while (const Trainer<S>* first = first_alive()) {
    if (first->finished()) break;
    train_epoch(*first);
  }
  for_alive([&](std::size_t n, Trainer<S>&) { leave(n, [] {}); });
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  for (TrainOutcome& outcome : outcomes) outcome.result.seconds = took.count();
}

template <Real S>
void Ensemble<S>::train_epoch(const Trainer<S>& first) {
  const auto start = std::chrono::steady_clock::now();
  const std::int64_t epoch = first.epoch(), batches = first.order_.batches(), total = first.total_steps();
  const auto number = [&] { return optimizer_.steps(); };  // of steps taken
  for_alive([&](std::size_t, Trainer<S>& trainer) { trainer.order_.start_epoch(epoch); });
  for (Index b = number() - epoch * batches; b < batches && number() < total && first_alive(); ++b) {
    for_alive([&](std::size_t n, Trainer<S>& trainer) { guard(n, [&] { trainer.check_stop(); }); });
    for_alive([&](std::size_t n, Trainer<S>& trainer) {
      gather(n, b);
      learning_rates_[n] = trainer.schedule_.rate(trainer.base_rate_, number());
    });
    forward();
    loss();
    // A net that is about to fail takes this step again alone, which says where.
    check(losses_, [](Trainer<S>& trainer, std::size_t) { trainer.train(); });
    backward();
    kernel_.check_finite(gradients_, parameters_, finite_.data());
    check(finite_, [](Trainer<S>& trainer, std::size_t) { trainer.train(); });
    clip();
    update();
    kernel_.check_finite(weights_, parameters_, finite_.data());
    check(finite_, [&](Trainer<S>& trainer, std::size_t n) {
      trainer.check_weights(number(), [&](const Parameter<S>& parameter, Index begin) {
        double largest = 0;
        for (Index i = begin; i < begin + parameter.value.size(); ++i) {
          largest = std::max(largest, std::abs(static_cast<double>(gradients_[i * lanes_ + static_cast<Index>(n)])));
        }
        return largest;
      });
    });
    for_alive([&](std::size_t n, Trainer<S>& trainer) {
      trainer.count_step({static_cast<double>(losses_[n]), static_cast<Index>(right_[n]), rows_}, rows_, learning_rates_[n]);
    });
  }
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  for_alive([&](std::size_t n, Trainer<S>& trainer) {
    guard(n, [&] {
      if (trainer.test_.size() > 0 || trainer.on_epoch) exchange(n, false);
      const bool on = trainer.end_epoch(took.count());
      if (trainer.on_epoch) exchange(n, true);  // the hook may have changed something
      if (!on) leave(n, [] {});
    });
  });
}

// A batch of a net's own, into its lane: inputs, and labels or targets.
template <Real S>
void Ensemble<S>::gather(std::size_t net, Index batch) {
  const Trainer<S>& trainer = *trainers_[net];
  const Dataset<S>& data = trainer.train_;
  const std::span<const Index> rows = trainer.order_.batch(batch);
  rows_ = static_cast<Index>(rows.size());
  const auto spread = [&](const Matrix<S>& from, S* to) {
    to += net;
    for (const Index row : rows) {
      const S* numbers = from.data() + row * from.cols();
      for (Index c = 0; c < from.cols(); ++c, to += lanes_) *to = numbers[c];
    }
  };
  spread(data.inputs, x_);
  if (data.task == Task::regression) {
    spread(data.targets, target_);
    return;
  }
  const Index outputs = trainer.options_.loss == "cross_entropy" ? 1 : stages_.back().outputs;
  S* to = target_ + net;
  for (const Index row : rows) {
    const std::int32_t label = data.labels[static_cast<std::size_t>(row)];
    for (Index c = 0; c < outputs; ++c, to += lanes_) *to = static_cast<S>(outputs == 1 ? label : c == label);
  }
}

template <Real S>
void Ensemble<S>::forward() {
  const S* x = x_;
  for (const Stage& s : stages_) {
    kernel_.product({x, s.inputs * lanes_, lanes_}, {weights_ + s.weight * lanes_, s.inputs * lanes_, lanes_}, s.inputs,
                    weights_ + s.bias * lanes_, s.y, rows_, s.outputs);
    if (s.f) s.f->apply(s.y, s.y, s.derivative, rows_ * s.outputs * lanes_);
    x = s.y;
  }
}

template <Real S>
void Ensemble<S>::loss() {
  const Stage& last = stages_.back();
  const TrainerOptions& options = trainers_[0]->options_;
  if (options.loss == "cross_entropy") {
    kernel_.cross_entropy(last.y, target_, rows_, last.outputs, options.label_smoothing, last.slopes, losses_.data(),
                          right_.data());
    return;
  }
  if (options.loss == "bce") {
    mean_of_terms(SigmoidCrossEntropy{});
  } else if (options.loss == "huber") {
    mean_of_terms(HuberError{});
  } else {
    mean_of_terms(SquaredError{});
  }
}

// The mean over the elements of a batch, its slopes and, for classes, the right answers.
template <Real S>
template <class Term>
void Ensemble<S>::mean_of_terms(Term term) {
  const Stage& last = stages_.back();
  const Index outputs = last.outputs, count = rows_ * outputs;
  const double scale = 1 / static_cast<double>(count);
  std::array<double, most_lanes> total{};
  for (Index i = 0; i < count * lanes_; i += lanes_) {
    for (Index n = 0; n < lanes_; ++n) {
      const double y = static_cast<double>(last.y[i + n]), t = static_cast<double>(target_[i + n]);
      total[static_cast<std::size_t>(n)] += term(y, t);
      last.slopes[i + n] = flushed(static_cast<S>(scale * term.slope(y, t)));
    }
  }
  for (std::size_t n = 0; n < total.size(); ++n) losses_[n] = static_cast<S>(total[n] / static_cast<double>(count));
  right_.fill(0);
  if (trainers_[0]->train_.task == Task::regression) return;
  for (Index i = 0; i < count * lanes_; i += outputs * lanes_) {
    for (Index n = i; n < i + lanes_; ++n) {
      Index answer = last.y[n] > 0;
      if (outputs > 1) {
        answer = 0;
        for (Index c = 1; c < outputs; ++c) answer = last.y[n + c * lanes_] > last.y[n + answer * lanes_] ? c : answer;
      }
      const bool right = outputs > 1 ? target_[n + answer * lanes_] == 1 : target_[n] == static_cast<S>(answer);
      right_[static_cast<std::size_t>(n - i)] += right;
    }
  }
}

template <Real S>
void Ensemble<S>::backward() {
  for (std::size_t i = stages_.size(); i-- > 0;) {
    const Stage& s = stages_[i];
    const S* x = i > 0 ? stages_[i - 1].y : x_;
    const Index in = s.inputs * lanes_, out = s.outputs * lanes_;
    if (s.f) kernels::kernels<S>().multiply(s.slopes, s.derivative, s.slopes, rows_ * out, false);
    kernel_.product({s.slopes, lanes_, out}, {x, lanes_, in}, rows_, nullptr, gradients_ + s.weight * lanes_, s.outputs,
                    s.inputs);
    kernel_.column_sums(s.slopes, rows_, s.outputs, gradients_ + s.bias * lanes_);
    if (i == 0) return;
    kernel_.product({s.slopes, out, lanes_}, {weights_ + s.weight * lanes_, lanes_, in}, s.outputs, nullptr,
                    stages_[i - 1].slopes, rows_, s.inputs);
  }
}

// As optim/clip.hpp does it for one net.
template <Real S>
void Ensemble<S>::clip() {
  const TrainerOptions& options = trainers_[0]->options_;
  const Index lanes = lanes_, count = parameters_ * lanes;
  if (options.clip_value) {
    for (Index i = 0; i < count; ++i) gradients_[i] = clipped(gradients_[i], static_cast<S>(*options.clip_value));
  }
  if (!options.clip_norm) return;
  const auto norms_in_units_of = [&](double unit) {
    std::array<double, most_lanes> norms{};
    for (Index i = 0; i < count; i += lanes) {
      for (Index n = 0; n < lanes; ++n) {
        const double x = static_cast<double>(gradients_[i + n]) / unit;
        norms[static_cast<std::size_t>(n)] += x * x;
      }
    }
    for (double& norm : norms) norm = std::sqrt(norm) * unit;
    return norms;
  };
  std::array<double, most_lanes> norms = norms_in_units_of(1), large{};
  const auto finite = [](double norm) { return std::isfinite(norm); };
  if (!std::all_of(norms.begin(), norms.end(), finite)) large = norms_in_units_of(large_norm);
  for (Index n = 0; n < lanes; ++n) {
    const auto lane = static_cast<std::size_t>(n);
    const double factor = clip_factor(finite(norms[lane]) ? norms[lane] : large[lane], *options.clip_norm);
    if (factor == 1) continue;
    for (Index i = n; i < count; i += lanes) gradients_[i] = scaled(gradients_[i], factor);
  }
}

template <Real S>
void Ensemble<S>::update() {
  optimizer_.begin_step();
  for (const Segment& segment : segments_) {
    for (Index n = 0; n < lanes_; ++n) {
      optimizer_.set_learning_rate(learning_rates_[static_cast<std::size_t>(n)]);
      rates_[static_cast<std::size_t>(n)] = optimizer_.rates(*segment.parameter);
    }
    const auto at = [&](S* numbers) { return numbers ? numbers + segment.begin * lanes_ : nullptr; };
    optimizer_.rule()(at(weights_), at(gradients_), at(states_[0]), at(states_[1]), segment.count * lanes_,
                      rates_.data(), lanes_);
  }
}

// Nets with a number that is not finite leave; `end` throws what they would throw alone.
template <Real S>
void Ensemble<S>::check(const std::array<S, most_lanes>& numbers, const auto& end) {
  for_alive([&](std::size_t n, Trainer<S>& trainer) {
    if (!std::isfinite(numbers[n])) leave(n, [&] { end(trainer, n); });
  });
}

template <Real S>
void Ensemble<S>::guard(std::size_t net, const auto& action) {
  try {
    action();
  } catch (...) {
    const std::exception_ptr error = std::current_exception();
    leave(net, [&] { std::rethrow_exception(error); });
  }
}

// Gives a net back to its trainer, which ends the run.
template <Real S>
void Ensemble<S>::leave(std::size_t net, FunctionRef<void()> end) {
  Trainer<S>& trainer = *trainers_[net];
  alive_[net] = false;
  exchange(net, false);
  try {
    outcomes_[net].result = trainer.complete(end);
  } catch (...) {
    outcomes_[net].error = std::current_exception();
  }
}

template <Real S>
std::vector<TrainOutcome> train_together(std::span<Trainer<S>* const> trainers, SideBySide when) {
  std::vector<TrainOutcome> outcomes(trainers.size());
  const auto alone = [&](std::size_t i) {
    try {
      outcomes[i].result = trainers[i]->run();
    } catch (...) {
      outcomes[i].error = std::current_exception();
    }
  };
  std::vector<bool> open(trainers.size(), true);
  for (std::size_t i = 0; i < trainers.size(); ++i) {
    if (!open[i]) continue;
    std::vector<Trainer<S>*> group = {trainers[i]};
    std::vector<std::size_t> numbers = {i};
    const bool shares = when != SideBySide::never && why_alone(*trainers[i]).empty();
    for (std::size_t j = i + 1; shares && j < trainers.size() && std::ssize(group) < ensemble_lanes<S>(); ++j) {
      if (!open[j] || !why_alone(*trainers[j]).empty() || !Ensemble<S>::alike(*trainers[i], *trainers[j])) continue;
      group.push_back(trainers[j]);
      numbers.push_back(j);
    }
    if (!shares || (when == SideBySide::where_it_pays && !Ensemble<S>::pays(*trainers[i], std::ssize(group)))) {
      alone(i);
      continue;
    }
    std::vector<TrainOutcome> of_group(group.size());
    Ensemble<S>(group).run(of_group);
    for (std::size_t n = 0; n < group.size(); ++n) {
      open[numbers[n]] = false;
      outcomes[numbers[n]] = std::move(of_group[n]);
    }
  }
  return outcomes;
}

template <Real S>
std::string why_alone(const Trainer<S>& trainer) {
  return Ensemble<S>::why_alone(trainer);
}

template <Real S>
bool alike(const Trainer<S>& a, const Trainer<S>& b) {
  return Ensemble<S>::alike(a, b);
}

template <Real S>
bool pays_side_by_side(const Trainer<S>& trainer, Index nets) {
  return Ensemble<S>::pays(trainer, nets);
}

template <Real S>
Index ensemble_lanes() {
  return ensemble_kernels<S>(most_lanes).lanes;
}

#define EVENGRAD_INSTANTIATE(S)                                                                \
  template std::vector<TrainOutcome> train_together(std::span<Trainer<S>* const>, SideBySide); \
  template std::string why_alone(const Trainer<S>&);                                           \
  template bool alike(const Trainer<S>&, const Trainer<S>&);                                   \
  template bool pays_side_by_side(const Trainer<S>&, Index);                                   \
  template Index ensemble_lanes<S>();
EVENGRAD_INSTANTIATE(float)
EVENGRAD_INSTANTIATE(double)
#undef EVENGRAD_INSTANTIATE

}  // namespace evengrad
