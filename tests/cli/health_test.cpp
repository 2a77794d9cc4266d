// Planted illnesses and healthy runs, through the program as a user runs it.
#include "program.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <random>

using evengrad::TempFolder;
using evengrad::test::contents;
using evengrad::test::Output;
using evengrad::test::shell;

namespace {

// 600 points of the plane in two classes, one inside a circle; x1 is shifted and scaled, labels may be shuffled.
void write_points(const TempFolder& folder, double shift, double scale, bool shuffled) {
  std::ofstream file(folder.path() / "points.csv");
  file << "x1,x2,label\n";
  std::mt19937 bits(5);
  const auto uniform = [&] { return 4 * (static_cast<double>(bits()) / 4294967296.0) - 2; };
  for (int i = 0; i < 600; ++i) {
    const double x1 = uniform(), x2 = uniform();
    const bool inside = x1 * x1 + x2 * x2 < 2.5;
    file << shift + scale * x1 << ',' << shift + x2 << ',' << (shuffled ? bits() % 2 : inside) << '\n';
  }
}

struct Planted {
  const char* illness;
  const char* options;
  const char* rule;
  const char* where;
  const char* remedy;  ///< part of what it says to try
};

const Planted planted[] = {
    {"too large a rate", "--data spirals --optimizer sgd --lr 20 --steps 60", "learning_rate", "layers.", "--lr 2"},
    {"too large a rate for Adam", "--data spirals --optimizer adam --lr 3 --steps 60", "learning_rate", "layers.",
     "--warmup-steps"},
    {"exploding rate", "--data spirals --optimizer sgd --lr 1e8 --steps 60", "non_finite", "layers.", "--lr 1e+07"},
    {"He at depth 50 with GELU", "--data spirals --hidden 32x50 --activation gelu --init he --steps 20",
     "initial_pairing", "layers", "--init"},
    {"Xavier-ReLU at depth 30", "--data spirals --hidden 32x30 --activation relu --init xavier --steps 20",
     "initial_pairing", "layers.0", "--init he"},
    {"zero init", "--data spirals --init zeros --steps 60", "initial_pairing", "layers", "--init he"},
    {"sigmoid at depth 20", "--data spirals --hidden 32x20 --activation sigmoid --init xavier --steps 20",
     "initial_pairing", "layers", "--init"},
    {"exploding init", "--data spirals --hidden 32x4 --activation relu --init 'normal(2)' --steps 20",
     "initial_pairing", "layers", "--init he"},
    {"a gradient that vanishes where no theory is asked",
     "--data spirals --hidden 32x12 "
     "--activation tanh,sigmoid,sigmoid,sigmoid,sigmoid,sigmoid,sigmoid,sigmoid,sigmoid,sigmoid,sigmoid,sigmoid "
     "--init xavier --steps 20",
     "vanishing_gradient", "layers.0", "--residual"},
    {"tanh that starts saturated",
     "--data spirals --hidden 32,32 --activation tanh --init 'normal(8)' --optimizer sgd "
     "--steps 20",
     "saturated_units", "layers.0", "--init auto"},
    {"weight decay far too strong", "--data spirals --optimizer sgd --lr 0.1 --weight-decay 1 --steps 60",
     "weight_decay", "layers.", "--weight-decay 0.01"},
    {"too small a rate", "--data spirals --optimizer sgd --lr 1e-9 --steps 60", "frozen_weights", "layers.",
     "--lr 1e-08"},
};

// "32x3" is short for "32,32,32".
std::string spelled(std::string options) {
  const auto at = options.find("32x");
  if (at == options.npos) return options;
  const int depth = std::stoi(options.substr(at + 3));
  std::string widths = "32";
  for (int i = 1; i < depth; ++i) widths += ",32";
  return options.replace(at, 3 + std::to_string(depth).size(), widths);
}

std::string told(const nlohmann::json& findings) {
  std::string all;
  for (const auto& finding : findings) {
    all += finding["rule"].get<std::string>() + " at " + finding["where"].get<std::string>() + ": " +
           finding["message"].get<std::string>() + '\n';
  }
  return all;
}

void expect_first(const Output& run, const std::string& illness, const std::string& rule, const std::string& where,
                  const std::string& remedy) {
  const nlohmann::json findings = run.json()["findings"];
  ASSERT_FALSE(findings.empty()) << illness << ": no finding";
  EXPECT_EQ(findings[0]["rule"], rule) << illness << '\n' << told(findings);
  EXPECT_EQ(findings[0]["where"].get<std::string>().rfind(where, 0), 0u) << illness << '\n' << told(findings);
  EXPECT_NE(findings[0]["try"].get<std::string>().find(remedy), std::string::npos)
      << illness << ": " << findings[0]["try"];
}

}  // namespace

