// Data as people have them, through the whole program: what is inferred, kept with the model, and used again.
#include "program.hpp"

#include <gtest/gtest.h>

#include <cmath>

using evengrad::TempFolder;
using evengrad::test::contents;
using evengrad::test::Output;
using evengrad::test::shell;
using nlohmann::json;

namespace {

class Data : public testing::Test {
 protected:
  json json_of(const std::string& arguments) {
    const Output run =
        shell(folder, "evengrad " + arguments + " --json" + (arguments.starts_with("predict") ? "" : " --threads 1"));
    EXPECT_EQ(run.status, 0) << arguments << ": " << run.err;
    said = run.err;
    return run.status == 0 ? run.json() : json();
  }

  TempFolder folder;
  std::string said;  // by the last command
};

// A smooth price near 200,000 of three inputs that lie in [-1, 1], and its variance.
std::string prices(double* variance = nullptr) {
  std::string csv = "a,b,c,price\n";
  double sum = 0, squares = 0;
  constexpr int rows = 300;
  for (int i = 0; i < rows; ++i) {
    const double a = std::sin(1.3 * i), b = std::sin(2.1 * i + 1), c = std::sin(0.7 * i + 2);
    const double price = 200'000 + 40'000 * a + 20'000 * b - 10'000 * c * a;
    csv += std::to_string(a) + ',' + std::to_string(b) + ',' + std::to_string(c) + ',' + std::to_string(price) + '\n';
    sum += price;
    squares += price * price;
  }
  if (variance) *variance = squares / rows - sum / rows * (sum / rows);
  return csv;
}

TEST_F(Data, APriceIsLearnedAndPredictedInItsOwnUnit) {
  double variance = 0;
  folder.write("prices.csv", prices(&variance));
  const json run = json_of("train --data prices.csv --epochs 60 --save m.safetensors");
  EXPECT_LT(run["final"]["test_loss"], 0.1 * variance);
  EXPECT_GT(run["final"]["test_loss"], 1);  // dollars squared
  EXPECT_GT(run["test"]["r2"], 0.9);
  EXPECT_LT(run["test"]["mae"], 0.3 * std::sqrt(variance));
  EXPECT_TRUE(run["findings"].empty()) << run["findings"];
  const json predicted = json_of("predict m.safetensors --data prices.csv")["predictions"];
  EXPECT_NEAR(predicted[0]["prediction"][0], 200'000 + 20'000 * std::sin(1), 0.5 * std::sqrt(variance));
  const json judged = json_of("evaluate m.safetensors --data prices.csv");
  EXPECT_GT(judged["r2"], 0.9);
  EXPECT_GT(judged["mae"], 10);

  // As it is: far off, and the finding names the scale.
  const json raw = json_of("train --data prices.csv --epochs 60 --normalize none");
  EXPECT_GT(raw["final"]["test_loss"], variance);
  ASSERT_FALSE(raw["findings"].empty());
  EXPECT_EQ(raw["findings"][0]["rule"], "target_scale");
  EXPECT_NE(raw["findings"][0]["message"].get<std::string>().find("2.0"), std::string::npos) << raw["findings"][0];
}

TEST_F(Data, ColumnsThatFloatsCannotHoldAreLearnedAndPredictedAlike) {
  // Seconds near 1.7e9, the label whether they lie before or after the 100th; floats know such times to 128 s.
  std::string csv = "time,label\n", raw = "time\n";
  for (int i = 0; i < 400; ++i) {
    const int t = i * 37 % 200;
    csv += std::to_string(1'700'000'000 + t) + (t < 100 ? ",0\n" : ",1\n");
  }
  folder.write("time.csv", csv);
  const json run = json_of("train --data time.csv --epochs 100 --test-fraction 0 --save m.safetensors");
  EXPECT_GT(run["final"]["train_accuracy"], 0.97);
  const json judged = json_of("evaluate m.safetensors --data time.csv");
  EXPECT_NEAR(judged["accuracy"], run["final"]["train_accuracy"], 0.006);
}

TEST_F(Data, TheRawFileIsEnoughForAModelOfCategories) {
  std::string csv = "id;color;size;date;kind\n", shuffled = "color,kind,size\n";
  for (int i = 0; i < 60; ++i) {
    const std::string color = i % 3 == 0 ? "red" : i % 3 == 1 ? "green" : "blue", kind = i % 3 == 0 ? "yes" : "no";
    csv += std::to_string(i) + ';' + color + ';' + std::to_string(i % 7) + ",5;2024-01-0" + std::to_string(1 + i % 9) +
           ';' + kind + '\n';
    shuffled += color + ',' + kind + ',' + (i == 5 ? "NA" : std::to_string(i % 7) + ".5") + '\n';
  }
  folder.write("train.csv", csv);
  folder.write("new.csv", shuffled + "purple,no,1\n");
  json_of("train --data train.csv --epochs 60 --lr 0.01 --save m.safetensors");
  for (const char* word : {"separated by ';'", "decimal commas", "with a header", "60 rows", "classification by 'kind'",
                           "one-hot: 'color'", "'id' (numbers the rows", "'date' (dates"}) {
    EXPECT_NE(said.find(word), std::string::npos) << word << said;
  }
  const json answers = json_of("predict m.safetensors --data new.csv")["predictions"];
  ASSERT_EQ(answers.size(), 61u);
  for (int i = 0; i < 60; ++i) EXPECT_EQ(answers[static_cast<std::size_t>(i)]["class"], i % 3 == 0 ? "yes" : "no") << i;
  EXPECT_NE(said.find("2 of 61 rows lack a value"), std::string::npos) << said;
  EXPECT_EQ(json_of("evaluate m.safetensors --data new.csv")["accuracy"].get<double>() > 0.98, true);
}

TEST_F(Data, AColumnThatNeverChangesIsAFinding) {
  std::string csv = "a,b,c,y\n";
  for (int i = 0; i < 40; ++i) csv += std::to_string(i % 7) + ",7,0.1," + (i % 7 < 3 ? "no\n" : "yes\n");
  folder.write("d.csv", csv);
  const json found = json_of("train --data d.csv --epochs 2")["findings"];
  ASSERT_FALSE(found.empty());
  EXPECT_EQ(found[0]["rule"], "constant_features");
  EXPECT_EQ(found[0]["try"], "--exclude b,c");
  for (const json& other : json_of("train --data d.csv --epochs 2 --exclude b,c")["findings"]) {
    EXPECT_NE(other["rule"], "constant_features");
  }
}

TEST_F(Data, TheFolderOfImagesIsTheOneThatWasNamed) {
  const Output wrong = shell(folder, "mkdir -p e/MNIST; EVENGRAD_DATA=$PWD/e evengrad train --data mnist");
  EXPECT_EQ(wrong.status, 1) << wrong.err;
  EXPECT_NE(wrong.err.find("/e/mnist'"), std::string::npos) << wrong.err;
}

TEST_F(Data, FoldsAndEarlyStopping) {
  const json folds = json_of("train --data blobs --samples 120 --epochs 20 --folds 4");
  ASSERT_EQ(folds["folds"].size(), 4u);
  double mean = 0;
  for (const json& fold : folds["folds"]) mean += fold["test_accuracy"].get<double>() / 4;
  EXPECT_NEAR(folds["test_accuracy"]["mean"], mean, 1e-12);
  EXPECT_LT(folds["test_accuracy"]["low"], mean);
  EXPECT_EQ(shell(folder, "evengrad train --data blobs --folds 3 --save m.safetensors").status, 2);

  const json early = json_of("train --data moons --samples 200 --noise 0.4 --epochs 500 --lr 0.02 --early-stopping 5");
  EXPECT_LT(early["epochs"], 500);
  EXPECT_EQ(early["best_epoch"].get<int>() + 5, early["epochs"].get<int>());
  EXPECT_EQ(early["test"]["confusion"].size(), 2u);
}

TEST_F(Data, PredictionsOfALongFileTakeLittleMemory) {
  json_of("train --data moons --samples 100 --epochs 1 --save m.safetensors");
  const Output run =
      shell(folder,
            "awk 'BEGIN { print \"x1,x2\"; for (i = 0; i < 200000; ++i) print i / 1000 \",0.5\" }' > "
            "long.csv; ulimit -v 400000; evengrad predict m.safetensors --data long.csv --out p.csv && wc -l < p.csv");
  EXPECT_EQ(run.status, evengrad::test::sanitized ? run.status : 0) << run.err;
  if (evengrad::test::sanitized) return;
  EXPECT_EQ(run.out, "200001\n");
  // As JSON they are written row by row too, and are one document.
  const Output lines = shell(folder,
                             "ulimit -v 400000; evengrad predict m.safetensors --data long.csv --json > p.json && "
                             "grep -c '\"class\":' p.json");
  EXPECT_EQ(lines.status, 0) << lines.err;
  EXPECT_EQ(lines.out, "200000\n");
  const json predicted = json::parse(contents(folder.path() / "p.json"));
  EXPECT_EQ(predicted["predictions"].size(), 200'000u);
  EXPECT_EQ(predicted["predictions"][0]["probabilities"].size(), 2u);
  folder.write("none.csv", "x1,x2\n");
  EXPECT_EQ(json_of("predict m.safetensors --data none.csv")["predictions"], json::array());
}

}  // namespace
