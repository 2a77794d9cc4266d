#include <evengrad/experiments/csv_writer.hpp>

#include <gtest/gtest.h>

#include "reports.hpp"

namespace evengrad {
namespace {

TEST(CsvWriter, QuotesWhatNeedsItAndGivesIntervalsTheirOwnColumns) {
  EXPECT_EQ(to_csv(sample_results().experiments[0].tables[0]),
            "\"na,me\",value,measured,measured low,measured high\r\n"
            "\"a \"\"b\"\", c\r\nd\",0.1,1.5,1,2\r\n"
            "naïve σ,inf,3,,\r\n"
            ",nan,1e-300,,\r\n");
}

TEST(CsvWriter, NumbersReadBackAsTheSame) {
  const double value = 0.1 + 0.2;
  const std::string csv = to_csv({.name = "t", .title = "", .columns = {"x"}, .rows = {{value}}});
  EXPECT_EQ(std::stod(csv.substr(csv.find('\n') + 1)), value);
}

TEST(CsvWriter, ATableWithoutRowsIsItsHeader) {
  EXPECT_EQ(to_csv({.name = "t", .title = "", .columns = {"a", ""}, .rows = {}}), "a,\r\n");
}

}  // namespace
}  // namespace evengrad