TEST(Health, PlantedIllnessesAreFoundFirst) {
  TempFolder folder;
  for (const Planted& plant : planted) {
    const Output run = shell(folder, "evengrad train --json --threads 1 " + spelled(plant.options));
    ASSERT_TRUE(run.status == 0 || std::string(plant.rule) == "non_finite") << plant.illness << ": " << run.err;
    expect_first(run, plant.illness, plant.rule, plant.where, plant.remedy);
  }
}

TEST(Health, WhatIsWrongWithTheDataIsFoundFirst) {
  const struct {
    const char* illness;
    double shift, scale;
    bool shuffled;
    const char* options;
    const char* rule;
    const char* where;
    const char* remedy;
  } cases[] = {
      {"a feature with a huge scale", 0, 1e4, false, "--normalize none --steps 60", "input_scale", "inputs",
       "--normalize standard"},
      {"un-centred inputs", 20, 1, false, "--normalize none --steps 60", "input_center", "inputs",
       "--normalize standard"},
      {"labels shuffled", 0, 1, true, "--hidden 128,128 --epochs 150 --lr 0.005", "labels", "labels", "labels"},
  };
  for (const auto& c : cases) {
    TempFolder folder;
    write_points(folder, c.shift, c.scale, c.shuffled);
    const Output run = shell(folder, std::string("evengrad train --json --threads 1 --data points.csv ") + c.options);
    ASSERT_EQ(run.status, 0) << c.illness << ": " << run.err;
    expect_first(run, c.illness, c.rule, c.where, c.remedy);
  }
}

TEST(Health, NegativeBiasesAreFoundAtTheirLayerAndTheirCureHelps) {
  TempFolder folder;
  // Biases of one layer of a saved model are set to -20: the bytes of "layers.2.bias" in the safetensors file.
  ASSERT_EQ(shell(folder, "evengrad train --data moons --hidden 16,16,16 --epochs 0 --save m.safetensors").status, 0);
  std::string bytes = contents(folder.path() / "m.safetensors");
  std::uint64_t header_bytes = 0;
  std::memcpy(&header_bytes, bytes.data(), 8);
  const nlohmann::json header = nlohmann::json::parse(bytes.substr(8, header_bytes));
  const std::vector<std::uint64_t> place = header["layers.2.bias"]["data_offsets"];
  const float bias = -20;
  for (std::uint64_t at = place[0]; at < place[1]; at += 4) std::memcpy(&bytes[8 + header_bytes + at], &bias, 4);
  std::ofstream(folder.path() / "ill.safetensors", std::ios::binary) << bytes;

  for (const char* seed : {"1", "2", "3"}) {
    const std::string line = std::string(
                                 "evengrad train --data moons --hidden 16,16,16 --load ill.safetensors "
                                 "--epochs 15 --lr 0.01 --json --threads 1 --seed ") +
                             seed;
    const Output ill = shell(folder, line), cured = shell(folder, line + " --reinit-dead");
    ASSERT_EQ(ill.status, 0) << ill.err;
    ASSERT_EQ(cured.status, 0) << cured.err;
    const nlohmann::json finding = ill.json()["findings"][0];
    EXPECT_EQ(finding["rule"], "silent_units") << told(ill.json()["findings"]);
    EXPECT_EQ(finding["where"], "layers.2");
    EXPECT_EQ(finding["since_step"], 1);
    EXPECT_NE(finding["message"].get<std::string>().find("biases started at -20"), std::string::npos) << finding;
    EXPECT_NE(finding["try"].get<std::string>().find("--reinit-dead"), std::string::npos);
    EXPECT_LT(cured.json()["final"]["train_loss"].get<double>(), 0.5 * ill.json()["final"]["train_loss"].get<double>());
  }
}

