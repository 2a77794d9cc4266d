// How to read a CSV file where its looks are not to decide.
#pragma once

#include <evengrad/core/option.hpp>
#include <evengrad/data/dataset.hpp>

#include <optional>
#include <string>

namespace evengrad {

template <>
struct Choices<Task> {
  static constexpr std::pair<std::string_view, Task> words[] = {{"classification", Task::classification},
                                                                {"regression", Task::regression}};
};

/// An empty text leaves it to the looks of the file.
struct TableOptions {
  std::string target = {};
  std::optional<Task> task = {};
  std::string features = {}, exclude = {}, header = {}, delimiter = {}, decimal = {}, missing = {}, missing_values = {},
              dates = {}, max_categories = {}, test = {}, split = {};

  /// Those that say how a file is written, not what is learned from it.
  template <class F>
  void fields_of_file(F& f) {
    f({.name = "header",
       .help = "CSV: yes or no, whether the first row names the columns [as it looks]",
       .show_default = false},
      header);
    f({.name = "delimiter",
       .help = "CSV: the character between cells, tab or blank [as it looks]",
       .show_default = false},
      delimiter);
    f({.name = "decimal", .help = "CSV: . or , [as it looks]", .show_default = false}, decimal);
  }

  template <class F>
  void fields(F& f) {
    f({.name = "target", .help = "CSV: the column to predict, or several, a,b [the last]", .show_default = false},
      target);
    f({.name = "task", .help = "CSV: classification or regression [inferred from the target]"}, task);
    f({.name = "features", .help = "CSV: columns to learn from [all others]", .show_default = false}, features);
    f({.name = "exclude", .help = "CSV: columns to leave out", .show_default = false}, exclude);
    fields_of_file(f);
    f({.name = "missing",
       .help =
           "CSV: drop rows that lack a value, fill in the mean, or error [drop up to a tenth of the rows, else mean]",
       .show_default = false},
      missing);
    f({.name = "missing-values",
       .help = "CSV: what stands for a missing value beside NA, ?, nan, …",
       .show_default = false},
      missing_values);
    f({.name = "dates",
       .help = "CSV: drop them, or numbers (days since 1970); mdy or dmy where the month is unclear [drop]",
       .show_default = false},
      dates);
    f({.name = "max-categories",
       .help = "CSV: columns of more different texts are left out, others one-hot encoded [50]",
       .show_default = false},
      max_categories);
    f({.name = "test",
       .help = "CSV: another file to test on, read the same way [rows of this one]",
       .type = "PATH",
       .show_default = false},
      test);
    f({.name = "split",
       .help = "CSV: test rows are random, the last (time, time:COLUMN) or whole groups (group:COLUMN) [random]",
       .show_default = false},
      split);
  }
};

}  // namespace evengrad
