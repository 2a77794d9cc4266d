#include <evengrad/core/error.hpp>
#include <evengrad/core/names.hpp>
#include <evengrad/core/numbers.hpp>
#include <evengrad/core/utf8.hpp>
#include <evengrad/data/table.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <limits>
#include <set>
#include <unordered_map>

namespace evengrad {

namespace {

constexpr double not_there = std::numeric_limits<double>::quiet_NaN();
constexpr std::size_t most_values = 1000;  // different ones that are remembered of a column, and classes
constexpr std::size_t most_inferred_classes = 20;
constexpr std::size_t rows_looked_at = 200;

using Rows = std::vector<std::vector<std::string>>;

std::string lower(std::string_view word) {
  std::string result(word);
  for (char& c : result) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
  return result;
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::string_view strip(std::string_view word) {
  const std::size_t begin = word.find_first_not_of(" \t");
  if (begin == word.npos) return {};
  return word.substr(begin, word.find_last_not_of(" \t") + 1 - begin);
}

bool means_missing(std::string_view cell) {
  static const std::set<std::string, std::less<>> words = {
      "",     "?",   "-",    "--",   ".",      "..",   "na",      "n/a",     "nan",    "-nan",
      "#n/a", "#na", "<na>", "null", "(null)", "none", "missing", "#div/0!", "#value!"};
  constexpr std::size_t longest = 7;
  return cell.size() <= longest && words.contains(lower(cell));
}

// What a number is written with and is no part of it.
constexpr std::string_view signs[] = {"$", "\xe2\x82\xac", "\xc2\xa3", "\xc2\xa5", "\xe2\x82\xb9", "%",
                                      " ", "\xc2\xa0"};

bool strip_sign(std::string_view& cell) {
  for (const std::string_view sign : signs) {
    if (cell.starts_with(sign)) return cell.remove_prefix(sign.size()), true;
    if (cell.ends_with(sign)) return cell.remove_suffix(sign.size()), true;
  }
  return false;
}

// "yes" and "no", "TRUE" and "False", "t" and "f", however they are spelled.
bool are_booleans(const std::vector<std::string>& values) {
  static const std::set<std::set<std::string>> pairs = {
      {"false", "true"}, {"no", "yes"}, {"f", "t"}, {"n", "y"}, {"off", "on"}};
  std::set<std::string> words;
  for (const std::string& value : values) words.insert(lower(value));
  return pairs.contains(words);
}

// Spellings of booleans that differ in capitals are one value: the first in their order.
void merge_booleans(std::vector<std::string>& values) {
  std::sort(values.begin(), values.end());
  if (!are_booleans(values)) return;
  std::map<std::string, std::string> spelling;
  for (const std::string& value : values) spelling.try_emplace(lower(value), value);
  values.clear();
  for (const auto& [word, value] : spelling) values.push_back(value);
}

/// The number of a value among the sorted ones, or -1.
Index find_value(const std::vector<std::string>& values, std::string_view value) {
  const auto at = std::lower_bound(values.begin(), values.end(), value);
  if (at != values.end() && *at == value) return at - values.begin();
  // Numbers are sorted by value, and booleans may be spelled otherwise.
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (values[i] == value) return static_cast<Index>(i);
  }
  if (values.size() != 2 || !are_booleans(values)) return -1;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (lower(values[i]) == lower(value)) return static_cast<Index>(i);
  }
  return -1;
}

bool is_one(std::string_view cell) { return cell == "1" || cell == "1.0" || lower(cell) == "true"; }

/// A cell as the name of a value: numbers in their shortest form, so that 2 and 2.0 are one.
std::string value_name(const CsvTable& table, std::size_t column) {
  const CsvCell cell = table.cell(column);
  return cell.kind == CsvCell::number ? number_text(cell.value) : std::string(table.text_of(column));
}

/// The parts between commas, without the blanks around them.
std::vector<std::string> split_names(std::string_view list) {
  std::vector<std::string> parts;
  while (!list.empty()) {
    const std::size_t comma = list.find(',');
    parts.emplace_back(strip(list.substr(0, comma)));
    list.remove_prefix(comma == list.npos ? list.size() : comma + 1);
  }
  return parts;
}

/// The number of a word among those that an option takes.
std::size_t choice(std::string_view option, const std::string& given, const std::vector<std::string>& known) {
  const auto at = std::find(known.begin(), known.end(), given);
  if (at == known.end()) throw UsageError(unknown_name(text("value of ", option), given, known));
  return static_cast<std::size_t>(at - known.begin());
}

std::optional<char> delimiter_of(const std::string& given) {
  if (given.empty()) return std::nullopt;
  if (given == "tab" || given == "\\t") return '\t';
  if (given == "blank" || given == "blanks" || given == "space") return ' ';
  if (given.size() == 1 && !is_digit(given[0]) && given[0] != '"' && given[0] != '\'') return given[0];
  throw UsageError(text("--delimiter: expected one character, tab or blank, got ", in_quotes(given)));
}

const std::vector<std::string> dates_words = {"drop", "numbers", "mdy", "dmy"};
const std::vector<std::string> missing_words = {"drop", "mean", "error"};

DateOrder date_order(const std::string& dates) {
  return dates == "mdy" ? DateOrder::month_first : dates == "dmy" ? DateOrder::day_first : DateOrder::unknown;
}

std::string listed(const std::vector<std::string>& names, std::size_t most = 5) {
  std::string all;
  for (std::size_t i = 0; i < std::min(names.size(), most); ++i) all += (i > 0 ? ", " : "") + in_quotes(names[i], 40);
  return names.size() > most ? text(all, " and ", names.size() - most, " more") : all;
}

}  // namespace

namespace {

// "Jan 31 2000", "31-Jan-2000", "January 31, 2000" with the month as a number: "2000-1-31"; other texts as they are.
std::string with_month_number(std::string_view cell) {
  static constexpr std::string_view months[] = {"jan", "feb", "mar", "apr", "may", "jun",
                                                "jul", "aug", "sep", "oct", "nov", "dec"};
  const std::string word = lower(cell);
  const std::size_t begin = word.find_first_of("abcdefghijklmnopqrstuvwxyz");
  if (begin == word.npos || word.size() - begin < 3) return std::string(cell);
  const std::size_t end = std::min(word.find_first_not_of("abcdefghijklmnopqrstuvwxyz", begin), word.size());
  const auto month = std::find(std::begin(months), std::end(months), std::string_view(word).substr(begin, 3));
  if (month == std::end(months) || end - begin > 9) return std::string(cell);
  std::vector<std::string> numbers(1);
  for (const char c : word.substr(0, begin) + " " + word.substr(end)) {
    if (is_digit(c)) {
      numbers.back() += c;
    } else if (c != ' ' && c != '-' && c != ',' && c != '/' && c != '.') {
      return std::string(cell);
    } else if (!numbers.back().empty()) {
      numbers.emplace_back();
    }
  }
  if (numbers.back().empty()) numbers.pop_back();
  if (numbers.empty() || numbers.size() > 2 || numbers.back().size() != 4) return std::string(cell);
  const std::string day = numbers.size() == 2 ? numbers[0] : "1";
  return text(numbers.back(), "-", month - std::begin(months) + 1, "-", day);
}

}  // namespace

