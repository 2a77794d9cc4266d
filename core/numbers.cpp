#include <evengrad/core/numbers.hpp>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstdlib>

namespace evengrad {

namespace portable {

namespace {

// How many characters strtod() would read that <charconv> reads too: no blanks, no '+', no hexadecimal digits.
std::size_t number_length(std::string_view text) {
  const auto digits = [&](std::size_t at) {
    std::size_t end = at;
    while (end < text.size() && text[end] >= '0' && text[end] <= '9') ++end;
    return end - at;
  };
  const auto letter = [](char c) { return static_cast<char>(c | 0x20); };
  std::size_t at = text.starts_with('-') ? 1 : 0;
  for (const std::string_view word : {"infinity", "inf", "nan"}) {
    bool same = text.size() - at >= word.size();
    for (std::size_t i = 0; same && i < word.size(); ++i) same = letter(text[at + i]) == word[i];
    if (same) return at + word.size();
  }
  const std::size_t whole = digits(at);
  at += whole;
  std::size_t fraction = 0;
  if (at < text.size() && text[at] == '.') fraction = digits(at + 1);
  if (whole + fraction == 0) return 0;
  if (at < text.size() && text[at] == '.') at += 1 + fraction;
  if (at < text.size() && letter(text[at]) == 'e') {
    const std::size_t sign = at + 1 < text.size() && (text[at + 1] == '-' || text[at + 1] == '+') ? 1 : 0;
    const std::size_t exponent = digits(at + 1 + sign);
    if (exponent > 0) at += 1 + sign + exponent;
  }
  return at;
}

}  // namespace

NumberRead read_number(std::string_view text) {
  const std::size_t length = number_length(text);
  if (length == 0) return {};
  const std::string number(text.substr(0, length));
  const double value = std::strtod(number.c_str(), nullptr);
  const std::string_view mantissa = std::string_view(number).substr(0, number.find_first_of("eE"));
  const bool zero = mantissa.find_first_of("123456789iInN") == mantissa.npos;
  const bool named = number.find_first_of("iInN") != number.npos;
  const bool in_range = named || (std::isfinite(value) && (value != 0 || zero));
  return {in_range ? value : 0, length, in_range};
}

std::string number_text(double value) {
  if (!std::isfinite(value))
    return std::isnan(value) ? (std::signbit(value) ? "-nan" : "nan") : value < 0 ? "-inf" : "inf";
  constexpr int most = 17;  // digits that tell any two doubles apart
  char digits[64], plain[400];
  int count = 1;
  do {
    std::snprintf(digits, sizeof digits, "%.*e", count - 1, value);
  } while (std::strtod(digits, nullptr) != value && ++count <= most);
  const std::string scientific = digits;
  const int exponent = std::atoi(scientific.c_str() + scientific.find('e') + 1);
  std::snprintf(plain, sizeof plain, "%.*f", std::max(0, count - 1 - exponent), value);
  return std::string_view(plain).size() <= scientific.size() ? plain : scientific;
}

}  // namespace portable

#if defined(__cpp_lib_to_chars)

NumberRead read_number(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc::invalid_argument) return {};
  const bool in_range = error == std::errc();
  return {in_range ? value : 0, static_cast<std::size_t>(end - text.data()), in_range};
}

std::string number_text(double value) {
  char digits[32];
  return {digits, std::to_chars(digits, digits + sizeof digits, value).ptr};
}

#else

NumberRead read_number(std::string_view text) { return portable::read_number(text); }
std::string number_text(double value) { return portable::number_text(value); }

#endif

std::string rounded_text(double value, int digits) {
  if (!std::isfinite(value)) return std::isnan(value) ? "undefined" : value < 0 ? "-infinite" : "infinite";
  char text[64];
  std::snprintf(text, sizeof text, "%.*g", digits, value);
  return text;
}

}  // namespace evengrad
