// Errors that users see: what was expected, what came, where, and how to fix it.
#pragma once

#include <sstream>
#include <stdexcept>
#include <string>

namespace evengrad {

/// Base of every error this library throws on purpose. The program exits with status 1.
class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// A wrong option or an unknown name. The program exits with status 2.
class UsageError : public Error {
 public:
  using Error::Error;
};

/// Operands whose shapes do not fit; the message names the op and both shapes.
class ShapeError : public Error {
 public:
  using Error::Error;
};

/// A file that cannot be read or written, or whose content is wrong; the message names the path.
class FileError : public Error {
 public:
  using Error::Error;
};

/// A NaN or an infinity where training cannot go on.
class NonFiniteError : public Error {
 public:
  using Error::Error;
};

/// Joins values into one message: `text("batch ", 3, " of ", 10)`.
template <class... Parts>
std::string text(const Parts&... parts) {
  std::ostringstream out;
  (out << ... << parts);
  return out.str();
}

}  // namespace evengrad
