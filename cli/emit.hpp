#pragma once

#include <evengrad/core/activation.hpp>

#include <string>
#include <vector>

namespace evengrad::cli {

/// What `theory --emit` accepts.
const std::vector<std::string>& frameworks();

/// Code that initializes a net of this framework as `init` does for this activation; `reason` stands in a comment.
/// \throws UsageError for an unknown framework.
std::string emit_code(const std::string& framework, const Activation& f, const std::string& init,
                      const std::string& reason);

}  // namespace evengrad::cli
