#include <evengrad/core/error.hpp>
#include <evengrad/data/idx.hpp>
#include <evengrad/data/idx_folder.hpp>

#include <gtest/gtest.h>

#include <sys/stat.h>
#include <zlib.h>

#include <numeric>

#include "../temp_folder.hpp"

namespace evengrad {
namespace {

namespace fs = std::filesystem;

/// Four big-endian bytes.
std::string word(std::uint32_t value) {
  return {static_cast<char>(value >> 24), static_cast<char>(value >> 16), static_cast<char>(value >> 8),
          static_cast<char>(value)};
}

std::string idx(const std::vector<std::uint32_t>& shape, std::string_view values) {
  std::string bytes = word(0x0800u + static_cast<std::uint32_t>(shape.size()));
  for (const std::uint32_t size : shape) bytes += word(size);
  return bytes.append(values);
}

std::string gzip(std::string bytes) {
  z_stream stream{};
  deflateInit2(&stream, 9, Z_DEFLATED, 16 + MAX_WBITS, 9, Z_DEFAULT_STRATEGY);
  std::string packed(bytes.size() + 1000, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(bytes.data());
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  deflate(&stream, Z_FINISH);
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  return packed;
}

class Idx : public testing::Test {
 protected:
  /// What reading these bytes says after the path, which it must name.
  std::string refusal(std::string_view bytes) {
    const fs::path path = folder.write("file", bytes);
    const std::string message = error_of<FileError>([&] { read_idx(path); });
    const std::string prefix = "cannot read '" + path.string() + "' as IDX: ";
    EXPECT_TRUE(message.starts_with(prefix)) << message;
    return message.substr(std::min(message.size(), prefix.size()));
  }

  TempFolder folder;
};

TEST_F(Idx, ReadsPlainAndGzipped) {
  const std::string bytes = idx({2, 3}, "abcdef");
  for (const std::string& file : {bytes, gzip(bytes)}) {
    const IdxArray array = read_idx(folder.write("file", file));
    EXPECT_EQ(array.shape, (std::vector<Index>{2, 3}));
    EXPECT_EQ(array.values, (std::vector<std::uint8_t>{'a', 'b', 'c', 'd', 'e', 'f'}));
  }
}

TEST_F(Idx, ReadsWhatIsLargerThanItsBuffers) {
  std::string values(1'000'003, '\0');
  for (std::size_t i = 0; i < values.size(); ++i) values[i] = static_cast<char>(i * i / 7);
  const std::string bytes = idx({1'000'003}, values);
  for (const std::string& file : {bytes, gzip(bytes)}) {
    const IdxArray array = read_idx(folder.write("file", file));
    EXPECT_TRUE(std::equal(array.values.begin(), array.values.end(), values.begin(), values.end(),
                           [](std::uint8_t a, char b) { return a == static_cast<std::uint8_t>(b); }));
  }
}

TEST_F(Idx, ABrokenHeaderIsRefused) {
  EXPECT_EQ(refusal(""), "the file ends within its magic number (offset 0)");
  EXPECT_EQ(refusal(std::string(3, '\0')), "the file ends within its magic number (offset 0)");
  EXPECT_EQ(refusal("PNG image"), "the bytes at offset 0 are 80 and 78, expected 0 and 0: no IDX file");
  EXPECT_EQ(refusal(word(0x0d01) + word(1) + "abcd"), "the type at offset 2 is 13, expected 8 (unsigned bytes)");
  EXPECT_EQ(refusal(word(0x0800)), "the number of dimensions at offset 3 is 0, expected 1 to 4");
  EXPECT_EQ(refusal(word(0x08ff) + std::string(2000, '\1')),
            "the number of dimensions at offset 3 is 255, expected 1 to 4");
  EXPECT_EQ(refusal(word(0x0802) + word(3)), "the file ends within its dimensions (offset 8)");
  EXPECT_EQ(refusal(idx({3, 0}, "")), "the dimension at offset 8 is 0");
  EXPECT_EQ(refusal(idx({1, 2, 3, 4, 5}, "")), "the number of dimensions at offset 3 is 5, expected 1 to 4");
}

TEST_F(Idx, SizesThatOverflowAreRefused) {
  EXPECT_EQ(refusal(idx({65536, 65537}, "")), "the dimensions up to offset 8 give over 4294967296 values");
  EXPECT_EQ(refusal(idx({~0u, ~0u, ~0u, ~0u}, "")), "the dimensions up to offset 8 give over 4294967296 values");
  // 2^32 and 2^64 values: as 32 or 64 bits they wrap to 0.
  EXPECT_EQ(refusal(idx({65536, 65536}, "")), "the header promises 4294967308 bytes, the file has 12");
  EXPECT_EQ(refusal(idx({65536, 65536, 65536, 65536}, "")),
            "the dimensions up to offset 12 give over 4294967296 values");
}

TEST_F(Idx, ContentThatDoesNotFitTheHeaderIsRefused) {
  EXPECT_EQ(refusal(idx({2, 3}, "abcde")), "the header promises 18 bytes, the file has 17");
  EXPECT_EQ(refusal(idx({2, 3}, "abcdefg")), "the header promises 18 bytes, the file has 19");
  EXPECT_EQ(refusal(gzip(idx({2, 3}, "abcde"))), "the header promises 18 bytes, the data end after 17");
  EXPECT_EQ(refusal(gzip(idx({2, 3}, "abcdefg"))), "there are more data than the 18 bytes promised");
  // Promises of gigabytes cost nothing.
  EXPECT_EQ(refusal(gzip(idx({65536, 65535}, "abc"))), "the header promises 4294901772 bytes, the data end after 15");
}

TEST_F(Idx, DamagedGzipIsRefused) {
  const std::string packed = gzip(idx({5}, "hello"));
  const auto at = [](std::size_t offset) { return text(" (offset ", offset, " of the packed file)"); };
  EXPECT_EQ(refusal(packed + "x"), "there are bytes after the gzipped data" + at(packed.size()));
  EXPECT_EQ(refusal(packed + packed), "there are bytes after the gzipped data" + at(packed.size()));
  for (std::size_t length = 2; length < packed.size(); ++length) {
    EXPECT_EQ(refusal(packed.substr(0, length)), "the gzipped data end too early" + at(length));
  }
  std::string flipped = packed;
  flipped[packed.size() - 6] ^= 1;  // in the checksum
  EXPECT_EQ(refusal(flipped), "the gzipped data are damaged" + at(packed.size() - 4));
  flipped = packed;
  flipped[2] = 7;                                                       // the method
  EXPECT_EQ(refusal(flipped), "the gzipped data are damaged" + at(4));  // it reads two bytes at once
}

TEST_F(Idx, WhatIsNotAFileIsRefused) {
  const fs::path fifo = folder.path() / "fifo";
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  EXPECT_EQ(error_of<FileError>([&] { read_idx(fifo); }),
            "cannot read '" + fifo.string() + "': it is a pipe or a device, not a file");
  EXPECT_EQ(error_of<FileError>([&] { read_idx(folder.path()); }),
            "cannot read '" + folder.path().string() + "': Is a directory");
  EXPECT_EQ(error_of<FileError>([&] { read_idx(folder.path() / "missing"); }),
            "cannot read '" + (folder.path() / "missing").string() + "': No such file or directory");
}

const ImageSet tiny = {"tiny", {"zero", "one", "two"}};

class Images : public Idx {
 protected:
  Images() {
    write("train-images-idx3-ubyte", idx({3, 1, 2}, std::string("\0\1\x7f\x80\xfe\xff", 6)));
    write("train-labels-idx1-ubyte", idx({3}, std::string("\2\0\1", 3)));
    write("t10k-images-idx3-ubyte", idx({1, 1, 2}, "\x33\x66"));
    write("t10k-labels-idx1-ubyte", idx({1}, "\1"));
  }

  fs::path write(const std::string& name, const std::string& bytes) { return folder.write("tiny/" + name, bytes); }
  Split<double> load(Index samples = 0) { return load_images<double>(tiny, {"/nowhere", folder.path()}, samples); }
  std::string message() {
    return error_of<FileError>([&] { load(); });
  }
};

TEST_F(Images, PixelsAreDividedBy255) {
  const Split<double> split = load();
  EXPECT_NO_THROW(check(split.train));
  EXPECT_EQ(split.train.inputs, (Matrix<double>{{0, 1 / 255.0}, {127 / 255.0, 128 / 255.0}, {254 / 255.0, 1}}));
  EXPECT_EQ(split.train.labels, (std::vector<std::int32_t>{2, 0, 1}));
  EXPECT_EQ(split.train.classes, 3);
  EXPECT_EQ(split.train.class_names[2], "two");
  EXPECT_EQ(split.test.inputs, (Matrix<double>{{0.2, 0.4}}));
  EXPECT_EQ(load_images<float>(tiny, {folder.path()}, 0).train.inputs(1, 0), 127.0f / 255.0f);
}

TEST_F(Images, TheFirstSamplesCanBeAskedFor) {
  EXPECT_EQ(load(2).train.inputs, load().train.inputs.topRows(2));
  EXPECT_EQ(load(2).train.labels, (std::vector<std::int32_t>{2, 0}));
  EXPECT_EQ(load(2).test.size(), 1);
  EXPECT_EQ(load(1000).train.size(), 3);
}

TEST_F(Images, GzippedAndDottedNamesAreFound) {
  for (const std::string part : {"train-images", "train-labels", "t10k-images", "t10k-labels"}) {
    const std::string kind = part.ends_with("images") ? "idx3" : "idx1";
    const fs::path plain = folder.path() / "tiny" / (part + "-" + kind + "-ubyte");
    std::ifstream file(plain, std::ios::binary);
    const std::string bytes{std::istreambuf_iterator<char>(file), {}};
    fs::remove(plain);
    write(part + "." + kind + "-ubyte" + (part.starts_with("train") ? ".gz" : ""),
          part.starts_with("train") ? gzip(bytes) : bytes);
  }
  EXPECT_EQ(load().train.size(), 3);
}

TEST_F(Images, TheFirstRootThatHasTheSetWins) {
  TempFolder other;
  fs::copy(folder.path() / "tiny", other.path() / "tiny", fs::copy_options::recursive);
  other.write("tiny/train-labels-idx1-ubyte", idx({3}, std::string("\1\1\1", 3)));
  EXPECT_EQ(load_images<double>(tiny, {other.path(), folder.path()}, 0).train.labels[0], 1);
  EXPECT_EQ(load_images<double>(tiny, {folder.path(), other.path()}, 0).train.labels[0], 2);
}

TEST_F(Images, AMissingSetSaysWhereItWasSoughtAndHowToGetIt) {
  const std::string text = error_of<FileError>([] { load_images<float>(tiny, {"/nowhere", "/void"}, 0); });
  EXPECT_EQ(text,
            "the data set tiny is not there; looked for train-images-idx3-ubyte in '/nowhere/tiny', '/void/tiny'; run "
            "scripts/setup, or name the folder that has tiny/ in EVENGRAD_DATA, beside which no other place is looked "
            "at");
  fs::remove(folder.path() / "tiny" / "t10k-labels-idx1-ubyte");
  EXPECT_EQ(message(),
            "the folder '" + (folder.path() / "tiny").string() + "' has no t10k-labels-idx1-ubyte, plain or .gz");
}

TEST_F(Images, FilesThatDoNotFitTogetherAreRefused) {
  const std::string labels = "cannot use '" + (folder.path() / "tiny/train-labels-idx1-ubyte").string() + "': ";
  const std::string images = "cannot use '" + (folder.path() / "tiny/train-images-idx3-ubyte").string() + "': ";
  write("train-labels-idx1-ubyte", idx({2}, std::string("\2\0", 2)));
  EXPECT_EQ(message(), labels + "it has 2 labels for 3 images");
  write("train-labels-idx1-ubyte", idx({3}, std::string("\2\3\0", 3)));
  EXPECT_EQ(message(), labels + "label 2 is 3, expected 0 to 2");
  write("train-labels-idx1-ubyte", idx({3, 1}, std::string("\2\1\0", 3)));
  EXPECT_EQ(message(), labels + "labels have 1 dimension, these 2");
  write("train-images-idx3-ubyte", idx({3, 2}, "abcdef"));
  EXPECT_EQ(message(), images + "images have 3 dimensions, these 2");
  write("train-images-idx3-ubyte", idx({3, 2, 1}, "abcdef"));
  write("train-labels-idx1-ubyte", idx({3}, std::string("\2\1\0", 3)));
  write("t10k-images-idx3-ubyte", idx({1, 1, 3}, "abc"));
  EXPECT_NE(message().find("have 2 pixels for training, but 3 for testing"), std::string::npos);
}

class IdxFolder : public testing::Test {
 protected:
  void write(const std::string& name, const std::string& bytes) {
    fs::create_directories((folder.path() / name).parent_path());
    folder.write(name, bytes);
  }
  Split<double> load(const std::string& below = "") { return load_idx_folder<double>(folder.path() / below, 0); }

  TempFolder folder;
};

const std::string two_images = idx({2, 1, 2}, std::string_view("\0\xff\xff\0", 4));

TEST_F(IdxFolder, LabelsMayBeginWithOneAndFilesMayHaveAPrefix) {
  // EMNIST: several sets in a folder, gzipped, "test" and labels from 1.
  for (const char* set : {"emnist-letters-", "emnist-digits-"}) {
    write(text("gzip/", set, "train-images-idx3-ubyte.gz"), gzip(two_images));
    write(text("gzip/", set, "train-labels-idx1-ubyte.gz"), gzip(idx({2}, "\x1\x1a")));
    write(text("gzip/", set, "test-images-idx3-ubyte.gz"), gzip(two_images));
    write(text("gzip/", set, "test-labels-idx1-ubyte.gz"), gzip(idx({2}, "\x1a\x1a")));
  }
  const Split<double> split = load("gzip/emnist-letters");
  EXPECT_EQ(split.train.inputs, (Matrix<double>{{0, 1}, {1, 0}}));
  EXPECT_EQ(split.train.class_names, (std::vector<std::string>{"1", "26"}));
  EXPECT_EQ(split.train.labels, (std::vector<std::int32_t>{0, 1}));
  EXPECT_EQ(split.test.labels, (std::vector<std::int32_t>{1, 1}));
  const std::string message = error_of<UsageError>([&] { load("gzip"); });
  EXPECT_NE(message.find("'emnist-digits-', 'emnist-letters-'"), std::string::npos) << message;
}

TEST_F(IdxFolder, TorchvisionsFolderAndAnyTypeOfLabels) {
  // QMNIST's labels are rows of eight 32-bit integers, of which the first is the class.
  const std::string labels =
      word(0x0c02) + word(2) + word(8) + word(7) + std::string(28, 'x') + word(3) + std::string(28, 'x');
  write("MNIST/raw/qmnist-train-images-idx3-ubyte", two_images);
  write("MNIST/raw/qmnist-train-labels-idx2-int", labels);
  const Split<double> split = load();
  EXPECT_EQ(split.train.class_names, (std::vector<std::string>{"3", "7"}));
  EXPECT_EQ(split.train.labels, (std::vector<std::int32_t>{1, 0}));
  EXPECT_EQ(split.test.size(), 0);
  EXPECT_NE(split.notes.front().find("MNIST/raw"), std::string::npos) << split.notes.front();
}

TEST_F(IdxFolder, WhatIsMissingIsSaid) {
  EXPECT_NE(error_of<FileError>([&] { load(); }), "");
  EXPECT_NE(error_of<FileError>([&] { load("nowhere"); }), "");
  write("train-images-idx3-ubyte", two_images);
  EXPECT_NE(error_of<FileError>([&] { load(); }), "");
  write("train-labels-idx1-ubyte", idx({3}, "abc"));
  EXPECT_NE(error_of<FileError>([&] { load(); }).find("has 3 labels"), std::string::npos);
  write("train-labels-idx1-ubyte", idx({2}, "aa"));
  EXPECT_NE(error_of<FileError>([&] { load(); }).find("all labels are 97"), std::string::npos);
}

}  // namespace
}  // namespace evengrad
