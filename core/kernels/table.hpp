// How the files of this folder fill the table of one instruction set. Not part of the public interface.
#pragma once

#include <evengrad/core/kernels/kernels.hpp>
#include <evengrad/core/lanes.hpp>

namespace evengrad::kernels {
inline namespace EVENGRAD_ISA {

template <Real S>
void add_products(Table<S>& table);

template <Real S>
void add_elementwise(Table<S>& table);

}  // inline namespace EVENGRAD_ISA
}  // namespace evengrad::kernels
