// Models from files: what a file says of its net and its data is applied, or refused where it contradicts something.
#include "program.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <functional>

using evengrad::TempFolder;
using evengrad::test::contents;
using evengrad::test::Output;
using evengrad::test::shell;
using nlohmann::json;

namespace {

// Row i of two clouds around (a, b) = (10, 20) and (20, 10): class "dog" where a < b, else class "cat".
struct Row {
  double a, b;
  std::string y;
};

Row row(int i) {
  const double u = std::sin(1.7 * i), v = std::cos(2.3 * i);
  return i % 2 ? Row{20 + u, 10 + v, "cat"} : Row{10 + u, 20 + v, "dog"};
}

std::string table(const std::string& header, const std::function<std::string(const Row&)>& line, int step = 1) {
  std::string csv = header + '\n';
  for (int i = 0; i < 60; i += step) csv += line(row(i)) + '\n';
  return csv;
}

std::string cells(double a, double b) { return std::to_string(a) + ',' + std::to_string(b); }

class Load : public testing::Test {
 protected:
  // pets.safetensors was trained on pets.csv and gets all of it right.
  Load() {
    folder.write("pets.csv", table("a,b,y", [](const Row& r) { return cells(r.a, r.b) + ',' + r.y; }));
    first = json_of(
        "train --data pets.csv --test-fraction 0 --hidden 16 --activation tanh --norm layer --epochs 60 "
        "--lr 0.01 --save pets.safetensors");
    EXPECT_EQ(first["final"]["train_accuracy"], 1);
  }

  json json_of(const std::string& arguments) {
    const Output run = shell(folder, "evengrad " + arguments + " --json --quiet");
    EXPECT_EQ(run.status, 0) << arguments << ": " << run.err;
    return run.status == 0 ? run.json() : json();
  }

  void expect_refused(const std::string& arguments, int status, const std::vector<std::string>& words) {
    const Output run = shell(folder, "evengrad " + arguments + " --quiet");
    EXPECT_EQ(run.status, status) << arguments << ": " << run.err;
    EXPECT_TRUE(run.one_line()) << arguments << ": " << run.err;
    EXPECT_EQ(run.out, "") << arguments;
    for (const std::string& word : words) {
      EXPECT_NE(run.err.find(word), std::string::npos) << arguments << ": " << word << ": " << run.err;
    }
  }

  // The accuracy on a file by each way there is: evaluate, train --load, and predict beside the answers.
  void expect_accuracy(const std::string& file, double accuracy, const std::string& options = "") {
    EXPECT_EQ(json_of("evaluate pets.safetensors --data " + file + options)["accuracy"], accuracy) << file;
    const json run = json_of("train --load pets.safetensors --epochs 0 --test-fraction 0 --data " + file + options);
    EXPECT_EQ(run["final"]["train_accuracy"], accuracy) << file;
  }

  // The saved model without a word about it, as PyTorch writes one.
  void strip(const std::string& from, const std::string& to) {
    const std::string bytes = contents(folder.path() / from);
    std::uint64_t size = 0;
    std::memcpy(&size, bytes.data(), 8);
    json header = json::parse(bytes.substr(8, size));
    header.erase("__metadata__");
    std::string text = header.dump();
    text.resize((text.size() + 7) / 8 * 8, ' ');
    const std::uint64_t stripped = text.size();
    folder.write(to, std::string(reinterpret_cast<const char*>(&stripped), 8) + text + bytes.substr(8 + size));
  }

  TempFolder folder;
  json first;
};

}  // namespace

