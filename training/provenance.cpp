#include <evengrad/training/provenance.hpp>

#include <evengrad/core/kernels/kernels.hpp>

#include <fstream>

namespace evengrad {

namespace {

std::string cpu_name() {
  std::ifstream info("/proc/cpuinfo");
  for (std::string line; std::getline(info, line);) {
    if (line.starts_with("model name")) return line.substr(line.find(':') + 2);
  }
  return "unknown CPU";
}

}  // namespace

const Provenance& provenance() {
  static const Provenance all{EVENGRAD_VERSION, EVENGRAD_COMMIT, EVENGRAD_COMPILER, EVENGRAD_FLAGS,
                              cpu_name() + ", " + kernels::kernels<float>().name + " kernels"};
  return all;
}

}  // namespace evengrad
