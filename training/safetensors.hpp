// Safetensors files: named tensors that PyTorch and others read and write (huggingface/safetensors).
#pragma once

#include <evengrad/core/parameter.hpp>

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace evengrad {

/// A tensor with its numbers in row-major order, as F32, F64 or I64.
struct Tensor {
  std::string name;
  std::vector<Index> shape;  ///< empty for a single number
  std::variant<std::vector<float>, std::vector<double>, std::vector<std::int64_t>> values;
};

struct Safetensors {
  std::vector<Tensor> tensors;  ///< in the order of the file
  std::map<std::string, std::string> metadata;
};

/// Writes the tensors, whole or not at all, laid out as the reference implementation does: wide types first, then by
/// name, so that equal tensors are equal files. Bytes in names that are not UTF-8 become U+FFFD. Throws ShapeError
/// where a shape does not fit its values, Error for two tensors of one name, FileError.
void save_safetensors(const std::filesystem::path& path, const std::vector<Tensor>& tensors,
                      const std::map<std::string, std::string>& metadata = {});

/// The bytes of such a file, handed to `sink` piece by piece.
void write_safetensors(const std::vector<Tensor>& tensors, const std::map<std::string, std::string>& metadata,
                       FunctionRef<void(std::string_view)> sink);

/// Reads a file. Its header is believed only where the file's size confirms it, and tensors must cover the data
/// exactly. Throws FileError with what is wrong and where.
Safetensors load_safetensors(const std::filesystem::path& path);

}  // namespace evengrad
