// What is printed of any activation is a number, or says in words that it is none.
#include "program.hpp"

#include <gtest/gtest.h>

#include <cctype>
#include <cmath>
#include <cstdlib>
#include <set>

namespace evengrad::test {
namespace {

// Every built-in and odd formulas; of these few, unless EVENGRAD_SWEEP is set.
std::vector<std::string> sweep() {
  const TempFolder folder;
  std::vector<std::string> all;
  const nlohmann::json lists = shell(folder, "evengrad list activations --json").json();
  for (const auto& entry : lists["activations"]) {
    all.push_back(entry["name"]);
  }
  EXPECT_GE(all.size(), 25u);
  std::ifstream file(std::string(source_folder) + "/tests/odd_formulas.txt");
  for (std::string line; std::getline(file, line);) all.push_back(line);
  EXPECT_GE(all.size(), 25u + 60u);
  if (std::getenv("EVENGRAD_SWEEP")) return all;
  const std::set<std::string> few = {"leaky_relu",     "selu",       "softplus",     "x*sin(x)",
                                     "abs(tanh(x))",   "max(x,0)^2", "tanh(x)^2",    "log(x)",
                                     "x*tanh(exp(x))", "1/(x-0.3)",  "exp(0.6*x^2)", "x*cos(x)"};
  std::erase_if(all, [&](const std::string& name) { return !few.contains(name); });
  EXPECT_EQ(all.size(), few.size());
  return all;
}

// A word that stands for no number, or that a library says.
std::string forbidden_word(const std::string& text) {
  std::string word;
  for (const char c : text + " ") {
    if (std::isalnum(static_cast<unsigned char>(c))) {
      word += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
      continue;
    }
    for (const char* bad : {"nan", "inf", "boost", "1797693134862315708e"}) {
      if (word == bad) return word;
    }
    word.clear();
  }
  return "";
}

// Every text of a document, and every number that is one.
void expect_readable(const nlohmann::json& node, const std::string& where) {
  if (node.is_structured()) {
    for (const auto& [key, value] : node.items()) expect_readable(value, where + "/" + key);
  } else if (node.is_string()) {
    EXPECT_EQ(forbidden_word(node), "") << where << ": " << node;
  } else if (node.is_number()) {
    EXPECT_TRUE(std::isfinite(node.get<double>())) << where;
  }
}

class Printed : public testing::Test {
 public:
  // What the program prints; status 0, or a refusal in one line.
  std::string expect_readable_text(const std::string& line) {
    const Output run = shell(folder_, line);
    EXPECT_TRUE(run.status == 0 || run.one_line()) << line << ": " << run.status << run.err;
    const std::string all = run.out + run.err;
    EXPECT_EQ(forbidden_word(all), "") << line << '\n' << all;
    return run.status == 0 ? run.out : "";
  }

  // The same as a document.
  nlohmann::json expect_readable_json(const std::string& line) {
    const std::string out = expect_readable_text(line);
    EXPECT_NE(out, "") << line;
    const nlohmann::json document = nlohmann::json::parse(out, nullptr, false);
    EXPECT_FALSE(document.is_discarded()) << line;
    expect_readable(document, line);
    return document;
  }

 private:
  TempFolder folder_;
};

TEST_F(Printed, TheoryOfAnyActivation) {
  for (const std::string& f : sweep()) {
    const std::string command = "evengrad theory '" + f + "'";
    EXPECT_NE(expect_readable_text(command), "") << f;
    const nlohmann::json document = expect_readable_json(command + " --json");
    ASSERT_EQ(document["regimes"].size(), 2u) << f;
    for (const nlohmann::json& r : document["regimes"]) {
      const bool known = r["phase"] != "unknown";
      EXPECT_EQ(known, r["text"].get<std::string>().find("unknown: moments") == std::string::npos) << f << r;
      if (!r["chi1"].is_number()) continue;
      const double chi1 = r["chi1"];
      const std::string phase = r["phase"];
      if (phase == "ordered") EXPECT_LT(chi1, 1) << f;
      if (phase == "chaotic") EXPECT_GT(chi1, 1) << f;
    }
    // What is null is explained.
    for (const auto& [name, value] : document["moments"].items()) {
      if (value.is_null()) EXPECT_FALSE(document["notes"].empty()) << f << ' ' << name;
    }
  }
}

TEST_F(Printed, EmittedCodeForAnyActivation) {
  for (const std::string& f : sweep()) {
    for (const char* framework : {"pytorch", "jax", "keras", "cpp"}) {
      const std::string code =
          expect_readable_text("evengrad theory '" + f + "' --emit " + framework + " | sed s/std:://");
      EXPECT_NE(code, "") << f << framework;
    }
  }
}

TEST_F(Printed, PropagationOfAnyActivation) {
  for (const std::string& f : sweep()) {
    for (const char* init : {"he", "lecun(gain=3)", "auto"}) {
      const std::string command = "evengrad propagate --activation '" + f + "' --init '" + init +
                                  "' --depth 8 --width 16 --inputs 8 --nets 3 --input-variance 2";
      expect_readable_text(command);
      const nlohmann::json document = expect_readable_json(command + " --json");
      bool gap = false;
      for (const nlohmann::json& layer : document["layers"]) {
        for (const auto& [name, value] : layer.items()) gap = gap || value.is_null();
      }
      if (gap) EXPECT_FALSE(document["notes"].empty()) << command;
    }
  }
}

TEST_F(Printed, MapsOfAnyActivation) {
  for (const std::string& f : sweep()) {
    for (const char* axes : {"sigma_w=0.5:3:3,sigma_b=0:1:3", "sigma_w=0.5:3:3,depth=1:3:2"}) {
      const std::string rest = " --widths 4 --data circles --samples 20 --steps 2 --quiet";
      const std::string depth = std::string(axes).find("depth") == std::string::npos ? " --depths 2" : "";
      const std::string command =
          std::string("evengrad compare --map ") + axes + " --activations '" + f + "'" + depth + rest;
      expect_readable_text(command);
      expect_readable_json(command + " --json");
    }
  }
}

}  // namespace
}  // namespace evengrad::test
