// Names as people write them: ReLU, Leaky-ReLU, fashion-mnist.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace evengrad {

/// Whether two names are one: capitals, '-', '_' and blanks do not count.
bool same_name(std::string_view a, std::string_view b);

/// The call with the name that is known: "Xavier-Normal(2)" becomes "xavier_normal(2)". One that is unknown stays.
std::string known_call(std::string_view call, const std::vector<std::string>& known);

}  // namespace evengrad
