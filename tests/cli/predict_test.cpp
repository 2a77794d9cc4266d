#include "program.hpp"

#include <gtest/gtest.h>

#include <cmath>

using evengrad::TempFolder;
using evengrad::test::contents;
using evengrad::test::Output;
using evengrad::test::shell;

namespace {

// Two clouds that anybody can tell apart: class "a, b" lies left of 0, class c right of it.
std::string clouds() {
  std::string csv = "x,y,kind\n";
  for (int i = 0; i < 60; ++i) {
    const double u = std::sin(i * 1.7), v = std::cos(i * 2.3);
    csv += std::to_string((i % 2 ? 3 : -3) + u) + ',' + std::to_string(v) + (i % 2 ? ",c\n" : ",\"a, b\"\n");
  }
  return csv;
}

}  // namespace

TEST(Predict, FindsColumnsByNameAndNamesTheClasses) {
  TempFolder folder;
  folder.write("train.csv", clouds());
  folder.write("new.csv", "y,other,x\n0,7,-3\n0.5,8,3\n");
  const Output run = shell(folder,
                           "evengrad train --data train.csv --epochs 60 --lr 0.01 --save m.safetensors --quiet && "
                           "evengrad predict m.safetensors --data new.csv --out p.csv && evengrad predict "
                           "m.safetensors --data new.csv --json");
  ASSERT_EQ(run.status, 0) << run.err;
  std::istringstream csv(contents(folder.path() / "p.csv"));
  std::string header, first, second;
  std::getline(csv, header);
  std::getline(csv, first);
  std::getline(csv, second);
  EXPECT_EQ(header, "class,\"probability_a, b\",probability_c");
  EXPECT_EQ(first.rfind("\"a, b\",", 0), 0u) << first;
  EXPECT_EQ(second.rfind("c,", 0), 0u) << second;
  const auto document = nlohmann::json::parse(run.out.substr(run.out.find("\n{") + 1));
  const auto p = document["predictions"][0]["probabilities"].get<std::vector<double>>();
  EXPECT_GT(p[0], 0.9);
  EXPECT_NEAR(p[0] + p[1], 1, 1e-12);
}

TEST(Predict, OneRowIsTheSameAloneAndAmongOthers) {
  TempFolder folder;
  std::string all = "x1,x2\n", row = "0.25,-0.75\n";
  for (int i = 0; i < 1500; ++i) all += i == 1234 ? row : std::to_string(i * 0.01) + ",1\n";
  folder.write("one.csv", "x1,x2\n" + row);
  folder.write("all.csv", all);
  ASSERT_EQ(shell(folder, "evengrad train --data moons --epochs 2 --save m.safetensors").status, 0);
  const Output one = shell(folder, "evengrad predict m.safetensors --data one.csv");
  const Output many = shell(folder, "evengrad predict m.safetensors --data all.csv");
  ASSERT_EQ(one.status, 0) << one.err;
  std::istringstream first(one.out), lines(many.out);
  std::string expected, line;
  std::getline(first, expected);
  std::getline(first, expected);
  for (int i = 0; i <= 1235; ++i) std::getline(lines, line);
  EXPECT_EQ(line, expected);
}

TEST(Predict, RegressionHasAPrediction) {
  TempFolder folder;
  folder.write("new.csv", "x\n0\n1.5707963\n");
  const Output run = shell(folder,
                           "evengrad train --data sine --hidden 32,32 --activation tanh --init xavier --epochs 100 "
                           "--lr 0.01 --save m.safetensors --quiet >/dev/null && "
                           "evengrad predict m.safetensors --data new.csv");
  ASSERT_EQ(run.status, 0) << run.err;
  std::istringstream lines(run.out);
  std::string header;
  double zero, one;
  std::getline(lines, header);
  lines >> zero >> one;
  EXPECT_EQ(header, "prediction");
  EXPECT_NEAR(zero, 0, 0.15);
  EXPECT_NEAR(one, 1, 0.15);
}

TEST(Predict, WrongFilesEndWithOneLine) {
  TempFolder folder;
  ASSERT_EQ(
      shell(folder, "evengrad train --data moons --epochs 1 --save m.safetensors --save-init i.safetensors").status, 0);
  folder.write("missing.csv", "x1,y\n1,2\n");
  folder.write("text.csv", "x1,x2\n1,two\n");
  folder.write("none.csv", "");
  const Output missing = shell(folder, "evengrad predict m.safetensors --data missing.csv");
  EXPECT_EQ(missing.status, 2);
  EXPECT_NE(missing.err.find("x2"), std::string::npos) << missing.err;
  for (const char* line : {"predict m.safetensors --data text.csv", "predict m.safetensors --data none.csv",
                           "predict no.safetensors --data text.csv", "predict text.csv --data text.csv"}) {
    const Output run = shell(folder, std::string("evengrad ") + line + " --out p.csv");
    EXPECT_EQ(run.status, 1) << line << run.err;
    EXPECT_TRUE(run.one_line()) << line << run.err;
    EXPECT_FALSE(std::filesystem::exists(folder.path() / "p.csv"));
  }
}
