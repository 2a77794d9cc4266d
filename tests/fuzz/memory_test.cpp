// What parsers hold on input made to cost memory: never more than twice the file and 16 MiB. A program of its own: it
// replaces malloc.
#include <evengrad/activations/formula.hpp>
#include <evengrad/data/table.hpp>
#include <evengrad/data/idx.hpp>
#include <evengrad/training/model_file.hpp>
#include <evengrad/training/safetensors.hpp>

#include <gtest/gtest.h>

#include <zlib.h>

#include "../temp_folder.hpp"
#include "memory.hpp"

namespace evengrad {
namespace {

constexpr std::size_t mebibyte = std::size_t{1} << 20;

/// The peak of memory while the action ran, whether or not it threw an error of the library.
template <class Action>
std::size_t peak_of(Action action) {
  const std::size_t before = fuzz::held_bytes();
  fuzz::reset_peak();
  try {
    action();
  } catch (const Error&) {
  }
  return fuzz::peak_bytes() - before;
}

class Memory : public testing::Test {
 protected:
  /// Reads these bytes and expects no more than the promise, `results` apart.
  template <class Action>
  void expect_bound(const std::string& bytes, Action read, std::size_t results = 0) {
    const auto path = folder.write("file", bytes);
    EXPECT_LE(peak_of([&] { read(path); }), 2 * bytes.size() + 16 * mebibyte + results) << bytes.size() << " bytes";
  }

