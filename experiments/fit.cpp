#include <evengrad/experiments/fit.hpp>

#include <evengrad/core/error.hpp>

namespace evengrad {

template <Real S>
FitRecord fit_model(const Trials& trials, Layer<S>& model, TrainerOptions options, const Dataset<S>& train,
                    const Dataset<S>& test, const Rng& rng, const std::function<void(Trainer<S>&)>& prepare) {
  options.seed = rng.split("trainer").next();
  const Dataset<S> none{.task = train.task};  // no evaluation after each epoch: only the end counts
  Trainer<S> trainer(model, train, none, options);
  if (prepare) prepare(trainer);
  FitRecord record;
  try {
    record.loss_before = trainer.evaluate(train).loss;
    const TrainResult result = trials.train(trainer);
    record.loss = result.train.loss;
    record.accuracy = result.train.accuracy.value_or(0);
    if (test.size() > 0) {
      const Metrics metrics = trainer.evaluate(test);
      record.test_loss = metrics.loss;
      record.test_accuracy = metrics.accuracy.value_or(0);
    }
  } catch (const NonFiniteError&) {
    record.diverged = true;
  }
  record.diverged = record.diverged || !(record.loss < diverged_loss);
  if (record.diverged) {
    record.loss = record.test_loss = diverged_loss;
    record.accuracy = record.test_accuracy = 0;
  }
  return record;
}

template <Real S>
FitRecord fit(const Trials& trials, const FitOptions& options, const Dataset<S>& train, const Dataset<S>& test,
              const Rng& rng, const FitHooks<S>& hooks) {
  MlpOptions shape = options.net;
  shape.inputs = train.features();
  shape.outputs = required_outputs(train, options.trainer.loss);
  Mlp<S> net(shape);
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
