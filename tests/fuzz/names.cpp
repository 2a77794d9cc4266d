// Names with arguments, as options take them; the first byte says what is named.
#include <evengrad/activations/registry.hpp>
#include <evengrad/init/initializer.hpp>
#include <evengrad/init/normalized.hpp>
#include <evengrad/optim/optimizer.hpp>
#include <evengrad/optim/schedule.hpp>

#include <cmath>

#include "target.hpp"

using namespace evengrad;

namespace {

void check_initializer(std::string_view text) {
  static const Activation f = activation("gelu"), g = activation("leaky_relu(0.2)");
  const Initializer init = initializer(text), again = initializer(init.name());
  for (const Index layer : {0, 1, 2}) {
    const WeightRole role{.fan_in = 3,
                          .fan_out = 5,
                          .layer = layer,
                          .layers = 3,
                          .activation = layer < 2 ? &f : nullptr,
                          .input_activation = layer > 0 ? &g : nullptr};
    const LayerDraws draws = init(role), same = again(role);
    fuzz::expect(draws.weight.scale == same.weight.scale && draws.weight.distribution == same.weight.distribution,
                 "its name gives the same initializer");
    Matrix<float> weight(5, 3);
    fill(weight, draws.weight, Rng(1));
  }
}

void check_activation(std::string_view text) {
  add_normalized();
  const Activation f = activation(text), again = activation(f.name());
  fuzz::expect(f.name() == again.name(), "its name names itself");
  for (const double x : {-3.0, 0.0, 0.7}) {
    const double a = f.value(x), b = again.value(x);
    fuzz::expect(a == b || (std::isnan(a) && std::isnan(b)), "its name gives the same activation");
  }
}

void check_schedule(std::string_view text) {
  for (const std::int64_t steps : {1, 7, 1000}) {
    const Schedule schedule(text, steps, steps / 3);
    for (std::int64_t t = 0; t < steps; t += 1 + steps / 9) {
      fuzz::expect(schedule.rate(0.1, t) >= 0, "a rate is not negative");
    }
  }
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view text = fuzz::text_of(data + 1, size - 1);
  fuzz::accepts(size, [&] {
    switch (data[0]) {
      case 'a':
        return check_activation(text);
      case 'i':
        return check_initializer(text);
      case 's':
        return check_schedule(text);
      case 'o':
        Optimizer<float>({.name = std::string(text)});
        return;
      case 'l':
        for (const std::string& part : split_list(text)) fuzz::expect(!part.empty(), "no part of a list is empty");
        return;
      default: {
        NamedCall call = parse_call(text);
        call.name = "f";  // known ones get here
        numeric_arguments(call, {"a", "b"}, {1, 2});
      }
    }
  });
  return 0;
}