  TempFolder folder;
};

std::string repeated(std::string_view part, std::size_t bytes) {
  std::string all;
  while (all.size() < bytes) all += part;
  return all;
}

TEST_F(Memory, IsCounted) {
  EXPECT_GE(peak_of([] { std::string(32 * mebibyte, 'x'); }), 32 * mebibyte);
  EXPECT_LT(peak_of([] { std::string(mebibyte, 'x'); }), 2 * mebibyte);
  const auto read = [](const auto& path) { read_idx(path); };
  EXPECT_GE(
      peak_of([&] { read(folder.write("file", std::string("\0\0\x08\1\0\x40\0\0", 8) + std::string(1 << 22, 'x'))); }),
      4 * mebibyte);
}

// ---- IDX ------------------------------------------------------------------------------------------------------------

std::string idx(std::uint32_t size, std::size_t values) {
  std::string bytes("\0\0\x08\1", 4);
  for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(size >> shift);
  return bytes + std::string(values, 'x');
}

std::string gzip(const std::string& bytes) {
  z_stream stream{};
  deflateInit2(&stream, 9, Z_DEFLATED, 16 + MAX_WBITS, 9, Z_DEFAULT_STRATEGY);
  std::string packed(deflateBound(&stream, bytes.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(packed.data());
  stream.avail_out = static_cast<uInt>(packed.size());
  deflate(&stream, Z_FINISH);
  packed.resize(stream.total_out);
  deflateEnd(&stream);
  return packed;
}

TEST_F(Memory, OfIdx) {
  const auto read = [](const auto& path) { read_idx(path); };
  expect_bound(idx(~0u, 1000), read);
  expect_bound(idx(30 << 20, 30 * mebibyte), read);
  // Of a gzipped file it is what it unpacks to that counts; a promise costs nothing.
  expect_bound(gzip(idx(~0u, 1000)), read);
  for (const unsigned size : {30u << 20, (32u << 20) + 1, 40u << 20}) {
    expect_bound(gzip(idx(size, 30 * mebibyte)), read, 60 * mebibyte);
  }
}

// ---- CSV ------------------------------------------------------------------------------------------------------------

TEST_F(Memory, OfCsv) {
  const auto read = [](const auto& path) { load_csv(path); };
  expect_bound("a,b\n" + repeated("0.1234567890123456,-98765.4321098765\n", 30 * mebibyte), read);
  expect_bound("a,b,kind\n" + repeated("0.1234567890123456,-98765.4321098765,lily\n", 30 * mebibyte), read);
  expect_bound("a,b\n" + repeated("\n", 30 * mebibyte), read);
  expect_bound("a,b\n1,2\n" + repeated(",", 30 * mebibyte), read);
  expect_bound(repeated(",", 30 * mebibyte), read);
  expect_bound(repeated("\"\",", 30 * mebibyte), read);
  expect_bound("a,b\n\"" + repeated("\"\"", 30 * mebibyte), read);
  std::string columns = "0";
  for (int i = 1; i < 99'999; ++i) columns += text(",", i);
  expect_bound(columns + ",a\n", read);
  // A name as long as the file, and another one sought.
  expect_bound("a," + repeated("b", 30 * mebibyte) + "\n", [](const auto& path) { load_csv(path, {.target = "c"}); });
}

// Where a cell is shorter than the number in it, the numbers themselves pass the bound: 16 bytes for each while the
// matrix is filled, and 40 bytes a row for its label, as text, as a number and as a class.
TEST_F(Memory, OfCsvWithShortCells) {
  const auto read = [](const auto& path) { load_csv(path); };
  const std::string numbers = repeated("1,2\n", 8 * mebibyte), names = repeated("1,a\n2,b\n", 8 * mebibyte);
  expect_bound("x,y\n" + numbers, read, numbers.size() / 4 * (16 + 40));
  expect_bound("x,y\n" + names, read, names.size() / 4 * (16 + 40));
}

// ---- safetensors ----------------------------------------------------------------------------------------------------

std::string safetensors(const std::string& header, std::size_t data = 0) {
  std::string bytes;
  for (int i = 0; i < 8; ++i) bytes += static_cast<char>(header.size() >> (8 * i));
  return bytes + header + std::string(data, '\0');
}

/// Headers of about this size that hold as much as they can.
std::vector<std::string> hostile_headers(std::size_t bytes) {
  const auto many = [&](const std::string& begin, auto entry, const std::string& end) {
    std::string all = begin;
    for (int i = 0; all.size() < bytes; ++i) all += (i > 0 ? "," : "") + entry(i);
    return all + end;
  };
  const auto tensor = [](int i) { return text("\"", i, "\":{\"dtype\":\"I8\",\"shape\":[],\"data_offsets\":[0,0]}"); };
  const auto empty = [](int i) { return text("\"", i, "\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]}"); };
  const auto words = [](int i) { return text("\"", i, "\":\"\""); };
  return {many("{", tensor, "}"),
          many("{", empty, "}"),
          many("{\"__metadata__\":{", words, "}}"),
          many("{\"a\":{", words, "}}"),
          many(
              "{\"a\":[", [](int) { return std::string("[]"); }, "]}"),
          many(
              "{\"a\":{\"shape\":[", [](int) { return std::string("1"); }, "]}}"),
          "{\"__metadata__\":{\"k\":\"" + std::string(bytes, 'x') + "\"}}",
          "{\"__metadata__\":{\"" + std::string(bytes, 'x') + "\":\"\"}}",
          "{\"" + std::string(bytes, 'x') + "\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]}}",
          std::string("{") + std::string(bytes, '[')};
}

TEST_F(Memory, OfSafetensors) {
  const auto read = [](const auto& path) { load_safetensors(path); };
  for (const std::size_t data : {std::size_t{0}, 8 * mebibyte, 32 * mebibyte}) {
    for (const std::string& header : hostile_headers(2'000'000 + data / 4))
      expect_bound(safetensors(header, data), read);
  }
  for (const std::string& header : hostile_headers(40'000'000)) expect_bound(safetensors(header), read);
  expect_bound(safetensors(R"({"a":{"dtype":"F32","shape":[8388608],"data_offsets":[0,33554432]}})", 32 * mebibyte),
               read);
}

TEST_F(Memory, OfSavedModels) {
  const auto model = [](const std::string& architecture, const std::string& names) {
    return safetensors(
        R"({"__metadata__":{"schema_version":"1","data":"","task":"","normalization":"{}","class_names":")" + names +
            R"(","feature_names":")" + names + R"(","architecture":")" + architecture +
            R"("},"a":{"dtype":"F32","shape":[2097152],"data_offsets":[0,8388608]}})",
        8 * mebibyte);
  };
  const auto mlp = [](const std::string& widths) {
    return R"({\"type\":\"mlp\",)" + widths +
           R"(,\"activations\":[\"relu\"],\"norm\":\"batch\",\"dropout\":0,\"residual\":false})";
  };
  const auto read = [](const auto& path) { load_model<float>(path); };
  const std::string lists = "[" + repeated("[],", 1'000'000) + "[]]", ones = "[" + repeated("1,", 1'000'000) + "1]";
  expect_bound(model(mlp(R"(\"inputs\":30000,\"hidden\":[30000,-30000],\"outputs\":1)"), "[]"), read);
  expect_bound(model(mlp(R"(\"inputs\":1,\"hidden\":[2000000],\"outputs\":1)"), "[]"), read);
  expect_bound(model(mlp(R"(\"inputs\":1,\"outputs\":1,\"hidden\":)" + ones), "[]"), read);
  expect_bound(model(mlp(R"(\"inputs\":1,\"hidden\":[1],\"outputs\":1)"), lists), read);
  expect_bound(model(lists, "[]"), read);
}

// ---- formulas -------------------------------------------------------------------------------------------------------

TEST_F(Memory, OfFormulas) {
  for (const std::string& formula :
       {repeated("abs(sin(x))*x+", 9'900) + "x", repeated("sin(x+", 1'000), repeated("x", 10'000'000),
        "x" + repeated("+(x*3.5)^2.5", 9'900), repeated("(", 10'000'000)}) {
    EXPECT_LE(peak_of([&] { formula_activation(formula); }), 2 * formula.size() + 16 * mebibyte);
  }
}

}  // namespace
}  // namespace evengrad
