#include "calls.hpp"

#include <evengrad/activations/formula.hpp>
#include <evengrad/core/command_words.hpp>
#include <evengrad/core/error.hpp>
#include <evengrad/core/names.hpp>
#include <evengrad/core/numbers.hpp>
#include <evengrad/core/utf8.hpp>

#include <emscripten.h>

#include <cmath>

namespace evengrad::page {

namespace {

std::string dashed(std::string_view name) {
  std::string option = "--" + std::string(name);
  std::replace(option.begin(), option.end(), '_', '-');
  return option;
}

std::string as_text(const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_number_integer() || value.is_boolean()) return value.dump();
  return number_text(value.get<double>());
}

bool is_scalar(const Json& value) { return value.is_string() || value.is_number() || value.is_boolean(); }

}  // namespace

std::string key_of(std::string_view option) {
  std::string key(option);
  std::replace(key.begin(), key.end(), '-', '_');
  return key;
}

Options::Options(const Json& given) : given_(given) {
  if (!given_.is_object()) throw UsageError("options must be an object");
}

const Json* Options::find(std::string_view name) const {
  read_.emplace(name);
  const auto found = given_.find(std::string(name));
  return found == given_.end() || found->is_null() ? nullptr : &*found;
}

std::string Options::text(std::string_view name, const std::string& otherwise) const {
  const Json* value = find(name);
  if (!value) return otherwise;
  if (!is_scalar(*value)) throw UsageError(evengrad::text(dashed(name), ": expected a text"));
  return as_text(*value);
}

std::string Options::text(std::string_view name) const {
  if (!find(name)) throw UsageError(evengrad::text(dashed(name), " is needed"));
  return text(name, "");
}

double Options::number(std::string_view name, double otherwise, double lowest, double highest) const {
  if (!find(name)) return otherwise;
  const double value = parse_number(dashed(name), text(name, ""));
  if (value >= lowest && value <= highest) return value;
  throw UsageError(evengrad::text(dashed(name), " must be from ", lowest, " to ", highest, ", got ", value));
}

std::int64_t Options::whole(std::string_view name, std::int64_t otherwise, std::int64_t lowest,
                            std::int64_t highest) const {
  if (!find(name)) return otherwise;
  const double value = parse_number(dashed(name), text(name, ""));
  if (value == std::floor(value) && value >= static_cast<double>(lowest) && value <= static_cast<double>(highest)) {
    return static_cast<std::int64_t>(value);
  }
  throw UsageError(evengrad::text(dashed(name), " must be a whole number from ", lowest, " to ", highest, ", got ",
                                  number_text(value)));
}

bool Options::flag(std::string_view name) const {
  const std::string value = text(name, "false");
  if (value == "true" || value == "1") return true;
  if (value == "false" || value == "0" || value.empty()) return false;
  throw UsageError(evengrad::text(dashed(name), ": expected true or false, got ", in_quotes(value)));
}

std::vector<std::string> Options::texts(std::string_view name) const {
  const Json* value = find(name);
  if (!value || !value->is_array()) throw UsageError(evengrad::text(dashed(name), ": expected a list"));
  std::vector<std::string> all;
  for (const Json& item : *value) {
    if (!is_scalar(item)) throw UsageError(evengrad::text(dashed(name), ": expected a list of texts"));
    all.push_back(as_text(item));
  }
  return all;
}

std::vector<double> Options::numbers(std::string_view name, std::size_t count) const {
  std::vector<double> all;
  for (const std::string& item : texts(name)) all.push_back(parse_number(dashed(name), item));
  if (all.size() == count) return all;
  throw UsageError(evengrad::text(dashed(name), ": expected ", count, " numbers, got ", all.size()));
}

