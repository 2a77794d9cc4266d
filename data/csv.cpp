#include <evengrad/core/error.hpp>
#include <evengrad/core/file.hpp>
#include <evengrad/core/names.hpp>
#include <evengrad/core/numbers.hpp>
#include <evengrad/core/utf8.hpp>
#include <evengrad/data/csv.hpp>

#include <algorithm>
#include <cmath>
#include <deque>
#include <functional>
#include <utility>

namespace evengrad {

namespace {

constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";
constexpr std::string_view not_a_number = "is not a number";
constexpr std::size_t most_inferred_classes = 20;
constexpr std::size_t most_columns = 100'000;  // a cell costs memory, and a file may have one for every byte

struct Number {
  double value = 0;
  std::string_view problem = {};  // what is wrong with it, or empty
};

Number parse_number(std::string_view cell) {
  if (cell.empty()) return {0, "is empty: fill it in or remove the row"};
  if (cell.size() > 1 && cell[0] == '+' && cell[1] != '-') cell.remove_prefix(1);
  const NumberRead number = read_number(cell);
  if (number.length != cell.size()) return {0, not_a_number};
  if (!number.in_range) return {0, "is a number outside the range of doubles"};
  if (!std::isfinite(number.value)) return {0, "is not finite: remove or repair the row"};
  return {number.value};
}

/// Numbers the different values in their order.
template <class Values, class T = typename Values::value_type>
std::pair<std::vector<T>, std::vector<std::int32_t>> enumerate(const Values& values) {
  std::vector<T> different(values.begin(), values.end());
  std::sort(different.begin(), different.end());
  different.erase(std::unique(different.begin(), different.end()), different.end());
  std::vector<std::int32_t> numbers;
  numbers.reserve(values.size());
  for (const T& value : values) {
    const auto at = std::lower_bound(different.begin(), different.end(), value);
    numbers.push_back(static_cast<std::int32_t>(at - different.begin()));
  }
  return {different, numbers};
}

}  // namespace

CsvReader::CsvReader(const std::filesystem::path& path) : CsvReader(path, read_file(path)) {}

CsvReader::CsvReader(std::filesystem::path name, std::string content)
    : path_(std::move(name)), content_(std::move(content)) {
  const std::size_t bad = std::min(first_invalid_utf8(content_), content_.find('\0'));
  if (bad != std::string::npos) {
    row_line_ = 1 + std::count(content_.begin(), content_.begin() + static_cast<Index>(bad), '\n');
    fail(content_[bad] == '\0' ? "a NUL byte: this is not a text file" : "not UTF-8: save the file in that encoding");
  }
  if (content_.starts_with(byte_order_mark)) at_ = byte_order_mark.size();
  if (!read_record()) fail("the file is empty");
  if (row_cells_ > most_columns) fail(text("it has ", row_cells_, " columns, at most ", most_columns, " are accepted"));
  const bool numeric =
      std::all_of(cells_.begin(), cells_.end(), [](auto cell) { return parse_number(cell).problem.empty(); });
  if (numeric) fail("the first line must name the columns, but it holds numbers");
  header_.assign(cells_.begin(), cells_.end());
  std::vector<std::string_view> names = cells_;
  std::sort(names.begin(), names.end());
  if (names.front().empty()) fail("a column has no name");
  const auto doubled = std::adjacent_find(names.begin(), names.end());
  if (doubled != names.end()) fail(text("two columns are called ", in_quotes(*doubled)));
}

Index CsvReader::column(std::string_view name) const {
  const auto at = std::find(header_.begin(), header_.end(), name);
  if (at == header_.end()) throw UsageError(unknown_name("column", name, header_));
  return at - header_.begin();
}

bool CsvReader::next_row() {
  if (!read_record()) return false;
  if (row_cells_ != header_.size()) fail(text("it has ", row_cells_, " cells, the header ", header_.size()));
  return true;
}

double CsvReader::number(Index column) const {
  const Number number = parse_number(cell(column));
  if (!number.problem.empty()) fail(text(in_quotes(cell(column)), " ", number.problem), column);
  return number.value;
}

void CsvReader::fail(std::string_view what, Index column) const {
  const std::string where = column < 0 ? "" : ", column " + in_quotes(header_[static_cast<std::size_t>(column)]);
  throw FileError(text("cannot read ", in_quotes(path_.string()), " as CSV: line ", row_line_, where, ": ", what));
}

bool CsvReader::read_record() {
  const std::size_t most = header_.empty() ? most_columns : header_.size();
  do {
    skip_blanks();
  } while (skip_line_end());
  cells_.clear();
  row_cells_ = 0;
  row_line_ = line_;
  if (at_ == content_.size()) return false;
  while (true) {
    skip_blanks();
    const std::string_view cell = at_ < content_.size() && content_[at_] == '"' ? read_quoted() : read_plain();
    if (++row_cells_ <= most) cells_.push_back(cell);
    if (at_ == content_.size() || skip_line_end()) return true;
    if (content_[at_] != ',') fail("a quoted cell must be followed by a comma or the end of the line");
    ++at_;
  }
}

/// Doubled quotes become one in place: the text only gets shorter.
std::string_view CsvReader::read_quoted() {
  const std::size_t begin = ++at_;
  std::size_t end = begin;
  while (true) {
    if (at_ == content_.size()) fail("a quote that opens in this row is never closed");
    if (content_[at_] == '"' && (++at_ == content_.size() || content_[at_] != '"')) break;
    line_ += content_[at_] == '\n';
    content_[end++] = content_[at_++];
  }
  skip_blanks();
  return std::string_view(content_).substr(begin, end - begin);
}

std::string_view CsvReader::read_plain() {
  const std::size_t begin = at_;
  at_ = std::min(content_.find_first_of(",\n\r\"", begin), content_.size());
  if (at_ < content_.size() && content_[at_] == '"') fail("a quote inside a cell that does not begin with one");
  if (content_.compare(at_, 1, "\r") == 0 && content_.compare(at_, 2, "\r\n") != 0)
    fail("a carriage return without LF");
  const std::string_view cell = std::string_view(content_).substr(begin, at_ - begin);
  return cell.substr(0, cell.find_last_not_of(" \t") + 1);
}

void CsvReader::skip_blanks() { at_ = std::min(content_.find_first_not_of(" \t", at_), content_.size()); }

bool CsvReader::skip_line_end() {
  const std::size_t length = content_.compare(at_, 1, "\n") == 0 ? 1 : content_.compare(at_, 2, "\r\n") == 0 ? 2 : 0;
  at_ += length;
  line_ += length > 0;
  return length > 0;
}

namespace {

Index label_column(const CsvReader& reader, const CsvOptions& options) {
  const std::vector<std::string>& header = reader.header();
  const auto is_feature = [&](const std::string& name) {
    return std::find(options.features.begin(), options.features.end(), name) != options.features.end();
  };
  if (!options.target.empty()) {
    if (is_feature(options.target)) {
      throw UsageError(
          text("column ", in_quotes(options.target), " is a feature of the model: it cannot be the label"));
    }
    return reader.column(options.target);
  }
  if (!is_feature(header.back())) return static_cast<Index>(header.size()) - 1;
  const auto others = std::count_if(header.begin(), header.end(), std::not_fn(is_feature));
  if (others == 0) reader.fail("every column is a feature of the model: there is no label");
  if (others > 1) {
    throw UsageError(text("the last column, ", in_quotes(header.back()),
                          ", is a feature of the model: name the label's column with --target"));
  }
  return std::find_if_not(header.begin(), header.end(), is_feature) - header.begin();
}

}  // namespace

CsvDataset load_csv(const std::filesystem::path& path, const CsvOptions& options) {
  return parse_csv(path, read_file(path), options);
}

CsvDataset parse_csv(const std::filesystem::path& path, std::string content, const CsvOptions& options) {
  CsvReader reader(path, std::move(content));
  const Index columns = static_cast<Index>(reader.header().size());
  if (columns < 2) reader.fail("there is only one column; expected features and a label, separated by commas");
  const Index target = label_column(reader, options);
  const std::string target_name = in_quotes(reader.header()[static_cast<std::size_t>(target)]);

  Dataset<double> data{.name = path.string(), .feature_names = options.features};
  std::vector<Index> feature_columns;
  std::vector<std::string> unused;
  for (const std::string& name : options.features) feature_columns.push_back(reader.column(name));
  for (Index column = 0; column < columns; ++column) {
    if (column == target) continue;
    const std::string& name = reader.header()[static_cast<std::size_t>(column)];
    if (options.features.empty()) {
      feature_columns.push_back(column);
      data.feature_names.push_back(name);
    } else if (std::find(feature_columns.begin(), feature_columns.end(), column) == feature_columns.end()) {
      unused.push_back(name);
    }
  }
  const std::string left_out = unused.empty() ? "" : "; columns that the model does not use: " + in_quotes(unused);
  std::deque<double> features;  // which grows without a second copy
  std::deque<std::string_view> labels;
  bool numeric = true, whole = true;
  while (reader.next_row()) {
    for (const Index column : feature_columns) features.push_back(reader.number(column));
    labels.push_back(reader.cell(target));
    const Number number = parse_number(labels.back());
    const bool text_label = number.problem == not_a_number;
    if (!number.problem.empty() && (!text_label || options.task == Task::regression)) reader.number(target);  // throws
    numeric &= !text_label;
    whole &= number.value == std::floor(number.value);
  }
  if (labels.empty()) reader.fail("there is no row below the header");
  const Index rows = static_cast<Index>(labels.size());
  data.inputs.resize(rows, std::ssize(feature_columns));
  std::copy(features.begin(), features.end(), data.inputs.data());
  features.clear();

  std::vector<double> numbers;
  if (numeric) {
    numbers.reserve(labels.size());
    for (const std::string_view label : labels) numbers.push_back(parse_number(label).value);
  }
  const auto [values, value_labels] = enumerate(numbers);
  const bool few = whole && values.size() <= most_inferred_classes && 2 * values.size() <= labels.size();
  data.task = options.task.value_or(!numeric || few ? Task::classification : Task::regression);
  const std::string said = options.features.empty() ? ", as --task says" : ", as in the model's training";
  if (data.task == Task::regression) {
    data.targets = Eigen::Map<const Matrix<double>>(numbers.data(), rows, 1);
    const std::string why = options.task ? said : ": its values are numbers, not a few integers";
    return {std::move(data), text("regression of column ", target_name, why, left_out)};
  }
  if (numeric) {
    data.labels = value_labels;
    for (const double value : values) data.class_names.push_back(number_text(value));
  } else {
    const auto [names, name_labels] = enumerate(labels);
    data.labels = name_labels;
    data.class_names.assign(names.begin(), names.end());
  }
  data.classes = static_cast<Index>(data.class_names.size());
  if (data.classes < 2 && !options.one_class) {
    throw FileError(text("cannot learn from ", in_quotes(path.string()), ": all labels in column ", target_name,
                         " are ", in_quotes(data.class_names.front())));
  }
  const std::string why = options.task ? said : numeric ? ": its values are a few integers" : ": its values are names";
  const std::string note =
      text("classification by column ", target_name, " into ", data.classes, " classes", why, left_out);
  return {std::move(data), note};
}

std::string csv_cell(std::string_view text) {
  const bool blank_edge =
      !text.empty() && (text.find_first_of(" \t") == 0 || text.find_last_of(" \t") == text.size() - 1);
  const bool plain = text.find_first_of(",\"\r\n") == std::string_view::npos;
  // At the beginning of a file a mark would be taken for the file's.
  if (plain && !blank_edge && !text.starts_with(byte_order_mark)) return std::string(text);
  std::string cell = "\"";
  for (const char c : text) cell += c == '"' ? "\"\"" : std::string(1, c);
  return cell + '"';
}

}  // namespace evengrad
