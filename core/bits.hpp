// The bits of one type read as another. std::bit_cast, which not every C++20 library has, is this builtin too.
#pragma once

namespace evengrad {

template <class To, class From>
[[gnu::always_inline]] constexpr To bit_cast(const From& from) {
  return __builtin_bit_cast(To, from);
}

}  // namespace evengrad