std::optional<double> parse_date(std::string_view given, DateOrder order) {
  // Most texts are none.
  if (given.size() < 6 || given.size() > 40 || given.find_first_of("0123456789") == given.npos) return std::nullopt;
  const std::string cell = with_month_number(given);
  std::size_t at = 0;
  const auto number = [&](std::size_t most_digits) -> int {
    int value = 0;
    const std::size_t begin = at;
    while (at < cell.size() && is_digit(cell[at]) && at - begin < most_digits) value = 10 * value + (cell[at++] - '0');
    return at == begin ? -1 : value;
  };
  const int first = number(4);
  const bool year_first = at == 4;
  const char mark = at < cell.size() ? cell[at] : 0;
  if (first < 0 || (mark != '-' && mark != '/' && mark != '.')) return std::nullopt;
  ++at;
  const int second = number(2);
  int third = year_first ? 1 : -1;
  if (second < 0) return std::nullopt;
  if (at < cell.size() && cell[at] == mark) {
    ++at;
    third = number(year_first ? 2 : 4);
  } else if (year_first && mark == '.') {
    return std::nullopt;  // 1234.56
  }
  int year = first, month = second, day = third;
  if (!year_first) {
    if (mark != '.' && order == DateOrder::unknown) return std::nullopt;
    const bool month_first = mark != '.' && order == DateOrder::month_first;
    year = third;
    month = month_first ? first : second;
    day = month_first ? second : first;
    if (year >= 0 && year < 100) year += year < 70 ? 2000 : 1900;
  }
  double time = 0;
  if (at < cell.size()) {  // "T12:30:00.5Z", " 12:30", a zone is not read
    if (cell[at] != ' ' && cell[at] != 'T') return std::nullopt;
    ++at;
    const int hour = number(2);
    if (hour < 0 || hour > 24 || at == cell.size() || cell[at] != ':') return std::nullopt;
    ++at;
    const int minute = number(2);
    double second_of = 0;
    if (at < cell.size() && cell[at] == ':') {
      const NumberRead read = read_number(std::string_view(cell).substr(++at));
      if (read.length == 0) return std::nullopt;
      second_of = read.value;
      at += read.length;
    }
    if (minute < 0 || minute > 59) return std::nullopt;
    const std::string_view rest = std::string_view(cell).substr(at);
    if (!rest.empty() && rest != "Z" && rest[0] != '+' && rest[0] != '-') return std::nullopt;
    time = (3600.0 * hour + 60.0 * minute + second_of) / 86400;
  }
  using namespace std::chrono;
  const year_month_day date(std::chrono::year(year), std::chrono::month(static_cast<unsigned>(month)),
                            std::chrono::day(static_cast<unsigned>(day)));
  if (year < 1 || month < 1 || day < 1 || !date.ok()) return std::nullopt;
  return static_cast<double>(sys_days(date).time_since_epoch().count()) + time;
}

namespace {

bool may_be_date(std::string_view cell) {
  return parse_date(cell, DateOrder::month_first) || parse_date(cell, DateOrder::day_first);
}

}  // namespace

// ---- CsvTable
// --------------------------------------------------------------------------------------------------------

CsvTable::CsvTable(const std::filesystem::path& path, const TableOptions& options) : reader_(path) { open(options); }

CsvTable::CsvTable(std::filesystem::path name, std::string content, const TableOptions& options)
    : reader_(std::move(name), std::move(content)) {
  open(options);
}

void CsvTable::open(const TableOptions& options) {
  try {
    format_ = detect_csv_format(reader_.sample(), delimiter_of(options.delimiter));
  } catch (const UsageError& error) {
    throw UsageError(text(in_quotes(path().string()), ": ", error.what()));
  }
  missing_values_ = split_names(options.missing_values);
  reader_.restart(format_);
  Rows rows;
  std::string commented;
  constexpr std::size_t cells_looked_at = 100'000;
  for (std::size_t seen = 0; rows.size() < rows_looked_at && (rows.size() < 3 || seen < cells_looked_at);) {
    if (!reader_.next_row()) break;
    seen += reader_.cells().size();
    if (rows.empty()) commented = reader_.comment();
    rows.emplace_back(reader_.cells().begin(), reader_.cells().end());
  }
  if (rows.empty()) fail("the file is empty");
  const std::size_t cells = rows[rows.size() > 1 ? 1 : 0].size();
  if (rows[0].size() == cells + 1 && rows[0].back().empty()) rows[0].pop_back();  // a header that ends with a delimiter
  if (rows.size() > 1 && rows[0].size() + 1 == cells) {
    const bool ends_empty = std::all_of(rows.begin() + 1, rows.end(),
                                        [&](const auto& row) { return row.size() < cells || row.back().empty(); });
    (ends_empty ? trailing_cell_ : row_names_) = true;
    if (ends_empty) {
      for (auto& row : rows) row.resize(cells - 1);
    } else {
      rows[0].insert(rows[0].begin(), "");
    }
  }
  signs_.assign(rows[0].size(), false);
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < std::min(row.size(), signs_.size()); ++i) signs_[i] = signs_[i] || row[i] == "+";
  }
  find_decimal(options.decimal, rows);
  find_header(options.header, std::move(rows), commented);
  restart();
}

void CsvTable::restart() {
  reader_.restart(format_);
  if (header_is_a_row_) reader_.next_row();
}

bool CsvTable::next_row() {
  if (!reader_.next_row()) return false;
  const std::size_t cells = reader_.cells().size(), expected = names_.size();
  if (cells == expected || (trailing_cell_ && cells == expected + 1)) return true;
  fail(text("it has ", cells, cells == 1 ? " cell, " : " cells, ", has_header_ ? "the header " : "the first row ",
            expected, ": repair the row, or remove it"));
}

CsvCell CsvTable::cell(std::size_t column) const {
  const std::string_view cell = text_of(column);
  if (signs_[column] && cell == "-") return {CsvCell::text};
  return parse(cell);
}

CsvCell CsvTable::parse(std::string_view cell) const {
  if (!missing_values_.empty() &&
      std::find(missing_values_.begin(), missing_values_.end(), cell) != missing_values_.end())
    return {CsvCell::missing};
  if (decimal_ == '.' && !cell.empty() && cell[0] <= '9') {
    std::string_view digits = cell;
    if (digits.size() > 1 && digits[0] == '+' && digits[1] != '-') digits.remove_prefix(1);
    const NumberRead number = read_number(digits);
    if (number.length == digits.size() && number.in_range && std::isfinite(number.value)) {
      return {CsvCell::number, number.value};
    }
  }
  if (means_missing(cell)) return {CsvCell::missing};
  if (const auto value = decorated_number(cell)) {
    const bool plain = cell.find_first_not_of("0123456789+-eE,") == cell.npos && decimal_ == ',';
    return {CsvCell::number, *value, !plain};
  }
  return {CsvCell::text};
}

