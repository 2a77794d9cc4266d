// What made a result: program, compiler, flags, machine. Every JSON document carries it.
#pragma once

#include <string>

namespace evengrad {

struct Provenance {
  std::string version;   ///< "0.1.0"
  std::string commit;    ///< of the source tree, "unknown" outside a git checkout
  std::string compiler;  ///< "GNU 12.2.0"
  std::string flags;     ///< of the build
  std::string cpu;       ///< model name and the instruction set in use
};

const Provenance& provenance();

}  // namespace evengrad
