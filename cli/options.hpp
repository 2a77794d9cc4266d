// The fields of a struct (core/option.hpp) as options of a command.
#pragma once

#include "program.hpp"

#include <evengrad/core/option.hpp>
#include <evengrad/core/same_name.hpp>
#include <evengrad/init/initializer.hpp>
#include <evengrad/optim/optimizer.hpp>
#include <evengrad/training/trainer.hpp>

#include <string>
#include <type_traits>

namespace evengrad::cli {

/// The names that an option takes, if it is one of an optimizer, loss or initializer.
inline std::vector<std::string> listed_names(std::string_view option) {
  std::vector<std::string> names;
  const auto take = [&](const auto& list) {
    for (const auto& info : list) {
      names.emplace_back(info.name);
      if constexpr (requires { info.aliases; }) names.insert(names.end(), info.aliases.begin(), info.aliases.end());
    }
  };
  if (option == "optimizer") take(optimizers());
  if (option == "loss") take(losses());
  if (option == "init") take(initializers());
  return names;
}

/// `options.fields(command_options)` adds every field; parsing the command line fills them, so they must outlive it.
class CommandOptions {
 public:
  CommandOptions(CLI::App& app, Global& global) : app_(app), global_(global) {}

  void group(std::string_view name) { app_.option_defaults()->group(std::string(name)); }

  template <class T>
  void operator()(const OptionInfo& info, T& field) {
    const std::string name = "--" + std::string(info.name);
    CLI::Option* option = add(info, name, field);
    if (!info.type.empty()) option->type_name(std::string(info.type));
    if (!info.excludes.empty()) option->excludes(app_.get_option("--" + std::string(info.excludes)));
    if (info.required) option->required();
    if (const std::vector<std::string> known = listed_names(info.name); !known.empty()) {
      option->transform(
          CLI::Validator([known](std::string& given) { return given = known_call(given, known), ""; }, ""));
    }
    if (!info.affects_result) global_.without_effect.insert(name);
  }

 private:
  template <class T>
  CLI::Option* add(const OptionInfo& info, const std::string& name, T& field) {
    const std::string help(info.help);
    using Value = typename OptionValue<T>::type;
    constexpr bool optional = !std::is_same_v<Value, T>;
    if constexpr (std::is_same_v<T, bool>) {
      return app_.add_flag_callback(
          name, [&field, value = !info.turns_off] { field = value; }, help);
    } else if constexpr (Choice<Value>) {
      const auto parse = [&field, word = std::string(info.name)](const std::string& given) {
        std::vector<std::string> known;
        for (const auto& choice : Choices<Value>::words) known.emplace_back(choice.first);
        field = parse_choice<Value>(word, known_call(given, known));
      };
      CLI::Option* option = app_.add_option_function<std::string>(name, parse, help);
      if constexpr (!optional) option->default_str(std::string(choice_word(field)));
      return option;
    } else {
      CLI::Option* option = app_.add_option(name, field, help);
      if constexpr (std::is_same_v<T, std::vector<std::string>>) {
        option->allow_extra_args(false);
      } else if constexpr (!optional) {
        if (info.show_default) option->capture_default_str();
      }
      return option;
    }
  }

  CLI::App& app_;
  Global& global_;
};

}  // namespace evengrad::cli