TEST_F(Load, ColumnsAreFoundByName) {
  folder.write("swapped.csv", table("b,a,y", [](const Row& r) { return cells(r.b, r.a) + ',' + r.y; }));
  folder.write("label_first.csv", table("y,a,b", [](const Row& r) { return r.y + ',' + cells(r.a, r.b); }));
  folder.write("more.csv", table("id,b,c,a,y", [](const Row& r) {
                 return "no. 7," + std::to_string(r.b) + ",x," + std::to_string(r.a) + ',' + r.y;
               }));
  for (const char* file : {"pets.csv", "swapped.csv", "label_first.csv", "more.csv"}) expect_accuracy(file, 1);

  folder.write("two_left.csv", table("id,y,a,b", [](const Row& r) { return "7," + r.y + ',' + cells(r.a, r.b); }));
  expect_accuracy("two_left.csv", 1);  // the label's column is known by its name
  expect_accuracy("two_left.csv", 1, " --target y");
  expect_refused("evaluate pets.safetensors --data pets.csv --target a", 2, {"column 'a' is a feature of the model"});
  folder.write("no_b.csv", table("a,c,y", [](const Row& r) { return cells(r.a, r.b) + ',' + r.y; }));
  folder.write("no_label.csv", table("b,a", [](const Row& r) { return cells(r.b, r.a); }));
  for (const char* command : {"evaluate pets.safetensors", "train --load pets.safetensors"}) {
    expect_refused(std::string(command) + " --data no_b.csv", 2, {"no column 'b'", "it has 'a', 'c', 'y'"});
    expect_refused(std::string(command) + " --data no_label.csv", 1, {"there is no label"});
  }
}

TEST_F(Load, ClassesAreFoundByName) {
  // Alone, either class would be number 0; the answers of the second file are all wrong.
  folder.write("cats.csv", table("a,b,y", [](const Row& r) { return cells(20, 10 + r.b / 20) + ",cat"; }));
  folder.write("wrong.csv", table("a,b,y", [](const Row& r) { return cells(20, 10 + r.b / 20) + ",dog"; }));
  expect_accuracy("cats.csv", 1);
  expect_accuracy("wrong.csv", 0);
  folder.write("ants.csv",
               table("a,b,y", [](const Row& r) { return cells(r.a, r.b) + (r.y == "dog" ? ",dog" : ",ant"); }));
  for (const char* command : {"evaluate pets.safetensors", "train --load pets.safetensors"}) {
    expect_refused(std::string(command) + " --data ants.csv", 1, {"class 'ant'", "'cat', 'dog'", "ants.csv"});
  }
}

// Standardized by itself, either class of the file would lie around 0, between the clouds.
TEST_F(Load, NormalizationIsThatOfTheModel) {
  folder.write("dogs.csv", table(
                               "a,b,y", [](const Row& r) { return cells(r.a, r.b) + ',' + r.y; }, 2));
  expect_accuracy("dogs.csv", 1);
  const json again =
      json_of("train --load pets.safetensors --data dogs.csv --epochs 1 --test-fraction 0 --save again.safetensors");
  // What is saved again has the normalization that it was trained with.
  const json one = json_of("evaluate again.safetensors --data dogs.csv");
  EXPECT_NEAR(one["loss"].get<double>(), again["final"]["train_loss"].get<double>(), 1e-6);
}

TEST_F(Load, TheNetIsThatOfTheModel) {
  const json again =
      json_of("train --load pets.safetensors --data pets.csv --test-fraction 0 --epochs 0 --save again.safetensors");
  EXPECT_EQ(again["weights_digest"], first["weights_digest"]);
  EXPECT_EQ(again["activation"], "tanh");
  EXPECT_NEAR(again["final"]["train_loss"].get<double>(), first["final"]["train_loss"].get<double>(), 1e-6);
  EXPECT_EQ(contents(folder.path() / "again.safetensors"), contents(folder.path() / "pets.safetensors"));
}

