#include <evengrad/experiments/terminal_writer.hpp>

#include <evengrad/core/error.hpp>
#include <evengrad/core/numbers.hpp>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <sstream>

namespace evengrad {

namespace {

constexpr Verdict verdicts[] = {Verdict::confirmed, Verdict::conditional, Verdict::refuted, Verdict::undecided,
                                Verdict::not_tested};
constexpr std::size_t verdict_width = 11;  // "conditional", the longest
constexpr std::size_t rows_of_cut_table = 8;

const char* color_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::confirmed:
      return "32";  // green
    case Verdict::conditional:
      return "33";  // yellow
    case Verdict::refuted:
      return "31";  // red
    case Verdict::undecided:
      return "36";  // cyan
    case Verdict::not_tested:
      return "90";  // grey
  }
  return "0";
}

std::string word(Verdict verdict) {
  std::string words = to_string(verdict);
  std::replace(words.begin(), words.end(), '_', ' ');
  return words;
}

// Columns that a text takes: its code points, none of ours being wide.
std::size_t columns_of(std::string_view words) {
  return static_cast<std::size_t>(
      std::count_if(words.begin(), words.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

// Control characters would move the cursor or worse: shown as a space or '?'.
std::string plain(std::string_view words) {
  std::string clean;
  for (const char c : words) {
    const auto byte = static_cast<unsigned char>(c);
    clean += c == '\n' || c == '\t' || c == '\r' ? ' ' : byte < 0x20 || byte == 0x7F ? '?' : c;
  }
  return clean;
}

std::string number(double value) { return rounded_text(value, 4); }

std::string with_interval(const Measurement& m) {
  if (!m.low || !m.high || !std::isfinite(*m.low) || !std::isfinite(*m.high)) return number(m.value);
  return text(number(m.value), " [", number(*m.low), ", ", number(*m.high), "]");
}

std::string cell_text(const Cell& cell) {
  if (const auto* words = std::get_if<std::string>(&cell)) return plain(*words);
  if (const auto* value = std::get_if<double>(&cell)) return number(*value);
  return with_interval(std::get<Measurement>(cell));
}

class Page {
 public:
  explicit Page(const TerminalOptions& options) : options_(options) {}

  std::string styled(const std::string& words, const char* code) const {
    return options_.color ? text("\033[", code, "m", words, "\033[0m") : words;
  }
  std::string bold(const std::string& words) const { return styled(words, "1"); }
  std::string dim(const std::string& words) const { return styled(words, "2"); }

  /// Wraps at spaces; the first line follows what `line` already holds, the next ones are indented.
  void paragraph(std::string line, std::size_t used, std::size_t indent, std::string_view words) {
    std::istringstream stream{plain(words)};
    bool begun = false;
    for (std::string next; stream >> next;) {
      const std::size_t width = columns_of(next);
      if (begun && used + 1 + width > options_.width) {
        out_ += line + '\n';
        line = std::string(indent, ' ');
        used = indent;
        begun = false;
      }
      line += (begun ? " " : "") + next;
      used += width + (begun ? 1 : 0);
      begun = true;
    }
    out_ += line + '\n';
  }
  void paragraph(std::size_t indent, std::string_view words) {
    paragraph(std::string(indent, ' '), indent, indent, words);
  }
  void line(const std::string& words = "") { out_ += words + '\n'; }

  void claim(const Claim& claim, std::size_t id_width);
  void table(const Table& table);

  std::string take() { return std::move(out_); }

 private:
  const TerminalOptions& options_;
  std::string out_;
};

void Page::claim(const Claim& claim, std::size_t id_width) {
  const std::string verdict = word(claim.verdict);
  const std::size_t indent = 2 + verdict_width + 2 + id_width + 2;
  std::string begin =
      "  " + styled(verdict, color_of(claim.verdict)) + std::string(verdict_width + 2 - verdict.size(), ' ');
  begin += bold(claim.id) + std::string(id_width + 2 - std::min(id_width + 2, columns_of(claim.id)), ' ');
  paragraph(begin, indent, indent, claim.statement + " (" + claim.source + ")");
  std::string numbers;
  if (claim.predicted) numbers += "predicted " + number(*claim.predicted) + "   ";
  if (claim.measured) numbers += "measured " + with_interval(*claim.measured);
  if (!numbers.empty()) line(std::string(indent, ' ') + bold(numbers));
  if (!claim.condition.empty()) paragraph(indent, claim.condition);
  if (!claim.surprise.empty()) paragraph(indent, "Surprise: " + claim.surprise);
  paragraph(indent, (claim.verdict == Verdict::not_tested ? "Why: " : "Rule: ") + claim.rule);
}

void Page::table(const Table& table) {
  const bool cut = table.rows.size() > options_.longest_table;
  const std::size_t rows = cut ? std::min(options_.longest_table, rows_of_cut_table) : table.rows.size();
  std::vector<std::vector<std::string>> cells(rows + 1);
  std::vector<std::size_t> widths(table.columns.size(), 0);
  std::vector<bool> left(table.columns.size(), true);  // a column of words; numbers stand at the right
  for (std::size_t r = 0; r <= rows; ++r) {
    for (std::size_t c = 0; c < table.columns.size(); ++c) {
      const bool missing = r > 0 && c >= table.rows[r - 1].size();
      cells[r].push_back(r == 0 ? plain(table.columns[c]) : missing ? "" : cell_text(table.rows[r - 1][c]));
      widths[c] = std::max(widths[c], columns_of(cells[r][c]));
      if (r > 0 && !missing && !std::holds_alternative<std::string>(table.rows[r - 1][c])) left[c] = false;
    }
  }
  paragraph("  ", 2, 2, table.title);
  for (std::size_t r = 0; r <= rows; ++r) {
    std::string words = "  ";
    for (std::size_t c = 0; c < table.columns.size(); ++c) {
      const std::string space(widths[c] - columns_of(cells[r][c]), ' ');
      words += (c > 0 ? "  " : "") + (left[c] ? cells[r][c] + space : space + cells[r][c]);
    }
    words.erase(words.find_last_not_of(' ') + 1);
    line(r == 0 ? dim(words) : words);
  }
  if (cut) {
    line(dim(text("  ... and ", table.rows.size() - rows,
                  " more rows, all of them in the CSV files that --out DIR writes")));
  }
}

}  // namespace

std::string to_terminal(const Report& report, const TerminalOptions& options) {
  Page page(options);
  page.line(page.bold(plain(report.title)));
  page.paragraph(0, report.question);
  page.line();
  page.paragraph(2, report.answer);
  if (!report.claims.empty()) {
    std::size_t id_width = 0;
    for (const Claim& claim : report.claims) id_width = std::max(id_width, columns_of(claim.id));
    for (const Claim& claim : report.claims) {
      page.line();
      page.claim(claim, id_width);
    }
  }
  for (const Table& table : report.tables) {
    page.line();
    page.table(table);
  }
  if (!report.notes.empty()) page.line();
  for (const std::string& note : report.notes) page.paragraph("  - ", 4, 4, note);
  return page.take();
}

std::string terminal_headline(const Report& report, const TerminalOptions& options) {
  Page page(options);
  page.line(page.bold(plain(report.title)));
  page.paragraph(2, report.answer);
  std::string counts;
  for (const Verdict verdict : verdicts) {
    const auto count = std::count_if(report.claims.begin(), report.claims.end(),
                                     [&](const Claim& claim) { return claim.verdict == verdict; });
    if (count > 0) counts += text(counts.empty() ? "" : ", ", count, " ", word(verdict));
  }
  if (!counts.empty()) page.paragraph(2, "Claims: " + counts);
  return page.take();
}

std::string terminal_summary(const Results& results, const TerminalOptions& options) {
  Page page(options);
  std::size_t claims = 0;
  std::string counts;
  for (const Verdict verdict : verdicts) {
    std::size_t count = 0;
    for (const Report& report : results.experiments) {
      count += static_cast<std::size_t>(std::count_if(report.claims.begin(), report.claims.end(),
                                                      [&](const Claim& claim) { return claim.verdict == verdict; }));
    }
    if (count == 0) continue;
    counts += (claims > 0 ? ", " : "") + page.styled(text(count, " ", word(verdict)), color_of(verdict));
    claims += count;
  }
  Table surprises{.name = "surprises", .title = "Surprises", .columns = {"claim", "verdict", "what"}};
  for (const Report& report : results.experiments) {
    for (const Claim& claim : report.claims) {
      if (claim.surprise.empty()) continue;
      surprises.rows.push_back({claim.id, word(claim.verdict), claim.surprise});
    }
  }
  if (!surprises.rows.empty()) {
    page.table(surprises);
    page.line();
  }
  char seconds[32];
  std::snprintf(seconds, sizeof seconds, "%.1f s", results.seconds);
  page.line(text(page.bold(text(claims, claims == 1 ? " claim" : " claims")), claims > 0 ? ": " : "", counts));
  page.line(text(to_string(results.profile), " profile, seed ", results.seed, ", ", seconds));
  return page.take();
}

}  // namespace evengrad
