// CSV: as cells, which are written with csv_cell() and read again, and as a dataset, whose encoding reads the file too.
#include <evengrad/data/table.hpp>

#include "target.hpp"

using namespace evengrad;

namespace {

using Rows = std::vector<std::vector<std::string>>;

Rows read_rows(const std::filesystem::path& path) {
  CsvReader reader(path);
  Rows rows;
  while (reader.next_row()) rows.emplace_back(reader.cells().begin(), reader.cells().end());
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
  const auto path = fuzz::memory_file(file);
  const auto load = [&](const TableOptions& options) {
    return fuzz::accepts(size, [&] {
      CsvDataset csv = load_csv(path, options);
      measure_fill(csv.data, csv.encoding);
      fill_missing(csv.data.inputs, csv.encoding);
      check(csv.data);
      fuzz::expect(csv.data.features() == csv.encoding.features(), "as many features as the encoding has");
      const Dataset<double> again = load_csv_like(path, csv.encoding, csv.data, options);
      fuzz::expect(again.size() >= csv.data.size(), "the encoding reads every row again");
    });
  };
  load({});
  load({.task = Task::regression, .header = "no", .missing = "mean", .dates = "mdy"});
  load({.task = Task::classification, .header = "yes", .delimiter = ",", .decimal = ".", .max_categories = "3"});
  fuzz::expect(!load({.target = "\x01 no such column"}), "an unknown target is refused");

  Rows rows;
  if (fuzz::accepts(size, [&] { rows = read_rows(path); })) {
    // What it holds may look like another kind of file when it is written again; a first row of our own does not.
    rows.insert(rows.begin(), {"a"});
    fuzz::expect(read_rows(fuzz::memory_file(written(rows))) == rows, "written and read again, the rows are the same");
  }
  return 0;
}
