// Names and numbers in the text of formulas.
#pragma once

#include <string>
#include <string_view>

namespace evengrad {

constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }
constexpr bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }

/// The length of the name (letters, digits, _) that `text` begins with, or 0.
constexpr std::size_t name_length(std::string_view text) {
  std::size_t n = 0;
  while (n < text.size() && (is_letter(text[n]) || (n > 0 && is_digit(text[n])))) ++n;
  return n;
}

/// The length of the number (12, 1.5, .5, 1e-3) that `text` begins with, or 0.
constexpr std::size_t number_length(std::string_view text) {
  const auto digits = [text](std::size_t from) {
    std::size_t n = 0;
    while (from + n < text.size() && is_digit(text[from + n])) ++n;
    return n;
  };
  std::size_t n = digits(0);
  std::size_t count = n;
  if (n < text.size() && text[n] == '.') {
    count += digits(n + 1);
    n += 1 + digits(n + 1);
  }
  if (count == 0) return 0;
  if (n < text.size() && (text[n] == 'e' || text[n] == 'E')) {
    const bool sign = n + 1 < text.size() && (text[n + 1] == '+' || text[n + 1] == '-');
    if (const std::size_t exponent = digits(n + 1 + sign); exponent > 0) n += 1 + sign + exponent;
  }
  return n;
}

/// `text` without blanks at its ends.
constexpr std::string_view trimmed(std::string_view text) {
  constexpr std::string_view blank = " \t\r\n";
  const auto begin = text.find_first_not_of(blank);
  return begin == text.npos ? std::string_view() : text.substr(begin, text.find_last_not_of(blank) - begin + 1);
}

/// Whether the variable x occurs as a name: then a text is a formula.
constexpr bool mentions_x(std::string_view text) {
  while (!text.empty()) {
    const std::size_t name = name_length(text);
    if (name == 1 && text[0] == 'x') return true;
    const std::size_t length = name > 0 ? name : number_length(text);
    text.remove_prefix(length > 0 ? length : 1);
  }
  return false;
}

}  // namespace evengrad
