// Which instruction set this machine runs: the tables of kernels are chosen by it once, when the program starts.
#pragma once

namespace evengrad {

enum class Isa { baseline, avx2, avx512 };

/// The best instruction set that both this build and this machine have.
Isa best_isa();

}  // namespace evengrad
