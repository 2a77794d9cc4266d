#include "load.hpp"

#include <evengrad/core/error.hpp>
#include <evengrad/core/utf8.hpp>
#include <evengrad/layers/mlp.hpp>

#include <algorithm>
#include <functional>

namespace evengrad::cli {

namespace {

std::string hidden_text(const std::vector<Index>& widths) {
  std::string all;
  for (const Index width : widths) all += (all.empty() ? "" : ",") + std::to_string(width);
  return all.empty() ? "none" : all;
}

// One name where all hidden layers have the same.
std::string activation_text(const MlpOptions& shape) {
  std::vector<std::string> names;
  for (const Activation& f : shape.activations) names.push_back(f.name());
  if (std::adjacent_find(names.begin(), names.end(), std::not_equal_to<>()) == names.end()) names.resize(1);
  std::string all;
  for (const std::string& name : names) all += (all.empty() ? "" : ",") + name;
  return all;
}

// The net of a file, which the options that were given must not contradict.
void take_net(TrainingSetup& setup, SavedModel<double>& saved, FunctionRef<bool(const char*)> given,
              FunctionRef<void(const std::string&, const std::string&)> refuse) {
  const std::optional<MlpOptions> found = find_mlp(saved.model);
  if (!found) {
    std::string line = saved.model.word();
    const std::string output = text("linear(", saved.outputs(), ")");  // it follows by itself
    if (line.ends_with(output)) line.resize(line.size() - output.size());
    for (const char* option : {"--hidden", "--activation", "--norm", "--residual", "--dropout"}) {
      if (given(option)) refuse("the net " + line, option);
    }
    setup.net = line;
    return;
  }
  const MlpOptions &shape = *found, asked = mlp_options(setup, shape.inputs, shape.outputs);
  if (given("--hidden") && asked.hidden != shape.hidden) {
    refuse("hidden widths " + hidden_text(shape.hidden), "--hidden " + hidden_text(asked.hidden));
  }
  setup.hidden = hidden_text(shape.hidden);
  if (!shape.hidden.empty()) {
    const std::string activations = activation_text(shape);
    if (given("--activation") && activation_text(asked) != activations) {
      refuse("activation " + activations, "--activation " + activation_text(asked));
    }
    setup.activation = activations;
  }
  if (given("--norm") && asked.norm != shape.norm) {
    refuse(text("norm ", choice_word(shape.norm)), text("--norm ", choice_word(asked.norm)));
  }
  setup.norm = shape.norm;
  if (given("--residual") && !shape.residual) refuse("no residual sums", "--residual");
  setup.residual = shape.residual;
  if (!given("--dropout")) setup.dropout = shape.dropout;  // it has no weights: to train on with another is fine
}

}  // namespace

std::optional<SavedModel<double>> load_into(TrainingSetup& setup, const CLI::App& command, const std::string& path) {
  std::optional<SavedModel<double>> saved = find_model<double>(path);
  if (!saved) return saved;
  const auto given = [&](const char* option) { return command.count(option) > 0; };
  const auto refuse = [&](const std::string& file, const std::string& option) {
    throw UsageError(text("--load: the model in ", in_quotes(path), " has ", file, ", which contradicts ", option,
                          ": leave that option out, or train anew without --load"));
  };

  take_net(setup, *saved, given, refuse);
  const ModelData& data = saved->data;
  if (setup.data.table.task && *setup.data.table.task != data.task) {
    refuse(text("the task ", choice_word(data.task)), text("--task ", choice_word(*setup.data.table.task)));
  }
  const Normalize normalize = data.normalization.mean.empty() ? Normalize::none : Normalize::standard;
  if (given("--normalize") && setup.data.normalize != normalize) {
    const bool none = normalize == Normalize::none;
    refuse(none ? "inputs that are not normalized" : "normalized inputs",
           text("--normalize ", choice_word(setup.data.normalize)));
  }
  setup.data.normalize = normalize;
  setup.data.trained_on = data;
  setup.data.order = data.order;
  if (!data.tokens.empty()) {
    setup.data.context = saved->inputs.rows;
    if (setup.data.name.ends_with(".txt") && !setup.data.items) {
      setup.data.items = data.lines ? Items::lines : Items::text;
    }
  }
  setup.trainer.loss = loss_of(*saved, setup.trainer.loss);
  return saved;
}

std::string loss_of(const SavedModel<double>& saved, const std::string& given) {
  const bool one_logit = saved.data.task == Task::classification && saved.outputs() == 1;
  return given.empty() && one_logit ? "bce" : given;
}

template <Real S>
void check_fit(const SavedModel<double>& saved, const std::string& path, const Dataset<S>& data,
               const std::string& loss) {
  const auto check = [&](std::string_view what, Index model, Index needed) {
    if (model == needed) return;
    throw Error(text("the model in ", in_quotes(path), " has ", model, ' ', what, ", the data ", in_quotes(data.name),
                     loss.empty() ? "" : " with the loss " + loss, " need ", needed));
  };
  check("inputs", saved.inputs.size(), data.features());
  check("outputs", saved.outputs(), required_outputs(data, loss));
}

template <Real S>
void copy_parameters(Layer<double>& from, Layer<S>& to) {
  std::vector<const Parameter<double>*> all;
  from.visit(Path(), [&](const Path&, Parameter<double>& parameter) { all.push_back(&parameter); });
  auto next = all.begin();
  to.visit(Path(),
           [&](const Path&, Parameter<S>& parameter) { parameter.value = (*next++)->value.template cast<S>(); });
}

template void check_fit(const SavedModel<double>&, const std::string&, const Dataset<float>&, const std::string&);
template void check_fit(const SavedModel<double>&, const std::string&, const Dataset<double>&, const std::string&);
template void copy_parameters(Layer<double>&, Layer<float>&);
template void copy_parameters(Layer<double>&, Layer<double>&);

}  // namespace evengrad::cli
