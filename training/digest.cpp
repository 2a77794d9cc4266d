#include <evengrad/training/digest.hpp>

#include <array>
#include <bit>
#include <cstdio>

namespace evengrad {

static_assert(std::endian::native == std::endian::little, "digests are of little-endian numbers");

void Digest::add(std::string_view bytes) {
  for (const char byte : bytes) value_ = (value_ ^ static_cast<unsigned char>(byte)) * 1099511628211ull;
}

std::string Digest::hex() const {
  char digits[17];
  std::snprintf(digits, sizeof digits, "%016llx", static_cast<unsigned long long>(value_));
  return digits;
}

namespace {

template <Real S>
void add_matrix(Digest& digest, const Matrix<S>& matrix) {
  const std::array<std::int64_t, 2> sizes = {matrix.rows(), matrix.cols()};
  digest.add(std::span<const std::int64_t>(sizes));
  digest.add(std::span<const S>(matrix.data(), static_cast<std::size_t>(matrix.size())));
}

}  // namespace

template <Real S>
Digest weights_digest(Layer<S>& model) {
  Digest digest;
  model.visit(Path(), [&](const Path& path, Parameter<S>& parameter) {
    digest.add(path.str());
    add_matrix(digest, parameter.value);
  });
  return digest;
}

template <Real S>
void add_to(Digest& digest, const Dataset<S>& data) {
  add_matrix(digest, data.inputs);
  digest.add(std::span<const std::int32_t>(data.labels));
  add_matrix(digest, data.targets);
  digest.add(std::span<const std::int32_t>(data.lengths));
  digest.add(std::span<const std::int32_t>(data.text));
}

template Digest weights_digest(Layer<float>&);
template Digest weights_digest(Layer<double>&);
template void add_to(Digest&, const Dataset<float>&);
template void add_to(Digest&, const Dataset<double>&);

}  // namespace evengrad
