#include <evengrad/experiments/html_writer.hpp>

#include <evengrad/core/error.hpp>
#include <evengrad/core/utf8.hpp>
#include <evengrad/experiments/explorer.hpp>

#include <nlohmann/json.hpp>
#include <valijson/adapters/nlohmann_json_adapter.hpp>
#include <valijson/schema.hpp>
#include <valijson/schema_parser.hpp>
#include <valijson/validation_results.hpp>
#include <valijson/validator.hpp>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>

namespace evengrad {

// What CMake made of web/dist/report.html, empty where there is none, and of docs/report.schema.json.
namespace embedded {
extern const std::string_view report_page, report_schema;
}

namespace {

using Json = nlohmann::json;
using Adapter = valijson::adapters::NlohmannJsonAdapter;

constexpr std::array kinds = {"run", "compare", "map", "train"};

Json parsed(std::string_view document) {
  try {
    return Json::parse(document);
  } catch (const Json::exception& error) {
    throw Error(text("it is not JSON: ", on_one_line(error.what())));
  }
}

// \throws Error for the innermost thing that the schema does not allow.
void validate(const Json& document) {
  const auto kind = document.is_object() ? document.find("kind") : document.end();
  if (kind == document.end() || std::find(kinds.begin(), kinds.end(), *kind) == kinds.end()) {
    throw Error("it is not a document of evengrad run or compare, its \"kind\" is none of theirs");
  }
  static const Json all = Json::parse(embedded::report_schema);
  // The schema of this kind by itself: errors name what is wrong with it, not that no kind fits.
  Json one = {{"$defs", all.at("$defs")}, {"$ref", "#/$defs/" + kind->get<std::string>()}};
  Json& required = one["$defs"][kind->get<std::string>()]["required"];
  required.erase(std::find(required.begin(), required.end(), "explorer"));  // is added later
  valijson::Schema schema;
  valijson::SchemaParser().populateSchema(Adapter(one), schema);
  valijson::ValidationResults results;
  if (valijson::Validator().validate(schema, Adapter(document), &results)) return;
  valijson::ValidationResults::Error error, deepest;
  while (results.popError(error)) {
    if (error.context.size() > deepest.context.size()) deepest = error;
  }
  std::string where;
  for (std::size_t i = 1; i < deepest.context.size(); ++i) where += text("/", deepest.context[i]);  // "[claims]", "[3]"
  where.erase(std::remove_if(where.begin(), where.end(), [](char c) { return c == '[' || c == ']'; }), where.end());
  throw Error(text("at ", where.empty() ? "its top" : on_one_line(where), ": ", on_one_line(deepest.description)));
}

// Eight digits are more than a chart or a table shows, and half of the bytes.
void shorten(Json& value) {
  if (value.is_structured()) {
    for (Json& item : value) shorten(item);
  } else if (value.is_number_float() && std::isfinite(value.get<double>())) {
    char digits[32];
    std::snprintf(digits, sizeof digits, "%.8g", value.get<double>());
    value = std::strtod(digits, nullptr);
  }
}

}  // namespace

void check_document(std::string_view document) { validate(parsed(document)); }

bool has_page() { return !embedded::report_page.empty(); }

void require_page() {
  if (has_page()) return;
  throw UsageError(
      "this build of evengrad has no report page: install Node.js with npm (scripts/setup does), then run cmake and "
      "build again");
}

std::string fill_page(std::string_view page, std::string_view json) {
  constexpr std::string_view mark = "{{document}}";
  const std::size_t at = page.find(mark);
  if (at == page.npos || page.find(mark, at + 1) != page.npos) {
    throw Error(text("the page of the report must have exactly one ", mark));
  }
  std::string filled;
  filled.reserve(page.size() + json.size() + json.size() / 16);
  filled += page.substr(0, at);
  // These occur in strings only, where JSON has another way to write them.
  for (std::size_t i = 0; i < json.size(); ++i) {
    const std::string_view rest = json.substr(i);
    if (rest.starts_with('<')) {
      filled += "\\u003c";
    } else if (rest.starts_with('>')) {
      filled += "\\u003e";
    } else if (rest.starts_with('&')) {
      filled += "\\u0026";
    } else if (rest.starts_with("\u2028") || rest.starts_with("\u2029")) {
      filled += rest.starts_with("\u2028") ? "\\u2028" : "\\u2029";
      i += 2;
    } else {
      filled += json[i];
    }
  }
  filled += page.substr(at + mark.size());
  return filled;
}

std::string to_html(std::string_view document) {
  require_page();
  Json json = parsed(document);
  validate(json);
  shorten(json);
  json["explorer"] = Json::parse(explorer_json());
  return fill_page(embedded::report_page, json.dump(-1, ' ', false, Json::error_handler_t::replace));
}

}  // namespace evengrad