TEST(Health, HealthyRunsHaveNoFindings) {
  const char* healthy[] = {
      "--data spirals --activation relu --init he --steps 300",  // half its activations are 0
      "--data moons --activation tanh --init xavier --optimizer sgd --lr 0.1 --steps 300",
      "--data circles --activation gelu --init he --optimizer adamw --lr 0.003 --steps 300",
      "--data blobs --activation silu --init auto --optimizer momentum --lr 0.05 --steps 300",
      "--data moons --hidden 32,32,32,32 --activation relu --norm batch --lr 0.003 --steps 300",
      "--data spirals --activation selu --init lecun --optimizer rmsprop --lr 0.003 --steps 300",
      "--data sine --activation tanh --init xavier --lr 0.01 --steps 300",
      "--data teacher --activation leaky_relu --init he --norm layer --steps 300",
      "--data xor --activation sigmoid --init xavier --hidden 32 --lr 0.02 --steps 300",
      "--data moons --activation prelu --init he --dropout 0.1 --clip-norm 1 --schedule cosine --warmup-steps 20 "
      "--steps 300",
      "--data blobs --hidden 32,32,32 --residual --init auto --activation relu --steps 200",
      "--data spirals --hidden 32x20 --activation relu --init he --lr 0.001 --steps 200",
  };
  TempFolder folder;
  for (const char* options : healthy) {
    const Output run = shell(folder, "evengrad train --json --threads 1 " + spelled(options));
    ASSERT_EQ(run.status, 0) << options << ": " << run.err;
    EXPECT_TRUE(run.json()["findings"].empty()) << options << '\n' << told(run.json()["findings"]);
  }
}

TEST(Health, TheCureThatIsNamedHelps) {
  const struct {
    const char* ill;
    const char* cure;
  } pairs[] = {
      {"--data moons --optimizer sgd --lr 20 --steps 100", "--lr 2"},
      {"--data moons --hidden 32x30 --init xavier --optimizer sgd --lr 0.01 --steps 200", "--init he"},
      {"--data moons --optimizer sgd --lr 0.1 --weight-decay 1 --steps 200", "--weight-decay 0.01"},
      {"--data moons --optimizer sgd --lr 1e-9 --steps 200", "--lr 1e-2"},
  };
  TempFolder folder;
  for (const auto& pair : pairs) {
    for (const int seed : {1, 2, 3}) {
      const std::string line = "evengrad train --json --threads 1 " + spelled(pair.ill);
      std::string cured = line;
      const std::string option = std::string(pair.cure).substr(0, std::string(pair.cure).find(' '));
      const auto at = cured.find(option + " ");
      ASSERT_NE(at, cured.npos);
      cured.replace(at, cured.find(' ', at + option.size() + 1) - at, pair.cure);
      const std::string with_seed = " --seed " + std::to_string(seed);
      const Output before = shell(folder, line + with_seed), after = shell(folder, cured + with_seed);
      ASSERT_EQ(after.status, 0) << after.err;
      const nlohmann::json lost = before.json()["final"];  // null after a NaN
      EXPECT_LT(after.json()["final"]["train_loss"].get<double>(),
                lost.is_null() ? INFINITY : lost["train_loss"].get<double>())
          << pair.ill << pair.cure;
    }
  }
}

TEST(Health, AProbeChangesNoBitAndItsLogHasARowALayer) {
  TempFolder folder;
  const std::string line =
      "evengrad train --data moons --hidden 8,8 --dropout 0.2 --norm batch --steps 25 --seed 4 --json ";
  const Output plain = shell(folder, line);
  const Output probed = shell(folder, line + "--probe --probe-every 1 --probe-log rows.jsonl");
  ASSERT_EQ(probed.status, 0) << probed.err;
  EXPECT_EQ(plain.json()["weights_digest"], probed.json()["weights_digest"]);
  std::ifstream log(folder.path() / "rows.jsonl");
  int rows = 0;
  for (std::string text; std::getline(log, text); ++rows) {
    const nlohmann::json row = nlohmann::json::parse(text);
    EXPECT_EQ(row["step"], rows / 3 + 1);
    EXPECT_EQ(row["layer"], rows % 3 + 1);
    double counted = 0;
    for (const double bin : row["weight_histogram"]) counted += bin;
    EXPECT_EQ(counted, rows % 3 == 0 ? 16 : rows % 3 == 1 ? 64 : 16);
  }
  EXPECT_EQ(rows, 25 * 3);
}

