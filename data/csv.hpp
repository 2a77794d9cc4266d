// CSV files (RFC 4180) with a header: read row by row, or as a dataset.
#pragma once

#include <evengrad/data/dataset.hpp>

#include <filesystem>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace evengrad {

/// Walks through the rows of a CSV file: UTF-8 with or without a byte-order mark, commas, lines that end in LF or CRLF,
/// quoted cells. Blanks around a cell and empty lines do not count. What is broken throws FileError with path and line:
/// ragged rows, stray or unclosed quotes, NUL bytes, invalid UTF-8, a header that is missing, numeric, or has an empty
/// or doubled name. The file is held in memory, and of a row no more cells than there are columns.
class CsvReader {
 public:
  explicit CsvReader(const std::filesystem::path& path);
  /// The same of a text; errors call it by this name.
  CsvReader(std::filesystem::path name, std::string content);
  CsvReader(const CsvReader&) = delete;
  CsvReader& operator=(const CsvReader&) = delete;

  /// The names of the columns.
  const std::vector<std::string>& header() const { return header_; }
  /// The column of this name. Throws UsageError with the nearest one.
  Index column(std::string_view name) const;

  /// Goes to the next row, from the header to the first one; false at the end.
  bool next_row();
  /// The text of a cell of this row, valid as long as the reader.
  std::string_view cell(Index column) const { return cells_[static_cast<std::size_t>(column)]; }
  /// The finite number in a cell, whatever the locale. Throws FileError with line and column for anything else.
  double number(Index column) const;
  /// Throws FileError about this row, and about this column unless it is negative.
  [[noreturn]] void fail(std::string_view what, Index column = -1) const;

 private:
  bool read_record();
  std::string_view read_quoted();
  std::string_view read_plain();
  void skip_blanks();
  /// Steps over the end of a line; false where there is none.
  bool skip_line_end();

  std::filesystem::path path_;
  std::string content_;
  std::size_t at_ = 0;
  Index line_ = 1, row_line_ = 1;  // where reading stands, and where the row began
  std::vector<std::string> header_;
  std::vector<std::string_view> cells_;
  std::size_t row_cells_ = 0;  // of which cells_ holds no more than there are columns
};

struct CsvOptions {
  std::string target = {};                 ///< the label's column; empty: the last one
  std::optional<Task> task = {};           ///< empty: inferred
  std::vector<std::string> features = {};  ///< these columns in this order; empty: all but the label's
  bool one_class = false;  ///< takes labels that are all the same too, which nothing can be learned from
};

/// A dataset, and a sentence that says which column is the label and why this is the task.
struct CsvDataset {
  Dataset<double> data;
  std::string note;
};

/// Reads a file whose columns are numbers, but for the label. Unless the options say it, the task is classification if
/// some label is not a number, or if all are integers, with at most 20 different ones, each twice on average; else
/// regression. Where features are named, other columns are left alone, and a last column that is a feature is not the
/// label: the only column left is. Classes are sorted, numbers by value. Holds the file, 16 bytes a number and 40 bytes
/// a row. Throws FileError for a broken file, UsageError for a target it does not have.
CsvDataset load_csv(const std::filesystem::path& path, const CsvOptions& options = {});

/// The same of what a file of this name would hold.
CsvDataset parse_csv(const std::filesystem::path& name, std::string content, const CsvOptions& options = {});

/// The text as a cell of a CSV file: in quotes if it needs them.
std::string csv_cell(std::string_view text);

}  // namespace evengrad
