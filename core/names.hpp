// Unknown names answered with the nearest known one.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace evengrad {

/// The number of single-character edits (insert, delete, replace, swap neighbours) between two texts.
std::size_t edit_distance(std::string_view a, std::string_view b);

/// "unknown activation 'rleu': did you mean 'relu'? (known: ...)". `kind` is what the name should be.
std::string unknown_name(std::string_view kind, std::string_view name, const std::vector<std::string>& known);

/// A name with arguments, as the command line writes them: `xavier(gain=1.5)`, `leaky_relu(0.2)`, `adam`.
struct NamedCall {
  struct Argument {
    std::string key;  ///< empty for an argument given by position
    std::string value;
  };
  std::string name;
  std::vector<Argument> arguments;
};

/// Reads `name` or `name(a, key=b)`. \throws UsageError if parentheses do not match or an argument is empty.
NamedCall parse_call(std::string_view full);

/// The arguments in the order of `keys`: by name or by position; `defaults` where they are not given.
/// \throws UsageError for an unknown or doubled key, one argument too many, or a value that is not a finite number.
std::vector<double> numeric_arguments(const NamedCall& call, const std::vector<std::string>& keys,
                                      const std::vector<double>& defaults);

/// The finite number that the whole text is. \throws UsageError naming `what` otherwise.
double parse_number(std::string_view what, std::string_view given);

}  // namespace evengrad
