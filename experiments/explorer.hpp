// Tables for people who explore: each activation's shape, gains, critical point and the gradient that theory expects of
// deep nets, for a grid of its parameter. The page of the HTML report draws from them.
#pragma once

#include <string>

namespace evengrad {

/// The tables as one JSON object, described in docs/report.schema.json; numbers have five digits. Made once.
const std::string& explorer_json();

}  // namespace evengrad
