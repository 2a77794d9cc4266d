// What the subcommands share: global options, printing, and how an error ends the program.
#pragma once

#include <evengrad/core/command_words.hpp>
#include <evengrad/experiments/terminal_writer.hpp>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <cstdint>
#include <filesystem>
#include <functional>
#include <set>
#include <string>
#include <vector>

namespace evengrad::cli {

using Json = nlohmann::ordered_json;

/// Options that every command takes.
struct Global {
  std::uint64_t seed = 1;
  std::string isa = "best";  ///< acted upon before anything else, in main
  bool json = false;
  bool quiet = false;
  std::string progress = "auto";
  std::vector<std::string> command = {};      ///< as it was typed
  std::set<std::string> without_effect = {};  ///< options about files, output and speed, "--log"
};

/// The signal that asked the program to stop (Ctrl-C), or 0. Until the first call a signal ends the program at once, as
/// a second one always does; who asks promises to ask again within a second.
int interrupted();

/// Refuses anything else.
CLI::Validator known_value(std::vector<std::string> known);

/// Refuses what CLI11 would take for a number of this command's options: nothing at all, octal and hexadecimal digits,
/// and whole numbers beyond 64 bits, which it would cut off. Refuses an empty path too.
void check_values(CLI::App& command);

/// The group of the help that holds what every command takes.
constexpr const char* every_command = "Every command";

/// The options of this command that change its result, those of every command apart.
std::vector<const CLI::Option*> options_with_effect(const CLI::App& app, const Global& global);

/// The command that gives the same results again: every option that was given and is not about files, output or speed.
std::string rerun_command(const CLI::App& app, const Global& global);

/// A result is ready: one JSON document on standard output, with provenance.
void print_json(const Json& document);

/// {"schema_version", "provenance"}: how every document begins.
Json document_header();

/// The folders that hold image sets: those of EVENGRAD_DATA if set, otherwise where the set-up script put them.
std::vector<std::filesystem::path> data_roots();

/// A progress line on standard error, drawn over itself; nothing where it is not wanted.
class Progress {
 public:
  Progress(const Global& global, std::int64_t total, std::string unit);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  /// `note` stands behind the bar.
  void update(std::int64_t done, const std::string& note = {});
  /// Takes the line away, so that something else can be printed.
  void clear();

 private:
  bool shown_;
  bool drawn_ = false;
  std::int64_t total_;
  std::string unit_;
  double start_;
  double last_ = 0;
};

/// "60,000"
std::string grouped(std::int64_t number);
/// rounded_text() with this default.
std::string significant(double number, int digits = 4);

/// Of the terminal that an output is; 0 where it is none.
std::size_t terminal_columns(int file);

/// Width and colors of the terminal that standard output is.
TerminalOptions terminal_options();

/// One subcommand: its options and what it does. `run` returns the exit status.
struct Command {
  CLI::App* app;
  std::function<int()> run;
};

Command add_list(CLI::App& program, Global& global);
Command add_theory(CLI::App& program, Global& global);
Command add_propagate(CLI::App& program, Global& global);
Command add_kernel(CLI::App& program, Global& global);
Command add_predict(CLI::App& program, Global& global);
Command add_evaluate(CLI::App& program, Global& global);
Command add_generate(CLI::App& program, Global& global);
Command add_train(CLI::App& program, Global& global);
Command add_run(CLI::App& program, Global& global);
Command add_compare(CLI::App& program, Global& global);
Command add_report(CLI::App& program, Global& global);
Command add_playground(CLI::App& program, Global& global);

}  // namespace evengrad::cli
