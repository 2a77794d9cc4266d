#include <evengrad/core/error.hpp>
#include <evengrad/data/csv.hpp>

#include <gtest/gtest.h>

#include <sys/stat.h>

#include <clocale>

#include "../temp_folder.hpp"

namespace evengrad {
namespace {

namespace fs = std::filesystem;

class Csv : public testing::Test {
 protected:
  fs::path write(std::string_view bytes) { return folder.write("data.csv", bytes); }

  CsvDataset load(std::string_view bytes, const CsvOptions& options = {}) { return load_csv(write(bytes), options); }

  /// What loading these bytes says after the path, which it must name.
  std::string refusal(std::string_view bytes, const CsvOptions& options = {}) {
    const fs::path path = write(bytes);
    const std::string message = error_of<FileError>([&] { load_csv(path, options); });
    const std::string prefix = "cannot read '" + path.string() + "' as CSV: ";
    EXPECT_TRUE(message.starts_with(prefix)) << message;
    EXPECT_EQ(message.find('\n'), std::string::npos);
    return message.substr(std::min(message.size(), prefix.size()));
  }

  /// All rows' cells, | between cells and a line a row.
  std::string cells(std::string_view bytes) {
    CsvReader reader(write(bytes));
    std::string all;
    while (reader.next_row()) {
      for (Index column = 0; column < static_cast<Index>(reader.header().size()); ++column) {
        (all += reader.cell(column)) += '|';
      }
      all += '\n';
    }
    return all;
  }

