// How the page asks: a method by its name, options as JSON, and an answer as JSON with arrays beside it.
#pragma once

#include <evengrad/core/option.hpp>
#include <evengrad/data/registry.hpp>
#include <evengrad/training/trainer.hpp>

#include <nlohmann/json.hpp>

#include <cstdint>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace evengrad::page {

using Json = nlohmann::ordered_json;

/// The options of one question, under the names of the command line's (`batch_size` is --batch-size). A value is a
/// number or the text that one would type. Every reader throws UsageError that names the option.
class Options {
 public:
  explicit Options(const Json& given);

  bool has(std::string_view name) const { return find(name) != nullptr; }
  std::string text(std::string_view name, const std::string& otherwise) const;
  /// \throws also where it is not given.
  std::string text(std::string_view name) const;
  double number(std::string_view name, double otherwise, double lowest, double highest) const;
  std::int64_t whole(std::string_view name, std::int64_t otherwise, std::int64_t lowest, std::int64_t highest) const;
  bool flag(std::string_view name) const;
  std::vector<std::string> texts(std::string_view name) const;
  std::vector<double> numbers(std::string_view name, std::size_t count) const;
  std::vector<std::int64_t> wholes(std::string_view name, std::int64_t lowest, std::int64_t highest) const;
  std::uint64_t seed() const;
  /// An option that is itself a set of options.
  Options group(std::string_view name) const;

  /// The fields of a struct (core/option.hpp) that are given; the others keep their values.
  template <class Struct>
  void read(Struct& fields) const {
    Reader reader{*this};
    fields.fields(reader);
  }

  /// Refuses what nobody read.
  void require_all_read() const;
  /// "evengrad NAME" with what was given, but for what `without` names.
  std::string command(const std::string& name, std::span<const std::string_view> without = {}) const;
  const Json& json() const { return given_; }

 private:
  struct Reader {
    const Options& options;
    void group(std::string_view) {}
    template <class T>
    void operator()(const OptionInfo& info, T& field) {
      options.read_field(info, field);
    }
  };
  template <class T>
  void read_field(const OptionInfo& info, T& field) const;
  const Json* find(std::string_view name) const;

  Json given_;
  mutable std::set<std::string, std::less<>> read_;
};

/// "batch-size" as JSON names it: "batch_size".
std::string key_of(std::string_view option);

template <class T>
void Options::read_field(const OptionInfo& info, T& field) const {
  using Value = typename OptionValue<T>::type;
  const std::string key = key_of(info.name);
  if (!info.required && !has(key)) return;
  if (!info.excludes.empty() && has(key_of(info.excludes))) {
    throw UsageError(evengrad::text("--", info.name, " excludes --", info.excludes));
  }
  if constexpr (std::is_same_v<Value, bool>) {
    if (flag(key)) field = !info.turns_off;
  } else if constexpr (Choice<Value>) {
    field = parse_choice<Value>(info.name, text(key));
  } else if constexpr (std::is_integral_v<Value>) {
    constexpr std::int64_t largest = std::int64_t{1} << 53;  // that a number of JavaScript can hold
    field = static_cast<Value>(whole(key, 0, -largest, largest));
  } else if constexpr (std::is_floating_point_v<Value>) {
    field = number(key, 0, -1e300, 1e300);
  } else {
    field = text(key);
  }
}

/// An answer. Arrays are put beside the JSON, which says where: {"$array": [type, address, count]}.
class Answer {
 public:
  Json json;

  Json array(std::vector<float> numbers) { return keep("f32", std::move(numbers)); }
  Json array(std::vector<double> numbers) { return keep("f64", std::move(numbers)); }
  Json array(std::vector<std::int32_t> numbers) { return keep("i32", std::move(numbers)); }
  Json array(std::vector<std::uint8_t> bytes) { return keep("u8", std::move(bytes)); }

 private:
  template <class T>
  Json keep(const char* type, std::vector<T> numbers) {
    const auto held = std::make_shared<std::vector<T>>(std::move(numbers));
    arrays_.push_back(held);
    return {{"$array", {type, reinterpret_cast<std::uintptr_t>(held->data()), held->size()}}};
  }
  std::vector<std::shared_ptr<void>> arrays_;
};

struct Method {
  std::string_view name;
  void (*call)(const Options& options, Answer& answer);
};

/// The options of `evengrad train` that are about data, and those of its trainer; without steps and epochs it goes on
/// as long as a schedule lets it. Both limit what is asked for to what a page holds.
DataOptions read_data(const Options& options, std::uint64_t seed);
TrainerOptions read_trainer(const Options& options, std::uint64_t seed);

// What each file answers.
std::span<const Method> theory_methods();
std::span<const Method> depth_methods();
std::span<const Method> session_methods();
std::span<const Method> map_methods();

}  // namespace evengrad::page
