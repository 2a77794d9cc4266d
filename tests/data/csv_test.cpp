#include <evengrad/core/error.hpp>
#include <evengrad/data/csv.hpp>

#include <gtest/gtest.h>

#include <sys/stat.h>

#include "../temp_folder.hpp"

namespace evengrad {
namespace {

namespace fs = std::filesystem;

/// All rows' cells, | behind each and a line a row.
std::string cells(CsvReader& reader) {
  std::string all;
  while (reader.next_row()) {
    for (const std::string_view cell : reader.cells()) (all += cell) += '|';
    all += '\n';
  }
  return all;
}

std::string cells(std::string bytes, const CsvFormat& format = {}) {
  CsvReader reader("data.csv", std::move(bytes));
  reader.restart(format);
  return cells(reader);
}

/// What reading these bytes says after the path, which it must name.
std::string refusal(std::string bytes, const CsvFormat& format = {}) {
  const std::string message = error_of<FileError>([&] { cells(std::move(bytes), format); });
  const std::string prefix = "cannot read 'data.csv' as CSV: ";
  EXPECT_TRUE(message.starts_with(prefix)) << message;
  EXPECT_EQ(message.find('\n'), std::string::npos);
  return message.substr(std::min(message.size(), prefix.size()));
}

TEST(Csv, ReadsRowsInEveryUsualForm) {
  const std::string expected = "a|b|\n1|2|\n3|4|\n";
  EXPECT_EQ(cells("a,b\n1,2\n3,4\n"), expected);
  EXPECT_EQ(cells("a,b\n1,2\n3,4"), expected);
  EXPECT_EQ(cells("a,b\r\n1,2\r\n3,4\r\n"), expected);
  EXPECT_EQ(cells("a,b\r\n1,2\r\n3,4"), expected);
  EXPECT_EQ(cells("a,b\r1,2\r3,4\r"), expected);
  EXPECT_EQ(cells("a,b\r1,2\r3,4"), expected);
  EXPECT_EQ(cells("\xef\xbb\xbf\"a\",b\n1,2\n3,4\n"), expected);
  EXPECT_EQ(cells("\n\na,b\n\n1,2\r\n\r\n  \n3,4\n\n"), expected);
  EXPECT_EQ(cells(" a ,\tb\n 1,2 \n3\t, 4"), expected);
  EXPECT_EQ(cells("\"a\" , \"b\"\n\"1\",2\n3,\"4\""), expected);
  EXPECT_EQ(cells("a;b\n1;2\n3;4\n", {.delimiter = ';'}), expected);
  EXPECT_EQ(cells("a\tb\n1\t2\n 3 \t4\n", {.delimiter = '\t'}), expected);
  EXPECT_EQ(cells("  a   b\n1 \t 2  \n'3' 4", {.delimiter = ' ', .quote = '\''}), expected);
  EXPECT_EQ(cells("# one, two\na,b\n1,2\n#\n3,4\n", {.comment = '#'}), expected);
  EXPECT_EQ(cells("a title\nsep=,\na,b\n1,2\n3,4\n", {.preamble = 2}), expected);
  EXPECT_EQ(cells("a,b,\n,\t\n1", {.delimiter = '\t'}), "a,b,|\n,||\n1|\n");
  EXPECT_EQ(cells("a,b,\n,\n,,"), "a|b||\n||\n|||\n");
  EXPECT_EQ(cells(""), "");
  EXPECT_EQ(cells("\xef\xbb\xbf \n"), "");
}

TEST(Csv, QuotedCellsHoldAnything) {
  EXPECT_EQ(cells("\"x, y\",\"say \"\"hi\"\"\"\n"), "x, y|say \"hi\"|\n");
  EXPECT_EQ(cells("\"two\nlines\",\" blanks \"\n"), "two\nlines| blanks |\n");
  EXPECT_EQ(cells("\"\",\"\"\"\"\n"), "|\"|\n");
  EXPECT_EQ(cells("'it''s, he said','\"'\n", {.quote = '\''}), "it's, he said|\"|\n");
  EXPECT_EQ(cells("5'11\",it's\n"), "5'11\"|it's|\n");  // no quote opens within a cell
}

TEST(Csv, AWindowThatEndsAnywhereChangesNothing) {
  // Longer than the window, with a quoted cell longer than that, so that some row is cut at every kind of place.
  std::string file, expected;
  for (int i = 0; i < 40'000; ++i) {
    file += text(i, ",\"a\"\"b\n", i, "\",x\r\n");
    expected += text(i, "|a\"b\n", i, "|x|\n");
  }
  const std::string large(600'000, 'y');
  EXPECT_EQ(cells(file + "\"" + large + "\",1,2\n3,4,5"), expected + large + "|1|2|\n3|4|5|\n");
}

TEST(Csv, LinesAreCounted) {
  CsvReader reader("data.csv", "a,b\n\"1\n\n\",2\r\n\n# no row\n3,4");
  reader.restart({.comment = '#'});
  std::vector<Index> lines;
  while (reader.next_row()) lines.push_back(reader.line());
  EXPECT_EQ(lines, (std::vector<Index>{1, 2, 7}));
}

TEST(Csv, BrokenFilesAreRefused) {
  EXPECT_EQ(refusal("a,b\n1,2\n\"3,4\n5,6"), "line 3: a quote that opens in this row is never closed");
  EXPECT_EQ(refusal("a,b\n1,\""), "line 2: a quote that opens in this row is never closed");
  EXPECT_EQ(refusal("a,b\n1,\"2\"3\n"), "line 2: a quoted cell must be followed by ',' or the end of the line");
  EXPECT_EQ(refusal(std::string("a,b\n1,2\n3,\0\n", 12)), "line 3: a NUL byte: this is not a text file");
  EXPECT_EQ(refusal(std::string(1'000'000, ',')), "line 1: it has more than 100000 columns");
}

TEST(Csv, OtherKindsOfFilesAreNamed) {
  const std::pair<std::string, std::string> files[] = {{"PK\x03\x04", "Excel"},   {"\x1f\x8b\x08", "gunzip"},
                                                       {"\xff\xfe\x61", "UTF-8"}, {"<!DOCTYPE html>", "raw file"},
                                                       {"{\"a\": 1}", "JSON"},    {"@relation iris\n", "ARFF"}};
  for (const auto& [bytes, word] : files) EXPECT_NE(refusal(bytes).find(word), std::string::npos) << bytes;
}

TEST(Csv, WhatIsNotUtf8IsWindows1252) {
  EXPECT_EQ(cells("caf\xe9,\x80 5,na\xefve\n"), "caf\xc3\xa9|\xe2\x82\xac 5|na\xc3\xafve|\n");
  EXPECT_EQ(cells("caf\xc3\xa9,\xe2\x82\xac 5\n"), "caf\xc3\xa9|\xe2\x82\xac 5|\n");
  // A sequence of UTF-8 across the border of two chunks is one.
  for (int shift = 0; shift < 4; ++shift) {
    const std::string padding(static_cast<std::size_t>((1 << 18) - 3 + shift), 'x');
    EXPECT_EQ(cells(padding + "\xe2\x82\xac"), padding + "\xe2\x82\xac|\n");
  }
  EXPECT_EQ(cells("x\xe2\x82"), "x\xc3\xa2\xe2\x80\x9a|\n");  // cut off at the end: not UTF-8
}

TEST(Csv, WhatIsNotAFileIsRefused) {
  const TempFolder folder;
  const fs::path fifo = folder.path() / "fifo.csv";
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  for (const fs::path& path : {fifo, folder.path(), fs::path("missing.csv")}) {
    EXPECT_NE(error_of<FileError>([&] { CsvReader reader(path); }), "");
  }
  const fs::path file = folder.write("a.csv", "1,2\n3,4\n");
  CsvReader reader(file);
  EXPECT_EQ(cells(reader), "1|2|\n3|4|\n");
  reader.restart({});
  EXPECT_EQ(cells(reader), "1|2|\n3|4|\n");
}

std::string detected(std::string_view sample) {
  const CsvFormat format = detect_csv_format(sample);
  return text(format.delimiter == '\t' ? 't' : format.delimiter, format.quote, format.comment ? format.comment : '-',
              format.preamble);
}

TEST(CsvFormat, IsDetected) {
  EXPECT_EQ(detected("a,b\n1,2\n"), ",\"-0");
  EXPECT_EQ(detected("a;b\n1,5;2\n3;4\n"), ";\"-0");
  EXPECT_EQ(detected("1,5;2,5\n3,5;4,5\n"), ";\"-0");  // no header, and each row as many commas
  EXPECT_EQ(detected("a\tb\n1,5\t2\n"), "t\"-0");
  EXPECT_EQ(detected("a|b|c\n1|2|3\n"), "|\"-0");
  EXPECT_EQ(detected(" 0.00632  18.00   2.310  0\n 0.02731   0.00   7.070  0\n"), " \"-0");
  EXPECT_EQ(detected("18.0   8   307.0\t\"chevrolet malibu\"\n25.0   4   98.00\t\"ford pinto\"\n"), " \"-0");
  EXPECT_EQ(detected("sep=;\na;b\n1;2\n"), ";\"-1");
  EXPECT_EQ(detected("\"sep=,\"\na,b\n1,2\n"), ",\"-1");
  EXPECT_EQ(detected("# from numpy\na,b\n1,2\n"), ",\"#0");
  EXPECT_EQ(detected("'a','b'\n'x, y',2\n"), ",'-0");
  EXPECT_EQ(detected("name,quote\nx,it's\ny,don't\n"), ",\"-0");
  EXPECT_EQ(detected("genres,y\na;b,1\nc;d,2\n"), ",\"-0");
  EXPECT_EQ(detected("A report\n\na,b,c\n1,2,3\n4,5,6\n"), ",\"-1");
  EXPECT_EQ(detected("a b\n1 2\n"), " \"-0");
  EXPECT_EQ(detect_csv_format("a_b\n1_2\n", '_').delimiter, '_');
  const std::string message = error_of<UsageError>([] { detect_csv_format("a;b|c\n1;2|3\n4;5|6\n"); });
  EXPECT_NE(message.find("--delimiter"), std::string::npos) << message;
}

TEST(Csv, CellsAreWrittenAsTheyAreRead) {
  EXPECT_EQ(csv_cell("plain text"), "plain text");
  EXPECT_EQ(csv_cell("a,b"), "\"a,b\"");
  EXPECT_EQ(csv_cell("say \"hi\""), "\"say \"\"hi\"\"\"");
  EXPECT_EQ(csv_cell("\xef\xbb\xbf"), "\"\xef\xbb\xbf\"");  // it would vanish from a file's beginning
  for (const char* cell : {"", "plain", " edge", "edge\t", "a,b", "\"", "two\nlines", "\r", "caf\xc3\xa9"}) {
    EXPECT_EQ(cells(text(csv_cell(cell), ",", csv_cell(cell), "\n")), text(cell, "|", cell, "|\n"));
  }
}

}  // namespace
}  // namespace evengrad
