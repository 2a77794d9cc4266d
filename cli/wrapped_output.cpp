#include "wrapped_output.hpp"

#include <algorithm>

namespace evengrad::cli {

namespace {

// Columns that a terminal gives to these bytes of UTF-8.
std::size_t columns(std::string_view bytes) {
  std::size_t count = 0;
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (bytes[i] == '\033') {
      i = std::min(bytes.find('m', i), bytes.size());
    } else if ((bytes[i] & 0xc0) != 0x80) {
      ++count;
    }
  }
  return count;
}

// Where the text of the line's last column begins: behind the last gap of two blanks in its first half.
std::size_t indent_of(std::string_view line, std::size_t width) {
  const std::size_t first = std::min(line.find_first_not_of(' '), line.size());
  std::size_t indent = first;
  for (std::size_t i = first; i + 2 < line.size(); ++i) {
    if (line[i] != ' ' || line[i + 1] != ' ' || line[i + 2] == ' ') continue;
    const std::size_t column = columns(line.substr(0, i + 2));
    if (column > width / 2) break;
    indent = column;
  }
  return indent == first ? std::min(first + 2, width / 2) : indent;
}

// A command to be copied, which a line break would spoil: at the beginning of the line or of a column.
bool holds_command(std::string_view line) {
  const std::size_t first = std::min(line.find_first_not_of(' '), line.size());
  const std::size_t column = line.find("  evengrad ");
  return line.substr(first).starts_with("evengrad ") || (column != line.npos && column >= first);
}

}  // namespace

std::string wrapped(std::string_view line, std::size_t width) {
  if (columns(line) <= width || holds_command(line)) return std::string(line);
  const std::string indent(indent_of(line, width), ' ');
  std::string all, current;
  bool begun = false;  // the current line holds a word
  for (std::size_t at = 0; at < line.size();) {
    const std::size_t word = std::min(line.find_first_not_of(' ', at), line.size());
    const std::size_t end = std::min(line.find(' ', word), line.size());
    const std::string_view piece = line.substr(at, end - at);
    if (begun && columns(current) + columns(piece) > width) {
      all += current + '\n';
      current = indent + std::string(line.substr(word, end - word));
    } else {
      current += piece;
    }
    begun = begun || end > word;
    at = end;
  }
  return all + current;
}

bool WrappedOutput::put(std::string_view words) {
  const auto size = static_cast<std::streamsize>(words.size());
  return to_->sputn(words.data(), size) == size;
}

WrappedOutput::int_type WrappedOutput::overflow(int_type c) {
  if (traits_type::eq_int_type(c, traits_type::eof())) return traits_type::not_eof(c);
  const char letter = traits_type::to_char_type(c);
  if (letter != '\n') {
    line_ += letter;
    return c;
  }
  const bool arrived = put(wrapped(line_, width_) + '\n');
  line_.clear();
  return arrived ? c : traits_type::eof();
}

int WrappedOutput::sync() {
  const bool arrived = put(line_);
  line_.clear();
  return arrived && to_->pubsync() == 0 ? 0 : -1;
}

}  // namespace evengrad::cli
