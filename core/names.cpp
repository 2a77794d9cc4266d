#include <evengrad/core/names.hpp>

#include <evengrad/core/error.hpp>

#include <algorithm>

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
  constexpr std::size_t shown = 60;
  std::string list;
  for (const std::string& candidate : known) list += (list.empty() ? "" : ", ") + candidate;
  std::string message = text("unknown ", kind, " '", name.substr(0, shown), name.size() > shown ? "…" : "", "'");
  const auto nearest = std::min_element(known.begin(), known.end(), [&](const auto& a, const auto& b) {
    return edit_distance(name.substr(0, shown), a) < edit_distance(name.substr(0, shown), b);
  });
  if (nearest != known.end() && edit_distance(name.substr(0, shown), *nearest) <= std::max<std::size_t>(2, name.size() / 3)) {
    message += text(": did you mean '", *nearest, "'?");
  }
  return message + " (known: " + list + ")";
}

}  // namespace evengrad
