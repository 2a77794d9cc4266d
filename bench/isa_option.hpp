// --isa=baseline|avx2|avx512: measures what another machine would run.
#pragma once

#include <evengrad/core/dispatch.hpp>

#include <algorithm>
#include <string_view>

namespace evengrad::bench {

/// Takes --isa=NAME from the arguments; call it before anything else of the library.
inline void take_isa_option(int& argc, char** argv) {
  const auto taken = [](std::string_view argument) {
    for (const Isa isa : {Isa::baseline, Isa::avx2, Isa::avx512}) {
      if (argument.starts_with("--isa=") && argument.substr(6) == name_of(isa)) return limit_isa(isa);
    }
    return false;
  };
  argc = static_cast<int>(std::remove_if(argv + 1, argv + argc, taken) - argv);
}

}  // namespace evengrad::bench