// "$1,234.50", "12 %", "(3.5)", "1'000", and decimal commas.
std::optional<double> CsvTable::decorated_number(std::string_view cell) const {
  bool negative = false;
  if (cell.size() > 2 && cell.front() == '(' && cell.back() == ')') {
    cell = cell.substr(1, cell.size() - 2);
    negative = true;
  }
  while (strip_sign(cell)) {
  }
  if (!negative && !cell.empty() && (cell[0] == '-' || cell[0] == '+')) {
    negative = cell[0] == '-';
    cell.remove_prefix(1);
  }
  while (strip_sign(cell)) {
  }
  if (cell.empty() || (!is_digit(cell[0]) && cell[0] != decimal_)) return std::nullopt;
  std::string digits;
  std::string_view separator;
  std::size_t group = 0;  // digits since the last separator
  const auto separator_at = [&](std::size_t at) -> std::string_view {
    for (const std::string_view s : {",", ".", "'", " ", "\xc2\xa0", "\xe2\x80\xaf", "\xe2\x80\x99"}) {
      if (s[0] != decimal_ && cell.substr(at).starts_with(s)) return s;
    }
    return {};
  };
  std::size_t at = 0;
  for (; at < cell.size() && cell[at] != decimal_; ++group) {
    if (is_digit(cell[at])) {
      digits += cell[at++];
      continue;
    }
    const std::string_view found = separator_at(at);
    if (found.empty()) break;
    const bool first = separator.empty();
    if (first ? group < 1 || group > 3 : group != 3 || found != separator) return std::nullopt;
    separator = found;
    at += found.size();
    group = static_cast<std::size_t>(-1);  // the loop counts on to 0
  }
  if (!separator.empty() && group != 3) return std::nullopt;
  digits += cell.substr(at);
  if (const std::size_t comma = digits.find(decimal_); comma != digits.npos) digits[comma] = '.';
  if (decimal_ == ',' && cell.substr(at).find('.') != cell.npos) return std::nullopt;
  const NumberRead number = read_number(digits);
  if (number.length != digits.size() || !number.in_range || !std::isfinite(number.value)) return std::nullopt;
  return negative ? -number.value : number.value;
}

// Counts what only a decimal comma, and what only a decimal point explains.
void CsvTable::find_decimal(const std::string& given, const Rows& rows) {
  Index commas = 0, points = 0, unclear = 0;
  std::string example;
  for (const auto& row : rows) {
    for (const std::string& cell : row) {
      std::string_view number = cell;
      while (strip_sign(number)) {
      }
      if (!number.empty() && (number[0] == '-' || number[0] == '+')) number.remove_prefix(1);
      const std::size_t last = number.find_last_of(".,");
      if (last == number.npos || number.find_first_not_of("0123456789.,eE+-' ") != number.npos) continue;
      const char mark = number[last];
      const std::string_view before = number.substr(0, last), after = number.substr(last + 1);
      const bool other_before = before.find(mark == ',' ? '.' : ',') != before.npos;
      const bool same_before = before.find(mark) != before.npos;
      if (same_before && !other_before) continue;  // 1,234,567, or a date
      const bool grouped = after.size() == 3 && before.size() <= 3 && !before.empty() && before != "0" &&
                           after.find_first_not_of("0123456789") == after.npos;
      if (other_before || !grouped) {
        ++(mark == ',' ? commas : points);
      } else if (mark == ',') {
        ++unclear;
        example = cell;
      }
    }
  }
  decimal_ = given.empty() ? (commas > points ? ',' : '.') : choice("--decimal", given, {".", ","}) == 0 ? '.' : ',';
  if (given.empty() && commas == 0 && points == 0 && unclear > 0 && format_.delimiter != ',') {
    throw UsageError(text(in_quotes(path().string()), ": ", in_quotes(example),
                          " may be a decimal or have thousands: ", "say which with --decimal , or --decimal ."));
  }
}

// The first row is a header if it does not look like the rows below it.
bool CsvTable::looks_like_header(const Rows& rows) const {
  Index yes = 0, no = 0, text_yes = 0, text_no = 0;
  // The index that R and pandas write has no name.
  const bool indexed = rows[0][0].empty() && rows.size() > 2 &&
                       std::none_of(rows.begin() + 1, rows.end(), [](const auto& row) { return row[0].empty(); });
  if (indexed) return true;
  std::vector<double> numbers;
  for (std::size_t column = 0; column < rows[0].size(); ++column) {
    const std::string& name = rows[0][column];
    const CsvCell first = parse(name);
    if (first.kind == CsvCell::number) numbers.push_back(first.value);
    Index count = 0, words = 0, dates = 0;
    std::set<std::string_view> different;
    for (std::size_t row = 1; row < rows.size(); ++row) {
      if (column >= rows[row].size()) continue;
      const std::string& cell = rows[row][column];
      const CsvCell::Kind kind = parse(cell).kind;
      count += kind == CsvCell::number;
      words += kind == CsvCell::text;
      dates += kind == CsvCell::text && may_be_date(cell);
      if (kind == CsvCell::text) different.insert(cell);
    }
    if (first.kind == CsvCell::missing) {
      yes += column == 0 && name.empty() && count + words > 0;
    } else if (count > 0 && count >= 4 * words) {
      ++(first.kind == CsvCell::text ? yes : no);
    } else if (dates > 0 && 2 * dates > words) {
      ++(may_be_date(name) ? no : yes);
    } else if (words > 0) {
      if (different.contains(name)) {
        ++text_no;
      } else if (different.size() < static_cast<std::size_t>(words)) {
        ++text_yes;
      }
    }
  }
  const auto close_call = [&](std::string_view why) {
    return UsageError(text(in_quotes(path().string()), ": the first row may be a header or not, ", why,
                           ": say which with --header yes or --header no"));
  };
  if (rows.size() == 1) return numbers.size() < rows[0].size();
  if (no == 0) {
    if (yes > 0) return true;
    if (text_yes == text_no && text_no > 0) throw close_call("and there is no column of numbers to tell by");
    return text_yes >= text_no;
  }
  constexpr std::size_t enough = 5;
  bool steps = numbers.size() >= 3;
  for (std::size_t i = 1; i < numbers.size(); ++i) steps = steps && numbers[i] == numbers[i - 1] + 1;
  if (steps && (numbers.size() >= enough || yes > 0)) return true;
  if (yes > no) return true;
  if (yes > 0) throw close_call("some of its cells are numbers like those below and some are not");
  if (text_yes > 0 && text_no == 0) throw close_call("its numbers look like those below and its texts do not");
  return false;
}

void CsvTable::find_header(const std::string& given, Rows rows, const std::string& commented) {
  const bool refused = !given.empty() && choice("--header", given, {"no", "yes"}) == 0;
  std::vector<std::string> from_comment;
  if (!commented.empty() && !refused) {
    CsvReader line("comment", commented);
    line.restart({.delimiter = format_.delimiter, .quote = format_.quote});
    const std::size_t expected = rows[0].size();
    if (line.next_row() && (line.cells().size() == expected)) {
      from_comment.assign(line.cells().begin(), line.cells().end());
    }
  }
  header_is_a_row_ = !refused && from_comment.empty() && (!given.empty() || row_names_ || looks_like_header(rows));
  has_header_ = header_is_a_row_ || !from_comment.empty();
  names_ = header_is_a_row_ ? rows[0] : from_comment;
  names_.resize(rows[0].size());
  std::set<std::string> taken;
  for (std::size_t i = 0; i < names_.size(); ++i) {
    if (names_[i].empty()) names_[i] = text("column ", i + 1);
    const std::string name = names_[i];
    for (int n = 2; !taken.insert(names_[i]).second; ++n) names_[i] = text(name, "_", n);
  }
}

