// Reading and writing files: nothing half-written, every return code checked, one clear line when it fails.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <string>
#include <string_view>

namespace evengrad {

/// A file descriptor that is closed when its owner goes.
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int fd) : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(other.release()) {}
  Descriptor& operator=(Descriptor&& other) noexcept;
  ~Descriptor();

  int get() const { return fd_; }
  int release();

 private:
  int fd_ = -1;
};

/// Writes a whole file so that, whatever happens, either the old or the new one is there: into a temporary file in the
/// same folder, synced, renamed, and the folder synced. Without `commit()` the old file stays. A link is followed; a
/// device or a pipe is written directly. Throws FileError "cannot write '<path>': <reason>".
class AtomicFile {
 public:
  explicit AtomicFile(std::filesystem::path path);
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;
  ~AtomicFile();

  void write(std::string_view bytes);
  void write(std::span<const std::byte> bytes);
  /// Makes what was written the file. Nothing may be written after.
  void commit();

 private:
  std::filesystem::path path_;       // as the user wrote it, for messages
  std::filesystem::path target_;     // links resolved
  std::filesystem::path temporary_;  // empty: written directly, or committed
  Descriptor file_;
  std::string buffer_;
};

/// Writes the bytes with AtomicFile.
void write_file_atomically(const std::filesystem::path& path, std::string_view bytes);

/// A log that grows line by line, buffered. Throws FileError "cannot write '<path>': <reason>".
class AppendFile {
 public:
  /// Opens or creates the file and cuts it off after its first `keep` bytes: 0 starts a new log, a resumed run passes
  /// the size() it had.
  explicit AppendFile(std::filesystem::path path, std::uint64_t keep = 0);
  AppendFile(const AppendFile&) = delete;
  AppendFile& operator=(const AppendFile&) = delete;
  /// Writes what is buffered; errors are lost here, so call close().
  ~AppendFile();

  /// Adds the line and a newline.
  void write_line(std::string_view line);
  /// Hands what is buffered to the operating system: it survives the end of this process.
  void flush();
  /// Flushes, and waits until it is on the disk.
  void sync();
  /// Flushes and closes.
  void close();
  /// Bytes written so far, those kept and those buffered included.
  std::uint64_t size() const { return size_; }

 private:
  std::filesystem::path path_;
  Descriptor file_;
  std::string buffer_;
  std::uint64_t size_ = 0;
};

/// Reads a regular file from its beginning. Folders, pipes and devices are refused, and opening never waits. Throws
/// FileError "cannot read '<path>': <reason>".
class FileReader {
 public:
  explicit FileReader(std::filesystem::path path);

  const std::filesystem::path& path() const { return path_; }
  std::uint64_t size() const { return size_; }
  /// Fills the buffer; fewer bytes than asked only at the end of the file.
  std::size_t read(std::span<std::byte> buffer);

 private:
  std::filesystem::path path_;
  Descriptor file_;
  std::uint64_t size_ = 0;
};

/// The whole file. Throws FileError, also if it is larger than `max_bytes`.
std::string read_file(const std::filesystem::path& path, std::uint64_t max_bytes = std::uint64_t{1} << 32);

}  // namespace evengrad
