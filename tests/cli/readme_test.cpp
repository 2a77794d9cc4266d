#include "program.hpp"

#include <gtest/gtest.h>

using evengrad::test::contents;
using evengrad::test::Output;
using evengrad::test::shell;

// Every command in the `sh` blocks of a document, run in order in one folder; returns how many there are.
int run_commands(const std::string& document) {
  evengrad::TempFolder folder;
  std::istringstream readme(contents(evengrad::test::source_folder + document));
  int commands = 0;
  bool inside = false;
  for (std::string line; std::getline(readme, line);) {
    if (line.rfind("```", 0) == 0) {
      inside = line == "```sh";
    } else if (inside && line.rfind("export PATH", 0) != 0) {
      const Output run = shell(folder, line);
      EXPECT_EQ(run.status, 0) << line << '\n' << run.err;
      if (line.rfind("evengrad", 0) == 0) {
        EXPECT_FALSE(run.out.empty()) << line;
        ++commands;
      }
    }
  }
  return commands;
}

TEST(Readme, EveryCommandWorks) { EXPECT_GE(run_commands("/README.md"), 12); }
TEST(Readme, EveryCommandOfTheTutorialWorks) { EXPECT_GE(run_commands("/docs/site/tutorial.md"), 8); }
