// Runs the evengrad program as a user would, and keeps what it printed.
#pragma once

#include <nlohmann/json.hpp>

#include <sys/wait.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "../temp_folder.hpp"

namespace evengrad::test {

struct Output {
  int status = -1;
  std::string out;
  std::string err;

  nlohmann::json json() const { return nlohmann::json::parse(out); }
  /// True if there is exactly one line of error.
  bool one_line() const { return !err.empty() && err.find('\n') == err.size() - 1; }
};

inline std::string contents(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream all;
  all << file.rdbuf();
  return all.str();
}

/// A shell line in which `evengrad` is the program under test.
inline Output shell(const TempFolder& folder, const std::string& line) {
  const auto out = folder.path() / ".out", err = folder.path() / ".err";
  const std::string command = "cd '" + folder.path().string() + "' && PATH='" + EVENGRAD_PROGRAM_FOLDER + "':$PATH && { " +
                              line + "; } >'" + out.string() + "' 2>'" + err.string() + "' </dev/null";
  const int status = std::system(command.c_str());
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, contents(out), contents(err)};
}

}  // namespace evengrad::test
