// What this machine's multiply-add units can do, by instruction set and threads.
//
//   peak        the last line: GFLOP/s of the best instruction set on one thread and on all
#include "peak.hpp"

#include <cstdio>

int main() {
  using namespace evengrad;
  const int all = std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
  double one = 0, every = 0;
  for (const Isa isa : {Isa::baseline, Isa::avx2, Isa::avx512}) {
    if (isa > best_isa()) break;
    one = bench::peak_flops(isa, 1) * 1e-9;
    every = bench::peak_flops(isa, all) * 1e-9;
    std::printf("%-8s  1 thread %6.1f GFLOP/s  %d threads %6.1f GFLOP/s\n", name_of(isa), one, all, every);
  }
  std::printf("%.1f %.1f\n", one, every);
}
