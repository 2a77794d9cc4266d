// Standard output on a terminal: lines that are too wide break between words, under where their text begins.
#pragma once

#include <streambuf>
#include <string>
#include <string_view>

namespace evengrad::cli {

/// The line as lines of at most `width` columns where words allow it, joined by '\n'. Continuations are indented as the
/// line's last column of text. Escape sequences have no width. Commands stay whole, so that they can be copied.
std::string wrapped(std::string_view line, std::size_t width);

/// Wraps each line on its way to another buffer.
class WrappedOutput : public std::streambuf {
 public:
  WrappedOutput(std::streambuf* to, std::size_t width) : to_(to), width_(width) {}
  ~WrappedOutput() override { sync(); }

 protected:
  int_type overflow(int_type c) override;
  int sync() override;

 private:
  bool put(std::string_view words);

  std::streambuf* to_;
  std::size_t width_;
  std::string line_;
};

}  // namespace evengrad::cli
