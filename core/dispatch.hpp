// Which instruction set this machine runs: the tables of kernels are chosen by it once, when the program starts.
#pragma once

namespace evengrad {

enum class Isa { baseline, avx2, avx512 };

/// The best instruction set that both this build and this machine have, or the one of limit_isa().
Isa best_isa();

/// Takes no better one than this, so that another machine's results can be had here, bit by bit. It must be called
/// before anything else is computed. False, and nothing is changed, where this machine has not got it.
bool limit_isa(Isa isa);

/// "baseline", "avx2" or "avx512".
const char* name_of(Isa isa);

}  // namespace evengrad
