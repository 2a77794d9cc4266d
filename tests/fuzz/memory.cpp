#include "memory.hpp"

#include <malloc.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstdlib>

namespace {

std::atomic<std::size_t> held{0}, peak{0};

void took(std::size_t bytes) {
  const std::size_t now = held += bytes;
  std::size_t before = peak;
  while (now > before && !peak.compare_exchange_weak(before, now)) continue;
}

}  // namespace

namespace evengrad::fuzz {

std::size_t held_bytes() { return held; }
std::size_t peak_bytes() { return peak; }
void reset_peak() { peak = held.load(); }

}  // namespace evengrad::fuzz

#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define EVENGRAD_SANITIZER_HOOKS 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define EVENGRAD_SANITIZER_HOOKS 1
#endif

#if defined(EVENGRAD_SANITIZER_HOOKS)

// NOLINTBEGIN(bugprone-reserved-identifier, readability-identifier-naming): the names are the sanitizers'.
// A sanitizer's allocator calls these, where they are defined.
extern "C" {
std::size_t __sanitizer_get_allocated_size(const volatile void*);
void __sanitizer_malloc_hook(const volatile void* p, std::size_t) { took(__sanitizer_get_allocated_size(p)); }
void __sanitizer_free_hook(const volatile void* p) {
  if (p) held -= __sanitizer_get_allocated_size(p);
}
}
// NOLINTEND(bugprone-reserved-identifier, readability-identifier-naming)

#else

// NOLINTBEGIN(bugprone-reserved-identifier, readability-*): the names are the C library's.
// All of the C library's ways to get memory; operator new uses them too.
extern "C" {
void* __libc_malloc(std::size_t);
void* __libc_calloc(std::size_t, std::size_t);
void* __libc_realloc(void*, std::size_t);
void* __libc_memalign(std::size_t, std::size_t);
void __libc_free(void*);

static void* counted(void* p) {
  took(::malloc_usable_size(p));
  return p;
}

void* malloc(std::size_t size) { return counted(__libc_malloc(size)); }
void* calloc(std::size_t count, std::size_t size) { return counted(__libc_calloc(count, size)); }
void* memalign(std::size_t alignment, std::size_t size) { return counted(__libc_memalign(alignment, size)); }
void* aligned_alloc(std::size_t alignment, std::size_t size) { return counted(__libc_memalign(alignment, size)); }
int posix_memalign(void** p, std::size_t alignment, std::size_t size) {
  *p = counted(__libc_memalign(alignment, size));
  return *p ? 0 : ENOMEM;
}
void* realloc(void* p, std::size_t size) {
  const std::size_t before = ::malloc_usable_size(p);
  void* moved = __libc_realloc(p, size);
  if (moved || size == 0) held -= before;
  return counted(moved);
}
void free(void* p) {
  held -= ::malloc_usable_size(p);
  __libc_free(p);
}
}
// NOLINTEND(bugprone-reserved-identifier, readability-*)

#endif
