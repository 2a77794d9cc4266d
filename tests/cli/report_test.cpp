#include "program.hpp"

#include <gtest/gtest.h>

namespace evengrad::test {
namespace {

namespace fs = std::filesystem;

constexpr const char* start = "<script type=\"application/json\" id=\"evengrad-report\">";

std::string document_text(const std::string& html) {
  const std::size_t from = html.find(start);
  if (from == html.npos) return "";
  const std::size_t begin = from + std::string(start).size();
  return html.substr(begin, html.find("</script>", begin) - begin);
}

nlohmann::json document(const fs::path& page) { return nlohmann::json::parse(document_text(contents(page))); }

// The page without its document: what must not depend on it.
std::string frame(const fs::path& page) {
  const std::string html = contents(page), inside = document_text(html);
  return html.substr(0, html.find(inside)) + html.substr(html.find(inside) + inside.size());
}

const std::string comparison =
    "evengrad compare --activations 'relu,where(x < 0, 0.1*x, x)' --inits he --depths 1 --widths 4 --lrs 0.01 --seeds "
    "2 "
    "--steps 5 --data moons --samples 50 ";

class Reports : public testing::Test {
 protected:
  void SetUp() override {
    const TempFolder empty;
    if (shell(empty, "evengrad report .").err.find("has no report page") != std::string::npos) {
      GTEST_SKIP() << "this build has no page";
    }
  }
  TempFolder folder;
};

TEST_F(Reports, AreWrittenAgainFromTheFolder) {
  const Output run = shell(folder, comparison + "--out out --jobs 2");
  ASSERT_EQ(run.status, 0) << run.err;
  EXPECT_NE(run.err.find("wrote out/report.html"), std::string::npos) << run.err;
  const std::string first = contents(folder.path() / "out/report.html");
  EXPECT_LT(first.size(), 2'000'000u);
  EXPECT_EQ(document(folder.path() / "out/report.html")["kind"], "compare");

  fs::remove(folder.path() / "out/report.html");
  const Output again = shell(folder, "evengrad report out");
  ASSERT_EQ(again.status, 0) << again.err;
  EXPECT_TRUE(contents(folder.path() / "out/report.html") == first);

  const Output elsewhere = shell(folder, "evengrad report out --out page.html --json --quiet");
  ASSERT_EQ(elsewhere.status, 0) << elsewhere.err;
  EXPECT_EQ(elsewhere.json()["report"], "page.html");
  EXPECT_EQ(elsewhere.json()["bytes"], first.size());
  EXPECT_TRUE(contents(folder.path() / "page.html") == first);
}

TEST_F(Reports, HoldACommandThatGivesTheSame) {
  ASSERT_EQ(shell(folder, comparison + "--out out --seed 7").status, 0);
  const nlohmann::json asked = document(folder.path() / "out/report.html");
  const std::string command = asked["command"];
  EXPECT_EQ(command.find("--out"), std::string::npos) << command;
  const Output again = shell(folder, command + " --json");
  ASSERT_EQ(again.status, 0) << command << again.err;
  EXPECT_EQ(again.json()["cells"], nlohmann::json::parse(contents(folder.path() / "out/results.json"))["cells"]);
  EXPECT_EQ(again.json()["command"], command);
}

TEST_F(Reports, SayWhatIsWrongWithAFolder) {
  fs::create_directories(folder.path() / "empty");
  folder.write("damaged/results.json", "{\"kind\": \"run\", \"experiments\": [");
  folder.write("foreign/results.json", "{\"name\": \"something else\"}");
  folder.write("wrong/results.json", "{\"kind\": \"run\", \"experiments\": 3}");
  folder.write("file", "x");
  ASSERT_EQ(shell(folder, comparison + "--out unfinished").status, 0);
  fs::remove(folder.path() / "unfinished/results.json");
  for (const auto& [name, said] : std::vector<std::pair<std::string, std::string>>{{"missing", "no such folder"},
                                                                                   {"file", "no such folder"},
                                                                                   {"empty", "no results"},
                                                                                   {"damaged", "not JSON"},
                                                                                   {"foreign", "\"kind\""},
                                                                                   {"wrong", "results.json"},
                                                                                   {"unfinished", "--resume"}}) {
    const Output output = shell(folder, "evengrad report " + name + " --out page.html");
    EXPECT_EQ(output.status, 1) << name;
    EXPECT_TRUE(output.one_line()) << output.err;
    EXPECT_NE(output.err.find(name), std::string::npos) << output.err;
    EXPECT_NE(output.err.find(said), std::string::npos) << output.err;
    EXPECT_FALSE(fs::exists(folder.path() / "page.html"));
  }
  EXPECT_EQ(shell(folder, "evengrad report").status, 2);
}

TEST_F(Reports, OfATrainingShowWhatHappened) {
  const Output output = shell(folder,
                              "evengrad train --data spirals --samples 100 --hidden 8 --epochs 4 --report page.html "
                              "--threads 1 --json --quiet");
  ASSERT_EQ(output.status, 0) << output.err;
  const nlohmann::json page = document(folder.path() / "page.html");
  EXPECT_EQ(page["kind"], "train");
  EXPECT_EQ(page["command"], "evengrad train --data spirals --samples 100 --hidden 8 --epochs 4 --seed 1");
  EXPECT_EQ(page["weights_digest"], output.json()["weights_digest"]);
  EXPECT_EQ(page["findings"], output.json()["findings"]);
  EXPECT_EQ(page["layers"], (std::vector<std::string>{"layers.0", "layers.2"}));
  EXPECT_EQ(page["epoch_log"].size(), 4u);
  EXPECT_EQ(page["log"]["step"].size(), output.json()["steps"].get<std::size_t>());
  EXPECT_EQ(page["probe"][0]["step"], 1);
  EXPECT_EQ(page["probe"][0]["weight_histogram"].size(), 33u);
  EXPECT_EQ(page["boundary"]["classes"], 2);
  EXPECT_EQ(page["boundary"]["points"]["x"].size(), 80u);
  EXPECT_EQ(page["options"]["--hidden"], "8");
}

TEST_F(Reports, OfATrainingThatBrokeSayWhere) {
  const Output output = shell(folder,
                              "evengrad train --data moons --optimizer sgd --lr 1e30 --loss mse --activation relu "
                              "--steps 50 --report page.html");
  ASSERT_EQ(output.status, 1) << output.out;
  const nlohmann::json page = document(folder.path() / "page.html");
  EXPECT_TRUE(page["final"].is_null());
  EXPECT_FALSE(page["findings"].empty());
}

TEST_F(Reports, ThatCannotBeWrittenAreRefusedBeforeTheTraining) {
  const Output output = shell(folder, "evengrad train --data moons --report no/such/folder/page.html --save m");
  EXPECT_EQ(output.status, 1);
  EXPECT_TRUE(output.one_line()) << output.err;
  EXPECT_FALSE(fs::exists(folder.path() / "m"));
}

// Names from a CSV file, a path and a formula, on the page as text.
TEST_F(Reports, KeepHostileNamesInsideTheDocument) {
  ASSERT_EQ(shell(folder, "evengrad train --data moons --steps 1 --report plain.html").status, 0);
  const std::string evil = "</script><img src=x onerror=alert(1)>\xe2\x80\xa8&{{document}}";
  std::string csv = evil + ",b,label\n";
  for (int i = 0; i < 20; ++i) {
    csv += std::to_string(i) + "," + std::to_string(i * i % 7) + "," + (i % 2 ? evil : "b") + "\n";
  }
  folder.write("<script>'\"&.csv", csv);
  const Output output =
      shell(folder,
            "evengrad train --data '<script>'\\''\"&.csv' --activation 'where(x < 0, x, x)' --steps 2 "
            "--report page.html");
  ASSERT_EQ(output.status, 0) << output.err;
  EXPECT_TRUE(frame(folder.path() / "page.html") == frame(folder.path() / "plain.html"));
  EXPECT_EQ(document_text(contents(folder.path() / "page.html")).find_first_of("<>&"), std::string::npos);
  const nlohmann::json page = document(folder.path() / "page.html");
  EXPECT_EQ(page["boundary"]["x_label"], evil);
  EXPECT_EQ(page["class_names"], (std::vector<std::string>{evil, "b"}));
  EXPECT_EQ(page["activation"], "where(x < 0, x, x)");
}

}  // namespace
}  // namespace evengrad::test