  TempFolder folder;
};

TEST_F(Csv, ReadsRowsInEveryUsualForm) {
  const std::string expected = "1|2|\n3|4|\n";
  EXPECT_EQ(cells("a,b\n1,2\n3,4\n"), expected);
  EXPECT_EQ(cells("a,b\n1,2\n3,4"), expected);
  EXPECT_EQ(cells("a,b\r\n1,2\r\n3,4\r\n"), expected);
  EXPECT_EQ(cells("a,b\r\n1,2\r\n3,4"), expected);
  EXPECT_EQ(cells("\xef\xbb\xbf\"a\",b\n1,2\n3,4\n"), expected);
  EXPECT_EQ(cells("\n\na,b\n\n1,2\r\n\r\n  \n3,4\n\n"), expected);
  EXPECT_EQ(cells(" a ,\tb\n 1,2 \n3\t, 4"), expected);
  EXPECT_EQ(cells("\"a\" , \"b\"\n\"1\",2\n3,\"4\""), expected);
  EXPECT_EQ(cells("a,b\n"), "");
}

TEST_F(Csv, QuotedCellsHoldAnything) {
  EXPECT_EQ(cells("a,b\n\"x, y\",\"say \"\"hi\"\"\"\n"), "x, y|say \"hi\"|\n");
  EXPECT_EQ(cells("a,b\n\"two\nlines\",\" blanks \"\n"), "two\nlines| blanks |\n");
  EXPECT_EQ(cells("a,b\n\"\",\"\"\"\"\n"), "|\"|\n");
  EXPECT_EQ(cells("a,b\n,\n"), "||\n");
}

TEST_F(Csv, LinesAreCountedWithinQuotes) {
  EXPECT_EQ(refusal("a,b\n\"1\n\",2\n\n3\n"), "line 2, column 'a': '1\\x0a' is not a number");
  EXPECT_EQ(refusal("a,\"b\nb\"\n1,2\r\n\n3\n"), "line 5: it has 1 cells, the header 2");
}

TEST_F(Csv, BrokenFilesAreRefused) {
  EXPECT_EQ(refusal(""), "line 1: the file is empty");
  EXPECT_EQ(refusal("\xef\xbb\xbf"), "line 1: the file is empty");
  EXPECT_EQ(refusal("\n \n"), "line 3: the file is empty");
  EXPECT_EQ(refusal("a,b"), "line 1: there is no row below the header");
  EXPECT_EQ(refusal("a,b\n1,2\n1\n"), "line 3: it has 1 cells, the header 2");
  EXPECT_EQ(refusal("a,b\n1,2,3\n"), "line 2: it has 3 cells, the header 2");
  EXPECT_EQ(refusal("a,b\n1,2\n\"3,4\n5,6"), "line 3: a quote that opens in this row is never closed");
  EXPECT_EQ(refusal("a,b\n1,\""), "line 2: a quote that opens in this row is never closed");
  EXPECT_EQ(refusal("a,b\n1,2\"3\"\n"), "line 2: a quote inside a cell that does not begin with one");
  EXPECT_EQ(refusal("a,b\n1,\"2\"3\n"), "line 2: a quoted cell must be followed by a comma or the end of the line");
  EXPECT_EQ(refusal("a,b\n1,2\r3,4\n"), "line 2: a carriage return without LF");
  EXPECT_EQ(refusal("a,b\r"), "line 1: a carriage return without LF");
  EXPECT_EQ(refusal(std::string_view("a,b\n1,2\n3,\0\n", 12)), "line 3: a NUL byte: this is not a text file");
  EXPECT_EQ(refusal("a,b\n1,\xe9t\xe9\n"), "line 2: not UTF-8: save the file in that encoding");
  EXPECT_EQ(refusal("\xff\xfe"
                    "a,b\n"),
            "line 1: not UTF-8: save the file in that encoding");
  EXPECT_EQ(refusal("a;b\n1;2\n"),
            "line 1: there is only one column; expected features and a label, separated by commas");
}

TEST_F(Csv, BrokenHeadersAreRefused) {
  EXPECT_EQ(refusal("a,b,a\n1,2,3\n"), "line 1: two columns are called 'a'");
  EXPECT_EQ(refusal("a,,c\n1,2,3\n"), "line 1: a column has no name");
  EXPECT_EQ(refusal("a,b,\n1,2,3\n"), "line 1: a column has no name");
  EXPECT_EQ(refusal("1,2.5,-3e2\n1,2,3\n"), "line 1: the first line must name the columns, but it holds numbers");
}

TEST_F(Csv, ManyColumnsAreRefusedByTheirCount) {
  EXPECT_EQ(refusal(std::string(1'000'000, ',')), "line 1: it has 1000001 columns, at most 100000 are accepted");
  EXPECT_EQ(refusal("a,b\n1,2\n" + std::string(1'000'000, ',')), "line 3: it has 1000001 cells, the header 2");
}

TEST_F(Csv, AnUnknownTargetIsAnsweredInAFewWords) {
  std::string header = "x";
  for (int i = 0; i < 10'000; ++i) header += text(",\"name\n", i, "\"");
  header += "," + std::string(100'000, 'y');
  const std::string message = error_of<UsageError>([&] { load(header + "\n", {.target = "name\n77x"}); });
  EXPECT_TRUE(message.starts_with("unknown column 'name\\x0a77x': did you mean 'name\\x0a77'?")) << message;
  EXPECT_EQ(message.find('\n'), std::string::npos);
  EXPECT_LT(message.size(), 3000u);
}

TEST_F(Csv, CellsThatAreNoFiniteNumbersAreNamed) {
  const auto with = [&](std::string_view cell) { return refusal(text("x,y\n1,2\n", cell, ",3\n")); };
  const std::string where = "line 3, column 'x': ";
  EXPECT_EQ(with("red"), where + "'red' is not a number");
  EXPECT_EQ(with(""), where + "'' is empty: fill it in or remove the row");
  EXPECT_EQ(with("1.5.2"), where + "'1.5.2' is not a number");
  EXPECT_EQ(with("0x10"), where + "'0x10' is not a number");
  EXPECT_EQ(with("+-1"), where + "'+-1' is not a number");
  EXPECT_EQ(with("\"1,5\""), where + "'1,5' is not a number");
  EXPECT_EQ(with("1e999"), where + "'1e999' is a number outside the range of doubles");
  EXPECT_EQ(with("-1e999"), where + "'-1e999' is a number outside the range of doubles");
  for (const char* cell : {"nan", "NaN", "inf", "-inf", "Infinity", "+inf"}) {
    EXPECT_EQ(with(cell), where + "'" + cell + "' is not finite: remove or repair the row");
  }
  EXPECT_EQ(refusal("x,y\n1,nan\n2,a\n"), "line 2, column 'y': 'nan' is not finite: remove or repair the row");
  EXPECT_EQ(refusal("x,y\n1,a\n2,\n"), "line 3, column 'y': '' is empty: fill it in or remove the row");
}

TEST_F(Csv, NumbersAreReadToTheLastBit) {
  const auto data = load("x,y\n0.1,1.5\n+2.5e-3,2.5\n-17,3.5\n1e308,4\n5e-324,5\n").data;
  EXPECT_EQ(data.inputs, (Matrix<double>{{0.1}, {0.0025}, {-17}, {1e308}, {5e-324}}));
}

TEST_F(Csv, TheLocaleDoesNotMatter) {
  const std::string before = std::setlocale(LC_ALL, nullptr);
  for (const char* locale : {"de_DE.UTF-8", "fr_FR.UTF-8", "de_DE", "C.UTF-8"}) {
    if (std::setlocale(LC_ALL, locale)) {
      EXPECT_EQ(load("x,y\n1.5,2.5\n").data.inputs(0, 0), 1.5) << locale;
    }
  }
  std::setlocale(LC_ALL, before.c_str());
}

TEST_F(Csv, NamesBecomeSortedClasses) {
  const CsvDataset csv = load("width,height,species\n1,2,rose\n3,4,\"lily, white\"\n5,6,rose\n");
  EXPECT_NO_THROW(check(csv.data));
  EXPECT_EQ(csv.data.task, Task::classification);
  EXPECT_EQ(csv.data.inputs, (Matrix<double>{{1, 2}, {3, 4}, {5, 6}}));
  EXPECT_EQ(csv.data.feature_names, (std::vector<std::string>{"width", "height"}));
  EXPECT_EQ(csv.data.class_names, (std::vector<std::string>{"lily, white", "rose"}));
  EXPECT_EQ(csv.data.labels, (std::vector<std::int32_t>{1, 0, 1}));
  EXPECT_EQ(csv.note, "classification by column 'species' into 2 classes: its values are names");
}

TEST_F(Csv, FewIntegersBecomeClassesSortedByValue) {
  const CsvDataset csv = load("x,y\n1,10\n2,2.0\n3,2\n4,10\n5,-1\n6,-1\n");
  EXPECT_EQ(csv.data.class_names, (std::vector<std::string>{"-1", "2", "10"}));
  EXPECT_EQ(csv.data.labels, (std::vector<std::int32_t>{2, 1, 1, 2, 0, 0}));
  EXPECT_EQ(csv.note, "classification by column 'y' into 3 classes: its values are a few integers");
}

TEST_F(Csv, OtherNumbersBecomeTargets) {
  const CsvDataset csv = load("x,y\n1,10\n2,20\n3,30\n");  // as many integers as rows
  EXPECT_EQ(csv.data.task, Task::regression);
  EXPECT_NO_THROW(check(csv.data));
  EXPECT_EQ(csv.data.targets, (Matrix<double>{{10}, {20}, {30}}));
  EXPECT_TRUE(csv.data.labels.empty());
  EXPECT_EQ(csv.note, "regression of column 'y': its values are numbers, not a few integers");
  EXPECT_EQ(load("x,y\n1,0.5\n2,0.5\n3,1\n4,1\n").data.task, Task::regression);

  std::string many = "x,y\n";
  for (int i = 0; i < 100; ++i) many += text(i, ",", i % 21, "\n");
  EXPECT_EQ(load(many).data.task, Task::regression);
  many = "x,y\n";
  for (int i = 0; i < 100; ++i) many += text(i, ",", i % 20, "\n");
  EXPECT_EQ(load(many).data.task, Task::classification);
}

TEST_F(Csv, OptionsDecideTaskAndTarget) {
  const CsvDataset csv = load("a,b,c\n1,7,x\n2,8,y\n3,8,y\n", {.target = "c"});
  EXPECT_EQ(csv.data.class_names, (std::vector<std::string>{"x", "y"}));
  const CsvDataset first = load("a,b\n1,7\n1,8\n0,8\n0,9\n", {.target = "a", .task = Task::regression});
  EXPECT_EQ(first.data.targets, (Matrix<double>{{1}, {1}, {0}, {0}}));
  EXPECT_EQ(first.data.inputs, (Matrix<double>{{7}, {8}, {8}, {9}}));
  EXPECT_EQ(first.data.feature_names, std::vector<std::string>{"b"});
  EXPECT_EQ(first.note, "regression of column 'a', as --task says");
  const CsvDataset classes = load("a,b\n1,0.5\n2,0.25\n", {.task = Task::classification});
  EXPECT_EQ(classes.data.class_names, (std::vector<std::string>{"0.25", "0.5"}));
  EXPECT_EQ(refusal("a,b\n1,2\n3,red\n", {.task = Task::regression}), "line 3, column 'b': 'red' is not a number");
  EXPECT_EQ(error_of<UsageError>([&] { load("width,height\n1,2\n", {.target = "hieght"}); }),
            "unknown column 'hieght': did you mean 'height'? (known: width, height)");
}

TEST_F(Csv, OneRowOneClassAndAConstantColumn) {
  const CsvDataset row = load("x,y\n1,2\n");
  EXPECT_EQ(row.data.task, Task::regression);
  EXPECT_EQ(row.data.size(), 1);
  const fs::path path = write("x,y\n1,a\n2,a\n");
  EXPECT_EQ(error_of<FileError>([&] { load_csv(path); }),
            "cannot learn from '" + path.string() + "': all labels in column 'y' are 'a'");
  EXPECT_EQ(load("x,y\n1,a\n1,b\n").data.inputs, (Matrix<double>{{1}, {1}}));
}

TEST_F(Csv, WhatIsNotAFileIsRefused) {
  const fs::path fifo = folder.path() / "fifo.csv";
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  EXPECT_NE(error_of<FileError>([&] { load_csv(fifo); }), "");
  EXPECT_NE(error_of<FileError>([&] { load_csv(folder.path()); }), "");
  EXPECT_NE(error_of<FileError>([&] { load_csv("missing.csv"); }), "");
}

TEST_F(Csv, CellsAreWrittenAsTheyAreRead) {
  EXPECT_EQ(csv_cell("plain text"), "plain text");
  EXPECT_EQ(csv_cell("a,b"), "\"a,b\"");
  EXPECT_EQ(csv_cell("say \"hi\""), "\"say \"\"hi\"\"\"");
  EXPECT_EQ(csv_cell("\xef\xbb\xbf"), "\"\xef\xbb\xbf\"");  // it would vanish from a file's beginning
  for (const char* cell : {"", "plain", " edge", "edge\t", "a,b", "\"", "two\nlines", "\r", "caf\xc3\xa9"}) {
    EXPECT_EQ(cells(text("a,b\n", csv_cell(cell), ",", csv_cell(cell), "\n")), text(cell, "|", cell, "|\n"));
  }
}

}  // namespace
}  // namespace evengrad
