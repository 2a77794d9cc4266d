#include <evengrad/core/kernels/isa.hpp>
#include <evengrad/core/kernels/table.hpp>

#define EVENGRAD_QUOTE(name) #name
#define EVENGRAD_TEXT(name) EVENGRAD_QUOTE(name)

namespace evengrad::kernels {

template <Real S>
const Table<S>& EVENGRAD_ISA_NAME(kernels)() {
  static const Table<S> table = [] {
    Table<S> t{};
    t.name = EVENGRAD_TEXT(EVENGRAD_ISA);
    add_products(t);
    add_elementwise(t);
    return t;
  }();
  return table;
}

template const Table<float>& EVENGRAD_ISA_NAME(kernels)<float>();
template const Table<double>& EVENGRAD_ISA_NAME(kernels)<double>();

}  // namespace evengrad::kernels
