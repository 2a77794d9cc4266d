// What every fuzz target checks: only the library's errors come out, on one line, and memory stays within its bound.
#pragma once

#include <evengrad/core/error.hpp>

#include <sys/mman.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <string_view>

#include "memory.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace evengrad::fuzz {

/// Ends the process where a property does not hold, so that the fuzzer keeps the input.
inline void expect(bool holds, std::string_view what) {
  if (holds) return;
  std::fprintf(stderr, "property violated: %.*s\n", static_cast<int>(what.size()), what.data());
  std::abort();
}

inline std::string_view text_of(const std::uint8_t* data, std::size_t size) {
  return {reinterpret_cast<const char*>(data), size};
}

/// A file that lives in memory, with these bytes until the next call.
inline std::filesystem::path memory_file(std::string_view bytes) {
  static const int fd = ::memfd_create("input", 0);
  const bool written =
      ::ftruncate(fd, 0) == 0 && ::pwrite(fd, bytes.data(), bytes.size(), 0) == static_cast<ssize_t>(bytes.size());
  expect(written, "the memory file can be written");
  return "/proc/self/fd/" + std::to_string(fd);
}

/// Runs the parser on an input of this size. False if it refused it with an error of the library: one line, no longer
/// than a terminal's page. Anything else that is thrown, and a peak of memory above 2 x size + 16 MiB, ends the
/// process.
template <class Action>
bool accepts(std::size_t input_bytes, Action action) {
  constexpr std::size_t slack = std::size_t{16} << 20, longest_message = 6000;
  const std::size_t before = held_bytes();
  reset_peak();
  bool accepted = false;
  try {
    action();
    accepted = true;
  } catch (const Error& error) {
    const std::string_view message = error.what();
    expect(!message.empty() && message.find_first_of("\r\n") == message.npos, "an error is one line");
    expect(message.size() <= longest_message, "an error can be read");
  } catch (const std::exception& other) {
    expect(false, text("only errors of the library come out, got: ", other.what()));
  }
  expect(peak_bytes() - before <= 2 * input_bytes + slack, text("memory: ", peak_bytes() - before, " bytes at once"));
  return accepted;
}

}  // namespace evengrad::fuzz
