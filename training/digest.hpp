// 64-bit digests of weights, data and files: FNV-1a, which a change within one byte always changes.
#pragma once

#include <evengrad/data/dataset.hpp>
#include <evengrad/layers/layer.hpp>

#include <span>
#include <string_view>

namespace evengrad {

/// FNV-1a (Fowler, Noll and Vo) with 64 bits: of the bytes in order, h = (h ^ byte) 1099511628211.
class Digest {
 public:
  void add(std::string_view bytes);
  /// The numbers' bytes, little-endian.
  template <class T>
  void add(std::span<const T> numbers) {
    add(std::string_view(reinterpret_cast<const char*>(numbers.data()), numbers.size_bytes()));
  }

  std::uint64_t value() const { return value_; }
  /// Sixteen hexadecimal digits.
  std::string hex() const;

 private:
  std::uint64_t value_ = 14695981039346656037ull;
};

/// Of every parameter and running statistic in the order of visit(): its name, its sizes (64 bits each), its numbers.
template <Real S>
Digest weights_digest(Layer<S>& model);

/// Of the sizes, inputs, labels and targets.
template <Real S>
void add_to(Digest& digest, const Dataset<S>& data);

}  // namespace evengrad