std::size_t CsvTable::column(std::string_view name) const {
  const auto at = std::find(names_.begin(), names_.end(), name);
  if (at != names_.end()) return static_cast<std::size_t>(at - names_.begin());
  const auto same = std::find_if(names_.begin(), names_.end(), [&](const auto& n) { return lower(n) == lower(name); });
  if (same != names_.end()) return static_cast<std::size_t>(same - names_.begin());
  if (!has_header_) {
    const NumberRead number = read_number(name);
    if (number.length == name.size() && number.value >= 1 && number.value <= static_cast<double>(names_.size()) &&
        number.value == std::floor(number.value)) {
      return static_cast<std::size_t>(number.value) - 1;
    }
  }
  throw UsageError(unknown_name("column", name, names_));
}

std::vector<std::size_t> CsvTable::columns(const std::string& list) const {
  if (std::find(names_.begin(), names_.end(), list) != names_.end()) return {column(list)};
  std::vector<std::size_t> all;
  for (const std::string& part : split_names(list)) {
    const std::size_t found = column(part);
    if (std::find(all.begin(), all.end(), found) != all.end()) {
      throw UsageError(text("column ", in_quotes(names_[found]), " is named twice in ", in_quotes(list)));
    }
    all.push_back(found);
  }
  return all;
}

std::string CsvTable::description() const {
  const std::string mark = format_.delimiter == '\t'  ? "tabs"
                           : format_.delimiter == ' ' ? "blanks"
                                                      : in_quotes({&format_.delimiter, 1});
  std::string all = text("separated by ", mark, decimal_ == ',' ? ", decimal commas" : "",
                         has_header_ ? ", with a header" : ", without a header (columns are called by their numbers)");
  if (format_.preamble > 0) all += text(", after ", format_.preamble, format_.preamble == 1 ? " line" : " lines");
  if (row_names_) all += ", the first column without a name";
  if (reader_.is_windows_1252()) all += ", in Windows-1252 as it is not UTF-8";
  return all;
}

// ---- what the columns hold ----------------------------------------------------------------------------------------

namespace {

struct Profile {
  Index numbers = 0, missing = 0, texts = 0, decorated = 0;
  Index month_first = 0, day_first = 0;  // texts that are dates in this order
  double low = HUGE_VAL, high = -HUGE_VAL, last = 0;
  bool whole = true, counts_up = true;
  std::vector<double> values = {};  // the different numbers, sorted, while they are few
  bool many_numbers = false;
  std::set<std::string, std::less<>> words = {};  // the different texts, while they are few
  bool many_texts = false;
  std::string example = {};  // the first text
  Index example_line = 0;

  void add(const CsvTable& table, std::size_t column) {
    const CsvCell cell = table.cell(column);
    if (cell.kind == CsvCell::number) {
      add_number(cell.value);
      decorated += cell.decorated;
    } else if (cell.kind == CsvCell::missing) {
      ++missing;
    } else {
      add_text(table, table.text_of(column));
    }
  }

  void add_number(double value) {
    counts_up = counts_up && (numbers == 0 || value == last + 1);
    last = value;
    ++numbers;
    low = std::min(low, value);
    high = std::max(high, value);
    whole = whole && value == std::floor(value);
    if (many_numbers) return;
    const auto at = std::lower_bound(values.begin(), values.end(), value);
    if (at != values.end() && *at == value) return;
    if (values.size() == most_values) {
      many_numbers = true;
      std::vector<double>().swap(values);
    } else {
      values.insert(at, value);
    }
  }

  void add_text(const CsvTable& table, std::string_view cell) {
    constexpr std::size_t longest = 200;
    if (texts++ == 0) {
      example = cell;
      example_line = table.line();
    }
    month_first += parse_date(cell, DateOrder::month_first).has_value();
    day_first += parse_date(cell, DateOrder::day_first).has_value();
    if (many_texts || words.contains(cell)) return;
    many_texts = words.size() == most_values || cell.size() > longest;
    if (many_texts) {
      words.clear();
    } else {
      words.emplace(cell);
    }
  }

  Index known() const { return numbers + texts; }
  bool is_date() const { return numbers == 0 && 10 * std::max(month_first, day_first) >= 9 * texts && texts > 0; }
  /// What stands first in 1/2/2024, if other dates of the column tell.
  DateOrder date_order() const {
    return month_first > day_first   ? DateOrder::month_first
           : day_first > month_first ? DateOrder::day_first
                                     : DateOrder::unknown;
  }
  bool too_many() const { return many_texts || (texts > 0 && many_numbers); }

  /// The different values by their names: numbers by value, texts in their order.
  std::vector<std::string> names() const {
    std::vector<std::string> all;
    for (const double value : values) all.push_back(number_text(value));
    all.insert(all.end(), words.begin(), words.end());
    if (!words.empty()) merge_booleans(all);
    return all;
  }
};

bool is_identifier_name(std::string_view name) {
  static const std::set<std::string, std::less<>> words = {
      "id",  "index", "idx",    "rownames", "row", "row_id", "unnamed: 0", "no",  "no.",    "nr",
      "nr.", "#",     "number", "rownum",   "obs", "case",   "uid",        "key", "instant"};
  const std::string word = lower(name);
  return words.contains(word) || word == "column 1" || name.ends_with("Id") || name.ends_with("ID") ||
         word.ends_with("_id") || word.ends_with(" id") || word.ends_with("_no");
}

struct Inference {
  CsvTable& table;
  const TableOptions& options;
  std::vector<Profile> profiles = {};
  Index rows = 0;
  std::vector<std::size_t> targets = {};
  TableEncoding encoding = {};
  Task task = Task::regression;
  std::vector<std::string> class_names = {};
  std::string said = {};  // what was decided of the target and the features
  std::size_t most_categories = 50;
  std::string how = {};                    // the target was chosen; empty if it is asked for
  bool classify = false, regress = false;  // asked for

  void check_options() {
    encoding.dates = options.dates;
    classify = options.task == Task::classification;
    regress = options.task == Task::regression;
    if (!options.dates.empty()) choice("--dates", options.dates, dates_words);
    if (!options.missing.empty()) choice("--missing", options.missing, missing_words);
    if (options.max_categories.empty()) return;
    const double most = parse_number("--max-categories", options.max_categories);
    if (!(most >= 2 && most <= most_values && most == std::floor(most))) {
      throw UsageError(text("--max-categories is ", options.max_categories, ", expected 2 to ", most_values));
    }
    most_categories = static_cast<std::size_t>(most);
  }

  const std::string& name(std::size_t column) const { return table.names()[column]; }

  void look() {
    for (const std::string* list : {&options.target, &options.features, &options.exclude}) table.columns(*list);
    table.restart();
    if (!table.next_row()) table.fail("there is no row below the header");
    table.restart();
    profiles.resize(table.names().size());
    bool one_hot = options.target.empty();
    std::vector<std::size_t> runs;
    for (std::size_t k = 2; k < profiles.size(); ++k) runs.push_back(k);
    while (table.next_row()) {
      ++rows;
      for (std::size_t column = 0; column < profiles.size(); ++column) profiles[column].add(table, column);
      if (one_hot) one_hot = narrow(runs);
    }
    if (one_hot) one_hot_labels(runs.front());
  }