TEST(Health, AThresholdCanBeSaidAndTheSummaryHasALineALayer) {
  TempFolder folder;
  const std::string line = "evengrad train --data moons --hidden 8,8 --steps 60 ";
  const Output strict = shell(folder, line + "--threshold silent_units=1 --threshold nothing_learned=0 --json");
  ASSERT_EQ(strict.status, 0) << strict.err;
  EXPECT_EQ(strict.json()["findings"].back()["rule"], "nothing_learned");
  const Output shown = shell(folder, line + "--probe");
  for (const char* part : {"\nlayers.0 ", "\nlayers.2 ", "\nlayers.4 ", "\nhealth  no findings"}) {
    EXPECT_NE(shown.out.find(part), std::string::npos) << shown.out;
  }
  const Output wrong = shell(folder, line + "--threshold silentunits=0.1");
  EXPECT_EQ(wrong.status, 2);
  EXPECT_NE(wrong.err.find("did you mean 'silent_units'?"), std::string::npos) << wrong.err;
  EXPECT_EQ(shell(folder, line + "--threshold silent_units").status, 2);
  EXPECT_EQ(shell(folder, line + "--threshold silent_units=-1").status, 2);
  EXPECT_EQ(shell(folder, line + "--probe-every 0").status, 2);
}

// What a terminal of 80 columns shows once all cursor movements are done, line by line.
std::vector<std::string> screen(const std::string& written) {
  std::vector<std::string> lines(1);
  std::size_t at = 0;
  for (std::size_t i = 0; i < written.size(); ++i) {
    if (written[i] == '\n') {
      if (++at == lines.size()) lines.emplace_back();
    } else if (written[i] == '\r') {
      lines[at].clear();
    } else if (written[i] == '\033') {
      const std::size_t end = written.find_first_of("AJK", i);
      if (written[end] == 'A') at -= static_cast<std::size_t>(std::stoi(written.substr(i + 2, end - i - 2)));
      if (written[end] == 'J') lines.resize(at + 1), lines[at].clear();
      i = end;
    } else {
      lines[at] += written[i];
    }
  }
  return lines;
}

