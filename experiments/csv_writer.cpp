#include <evengrad/core/numbers.hpp>
#include <evengrad/experiments/csv_writer.hpp>

#include <algorithm>

namespace evengrad {

namespace {

std::string field(const std::string& words) {
  if (words.find_first_of(",\"\r\n") == std::string::npos) return words;
  std::string quoted = "\"";
  for (const char c : words) quoted += c == '"' ? std::string("\"\"") : std::string(1, c);
  return quoted + '"';
}

// The shortest text that reads back as the same number; "nan" and "inf" where it is not finite.
std::string field(double number) { return number_text(number); }

std::string field(const std::optional<double>& number) { return number ? field(*number) : ""; }

bool has_interval(const Table& table, std::size_t column) {
  return std::any_of(table.rows.begin(), table.rows.end(), [column](const std::vector<Cell>& row) {
    return column < row.size() && std::holds_alternative<Measurement>(row[column]);
  });
}

void add_line(std::string& csv, const std::vector<std::string>& fields) {
  for (std::size_t i = 0; i < fields.size(); ++i) csv += (i > 0 ? "," : "") + fields[i];
  csv += "\r\n";
}

}  // namespace

std::string to_csv(const Table& table) {
  std::string csv;
  std::vector<std::string> fields;
  std::vector<bool> interval;
  for (std::size_t c = 0; c < table.columns.size(); ++c) {
    interval.push_back(has_interval(table, c));
    const std::string& name = table.columns[c];
    fields.push_back(field(name));
    if (interval[c]) fields.insert(fields.end(), {field(name + " low"), field(name + " high")});
  }
  add_line(csv, fields);
  for (const std::vector<Cell>& row : table.rows) {
    fields.clear();
    for (std::size_t c = 0; c < row.size(); ++c) {
      const auto* m = std::get_if<Measurement>(&row[c]);
      const auto* words = std::get_if<std::string>(&row[c]);
      fields.push_back(m ? field(m->value) : words ? field(*words) : field(std::get<double>(row[c])));
      if (c < interval.size() && interval[c]) {
        fields.push_back(m ? field(m->low) : "");
        fields.push_back(m ? field(m->high) : "");
      }
    }
    add_line(csv, fields);
  }
  return csv;
}

}  // namespace evengrad
