// 2. An MLP on two spirals: data, model, initializer, trainer.
#include <evengrad/evengrad.hpp>

#include <iostream>

using namespace evengrad;

int main() {
  // 2-D points of two interleaved spirals; a fifth is held out for the test.
  const Split<float> data = load_data<float>({.name = "spirals", .seed = 1});

  // 2-64-64-2 with tanh. A net starts at zero; an initializer draws its weights, each from the stream of its name.
  auto net = mlp<float>({.inputs = 2, .hidden = {64, 64}, .outputs = 2, .activations = {activation("tanh")}});
  net.initialize(initializer("xavier"), Rng(1));

  // Everything else has a default; a hook sees every epoch and can stop early.
  Trainer<float> trainer(net, data.train, data.test,
                         {.optimizer = {.name = "adam", .learning_rate = 1e-2}, .epochs = 300, .seed = 1});
  trainer.on_epoch = [](const EpochReport& epoch) {
    if (epoch.epoch % 50 == 0) std::cout << "epoch " << epoch.epoch << "  loss " << epoch.train.loss << '\n';
    return *epoch.test->accuracy < 1;  // nothing left to gain
  };
  const TrainResult result = trainer.run();
  std::cout << "test accuracy " << *result.test->accuracy << " after " << result.epochs << " epochs\n";
  return *result.test->accuracy >= 0.99 ? 0 : 1;
}
