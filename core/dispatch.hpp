// Which instruction set this machine runs: the tables of kernels are chosen by it once, when the program starts.
#pragma once

namespace evengrad {

enum class Isa { baseline, avx2, avx512 };

/// The best instruction set that both this build and this machine have.
Isa best_isa();

/// From now on no better one than this: for benchmarks of what other machines run. Call it before anything else of the
/// library, which chooses its tables once.
void limit_isa(Isa most);

/// "baseline", "avx2" or "avx512".
const char* name_of(Isa isa);

}  // namespace evengrad
