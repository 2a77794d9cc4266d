#include <evengrad/core/error.hpp>
#include <evengrad/core/file.hpp>
#include <evengrad/core/utf8.hpp>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <climits>
#include <system_error>
#include <utility>

namespace evengrad {

namespace fs = std::filesystem;

namespace {

constexpr std::size_t buffer_bytes = 1 << 16;
constexpr int max_links = 40;  // as many as Linux follows

[[noreturn]] void fail(std::string_view verb, const fs::path& path, std::string_view reason) {
  throw FileError(text("cannot ", verb, " ", in_quotes(path.string(), PATH_MAX), ": ", reason));
}

[[noreturn]] void fail(std::string_view verb, const fs::path& path, int error) {
  fail(verb, path, std::generic_category().message(error));
}

template <class Call>
auto retry(Call call) {
  auto result = call();
  while (result == -1 && errno == EINTR) result = call();
  return result;
}

void write_all(const fs::path& path, int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = retry([&] { return ::write(fd, bytes.data(), bytes.size()); });
    if (written < 0) fail("write", path, errno);
    bytes.remove_prefix(static_cast<std::size_t>(written));
  }
}

/// Devices and pipes cannot be synced, and some file systems do not sync folders: both answer EINVAL.
void sync_descriptor(const fs::path& path, int fd) {
  if (retry([&] { return ::fsync(fd); }) != 0 && errno != EINVAL && errno != ENOTSUP && errno != EROFS) {
    fail("write", path, errno);
  }
}

/// Not retried: after EINTR the descriptor is gone, and another thread may have got its number.
void close_checked(const fs::path& path, Descriptor& file) {
  if (::close(file.release()) != 0 && errno != EINTR) fail("write", path, errno);
}

fs::path folder_of(const fs::path& path) { return path.has_parent_path() ? path.parent_path() : fs::path("."); }

/// Opens for writing, with a reason that says which part is missing.
Descriptor open_for_writing(const fs::path& path, const fs::path& file, int flags) {
  const int fd = retry([&] { return ::open(file.c_str(), O_WRONLY | O_CLOEXEC | flags, 0666); });
  if (fd >= 0 || errno == EEXIST) return Descriptor(fd);
  const int error = errno;
  std::error_code ignored;
  if (error == ENOENT && !fs::exists(folder_of(file), ignored)) {
    fail("write", path, text("the folder ", in_quotes(folder_of(file).string(), PATH_MAX), " does not exist"));
  }
  fail("write", path, error);
}

fs::path follow_links(const fs::path& path) {
  fs::path target = path;
  for (int i = 0; i < max_links; ++i) {
    std::error_code error;
    if (!fs::is_symlink(target, error)) return target;
    const fs::path next = fs::read_symlink(target, error);
    if (error) fail("write", path, error.message());
    target = folder_of(target) / next;  // an absolute link replaces the folder
  }
  fail("write", path, ELOOP);
}

/// A name of our own: one made from the target's could be too long. Unique in the process by the number; O_EXCL does
/// the rest.
fs::path temporary_name(const fs::path& target) {
  static std::atomic<unsigned> number = 0;
  return folder_of(target) / text(".evengrad-", ::getpid(), "-", number++, ".tmp");
}

}  // namespace

