#include <evengrad/core/utf8.hpp>

#include <algorithm>

namespace evengrad {

namespace {

unsigned byte_at(std::string_view bytes, std::size_t i) { return static_cast<unsigned char>(bytes[i]); }

/// The length of the well-formed sequence at i (Unicode 15, table 3-7), or 0.
std::size_t sequence_length(std::string_view bytes, std::size_t i) {
  const unsigned lead = byte_at(bytes, i);
  if (lead < 0x80) return 1;
  const std::size_t length = lead >= 0xc2 && lead <= 0xdf   ? 2
                             : lead >= 0xe0 && lead <= 0xef ? 3
                             : lead >= 0xf0 && lead <= 0xf4 ? 4
                                                            : 0;
  if (length == 0 || bytes.size() - i < length) return 0;
  const unsigned second = byte_at(bytes, i + 1);
  const unsigned low = lead == 0xe0 ? 0xa0 : lead == 0xf0 ? 0x90 : 0x80;   // no overlong forms
  const unsigned high = lead == 0xed ? 0x9f : lead == 0xf4 ? 0x8f : 0xbf;  // no surrogates, nothing above U+10FFFF
  if (second < low || second > high) return 0;
  for (std::size_t k = 2; k < length; ++k) {
    if ((byte_at(bytes, i + k) & 0xc0) != 0x80) return 0;
  }
  return length;
}

}  // namespace

std::size_t first_invalid_utf8(std::string_view bytes) {
  for (std::size_t i = 0; i < bytes.size();) {
    const std::size_t length = sequence_length(bytes, i);
    if (length == 0) return i;
    i += length;
  }
  return std::string_view::npos;
}

std::string on_one_line(std::string_view bytes, std::size_t limit) {
  constexpr char digits[] = "0123456789abcdef";
  std::string shown;
  std::size_t i = 0;
  while (i < std::min(bytes.size(), limit)) {
    const std::size_t length = sequence_length(bytes, i);
    const unsigned lead = byte_at(bytes, i);
    if (length == 0 || lead < 0x20 || lead == 0x7f) {
      shown += {'\\', 'x', digits[lead >> 4], digits[lead & 15]};
      ++i;
    } else {
      shown += bytes.substr(i, length);
      i += length;
    }
  }
  return shown + (i < bytes.size() ? "…" : "");
}

std::string in_quotes(std::string_view bytes, std::size_t limit) { return "'" + on_one_line(bytes, limit) + "'"; }

std::string in_quotes(const std::vector<std::string>& names) {
  constexpr std::size_t most = 10;
  std::string all;
  for (std::size_t i = 0; i < std::min(most, names.size()); ++i) all += (i > 0 ? ", " : "") + in_quotes(names[i], 60);
  return names.size() <= most ? all : all + ", … (" + std::to_string(names.size()) + ")";
}

}  // namespace evengrad