std::vector<std::int64_t> Options::wholes(std::string_view name, std::int64_t lowest, std::int64_t highest) const {
  const Json* value = find(name);
  if (!value || !value->is_array()) throw UsageError(evengrad::text(dashed(name), ": expected a list"));
  std::vector<std::int64_t> all;
  for (const Json& item : *value) {
    if (!item.is_number_integer() || item.get<std::int64_t>() < lowest || item.get<std::int64_t>() > highest) {
      throw UsageError(evengrad::text(dashed(name), ": expected whole numbers from ", lowest, " to ", highest, ", got ",
                                      item.dump(-1, ' ', false, Json::error_handler_t::replace)));
    }
    all.push_back(item.get<std::int64_t>());
  }
  return all;
}

// JavaScript's numbers are whole up to here.
std::uint64_t Options::seed() const { return static_cast<std::uint64_t>(whole("seed", 1, 0, std::int64_t{1} << 53)); }

Options Options::group(std::string_view name) const {
  const Json* value = find(name);
  return Options(value ? *value : Json::object());
}

void Options::require_all_read() const {
  const std::vector<std::string> known(read_.begin(), read_.end());
  for (const auto& [name, value] : given_.items()) {
    if (!value.is_null() && !read_.contains(name)) throw UsageError(unknown_name("option", name, known));
  }
}

std::string Options::command(const std::string& name, std::span<const std::string_view> without) const {
  std::string line = "evengrad " + name;
  for (const auto& [key, value] : given_.items()) {
    if (value.is_null() || std::find(without.begin(), without.end(), key) != without.end()) continue;
    if (value.is_boolean()) {
      if (value.get<bool>()) line += " " + dashed(key);
    } else {
      line += " " + dashed(key) + " " + shell_quoted(as_text(value));
    }
  }
  return line;
}

namespace {

const Method& method(std::string_view name) {
  std::vector<std::string> known;
  for (const std::span<const Method> methods : {theory_methods(), depth_methods(), session_methods(), map_methods()}) {
    for (const Method& one : methods) {
      if (one.name == name) return one;
      known.emplace_back(one.name);
    }
  }
  throw UsageError(unknown_name("method", name, known));
}

std::string question, answer_text;
Answer answer;  // its arrays are there until the next question

// The characters that JavaScript counts in so many bytes of UTF-8.
std::size_t utf16_units(std::string_view bytes) {
  std::size_t units = 0;
  for (const char c : bytes) units += (c & 0xc0) != 0x80 ? ((c & 0xf8) == 0xf0 ? 2 : 1) : 0;
  return units;
}

Json failure(const std::string& message) { return {{"error", {{"message", message}}}}; }

// A formula stands in one of the options; the place is counted in that text.
Json failure(const FormulaError& error, const Json& options) {
  Json result = failure(error.what());
  const std::string given = options.value("activation", "");
  const std::size_t blanks = given.size() - std::string_view(given).substr(given.find_first_not_of(" \t\r\n")).size();
  result["error"]["at"] = utf16_units(std::string_view(given).substr(0, blanks + error.at));
  return result;
}

}  // namespace
}  // namespace evengrad::page

/// Room for a question of so many bytes.
extern "C" EMSCRIPTEN_KEEPALIVE char* evengrad_question(std::size_t bytes) {
  evengrad::page::question.assign(bytes, ' ');
  return evengrad::page::question.data();
}

/// Answers {"method", "options"} with {"result"} or {"error": {"message", "at"}}; returns the bytes of the answer.
extern "C" EMSCRIPTEN_KEEPALIVE std::size_t evengrad_ask() {
  using namespace evengrad::page;
  answer = {};
  Json asked;
  Json result;
  try {
    asked = Json::parse(question);
    const Options options(asked.at("options"));
    method(asked.at("method").get<std::string>()).call(options, answer);
    result = {{"result", std::move(answer.json)}};
  } catch (const evengrad::FormulaError& error) {
    result = failure(error, asked.at("options"));
  } catch (const std::exception& error) {
    result = failure(error.what());
  }
  answer_text = result.dump(-1, ' ', false, Json::error_handler_t::replace);
  return answer_text.size();
}

extern "C" EMSCRIPTEN_KEEPALIVE const char* evengrad_answer() { return evengrad::page::answer_text.data(); }
