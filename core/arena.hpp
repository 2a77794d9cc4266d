// Bump allocation for a step: everything a tape records lives here and goes at once.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

namespace evengrad {

/// Memory handed out in order and taken back all together. After the first steps nothing is asked of the system.
class Arena {
 public:
  static constexpr std::size_t alignment = 64;

  /// Where the arena stands; release() takes back what was handed out since.
  struct Mark {
    std::size_t chunk = 0;
    std::size_t used = 0;
  };

  Arena() = default;
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  /// Uninitialized, 64-byte aligned room for `count` values.
  template <class T>
  T* allocate(std::size_t count) {
    const std::size_t bytes = (count * sizeof(T) + alignment - 1) / alignment * alignment;
    if (at_.used + bytes >= size_) enter_chunk(bytes);  // also where there is none yet: even no bytes have an address
    std::byte* room = memory_ + at_.used;
    at_.used += bytes;
    return reinterpret_cast<T*>(room);
  }

  Mark mark() const { return at_; }
  void release(Mark mark) {
    at_ = mark;
    if (at_.chunk < chunks_.size()) stand_in_chunk();
  }

  /// Takes everything back. Several chunks become one of their total size, so that the next step needs only one.
  void clear();

  /// Bytes held from the system.
  std::size_t capacity() const;

 private:
  struct Free {
    void operator()(std::byte* p) const;
  };
  struct Chunk {
    std::unique_ptr<std::byte, Free> memory;
    std::size_t size;
  };

  void enter_chunk(std::size_t bytes);
  void add_chunk(std::size_t size);
  void stand_in_chunk() {
    memory_ = chunks_[at_.chunk].memory.get();
    size_ = chunks_[at_.chunk].size;
  }

  std::vector<Chunk> chunks_;
  Mark at_;
  std::byte* memory_ = nullptr;  // of the chunk where it stands
  std::size_t size_ = 0;
};

}  // namespace evengrad
