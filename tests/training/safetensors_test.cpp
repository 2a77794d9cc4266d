#include <evengrad/core/error.hpp>
#include <evengrad/training/safetensors.hpp>

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <limits>

#include "../golden.hpp"
#include "../temp_folder.hpp"

namespace evengrad {
namespace {

namespace fs = std::filesystem;

std::string length(std::uint64_t value) {
  std::string bytes;
  for (int i = 0; i < 8; ++i) bytes += static_cast<char>(value >> (8 * i));
  return bytes;
}

/// A file with this header and so many zero bytes of data.
std::string file(const std::string& header, std::size_t data) {
  return length(header.size()) + header + std::string(data, '\0');
}

const std::string published = R"({"test":{"dtype":"I32","shape":[2,2],"data_offsets":[0,16]}})";

class SafetensorsFile : public testing::Test {
 protected:
  Safetensors load(const std::string& bytes) { return load_safetensors(folder.write("file", bytes)); }

  /// What loading these bytes says after the path, which it must name.
  std::string refusal(const std::string& bytes) {
    const std::string message = error_of<FileError>([&] { load(bytes); });
    const std::string prefix = "cannot read '" + (folder.path() / "file").string() + "' as safetensors: ";
    EXPECT_TRUE(message.starts_with(prefix)) << message;
    EXPECT_EQ(message.find('\n'), std::string::npos);
    return message.substr(std::min(message.size(), prefix.size()));
  }

  std::string refused_header(const std::string& header, std::size_t data = 0) { return refusal(file(header, data)); }

  std::string contents(const fs::path& path) {
    std::ifstream stream(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(stream), {}};
  }

