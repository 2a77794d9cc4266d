#include <evengrad/core/error.hpp>
#include <evengrad/core/file.hpp>

#include <gtest/gtest.h>

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <functional>

#include "../temp_folder.hpp"

namespace evengrad {
namespace {

namespace fs = std::filesystem;

class File : public testing::Test {
 protected:
  std::size_t entries() const {
    return static_cast<std::size_t>(std::distance(fs::directory_iterator(folder), fs::directory_iterator()));
  }

  TempFolder temporary;
  const fs::path folder = temporary.path();
};

/// What the action's FileError says, always on one line.
std::string error_of(const std::function<void()>& action) {
  const std::string message = evengrad::error_of<FileError>(action);
  EXPECT_EQ(message.find('\n'), std::string::npos) << message;
  return message;
}

std::string cannot_write(const fs::path& path, std::string_view reason) {
  return text("cannot write '", path.string(), "': ", reason);
}

/// Runs in a child process, so that limits and rights given up stay there; true if the action returns true.
bool in_child(const std::function<bool()>& action) {
  const pid_t child = ::fork();
  if (child == 0) ::_exit(action() ? 0 : 1);
  int status = 0;
  ::waitpid(child, &status, 0);
  return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

TEST_F(File, WritesAndReadsBack) {
  const fs::path path = folder / "a.bin";
  std::string bytes("first\0second", 12);
  bytes.resize(300'000, 'x');
  write_file_atomically(path, bytes);
  EXPECT_EQ(read_file(path), bytes);
  write_file_atomically(path, "");
  EXPECT_EQ(read_file(path), "");
  EXPECT_EQ(entries(), 1u);
}

TEST_F(File, StreamsInPieces) {
  const fs::path path = folder / "a.bin";
  AtomicFile file(path);
  std::string expected;
  for (int i = 0; i < 50'000; ++i) {
    const std::string piece = std::to_string(i);
    file.write(piece);
    expected += piece;
  }
  EXPECT_FALSE(fs::exists(path));
  file.commit();
  EXPECT_EQ(read_file(path), expected);
}

TEST_F(File, WithoutCommitTheOldFileStays) {
  const fs::path path = folder / "a.txt";
  write_file_atomically(path, "old");
  {
    AtomicFile file(path);
    file.write(std::string(200'000, 'n'));
    EXPECT_EQ(read_file(path), "old");
    EXPECT_EQ(entries(), 2u);
  }
  EXPECT_EQ(read_file(path), "old");
  EXPECT_EQ(entries(), 1u);
}

TEST_F(File, KeepsTheRightsOfTheOldFileAndHonoursTheMask) {
  const fs::path path = folder / "a.txt";
  const mode_t before = ::umask(027);
  write_file_atomically(path, "old");
  ::umask(before);
  EXPECT_EQ(fs::status(path).permissions(), static_cast<fs::perms>(0640));
  fs::permissions(path, static_cast<fs::perms>(0604));
  write_file_atomically(path, "new");
  EXPECT_EQ(fs::status(path).permissions(), static_cast<fs::perms>(0604));
}

TEST_F(File, FollowsLinks) {
  const fs::path real = folder / "real" / "file.txt";
  fs::create_directory(folder / "real");
  write_file_atomically(real, "old");
  fs::create_symlink("real/file.txt", folder / "inner");
  fs::create_symlink(folder / "inner", folder / "outer");
  write_file_atomically(folder / "outer", "new");
  EXPECT_TRUE(fs::is_symlink(folder / "outer"));
  EXPECT_TRUE(fs::is_symlink(folder / "inner"));
  EXPECT_EQ(read_file(real), "new");

  fs::create_symlink("loop", folder / "loop");
  EXPECT_EQ(error_of([&] { write_file_atomically(folder / "loop", "x"); }),
            cannot_write(folder / "loop", "Too many levels of symbolic links"));
}

TEST_F(File, AFullDiskIsReportedAndTheDeviceStays) {
  const std::string reason = cannot_write("/dev/full", "No space left on device");
  EXPECT_EQ(error_of([] { write_file_atomically("/dev/full", "x"); }), reason);
  EXPECT_EQ(error_of([] { write_file_atomically("/dev/full", std::string(1 << 20, 'x')); }), reason);
  write_file_atomically("/dev/null", "x");
  EXPECT_TRUE(fs::is_character_file("/dev/full"));
  EXPECT_TRUE(fs::is_character_file("/dev/null"));

  AppendFile log("/dev/full");
  log.write_line("buffered");
  EXPECT_EQ(error_of([&] { log.close(); }), reason);
  AppendFile long_log("/dev/full");
  EXPECT_EQ(error_of([&] { long_log.write_line(std::string(1 << 20, 'x')); }), reason);
}

TEST_F(File, AFileSizeLimitLeavesTheOldFileAndNothingElse) {
  const fs::path path = folder / "a.bin";
  write_file_atomically(path, "old");
  EXPECT_TRUE(in_child([&] {
    ::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{4096, 4096};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    return error_of([&] { write_file_atomically(path, std::string(100'000, 'x')); }) ==
           cannot_write(path, "File too large");
  }));
  EXPECT_EQ(read_file(path), "old");
  EXPECT_EQ(entries(), 1u);
}

TEST_F(File, AFolderWithoutTheRightToWriteIsReported) {
  const fs::path path = folder / "a.txt";
  write_file_atomically(path, "old");
  fs::permissions(folder, static_cast<fs::perms>(0555));
  EXPECT_TRUE(in_child([&] {
    // Root is refused nothing: go on as nobody.
    if (::geteuid() == 0 && ::setuid(65534) != 0) return false;
    return error_of([&] { write_file_atomically(path, "new"); }) == cannot_write(path, "Permission denied") &&
           error_of([&] { AppendFile log(folder / "log"); }) == cannot_write(folder / "log", "Permission denied");
  }));
  EXPECT_EQ(read_file(path), "old");
}

TEST_F(File, WrongTargetsAreReported) {
  EXPECT_EQ(error_of([&] { write_file_atomically(folder, "x"); }), cannot_write(folder, "Is a directory"));
  EXPECT_EQ(error_of([&] { write_file_atomically(folder / "new" / "", "x"); }),
            cannot_write(folder / "new" / "", "it has no file name"));
  const fs::path missing = folder / "missing" / "a.txt";
  const std::string reason = text("the folder '", (folder / "missing").string(), "' does not exist");
  EXPECT_EQ(error_of([&] { write_file_atomically(missing, "x"); }), cannot_write(missing, reason));
  EXPECT_EQ(error_of([&] { AppendFile log(missing); }), cannot_write(missing, reason));
  EXPECT_EQ(error_of([&] { AppendFile log(folder); }), cannot_write(folder, "Is a directory"));
  const fs::path below_file = folder / "file" / "a.txt";
  write_file_atomically(folder / "file", "");
  EXPECT_EQ(error_of([&] { write_file_atomically(below_file, "x"); }), cannot_write(below_file, "Not a directory"));
  const fs::path too_long = folder / std::string(300, 'a');
  EXPECT_EQ(error_of([&] { write_file_atomically(too_long, "x"); }), cannot_write(too_long, "File name too long"));
  EXPECT_NE(error_of([] { write_file_atomically("", "x"); }), "");
  EXPECT_EQ(entries(), 1u);
}

TEST_F(File, ControlCharactersInANameStayOnOneLine) {
  EXPECT_EQ(error_of([&] { read_file(folder / "a\nb"); }),
            text("cannot read '", folder.string(), "/a\\x0ab': No such file or directory"));
}

TEST_F(File, LongestNameCanBeWritten) {
  const fs::path path = folder / std::string(255, 'a');
  write_file_atomically(path, "x");
  EXPECT_EQ(read_file(path), "x");
}

TEST_F(File, LogsGrowAndAreCutOffOnResume) {
  const fs::path path = folder / "log.jsonl";
  std::uint64_t kept = 0;
  {
    AppendFile log(path);
    log.write_line("one");
    kept = log.size();
    log.write_line("two");
    log.flush();
    EXPECT_EQ(read_file(path), "one\ntwo\n");
    log.write_line("three");
    log.close();
  }
  EXPECT_EQ(read_file(path), "one\ntwo\nthree\n");
  {
    AppendFile log(path, kept);
    log.write_line("again");
    log.sync();
  }
  EXPECT_EQ(read_file(path), "one\nagain\n");
  EXPECT_EQ(error_of([&] { AppendFile log(path, 11); }),
            cannot_write(path, "it has 10 bytes, but 11 of an earlier run should be there"));
  AppendFile fresh(path);
  EXPECT_EQ(read_file(path), "");
}

TEST_F(File, ReadingTellsTheSizeAndTheEnd) {
  const fs::path path = folder / "a.txt";
  write_file_atomically(path, "0123456789");
  FileReader reader(path);
  EXPECT_EQ(reader.size(), 10u);
  std::array<std::byte, 8> buffer;
  EXPECT_EQ(reader.read(buffer), 8u);
  EXPECT_EQ(reader.read(buffer), 2u);
  EXPECT_EQ(buffer[1], std::byte{'9'});
  EXPECT_EQ(reader.read(buffer), 0u);
  EXPECT_EQ(error_of([&] { read_file(path, 9); }),
            text("cannot read '", path.string(), "': it has 10 bytes, at most 9 are accepted"));
}

TEST_F(File, WhatIsNotAFileIsNotRead) {
  const fs::path fifo = folder / "fifo";
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  const auto message = [](const fs::path& path) { return error_of([&] { read_file(path); }); };
  EXPECT_EQ(message(fifo), text("cannot read '", fifo.string(), "': it is a pipe or a device, not a file"));
  EXPECT_EQ(message("/dev/zero"), "cannot read '/dev/zero': it is a pipe or a device, not a file");
  EXPECT_EQ(message(folder), text("cannot read '", folder.string(), "': Is a directory"));
  EXPECT_EQ(message(folder / "no"), text("cannot read '", (folder / "no").string(), "': No such file or directory"));
}

}  // namespace
}  // namespace evengrad
