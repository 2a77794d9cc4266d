#include <evengrad/core/same_name.hpp>

#include <algorithm>

namespace evengrad {

bool same_name(std::string_view a, std::string_view b) {
  const auto counts = [](char c) { return c != '-' && c != '_' && c != ' '; };
  const auto small = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; };
  std::size_t i = 0, j = 0;
  while (true) {
    while (i < a.size() && !counts(a[i])) ++i;
    while (j < b.size() && !counts(b[j])) ++j;
    if (i == a.size() || j == b.size()) return i == a.size() && j == b.size();
    if (small(a[i++]) != small(b[j++])) return false;
  }
}

std::string known_call(std::string_view call, const std::vector<std::string>& known) {
  const std::string_view name = call.substr(0, call.find('('));
  if (std::find(known.begin(), known.end(), name) != known.end()) return std::string(call);
  for (const std::string& other : known) {
    if (same_name(name, other)) return other + std::string(call.substr(name.size()));
  }
  return std::string(call);
}

}  // namespace evengrad
