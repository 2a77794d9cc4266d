// CSV, read row by row and as a dataset. What is read is written with csv_cell() and read again.
#include <evengrad/data/csv.hpp>

#include "target.hpp"

using namespace evengrad;

namespace {

using Rows = std::vector<std::vector<std::string>>;

Rows read_rows(const std::filesystem::path& path) {
  CsvReader reader(path);
  Rows rows = {reader.header()};
  while (reader.next_row()) {
    rows.emplace_back();
    for (Index column = 0; column < static_cast<Index>(rows[0].size()); ++column) {
      rows.back().emplace_back(reader.cell(column));
    }
  }
  return rows;
}

/// A row whose only cell is empty would be an empty line, so every cell of it is quoted.
std::string written(const Rows& rows) {
  std::string file;
  for (const auto& row : rows) {
    std::string line;
    for (const std::string& cell : row) line += (line.empty() ? "" : ",") + (cell.empty() ? "\"\"" : csv_cell(cell));
    file += line + "\n";
  }
  return file;
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view file = fuzz::text_of(data, size);
  Rows rows;
  if (!fuzz::accepts(size, [&] { rows = read_rows(fuzz::memory_file(file)); })) return 0;
  fuzz::expect(read_rows(fuzz::memory_file(written(rows))) == rows, "written and read again, the rows are the same");

  const auto path = fuzz::memory_file(file);
  const auto load = [&](const CsvOptions& options) {
    return fuzz::accepts(size, [&] {
      const Dataset<double> loaded = load_csv(path, options).data;
      check(loaded);
      fuzz::expect(loaded.size() == static_cast<Index>(rows.size()) - 1, "a sample a row");
    });
  };
  load({});
  load({.target = rows[0].front(), .task = Task::regression});
  fuzz::expect(!load({.target = rows[0].front() + rows[0].back() + "?"}), "an unknown target is refused");
  return 0;
}
