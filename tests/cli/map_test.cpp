// evengrad compare --map: every pixel is a network, and the same one alone.
#include "program.hpp"

#include <gtest/gtest.h>

#include <cmath>

namespace evengrad::test {
namespace {

const std::string map =
    "compare --map sigma_w=0.2:3:6,lr=0.01:100:5:log --activations tanh --depths 2 --widths 6 --data moons "
    "--samples 50 --optimizer sgd --batch-size 16 --steps 30 --seed 3 ";

Output run(const TempFolder& folder, const std::string& arguments) { return shell(folder, "evengrad " + arguments); }

nlohmann::json results(const std::filesystem::path& folder) {
  nlohmann::json document = nlohmann::json::parse(contents(folder / "results.json"));
  document.erase("seconds");
  return document;
}

// The last field of each row of the CSV file but its header.
std::vector<std::string> commands(const std::filesystem::path& file) {
  std::vector<std::string> all;
  std::istringstream lines(contents(file));
  for (std::string line; std::getline(lines, line);) {
    if (line.ends_with('\r')) line.pop_back();
    const auto begin = line.find("evengrad train");
    if (begin == line.npos) continue;
    std::string command = line.substr(begin);
    if (command.ends_with('"')) command.pop_back();
    all.push_back(command);
  }
  return all;
}

TEST(CompareMap, APixelIsWhatItsCommandTrains) {
  const TempFolder folder;
  for (const std::string dtype : {"float32", "float64"}) {
    const Output output = run(folder, map + "--dtype " + dtype + " --out " + dtype);
    ASSERT_EQ(output.status, 0) << output.err;
    const nlohmann::json document = results(folder.path() / dtype);
    EXPECT_EQ(document["kind"], "map");
    const std::vector<std::string> alone = commands(folder.path() / dtype / "compare.pixels.csv");
    ASSERT_EQ(alone.size(), 30u);
    for (const std::size_t pixel : {0, 8, 17, 29}) {
      const Output trained = shell(folder, alone[pixel] + " --json --quiet");
      const nlohmann::json& loss = document["train_loss"][pixel / 6][pixel % 6];
      if (trained.status == 1) {
        EXPECT_TRUE(loss.is_null()) << alone[pixel];
        EXPECT_GT(document["diverged"][pixel / 6][pixel % 6], 0);
        continue;
      }
      ASSERT_EQ(trained.status, 0) << alone[pixel] << trained.err;
      EXPECT_EQ(loss, trained.json()["final"]["train_loss"]) << alone[pixel];
    }
  }
}

TEST(CompareMap, DoesNotDependOnJobsAndResumesToTheSame) {
  const TempFolder folder;
  ASSERT_EQ(run(folder, map + "--jobs 1 --out one").status, 0);
  ASSERT_EQ(run(folder, map + "--jobs 2 --out two").status, 0);
  const nlohmann::json one = results(folder.path() / "one");
  EXPECT_EQ(one, results(folder.path() / "two"));
  std::filesystem::remove(folder.path() / "two" / "results.json");
  ASSERT_EQ(run(folder, map + "--jobs 2 --out two --resume").status, 0);
  EXPECT_EQ(one, results(folder.path() / "two"));
}

TEST(CompareMap, TheDocumentHasThePictureAndTheCurve) {
  const TempFolder folder;
  const Output output = run(folder,
                            "compare --map sigma_w=0.5:3:5,sigma_b=0:1:4 --activations tanh --depths 3 "
                            "--widths 4 --data circles --samples 40 --steps 5 --json --quiet");
  ASSERT_EQ(output.status, 0) << output.err;
  const nlohmann::json document = output.json();
  EXPECT_EQ(document["x"]["values"].size(), 5u);
  EXPECT_EQ(document["train_loss"].size(), 4u);
  EXPECT_EQ(document["train_loss"][0].size(), 5u);
  ASSERT_EQ(document["theory"].size(), 1u);
  EXPECT_FALSE(document["theory"][0]["x"].empty());
  EXPECT_NE(run(folder, map + "--quiet").out.find("the fastest alone"), std::string::npos);
}

TEST(CompareMap, WrongMapsAreRefusedInOneLine) {
  const TempFolder folder;
  const std::string rest = " --activations tanh --data moons --steps 2 ";
  for (const char* wrong :
       {"compare --map sigma_w=1:2:4", "compare --map sigma_w=1:2:4,sigma_w=1:2:4",
        "compare --map lr=0:1:4,depth=1:4:4", "compare --map lr=1:2:4,sigma=1:2:3",
        "compare --map lr=1:2:4,depth=1:4:4 --depths 2,3", "compare --map lr=1:2:4,sigma_w=1:2:3 --inits he",
        "compare --inits he --dtype float64", "compare --map lr=1:2:4,depth=1:4:4 --dtype float16", "compare"}) {
    const Output output = run(folder, wrong + rest);
    EXPECT_EQ(output.status, 2) << wrong << output.err;
    EXPECT_EQ(std::count(output.err.begin(), output.err.end(), '\n'), 1) << output.err;
  }
}

}  // namespace
}  // namespace evengrad::test
