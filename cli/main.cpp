// The evengrad program: one file a subcommand, nothing but parsing and printing.
#include "program.hpp"
#include "wrapped_output.hpp"

#include <evengrad/core/dispatch.hpp>
#include <evengrad/core/error.hpp>
#include <evengrad/core/names.hpp>
#include <evengrad/init/normalized.hpp>
#include <evengrad/training/provenance.hpp>

#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <csignal>
#include <cstdlib>
#include <iostream>
#include <optional>
#include <span>

namespace evengrad::cli {

namespace {

constexpr int done = 0, failed = 1, usage = 2;

std::atomic<int> caught_signal = 0, somebody_asks = 0;

void on_signal(int number) {
  if (caught_signal || !somebody_asks) ::_exit(128 + number);
  caught_signal = number;
}

void set_up_log() {
  const char* no_color = std::getenv("NO_COLOR");
  auto sink = std::make_shared<spdlog::sinks::stderr_color_sink_mt>(
      no_color && *no_color ? spdlog::color_mode::never : spdlog::color_mode::automatic);
  spdlog::set_default_logger(std::make_shared<spdlog::logger>("evengrad", sink));
  spdlog::set_pattern("evengrad: %^%l%$: %v");
}

// Options of this command that are nearest to what was typed.
std::string unknown_option(const CLI::App& command, const std::string& typed) {
  std::vector<std::string> known;
  for (const CLI::Option* option : command.get_options()) {
    for (const std::string& name : option->get_lnames()) known.push_back("--" + name);
  }
  std::string message = unknown_name("option", typed.substr(0, typed.find('=')), known);
  return message.substr(0, message.find(" (known:")) + " (see evengrad " +
         (command.get_parent() ? command.get_name() + " " : "") + "--help)";
}

// "--name TYPE   what it is [its default]"
class HelpFormatter : public CLI::Formatter {
 public:
  HelpFormatter() {
    label("TEXT", "NAME");
    label("FLOAT", "NUMBER");
    label("SUBCOMMAND", "COMMAND");
  }
  // With one blank line between groups, not two.
  std::string make_help(const CLI::App* app, std::string name, CLI::AppFormatMode mode) const override {
    return CLI::detail::find_and_replace(Formatter::make_help(app, std::move(name), mode), "\n\n\n", "\n\n");
  }
  std::string make_option_opts(const CLI::Option* option) const override {
    if (option->get_type_size() == 0 || option->get_positional()) return "";
    const std::string type = option->get_type_name();
    return " " + get_label(type.substr(0, type.find(':')));
  }
  std::string make_option_desc(const CLI::Option* option) const override {
    const std::string standard = option->get_default_str();
    return option->get_description() + (option->get_required() && !option->get_positional() ? " (required)" : "") +
           (standard.empty() ? "" : " [" + standard + "]");
  }
};

// CLI11 would wrap -1 around to 2^64 - 1.
std::uint64_t parse_seed(const std::string& given) {
  std::uint64_t seed = 0;
  const auto [end, error] = std::from_chars(given.data(), given.data() + given.size(), seed);
  if (given.empty() || error != std::errc() || end != given.data() + given.size()) {
    throw UsageError("--seed: expected a whole number from 0 to 18446744073709551615, got '" + given + "'");
  }
  return seed;
}

// Kernels are chosen once, before anything is computed: so this option is looked for before the others are read.
void choose_isa(std::span<char* const> arguments) {
  const std::vector<std::pair<std::string, Isa>> sets = {
      {"baseline", Isa::baseline}, {"avx2", Isa::avx2}, {"avx512", Isa::avx512}};
  for (std::size_t i = 1; i < arguments.size(); ++i) {
    std::string_view given = arguments[i];
    if (given == "--isa" && i + 1 < arguments.size()) {
      given = arguments[i + 1];
    } else if (given.starts_with("--isa=")) {
      given.remove_prefix(6);
    } else {
      continue;
    }
    if (given == "best") continue;
    std::vector<std::string> known = {"best"};
    const auto chosen = std::find_if(sets.begin(), sets.end(),
                                     [&](const auto& set) { return known.push_back(set.first), set.first == given; });
    if (chosen == sets.end()) throw UsageError(unknown_name("value of --isa", given, known));
    if (!limit_isa(chosen->second)) throw UsageError(text("--isa: this machine or this build has no ", given));
  }
}

int usage_error(const std::string& message) {
  std::cerr << "evengrad: " << message << '\n';
  return usage;
}

int parse_error(const CLI::App& program, const CLI::ParseError& error) {
  const auto chosen = program.get_subcommands();
  const CLI::App& command = chosen.empty() ? program : *chosen.front();
  std::string words = error.what();
  // What nobody knows may be what is missing, misspelt.
  const bool unknown = dynamic_cast<const CLI::ExtrasError*>(&error) || dynamic_cast<const CLI::RequiredError*>(&error);
  if (const auto extras = command.remaining(true); !extras.empty() && unknown) {
    const std::string& first = extras.front();
    if (first.starts_with("-")) return usage_error(unknown_option(command, first));
    if (chosen.empty()) {
      std::vector<std::string> known;
      for (const CLI::App* sub : program.get_subcommands([](const CLI::App*) { return true; })) {
        known.push_back(sub->get_name());
      }
      return usage_error(unknown_name("command", first, known));
    }
    return usage_error(command.get_name() + ": unexpected argument '" + first + "'");
  }
  if (dynamic_cast<const CLI::ArgumentMismatch*>(&error)) {
    const std::string option = words.substr(0, words.find(':'));
    words = option + (words.find("At Most") == std::string::npos ? " needs a value" : " is given more than once");
  }
  return usage_error((chosen.empty() ? "" : command.get_name() + ": ") + words);
}

// While it lives standard output is wrapped, if that is a terminal and people read it, no other program.
class WrappedToTerminal {
 public:
  explicit WrappedToTerminal(std::span<char* const> arguments) {
    constexpr std::size_t fewest = 40;
    const std::size_t width = terminal_columns(STDOUT_FILENO);
    const bool exact = std::any_of(arguments.begin(), arguments.end(), [](std::string_view given) {
      return given == "--json" || given.starts_with("--emit");
    });
    if (width < fewest || exact) return;
    wrapped_.emplace(std::cout.rdbuf(), width);
    plain_ = std::cout.rdbuf(&*wrapped_);
  }
  ~WrappedToTerminal() {
    if (!plain_) return;
    std::cout.flush();
    std::cout.rdbuf(plain_);
  }
  WrappedToTerminal(const WrappedToTerminal&) = delete;
  WrappedToTerminal& operator=(const WrappedToTerminal&) = delete;

