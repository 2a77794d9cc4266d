#pragma once

#include <evengrad/experiments/experiment.hpp>

namespace evengrad {

struct TerminalOptions {
  std::size_t width = 100;         ///< columns that text is wrapped at; tables may be wider
  bool color = false;              ///< with ANSI escapes
  std::size_t longest_table = 80;  ///< rows; of a longer table the first few are printed and the rest counted
};

/// One report for a reader at a terminal: question, answer, claims with their verdicts and numbers, tables, notes.
/// Control characters of the texts are shown, never sent.
std::string to_terminal(const Report& report, const TerminalOptions& options = {});

/// One report in a few lines: its title, its answer, how many claims have which verdict.
std::string terminal_headline(const Report& report, const TerminalOptions& options = {});

/// What all reports together say: how many claims have which verdict, and how long it took.
std::string terminal_summary(const Results& results, const TerminalOptions& options = {});

}  // namespace evengrad