  TempFolder folder;
};

using Bits = std::vector<std::uint64_t>;

template <class T>
Bits bits(const Tensor& tensor) {
  Bits all;
  for (const T value : std::get<std::vector<T>>(tensor.values)) {
    all.push_back(std::bit_cast<std::conditional_t<sizeof(T) == 4, std::uint32_t, std::uint64_t>>(value));
  }
  return all;
}

TEST_F(SafetensorsFile, EveryBitComesBack) {
  const float f = std::bit_cast<float>(0x7fc12345u);  // a NaN with a payload
  const std::vector<Tensor> saved = {
      {"b", {2, 3}, std::vector<float>{0.1f, -0.0f, f, std::numeric_limits<float>::infinity(), 1e-45f, 3}},
      {"a", {2}, std::vector<double>{0.1, std::bit_cast<double>(0x7ff8000000000123u)}},
      {"count", {}, std::vector<std::int64_t>{-5}},
      {"empty", {3, 0}, std::vector<float>{}}};
  const fs::path path = folder.path() / "model";
  save_safetensors(path, saved, {{"key", "value \"quoted\" \n é"}, {"other", ""}});
  const Safetensors loaded = load_safetensors(path);
  EXPECT_EQ(loaded.metadata.size(), 2u);
  EXPECT_EQ(loaded.metadata.at("key"), "value \"quoted\" \n é");
  ASSERT_EQ(loaded.tensors.size(), 4u);
  for (const Tensor& tensor : loaded.tensors) {
    const auto at = std::find_if(saved.begin(), saved.end(), [&](const auto& s) { return s.name == tensor.name; });
    ASSERT_NE(at, saved.end());
    EXPECT_EQ(tensor.shape, at->shape);
    ASSERT_EQ(tensor.values.index(), at->values.index());
    if (tensor.values.index() == 0) {
      EXPECT_EQ(bits<float>(tensor), bits<float>(*at));
    }
    if (tensor.values.index() == 1) {
      EXPECT_EQ(bits<double>(tensor), bits<double>(*at));
    }
    if (tensor.values.index() == 2) {
      EXPECT_EQ(bits<std::int64_t>(tensor), bits<std::int64_t>(*at));
    }
  }
}

// The layout of the reference implementation: metadata, then wide types first, then names; data at a multiple of 8.
TEST_F(SafetensorsFile, IsLaidOutLikeTheReference) {
  const fs::path path = folder.path() / "model";
  save_safetensors(
      path, {{"z", {1}, std::vector<float>{1}}, {"a", {1}, std::vector<float>{2}}, {"m", {1}, std::vector<double>{3}}},
      {{"k", "v"}});
  const std::string header =
      R"({"__metadata__":{"k":"v"},"m":{"dtype":"F64","shape":[1],"data_offsets":[0,8]},)"
      R"("a":{"dtype":"F32","shape":[1],"data_offsets":[8,12]},"z":{"dtype":"F32","shape":[1],"data_offsets":[12,16]}})";
  const std::string padded = header + std::string((8 - header.size() % 8) % 8, ' ');
  const std::string data{"\0\0\0\0\0\0\x08\x40\0\0\0\x40\0\0\x80\x3f", 16};
  EXPECT_EQ(contents(path), length(padded.size()) + padded + data);
}

TEST_F(SafetensorsFile, EqualTensorsAreEqualFiles) {
  const Tensor a = {"a", {1}, std::vector<float>{1}}, b = {"b", {1}, std::vector<float>{2}};
  save_safetensors(folder.path() / "1", {a, b}, {{"x", "1"}, {"y", "2"}});
  save_safetensors(folder.path() / "2", {b, a}, {{"y", "2"}, {"x", "1"}});
  EXPECT_EQ(contents(folder.path() / "1"), contents(folder.path() / "2"));
}

TEST_F(SafetensorsFile, WhatCannotBeSavedIsRefused) {
  const Tensor a = {"a", {1}, std::vector<float>{1}};
  const fs::path path = folder.path() / "model";
  EXPECT_EQ(error_of<Error>([&] { save_safetensors(path, {a, a}); }), "two tensors are called 'a'");
  EXPECT_NE(error_of<ShapeError>([&] { save_safetensors(path, {{"b", {2}, std::vector<float>{1}}}); }), "");
  EXPECT_NE(error_of<Error>([&] { save_safetensors(path, {{"__metadata__", {1}, std::vector<float>{1}}}); }), "");
  EXPECT_FALSE(fs::exists(path));
  EXPECT_NE(error_of<FileError>([&] { save_safetensors("/dev/full", {a}); }), "");
  save_safetensors(path, {a}, {{"bad", "\xff"}});
  EXPECT_EQ(load_safetensors(path).metadata.at("bad"), "\xef\xbf\xbd");
}

TEST_F(SafetensorsFile, PytorchsFilesAreRead) {
  for (const std::string name : {"pytorch_model_relu_batch_norm.safetensors", "init_three.safetensors"}) {
    const auto expected = golden::tensors(name);
    std::size_t found = 0;
    for (const Tensor& tensor : load(golden::content(name)).tensors) {
      if (std::holds_alternative<std::vector<std::int64_t>>(tensor.values)) {
        EXPECT_TRUE(tensor.name.ends_with("num_batches_tracked"));
        continue;
      }
      ++found;
      std::vector<double> values;
      std::visit([&](const auto& v) { values.assign(v.begin(), v.end()); }, tensor.values);
      EXPECT_EQ(values, expected.at(tensor.name)) << tensor.name;
    }
    EXPECT_EQ(found, expected.size());
  }
}

TEST_F(SafetensorsFile, PublishedExamplesAreJudgedAsPublished) {
  EXPECT_TRUE(load(length(8) + "{}      ").tensors.empty());
  EXPECT_EQ(published.size(), 0x3cu);
  EXPECT_EQ(refusal(file(published, 16)),
            "tensor 'test' has dtype I32; F16, BF16, F32, F64 and I64 can be read: convert it");
  EXPECT_EQ(refusal(file(published, 21)), "the header describes 16 bytes of data, the file has 21: something follows");
  EXPECT_EQ(refusal(file(published, 14)), "the header describes 16 bytes of data, the file has 14: it was cut off");
  std::string huge = file(published, 16);
  huge.replace(5, 3, "\xff\xff\xff");
  EXPECT_EQ(refusal(huge),
            "the header should have 18446742974197923900 bytes; the file has 84, the most accepted is 100000000");
  EXPECT_EQ(refusal(""), "it has 0 bytes, too few for the header's length");
  EXPECT_EQ(refusal(length(60)), "the header should have 60 bytes; the file has 8, the most accepted is 100000000");
  EXPECT_EQ(refusal(length(1) + "\xff"), "the header at offset 8 does not begin with {");
  EXPECT_EQ(refusal(length(1) + "{"), "its header is not JSON at byte 2");
  EXPECT_EQ(refusal(length(0)), "the header at offset 8 does not begin with {");
}

TEST_F(SafetensorsFile, ALargeHeaderNeedsDataThatOutweighIt) {
  const fs::path path = folder.write("file", length(100'000'001) + "{");
  fs::resize_file(path, 300'000'000);  // takes no room on the disk
  const std::string prefix = "cannot read '" + path.string() + "' as safetensors: ";
  EXPECT_EQ(error_of<FileError>([&] { load_safetensors(path); }),
            prefix + "the header should have 100000001 bytes; the file has 300000000, the most accepted is 100000000");
  const std::string large = "{}" + std::string(3'000'000, ' ');
  EXPECT_EQ(refused_header(large, 4000),
            "the header has 3000002 bytes for 4000 bytes of data, the most accepted is 2098152");
  const std::string tensor = R"({"a":{"dtype":"F32","shape":[1000000],"data_offsets":[0,4000000]}})";
  EXPECT_EQ(load(file(tensor + large.substr(2), 4'000'000)).tensors.size(), 1u);
}

TEST_F(SafetensorsFile, WhatCouldNotBeReadAgainIsNotWritten) {
  const fs::path path = folder.path() / "model";
  const std::vector<Tensor> one = {{"a", {1}, std::vector<float>{1}}};
  EXPECT_NE(error_of<Error>([&] { save_safetensors(path, one, {{"k", std::string(3'000'000, 'x')}}); }), "");
  EXPECT_FALSE(fs::exists(path));
  save_safetensors(path, one, {{"k", std::string(2'000'000, 'x')}});
  EXPECT_EQ(load_safetensors(path).metadata.at("k").size(), 2'000'000u);
}

TEST_F(SafetensorsFile, BrokenHeadersAreRefused) {
  EXPECT_EQ(refused_header("[]"), "the header at offset 8 does not begin with {");
  EXPECT_EQ(refused_header("{} {}"), "its header is not JSON at byte 4");
  EXPECT_EQ(refused_header("{\"a\xff\":1}"), "its header is not JSON at byte 4");
  EXPECT_EQ(refused_header(R"({"a":1})"), "tensor 'a' should have dtype, shape and data_offsets, and nothing else");
  EXPECT_EQ(refused_header(R"({"a":{"dtype":"F32","shape":[0]}})"),
            "tensor 'a' should have dtype, shape and data_offsets, and nothing else");
  EXPECT_EQ(refused_header(R"({"a":{"dtype":"F32","shape":[0],"data_offsets":[0,0],"x":1}})"),
            "tensor 'a' should have dtype, shape and data_offsets, and nothing else");
  EXPECT_EQ(refused_header(R"({"__metadata__":[]})"), "its metadata are not an object");
  EXPECT_EQ(refused_header(R"({"__metadata__":{"a":1}})"), "the metadata entry 'a' is not a text");
  EXPECT_EQ(refused_header(R"({"a":[1,2]})"), "tensor 'a' should have dtype, shape and data_offsets, and nothing else");
  EXPECT_EQ(refused_header(R"({"a":{"dtype":"F32","shape":{"a":1},"data_offsets":[0,0]}})"),
            "its header is nested too deeply");
  EXPECT_EQ(refused_header(R"({"__metadata__":{},"__metadata__":{}})"), "two entries are called '__metadata__'");
  std::string many = R"({"__metadata__":{"0":"")";
  for (int i = 1; i <= 1000; ++i) many += text(",\"", i, "\":\"\"");
  EXPECT_EQ(refused_header(many + "}}"), "it has more than 1000 metadata");
  const std::string tensor = R"("a":{"dtype":"F32","shape":[0],"data_offsets":[0,0]})";
  EXPECT_EQ(refused_header("{" + tensor + "," + tensor + "}"), "two entries are called 'a'");
  EXPECT_EQ(refused_header(R"({"a":{"dtype":"F32","dtype":"F64","shape":[0],"data_offsets":[0,0]}})"),
            "two entries are called 'dtype'");
  EXPECT_EQ(refused_header(R"({"__metadata__":{"k":"1","k":"2"}})"), "two entries are called 'k'");
}

TEST_F(SafetensorsFile, NestsAndLongListsAreRefusedAtOnce) {
  EXPECT_EQ(refused_header(R"({"a":{"dtype":"F32","shape":[[1]],"data_offsets":[0,4]}})", 4),
            "its header is nested too deeply");
  std::string deep = R"({"a":)" + std::string(1'000'000, '[');
  EXPECT_EQ(refused_header(deep), "tensor 'a' should have dtype, shape and data_offsets, and nothing else");
  deep.clear();
  for (int i = 0; i < 100'000; ++i) deep += "{\"a\":";
  EXPECT_EQ(refused_header(deep), "its header is nested too deeply");
  std::string wide = "1";
  for (int i = 0; i < 100'000; ++i) wide += ",1";
  EXPECT_EQ(refused_header(R"({"a":{"dtype":"F32","shape":[)" + wide + R"(],"data_offsets":[0,4]}})", 4),
            "its header has too long a list");
}

TEST_F(SafetensorsFile, WrongTypesAndShapesAreRefused) {
  const auto with = [&](const std::string& dtype, const std::string& shape, const std::string& offsets) {
    return refused_header(R"({"a":{"dtype":)" + dtype + R"(,"shape":)" + shape + R"(,"data_offsets":)" + offsets + "}}",
                          8);
  };
  EXPECT_EQ(with(R"("I8")", "[8]", "[0,8]"), "tensor 'a' has dtype I8; F16, BF16, F32, F64 and I64 can be read: convert it");
  EXPECT_EQ(with(R"("float")", "[2]", "[0,8]"), "tensor 'a' has the unknown dtype '\"float\"'");
  EXPECT_EQ(with("32", "[2]", "[0,8]"), "tensor 'a' has the unknown dtype '32'");
  const std::string shape = "tensor 'a' has a shape that is not a list of whole numbers from 0 on";
  for (const char* wrong :
       {"[-2]", "[2.0]", "[2.5]", "[1e1]", "[\"2\"]", "[null]", "2", "{}", "[36893488147419103232]"}) {
    EXPECT_EQ(with(R"("F32")", wrong, "[0,8]"), shape) << wrong;
  }
  EXPECT_EQ(with(R"("F32")", "[1e999]", "[0,8]"), "its header has a number that is too large");
  EXPECT_EQ(with(R"("F32")", "[18446744073709551615]", "[0,8]"),
            "tensor 'a' has the dimension 18446744073709551615, which is too large");
  // 2^64 values wrap to 0 (llama.cpp #18674), 2^62 of four bytes too.
  EXPECT_EQ(with(R"("F32")", "[4294967296,4294967296]", "[0,0]"), "tensor 'a' has a shape with too many values");
  EXPECT_EQ(with(R"("F32")", "[4611686018427387904]", "[0,0]"), "tensor 'a' has a shape with too many values");
  EXPECT_EQ(with(R"("F32")", "[3]", "[0,8]"), "tensor 'a' has 8 bytes, its shape and dtype need 12");
  EXPECT_EQ(with(R"("F32")", "[2]", "[8,0]"), "tensor 'a' ends at 0 before it begins at 8");
  EXPECT_EQ(with(R"("F32")", "[2]", "[0,8,16]"), "tensor 'a' has 3 data_offsets, expected 2");
  EXPECT_EQ(with(R"("F32")", "[2]", "[-8,0]"),
            "tensor 'a' has a data_offsets that is not a list of whole numbers from 0 on");
  // A promise of exabytes costs nothing.
  EXPECT_EQ(with(R"("F32")", "[2305843009213693951]", "[0,9223372036854775804]"),
            "the header describes 9223372036854775804 bytes of data, the file has 8: it was cut off");
}

TEST_F(SafetensorsFile, DataMustBeCoveredExactly) {
  const auto two = [&](const std::string& first, const std::string& second, std::size_t data) {
    return refused_header(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":)" + first +
                              R"(},"b":{"dtype":"F32","shape":[2],"data_offsets":)" + second + "}}",
                          data);
  };
  EXPECT_EQ(two("[0,8]", "[4,12]", 12), "tensor 'b' begins at 4 of the data, expected 8: tensors overlap");
  EXPECT_EQ(two("[0,8]", "[0,8]", 8), "tensor 'b' begins at 0 of the data, expected 8: tensors overlap");
  EXPECT_EQ(two("[0,8]", "[12,20]", 20), "tensor 'b' begins at 12 of the data, expected 8: there is a gap");
  EXPECT_EQ(two("[4,12]", "[12,20]", 20), "tensor 'a' begins at 4 of the data, expected 0: there is a gap");
  EXPECT_EQ(two("[8,16]", "[0,8]", 17), "the header describes 16 bytes of data, the file has 17: something follows");
}

TEST_F(SafetensorsFile, ANameIsJustAName) {
  const Safetensors loaded = load(file(R"({"../../x":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}})", 4));
  EXPECT_EQ(loaded.tensors.at(0).name, "../../x");
}

TEST_F(SafetensorsFile, EveryTruncationIsRefused) {
  const fs::path path = folder.path() / "model";
  save_safetensors(path, {{"a", {2}, std::vector<float>{1, 2}}}, {{"k", "v"}});
  const std::string whole = contents(path);
  for (std::size_t size = 0; size < whole.size(); ++size) EXPECT_NE(refusal(whole.substr(0, size)), "") << size;
}

TEST_F(SafetensorsFile, WhatIsNotAFileIsRefused) {
  EXPECT_NE(error_of<FileError>([&] { load_safetensors(folder.path()); }), "");
  EXPECT_NE(error_of<FileError>([&] { load_safetensors(folder.path() / "missing"); }), "");
}

TEST_F(SafetensorsFile, HalvesAreWidenedExactly) {
  // 1, -2, the largest half, the smallest subnormal one; as bfloat16 1, -2, 3.140625, 2^-133.
  const std::string half("\x00\x3c\x00\xc0\xff\x7b\x01\x00", 8), brain("\x80\x3f\x00\xc0\x49\x40\x01\x00", 8);
  const std::string header = R"({"b":{"dtype":"BF16","shape":[4],"data_offsets":[0,8]},)"
                             R"("h":{"dtype":"F16","shape":[2,2],"data_offsets":[8,16]}})";
  const Safetensors loaded = load(length(header.size()) + header + brain + half);
  EXPECT_EQ(std::get<std::vector<float>>(loaded.tensors[0].values),
            (std::vector<float>{1, -2, 3.140625f, std::ldexp(1.0f, -133)}));
  EXPECT_EQ(std::get<std::vector<float>>(loaded.tensors[1].values),
            (std::vector<float>{1, -2, 65504, std::ldexp(1.0f, -24)}));
}

}  // namespace
}  // namespace evengrad
