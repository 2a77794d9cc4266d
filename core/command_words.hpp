// Words of a command line, as a shell reads them back.
#pragma once

#include <string>

namespace evengrad {

/// The word as it is, or in quotes where a shell would take it for more than one, or for something else.
std::string shell_quoted(const std::string& word);

}  // namespace evengrad
