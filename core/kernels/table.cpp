#include <evengrad/core/kernels/table.hpp>

#define EVENGRAD_JOIN(a, b) a##b
#define EVENGRAD_NAMED(isa) EVENGRAD_JOIN(isa, _kernels)
#define EVENGRAD_QUOTE(name) #name
#define EVENGRAD_TEXT(name) EVENGRAD_QUOTE(name)

namespace evengrad::kernels {

template <Real S>
const Table<S>& EVENGRAD_NAMED(EVENGRAD_ISA)() {
  static const Table<S> table = [] {
    Table<S> t{};
    t.name = EVENGRAD_TEXT(EVENGRAD_ISA);
    add_products(t);
    add_elementwise(t);
    return t;
  }();
  return table;
}

template const Table<float>& EVENGRAD_NAMED(EVENGRAD_ISA)<float>();
template const Table<double>& EVENGRAD_NAMED(EVENGRAD_ISA)<double>();

}  // namespace evengrad::kernels