  // Of the lengths of runs of columns up to the last one, those with one 1 among zeros in this row too.
  bool narrow(std::vector<std::size_t>& runs) const {
    int ones = 0;
    std::size_t kept = 0, next = 0;
    for (std::size_t k = 1; k <= profiles.size() && next < runs.size(); ++k) {
      const std::string_view cell = table.text_of(profiles.size() - k);
      const bool one = is_one(cell);
      if (!one && cell != "0" && cell != "0.0" && lower(cell) != "false") break;
      ones += one;
      if (k != runs[next]) continue;
      if (ones == 1) runs[kept++] = k;
      ++next;
    }
    runs.resize(kept);
    return kept > 0;
  }

  // Longer runs differ by columns of zeros.
  void one_hot_labels(std::size_t columns) {
    if (rows < 3) return;
    for (std::size_t k = columns; k > 0; --k) targets.push_back(profiles.size() - k);
    for (const std::size_t column : targets) class_names.push_back(name(column));
    task = Task::classification;
    said = text("classification into ", class_names.size(), " classes, one for each of the columns ",
                listed(class_names), ", as every row has one 1 there (--target takes another column)");
  }

  void choose_targets() {
    if (!targets.empty()) return;
    targets = table.columns(options.target);
    if (!targets.empty()) return;
    std::vector<std::size_t> free;  // columns with values that are not asked for as features, nor left out
    for (std::size_t column = 0; column < profiles.size(); ++column) {
      const auto listed = [&](const std::string& list) {
        const auto columns = table.columns(list);
        return std::find(columns.begin(), columns.end(), column) != columns.end();
      };
      if (profiles[column].known() > 0 && !listed(options.features) && !listed(options.exclude)) free.push_back(column);
    }
    if (free.empty()) free = {profiles.size() - 1};
    targets = {free.back()};
    how = free.back() + 1 == profiles.size() ? ", the last column" : ", the last column that can be it";
    const std::optional<std::size_t> other = table.has_header() ? target_by_name(free) : first_as_class(free);
    if (!other) return;
    targets = {*other};
    how = table.has_header() ? ", by its name" : ", whose values are classes and those of the last column are not";
  }

  // A name that says what the table is about: one at the beginning, or one that is hardly ever a feature's.
  std::optional<std::size_t> target_by_name(const std::vector<std::size_t>& free) const {
    static const std::set<std::string, std::less<>> usual = {"target", "label", "labels", "class", "y", "output"};
    static const std::set<std::string, std::less<>> anywhere = {
        "target",    "label",     "survived",   "species", "diagnosis",          "outcome", "churn", "exited", "price",
        "attrition", "saleprice", "sale_price", "medv",    "median_house_value", "mpg"};
    const auto has = [&](const auto& words, std::size_t column) { return words.contains(lower(name(column))); };
    if (has(usual, free.back()) || has(anywhere, free.back())) return std::nullopt;
    const std::size_t first = is_index(0) ? 1 : 0;
    if (std::find(free.begin(), free.end(), first) != free.end() && has(usual, first)) return first;
    std::vector<std::size_t> found;
    std::copy_if(free.begin(), free.end(), std::back_inserter(found),
                 [&](auto column) { return has(anywhere, column); });
    return found.size() == 1 ? std::optional(found[0]) : std::nullopt;
  }

  // Tables without a header, such as those of UCI, may begin with the class: whole numbers from 0 or 1, or the only
  // texts, before a last column of many values.
  std::optional<std::size_t> first_as_class(const std::vector<std::size_t>& free) const {
    if (free.size() < 2) return std::nullopt;
    const Profile& last = profiles[free.back()];
    const bool many = last.texts == 0 && (last.many_numbers || !last.whole || last.values.size() > 50);
    if (!many && last.low != last.high) return std::nullopt;
    const Profile& first = profiles[free[0]];
    const bool numbered = first.texts == 0 && first.whole && (first.many_numbers || std::ssize(first.values) == rows);
    const std::size_t column = numbered ? free[1] : free[0];
    const Profile& p = profiles[column];
    const auto different = std::ssize(p.values) + std::ssize(p.words);
    if (column == free.back() || p.missing > 0 || p.too_many() || p.many_numbers || different < 2 ||
        different > static_cast<Index>(most_inferred_classes) || 2 * different > rows) {
      return std::nullopt;
    }
    const bool counted =
        p.texts == 0 && p.whole && (p.low == 0 || p.low == 1) && p.high - p.low + 1 == static_cast<double>(different);
    const auto has_texts = [](const Profile& profile) { return profile.texts > 0; };
    const bool only_texts = p.numbers == 0 && std::count_if(profiles.begin(), profiles.end(), has_texts) == 1;
    return counted || only_texts ? std::optional(column) : std::nullopt;
  }

  bool is_index(std::size_t column) const {
    const Profile& p = profiles[column];
    if (p.numbers != rows || !p.whole) return false;
    const bool named = is_identifier_name(name(column)) && (table.has_header() || column == 0);
    return named && ((p.counts_up && rows > 1) || (table.has_header() && p.many_numbers));
  }

  std::string how_chosen() const { return how.empty() ? "" : how + " (--target takes another)"; }

  [[noreturn]] void refuse_target(std::size_t column, std::string_view what) const {
    throw FileError(text("cannot learn ", in_quotes(table.path().string()), ": column ", in_quotes(name(column)), how,
                         how.empty() ? " " : ", ", what, ": name the column to predict with --target"));
  }

  void find_task() {
    if (!class_names.empty()) return;
    const std::size_t column = targets.front();
    const Profile& p = profiles[column];
    const std::string who = in_quotes(name(column)), chosen = how_chosen();
    if (targets.size() > 1) return several_targets();
    if (p.known() == 0) refuse_target(column, "is empty");
    if (p.is_date()) refuse_target(column, text("holds dates (", in_quotes(p.example, 40), ")"));
    const bool binary = p.texts == 0 && p.whole && p.values.size() == 2 && !p.many_numbers;
    const bool few = p.texts == 0 && p.whole && !p.many_numbers && p.values.size() <= most_inferred_classes &&
                     2 * static_cast<Index>(p.values.size()) <= p.numbers;
    const bool stray =
        p.texts > 0 && p.numbers >= 9 * p.texts && (p.many_numbers || p.values.size() > most_inferred_classes);
    if (p.texts > 0 && (regress || (stray && !classify))) {
      const std::string which = text("its ", in_quotes(p.example, 40), " in line ", p.example_line, " is no number");
      throw FileError(text("cannot learn ", in_quotes(table.path().string()), ": column ", who, ": ", which,
                           "; --missing-values ", shell_word(p.example),
                           " drops such rows, --task classification takes ", "every value for a class"));
    }
    task = classify || (!regress && (p.texts > 0 || few || binary)) ? Task::classification : Task::regression;
    const std::string given = !options.task ? "" : ", as --task says";
    const auto all_are = [&](const std::string& what, const std::string& value) {
      return FileError(text("cannot learn from ", in_quotes(table.path().string()), ": all ", what, " in column ", who,
                            " are ", in_quotes(value), ": name the column to predict with --target"));
    };
    if (task == Task::regression) {
      if (p.numbers > 1 && p.low == p.high) throw all_are("values", number_text(p.low));
      said = text("regression of ", who, chosen, given);
      return;
    }
    if (p.too_many() || (p.texts == 0 && p.many_numbers)) {
      refuse_target(column, text("has more than ", most_values, " different values, too many for classes"));
    }
    class_names = p.names();
    if (p.texts > 0 && !options.task && options.target.empty() && p.known() >= 20 &&
        2 * static_cast<Index>(class_names.size()) > p.known()) {
      refuse_target(column, text("holds ", class_names.size(), " different texts in ", p.known(), " rows"));
    }
    if (class_names.size() < 2) throw all_are("labels", class_names.front());
    const std::string why = classify      ? given
                            : p.texts > 0 ? ""
                                          : ", a few integers (--task regression takes them for numbers)";
    said = text("classification by ", who, chosen, chosen.empty() ? "" : ",", " into ", class_names.size(), " classes",
                why);
  }

