#include <evengrad/core/names.hpp>

#include <evengrad/core/error.hpp>
#include <evengrad/core/numbers.hpp>
#include <evengrad/core/utf8.hpp>

#include <algorithm>
#include <cmath>

namespace evengrad {

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before(b.size() + 1), previous(b.size() + 1), current(b.size() + 1);
  for (std::size_t j = 0; j <= b.size(); ++j) previous[j] = j;
  for (std::size_t i = 1; i <= a.size(); ++i) {
    current[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = previous[j - 1] + (a[i - 1] != b[j - 1]);
      current[j] = std::min({previous[j] + 1, current[j - 1] + 1, replaced});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        current[j] = std::min(current[j], before[j - 2] + 1);
      }
    }
    before.swap(previous);
    previous.swap(current);
  }
  return previous[b.size()];
}

std::string unknown_name(std::string_view kind, std::string_view name, const std::vector<std::string>& known) {
  constexpr std::size_t shown = 60, longest_list = 2000;  // bytes
  std::string message = text("unknown ", kind, " ", in_quotes(name, shown));
  const auto distance = [&](const std::string& candidate) {
    return edit_distance(name.substr(0, shown), std::string_view(candidate).substr(0, shown));
  };
  const auto nearest = std::min_element(known.begin(), known.end(),
                                        [&](const auto& a, const auto& b) { return distance(a) < distance(b); });
  if (nearest != known.end() && distance(*nearest) <= std::max<std::size_t>(2, name.size() / 3)) {
    message += text(": did you mean ", in_quotes(*nearest, shown), "?");
  }
  std::string list;
  for (const std::string& candidate : known) {
    if (list.size() > longest_list) {
      list += ", …";
      break;
    }
    list += (list.empty() ? "" : ", ") + on_one_line(candidate, shown);
  }
  return message + " (known: " + list + ")";
}

namespace {
std::string_view trimmed(std::string_view s) {
  const auto begin = s.find_first_not_of(" \t");
  return begin == std::string_view::npos ? std::string_view() : s.substr(begin, s.find_last_not_of(" \t") - begin + 1);
}
}  // namespace

NamedCall parse_call(std::string_view full) {
  const std::string_view call = trimmed(full);
  const auto open = call.find('(');
  if (open == std::string_view::npos) return {std::string(call), {}};
  if (call.back() != ')') throw UsageError(text(in_quotes(call), ": expected ')' at the end"));
  NamedCall result{std::string(trimmed(call.substr(0, open))), {}};
  std::string_view rest = call.substr(open + 1, call.size() - open - 2);
  while (true) {
    const auto comma = rest.find(',');
    const std::string_view argument = trimmed(rest.substr(0, comma));
    if (argument.empty()) throw UsageError(text(in_quotes(call), ": expected an argument between the parentheses"));
    const auto equals = argument.find('=');
    if (equals == std::string_view::npos) {
      result.arguments.push_back({"", std::string(argument)});
    } else {
      result.arguments.push_back(
          {std::string(trimmed(argument.substr(0, equals))), std::string(trimmed(argument.substr(equals + 1)))});
    }
    if (comma == std::string_view::npos) return result;
    rest.remove_prefix(comma + 1);
  }
}

double parse_number(std::string_view what, std::string_view given) {
  const NumberRead number = read_number(given);
  if (number.length == 0 || number.length != given.size() || !number.in_range || !std::isfinite(number.value)) {
    throw UsageError(text(what, ": expected a finite number, got ", in_quotes(given)));
  }
  return number.value;
}

std::vector<double> numeric_arguments(const NamedCall& call, const std::vector<std::string>& keys,
                                      const std::vector<double>& defaults) {
  std::vector<double> values = defaults;
  std::vector<bool> given(keys.size(), false);
  for (std::size_t i = 0; i < call.arguments.size(); ++i) {
    const auto& [key, value] = call.arguments[i];
    std::size_t at = i;
    if (!key.empty()) {
      at = static_cast<std::size_t>(std::find(keys.begin(), keys.end(), key) - keys.begin());
      if (at == keys.size()) throw UsageError(unknown_name(call.name + " argument", key, keys));
    }
    if (at >= keys.size()) {
      throw UsageError(text(call.name, ": takes ", keys.size(), " argument(s), got ", call.arguments.size()));
    }
    if (given[at]) throw UsageError(text(call.name, ": argument '", keys[at], "' is given twice"));
    given[at] = true;
    values[at] = parse_number(call.name + " " + keys[at], value);
  }
  return values;
}

}  // namespace evengrad
