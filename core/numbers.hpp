// Numbers as text and back, whatever the locale: what <charconv> does, which not every standard library has for double.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace evengrad {

/// A number that a text begins with.
struct NumberRead {
  double value = 0;
  std::size_t length = 0;  ///< of its text; 0 where there is none
  bool in_range = true;    ///< false: too large or too small for a double, and `value` is 0
};

/// Reads decimal digits with or without a sign '-', point and exponent, or inf or nan. The nearest double is taken.
NumberRead read_number(std::string_view text);

/// The shortest text that reads back as the same number: "0.2", "1e-05", "inf".
std::string number_text(double value);

/// For people: at most so many significant digits; "infinite", "-infinite" or "undefined" where it is no number.
std::string rounded_text(double value, int digits);

namespace portable {

/// The same by means of C alone, in the locale "C".
NumberRead read_number(std::string_view text);
std::string number_text(double value);

}  // namespace portable
}  // namespace evengrad
