// Comma-separated values and their relatives: the cells of a file, row by row, in constant memory.
#pragma once

#include <evengrad/core/file.hpp>
#include <evengrad/core/types.hpp>

#include <array>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace evengrad {

/// How a file separates and quotes its cells.
struct CsvFormat {
  char delimiter = ',';  ///< ' ' stands for any run of blanks
  char quote = '"';
  char comment = 0;    ///< lines that begin with it are no rows; 0: there are none
  Index preamble = 0;  ///< rows above the table: a title, "sep=;"
};

/// Walks through the rows of a CSV file: lines that end in LF, CRLF or CR, cells in quotes or not. Blanks around a cell
/// and empty lines do not count, a quote in a cell is doubled. UTF-8 with or without a byte-order mark; a file that is
/// not UTF-8 is read as Windows-1252. What cannot be a table (NUL bytes, a quote that never closes, over 100,000
/// columns, or another kind of file) throws FileError with path and line. Of the file only a window is held.
class CsvReader {
 public:
  explicit CsvReader(const std::filesystem::path& path);
  /// The same of a text; errors call it by this name.
  CsvReader(std::filesystem::path name, std::string content);
  CsvReader(const CsvReader&) = delete;
  CsvReader& operator=(const CsvReader&) = delete;

  /// Starts again before the first row, with this format.
  void restart(const CsvFormat& format);
  /// Goes to the next row; false at the end.
  bool next_row();
  /// The cells of this row, valid until the next one is read.
  const std::vector<std::string_view>& cells() const { return cells_; }
  /// The line this row begins in, from 1.
  Index line() const { return row_line_; }
  /// The last line above this row that is a comment, without its mark, since the row before.
  const std::string& comment() const { return comment_; }
  /// Whether the file is not UTF-8 and was read as Windows-1252.
  bool is_windows_1252() const { return windows_1252_; }
  /// The beginning of the file up to the end of a line, about 256 KB.
  std::string sample();
  const std::filesystem::path& path() const { return path_; }
  /// Throws FileError about this row, and about this column unless it is empty.
  [[noreturn]] void fail(std::string_view what, std::string_view column = {}) const;

 private:
  void inspect();
  void rewind();
  std::size_t read(char* to, std::size_t most);
  bool refill();
  bool read_record();
  std::size_t quoted_cell(std::size_t at);
  bool is_blank(char c) const { return c == ' ' || (c == '\t' && format_.delimiter != '\t'); }
  std::size_t skip_blanks(std::size_t at) const;

  std::filesystem::path path_;
  std::optional<std::string> content_;  // instead of a file
  std::optional<FileReader> file_;
  std::size_t content_at_ = 0;
  bool windows_1252_ = false;
  CsvFormat format_;
  std::array<bool, 256> ends_plain_{};  // what ends a cell without quotes
  std::string window_;
  std::size_t begin_ = 0;  // of what has not been read
  bool at_end_ = false;    // the window holds the last byte
  Index line_ = 1, row_line_ = 1;
  std::string comment_;
  std::vector<std::string_view> cells_;
  std::vector<std::size_t> doubled_;  // cells of this row that hold doubled quotes
};

/// The format of a file that begins like this. The delimiter, unless given, is the one of comma, semicolon, tab, bar
/// and blanks that gives most rows the same number of cells. Throws UsageError where two do equally well.
CsvFormat detect_csv_format(std::string_view sample, std::optional<char> delimiter = {});

/// The text as a cell of a CSV file: in quotes if it needs them.
std::string csv_cell(std::string_view text);

}  // namespace evengrad