TEST_F(Load, WhatContradictsTheFileIsRefused) {
  const std::string line = "train --load pets.safetensors --data pets.csv --steps 1 ";
  const struct {
    const char *option, *file;
  } wrong[] = {{"--hidden 16,16", "hidden widths 16,"},
               {"--hidden none", "hidden widths 16,"},
               {"--activation relu", "activation tanh,"},
               {"--norm batch", "norm layer,"},
               {"--norm none", "norm layer,"},
               {"--residual", "no residual sums"},
               {"--task regression", "the task classification"},
               {"--normalize none", "normalized inputs"}};
  for (const auto& [option, file] : wrong) {
    expect_refused(line + option, 2, {"'pets.safetensors'", file, std::string("contradicts ") + option});
  }
  expect_refused(line + "--loss bce", 1, {"2 outputs", "with the loss bce need 1"});
  expect_refused("train --load pets.safetensors --data sine", 1, {"'sine' are a regression", "'pets.csv'"});
  expect_refused("train --load pets.safetensors --data moons", 1, {"'x1', 'x2'", "'a', 'b'"});
  // What is true may be said; dropout has no weights.
  json_of(line + "--hidden 16 --activation tanh --norm layer --task classification --normalize standard");
  const json dropped =
      json_of("train --load pets.safetensors --data pets.csv --test-fraction 0 --epochs 0 --dropout 0.5");
  EXPECT_NEAR(dropped["final"]["train_loss"].get<double>(), first["final"]["train_loss"].get<double>(), 1e-6);
}

TEST_F(Load, OneOutputForTwoClassesIsBce) {
  const json bce = json_of("train --data moons --hidden 16 --epochs 3 --loss bce --save bce.safetensors");
  const json again = json_of("train --data moons --epochs 0 --load bce.safetensors");
  EXPECT_EQ(again["weights_digest"], bce["weights_digest"]);
  EXPECT_NEAR(again["final"]["test_loss"].get<double>(), bce["final"]["test_loss"].get<double>(), 1e-6);
  const json held = json_of("evaluate bce.safetensors --data moons --test-fraction 0.2");
  EXPECT_EQ(held["loss_function"], "bce");
  EXPECT_EQ(held["rows"], 200);
  EXPECT_NEAR(held["loss"].get<double>(), bce["final"]["test_loss"].get<double>(), 1e-6);
  expect_refused("train --data moons --load bce.safetensors --loss cross_entropy", 1, {"1 outputs", "need 2"});
}

TEST_F(Load, AFileWithoutDescriptionLoadsAsTheOptionsSay) {
  strip("pets.safetensors", "plain.safetensors");
  const std::string line = "train --data pets.csv --test-fraction 0 --epochs 0 --load plain.safetensors ";
  const json run = json_of(line + "--hidden 16 --activation tanh --norm layer");
  EXPECT_EQ(run["weights_digest"], first["weights_digest"]);
  EXPECT_EQ(run["final"], first["final"]);
  expect_refused(line + "--hidden 8 --norm layer", 1, {"'layers.0.weight'", "(16, 2)", "(8, 2)"});
  expect_refused("evaluate plain.safetensors --data pets.csv", 1, {"not a model saved by evengrad"});
}

TEST_F(Load, EvaluateCountsWhatPredictAnswers) {
  // Every third answer is wrong.
  std::string csv = "a,b,y\n";
  int right = 0, dogs_called_cats = 0;
  for (int i = 0; i < 60; ++i) {
    const Row r = row(i);
    const bool wrong = i % 3 == 0;
    csv += cells(r.a, r.b) + ',' + (wrong == (r.y == "cat") ? "dog" : "cat") + '\n';
    right += !wrong;
    dogs_called_cats += wrong && r.y == "cat";
  }
  folder.write("wrong.csv", csv);
  const json document = json_of("evaluate pets.safetensors --data wrong.csv");
  EXPECT_EQ(document["rows"], 60);
  EXPECT_EQ(document["classes"], (json{"cat", "dog"}));
  EXPECT_EQ(document["accuracy"], right / 60.0);
  EXPECT_EQ(document["confusion"][1][0], dogs_called_cats);
  double loss = 0;
  const json answers = json_of("predict pets.safetensors --data wrong.csv")["predictions"];
  for (int i = 0; i < 60; ++i) {
    const bool cat = (i % 3 == 0) != (row(i).y == "cat");
    loss -= std::log(answers[static_cast<std::size_t>(i)]["probabilities"][cat ? 0 : 1].get<double>()) / 60;
  }
  EXPECT_NEAR(document["loss"].get<double>(), loss, 1e-9 * loss);
  const Output words = shell(folder, "evengrad evaluate pets.safetensors --data wrong.csv");
  EXPECT_NE(words.err.find("classification by 'y', as in the model's training"), std::string::npos) << words.err;
  EXPECT_NE(words.out.find("accuracy 66.67 %"), std::string::npos) << words.out;
}

