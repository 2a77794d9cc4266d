#include "load.hpp"

#include <evengrad/core/error.hpp>
#include <evengrad/core/utf8.hpp>

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

}  // namespace

std::optional<SavedModel<double>> load_into(TrainingSetup& setup, const CLI::App& command, const std::string& path) {
  std::optional<SavedModel<double>> saved = find_model<double>(path);
  if (!saved) return saved;
  const MlpOptions& shape = saved->model.options();
  const MlpOptions asked = mlp_options(setup, shape.inputs, shape.outputs);
  const auto given = [&](const char* option) { return command.count(option) > 0; };
  const auto refuse = [&](const std::string& file, const std::string& option) {
    throw UsageError(text("--load: the model in ", in_quotes(path), " has ", file, ", which contradicts ", option,
                          ": leave that option out, or train anew without --load"));
  };

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
  setup.trainer.loss = loss_of(*saved, setup.trainer.loss);
  return saved;
}

std::string loss_of(const SavedModel<double>& saved, const std::string& given) {
  const bool one_logit = saved.data.task == Task::classification && saved.model.options().outputs == 1;
  return given.empty() && one_logit ? "bce" : given;
}

template <Real S>
void check_fit(const SavedModel<double>& saved, const std::string& path, const Dataset<S>& data,
               const std::string& loss) {
  const MlpOptions& shape = saved.model.options();
  const auto check = [&](std::string_view what, Index model, Index needed) {
    if (model == needed) return;
    throw Error(text("the model in ", in_quotes(path), " has ", model, ' ', what, ", the data ", in_quotes(data.name),
                     loss.empty() ? "" : " with the loss " + loss, " need ", needed));
  };
  check("inputs", shape.inputs, data.features());
  check("outputs", shape.outputs, required_outputs(data, loss));
}

template <Real S>
void copy_parameters(Mlp<double>& from, Mlp<S>& to) {
  std::vector<const Parameter<double>*> all;
  from.visit(Path(), [&](const Path&, Parameter<double>& parameter) { all.push_back(&parameter); });
  auto next = all.begin();
  to.visit(Path(),
           [&](const Path&, Parameter<S>& parameter) { parameter.value = (*next++)->value.template cast<S>(); });
}

template void check_fit(const SavedModel<double>&, const std::string&, const Dataset<float>&, const std::string&);
template void check_fit(const SavedModel<double>&, const std::string&, const Dataset<double>&, const std::string&);
template void copy_parameters(Mlp<double>&, Mlp<float>&);
template void copy_parameters(Mlp<double>&, Mlp<double>&);

}  // namespace evengrad::cli
