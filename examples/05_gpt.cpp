// 5. A small GPT that learns a rhyme by heart, character by character, and recites it: a net from one line, a training
// loop written out, and text from the model.
#include <evengrad/activations/registry.hpp>
#include <evengrad/layers/losses.hpp>
#include <evengrad/layers/registry.hpp>
#include <evengrad/optim/optimizer.hpp>

#include <algorithm>
#include <iostream>
#include <string>
#include <vector>

using namespace evengrad;

const std::string rhyme =
    "Twinkle, twinkle, little star,\nHow I wonder what you are!\nUp above the world so high,\nLike a diamond in the "
    "sky.\n"
    "Twinkle, twinkle, little star,\nHow I wonder what you are!\n";

int main() {
  // Characters are tokens, numbered in alphabetical order.
  std::string alphabet = rhyme;
  std::sort(alphabet.begin(), alphabet.end());
  alphabet.erase(std::unique(alphabet.begin(), alphabet.end()), alphabet.end());
  const auto token = [&](char c) { return static_cast<std::int32_t>(alphabet.find(c)); };
  const Index tokens = std::ssize(alphabet), context = 32, batch = 8;

  // Embedding, learned positions, two blocks of attention and MLP, and a head tied to the embedding.
  Sequential<float> net = build_net<float>(
      "gpt(layers=2, heads=2, width=32)",
      {.inputs = {1, context, 1}, .outputs = tokens, .activations = {activation("gelu")}, .tokens = tokens});
  net.initialize(initializer("gpt2"), Rng(1));
  std::cout << net.word() << '\n' << parameter_count<float>(net) << " parameters\n";

  // Windows of the text from random places; each character predicts the next.
  Optimizer<float> adam({.name = "adamw", .learning_rate = 3e-3});
  Tape<float> tape;
  float loss = 0;
  for (std::uint64_t step = 0; step < 300; ++step) {
    tape.clear();
    std::vector<double> begins(batch);
    Rng(1).split(step).fill_uniform(std::span<double>(begins), 0.0, static_cast<double>(std::ssize(rhyme) - context));
    Matrix<float> inputs(batch * context, 1);
    std::vector<std::int32_t> next;
    for (Index i = 0; i < batch * context; ++i) {
      const auto at = static_cast<std::size_t>(begins[static_cast<std::size_t>(i / context)]) +
                      static_cast<std::size_t>(i % context);
      inputs(i, 0) = static_cast<float>(token(rhyme[at]));
      next.push_back(token(rhyme[at + 1]));
    }
    const Var<float> x = tape.constant(inputs, {batch, context, 1});
    const Var<float> mean_loss = softmax_cross_entropy(net.forward(x, {.training = true}), next);
    adam.step(net, tape.backward(mean_loss));
    loss = mean_loss.item();
    if (step % 100 == 99) std::cout << "step " << step + 1 << "  loss " << loss << '\n';
  }

  // The most probable character each time, given the last ones.
  std::string text = "How I ";
  Tape<float> values({.recording = false});
  while (text.size() < 80) {
    values.clear();
    const std::string seen = text.substr(text.size() - std::min<std::size_t>(text.size(), context));
    Matrix<float> inputs(std::ssize(seen), 1);
    for (Index t = 0; t < inputs.rows(); ++t) {
      inputs(t, 0) = static_cast<float>(token(seen[static_cast<std::size_t>(t)]));
    }
    Index best = 0;
    net.forward(values.constant(inputs, {1, inputs.rows(), 1}), {}).value().row(inputs.rows() - 1).maxCoeff(&best);
    text += alphabet[static_cast<std::size_t>(best)];
  }
  std::cout << text << '\n';
  return loss < 0.2F && rhyme.find(text.substr(0, 50)) != std::string::npos ? 0 : 1;
}
