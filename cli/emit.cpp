#include "emit.hpp"

#include <evengrad/core/error.hpp>
#include <evengrad/core/names.hpp>
#include <evengrad/init/initializer.hpp>

#include <charconv>
#include <cmath>

namespace evengrad::cli {

namespace {

const char* const pytorch = R"(# @title
from torch import nn


def initialize(model: nn.Module) -> None:
    """Draws the weights and biases of every nn.Linear, the first one for inputs of variance 1."""
    for i, layer in enumerate(m for m in model.modules() if isinstance(m, nn.Linear)):
        weight_std, bias_std = (@first_weight, @first_bias) if i == 0 else (@weight, @bias)
        nn.init.normal_(layer.weight, 0.0, weight_std / layer.in_features**0.5)
        if layer.bias is not None:
            nn.init.normal_(layer.bias, 0.0, bias_std)
)";

const char* const jax = R"(# @title
import jax


def initialize(key, widths):
    """Weights (fan_in, fan_out) and biases of a net, the first layer's for inputs of variance 1."""
    layers = []
    for i, (fan_in, fan_out) in enumerate(zip(widths, widths[1:])):
        key, weight_key, bias_key = jax.random.split(key, 3)
        weight_std, bias_std = (@first_weight, @first_bias) if i == 0 else (@weight, @bias)
        weight = weight_std / fan_in**0.5 * jax.random.normal(weight_key, (fan_in, fan_out))
        layers.append((weight, bias_std * jax.random.normal(bias_key, (fan_out,))))
    return layers
)";

const char* const keras = R"(# @title
import keras


def dense(units, first=False, **options):
    """A Dense layer; the first one for inputs of variance 1."""
    weight_std, bias_std = (@first_weight, @first_bias) if first else (@weight, @bias)
    return keras.layers.Dense(
        units,
        kernel_initializer=keras.initializers.VarianceScaling(weight_std**2, "fan_in", "untruncated_normal"),
        bias_initializer=keras.initializers.RandomNormal(stddev=bias_std),
        **options,
    )
)";

const char* const cpp = R"(// @title
#include <@umbrella>

#include <iostream>

int main() {
  using namespace evengrad;
  auto net = mlp<float>({.inputs = 64, .hidden = {64, 64}, .outputs = 10, .activations = {activation("@activation")}});
  net.initialize(initializer("@init"), Rng(1));
  std::cout << parameter_count<float>(net) << " parameters drawn\n";
}
)";

std::string replaced(std::string text, const std::string& key, const std::string& value) {
  for (std::size_t at = text.find(key); at != text.npos; at = text.find(key, at + value.size())) {
    text.replace(at, key.size(), value);
  }
  return text;
}

std::string number(double value) {
  char digits[32];
  return {digits, std::to_chars(digits, digits + sizeof digits, value).ptr};
}

}  // namespace

const std::vector<std::string>& frameworks() {
  static const std::vector<std::string> names = {"pytorch", "jax", "keras", "cpp"};
  return names;
}

std::string emit_code(const std::string& framework, const Activation& f, const std::string& init,
                      const std::string& reason) {
  const char* const templates[] = {pytorch, jax, keras, cpp};
  std::size_t which = 0;
  while (which < frameworks().size() && frameworks()[which] != framework) ++which;
  if (which == frameworks().size()) throw UsageError(unknown_name("framework", framework, frameworks()));

  // Standard deviations times sqrt(fan_in): those of a weight with one input.
  const Initializer rule = initializer(init);
  const LayerDraws first = rule({.layer = 0, .layers = 3, .activation = &f});
  const LayerDraws hidden = rule({.layer = 1, .layers = 3, .activation = &f, .input_activation = &f});
  std::string code = templates[which];
  code = replaced(code, "@title", f.name() + ", " + init + ": " + reason);
  code = replaced(code, "@first_weight", number(first.weight.scale));
  code = replaced(code, "@first_bias", number(first.bias.scale));
  code = replaced(code, "@weight", number(hidden.weight.scale));
  code = replaced(code, "@bias", number(hidden.bias.scale));
  code = replaced(code, "@umbrella", "evengrad/evengrad.hpp");  // spelled here, where it is no include of this file
  code = replaced(code, "@activation", f.name());
  return replaced(code, "@init", init);
}

}  // namespace evengrad::cli
