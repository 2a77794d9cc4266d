// How an option is described: once, in the `fields` of the struct that holds it.
//
//   struct TrainerOptions {
//     Index batch_size = 64;
//     template <class F> void fields(F& f) {
//       f.group("Training");
//       f({.name = "batch-size", .help = "Samples per step"}, batch_size);
//     }
//   };
//
// From this follow the option --batch-size with its default and its group in the help, the page's setting batch_size,
// what a resumed run compares, and the command that repeats a run. A field is text, a number, a bool, an enum with
// Choices, or an optional one of these.
#pragma once

#include <evengrad/core/error.hpp>
#include <evengrad/core/names.hpp>

#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

namespace evengrad {

struct OptionInfo {
  std::string_view name;  ///< "batch-size", for --batch-size
  std::string_view help;
  std::string_view type = {};      ///< what the help calls the value, "PATH"; empty: by the field's type
  std::string_view excludes = {};  ///< an option, declared before, that this one cannot be given with
  bool required = false;
  bool show_default = true;    ///< false where an empty or derived default would say nothing
  bool turns_off = false;      ///< of a bool: giving the option makes it false, as --no-shuffle does
  bool affects_result = true;  ///< false for files, output and speed
};

/// The words of an enum: `static constexpr std::pair<std::string_view, E> words[]`. Specialized beside each enum.
template <class E>
struct Choices;

template <class E>
concept Choice = requires {
  Choices<E>::words;
};

/// The value that a word stands for. \throws UsageError with the nearest word for another one.
template <Choice E>
E parse_choice(std::string_view option, const std::string& given) {
  std::vector<std::string> known;
  for (const auto& [word, value] : Choices<E>::words) {
    if (word == given) return value;
    known.emplace_back(word);
  }
  throw UsageError(unknown_name(text("value of --", option), given, known));
}

template <Choice E>
std::string_view choice_word(E value) {
  for (const auto& [word, known] : Choices<E>::words) {
    if (known == value) return word;
  }
  return {};
}

enum class Dtype { float32, float64 };

template <>
struct Choices<Dtype> {
  static constexpr std::pair<std::string_view, Dtype> words[] = {{"float32", Dtype::float32},
                                                                 {"float64", Dtype::float64}};
};

/// What an optional field holds when it is given.
template <class T>
struct OptionValue {
  using type = T;
};
template <class T>
struct OptionValue<std::optional<T>> {
  using type = T;
};

/// An option as lists show it.
struct OptionEntry {
  std::string name, group, help, type;  ///< type: "text", "number", "integer", "flag" or "choice"
  std::string otherwise;                ///< its default; empty where it has none
  std::vector<std::string> choices;     ///< of a choice
};

/// Collects the fields of a struct, `options.fields(list)`.
class OptionLister {
 public:
  void group(std::string_view name) { group_ = name; }
  template <class T>
  void operator()(const OptionInfo& info, const T& field) {
    using Value = typename OptionValue<T>::type;
    OptionEntry& entry = entries.emplace_back();
    entry.name = info.name;
    entry.group = group_;
    entry.help = info.help;
    if constexpr (Choice<Value>) {
      entry.type = "choice";
      for (const auto& [word, value] : Choices<Value>::words) entry.choices.emplace_back(word);
      if constexpr (std::is_same_v<T, Value>) entry.otherwise = choice_word(field);
    } else if constexpr (std::is_same_v<Value, bool>) {
      entry.type = "flag";
    } else {
      entry.type = std::is_integral_v<Value> ? "integer" : std::is_floating_point_v<Value> ? "number" : "text";
      if constexpr (std::is_same_v<T, Value> && !std::is_same_v<T, std::vector<std::string>>)
        entry.otherwise = text(field);
    }
  }

  std::vector<OptionEntry> entries;

 private:
  std::string_view group_;
};

/// The options of a struct in their order.
template <class Struct>
std::vector<OptionEntry> option_list(Struct options = {}) {
  OptionLister lister;
  options.fields(lister);
  return std::move(lister.entries);
}

}  // namespace evengrad
