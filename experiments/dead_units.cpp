#include <evengrad/experiments/dead_units.hpp>

#include <evengrad/core/linear_algebra.hpp>
#include <evengrad/layers/linear.hpp>
#include <evengrad/layers/prelu.hpp>

#include <numeric>

namespace evengrad {

double UnitHistory::mean(const std::vector<double>& layers) {
  return std::accumulate(layers.begin(), layers.end(), 0.0) / static_cast<double>(layers.size());
}

double UnitHistory::recovered_share() const {
  const double times = mean(born) + mean(deaths);
  return times > 0 ? mean(revivals) / times : 0;
}

void UnitWatch::look(std::int64_t step, Sequential<float>& net) {
  const std::vector<UnitShares> layers = unit_shares<float>(net, inputs_);
  const bool first = history.steps.empty();
  history.steps.push_back(static_cast<double>(step));
  history.silent.emplace_back();
  history.lost.emplace_back();
  history.zero.emplace_back();
  for (std::vector<double>* counts : {&history.born, &history.deaths, &history.revivals}) counts->resize(layers.size());
  before_.resize(layers.size());
  for (std::size_t l = 0; l < layers.size(); ++l) {
    const std::vector<bool> silent = layers[l].silent();
    const auto width = static_cast<double>(silent.size());
    const auto number = static_cast<double>(std::count(silent.begin(), silent.end(), true));
    std::vector<bool> lost;
    for (const double share : layers[l].positive) lost.push_back(share == 0);
    const auto number_lost = static_cast<double>(std::count(lost.begin(), lost.end(), true));
    history.silent.back().push_back(number / width);
    history.lost.back().push_back(number_lost / width);
    history.zero.back().push_back(UnitHistory::mean(layers[l].zero));
    if (first) history.born[l] = number_lost;
    for (std::size_t u = 0; u < lost.size() && !first; ++u) {
      history.deaths[l] += lost[u] && !before_[l][u];
      history.revivals[l] += !lost[u] && before_[l][u];
    }
    before_[l] = std::move(lost);
  }
}

WatchRecord train_watched(const Trials& trials, const WatchOptions& options, const Dataset<float>& data,
                          const Dataset<float>& test, const Matrix<float>& inputs, const Rng& rng) {
  WatchRecord record;
  UnitWatch watch(inputs);
  Optimizer<float>* optimizer = nullptr;
  const std::int64_t steps = *options.fit.trainer.steps;
  FitHooks<float> hooks;
  hooks.on_start = [&](Sequential<float>& net) {
    for (std::size_t i = 0; i + 1 < net.size(); ++i) {
      auto* linear = dynamic_cast<Linear<float>*>(&net[i]);
      if (!linear) continue;
      linear->bias.value.array() += static_cast<float>(options.hidden_bias);
      if (i > 0 || !options.killed_by) continue;
      const Index killed = linear->bias.value.size() / 4;
      const Matrix<float> z = product(inputs, linear->weight.value.topRows(killed).transpose());
      linear->bias.value.leftCols(killed) = -z.colwise().maxCoeff().array() - static_cast<float>(*options.killed_by);
    }
    watch.look(0, net);
  };
  hooks.on_trainer = [&](Trainer<float>& trainer) { optimizer = &trainer.optimizer(); };
  hooks.on_step = [&](std::int64_t step, Sequential<float>& net) {
    if (step % options.every == 0 || step == steps) watch.look(step, net);
    if (options.renew_every > 0 && step % options.renew_every == 0 && step != steps) {
      reinitialize_silent_units<float>(net, inputs, options.fit.initializer,
                                       rng.split("renewed").split(static_cast<std::uint64_t>(step)), optimizer);
    }
  };
  hooks.on_end = [&](Sequential<float>& net) {
    for (std::size_t i = 0; i < net.size(); ++i) {
      if (auto* prelu = dynamic_cast<PReLULayer<float>*>(&net[i])) {
        record.slopes.push_back(prelu->weight.value.cast<double>().mean());
      }
    }
  };
  static_cast<FitRecord&>(record) = fit<float>(trials, options.fit, data, test, rng, hooks);
  record.units = std::move(watch.history);
  return record;
}

}  // namespace evengrad
