#include <evengrad/core/error.hpp>
#include <evengrad/core/file.hpp>
#include <evengrad/core/utf8.hpp>
#include <evengrad/data/text.hpp>

#include <algorithm>
#include <set>

namespace evengrad {

namespace {

[[noreturn]] void fail(const std::filesystem::path& path, const std::string& why) {
  throw FileError(text(in_quotes(path.string()), ": ", why));
}

template <Real S>
Dataset<S> token_set(std::string name, const std::vector<std::string>& tokens) {
  Dataset<S> data{.name = std::move(name), .classes = std::ssize(tokens), .class_names = tokens};
  data.label_per_row = true;
  data.tokens = tokens;
  return data;
}

// A window may not be longer than either part, so that there is one to train on and one to test on.
template <Real S>
Split<S> split_text(const std::filesystem::path& path, std::vector<std::int32_t> numbers,
                    const std::vector<std::string>& tokens, Index context) {
  const Index length = std::ssize(numbers), test = length / 10;
  if (test < context + 1) {
    fail(path, text("it has ", length, " characters: a tenth of them is fewer than the ", context,
                    " of a window and one to follow; give a longer text, or --context"));
  }
  Split<S> split{.train = token_set<S>(path.string(), tokens), .test = token_set<S>(path.string(), tokens)};
  split.train.text.assign(numbers.begin(), numbers.end() - test);
  split.test.text.assign(numbers.end() - test, numbers.end());
  for (Dataset<S>* part : {&split.train, &split.test}) part->sample = Shape(1, context, 1);
  return split;
}

// Each line begins with the end token and is to end with it: the rows of a sample are that token and the characters.
template <Real S>
Split<S> split_lines(const std::filesystem::path& path, const std::vector<std::vector<std::int32_t>>& lines,
                     const std::vector<std::string>& tokens, Index fewest_rows) {
  constexpr std::size_t apart = 10;
  if (lines.size() < 2 * apart) fail(path, text("it has ", lines.size(), " lines, expected at least ", 2 * apart));
  std::size_t longest = 0;
  for (const auto& line : lines) longest = std::max(longest, line.size());
  const std::int32_t end = numbers_of(end_token, tokens).front();
  const Index rows = std::max(static_cast<Index>(longest) + 1, fewest_rows);
  Split<S> split{.train = token_set<S>(path.string(), tokens), .test = token_set<S>(path.string(), tokens)};
  const auto tested = static_cast<Index>(lines.size() / apart);
  split.test.inputs.setZero(tested, rows);
  split.train.inputs.setZero(std::ssize(lines) - tested, rows);
  for (Dataset<S>* part : {&split.train, &split.test}) part->sample = Shape(1, rows, 1);
  for (std::size_t i = 0; i < lines.size(); ++i) {
    Dataset<S>& part = i % apart == apart - 1 ? split.test : split.train;
    const std::vector<std::int32_t>& line = lines[i];
    const auto row = std::ssize(part.lengths);
    part.lengths.push_back(static_cast<std::int32_t>(line.size()) + 1);
    part.inputs(row, 0) = static_cast<S>(end);
    for (std::size_t t = 0; t < line.size(); ++t) {
      part.inputs(row, static_cast<Index>(t) + 1) = static_cast<S>(line[t]);
      part.labels.push_back(line[t]);
    }
    part.labels.push_back(end);
    part.labels.resize(part.labels.size() + static_cast<std::size_t>(rows) - 1 - line.size(), no_label);
  }
  return split;
}

}  // namespace

std::vector<std::string> characters(std::string_view bytes) {
  if (const std::size_t bad = first_invalid_utf8(bytes); bad != bytes.npos) {
    throw Error(text("byte ", bad + 1, " is not UTF-8"));
  }
  std::vector<std::string> all;
  for (std::size_t i = 0; i < bytes.size();) {
    std::size_t length = 1;
    while (i + length < bytes.size() && (static_cast<unsigned char>(bytes[i + length]) & 0xc0) == 0x80) ++length;
    all.emplace_back(bytes.substr(i, length));
    i += length;
  }
  return all;
}

std::vector<std::int32_t> numbers_of(std::string_view bytes, const std::vector<std::string>& tokens) {
  std::vector<std::int32_t> numbers;
  for (const std::string& character : characters(bytes)) {
    const auto found = std::lower_bound(tokens.begin(), tokens.end(), character);  // UTF-8 sorts by code point
    if (found == tokens.end() || *found != character) {
      throw Error(
          text("the character ", in_quotes(character), " is none of the ", tokens.size(), " of the training text"));
    }
    numbers.push_back(static_cast<std::int32_t>(found - tokens.begin()));
  }
  return numbers;
}

template <Real S>
Split<S> load_text(const std::filesystem::path& path, const TextOptions& options) {
  if (options.context < 1) throw UsageError(text("--context is ", options.context, ", expected at least 1"));
  std::string bytes = read_file(path);
  std::erase(bytes, '\r');
  if (options.lowercase) {
    for (char& c : bytes) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  }
  std::vector<std::string> all;
  try {
    all = characters(bytes);
  } catch (const Error& error) {
    fail(path, error.what());
  }
  if (options.samples > 0 && !options.lines)
    all.resize(std::min(all.size(), static_cast<std::size_t>(options.samples)));
  std::vector<std::vector<std::string>> lines(1);
  if (options.lines) {
    for (std::string& character : all) {
      if (character == end_token) {
        if (!lines.back().empty()) lines.emplace_back();
      } else {
        lines.back().push_back(character);
      }
    }
    if (lines.back().empty()) lines.pop_back();
    if (options.samples > 0) lines.resize(std::min(lines.size(), static_cast<std::size_t>(options.samples)));
  }

  std::vector<std::string> tokens;
  if (options.model) {
    tokens = options.model->tokens;
  } else {
    std::set<std::string> different(all.begin(), all.end());
    if (options.lines) different.emplace(end_token);
    tokens.assign(different.begin(), different.end());
  }
  if (tokens.size() < 2) fail(path, text("it has ", tokens.size(), " different characters, expected at least 2"));
  const auto numbered = [&](const std::vector<std::string>& some) {
    std::string joined;
    for (const std::string& character : some) joined += character;
    try {
      return numbers_of(joined, tokens);
    } catch (const Error& error) {
      fail(path, error.what());
    }
  };
  if (!options.lines) return split_text<S>(path, numbered(all), tokens, options.context);
  std::vector<std::vector<std::int32_t>> numbers;
  for (const auto& line : lines) numbers.push_back(numbered(line));
  return split_lines<S>(path, numbers, tokens, options.model ? options.context : 0);
}

template Split<float> load_text(const std::filesystem::path&, const TextOptions&);
template Split<double> load_text(const std::filesystem::path&, const TextOptions&);

}  // namespace evengrad
