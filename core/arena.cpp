#include <evengrad/core/arena.hpp>

#include <algorithm>
#include <new>

namespace evengrad {

namespace {
constexpr std::size_t smallest_chunk = 16 * 1024;
}

void Arena::Free::operator()(std::byte* p) const { ::operator delete(p, std::align_val_t{alignment}); }

void Arena::add_chunk(std::size_t size) {
  auto* memory = static_cast<std::byte*>(::operator new(size, std::align_val_t{alignment}));
  chunks_.push_back({std::unique_ptr<std::byte, Free>(memory), size});
}

// Goes on to the next chunk that has room.
void Arena::enter_chunk(std::size_t bytes) {
  while (at_.chunk < chunks_.size() && at_.used + bytes > chunks_[at_.chunk].size) at_ = {at_.chunk + 1, 0};
  if (at_.chunk == chunks_.size()) add_chunk(std::max({bytes, smallest_chunk, capacity()}));
  stand_in_chunk();
}

void Arena::clear() {
  if (chunks_.size() > 1) {
    const std::size_t total = capacity();
    chunks_.clear();
    add_chunk(total);
  }
  release({});
}

std::size_t Arena::capacity() const {
  std::size_t total = 0;
  for (const Chunk& chunk : chunks_) total += chunk.size;
  return total;
}

}  // namespace evengrad
