#include <evengrad/experiments/fit.hpp>

#include <evengrad/core/error.hpp>

#include <algorithm>
#include <limits>

namespace evengrad {

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

}  // namespace

template <Real S>
FitRecord fit_model(const Trials& trials, Layer<S>& model, TrainerOptions options, const Dataset<S>& train,
                    const Dataset<S>& test, const Rng& rng, const std::function<void(Trainer<S>&)>& prepare) {
  options.seed = rng.split("trainer").next();
  const Dataset<S> none{.task = train.task};  // no evaluation after each epoch: only the end counts
  Trainer<S> trainer(model, train, none, options);
  if (prepare) prepare(trainer);
  FitRecord record{.constant_loss = constant_answer_loss(train),
                   .final_loss = infinity,
                   .classifies = train.task == Task::classification};
  try {
    record.loss_before = trainer.evaluate(train).loss;
    const Metrics trained = trials.train(trainer).train;
    record.final_loss = trained.loss;
    record.accuracy = trained.accuracy.value_or(0);
    if (test.size() > 0) {
      record.final_test_loss = infinity;
      const Metrics metrics = trainer.evaluate(test);
      record.final_test_loss = metrics.loss;
      record.test_accuracy = metrics.accuracy.value_or(0);
    }
  } catch (const NonFiniteError&) {
    // Before the end, or at the test rows: what was not reached stays infinite.
  }
  const double bound = divergence_bound * record.constant_loss;
  record.diverged =
      !std::isfinite(record.final_loss) || (record.final_loss > bound && record.final_loss >= record.loss_before);
  if (record.diverged) record.accuracy = record.test_accuracy = 0;
  const auto counted = [&](double loss) { return record.constant_loss > 0 ? std::min(loss, bound) : loss; };
  record.loss = record.diverged ? counted(infinity) : counted(record.final_loss);
  if (test.size() > 0) record.test_loss = record.diverged ? counted(infinity) : counted(record.final_test_loss);
  return record;
}

FitOutcome FitRecord::outcome() const {
  constexpr double gained = 0.99;
  if (diverged) return FitOutcome::diverged;
  const bool beyond = !classifies && final_test_loss > divergence_bound * constant_loss;
  if (!std::isfinite(final_test_loss) || (beyond && !(final_loss > divergence_bound * constant_loss)))
    return FitOutcome::failed_on_test;
  return final_loss < gained * constant_loss ? FitOutcome::learned : FitOutcome::did_not_learn;
}

template <Real S>
FitRecord fit(const Trials& trials, const FitOptions& options, const Dataset<S>& train, const Dataset<S>& test,
              const Rng& rng, const FitHooks<S>& hooks) {
  MlpOptions shape = options.net;
  shape.inputs = train.features();
  shape.outputs = required_outputs(train, options.trainer.loss);
  Sequential<S> net = mlp<S>(shape);
  net.initialize(options.initializer, rng.split("net"));
  if (hooks.on_start) hooks.on_start(net);
  const FitRecord record = fit_model<S>(trials, net, options.trainer, train, test, rng, [&](Trainer<S>& trainer) {
    trainer.on_gradients = hooks.on_gradients;
    trainer.on_loss = hooks.on_loss;
    if (hooks.on_step) trainer.on_step = [&](const StepReport& report) { hooks.on_step(report.step, net); };
    if (hooks.on_trainer) hooks.on_trainer(trainer);
  });
  if (hooks.on_end) hooks.on_end(net);
  return record;
}

#define EVENGRAD_INSTANTIATE(S)                                                                                \
  template FitRecord fit_model(const Trials&, Layer<S>&, TrainerOptions, const Dataset<S>&, const Dataset<S>&, \
                               const Rng&, const std::function<void(Trainer<S>&)>&);                           \
  template FitRecord fit(const Trials&, const FitOptions&, const Dataset<S>&, const Dataset<S>&, const Rng&,   \
                         const FitHooks<S>&);
EVENGRAD_INSTANTIATE(float)
EVENGRAD_INSTANTIATE(double)
#undef EVENGRAD_INSTANTIATE

}  // namespace evengrad
