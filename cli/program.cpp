#include "program.hpp"

#include <evengrad/core/error.hpp>
#include <evengrad/core/names.hpp>
#include <evengrad/core/numbers.hpp>
#include <evengrad/core/utf8.hpp>
#include <evengrad/training/provenance.hpp>

#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <charconv>
#include <chrono>
#include <cmath>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <limits>
#include <type_traits>

namespace evengrad::cli {

namespace {

double now() { return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count(); }

std::string duration(double seconds) {
  if (!(seconds < 360000)) return "?";
  const int s = static_cast<int>(seconds + 0.5);
  char text[32];
  std::snprintf(text, sizeof text, s >= 3600 ? "%d:%02d:%02d" : "%.0d%d:%02d", s / 3600, s % 3600 / 60, s % 60);
  return text;
}

}  // namespace

namespace {

// What is wrong with this as a number of type T; empty where nothing is. `given` becomes plain decimal digits.
template <class T>
std::string wrong_number(std::string& given) {
  T value{};
  const char* end = given.data() + given.size();
  const auto [rest, error] = std::from_chars(given.data(), end, value);
  const bool number = rest == end && !given.empty();
  if constexpr (std::is_integral_v<T>) {
    if (number && error == std::errc()) {
      given = std::to_string(value);
      return {};
    }
    return text("expected a whole number from ", std::numeric_limits<T>::min(), " to ", std::numeric_limits<T>::max(),
                ", got ", in_quotes(given));
  } else {
    if (number && error == std::errc()) return {};
    return text("expected a number", number ? " of 64 bits" : "", ", got ", in_quotes(given));
  }
}

}  // namespace

CLI::Validator known_value(std::vector<std::string> known) {
  return CLI::Validator(
      [known](const std::string& given) {
        const bool is_known = std::find(known.begin(), known.end(), given) != known.end();
        return is_known ? std::string() : unknown_name("value", given, known);
      },
      "");
}

void check_values(CLI::App& command) {
  // An empty path is a variable that was never set, not a wish to save nothing.
  const CLI::Validator is_path([](std::string& given) { return given.empty() ? "expected a path, got ''" : ""; }, "");
  for (CLI::Option* option : command.get_options()) {
    const std::string type = option->get_type_name();
    if (type == "PATH") option->check(is_path);
    if (type.starts_with("INT")) option->transform(CLI::Validator(wrong_number<std::int64_t>, ""));
    if (type.starts_with("UINT")) option->transform(CLI::Validator(wrong_number<std::uint64_t>, ""));
    if (type.starts_with("FLOAT")) option->transform(CLI::Validator(wrong_number<double>, ""));
  }
}

Json document_header() {
  const Provenance& made = provenance();
  return {{"schema_version", 1},
          {"provenance",
           {{"version", made.version},
            {"commit", made.commit},
            {"compiler", made.compiler},
            {"flags", made.flags},
            {"cpu", made.cpu}}}};
}

void print_json(const Json& document) {
  std::cout << document.dump(2, ' ', false, Json::error_handler_t::replace) << std::endl;
}

std::vector<std::filesystem::path> data_roots() {
  std::string list = EVENGRAD_DATA_ROOTS;
  if (const char* given = std::getenv("EVENGRAD_DATA"); given && *given) list = given;
  std::vector<std::filesystem::path> roots;
  for (std::size_t begin = 0; begin <= list.size();) {
    const std::size_t end = std::min(list.find(':', begin), list.size());
    if (end > begin) roots.emplace_back(list.substr(begin, end - begin));
    begin = end + 1;
  }
  return roots;
}

std::size_t terminal_columns(int file) {
  winsize window{};
  return isatty(file) && ioctl(file, TIOCGWINSZ, &window) == 0 ? window.ws_col : 0;
}

TerminalOptions terminal_options() {
  const char* no_color = std::getenv("NO_COLOR");
  TerminalOptions options;
  options.color = isatty(STDOUT_FILENO) && !(no_color && *no_color);
  const std::size_t columns = terminal_columns(STDOUT_FILENO);
  if (columns > 0) options.width = std::clamp<std::size_t>(columns, 60, 120);
  return options;
}

Progress::Progress(const Global& global, std::int64_t total, std::string unit)
    : shown_(!global.quiet && (global.progress == "always" || (global.progress == "auto" && isatty(STDERR_FILENO)))),
      total_(total),
      unit_(std::move(unit)),
      start_(now()) {}

Progress::~Progress() { clear(); }

void Progress::clear() {
  if (drawn_) std::cerr << "\r\033[K" << std::flush;
  drawn_ = false;
}

void Progress::update(std::int64_t done, const std::string& note) {
  constexpr double interval = 0.1;
  if (!shown_ || (now() - last_ < interval && done < total_)) return;
  last_ = now();
  drawn_ = true;
  const double elapsed = last_ - start_;
  const double share = total_ > 0 ? static_cast<double>(done) / static_cast<double>(total_) : 1;
  const std::string numbers = text(grouped(done), '/', grouped(total_), ' ', unit_, "  ",
                                   significant(static_cast<double>(done) / std::max(elapsed, 1e-9), 3), "/s  ",
                                   duration(share > 0 ? elapsed / share - elapsed : INFINITY), " left");
  // A line that wraps cannot be drawn over: the bar and what stands behind it take what room there is.
  const std::size_t columns = terminal_columns(STDERR_FILENO);
  std::string line = text(numbers, "  ", note);
  const std::size_t room = columns > 0 ? columns - 1 : line.size() + 25;
  if (line.size() > room) line = line.substr(0, room > 3 ? room - 3 : 0) + "...";
  const int width = static_cast<int>(std::min<std::size_t>(24, room > line.size() ? room - line.size() - 1 : 0));
  const int filled = static_cast<int>(share * width);
  std::string bar;
  for (int i = 0; i < width; ++i) bar += i < filled ? "━" : "─";
  std::cerr << "\r\033[K" << bar << (width > 0 ? " " : "") << line << std::flush;
}

std::vector<const CLI::Option*> options_with_effect(const CLI::App& app, const Global& global) {
  return app.get_options([&](const CLI::Option* option) {
    return option->get_group() != every_command && !global.without_effect.contains(option->get_name());
  });
}

std::string rerun_command(const CLI::App& app, const Global& global) {
  std::string line = "evengrad " + app.get_name();
  for (const CLI::Option* option : options_with_effect(app, global)) {
    const std::string name = option->get_name();
    if (option->count() == 0) continue;
    if (option->get_items_expected_max() == 0) {
      line += " " + name;
      continue;
    }
    for (const std::string& value : option->results()) line += " " + name + " " + shell_quoted(value);
  }
  return line + " --seed " + std::to_string(global.seed);
}

std::string grouped(std::int64_t number) {
  std::string digits = std::to_string(number);
  for (std::ptrdiff_t at = static_cast<std::ptrdiff_t>(digits.size()) - 3; at > (number < 0 ? 1 : 0); at -= 3) {
    digits.insert(static_cast<std::size_t>(at), ",");
  }
  return digits;
}

std::string significant(double number, int digits) { return rounded_text(number, digits); }

}  // namespace evengrad::cli