  // The column behind "group:" or "time:", or none. "time" is the only column of dates, so that a file that begins with
  // the latest rows is not tested on the past.
  std::optional<std::size_t> split_column() const {
    const std::size_t colon = options.split.find(':');
    const std::string kind = options.split.substr(0, colon);
    choice("--split", kind, {"", "random", "time", "group"});
    if (colon != std::string::npos) return table.column(std::string_view(options.split).substr(colon + 1));
    if (kind == "group") throw UsageError("--split group: name its column, --split group:COLUMN");
    if (kind != "time") return std::nullopt;
    const auto is_date = [](const Profile& p) { return p.is_date(); };
    const auto date = std::find_if(profiles.begin(), profiles.end(), is_date);
    const bool only = date != profiles.end() && std::none_of(date + 1, profiles.end(), is_date);
    return only ? std::optional(static_cast<std::size_t>(date - profiles.begin())) : std::nullopt;
  }

  static std::string shell_word(const std::string& word) { return in_quotes(word, 40); }

  void several_targets() {
    bool one_hot = true;
    std::vector<std::string> names;
    for (const std::size_t column : targets) {
      const Profile& p = profiles[column];
      if (p.texts > 0)
        refuse_target(column,
                      text("holds texts (", in_quotes(p.example, 40), "), which one of several targets may not"));
      one_hot = one_hot && p.numbers == rows && p.low == 0 && p.high == 1 && p.values.size() == 2;
      names.push_back(name(column));
    }
    if (one_hot && !regress) {
      table.restart();
      while (one_hot && table.next_row()) {
        double sum = 0;
        for (const std::size_t column : targets) sum += table.cell(column).value;
        one_hot = sum == 1;
      }
      if (one_hot) {
        task = Task::classification;
        class_names = names;
        said = text("classification into ", names.size(), " classes, one for each of the columns ", listed(names));
        return;
      }
    }
    if (classify) {
      throw UsageError(
          text("--target ", options.target, ": several targets are classes only if each row has one 1 among zeros"));
    }
    said = text("regression of ", listed(names));
  }

  void choose_features() {
    std::vector<bool> wanted(profiles.size(), options.features.empty());
    for (const std::size_t column : table.columns(options.features)) wanted[column] = true;
    for (const std::size_t column : table.columns(options.exclude)) wanted[column] = false;
    for (const std::size_t column : targets) wanted[column] = false;
    if (options.split.starts_with("group")) wanted[*split_column()] = false;
    std::map<std::string, std::vector<std::string>> left_out;  // by reason
    std::vector<std::string> categories;
    Index decorated = 0;
    for (std::size_t column = 0; column < profiles.size(); ++column) {
      if (!wanted[column]) continue;
      const std::string why = add_feature(column);
      if (!why.empty()) left_out[why].push_back(name(column));
      decorated += why.empty() && profiles[column].decorated > 0;
    }
    for (const ColumnEncoding& column : encoding.columns) {
      if (column.kind == ColumnEncoding::category) categories.push_back(column.name);
    }
    if (!categories.empty()) said += text("; one-hot: ", listed(categories));
    if (decorated > 0)
      said +=
          text("; separators and signs taken from the numbers of ", decorated, decorated == 1 ? " column" : " columns");
    for (const auto& [why, names] : left_out) said += text("; left out: ", listed(names), " (", why, ")");
    if (options.split == "time") {
      const auto date = split_column();
      said += text("; the test rows are the last ", date ? "by " + in_quotes(name(*date)) : "of the file");
    }
    if (encoding.columns.empty()) {
      std::string reasons;
      for (const auto& [why, names] : left_out) reasons += text(reasons.empty() ? "" : "; ", listed(names), " ", why);
      throw FileError(text("cannot learn ", in_quotes(table.path().string()), ": no column is left to learn from",
                           reasons.empty() ? "" : ": ", reasons));
    }
  }

  // Adds the column's encoding, or says why it is left out.
  std::string add_feature(std::size_t column) {
    const Profile& p = profiles[column];
    ColumnEncoding code{.name = name(column)};
    const bool asked = !options.features.empty();  // the user named it
    if (p.known() == 0) return "empty";
    if (p.is_date()) {
      if (options.dates.empty() || options.dates == "drop") return "dates; --dates numbers makes them days since 1970";
      const DateOrder order = date_order(options.dates);
      const bool told = parse_date(p.example, order).has_value();
      if (!told && p.date_order() != DateOrder::unknown && encoding.dates == options.dates) {
        encoding.dates = p.date_order() == DateOrder::month_first ? "mdy" : "dmy";
        said += text("; dates have the ", encoding.dates == "mdy" ? "month" : "day", " first");
      }
      if (!parse_date(p.example, date_order(encoding.dates))) {
        throw UsageError(text("--dates numbers: of ", in_quotes(p.example, 40), " in column ", in_quotes(code.name),
                              " the month may be first or second: --dates mdy or --dates dmy"));
      }
      code.kind = ColumnEncoding::date;
    } else if (p.texts == 0) {
      if (!asked && is_index(column)) return "numbers the rows; --features takes it";
    } else {
      const std::size_t different = p.values.size() + p.words.size();
      if (p.numbers > 0 && (p.many_numbers || p.numbers >= 9 * p.texts)) {
        const std::string cell = in_quotes(p.example, 40);
        throw FileError(text("cannot read ", in_quotes(table.path().string()), " as CSV: line ", p.example_line,
                             ", column ", in_quotes(code.name), ": ", cell,
                             " is not a finite number as most of the column are",
                             ": repair it, or use --missing-values ", cell, " or --exclude ", in_quotes(code.name)));
      }
      if (p.too_many() || different > most_categories)
        return text("over ", most_categories, " different texts; --max-categories raises the limit");
      if (!asked && p.numbers == 0 && different > 2 &&
          (static_cast<Index>(different) == p.texts || (rows >= 20 && 2 * static_cast<Index>(different) > rows)))
        return "a text of its own in nearly every row";
      code.kind = ColumnEncoding::category;
      code.values = p.names();
      if (code.values.size() == 1) return "always the same text";
    }
    encoding.columns.push_back(std::move(code));
    return "";
  }
};

}  // namespace

// ---- encoding -----------------------------------------------------------------------------------------------------

Index TableEncoding::features() const {
  Index count = 0;
  for (const ColumnEncoding& column : columns) count += column.features();
  return count;
}

std::vector<std::string> TableEncoding::feature_names() const {
  std::vector<std::string> names;
  for (const ColumnEncoding& column : columns) {
    if (column.kind != ColumnEncoding::category) {
      names.push_back(column.name);
    } else if (column.values.size() == 2) {
      names.push_back(column.name + "=" + column.values[1]);
    } else {
      for (const std::string& value : column.values) names.push_back(column.name + "=" + value);
    }
  }
  return names;
}

