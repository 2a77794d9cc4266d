// Runs the evengrad program as a user would, and keeps what it printed.
#pragma once

#include <nlohmann/json.hpp>

#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>
#include <thread>
#include <utility>

#include "../paths.hpp"
#include "../temp_folder.hpp"

namespace evengrad::test {

/// A sanitizer keeps much more memory than the program asks for.
inline constexpr bool sanitized =
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
    true;
#else
    false;
#endif
#else
    false;
#endif

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
  const std::string command = "cd '" + folder.path().string() + "' && PATH='" + program_folder +
                              "':$PATH && { " + line + "; } >'" + out.string() + "' 2>'" + err.string() +
                              "' </dev/null";
  const int status = std::system(command.c_str());
  return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, contents(out), contents(err)};
}

/// The program in the background, until it ends or is sent a signal.
class Started {
 public:
  Started(const TempFolder& folder, const std::string& arguments) : folder_(folder) {
    pid_ = ::fork();
    if (pid_ > 0) return;
    const auto redirect = [&](const char* name, int to) {
      ::dup2(::open((folder.path() / name).c_str(), O_CREAT | O_WRONLY | O_TRUNC, 0666), to);
    };
    redirect(".out", STDOUT_FILENO);
    redirect(".err", STDERR_FILENO);
    const std::string line = "exec '" + program_folder + "/evengrad' " + arguments;
    if (::chdir(folder.path().c_str()) == 0) ::execl("/bin/sh", "sh", "-c", line.c_str(), nullptr);
    ::_exit(127);
  }
  ~Started() {
    if (pid_ > 0) end(SIGKILL);
  }

  /// Its exit status, or -1 if a signal killed it.
  Output end(int signal = 0) {
    if (signal) ::kill(pid_, signal);
    int status = 0;
    ::waitpid(std::exchange(pid_, 0), &status, 0);
    return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, contents(folder_.path() / ".out"),
            contents(folder_.path() / ".err")};
  }

  /// Waits until the program itself handles this signal; the shell that becomes it catches SIGINT too.
  void wait_until_it_catches(int signal) const {
    const std::string process = "/proc/" + std::to_string(pid_);
    for (; running(); std::this_thread::sleep_for(std::chrono::milliseconds(10))) {
      if (contents(process + "/comm") != "evengrad\n") continue;
      const std::string lines = contents(process + "/status");
      const auto caught = lines.find("SigCgt:\t");
      if (caught != std::string::npos && (std::stoull(lines.substr(caught + 8), nullptr, 16) >> (signal - 1) & 1))
        return;
    }
  }

  /// Waits until the file is larger than this; false if the program ends first.
  bool wait_for(const std::string& file, std::uintmax_t bytes = 0) const {
    for (; running(); std::this_thread::sleep_for(std::chrono::milliseconds(10))) {
      std::error_code error;
      const auto size = std::filesystem::file_size(folder_.path() / file, error);
      if (!error && size > bytes) return true;
    }
    return false;
  }

 private:
  bool running() const {
    siginfo_t info{};
    ::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT);
    return info.si_pid == 0;
  }

  const TempFolder& folder_;
  pid_t pid_ = 0;
};

}  // namespace evengrad::test
