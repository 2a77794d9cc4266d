// The activations by name: built-in ones, user-given ones, and formulas in x where a name is expected.
#pragma once

#include <evengrad/activations/info.hpp>
#include <evengrad/core/activation.hpp>
#include <evengrad/core/names.hpp>

#include <functional>
#include <optional>

namespace evengrad {

/// A number that an activation takes in its name, as in leaky_relu(0.2).
struct ActivationParameter {
  std::string name;
  double value;  ///< by default
  double lowest;
  double highest;
};

/// One activation of the registry.
struct ActivationEntry {
  std::string name;
  std::vector<std::string> aliases;
  std::vector<ActivationParameter> parameters;
  ActivationInfo info;
  bool learned = false;  ///< its parameters are trained, as in prelu
  /// The activation with these values, one a parameter, under this name.
  std::function<Activation(const std::vector<double>& values, std::string name)> make;
  /// PyTorch's calculate_gain for these values; null where PyTorch has none.
  std::function<std::optional<double>(const std::vector<double>& values)> pytorch_gain;
};

/// An entry with a value for each of its parameters.
struct NamedActivation {
  const ActivationEntry* entry;  ///< valid as long as the program runs
  std::vector<double> values;
};

/// The activation that `text` names: a name or an alias ("relu", "swish"), with parameters by position or by name
/// ("leaky_relu(0.2)", "elu(alpha=1.5)"), a wrapper of one ("normalized(gelu)"), or a formula in x
/// ("x*sigmoid(1.702*x)"). Its name() gives the same activation again.
/// \throws UsageError for an unknown name or parameter (with the nearest known one), a value out of range, a wrong
/// formula.
Activation activation(std::string_view text);

/// The entry and values that a name stands for; null where `text` is a formula or a wrapper. \throws as activation().
std::optional<NamedActivation> named_activation(std::string_view text);

/// The activation that an entry and values stand for.
Activation make(const NamedActivation& named);

/// One value a parameter of the entry: the arguments of the call, else the defaults. \throws UsageError.
std::vector<double> activation_values(const ActivationEntry& entry, const NamedCall& call);

/// The entry with this name or alias, or null.
const ActivationEntry* find_activation(std::string_view name);

/// All entries, built-in ones first, in the order of activations/builtin.hpp. The list stays valid and unchanged when
/// activations are added; ask again to see those.
const std::vector<ActivationEntry>& activations();

/// A formula of an entry's info with values in the place of its parameters' names, ready for the formula parser.
std::string formula_text(std::string_view formula, const NamedActivation& activation);

/// The parts of a list, "relu, leaky_relu(0.2),max(x, 0)": split at commas outside parentheses, blanks around them
/// dropped. \throws UsageError for an empty part.
std::vector<std::string> split_list(std::string_view text);

/// Adds an activation. Threads may look up names meanwhile.
/// \throws UsageError where the name is taken, has a meaning in formulas, or is not an identifier.
void add_activation(ActivationEntry entry);

/// What makes `name(inner)` an activation wherever a name is accepted. The result must be named "name(<inner's name>)".
using ActivationWrapper = std::function<Activation(const Activation& inner)>;

/// Adds a wrapper, or replaces the one of that name by the same. \throws as add_activation().
void add_activation_wrapper(std::string name, ActivationWrapper wrapper);

/// The entry of formula F, generated from its members: name, operator(), and where it has them aliases, kinks, info,
/// parameters(), pytorch_gain(), learned.
template <class F>
ActivationEntry activation_entry(FormulaKernels kernels) {
  std::vector<double F::*> members;
  ActivationEntry entry;
  entry.name = F::name;
  if constexpr (requires { F::aliases; }) entry.aliases.assign(F::aliases.begin(), F::aliases.end());
  if constexpr (requires { F::info; }) entry.info = F::info;
  if constexpr (requires { F::learned; }) entry.learned = F::learned;
  if constexpr (requires { F::parameters(); }) {
    for (const FormulaParameter<F>& p : F::parameters()) {
      entry.parameters.push_back({std::string(p.name), F{}.*p.member, p.lowest, p.highest});
      members.push_back(p.member);
    }
  }
  const auto formula = [members](const std::vector<double>& values) {
    F f;
    for (std::size_t i = 0; i < members.size(); ++i) f.*members[i] = values[i];
    return f;
  };
  entry.make = [formula, kernels](const std::vector<double>& values, std::string name) {
    return make_activation<F>(formula(values), std::move(name), kernels);
  };
  entry.pytorch_gain = [formula](const std::vector<double>& values) -> std::optional<double> {
    if constexpr (requires(const F f) { f.pytorch_gain(); })
      return formula(values).pytorch_gain();
    else
      return std::nullopt;
  };
  return entry;
}

/// Adds formula F, one struct as the built-in ones are, compiled with the flags of the calling file.
template <class F>
void add_activation(FormulaKernels kernels = formula_kernels<F>()) {
  add_activation(activation_entry<F>(kernels));
}

}  // namespace evengrad