TableEncoder::TableEncoder(const CsvTable& table, const TableEncoding& encoding) : table_(table), encoding_(encoding) {
  std::vector<std::string> absent;
  for (const ColumnEncoding& column : encoding.columns) {
    const auto at = std::find(table.names().begin(), table.names().end(), column.name);
    if (at == table.names().end()) absent.push_back(column.name);
    columns_.push_back(static_cast<std::size_t>(at - table.names().begin()));
  }
  if (absent.empty()) return;
  const std::string header = table.has_header() ? text("it has ", listed(table.names(), 20))
                                                : "it has no header (--header yes if its first row is one)";
  throw UsageError(
      text(in_quotes(table.path().string()), ": no column ", listed(absent), ", which the model needs; ", header));
}

void TableEncoder::encode(std::span<double> features) const {
  std::size_t at = 0;
  for (std::size_t i = 0; i < columns_.size(); ++i) {
    const ColumnEncoding& column = encoding_.columns[i];
    const CsvCell cell = table_.cell(columns_[i]);
    if (column.kind == ColumnEncoding::category) {
      // What looks missing may be a value in the training file, such as - beside +.
      const Index value = cell.kind == CsvCell::missing ? find_value(column.values, table_.text_of(columns_[i]))
                                                        : find_value(column.values, value_name(table_, columns_[i]));
      const std::size_t count = static_cast<std::size_t>(column.features());
      for (std::size_t k = 0; k < count; ++k) {
        const Index own = static_cast<Index>(count == 1 ? 1 : k);
        features[at++] = value < 0 ? not_there : value == own ? 1 : 0;
      }
      continue;
    }
    if (cell.kind == CsvCell::missing) {
      features[at++] = not_there;
    } else if (cell.kind == CsvCell::number && column.kind == ColumnEncoding::number) {
      features[at++] = cell.value;
    } else {
      const auto days = column.kind == ColumnEncoding::date
                            ? parse_date(table_.text_of(columns_[i]), date_order(encoding_.dates))
                            : std::nullopt;
      if (!days) {
        const char* what = column.kind == ColumnEncoding::date ? " is not a date" : " is not a finite number";
        table_.fail(text(in_quotes(table_.text_of(columns_[i])), what), column.name);
      }
      features[at++] = *days;
    }
  }
}

namespace {

// Reads the rows of a table; those without an answer are left out. Returns how many lacked one. For the others it may
// be asked for the key of the table's row.
Index read_rows(CsvTable& table, const TableEncoding& encoding, Index most_rows, Dataset<double>& data,
                const std::function<void()>& key = {}) {
  const TableEncoder encoder(table, encoding);
  std::vector<std::size_t> targets;
  for (const std::string& name : encoding.targets) targets.push_back(table.column(name));
  const bool classes = data.task == Task::classification, one_hot = targets.size() > 1;
  const Index features = encoding.features();
  if (static_cast<double>(most_rows) * static_cast<double>(features) > 1e10) {
    throw FileError(text(in_quotes(table.path().string()), ": ", most_rows, " rows of ", features,
                         " features are too many; --exclude and --max-categories make it less"));
  }
  data.inputs.resize(most_rows, features);
  if (!classes) data.targets.resize(most_rows, static_cast<Index>(targets.size()));
  data.feature_names = encoding.feature_names();
  Index row = 0, without = 0;
  table.restart();
  while (table.next_row()) {
    std::int32_t label = -1;
    bool known = true;
    for (std::size_t k = 0; k < targets.size(); ++k) {
      const CsvCell cell = table.cell(targets[k]);
      const bool is_class = classes && !one_hot && find_value(data.class_names, table.text_of(targets[k])) >= 0;
      if (cell.kind == CsvCell::missing && !is_class) {
        known = false;
        break;
      }
      if (!classes) {
        if (cell.kind != CsvCell::number)
          table.fail(text(in_quotes(table.text_of(targets[k])), " is not a finite number"), encoding.targets[k]);
        data.targets(row, static_cast<Index>(k)) = cell.value;
      } else if (one_hot) {
        if (is_one(table.text_of(targets[k]))) label = static_cast<std::int32_t>(k);
      } else {
        const std::string value = value_name(table, targets[k]);
        label = static_cast<std::int32_t>(find_value(data.class_names, value));
        if (label < 0) {
          table.fail(text("the class ", in_quotes(value), " is not among those of the training data, ",
                          listed(data.class_names)),
                     encoding.targets[k]);
        }
      }
    }
    if (classes && known && label < 0) table.fail("no class: none of its label columns is 1");
    if (!known) {
      ++without;
      continue;
    }
    if (row == most_rows) table.fail("the file changed while it was read");
    encoder.encode({data.inputs.data() + row * features, static_cast<std::size_t>(features)});
    if (classes) data.labels.push_back(label);
    if (key) key();
    ++row;
  }
  data.inputs.conservativeResize(row, features);
  if (!classes) data.targets.conservativeResize(row, static_cast<Index>(targets.size()));
  return without;
}

// Removes the rows that lack a value, or leaves them to be filled, and says so.
std::string settle_missing(const std::string& missing, const CsvTable& table, Dataset<double>& data,
                           std::vector<double>& keys) {
  std::vector<Index> complete;
  for (Index row = 0; row < data.size(); ++row) {
    if (!data.inputs.row(row).hasNaN()) complete.push_back(row);
  }
  const Index lacking = data.size() - static_cast<Index>(complete.size());
  if (lacking == 0) return "";
  if (missing == "error") {
    Index row = 0, column = 0;
    while (!data.inputs.row(row).hasNaN()) ++row;
    while (!std::isnan(data.inputs(row, column))) ++column;
    throw FileError(text(in_quotes(table.path().string()), ": ", lacking, " rows lack a value, the first of them row ",
                         row + 1, ", column ", in_quotes(data.feature_names[static_cast<std::size_t>(column)]),
                         ": --missing drop leaves them out, --missing mean fills them"));
  }
  const bool drop = missing == "drop" || (missing.empty() && 10 * lacking <= data.size());
  if (!drop)
    return text("; ", lacking, lacking == 1 ? " row lacks" : " rows lack",
                " a value, filled with the mean of the training rows (--missing drop leaves them out)");
  if (complete.empty()) {
    throw FileError(text(in_quotes(table.path().string()), ": every row lacks a value: --missing mean fills them"));
  }
  data = select_rows(data, complete);
  if (!keys.empty()) {
    for (std::size_t i = 0; i < complete.size(); ++i) keys[i] = keys[static_cast<std::size_t>(complete[i])];
    keys.resize(complete.size());
  }
  return text("; ", lacking, lacking == 1 ? " row dropped, which lacks" : " rows dropped, which lack",
              " a value (--missing mean fills them)");
}

CsvDataset load(CsvTable& table, const TableOptions& options) {
  if (table.names().size() < 2) {
    table.fail(
        "there is only one column; expected features and a label, separated by commas, semicolons, tabs, bars or "
        "blanks: --delimiter says which");
  }
  Inference inference{table, options};
  inference.check_options();
  inference.look();
  inference.choose_targets();
  inference.find_task();
  inference.choose_features();
  TableEncoding& encoding = inference.encoding;
  for (const std::size_t column : inference.targets) encoding.targets.push_back(table.names()[column]);
  encoding.missing_values = options.missing_values;
  CsvDataset csv;
  csv.data.name = table.path().string();
  csv.data.task = inference.task;
  csv.data.class_names = inference.class_names;
  csv.data.classes = inference.task == Task::classification ? static_cast<Index>(inference.class_names.size()) : 0;
  std::function<void()> key;
  std::map<std::string, double, std::less<>> groups;
  if (const auto column = inference.split_column()) {
    const bool told = !options.dates.empty() && options.dates != "numbers";
    const DateOrder order = told ? date_order(options.dates) : inference.profiles[*column].date_order();
    key = [&, at = *column, order] {
      const CsvCell cell = table.cell(at);
      const auto day = parse_date(table.text_of(at), order);
      if (options.split.starts_with("group")) {
        // Rows that lack their group may be of any: they stay together.
        const std::string group = cell.kind == CsvCell::missing ? "" : value_name(table, at);
        csv.keys.push_back(groups.try_emplace(group, static_cast<double>(groups.size())).first->second);
      } else if (cell.kind == CsvCell::number || day) {
        csv.keys.push_back(cell.kind == CsvCell::number ? cell.value : *day);
      } else {
        table.fail(text(in_quotes(table.text_of(at)), " is neither a number nor a date (--dates mdy or dmy)"),
                   table.names()[at]);
      }
    };
  }
  const Index without = read_rows(table, encoding, inference.rows, csv.data, key);
  std::string rows = text("; ", inference.rows, inference.rows == 1 ? " row" : " rows");
  if (without > 0) rows += text(", of which ", without, " without a target ", without == 1 ? "is" : "are", " dropped");
  rows += settle_missing(options.missing, table, csv.data, csv.keys);
  if (csv.data.size() < 2) {
    throw FileError(text("cannot learn from ", in_quotes(table.path().string()), ": ",
                         csv.data.size() == 1 ? "there is only one row" : "no row is left"));
  }
  csv.encoding = std::move(encoding);
  csv.note = text("read ", in_quotes(table.path().string()), " ", table.description(), rows, "; ", inference.said);
  return csv;
}

}  // namespace

