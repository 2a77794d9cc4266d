// A report with everything in it, hostile texts included.
#pragma once

#include <evengrad/experiments/experiment.hpp>

#include <cmath>

namespace evengrad {

inline Results sample_results() {
  Report report{.name = "sample", .title = "A sample", .question = "Does it work?", .answer = "It does."};
  report.notes = {"run on paper"};
  report.claims.push_back({.id = "A1",
                           .statement = "Things \"fall\",\nalways\t\x1b[31mred\x1b[0m",
                           .source = "somebody",
                           .predicted = 0.1,
                           .measured = Measurement{0.125, 0.1, 0.15},
                           .tolerance = 0.05,
                           .rule = "confirmed if it is so",
                           .verdict = Verdict::conditional,
                           .condition = "up to 3 m",
                           .surprise = "predicted 0.1, \x1b[2Jmeasured more"});
  report.claims.push_back({.id = "A2",
                           .statement = "Broken bytes \xff\xfe and a NUL",
                           .source = "",
                           .measured = Measurement{NAN},
                           .rule = "needs a laboratory",
                           .verdict = Verdict::not_tested,
                           .timing = true});
  Table table{.name = "numbers", .title = "Numbers", .columns = {"na,me", "value", "measured"}};
  table.rows = {{std::string("a \"b\", c\r\nd"), 0.1, Measurement{1.5, 1, 2}},
                {std::string("naïve σ"), INFINITY, Measurement{3}},
                {std::string(""), NAN, 1e-300}};
  report.tables.push_back(table);
  report.series.push_back({.chart = "c",
                           .name = "s",
                           .x_label = "x",
                           .y_label = "y",
                           .log_y = true,
                           .x = {1, 2},
                           .y = {3, INFINITY},
                           .low = {2, 2},
                           .high = {4, 4},
                           .theory = {3, 3}});
  report.heat_maps.push_back({.name = "m",
                              .title = "t",
                              .row_label = "r",
                              .column_label = "c",
                              .rows = {"a"},
                              .columns = {"x", "y"},
                              .values = {{1, NAN}},
                              .log = true});
  return {.profile = Profile::full, .seed = 18446744073709551615u, .seconds = 1.5, .experiments = {report}};
}

}  // namespace evengrad
