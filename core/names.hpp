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

}  // namespace evengrad