 private:
  std::optional<WrappedOutput> wrapped_;
  std::streambuf* plain_ = nullptr;
};

// False if standard output could not be written. That nobody reads it any more ("| head") is no failure.
bool output_arrived() {
  std::cout.flush();
  pollfd output{STDOUT_FILENO, POLLOUT, 0};
  if (std::cout || (::poll(&output, 1, 0) > 0 && (output.revents & POLLERR))) return true;
  std::cerr << "evengrad: cannot write standard output\n";
  return false;
}

// "-x^2" is a formula and no option: a blank before it says so to CLI11.
std::vector<std::string> with_formulas(std::span<char* const> arguments) {
  std::vector<std::string> words(arguments.begin(), arguments.end());
  for (std::string& word : words) {
    const bool formula = word.size() > 1 && word[0] == '-' && word[1] != '-' && word.find('x') != word.npos;
    if (formula) word.insert(0, " ");
  }
  return words;
}

int run_program(int argc, char** argv) {
  Global global;
  global.command.assign(argv, argv + argc);
  CLI::App program{"Which activation goes with which initializer, how deep, and why?", "evengrad"};
  program.set_version_flag("--version", "evengrad " + provenance().version + " (" + provenance().commit + ")");
  program.require_subcommand(0, 1);
  program.set_help_flag("-h,--help", "Print this help");
  program.formatter(std::make_shared<HelpFormatter>());
  const std::vector<Command> commands = {
      add_train(program, global),  add_evaluate(program, global),  add_predict(program, global),
      add_generate(program, global),
      add_theory(program, global), add_propagate(program, global), add_compare(program, global),
      add_kernel(program, global), add_run(program, global),       add_report(program, global),
      add_list(program, global),   add_playground(program, global)};
  program.footer(
      "To begin with (evengrad COMMAND --help says what a command takes):\n"
      "  evengrad train --data spirals --activation gelu --lr 0.01\n"
      "  evengrad theory gelu");
  for (const Command& command : commands) {
    command.app->group("Commands");
    command.app->option_defaults()->group(every_command);
    command.app->set_help_flag("-h,--help", "Print this help");
    command.app
        ->add_option_function<std::string>(
            "--seed", [&global](const std::string& given) { global.seed = parse_seed(given); },
            "Of everything random, a whole number [1]")
        ->type_name("N");
    command.app
        ->add_option("--isa", global.isa,
                     "Instruction set, which the last bits depend on: best, baseline, avx2, avx512")
        ->capture_default_str();
    command.app->add_flag("--json", global.json, "One JSON document on standard output, instead of words");
    command.app->add_flag("--quiet", global.quiet, "Only results and errors");
    command.app->add_option("--progress", global.progress, "A bar on standard error: auto, always or never")
        ->check(known_value({"auto", "always", "never"}))
        ->capture_default_str();
    check_values(*command.app);
  }
  try {
    std::vector<std::string> words = with_formulas({argv + 1, static_cast<std::size_t>(argc - 1)});
    std::reverse(words.begin(), words.end());  // as CLI11 takes them
    program.parse(std::move(words));
  } catch (const CLI::Success& success) {
    return program.exit(success);
  } catch (const CLI::ParseError& error) {
    return parse_error(program, error);
  }
  if (global.quiet) spdlog::set_level(spdlog::level::err);
  for (const Command& command : commands) {
    if (command.app->parsed()) return command.run();
  }
  std::cout << program.help();
  return done;
}

}  // namespace

int interrupted() {
  somebody_asks = 1;
  return caught_signal;
}

}  // namespace evengrad::cli

int main(int argc, char** argv) {
  using namespace evengrad::cli;
  std::signal(SIGINT, on_signal);
  std::signal(SIGTERM, on_signal);
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);
  set_up_log();
  const WrappedToTerminal wrap({argv, static_cast<std::size_t>(argc)});
  try {
    choose_isa({argv, static_cast<std::size_t>(argc)});
    evengrad::add_normalized();
    const int status = run_program(argc, argv);
    return output_arrived() ? status : failed;
  } catch (const evengrad::UsageError& error) {
    return usage_error(error.what());
  } catch (const std::bad_alloc&) {
    std::cerr << "evengrad: out of memory\n";
  } catch (const std::exception& error) {
    std::cerr << "evengrad: " << error.what() << '\n';
  }
  return failed;
}