std::size_t characters(const std::string& line) {
  return static_cast<std::size_t>(
      std::count_if(line.begin(), line.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

TEST(Health, TheLiveTableIsDrawnOverItselfAndFits) {
  TempFolder folder;
  const std::string line =
      "evengrad train --data moons --hidden 8,8 --batch-size 8 --steps 30 --probe --probe-every 10 ";  // one epoch
  const Output run = shell(folder, line + "--progress always");
  ASSERT_EQ(run.status, 0) << run.err;
  std::size_t drawn = 0;
  for (std::size_t at = run.err.find("step "); at != run.err.npos; at = run.err.find("step ", at + 1)) ++drawn;
  EXPECT_EQ(drawn, 4u) << run.err;  // steps 1, 10, 20, 30
  const std::vector<std::string> lines = screen(run.err);
  ASSERT_GE(lines.size(), 4u);
  std::size_t tables = 0;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    EXPECT_LT(characters(lines[i]), 80u) << lines[i];
    if (lines[i].rfind("step ", 0) != 0) continue;
    ++tables;
    EXPECT_EQ(lines[i].rfind("step 30 ", 0), 0u) << lines[i];
    for (const char* head : {"z mean ± spread", "|gradient|", "update/w", "silent", "saturated", "dormant"}) {
      EXPECT_NE(lines[i].find(head), std::string::npos) << lines[i];
    }
    ASSERT_LT(i + 3, lines.size());
    EXPECT_EQ(lines[i + 1].rfind("layers.0 ", 0), 0u) << lines[i + 1];
    EXPECT_EQ(lines[i + 2].rfind("layers.2 ", 0), 0u) << lines[i + 2];
    EXPECT_EQ(lines[i + 3].rfind("layers.4 ", 0), 0u) << lines[i + 3];
  }
  EXPECT_EQ(tables, 1u) << run.err;

  const Output tall = shell(
      folder, spelled("evengrad train --data moons --hidden 32x40 --batch-size 8 --steps 2 --probe --progress always"));
  EXPECT_NE(tall.err.find("… 20 more layers"), std::string::npos) << tall.err;
  for (const char* quiet : {"--progress never", "--progress auto", "--progress always --quiet"}) {
    const Output none = shell(folder, line + quiet);
    EXPECT_EQ(none.err.find("update/w"), std::string::npos) << quiet << none.err;
  }
}

TEST(Health, ItsRowsEpochsAndFindingsGoIntoTheResultsStore) {
  TempFolder folder;
  const std::string line =
      "evengrad train --data moons --hidden 8,8 --epochs 2 --optimizer sgd --lr 20 --probe --json --out runs ";
  const Output run = shell(folder, line + "--probe-log rows.jsonl");
  ASSERT_EQ(run.status, 0) << run.err;
  EXPECT_EQ(shell(folder, line).status, 1);  // nothing is written over unasked
  EXPECT_EQ(shell(folder, line + "--overwrite").status, 0);
  if (shell(folder, "command -v sqlite3").status != 0) return;
  const auto query = [&](const std::string& sql) {
    return shell(folder, "sqlite3 runs/results.sqlite \"" + sql + "\"").out;
  };
  std::ifstream log(folder.path() / "rows.jsonl");
  int rows = 0;
  for (std::string text; std::getline(log, text); ++rows) {
    const std::string found = query(
        "SELECT result FROM trials WHERE experiment = 'train' AND trial_set = 'layers' "
        "AND number = " +
        std::to_string(rows));
    const nlohmann::json stored = nlohmann::json::parse(found), logged = nlohmann::json::parse(text);
    for (const char* field : {"step", "layer", "name", "silent", "weight_rms", "weight_histogram"}) {
      EXPECT_EQ(stored[field], logged[field]) << field;
    }
  }
  EXPECT_EQ(query("SELECT COUNT(*) FROM trials WHERE trial_set = 'layers'"), std::to_string(rows) + "\n");
  EXPECT_EQ(query("SELECT label, json_array_length(result, '$.losses') FROM trials WHERE trial_set = 'epochs'"),
            "epoch 1|13\nepoch 2|13\n");
  const nlohmann::json findings = run.json()["findings"];
  ASSERT_FALSE(findings.empty());
  for (std::size_t i = 0; i < findings.size(); ++i) {
    const std::string at = std::to_string(i);
    EXPECT_EQ(nlohmann::json::parse(query("SELECT result FROM trials WHERE trial_set = 'findings' AND number = " + at)),
              findings[i]);
  }
}

// A run that was resumed is judged by all of its steps.
TEST(Health, FindingsOfAResumedRunAreThoseOfAnUndisturbedOne) {
  const std::string line =
      "evengrad train --data spirals --optimizer sgd --lr 20 --probe-every 1 --json --threads 1 --out runs "
      "--checkpoint ck ";
  TempFolder whole, parts;
  const Output expected = shell(whole, line + "--epochs 6");
  ASSERT_EQ(expected.status, 0) << expected.err;
  ASSERT_EQ(shell(parts, line + "--epochs 2").status, 0);
  const Output resumed = shell(parts, line + "--epochs 6 --resume");
  ASSERT_EQ(resumed.status, 0) << resumed.err;
  const nlohmann::json findings = expected.json()["findings"];
  ASSERT_FALSE(findings.empty());
  EXPECT_LE(findings[0]["since_step"], 5);  // before the stop
  EXPECT_EQ(resumed.json()["findings"], findings) << told(resumed.json()["findings"]) << told(findings);
  if (shell(whole, "command -v sqlite3").status != 0) return;
  const std::string all =
      "sqlite3 runs/results.sqlite 'SELECT trial_set, number, label, result FROM trials ORDER BY trial_set, number'";
  EXPECT_TRUE(shell(parts, all).out == shell(whole, all).out);
}

// docs/health.md has a line for every rule, with its threshold and source.
TEST(Health, TheDocumentAgreesWithTheList) {
  TempFolder folder;
  const std::string document = contents(evengrad::test::source_folder + "/docs/health.md");
  const nlohmann::json rules = shell(folder, "evengrad list rules --json").json()["rules"];
  EXPECT_GE(rules.size(), 12u);
  for (const auto& rule : rules) {
    std::ostringstream line;
    line << "| `" << rule["name"].get<std::string>() << "` | " << rule["sees"].get<std::string>() << " | "
         << rule["threshold"].get<double>() << " | " << rule["source"].get<std::string>() << " | "
         << rule["try"].get<std::string>() << " |";
    EXPECT_NE(document.find(line.str()), std::string::npos) << line.str();
  }
}
