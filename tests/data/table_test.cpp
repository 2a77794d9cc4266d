// CSV files as people have them: what is inferred, with the values that a reader of the file would write down.
#include <evengrad/core/error.hpp>
#include <evengrad/data/table.hpp>

#include <gtest/gtest.h>

#include <clocale>
#include <cmath>
#include <fstream>

#include "../paths.hpp"
#include "../temp_folder.hpp"

namespace evengrad {
namespace {

CsvDataset load(std::string_view content, const TableOptions& options = {}) {
  return parse_csv("data.csv", std::string(content), options);
}

/// "a: 1 3; b: 2 4 | y: dog cat": each feature's values, and the answers.
std::string shown(const Dataset<double>& data) {
  std::string all;
  for (Index column = 0; column < data.features(); ++column) {
    all += (column > 0 ? "; " : "") + data.feature_names[static_cast<std::size_t>(column)] + ":";
    for (Index row = 0; row < data.size(); ++row) {
      const double value = data.inputs(row, column);
      all += " " + (std::isnan(value) ? std::string("?") : text(value));
    }
  }
  all += " |";
  for (Index row = 0; row < data.size(); ++row) {
    if (data.task == Task::classification) {
      all += " " + data.class_names[static_cast<std::size_t>(data.labels[static_cast<std::size_t>(row)])];
    } else {
      for (const double y : data.targets.row(row)) all += text(" ", y);
    }
  }
  return all;
}

struct Case {
  const char* file;
  const char* expected;
  const char* note = "";  // what must be said
  TableOptions options = {};
};

TEST(CsvTable, EveryUsualFormMeansWhatItSays) {
  const Case cases[] = {
      {"a,b,y\n1,2,True\n3,4,False\n1,2,TRUE\n3,4,FALSE\n1,1,true\n2,2,false\n",
       "a: 1 3 1 3 1 2; b: 2 4 2 4 1 2 | TRUE FALSE TRUE FALSE TRUE FALSE", "into 2 classes"},
      {"a,b,y\n1,True,0\n3,False,1\n", "a: 1 3; b=True: 1 0 | 0 1", "one-hot: 'b'"},
      {"date,b,y\n2024-01-01,2,0\n2024-01-02,4,1\n", "b: 2 4 | 0 1", "left out: 'date' (dates; --dates numbers"},
      {"date,b,y\n2024-01-01,2,0\n2024-01-02,4,1\n", "date: 19723 19724; b: 2 4 | 0 1", "", {.dates = "numbers"}},
      {"a,b,y\n\"1,5\",2,0\n3,4,1\n", "a: 1.5 3; b: 2 4 | 0 1", "decimal commas"},
      {"# exported by numpy\na,b,y\n1,2,0\n3,4,1\n1,1,0\n2,2,1\n", "a: 1 3 1 2; b: 2 4 1 2 | 0 1 0 1"},
      {"# a,b,y\n1,2,0\n3,4,1\n1,1,0\n2,2,1\n", "a: 1 3 1 2; b: 2 4 1 2 | 0 1 0 1", "with a header"},
      {",a,y\n0,1,0\n1,2,1\n2,3,0\n3,4,1\n", "a: 1 2 3 4 | 0 1 0 1", "left out: 'column 1' (numbers the rows"},
      {"\"\",\"a\",\"y\"\n\"1\",5,0\n\"2\",6,1\n", "a: 5 6 | 0 1", "numbers the rows"},
      {"a,y\n\"Mazda RX4\",21,0\n\"Datsun 710\",22.8,1\n\"Fiat 128\",18,0\n", "a: 21 22.8 18 | 0 1 0",
       "left out: 'column 1'"},
      {"a,b,y\n1,2,1\n3,4,2\n1,1,1\n2,2,2\n", "a: 1 3 1 2; b: 2 4 1 2 | 1 2 1 2"},
      {"a,b,y\n1,,0\n3,4,1\n", "a: 1 3; b: ? 4 | 0 1", "1 row lacks a value, filled with the mean"},
      {"a,b,y\n1,?,0\n3,4,1\n5,6,1\n",
       "a: 3 5; b: 4 6 | 1 1",
       "1 row dropped, which lacks a value",
       {.missing = "drop"}},
      {"5.1,3.5,setosa\n4.9,3.0,setosa\n6,2,virg\n6.1,2.1,virg\n",
       "column 1: 5.1 4.9 6 6.1; column 2: 3.5 3 2 2.1 | setosa setosa virg virg", "without a header"},
      {"a,b,c0,c1\n1,2,1,0\n3,4,0,1\n1,1,1,0\n2,2,0,1\n", "a: 1 3 1 2; b: 2 4 1 2 | c0 c1 c0 c1",
       "one for each of the columns 'c0', 'c1'"},
      {"a,b,c0,c1\n1,2,1,0\n3,4,0,1\n1,1,1,0\n2,2,0,1\n",
       "a: 1 3 1 2; b: 2 4 1 2; c0: 1 0 1 0 | 0 1 0 1",
       "",
       {.target = "c1"}},
      {"a,b,y\n5%,2,0\n3,4,1\n", "a: 5 3; b: 2 4 | 0 1", "separators and signs taken from the numbers of 1 column"},
      {"a;b;y\n1,5;2;0\n3;4;1\n", "a: 1.5 3; b: 2 4 | 0 1", "separated by ';', decimal commas"},
      {"\"a\";\"b\";\"y\"\n1;2;0\n3;4;1\n", "a: 1 3; b: 2 4 | 0 1"},
      {"sep=,\na,b,y\n1,2,0\n3,4,1\n1,1,0\n2,2,1\n", "a: 1 3 1 2; b: 2 4 1 2 | 0 1 0 1"},
      {"a\tb\ty\n1\t2\t0\n3\t4\t1\n", "a: 1 3; b: 2 4 | 0 1", "separated by tabs"},
      {"a,b,y\n\"1,234\",2,0\n3,4,1\n", "a: 1234 3; b: 2 4 | 0 1"},
      {"a,b,y\n1,2,0,\n3,4,1,\n", "a: 1 3; b: 2 4 | 0 1"},
      {"a,b,y,\n1,2,0,\n3,4,1,\n", "a: 1 3; b: 2 4 | 0 1", "left out: 'column 4' (empty)"},
      {"a;y\n1.234,5;0\n2;1\n", "a: 1234.5 2 | 0 1", "decimal commas"},
      {"a;y\n1 234,5;0\n2;1\n", "a: 1234.5 2 | 0 1"},
      {"a,y\n$1'250.50,0\n($3),1\n", "a: 1250.5 -3 | 0 1"},
      {"a,y\n\xe2\x82\xac 12,0\n7 %,1\n", "a: 12 7 | 0 1"},
      {"a;y\n1,234;0\n5;1\n", "a: 1.234 5 | 0 1", "", {.decimal = ","}},
      {"c,x,y\nred,1,0\ngreen,2,1\nblue,3,0\nred,4,1\n",
       "c=blue: 0 0 1 0; c=green: 0 1 0 0; c=red: 1 0 0 1; x: 1 2 3 4 | 0 1 0 1", "one-hot: 'c'"},
      {"doors,y\n2,0\n3,1\n5more,0\n2.0,1\n", "doors=2: 1 0 0 1; doors=3: 0 1 0 0; doors=5more: 0 0 1 0 | 0 1 0 1"},
      {"label,0,1,2\n7,0,255,3\n1,0,1,9\n7,1,1,1\n1,3,4,5\n", "0: 0 0 1 3; 1: 255 1 1 4; 2: 3 9 1 5 | 7 1 7 1",
       "'label', by its name"},
      {"x,y,p,q\n1,2,3,4\n5,6,7,8\n9,10,11,12\n", "y: 2 6 10; q: 4 8 12 | 1 3 5 7 9 11", "", {.target = "x,p"}},
      {"x,y,p,q\n1,2,3,4\n5,6,7,8\n9,10,11,12\n", "y: 2 6 10 | 4 8 12", "", {.features = "y"}},
      {"x,y,p,q\n1,2,3,4\n5,6,7,8\n9,10,11,12\n", "y: 2 6 10 | 4 8 12", "", {.exclude = "x,p"}},
      {"k,x,y\n-9,1,0\n3,2,1\n4,5,1\n", "k: ? 3 4; x: 1 2 5 | 0 1 1", "", {.missing_values = "-9"}},
      {"x,y\n1,0.5\n2,NA\n3,1.5\n4,2.5\n", "x: 1 3 4 | 0.5 1.5 2.5", "of which 1 without a target is dropped"},
      // A header that ends with a delimiter, and the rows do not.
      {"id,kind,size,\n1,M,2\n2,B,3\n3,M,5\n4,B,4\n", "kind=M: 1 0 1 0 | 2 3 5 4", "regression of 'size'"},
      {"1\t2\t0\n3\t\t4\t1\n5\t6\t0\n7\t8\t1\n", "column 1: 1 3 5 7; column 2: 2 4 6 8 | 0 1 0 1", "by blanks"},
      {"1,+\n5,-\n2,+\n3,-\n", "column 1: 1 5 2 3 | + - + -", "into 2 classes"},
      {"a,b,y\n1,+,0\n5,-,1\n2,-,0\n", "a: 1 5 2; b=-: 0 1 1 | 0 1 0"},
      {"when,x,y\n13/02/2004,1,0\n14/02/2004,2,1\n01/03/2004,3,0\n",
       "when: 12461 12462 12478; x: 1 2 3 | 0 1 0",
       "dates have the day first",
       {.dates = "numbers"}},
      {"when,x,y\n03/01/2004,1,0\n02/14/2004,2,1\n", "x: 1 2 | 0 1", "left out: 'when' (dates"},
      {"Survived,Sex,Port\n0,m,S\n1,f,C\n1,f,S\n0,m,C\n", "Sex=m: 1 0 0 1; Port=S: 1 0 1 0 | 0 1 1 0",
       "by 'Survived', by its name (--target takes another)"},
      {"Survived,Sex,Port\n0,m,S\n1,f,C\n1,f,S\n0,m,C\n",
       "Sex=m: 1 0 0 1 | S C S C",
       "by 'Port'",
       {.exclude = "Survived"}},
      {"a,b,y\n1,2,0\n3,4,1\n5,5,1\n", "a: 1 3 5; y: 0 1 1 | 2 4 5", "", {.features = "a,y"}},
      {"1,14.5,1065.5\n2,13.5,1050.5\n1,14.25,1185.5\n2,13,1480.5\n",
       "column 2: 14.5 13.5 14.25 13; column 3: 1065.5 1050.5 1185.5 1480.5 | 1 2 1 2",
       "whose values are classes and those of the last column are not"},
      {"8423,M,17.5\n1342,B,12.25\n9341,M,19.5\n4410,B,11.5\n",
       "column 1: 8423 1342 9341 4410; column 3: 17.5 12.25 19.5 11.5 | M B M B", "by 'column 2'"},
      {"M,0.5,15\nF,0.25,7\nM,0.75,9\nF,1,15\n", "column 1=M: 1 0 1 0; column 2: 0.5 0.25 0.75 1 | 15 7 9 15",
       "regression of 'column 3', the last column"},
  };
  for (const Case& c : cases) {
    const CsvDataset csv = load(c.file, c.options);
    EXPECT_EQ(shown(csv.data), c.expected) << c.file;
    EXPECT_NE(csv.note.find(c.note), std::string::npos) << csv.note;
  }
}

TEST(CsvTable, WhatItCannotKnowIsRefusedWithTheOptionThatDecides) {
  std::string stray = "x,y\n", price = "x,price\n", names = "x,who\n", commas = "a;y\n";
  for (int i = 0; i < 60; ++i) {
    stray += text(i + 0.25, ",", i % 2, "\n");
    price += text(i, ",", 0.5 * i, "\n");
    names += text(i * i, ",name ", i, "\n");
    commas += text("1,", 100 + i, ";", i % 2, "\n");
  }
  const std::tuple<std::string, std::string, TableOptions> cases[] = {
      {"", "the file is empty", {}},
      {"\n \n", "the file is empty", {}},
      {"a,b", "there is no row below the header", {}},
      {"a,b,y\n1,2,0\n", "there is only one row", {}},
      {"a,b\n1,2\n1\n", "line 3: it has 1 cell, the header 2", {}},
      {"a,b\n1,2\n3,4\n1,2,3\n", "line 4: it has 3 cells, the header 2", {}},
      {"a\n1\n2\n", "there is only one column", {}},
      {"x,y\n1,a\n2,a\n", "all labels in column 'y' are 'a'", {}},
      {"x,y\n1,0.5\n2,0.5\n", "all values in column 'y' are '0.5': name the column to predict with --target", {}},
      {"x,y\n1,2\n", "only one row", {}},
      {"width,height\n1,2\n3,5\n", "unknown column 'hieght': did you mean 'height'?", {.target = "hieght"}},
      {stray + "oops,1\n", "line 62, column 'x': 'oops' is not a finite number", {}},
      {stray + "1e999,1\n", "'1e999' is not a finite number", {}},
      {stray + "inf,1\n", "--missing-values 'inf'", {}},
      {price + "1,unknown\n", "its 'unknown' in line 62 is no number; --missing-values 'unknown'", {}},
      {names, "--target", {}},
      {commas, "--decimal", {}},
      {"a,b,c\np,q,r\nx,y,z\np,y,z\nq,q,z\nx,q,r\n", "", {.header = "maybe"}},
      {"when,y\n1/2/2024,0.5\n3/4/2024,1.5\n", "--dates mdy or --dates dmy", {.dates = "numbers"}},
      {"when,y\n2024-01-02,0.5\n2024-01-03,1.5\n", "'when' dates; --dates numbers", {}},
      {"a,b,y\n1,,0\n3,4,1\n", "row 1, column 'b': --missing drop", {.missing = "error"}},
      {"a,b,y\n1,,0\n3,,1\n5,1,\n", "every row lacks a value", {.missing = "drop"}},
      {"1,2,3,x\n4,5,6,y\n7,8,9,y\n", "--header yes or --header no", {}},
  };
  for (const auto& [file, expected, options] : cases) {
    const std::string message = error_of<Error>([&, &file = file, &options = options] { load(file, options); });
    EXPECT_NE(message, "") << file;
    EXPECT_NE(message.find(expected), std::string::npos) << message << "\n" << file.substr(0, 60);
    EXPECT_EQ(message.find('\n'), std::string::npos);
  }
}

TEST(CsvTable, TheFirstRowIsAHeaderIfItDiffersFromTheOthers) {
  const auto header = [](std::string content, const TableOptions& options = {}) {
    return CsvTable("data.csv", std::move(content), options).has_header();
  };
  EXPECT_TRUE(header("a,b\n1,2\n3,4\n"));
  EXPECT_FALSE(header("1,2\n3,4\n5,6\n"));
  EXPECT_TRUE(header("1,2\n3,4\n5,6\n", {.header = "yes"}));
  EXPECT_FALSE(header("a,b\n1,2\n3,4\n", {.header = "no"}));
  EXPECT_TRUE(header("class,cap,odor\np,x,a\ne,x,a\np,y,b\ne,y,b\n"));
  EXPECT_FALSE(header("p,x,a\ne,x,a\np,y,b\ne,y,b\n"));
  EXPECT_TRUE(header(",0,1\n0,5,6\n1,7,8\n"));
  EXPECT_TRUE(header("\"\",\"1940\",\"1945\"\n\"Food\",22.2,44.5\n\"Household\",10.5,15.5\n"));
  EXPECT_TRUE(header("0,1,2,3,4\n5,6,1,2,3\n1,1,7,8,9\n"));
  EXPECT_TRUE(header("Date,Close\n2020-01-01,5\n2020-01-02,6\n"));
  EXPECT_FALSE(header("2020-01-01,5\n2020-01-02,6\n2020-01-03,6\n"));
  EXPECT_TRUE(header("a,b\n"));
  EXPECT_FALSE(header("1,2\n"));
}

TEST(CsvTable, NumbersAreReadToTheLastBit) {
  const auto data = load("x,y\n0.1,1.5\n+2.5e-3,2.5\n-17,3.5\n1e308,4\n5e-324,5\n").data;
  EXPECT_EQ(data.inputs, (Matrix<double>{{0.1}, {0.0025}, {-17}, {1e308}, {5e-324}}));
}

TEST(CsvTable, TheLocaleDoesNotMatter) {
  const std::string before = std::setlocale(LC_ALL, nullptr);
  for (const char* locale : {"de_DE.UTF-8", "fr_FR.UTF-8", "de_DE", "C.UTF-8"}) {
    if (std::setlocale(LC_ALL, locale)) {
      EXPECT_EQ(load("x,y\n1.5,2.5\n2,3.5\n").data.inputs(0, 0), 1.5) << locale;
    }
  }
  std::setlocale(LC_ALL, before.c_str());
}

TEST(CsvTable, ATargetOfFewIntegersHasClasses) {
  const CsvDataset csv = load("x,y\n1,10\n2,2.0\n3,2\n4,10\n5,-1\n6,-1\n");
  EXPECT_EQ(csv.data.class_names, (std::vector<std::string>{"-1", "2", "10"}));
  EXPECT_EQ(csv.data.labels, (std::vector<std::int32_t>{2, 1, 1, 2, 0, 0}));
  EXPECT_EQ(load("x,y\n1,10\n2,20\n3,30\n").data.task, Task::regression);  // as many integers as rows
  EXPECT_EQ(load("x,y\n1,0.5\n2,0.5\n3,1\n4,1\n").data.task, Task::regression);
  for (const int different : {20, 21}) {
    std::string many = "x,y\n";
    for (int i = 0; i < 100; ++i) many += text(i, ",", i % different, "\n");
    EXPECT_EQ(load(many).data.task, different == 20 ? Task::classification : Task::regression);
  }
  EXPECT_EQ(load("a,b\n1,0.5\n2,0.25\n", {.task = Task::classification}).data.class_names,
            (std::vector<std::string>{"0.25", "0.5"}));
  EXPECT_EQ(load("a,b\n7,1\n8,1\n8,0\n9,0\n", {.task = Task::regression}).data.targets,
            (Matrix<double>{{1}, {1}, {0}, {0}}));
}

TEST(CsvTable, OneMissingValueDoesNotMakeClassesOfNumbers) {
  std::string file = "x,price\n";
  for (int i = 0; i < 300; ++i) file += text(i, ",", i == 77 ? "NA" : text(0.25 * i), "\n");
  const CsvDataset csv = load(file);
  EXPECT_EQ(csv.data.task, Task::regression);
  EXPECT_EQ(csv.data.size(), 299);
  EXPECT_EQ(csv.data.targets(77, 0), 0.25 * 78);
}

TEST(CsvTable, AnUnknownTargetIsAnsweredInAFewWords) {
  std::string header = "x";
  for (int i = 0; i < 10'000; ++i) header += text(",\"name\n", i, "\"");
  const std::string message = error_of<UsageError>([&] { load(header + "\n", {.target = "name\n77x"}); });
  EXPECT_TRUE(message.starts_with("unknown column 'name\\x0a77x': did you mean 'name\\x0a77'?")) << message;
  EXPECT_EQ(message.find('\n'), std::string::npos);
  EXPECT_LT(message.size(), 3000u);
}

TEST(CsvTable, DatesAreDaysSince1970) {
  EXPECT_EQ(parse_date("1970-01-01"), 0);
  EXPECT_EQ(parse_date("2000-03-01"), 11017);
  EXPECT_EQ(parse_date("29.02.2024"), 19782);
  EXPECT_EQ(parse_date("2024/2/29"), 19782);
  EXPECT_EQ(parse_date("1949-01"), -7670);
  EXPECT_EQ(parse_date("2024-02-29T06:00:00Z"), 19782.25);
  EXPECT_EQ(parse_date("2024-02-29 18:00"), 19782.75);
  EXPECT_EQ(parse_date("2/29/2024", DateOrder::month_first), 19782);
  EXPECT_EQ(parse_date("29/2/24", DateOrder::day_first), 19782);
  for (const char* text :
       {"", "2023-02-29", "2024-13-01", "12.5", "1234.56", "1-2", "2/29/2024", "yesterday", "10:30"}) {
    EXPECT_EQ(parse_date(text), std::nullopt) << text;
  }
}

// docs/data.md lists the commonest messages: each is what the program says of such a file.
TEST(CsvTable, TheMessagesOfTheDocumentationAreTheProgramS) {
  std::string ragged = "a,b,c,d\n", years = "age,y\n", names = "weight,name\n", unknown = "x,price\n";
  for (int i = 2; i < 17; ++i) {
    ragged += "1,2,3,4\n";
    years += text(i, ",", i % 2, "\n");
  }
  for (int i = 0; i < 398; ++i) names += text(0.25 * i, ",car ", i % 305, "\n");
  for (int i = 2; i < 62; ++i) unknown += text(i, ",", 0.5 * i, "\n");
  const std::pair<std::string, TableOptions> files[] = {
      {"a\n1\n2\n", {}},
      {"1,2,3,x\n4,5,6,y\n7,8,9,y\n", {}},
      {"a;y\n1,234;0\n5;1\n", {}},
      {ragged + "1,2,3\n", {}},
      {years + "12 years,1\n", {}},
      {names, {}},
      {unknown + "1,unknown\n", {}},
      {"date,y\n2024-01-01,1.5\n2024-01-02,2.5\n", {}},
      {"a,b,y\n1,,0\n,2,1\n", {.missing = "drop"}},
      {"shape,y\n1,0\n", {}},
  };
  std::ifstream page(test::source_folder + "/docs/data.md");
  std::string line;
  while (std::getline(page, line) && line != "| message | what to do |") {
  }
  std::getline(page, line);
  for (const auto& [file, options] : files) {
    ASSERT_TRUE(std::getline(page, line));
    const std::size_t end = line.find('`', 3);
    ASSERT_TRUE(line.starts_with("| `") && end != line.npos) << line;
    std::string documented = line.substr(3, end - 3);
    if (documented.ends_with(" …")) documented.resize(documented.size() - std::string(" …").size());
    const std::string message = error_of<Error>([&] {
      if (&file != &files[std::size(files) - 1].first) return void(load(file, options));
      CsvTable table("new.csv", file);
      TableEncoder(table, {.columns = {{.name = "color"}}});
    });
    EXPECT_NE(message.find(documented), std::string::npos) << message << "\nis documented as\n" << documented;
  }
  EXPECT_FALSE(std::getline(page, line)) << "a message without a file: " << line;
}

TEST(CsvTable, WhatTheModelKeepsReadsTheRawFile) {
  const std::string train =
      "id;color;size;when;label\n1;red;1,5;2024-01-01;yes\n2;green;2,5;2024-01-02;no\n"
      "3;blue;3,5;2024-01-03;yes\n4;red;4,5;2024-01-04;no\n";
  CsvDataset csv = load(train, {.dates = "numbers"});
  measure_fill(csv.data, csv.encoding);
  EXPECT_EQ(csv.encoding.fill, (std::vector<double>{0.25, 0.25, 0.5, 3, 19724.5}));
  // Other separators, another order of columns, a color never seen, no size, and no label at all.
  CsvTable table("other.csv", "when,size,color\n2024-01-01,,purple\n2024-01-02,2.5,green\n");
  const TableEncoder encoder(table, csv.encoding);
  Matrix<double> rows(2, 5);
  for (Index row = 0; table.next_row(); ++row) encoder.encode({rows.row(row).data(), 5});
  fill_missing(rows, csv.encoding);
  EXPECT_EQ(rows, (Matrix<double>{{0.25, 0.25, 0.5, 3, 19723}, {0, 1, 0, 2.5, 19724}}));
  CsvTable other("other.csv", "size,shape\n1,2\n3,4\n");
  EXPECT_EQ(error_of<UsageError>([&] { TableEncoder(other, csv.encoding); }),
            "'other.csv': no column 'color', 'when', which the model needs; it has 'size', 'shape'");
}

}  // namespace
}  // namespace evengrad
