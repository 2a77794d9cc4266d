// A CSV file as people have it, as a dataset: what its columns mean is inferred, said, and kept with the model.
#pragma once

#include <evengrad/data/csv.hpp>
#include <evengrad/data/dataset.hpp>
#include <evengrad/data/table_options.hpp>

#include <functional>
#include <map>

namespace evengrad {

/// How dates are written. Of 1/2/2024 it must be said which is the month.
enum class DateOrder { unknown, month_first, day_first };

/// What one cell holds. A text may be a date.
struct CsvCell {
  enum Kind { number, missing, text } kind = missing;
  double value = 0;
  bool decorated = false;  ///< a number with thousands separators, a percent or a currency sign
};

/// An open CSV file whose delimiter, header and decimal mark are known.
class CsvTable {
 public:
  /// Reads as much as it takes to find out. Throws FileError for what is no table, UsageError for a close call.
  explicit CsvTable(const std::filesystem::path& path, const TableOptions& options = {});
  CsvTable(std::filesystem::path name, std::string content, const TableOptions& options = {});

  /// One a column: from the header, or "column 1" and so on.
  const std::vector<std::string>& names() const { return names_; }
  bool has_header() const { return has_header_; }
  /// The column of this name; without a header its number does too. Throws UsageError with the nearest name.
  std::size_t column(std::string_view name) const;
  /// The columns of a list of names separated by commas, or of one name that has commas.
  std::vector<std::size_t> columns(const std::string& list) const;

  /// Starts again before the first row.
  void restart();
  /// Goes to the next row; false at the end. Throws FileError for a row with another number of cells than the others.
  bool next_row();
  std::string_view text_of(std::size_t column) const { return reader_.cells()[column]; }
  CsvCell cell(std::size_t column) const;
  CsvCell parse(std::string_view cell) const;
  Index line() const { return reader_.line(); }
  [[noreturn]] void fail(std::string_view what, std::string_view column = {}) const { reader_.fail(what, column); }
  const std::filesystem::path& path() const { return reader_.path(); }
  /// "separated by ';', decimal commas, with a header".
  std::string description() const;

 private:
  void open(const TableOptions& options);
  void find_decimal(const std::string& given, const std::vector<std::vector<std::string>>& rows);
  void find_header(const std::string& given, std::vector<std::vector<std::string>> rows, const std::string& commented);
  bool looks_like_header(const std::vector<std::vector<std::string>>& rows) const;
  std::optional<double> decorated_number(std::string_view cell) const;

  CsvReader reader_;
  CsvFormat format_;
  char decimal_ = '.';
  std::vector<std::string> missing_values_;
  bool has_header_ = false, header_is_a_row_ = false;
  bool trailing_cell_ = false;  // each row ends with a delimiter
  bool row_names_ = false;      // the header has no name for the first column
  std::vector<bool> signs_;     // columns of + and -, where - is no missing value
  std::vector<std::string> names_;
};

/// Turns the rows of a table into features.
class TableEncoder {
 public:
  /// Finds the columns, by name or, where the table has no header, in their order. Throws UsageError listing those that
  /// are not there.
  TableEncoder(const CsvTable& table, const TableEncoding& encoding);
  /// The features of the table's row; NaN where a value is missing or a category unknown. Throws FileError for a text
  /// in a column of numbers.
  void encode(std::span<double> features) const;

 private:
  const CsvTable& table_;
  const TableEncoding& encoding_;
  std::vector<std::size_t> columns_;
};

/// A dataset with NaN for what is missing, how it was made, and what was decided on the way, in one line.
struct CsvDataset {
  Dataset<double> data;
  TableEncoding encoding;
  std::string note;
  std::vector<double> keys;  ///< of --split, one a row: its group's number, or its time; empty: random, or file order
};

/// Reads a file, twice: what its columns hold, then the dataset, which is all it keeps. Throws FileError for a broken
/// file, UsageError for a column that is not there or a close call, with the option that decides.
CsvDataset load_csv(const std::filesystem::path& path, const TableOptions& options = {});

/// The same of what a file of this name would hold.
CsvDataset parse_csv(const std::filesystem::path& name, std::string content, const TableOptions& options = {});

/// Reads another file the same way: the features by `encoding`, missing ones filled, the answers as those of `like`,
/// whose rows do not count. Of the options only those count that say how the file is written.
Dataset<double> load_csv_like(const std::filesystem::path& path, const TableEncoding& encoding,
                              const Dataset<double>& like, TableOptions options = {});

/// How a model reads this table: its encoding, or that of plain numbers in columns of its features' names, or in their
/// order where they have none. Throws UsageError for a table with fewer columns.
TableEncoding encoding_for(const ModelData& model, const CsvTable& table, Index inputs);

/// Reads a file as one that a model was trained on. The answers are in the column that --target names, or that training
/// had, or else the last one that is no feature. Throws UsageError where columns are missing, FileError.
CsvDataset load_csv_for(const ModelData& model, const std::filesystem::path& path, const TableOptions& options = {});

/// Puts `encoding.fill`, the mean of what the training rows have, in place of NaN.
void measure_fill(const Dataset<double>& train, TableEncoding& encoding);
void fill_missing(Matrix<double>& inputs, const TableEncoding& encoding);

/// The days since 1970-01-01 of "2024-01-31", "2024/1/31", "2024-01", "31.01.2024", with or without a time, of
/// "Jan 31, 2024" and "31-Jan-2024", and if the order is given of "1/31/2024" and the like; nothing for another text.
std::optional<double> parse_date(std::string_view text, DateOrder order = DateOrder::unknown);

}  // namespace evengrad
