// Text as tokens: each character is one.
#pragma once

#include <evengrad/data/dataset.hpp>

#include <filesystem>
#include <string>

namespace evengrad {

struct TextOptions {
  Index context = 64;                ///< characters of a window; lines for a model: rows of its samples
  bool lines = false;                ///< each line is a sample of its own, which ends with an end token
  bool lowercase = false;            ///< of ASCII letters
  Index samples = 0;                 ///< only the first characters, or lines; 0: all
  const ModelData* model = nullptr;  ///< whose tokens these are to be, or null
};

/// The name of the token that ends a line.
inline constexpr std::string_view end_token = "\n";

/// The characters of a UTF-8 text. \throws Error for bytes that are not UTF-8.
std::vector<std::string> characters(std::string_view text);

/// The number of each character, as the model counts them. \throws Error naming a character that it does not know.
std::vector<std::int32_t> numbers_of(std::string_view text, const std::vector<std::string>& tokens);

/// A file's characters are numbered in the order of their code points. Of a text the first nine tenths are the
/// training set and the rest the test set, in windows of the context; of lines every tenth is for testing.
/// \throws FileError for a file that cannot be read, is no UTF-8, or is too short.
template <Real S>
Split<S> load_text(const std::filesystem::path& path, const TextOptions& options);

}  // namespace evengrad
