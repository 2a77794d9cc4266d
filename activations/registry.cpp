#include <evengrad/activations/registry.hpp>

#include <evengrad/activations/builtin.hpp>
#include <evengrad/activations/formula.hpp>
#include <evengrad/activations/kernels/kernels.hpp>
#include <evengrad/activations/words.hpp>
#include <evengrad/core/error.hpp>
#include <evengrad/core/names.hpp>
#include <evengrad/core/numbers.hpp>
#include <evengrad/core/same_name.hpp>
#include <evengrad/core/utf8.hpp>

#include <algorithm>
#include <deque>
#include <map>
#include <mutex>

namespace evengrad {
namespace {

constexpr int deepest_wrapping = 16;

template <class... F>
std::vector<ActivationEntry> builtin_entries(Formulas<F...>) {
  const FormulaKernels* kernels = kernels::builtins(best_isa());
  std::vector<ActivationEntry> entries{activation_entry<F>(*kernels++)...};
  for (ActivationEntry& entry : entries) {
    // The identity has no formula to share: is_identity() lets callers skip it.
    if (entry.name == Identity::name) entry.make = [](const auto&, const auto&) { return Activation(); };
  }
  return entries;
}

// Adding makes a new list and keeps the old ones, so that references to them stay valid without a lock.
struct Registry {
  std::mutex mutex;
  std::deque<std::vector<ActivationEntry>> lists{builtin_entries(BuiltinFormulas{})};
  std::map<std::string, ActivationWrapper, std::less<>> wrappers;
};

Registry& registry() {
  static Registry r;
  return r;
}

ActivationWrapper find_wrapper(std::string_view name) {
  const std::lock_guard lock(registry().mutex);
  const auto found = registry().wrappers.find(name);
  return found == registry().wrappers.end() ? nullptr : found->second;
}

const ActivationEntry* find(const std::vector<ActivationEntry>& entries, std::string_view name) {
  for (const ActivationEntry& entry : entries) {
    if (entry.name == name) return &entry;
    for (const std::string& alias : entry.aliases) {
      if (alias == name) return &entry;
    }
  }
  return nullptr;
}

void check_name(const Registry& r, std::string_view name) {
  if (name.empty() || name_length(name) != name.size()) {
    throw UsageError(text("an activation's name is letters, digits and _, got ", in_quotes(name)));
  }
  if (is_formula_word(name)) throw UsageError(text("'", name, "' has a meaning in formulas: choose another name"));
  if (find(r.lists.back(), name)) throw UsageError(text("the activation '", name, "' exists already"));
}

/// The name with the values that are not the default ones.
std::string full_name(const NamedActivation& named) {
  const auto& parameters = named.entry->parameters;
  std::string list;
  for (std::size_t i = 0; i < parameters.size(); ++i) {
    if (named.values[i] == parameters[i].value) continue;
    if (!list.empty()) list += ",";
    if (parameters.size() > 1) list += parameters[i].name + "=";
    list += number_text(named.values[i]);
  }
  return list.empty() ? named.entry->name : named.entry->name + "(" + list + ")";
}

/// "name(inner)" taken apart where name is a wrapper's.
struct Wrapped {
  ActivationWrapper wrapper;
  std::string_view inner;
};

std::optional<Wrapped> wrapped(std::string_view call) {
  const auto open = call.find('(');
  if (open == call.npos || call.back() != ')') return std::nullopt;
  int depth = 0;  // the last parenthesis must close the first: "f(x) + g(x)" is a formula
  for (std::size_t i = open; i + 1 < call.size(); ++i) {
    depth += call[i] == '(' ? 1 : call[i] == ')' ? -1 : 0;
    if (depth == 0) return std::nullopt;
  }
  ActivationWrapper wrapper = find_wrapper(trimmed(call.substr(0, open)));
  if (!wrapper) return std::nullopt;
  return Wrapped{std::move(wrapper), call.substr(open + 1, call.size() - open - 2)};
}

NamedActivation look_up(std::string_view call_text) {
  const NamedCall call = parse_call(call_text);
  const ActivationEntry* entry = find_activation(call.name);
  if (!entry) {
    std::vector<std::string> known;
    for (const ActivationEntry& e : activations()) known.push_back(e.name);
    throw UsageError(unknown_name("activation", call.name, known) + "; a formula contains x, as in x*sigmoid(x)");
  }
  return {entry, activation_values(*entry, call)};
}

Activation activation(std::string_view given, int depth) {
  const std::string_view name = trimmed(given);
  if (const auto outer = wrapped(name)) {
    if (depth == deepest_wrapping)
      throw UsageError(text("activation: more than ", deepest_wrapping, " nested wrappers"));
    return outer->wrapper(activation(outer->inner, depth + 1));
  }
  if (mentions_x(name)) return formula_activation(name);
  return make(look_up(name));
}

}  // namespace

Activation make(const NamedActivation& named) { return named.entry->make(named.values, full_name(named)); }

Activation activation(std::string_view text) { return activation(text, 0); }

std::optional<NamedActivation> named_activation(std::string_view text) {
  const std::string_view name = trimmed(text);
  if (wrapped(name) || mentions_x(name)) return std::nullopt;
  return look_up(name);
}

const std::vector<ActivationEntry>& activations() {
  const std::lock_guard lock(registry().mutex);
  return registry().lists.back();
}

const ActivationEntry* find_activation(std::string_view name) {
  const std::vector<ActivationEntry>& all = activations();
  if (const ActivationEntry* entry = find(all, name)) return entry;
  const auto has = [&](const ActivationEntry& entry) {
    const auto same = [&](const std::string& other) { return same_name(name, other); };
    return same(entry.name) || std::any_of(entry.aliases.begin(), entry.aliases.end(), same);
  };
  const auto found = std::find_if(all.begin(), all.end(), has);
  return found == all.end() ? nullptr : &*found;
}

std::vector<double> activation_values(const ActivationEntry& entry, const NamedCall& call) {
  std::vector<std::string> keys;
  std::vector<double> defaults;
  for (const ActivationParameter& p : entry.parameters) {
    keys.push_back(p.name);
    defaults.push_back(p.value);
  }
  if (keys.empty() && !call.arguments.empty()) throw UsageError(text(entry.name, ": takes no parameters"));
  const std::vector<double> values = numeric_arguments(call, keys, defaults);
  for (std::size_t i = 0; i < values.size(); ++i) {
    const ActivationParameter& p = entry.parameters[i];
    if (values[i] < p.lowest || values[i] > p.highest) {
      throw UsageError(
          text(entry.name, ": ", p.name, " must lie in [", p.lowest, ", ", p.highest, "], got ", values[i]));
    }
  }
  return values;
}

std::string formula_text(std::string_view formula, const NamedActivation& named) {
  const auto& parameters = named.entry->parameters;
  std::string result;
  while (!formula.empty()) {
    const std::size_t length = std::max({name_length(formula), number_length(formula), std::size_t{1}});
    const std::string_view word = formula.substr(0, length);
    const auto p = std::find_if(parameters.begin(), parameters.end(), [&](const auto& q) { return q.name == word; });
    if (p == parameters.end()) {
      result += word;
    } else {
      const double value = named.values[static_cast<std::size_t>(p - parameters.begin())];
      result += value < 0 ? "(" + number_text(value) + ")" : number_text(value);
    }
    formula.remove_prefix(length);
  }
  return result;
}

std::vector<std::string> split_list(std::string_view list) {
  std::vector<std::string> parts;
  int depth = 0;
  std::size_t begin = 0;
  for (std::size_t i = 0; i <= list.size(); ++i) {
    if (i < list.size()) depth += list[i] == '(' ? 1 : list[i] == ')' ? -1 : 0;
    if (i < list.size() && (list[i] != ',' || depth > 0)) continue;
    const std::string_view part = trimmed(list.substr(begin, i - begin));
    if (part.empty()) throw UsageError(text("an empty name in the list ", in_quotes(list)));
    parts.emplace_back(part);
    begin = i + 1;
  }
  return parts;
}

void add_activation(ActivationEntry entry) {
  Registry& r = registry();
  const std::lock_guard lock(r.mutex);
  check_name(r, entry.name);
  for (const std::string& alias : entry.aliases) check_name(r, alias);
  if (r.wrappers.contains(entry.name)) throw UsageError(text("'", entry.name, "' names a wrapper of activations"));
  std::vector<ActivationEntry> list = r.lists.back();
  list.push_back(std::move(entry));
  r.lists.push_back(std::move(list));
}

void add_activation_wrapper(std::string name, ActivationWrapper wrapper) {
  Registry& r = registry();
  const std::lock_guard lock(r.mutex);
  check_name(r, name);
  r.wrappers.insert_or_assign(std::move(name), std::move(wrapper));
}

namespace kernels {

const FormulaKernels* builtins(Isa isa) {
  if (isa > best_isa()) return nullptr;
#if defined(EVENGRAD_DISPATCH)
  if (isa == Isa::avx512) return avx512_builtins();
  if (isa == Isa::avx2) return avx2_builtins();
#endif
  return baseline_builtins();
}

}  // namespace kernels
}  // namespace evengrad
