// IDX, plain or gzipped.
#include <evengrad/data/idx.hpp>

#include <zlib.h>

#include <algorithm>

#include "target.hpp"

using namespace evengrad;

namespace {

/// What a gzipped file holds counts as its size: zlib's own answer, without keeping the bytes.
std::size_t unpacked_size(const std::uint8_t* data, std::size_t size) {
  z_stream stream{};
  if (inflateInit2(&stream, 16 + MAX_WBITS) != Z_OK) return 0;
  stream.next_in = const_cast<Bytef*>(data);
  stream.avail_in = static_cast<uInt>(size);
  Bytef buffer[4096];
  int status = Z_OK;
  while (status == Z_OK) {
    stream.next_out = buffer;
    stream.avail_out = sizeof buffer;
    status = inflate(&stream, Z_NO_FLUSH);
  }
  const std::size_t total = stream.total_out;
  inflateEnd(&stream);
  return total;
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::size_t bytes = std::max(size, unpacked_size(data, size));
  const auto path = fuzz::memory_file(fuzz::text_of(data, size));
  fuzz::accepts(bytes, [&] {
    const IdxArray array = read_idx(path);
    std::size_t count = 1;
    for (const Index length : array.shape) count *= static_cast<std::size_t>(length);
    fuzz::expect(array.values.size() == count && count < bytes, "as many values as the shape says");
    fuzz::expect(data[0] == 0x1f || std::equal(array.values.begin(), array.values.end(), data + size - count),
                 "the values are the file's last bytes");
  });
  return 0;
}
