// How much memory is held, seen from malloc: the parsers' promise is about their peak.
#pragma once

#include <cstddef>

namespace evengrad::fuzz {

/// Bytes held now. Every way to get memory counts, the C library's and operator new, in all threads.
std::size_t held_bytes();

/// The most bytes that were held at once since reset_peak().
std::size_t peak_bytes();
void reset_peak();

}  // namespace evengrad::fuzz
