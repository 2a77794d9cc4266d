// The built-in activations as a list of types for GoogleTest: a new one is tested without writing a test.
#pragma once

#include <evengrad/activations/builtin.hpp>
#include <evengrad/activations/kernels/kernels.hpp>
#include <evengrad/core/activation.hpp>

#include <gtest/gtest.h>

#include <type_traits>

namespace evengrad {

template <class List>
struct TypesOf;
template <class... F>
struct TypesOf<Formulas<F...>> {
  using Types = testing::Types<F...>;
  template <class G>
  static std::size_t index_of() {
    std::size_t i = 0;
    (void)((std::is_same_v<F, G> || (++i, false)) || ...);
    return i;
  }
};
using BuiltinTypes = TypesOf<BuiltinFormulas>::Types;

struct BuiltinName {
  template <class F>
  static std::string GetName(int) {
    return std::string(F::name);
  }
};

inline constexpr Isa every_isa[] = {Isa::baseline, Isa::avx2, Isa::avx512};

/// Built-in formula F with the kernels of an instruction set that this machine has (kernels::builtins(isa) is not
/// null).
template <class F>
Activation builtin(Isa isa, F formula = {}) {
  const std::size_t index = TypesOf<BuiltinFormulas>::index_of<F>();
  return make_activation<F>(formula, std::string(F::name), kernels::builtins(isa)[index]);
}

}  // namespace evengrad