CsvDataset load_csv(const std::filesystem::path& path, const TableOptions& options) {
  CsvTable table(path, options);
  return load(table, options);
}

CsvDataset parse_csv(const std::filesystem::path& name, std::string content, const TableOptions& options) {
  CsvTable table(name, std::move(content), options);
  return load(table, options);
}

Dataset<double> load_csv_like(const std::filesystem::path& path, const TableEncoding& encoding,
                              const Dataset<double>& like, TableOptions options) {
  options.missing_values = encoding.missing_values;
  CsvTable table(path, options);
  Index rows = 0;
  table.restart();
  while (table.next_row()) ++rows;
  Dataset<double> data{
      .name = path.string(), .task = like.task, .classes = like.classes, .class_names = like.class_names};
  read_rows(table, encoding, rows, data);
  fill_missing(data.inputs, encoding);
  return data;
}

TableEncoding encoding_for(const ModelData& model, const CsvTable& table, Index inputs) {
  if (!model.encoding.columns.empty()) return model.encoding;
  TableEncoding encoding;
  const auto count = static_cast<std::size_t>(inputs);
  if (model.feature_names.empty() && table.names().size() < count) {
    throw UsageError(text("the model takes ", inputs, " features, the file has ", table.names().size(), " columns"));
  }
  const std::vector<std::string>& names = model.feature_names.empty() ? table.names() : model.feature_names;
  for (std::size_t i = 0; i < count; ++i) encoding.columns.push_back({names[i]});
  encoding.fill = model.normalization.mean;
  if (encoding.fill.size() != count) encoding.fill.assign(count, 0);
  return encoding;
}

CsvDataset load_csv_for(const ModelData& model, const std::filesystem::path& path, const TableOptions& options) {
  CsvTable table(path, options);
  const std::vector<std::string>& names = table.names();
  const bool named = !model.encoding.columns.empty() || !model.feature_names.empty();
  const Index inputs = named ? static_cast<Index>(model.feature_names.size()) : static_cast<Index>(names.size()) - 1;
  CsvDataset csv{.data = {}, .encoding = encoding_for(model, table, inputs), .note = {}, .keys = {}};
  std::vector<std::string> others;  // columns that are no features
  for (const std::string& name : names) {
    const auto is_it = [&](const ColumnEncoding& column) { return column.name == name; };
    if (std::none_of(csv.encoding.columns.begin(), csv.encoding.columns.end(), is_it)) others.push_back(name);
  }
  std::vector<std::string>& targets = csv.encoding.targets;
  const auto absent = [&](const std::string& name) {
    return std::find(names.begin(), names.end(), name) == names.end();
  };
  if (std::any_of(targets.begin(), targets.end(), absent)) targets.clear();
  if (!options.target.empty()) {
    targets.clear();
    for (const std::size_t column : table.columns(options.target)) targets.push_back(names[column]);
  } else if (targets.empty()) {
    if (others.empty()) table.fail("every column is a feature of the model: there is no label");
    if (others.size() > 1 && others.back() != names.back()) {
      throw UsageError(text("the last column, ", in_quotes(names.back()),
                            ", is a feature of the model: name the label's column with --target"));
    }
    targets = {others.back()};
  }
  for (const std::string& target : targets) {
    if (std::find(others.begin(), others.end(), target) != others.end()) {
      std::erase(others, target);
    } else {
      throw UsageError(text("column ", in_quotes(target), " is a feature of the model: it cannot be the label"));
    }
  }
  Dataset<double> like{.task = options.task.value_or(model.task), .class_names = model.class_names};
  if (like.task == Task::classification && like.class_names.empty()) {
    TableOptions labels = options;
    labels.target = targets.front();
    like.class_names = load_csv(path, labels).data.class_names;
  }
  like.classes = static_cast<Index>(like.class_names.size());
  csv.data = load_csv_like(path, csv.encoding, like, options);
  csv.note = text("read ", in_quotes(path.string()), " ", table.description(), "; ", csv.data.size(), " rows; ",
                  like.task == Task::classification ? "classification by " : "regression of ", listed(targets),
                  ", as in the model's training",
                  others.empty() ? "" : "; columns that the model does not use: " + listed(others));
  return csv;
}

void measure_fill(const Dataset<double>& train, TableEncoding& encoding) {
  encoding.fill.clear();
  for (Index column = 0; column < train.features(); ++column) {
    double sum = 0;
    Index count = 0;
    for (Index row = 0; row < train.size(); ++row) {
      const double value = train.inputs(row, column);
      if (std::isnan(value)) continue;
      sum += value;
      ++count;
    }
    encoding.fill.push_back(count > 0 ? sum / static_cast<double>(count) : 0);
  }
}

void fill_missing(Matrix<double>& inputs, const TableEncoding& encoding) {
  for (Index row = 0; row < inputs.rows(); ++row) {
    for (Index column = 0; column < inputs.cols(); ++column) {
      double& value = inputs(row, column);
      if (std::isnan(value)) value = encoding.fill[static_cast<std::size_t>(column)];
    }
  }
}

}  // namespace evengrad
