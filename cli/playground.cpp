#include "program.hpp"

#include <evengrad/core/error.hpp>
#include <evengrad/core/file.hpp>
#include <evengrad/core/utf8.hpp>

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <optional>

extern char** environ;

namespace evengrad::embedded {
// What CMake made of web/dist/playground.html, empty where there is none.
extern const std::string_view playground_page;
}  // namespace evengrad::embedded

namespace evengrad::cli {

namespace {

namespace fs = std::filesystem;

// Where the page may be written: not over a file of somebody else's.
void check_target(const fs::path& file) {
  if (embedded::playground_page.empty()) {
    throw Error(
        "this build has no playground: install emscripten and npm (scripts/setup does), configure again and build");
  }
  const fs::path folder = file.has_parent_path() ? file.parent_path() : ".";
  if (!fs::is_directory(folder)) {
    throw FileError(text("cannot write ", in_quotes(file.string()), ": no folder ", in_quotes(folder.string())));
  }
  if (!fs::is_regular_file(file)) return;
  if (read_file(file).find("<title>evengrad playground</title>") == std::string::npos) {
    throw FileError(text("cannot write ", in_quotes(file.string()),
                         ": a file of that name is there and is no playground; name another with --out"));
  }
}

// The program that shows a file to whoever sits here; null where nobody seems to.
std::optional<std::string> viewer() {
#if defined(__APPLE__)
  return "open";
#else
  for (const char* display : {"DISPLAY", "WAYLAND_DISPLAY"}) {
    if (const char* value = std::getenv(display); value && *value) return "xdg-open";
  }
  return std::nullopt;
#endif
}

// Whether the viewer took the file. What it says is not ours to show.
bool show(std::string program, std::string file) {
  posix_spawn_file_actions_t silent;
  posix_spawn_file_actions_init(&silent);
  for (const int output : {STDOUT_FILENO, STDERR_FILENO}) {
    posix_spawn_file_actions_addopen(&silent, output, "/dev/null", O_WRONLY, 0);
  }
  char* const arguments[] = {program.data(), file.data(), nullptr};
  pid_t child = 0;
  const int failed = posix_spawnp(&child, program.c_str(), &silent, nullptr, arguments, environ);
  posix_spawn_file_actions_destroy(&silent);
  int status = 0;
  return failed == 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

int playground(const std::string& out, bool open, const Global& global) {
  const fs::path file = fs::absolute(out);
  check_target(out);
  write_file_atomically(out, embedded::playground_page);
  const auto program = open ? viewer() : std::nullopt;
  const bool opened = program && show(*program, file.string());
  if (global.json) {
    Json answer = document_header();
    answer["playground"] = out;
    answer["bytes"] = embedded::playground_page.size();
    answer["opened"] = opened;
    print_json(answer);
    return 0;
  }
  std::cout << "wrote " << out << '\n';
  if (!global.quiet && !opened) {
    std::cout << (open ? "no browser could be opened from here; " : "") << "open it in one: file://" << file.string()
              << '\n';
  }
  return 0;
}

}  // namespace

Command add_playground(CLI::App& program, Global& global) {
  CLI::App* app =
      program.add_subcommand("playground", "Write the playground, one page with the same engine, and open it");
  auto out = std::make_shared<std::string>("playground.html");
  auto stay = std::make_shared<bool>(false);
  app->add_option("--out", *out, "The file to write")->type_name("PATH")->capture_default_str();
  app->add_flag("--no-open", *stay, "Only write it");
  return {app, [out, stay, &global] { return playground(*out, !*stay, global); }};
}

}  // namespace evengrad::cli
