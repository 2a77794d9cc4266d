#pragma once

#include <evengrad/experiments/report.hpp>

namespace evengrad {

/// The table as CSV (RFC 4180): a header, numbers with all their digits. A column that holds measurements becomes
/// three: "ratio", "ratio low", "ratio high"; what has no interval leaves those empty.
std::string to_csv(const Table& table);

}  // namespace evengrad
