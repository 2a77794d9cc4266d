// Text from files and users: is it UTF-8, and how to show it in a message of one line.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace evengrad {

/// The offset of the first byte that is not well-formed UTF-8 (overlong forms, surrogates and code points above
/// U+10FFFF are not), or npos.
std::size_t first_invalid_utf8(std::string_view bytes);

/// The text for a message of one line: control characters and bytes that are not UTF-8 as \\xNN, cut after about
/// `limit` bytes.
std::string on_one_line(std::string_view bytes, std::size_t limit = 200);

/// The same in single quotes.
std::string in_quotes(std::string_view bytes, std::size_t limit = 200);

/// "'a', 'b', 'c'", the first ten of them if there are more.
std::string in_quotes(const std::vector<std::string>& names);

}  // namespace evengrad
