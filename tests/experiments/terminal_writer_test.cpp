#include <evengrad/experiments/terminal_writer.hpp>

#include <gtest/gtest.h>

#include <sstream>

#include "reports.hpp"

namespace evengrad {
namespace {

TEST(TerminalWriter, PlainTextHasNoEscapesWhateverTheReportHolds) {
  const std::string page = to_terminal(sample_results().experiments[0]);
  EXPECT_EQ(page.find('\033'), std::string::npos);
  EXPECT_EQ(page.find('\t'), std::string::npos);
  EXPECT_EQ(page.find('\r'), std::string::npos);
}

TEST(TerminalWriter, AClaimShowsVerdictNumbersConditionAndRule) {
  const std::string page = to_terminal(sample_results().experiments[0]);
  EXPECT_NE(page.find("conditional  A1"), std::string::npos) << page;
  EXPECT_NE(page.find("predicted 0.1   measured 0.125 [0.1, 0.15]"), std::string::npos) << page;
  EXPECT_NE(page.find("up to 3 m"), std::string::npos);
  EXPECT_NE(page.find("Rule: confirmed if it is so"), std::string::npos);
  EXPECT_NE(page.find("not tested   A2"), std::string::npos);
  EXPECT_NE(page.find("Why: needs a laboratory"), std::string::npos);
}

TEST(TerminalWriter, ColorIsOnlyWhereItIsWanted) {
  const Report report = sample_results().experiments[0];
  EXPECT_NE(to_terminal(report, {.color = true}).find("\033[33mconditional\033[0m"), std::string::npos);
}

TEST(TerminalWriter, LongTextsAreWrappedAtTheWidth) {
  Report report{.name = "r", .title = "T", .question = "Q", .answer = {}};
  for (int i = 0; i < 60; ++i) report.answer += "wörter ";
  report.claims.push_back({.id = "B1", .statement = report.answer, .source = "s", .rule = report.answer});
  std::istringstream lines(to_terminal(report, {.width = 70}));
  std::size_t longest = 0;
  for (std::string line; std::getline(lines, line);) {
    const auto wide = static_cast<std::size_t>(std::count(line.begin(), line.end(), '\xc3'));  // two bytes, one column
    longest = std::max(longest, line.size() - wide);
  }
  EXPECT_LE(longest, 70u);
  EXPECT_GT(longest, 60u);
}

TEST(TerminalWriter, ColumnsAreAlignedAndLongTablesCut) {
  Table table{.name = "t", .title = "Title", .columns = {"name", "n"}};
  for (int i = 0; i < 10; ++i) table.rows.push_back({std::string(i == 0 ? "σσ" : "a"), double(i * 100)});
  const Report report{.name = "r", .title = "T", .question = "Q", .answer = "A", .tables = {table}};
  const std::string page = to_terminal(report, {.longest_table = 3});
  EXPECT_NE(page.find("\n  name    n\n  σσ      0\n  a     100\n  a     200\n  ... and 7 more rows"), std::string::npos)
      << page;
}

TEST(TerminalWriter, TheSummaryCountsVerdictsAndNamesTheSurprises) {
  Results results = sample_results();
  const std::string counts = "2 claims: 1 conditional, 1 not tested\nfull profile, seed 18446744073709551615, 1.5 s\n";
  EXPECT_EQ(
      terminal_summary(results),
      "  Surprises\n  claim  verdict      what\n  A1     conditional  predicted 0.1, ?[2Jmeasured more\n\n" + counts);
  results.experiments[0].claims[0].surprise.clear();
  EXPECT_EQ(terminal_summary(results), counts);
}

}  // namespace
}  // namespace evengrad