TEST_F(Load, EvaluateOfARegression) {
  std::string csv = "x,y\n";
  for (int i = 0; i < 50; ++i) csv += cells(0.1 * i - 2.5, std::sin(0.1 * i - 2.5)) + '\n';
  folder.write("wave.csv", csv);
  json_of("train --data sine --epochs 20 --lr 0.01 --save sine.safetensors");
  const json document = json_of("evaluate sine.safetensors --data wave.csv");
  const json answers = json_of("predict sine.safetensors --data wave.csv")["predictions"];
  double squares = 0, absolute = 0, sum = 0, spread = 0;
  const auto target = [](int i) { return std::stod(std::to_string(std::sin(0.1 * i - 2.5))); };
  for (int i = 0; i < 50; ++i) sum += target(i);
  for (int i = 0; i < 50; ++i) {
    const double error = answers[static_cast<std::size_t>(i)]["prediction"][0].get<double>() - target(i);
    squares += error * error;
    absolute += std::abs(error);
    spread += (target(i) - sum / 50) * (target(i) - sum / 50);
  }
  EXPECT_NEAR(document["loss"].get<double>(), squares / 50, 1e-12);
  EXPECT_NEAR(document["rmse"].get<double>(), std::sqrt(squares / 50), 1e-12);
  EXPECT_NEAR(document["mae"].get<double>(), absolute / 50, 1e-12);
  EXPECT_NEAR(document["r2"].get<double>(), 1 - squares / spread, 1e-12);
  EXPECT_FALSE(document.contains("accuracy"));
  folder.write("flat.csv", "x,y\n1,2\n3,2\n");
  EXPECT_EQ(json_of("evaluate sine.safetensors --data flat.csv")["r2"], nullptr);
  expect_refused("evaluate sine.safetensors --data pets.csv", 2, {"'x'"});
}

TEST_F(Load, EvaluateRefusesAnotherTask) {
  json_of("evaluate pets.safetensors --data pets.csv --task classification");
  expect_refused("evaluate pets.safetensors --data pets.csv --task regression", 2,
                 {"--task regression", "'pets.safetensors'", "trained for classification"});
  expect_refused("evaluate pets.safetensors --data sine", 1, {"'sine' are a regression", "a classification"});
  expect_refused("evaluate pets.safetensors --data pets.csv --loss hinge", 2, {"hinge", "known: cross_entropy"});
  expect_refused("evaluate none.safetensors --data pets.csv", 1, {"none.safetensors"});
  expect_refused("evaluate pets.safetensors --data none.csv", 1, {"none.csv"});
}

TEST_F(Load, EvaluateTakesTheTestSetOfImages) {
  const json run = json_of("train --data fashion_mnist --samples 500 --hidden 16 --epochs 1 --save f.safetensors");
  const json document = json_of("evaluate f.safetensors --data fashion_mnist");
  EXPECT_EQ(document["part"], "test set");
  EXPECT_EQ(document["rows"], 10'000);
  EXPECT_NEAR(document["accuracy"].get<double>(), run["final"]["test_accuracy"].get<double>(), 3e-4);  // float, double
  EXPECT_NEAR(document["loss"].get<double>(), run["final"]["test_loss"].get<double>(), 1e-5);
  expect_refused("evaluate f.safetensors --data pets.csv", 1,
                 {"is not among those of the training data", "'T-shirt/top'"});
  expect_refused("evaluate pets.safetensors --data fashion_mnist", 1, {"784 features", "with 2: 'a', 'b'"});
}
