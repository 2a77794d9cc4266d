#include <evengrad/core/error.hpp>
#include <evengrad/core/utf8.hpp>
#include <evengrad/data/csv.hpp>

#include <algorithm>
#include <cstring>
#include <map>

namespace evengrad {

namespace {

constexpr std::string_view byte_order_mark = "\xef\xbb\xbf";
constexpr std::size_t most_columns = 100'000;
constexpr std::size_t window_size = std::size_t{1} << 18;
constexpr std::size_t longest_row = std::size_t{1} << 23;

// Files that are given in place of a CSV file, by what they begin with.
constexpr std::pair<std::string_view, std::string_view> other_files[] = {
    {"PK\x03\x04", "an Excel workbook or a zip archive: save the table as CSV, or unpack it"},
    {"\xd0\xcf\x11\xe0", "an Excel workbook: save the table as CSV"},
    {"\x1f\x8b", "gzipped: unpack it with gunzip"},
    {"PAR1", "a Parquet file: save the table as CSV"},
    {"\x89HDF", "an HDF5 file: save the table as CSV"},
    {"\xff\xfe", "UTF-16: save the file as UTF-8"},
    {"\xfe\xff", "UTF-16: save the file as UTF-8"},
    {"<!DOCTYPE", "a web page: download the raw file"},
    {"<!doctype", "a web page: download the raw file"},
    {"<html", "a web page: download the raw file"},
    {"@relation", "an ARFF file: save the table as CSV"},
    {"@RELATION", "an ARFF file: save the table as CSV"},
    {"{", "JSON: save the table as CSV"},
    {"[{", "JSON: save the table as CSV"}};

// The code points of the bytes 0x80 to 0x9f in Windows-1252; what it leaves open is U+FFFD.
constexpr char16_t windows_1252[] = {0x20ac, 0xfffd, 0x201a, 0x0192, 0x201e, 0x2026, 0x2020, 0x2021,
                                     0x02c6, 0x2030, 0x0160, 0x2039, 0x0152, 0xfffd, 0x017d, 0xfffd,
                                     0xfffd, 0x2018, 0x2019, 0x201c, 0x201d, 0x2022, 0x2013, 0x2014,
                                     0x02dc, 0x2122, 0x0161, 0x203a, 0x0153, 0xfffd, 0x017e, 0x0178};

void append_utf8(std::string& text, unsigned char byte) {
  const unsigned code = byte < 0x80 || byte >= 0xa0 ? byte : windows_1252[byte - 0x80];
  const auto put = [&](unsigned part) { text += static_cast<char>(part); };
  if (code < 0x80) return put(code);
  if (code < 0x800) {
    put(0xc0 | code >> 6);
  } else {
    put(0xe0 | code >> 12);
    put(0x80 | (code >> 6 & 0x3f));
  }
  put(0x80 | (code & 0x3f));
}

// Bytes of a sequence that the end of a chunk cuts off.
std::size_t cut_off(std::string_view bytes) {
  for (std::size_t back = 1; back <= std::min<std::size_t>(3, bytes.size()); ++back) {
    const auto c = static_cast<unsigned char>(bytes[bytes.size() - back]);
    if (c < 0x80) return 0;
    if (c >= 0xc0) return back < (c >= 0xf0 ? 4u : c >= 0xe0 ? 3u : 2u) ? back : 0;
  }
  return 0;
}

bool is_ascii(std::string_view bytes) {
  unsigned char all = 0;
  for (const char c : bytes) all |= static_cast<unsigned char>(c);
  return all < 0x80;
}

}  // namespace

CsvReader::CsvReader(const std::filesystem::path& path) : path_(path) { inspect(); }

CsvReader::CsvReader(std::filesystem::path name, std::string content)
    : path_(std::move(name)), content_(std::move(content)) {
  inspect();
}

// Once through the file: whether it is text, and in which encoding.
void CsvReader::inspect() {
  rewind();
  std::string chunk(window_size, '\0');
  std::size_t carried = 0;
  Index lines = 1;
  bool first = true;
  while (const std::size_t got = read(chunk.data() + carried, chunk.size() - carried)) {
    std::string_view bytes(chunk.data(), carried + got);
    row_line_ = lines;
    if (first) {
      for (const auto& [start, what] : other_files) {
        if (bytes.starts_with(start)) fail(text("this is ", what));
      }
      first = false;
    }
    if (const std::size_t at = bytes.find('\0'); at != bytes.npos) {
      row_line_ += std::count(bytes.begin(), bytes.begin() + static_cast<Index>(at), '\n');
      fail("a NUL byte: this is not a text file");
    }
    lines += std::count(bytes.begin(), bytes.end(), '\n');
    carried = 0;
    if (windows_1252_ || is_ascii(bytes)) continue;
    carried = cut_off(bytes);
    windows_1252_ = first_invalid_utf8(bytes.substr(0, bytes.size() - carried)) != bytes.npos;
    std::memmove(chunk.data(), chunk.data() + bytes.size() - carried, carried);
  }
  windows_1252_ |= carried > 0;
  restart({});
}

void CsvReader::rewind() {
  content_at_ = 0;
  if (!content_) file_.emplace(path_);
  line_ = row_line_ = 1;
}

std::size_t CsvReader::read(char* to, std::size_t most) {
  if (!content_) return file_->read(std::as_writable_bytes(std::span(to, most)));
  const std::size_t count = std::min(most, content_->size() - content_at_);
  std::memcpy(to, content_->data() + content_at_, count);
  content_at_ += count;
  return count;
}

void CsvReader::restart(const CsvFormat& format) {
  format_ = format;
  ends_plain_.fill(false);
  for (const char c : {format.delimiter, '\n', '\r'}) ends_plain_[static_cast<unsigned char>(c)] = true;
  if (format.delimiter == ' ') ends_plain_['\t'] = true;
  rewind();
  window_.clear();
  begin_ = 0;
  at_end_ = false;
  refill();
  if (window_.starts_with(byte_order_mark)) begin_ = byte_order_mark.size();
  for (Index i = 0; i < format.preamble; ++i) next_row();
}

/// Moves what has not been read to the window's beginning and reads on behind it; false at the end.
bool CsvReader::refill() {
  if (at_end_) return false;
  window_.erase(0, begin_);
  begin_ = 0;
  const std::size_t kept = window_.size(), more = std::max(window_size, kept);
  if (kept > longest_row) fail(text("a row of more than ", longest_row >> 20, " MB: is a quote missing?"));
  window_.resize(kept + more);
  const std::size_t got = read(window_.data() + kept, more);
  window_.resize(kept + got);
  at_end_ = got < more;
  if (windows_1252_ && !is_ascii(std::string_view(window_).substr(kept))) {
    const std::string bytes = window_.substr(kept);
    window_.resize(kept);
    for (const char c : bytes) append_utf8(window_, static_cast<unsigned char>(c));
  }
  return true;
}

std::string CsvReader::sample() {
  restart({});
  std::string_view start = std::string_view(window_).substr(begin_);
  if (!at_end_) start = start.substr(0, start.find_last_of("\r\n") + 1);
  return std::string(start);
}

void CsvReader::fail(std::string_view what, std::string_view column) const {
  const std::string where = column.empty() ? "" : ", column " + in_quotes(column);
  throw FileError(text("cannot read ", in_quotes(path_.string()), " as CSV: line ", row_line_, where, ": ", what));
}

bool CsvReader::next_row() {
  comment_.clear();
  while (true) {
    // Empty lines and comments.
    std::size_t at = skip_blanks(begin_);
    if (at == window_.size()) {
      if (!refill()) return cells_.clear(), false;
      continue;
    }
    if (window_[at] == '\n' || window_[at] == '\r') {
      if (window_[at] == '\r' && at + 1 == window_.size() && refill()) continue;
      at += window_[at] == '\r' && window_.compare(at + 1, 1, "\n") == 0 ? 2 : 1;
      begin_ = at;
      ++line_;
      continue;
    }
    row_line_ = line_;
    if (format_.comment != 0 && window_[at] == format_.comment) {
      const std::size_t end = window_.find_first_of("\r\n", at);
      if (end == std::string::npos && refill()) continue;
      comment_ = window_.substr(at + 1, std::min(end, window_.size()) - at - 1);
      begin_ = std::min(end, window_.size());
      continue;
    }
    if (read_record()) return true;
    line_ = row_line_;
    refill();
  }
}

std::size_t CsvReader::skip_blanks(std::size_t at) const {
  while (at < window_.size() && is_blank(window_[at])) ++at;
  return at;
}

/// The end of a quoted cell that begins at `at`, behind the closing quote; npos if the window ends before it.
std::size_t CsvReader::quoted_cell(std::size_t at) {
  const std::size_t begin = ++at;
  bool doubled = false;
  while (true) {
    at = window_.find(format_.quote, at);
    if (at == std::string::npos || (at + 1 == window_.size() && !at_end_)) {
      if (at_end_) fail("a quote that opens in this row is never closed");
      return std::string::npos;
    }
    if (window_.compare(at + 1, 1, &format_.quote, 1) != 0) break;
    doubled = true;
    at += 2;
  }
  if (doubled) doubled_.push_back(cells_.size());
  cells_.push_back(std::string_view(window_).substr(begin, at - begin));
  line_ += std::count(window_.begin() + static_cast<Index>(begin), window_.begin() + static_cast<Index>(at), '\n');
  return at + 1;
}

/// Reads the record that begins at begin_; false if the window ends before it.
bool CsvReader::read_record() {
  cells_.clear();
  doubled_.clear();
  std::size_t at = begin_;
  const char* text_begin = window_.data();
  const std::size_t size = window_.size();
  while (true) {
    at = skip_blanks(at);
    if (at < size && window_[at] == format_.quote) {
      at = quoted_cell(at);
      if (at == std::string::npos) return false;
      if (format_.delimiter != ' ') at = skip_blanks(at);
      if (at < size && !ends_plain_[static_cast<unsigned char>(window_[at])]) {
        fail(text("a quoted cell must be followed by ", in_quotes({&format_.delimiter, 1}), " or the end of the line"));
      }
    } else {
      const std::size_t begin = at;
      while (at < size && !ends_plain_[static_cast<unsigned char>(text_begin[at])]) ++at;
      std::size_t end = at;
      while (end > begin && is_blank(text_begin[end - 1])) --end;
      cells_.emplace_back(text_begin + begin, end - begin);
    }
    if (cells_.size() > most_columns) fail(text("it has more than ", most_columns, " columns"));
    if (format_.delimiter == ' ') at = skip_blanks(at);
    if (at == size || (text_begin[at] == '\r' && at + 1 == size)) {
      if (!at_end_) return false;
      begin_ = size;
      break;
    }
    if (text_begin[at] == '\n' || text_begin[at] == '\r') {
      begin_ = at + (text_begin[at] == '\r' && text_begin[at + 1] == '\n' ? 2 : 1);
      ++line_;
      break;
    }
    if (format_.delimiter != ' ') ++at;
  }
  // Doubled quotes become one in place: the text only gets shorter.
  for (const std::size_t i : doubled_) {
    char* const first = window_.data() + (cells_[i].data() - window_.data());
    char* end = first;
    for (std::size_t k = 0; k < cells_[i].size(); ++k) {
      *end++ = first[k];
      k += first[k] == format_.quote;
    }
    cells_[i] = {first, static_cast<std::size_t>(end - first)};
  }
  return true;
}

namespace {

struct Fit {
  std::size_t cells = 0;  // of most rows
  double share = 0;       // of the rows that have as many
  Index first = 0;        // row, from 0
  double score = 0;
};

// How well a format suits the beginning of a file.
Fit fit(const std::string& sample, CsvFormat format) {
  constexpr std::size_t most_rows = 500;
  std::vector<std::size_t> counts;
  std::size_t cells = 0, foreign = 0;
  CsvReader reader("sample", sample);
  try {
    reader.restart(format);
    while (counts.size() < most_rows && reader.next_row()) {
      counts.push_back(reader.cells().size());
      for (const std::string_view cell : reader.cells()) {
        ++cells;
        foreign += cell.find_first_of(";|\t") != cell.npos || cell.find("  ") != cell.npos;
      }
    }
  } catch (const FileError&) {
    // A quote that does not close in this format: what came before counts.
  }
  if (counts.empty()) return {};
  std::map<std::size_t, std::size_t> rows_of;
  for (const std::size_t count : counts) ++rows_of[count];
  Fit result;
  for (const auto& [count, rows] : rows_of) {
    const double share = static_cast<double>(rows) / static_cast<double>(counts.size());
    if (share >= result.share) result = {count, share, 0, 0};
  }
  while (counts[static_cast<std::size_t>(result.first)] != result.cells) ++result.first;
  result.score = result.cells < 2 ? 0 : result.share - static_cast<double>(foreign) / static_cast<double>(cells);
  return result;
}

// Whether the cells of a file are in single quotes.
bool single_quoted(std::string_view sample) {
  constexpr std::string_view before = ",;|\t\n";
  std::size_t opened = 0;
  for (std::size_t at = sample.find('\''); at != sample.npos; at = sample.find('\'', at + 1)) {
    const bool opens = at == 0 || before.find(sample[at - 1]) != before.npos;
    const std::size_t close = sample.find_first_of("'\n", at + 1);
    if (!opens || close == sample.npos || sample[close] != '\'') continue;
    if (close + 1 == sample.size() || before.find(sample[close + 1]) != before.npos || sample[close + 1] == '\r') {
      ++opened;
      at = close;
    }
  }
  return opened > 0 && sample.find('"') == sample.npos;
}

}  // namespace

CsvFormat detect_csv_format(std::string_view sample, std::optional<char> delimiter) {
  CsvFormat format;
  const std::size_t start = std::min(sample.find_first_not_of(" \t\r\n"), sample.size());
  for (const char mark : {'#', '%'}) {
    if (sample.compare(start, 1, &mark, 1) == 0) format.comment = mark;
  }
  if (single_quoted(sample)) format.quote = '\'';
  std::string_view first_line = sample.substr(start, sample.find_first_of("\r\n", start) - start);
  if (first_line.size() >= 2 && first_line.front() == '"' && first_line.back() == '"') {
    first_line = first_line.substr(1, first_line.size() - 2);
  }
  const bool named = first_line.size() == 5 && (first_line.starts_with("sep=") || first_line.starts_with("SEP="));
  if (named && !delimiter) delimiter = first_line[4];
  format.preamble = named ? 1 : 0;

  const std::string held(sample);
  Fit best, second;
  if (delimiter) {
    format.delimiter = *delimiter;
    best = fit(held, format);
  } else {
    char runner_up = 0;
    for (const char candidate : {',', ';', '\t', '|'}) {
      CsvFormat trial = format;
      trial.delimiter = candidate;
      const Fit found = fit(held, trial);
      if (found.score > best.score) {
        second = best;
        runner_up = format.delimiter;
        best = found;
        format.delimiter = candidate;
      } else if (found.score > second.score) {
        second = found;
        runner_up = candidate;
      }
    }
    if (best.share > 0.9 && second.share > 0.9 && second.score > best.score - 0.02) {
      throw UsageError(text("its cells may be separated by ", in_quotes({&format.delimiter, 1}), " or by ",
                            in_quotes({&runner_up, 1}), ": say which with --delimiter"));
    }
    CsvFormat blanks = format;
    blanks.delimiter = ' ';
    // Tabs that are doubled here and there are blanks.
    const bool some_doubled = format.delimiter == '\t' && best.share < 1;
    const Fit found = fit(held, blanks);
    if ((best.score <= 0.5 && found.score > best.score) ||
        (some_doubled && found.cells == best.cells && found.share == 1)) {
      best = found;
      format = blanks;
    }
  }
  // Lines above the table that are no rows of it, such as a title. A header may lack the name of the first column.
  constexpr Index longest_preamble = 20;
  if (best.cells >= 2 && best.share > 0.5 && best.first <= longest_preamble) {
    CsvReader reader("sample", held);
    reader.restart(format);
    Index title_rows = 0;
    for (Index row = 0; row < best.first && reader.next_row(); ++row) {
      if (row + 1 < best.first || reader.cells().size() + 1 < best.cells) title_rows = row + 1;
    }
    format.preamble += title_rows;
  }
  return format;
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
