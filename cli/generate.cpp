#include "options.hpp"
#include "program.hpp"

#include <evengrad/core/error.hpp>
#include <evengrad/core/random.hpp>
#include <evengrad/core/utf8.hpp>
#include <evengrad/data/text.hpp>
#include <evengrad/training/model_file.hpp>

#include <algorithm>
#include <cmath>
#include <iostream>
#include <numeric>

namespace evengrad::cli {

namespace {

struct GenerateArguments {
  std::string model, prompt;
  double temperature = 1, top_p = 1;
  std::int64_t top_k = 0, count = 1, length = 500;

  template <class F>
  void fields(F& f) {
    f({.name = "prompt", .help = "Text to go on from", .show_default = false}, prompt);
    f({.name = "temperature", .help = "Divides the logits: below 1 bolder, above 1 more varied; 0 takes the likeliest"},
      temperature);
    f({.name = "top-k", .help = "Only the k likeliest characters; 0: all"}, top_k);
    f({.name = "top-p", .help = "Only the likeliest characters that together have this probability"}, top_p);
    f({.name = "count", .help = "Number of texts"}, count);
    f({.name = "length", .help = "Most characters of each"}, length);
  }
};

void check(const GenerateArguments& a) {
  if (!(a.temperature >= 0 && a.temperature <= 1e6)) {
    throw UsageError(text("--temperature is ", a.temperature, ", expected a number from 0 on"));
  }
  if (!(a.top_p > 0 && a.top_p <= 1)) throw UsageError(text("--top-p is ", a.top_p, ", expected above 0 to 1"));
  if (a.top_k < 0) throw UsageError(text("--top-k is ", a.top_k, ", expected 0 or more"));
  if (a.count < 1) throw UsageError(text("--count is ", a.count, ", expected at least 1"));
  if (a.length < 1) throw UsageError(text("--length is ", a.length, ", expected at least 1"));
}

// Draws a token: softmax at this temperature, cut off, at `u` in [0, 1) of what is left.
std::int32_t draw(const Eigen::RowVectorXd& logits, const GenerateArguments& a, double u) {
  std::vector<std::int32_t> order(static_cast<std::size_t>(logits.size()));
  std::iota(order.begin(), order.end(), 0);
  std::stable_sort(order.begin(), order.end(), [&](auto i, auto j) { return logits[i] > logits[j]; });
  if (a.temperature == 0) return order.front();
  if (a.top_k > 0) order.resize(std::min(order.size(), static_cast<std::size_t>(a.top_k)));
  std::vector<double> weights;
  for (const std::int32_t token : order) {
    weights.push_back(std::exp((logits[token] - logits[order.front()]) / a.temperature));
  }
  const double all = std::accumulate(weights.begin(), weights.end(), 0.0);
  std::size_t kept = 0;
  double sum = 0;
  while (kept < weights.size() && (kept == 0 || sum < a.top_p * all)) sum += weights[kept++];
  double left = u * sum;
  for (std::size_t i = 0; i + 1 < kept; ++i) {
    if (left < weights[i]) return order[i];
    left -= weights[i];
  }
  return order[kept - 1];
}

class Writer {
 public:
  explicit Writer(const std::string& path) : saved_(load_model<float>(path)) {
    const Shape answer = saved_.model.outputs(saved_.inputs);
    if (saved_.data.tokens.empty() || answer.rows != saved_.inputs.rows) {
      throw Error(text("the model in ", in_quotes(path),
                       " does not say what character comes next: generate takes one that was trained on text, such as "
                       "evengrad train --net gpt --data moby_dick --save PATH"));
    }
  }

  std::string write(const GenerateArguments& a, Rng rng) {
    const std::vector<std::string>& names = saved_.data.tokens;
    const std::int32_t end = saved_.data.lines ? numbers_of(end_token, names).front() : -1;
    std::vector<std::int32_t> tokens;
    if (saved_.data.lines) tokens.push_back(end);
    try {
      for (const std::int32_t token : numbers_of(a.prompt, names)) tokens.push_back(token);
    } catch (const Error& error) {
      throw UsageError(text("--prompt: ", error.what()));
    }
    if (tokens.empty()) tokens.push_back(static_cast<std::int32_t>(rng.below(names.size())));
    std::string result = a.prompt;
    for (std::int64_t i = 0; i < a.length; ++i) {
      const std::int32_t next = draw(logits(tokens), a, rng.uniform());
      if (next == end) break;
      tokens.push_back(next);
      result += names[static_cast<std::size_t>(next)];
    }
    return result;
  }

 private:
  // Of the character behind the last window of these.
  Eigen::RowVectorXd logits(const std::vector<std::int32_t>& tokens) {
    const Index rows = saved_.inputs.rows, known = std::min(rows, std::ssize(tokens));
    const auto length = static_cast<std::int32_t>(known);
    Shape shape = saved_.inputs;
    shape.blocks = 1;
    shape.lengths = &length;
    Matrix<float> window = Matrix<float>::Zero(rows, 1);
    for (Index t = 0; t < known; ++t) {
      window(t, 0) = static_cast<float>(tokens[tokens.size() - static_cast<std::size_t>(known - t)]);
    }
    tape_.clear();
    const Var<float> output = saved_.model.forward(tape_.view(window, shape), Context{});
    return output.value().row(known - 1).cast<double>();
  }

  SavedModel<float> saved_;
  Tape<float> tape_{{.recording = false}};
};

int generate(const GenerateArguments& arguments, const Global& global) {
  check(arguments);
  Writer writer(arguments.model);
  Json document = document_header();
  document["seed"] = global.seed;
  document["texts"] = Json::array();
  for (std::int64_t i = 0; i < arguments.count; ++i) {
    const Rng rng = Rng(global.seed).split("generate").split(static_cast<std::uint64_t>(i));
    const std::string written = writer.write(arguments, rng);
    if (!global.json) std::cout << written << '\n' << std::flush;
    document["texts"].push_back(written);
  }
  if (global.json) print_json(document);
  return 0;
}

}  // namespace

Command add_generate(CLI::App& program, Global& global) {
  CLI::App* app = program.add_subcommand("generate", "Write text with a saved model of text");
  auto a = std::make_shared<GenerateArguments>();
  app->add_option("MODEL", a->model, "A model that train --data moby_dick --save, or another text, wrote")->required();
  CommandOptions options(*app, global);
  a->fields(options);
  return {app, [a, &global] { return generate(*a, global); }};
}

}  // namespace evengrad::cli