Descriptor& Descriptor::operator=(Descriptor&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

Descriptor::~Descriptor() {
  if (fd_ >= 0) ::close(fd_);
}

int Descriptor::release() { return std::exchange(fd_, -1); }

AtomicFile::AtomicFile(fs::path path) : path_(std::move(path)), target_(path_) {
  struct stat info;
  const bool exists = ::stat(path_.c_str(), &info) == 0;
  if (exists && S_ISDIR(info.st_mode)) fail("write", path_, EISDIR);
  if (exists && !S_ISREG(info.st_mode)) {
    file_ = open_for_writing(path_, path_, 0);
    return;
  }
  target_ = follow_links(path_);
  if (!target_.has_filename()) fail("write", path_, "it has no file name");
  // A file of ours may be left from a killed process of the same number: then take the next name.
  while (file_.get() < 0) {
    const fs::path name = temporary_name(target_);
    file_ = open_for_writing(path_, name, O_CREAT | O_EXCL);
    if (file_.get() >= 0) temporary_ = name;
  }
  if (exists) ::fchmod(file_.get(), info.st_mode & 07777);  // keeps the old file's rights where that is allowed
}

AtomicFile::~AtomicFile() {
  if (!temporary_.empty()) ::unlink(temporary_.c_str());
}

void AtomicFile::write(std::string_view bytes) {
  if (buffer_.size() + bytes.size() < buffer_bytes) {
    buffer_ += bytes;
    return;
  }
  write_all(path_, file_.get(), buffer_);
  buffer_.clear();
  write_all(path_, file_.get(), bytes);
}

void AtomicFile::write(std::span<const std::byte> bytes) {
  write(std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
}

void AtomicFile::commit() {
  write_all(path_, file_.get(), buffer_);
  sync_descriptor(path_, file_.get());
  close_checked(path_, file_);
  if (temporary_.empty()) return;
  if (::rename(temporary_.c_str(), target_.c_str()) != 0) fail("write", path_, errno);
  temporary_.clear();
  const Descriptor folder(
      retry([&] { return ::open(folder_of(target_).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); }));
  // A folder one may write to but not list cannot be opened, and so not synced; the file is in place all the same.
  if (folder.get() >= 0) sync_descriptor(path_, folder.get());
}

void write_file_atomically(const fs::path& path, std::string_view bytes) {
  AtomicFile file(path);
  file.write(bytes);
  file.commit();
}

AppendFile::AppendFile(fs::path path, std::uint64_t keep) : path_(std::move(path)) {
  file_ = open_for_writing(path_, path_, O_CREAT | O_APPEND);
  struct stat info;
  if (::fstat(file_.get(), &info) != 0) fail("write", path_, errno);
  if (!S_ISREG(info.st_mode)) return;
  if (static_cast<std::uint64_t>(info.st_size) < keep) {
    fail("write", path_, text("it has ", info.st_size, " bytes, but ", keep, " of an earlier run should be there"));
  }
  if (retry([&] { return ::ftruncate(file_.get(), static_cast<off_t>(keep)); }) != 0) fail("write", path_, errno);
  size_ = keep;
}

AppendFile::~AppendFile() {
  try {
    if (file_.get() >= 0) flush();
  } catch (const FileError&) {
    // A destructor cannot report it; close() does.
  }
}

void AppendFile::write_line(std::string_view line) {
  buffer_ += line;
  buffer_ += '\n';
  size_ += line.size() + 1;
  if (buffer_.size() >= buffer_bytes) flush();
}

void AppendFile::flush() {
  // Dropped even when writing fails: what was half-written must not come again from the destructor.
  const std::string bytes = std::exchange(buffer_, {});
  write_all(path_, file_.get(), bytes);
}

void AppendFile::sync() {
  flush();
  sync_descriptor(path_, file_.get());
}

void AppendFile::close() {
  flush();
  close_checked(path_, file_);
}

FileReader::FileReader(fs::path path) : path_(std::move(path)) {
  // O_NONBLOCK: opening a pipe would wait for its writer.
  file_ = Descriptor(retry([&] { return ::open(path_.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC); }));
  if (file_.get() < 0) fail("read", path_, errno);
  struct stat info;
  if (::fstat(file_.get(), &info) != 0) fail("read", path_, errno);
  if (S_ISDIR(info.st_mode)) fail("read", path_, EISDIR);
  if (!S_ISREG(info.st_mode)) fail("read", path_, "it is a pipe or a device, not a file");
  size_ = static_cast<std::uint64_t>(info.st_size);
}

std::size_t FileReader::read(std::span<std::byte> buffer) {
  std::size_t total = 0;
  while (total < buffer.size()) {
    const ssize_t got = retry([&] { return ::read(file_.get(), buffer.data() + total, buffer.size() - total); });
    if (got < 0) fail("read", path_, errno);
    if (got == 0) break;
    total += static_cast<std::size_t>(got);
  }
  return total;
}

std::string read_file(const fs::path& path, std::uint64_t max_bytes) {
  FileReader reader(path);
  if (reader.size() > max_bytes) {
    fail("read", path, text("it has ", reader.size(), " bytes, at most ", max_bytes, " are accepted"));
  }
  std::string content(reader.size(), '\0');
  if (reader.read(std::as_writable_bytes(std::span(content))) < content.size()) {
    fail("read", path, "it became shorter while it was read");
  }
  return content;
}

}  // namespace evengrad
