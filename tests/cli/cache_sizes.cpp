// Linked into a copy of the program: EVENGRAD_CACHE_SIZES=L1,L2,L3 (bytes) is what Eigen then takes the processor's
// caches to be.
#include <Eigen/Core>

#include <cstdio>
#include <cstdlib>

namespace {

[[maybe_unused]] const bool set = [] {
  const char* text = std::getenv("EVENGRAD_CACHE_SIZES");
  long l1 = 0, l2 = 0, l3 = 0;
  if (!text || std::sscanf(text, "%ld,%ld,%ld", &l1, &l2, &l3) != 3) std::abort();
  Eigen::setCpuCacheSizes(l1, l2, l3);
  return true;
}();

}  // namespace
