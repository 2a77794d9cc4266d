// Names that carry the instruction set a file is compiled for: EVENGRAD_ISA_NAME(kernels) is avx2_kernels.
#pragma once

#include <evengrad/core/lanes.hpp>

#define EVENGRAD_JOIN_NAMES(a, b) a##_##b
#define EVENGRAD_EXPANDED_NAME(isa, name) EVENGRAD_JOIN_NAMES(isa, name)
#define EVENGRAD_ISA_NAME(name) EVENGRAD_EXPANDED_NAME(EVENGRAD_ISA, name)
