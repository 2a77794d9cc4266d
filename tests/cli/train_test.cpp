#include "program.hpp"

#include <gtest/gtest.h>

#include <cmath>

using evengrad::TempFolder;
using evengrad::test::contents;
using evengrad::test::Output;
using evengrad::test::shell;

namespace {

// What a run is judged by: everything but how long it took and what memory.
nlohmann::json without_time(nlohmann::json document) {
  document.erase("seconds");
  document.erase("arena_bytes");
  return document;
}

}  // namespace

TEST(Train, FashionMnistReachesPyTorchsAccuracy) {
  TempFolder folder;
  const Output run = shell(folder,
                           "evengrad train --data fashion_mnist --hidden 256,128,100 --activation relu --init he "
                           "--optimizer adam --lr 1e-3 --batch-size 128 --epochs 10 --seed 1 --json");
  ASSERT_EQ(run.status, 0) << run.err;
  EXPECT_GE(run.json()["final"]["test_accuracy"].get<double>(), 0.875);
  EXPECT_EQ(run.json()["parameters"], 247766);
  EXPECT_EQ(run.json()["steps"], 4690);
  EXPECT_EQ(run.json()["epochs"], 10);
  EXPECT_TRUE(run.json()["findings"].is_array());
}

TEST(Train, MnistReachesNinetySevenPercent) {
  TempFolder folder;
  const Output run = shell(folder,
                           "evengrad train --data mnist --hidden 256,128,100 --activation relu --init he "
                           "--optimizer adam --lr 1e-3 --batch-size 128 --epochs 10 --seed 1 --json");
  ASSERT_EQ(run.status, 0) << run.err;
  EXPECT_GE(run.json()["final"]["test_accuracy"].get<double>(), 0.97);
}

TEST(Train, TwoSpiralsAreSeparated) {
  TempFolder folder;
  const Output run = shell(folder,
                           "evengrad train --data spirals --hidden 64,64 --activation tanh --init xavier "
                           "--optimizer adam --lr 1e-2 --epochs 200 --seed 1 --json");
  ASSERT_EQ(run.status, 0) << run.err;
  EXPECT_GE(run.json()["final"]["train_accuracy"].get<double>(), 0.99);
  EXPECT_GE(run.json()["final"]["test_accuracy"].get<double>(), 0.99);
}

TEST(Train, XorNeedsANonlinearity) {
  TempFolder folder;
  const std::string line =
      "evengrad train --data xor --hidden 4 --loss bce --init xavier --optimizer adam --lr 0.05 "
      "--steps 1000 --test-fraction 0 --seed 2 --json --activation ";
  const Output tanh = shell(folder, line + "tanh"), identity = shell(folder, line + "identity");
  ASSERT_EQ(tanh.status, 0) << tanh.err;
  EXPECT_EQ(tanh.json()["model"], "2-4-1");
  EXPECT_EQ(tanh.json()["final"]["train_accuracy"], 1.0);
  EXPECT_LE(identity.json()["final"]["train_accuracy"].get<double>(), 0.75);
}

TEST(Train, SameSeedSameBitsWhateverTheThreads) {
  TempFolder folder;
  const std::string line =
      "evengrad train --data fashion_mnist --samples 4000 --hidden 256,128 --batch-size 500 --epochs 2 --seed 7 "
      "--json ";
  const Output one = shell(folder, line + "--threads 1 --save one.safetensors");
  const Output two = shell(folder, line + "--threads 2 --save two.safetensors");
  const Output again = shell(folder, line + "--threads 2 --save again.safetensors");
  ASSERT_EQ(one.status, 0) << one.err;
  EXPECT_EQ(without_time(one.json()), without_time(two.json()));
  EXPECT_EQ(contents(folder.path() / "one.safetensors"), contents(folder.path() / "two.safetensors"));
  EXPECT_EQ(contents(folder.path() / "one.safetensors"), contents(folder.path() / "again.safetensors"));
}

TEST(Train, AnotherSeedGivesAnotherNet) {
  TempFolder folder;
  shell(folder, "evengrad train --data moons --epochs 1 --seed 1 --save one.safetensors");
  shell(folder, "evengrad train --data moons --epochs 1 --seed 2 --save two.safetensors");
  EXPECT_FALSE(contents(folder.path() / "one.safetensors").empty());
  EXPECT_NE(contents(folder.path() / "one.safetensors"), contents(folder.path() / "two.safetensors"));
}

TEST(Train, SavedModelGivesTheSameLossWhenLoaded) {
  TempFolder folder;
  const Output first = shell(folder, "evengrad train --data moons --hidden 16 --epochs 3 --save m.safetensors --json");
  const Output second = shell(
      folder, "evengrad train --data moons --hidden 16 --epochs 0 --load m.safetensors --save n.safetensors --json");
  ASSERT_EQ(second.status, 0) << second.err;
  EXPECT_EQ(first.json()["final"], second.json()["final"]);
  EXPECT_EQ(contents(folder.path() / "m.safetensors"), contents(folder.path() / "n.safetensors"));
}

TEST(Train, LogHasALineAStepAndAnEpoch) {
  TempFolder folder;
  const Output run = shell(folder,
                           "evengrad train --data moons --samples 100 --test-fraction 0.2 --batch-size 32 --epochs 2 "
                           "--lr 0.5 --optimizer sgd --log l.jsonl --json");
  ASSERT_EQ(run.status, 0) << run.err;
  std::ifstream log(folder.path() / "l.jsonl");
  std::vector<nlohmann::json> rows;
  for (std::string line; std::getline(log, line);) rows.push_back(nlohmann::json::parse(line));
  ASSERT_EQ(rows.size(), 8u);  // 3 batches of 80 samples, then the epoch, twice
  EXPECT_EQ(rows[0]["step"], 1);
  EXPECT_EQ(rows[0]["epoch"], 1);
  EXPECT_EQ(rows[0]["lr"], 0.5);
  EXPECT_EQ(rows[4]["step"], 4);
  EXPECT_EQ(rows[4]["epoch"], 2);
  const double mean =
      (32 * rows[0]["loss"].get<double>() + 32 * rows[1]["loss"].get<double>() + 16 * rows[2]["loss"].get<double>()) /
      80;
  EXPECT_NEAR(rows[3]["train_loss"].get<double>(), mean, 1e-12);
  EXPECT_TRUE(rows[3].contains("test_accuracy"));
}

TEST(Train, WrongOptionsAreUsageErrorsThatSuggestTheNearestName) {
  const struct {
    const char* options;
    const char* expected;
  } cases[] = {
      {"--data moons --activation rleu", "did you mean 'relu'?"},
      {"--data moons --init xaver", "did you mean 'xavier'?"},
      {"--data moons --optimizer adma", "did you mean 'adam'?"},
      {"--data mons", "did you mean 'moons'?"},
      {"--data moons --hiden 3", "did you mean '--hidden'?"},
      {"--data moons --schedule cosin", "did you mean 'cosine'?"},
      {"--data moons --loss mes", "did you mean 'mse'?"},
      {"--data moons --dtype float16", "float"},
      {"--data moons --norm bach", "did you mean 'batch'?"},
      {"--data moons --lr -1", "learning rate"},
      {"--data moons --lr nan", "learning rate"},
      {"--data moons --batch-size 0", "--batch-size must be at least 1"},
      {"--data moons --hidden 0", "--hidden"},
      {"--data moons --hidden 2147483648", "--hidden"},
      {"--data moons --hidden 3,,3", "--hidden"},
      {"--data moons --epochs x", "--epochs"},
      {"--data moons --seed -1", "--seed"},
      {"--data moons --seed 18446744073709551616", "--seed"},
      {"--data moons --threads 0", "threads"},
      {"--data moons --dropout 1", "dropout"},
      {"--data moons --momentum 0.9", "momentum"},
      {"--data moons --epochs 1 --steps 3", "--epochs"},
      {"", "--data"},
  };
  for (const auto& c : cases) {
    TempFolder folder;
    const Output run = shell(folder, std::string("evengrad train --save m.safetensors ") + c.options);
    EXPECT_EQ(run.status, 2) << c.options << ": " << run.err;
    EXPECT_TRUE(run.one_line()) << c.options << ": " << run.err;
    EXPECT_NE(run.err.find(c.expected), std::string::npos) << c.options << ": " << run.err;
    EXPECT_FALSE(std::filesystem::exists(folder.path() / "m.safetensors")) << c.options;
  }
}

TEST(Train, MissingAndBrokenFilesEndWithOneLine) {
  const char* lines[] = {
      "evengrad train --data no/such.csv",
      "printf 'a,b\\n1,2\\n1\\n' > bad.csv; evengrad train --data bad.csv",
      "evengrad train --data moons --load none.safetensors",
      "printf junk > junk.safetensors; evengrad train --data moons --load junk.safetensors",
      "evengrad train --data moons --epochs 1 --save no/folder/m.safetensors",
      "mkdir m.safetensors; evengrad train --data moons --epochs 1 --save m.safetensors",
      "evengrad train --data moons --epochs 1 --log no/folder/l.jsonl",
      "mkdir -p e/mnist; EVENGRAD_DATA=$PWD/e; export EVENGRAD_DATA; printf xx > e/mnist/train-images-idx3-ubyte; "
      "evengrad train --data mnist",
  };
  for (const char* line : lines) {
    TempFolder folder;
    const Output run = shell(folder, line);
    EXPECT_EQ(run.status, 1) << line << ": " << run.out << run.err;
    EXPECT_EQ(run.err.rfind("evengrad: ", 0), 0u) << line << ": " << run.err;
    EXPECT_TRUE(run.one_line()) << line << ": " << run.err;
  }
}

TEST(Train, ExplodingRunNamesWhereItBroke) {
  TempFolder folder;
  const Output run =
      shell(folder, "evengrad train --data moons --hidden 64,64,64 --optimizer sgd --lr 1e20 --save m.safetensors");
  EXPECT_EQ(run.status, 1);
  EXPECT_NE(run.err.find("step "), std::string::npos) << run.err;
  EXPECT_NE(run.err.find("pass, layer layers."), std::string::npos) << run.err;
  EXPECT_FALSE(std::filesystem::exists(folder.path() / "m.safetensors"));
}

TEST(Train, ADryRunForetellsTheMemoryOfAStep) {
  TempFolder folder;
  for (const std::string net :
       {"--hidden 64,64 --activation gelu", "--hidden 300 --batch-size 500", "--hidden 900,900"}) {
    const std::string line = "evengrad train --data moons --steps 3 --json " + net;
    const double foretold = shell(folder, line + " --dry-run").json()["arena_bytes"];
    const double needed = shell(folder, line).json()["arena_bytes"];
    EXPECT_GT(needed, 0.4 * foretold) << net;
    EXPECT_LT(needed, 2.5 * foretold) << net;
  }
}

TEST(Train, DryRunTrainsNothing) {
  TempFolder folder;
  const Output run = shell(folder, "evengrad train --data moons --hidden 8,4 --dry-run --save m.safetensors --json");
  ASSERT_EQ(run.status, 0) << run.err;
  EXPECT_EQ(run.json()["parameters"], 2 * 8 + 8 + 8 * 4 + 4 + 4 * 2 + 2);
  EXPECT_FALSE(std::filesystem::exists(folder.path() / "m.safetensors"));
}

TEST(Program, HelpFitsAScreenAndVersionIsOneLine) {
  TempFolder folder;
  const Output help = shell(folder, "evengrad --help"), version = shell(folder, "evengrad --version");
  EXPECT_EQ(help.status, 0);
  EXPECT_LE(std::count(help.out.begin(), help.out.end(), '\n'), 24) << help.out;
  EXPECT_EQ(version.status, 0);
  EXPECT_EQ(version.out.rfind("evengrad 0.", 0), 0u) << version.out;
}

TEST(Program, UnknownCommandIsAUsageError) {
  TempFolder folder;
  const Output run = shell(folder, "evengrad trian");
  EXPECT_EQ(run.status, 2);
  EXPECT_NE(run.err.find("did you mean 'train'?"), std::string::npos) << run.err;
}

TEST(Program, ListKnowsEveryKind) {
  TempFolder folder;
  const Output all = shell(folder, "evengrad list"), json = shell(folder, "evengrad list --json");
  EXPECT_EQ(all.status, 0);
  for (const char* name : {"relu", "he", "adam", "cosine", "spirals", "vanishing-gradients"}) {
    EXPECT_NE(all.out.find(name), std::string::npos) << name;
  }
  EXPECT_GE(json.json()["activations"].size(), 5u);
  EXPECT_EQ(shell(folder, "evengrad list optimisers").status, 2);
}

// A net that is no MLP, through every command that takes one.
TEST(Train, ANetInOneLineIsTrainedSavedLoadedAndPredicts) {
  const TempFolder folder;
  const std::string line = "\"linear(16) f residual(layernorm gated(8, silu) linear(16) f) norm f\"",
                    train = "evengrad train --data moons --norm layer --activation gelu --lr 0.01 --threads 1 --json ";
  const Output made = shell(folder, train + "--epochs 20 --seed 3 --save net.safetensors --net " + line);
  ASSERT_EQ(made.status, 0) << made.err;
  EXPECT_GT(made.json()["final"]["test_accuracy"], 0.95);
  const Output judged =
      shell(folder, "evengrad evaluate net.safetensors --data moons --test-fraction 0.2 --seed 3 --json");
  ASSERT_EQ(judged.status, 0) << judged.err;
  EXPECT_NEAR(judged.json()["accuracy"].get<double>(), made.json()["final"]["test_accuracy"].get<double>(), 1e-9);
  const Output loaded =
      shell(folder, "evengrad train --data moons --epochs 0 --seed 3 --threads 1 --json --load net.safetensors");
  ASSERT_EQ(loaded.status, 0) << loaded.err;
  EXPECT_EQ(loaded.json()["weights_digest"], made.json()["weights_digest"]);

  const struct {
    const char *options, *expected;
  } wrong[] = {{"--net 'linear(8) lineer(4)'", "'linear'"},
               {"--net 'linear(8) f' --hidden 4", "--hidden"},
               {"--net 'linear(8) f' --dropout 0.5", "dropout(p)"},
               {"--net 'linear(8) f' --residual", "residual("},
               {"--net 'linear(8'", "where (1, 2) arrives: "}};
  for (const auto& c : wrong) {
    const Output run = shell(folder, std::string("evengrad train --data moons ") + c.options);
    EXPECT_EQ(run.status, 2) << c.options;
    EXPECT_TRUE(run.one_line()) << c.options << run.err;
    EXPECT_NE(run.err.find(c.expected), std::string::npos) << c.options << ": " << run.err;
  }
}

// Characters: trained, judged, gone on with, written.
TEST(Train, ANetOfTextIsTrainedSavedEvaluatedAndWrites) {
  const TempFolder folder;
  std::string line;
  for (int i = 0; i < 120; ++i) line += "the cat sat on the mat. ";
  std::ofstream(folder.path() / "cat.txt") << line;
  const std::string net = "--net 'gpt(layers=1, heads=2, width=16)' --context 8 --activation gelu --lr 0.01 ";
  const Output made = shell(folder, "evengrad train --data cat.txt " + net +
                                        "--steps 150 --threads 1 --seed 2 --json --save cat.safetensors");
  ASSERT_EQ(made.status, 0) << made.err;
  EXPECT_LT(made.json()["final"]["test_loss"], 1.0);  // guessing by frequency has 2.3 nats
  const Output judged = shell(folder, "evengrad evaluate cat.safetensors --data cat.txt --json");
  ASSERT_EQ(judged.status, 0) << judged.err;
  EXPECT_NEAR(judged.json()["loss"].get<double>(), made.json()["final"]["test_loss"].get<double>(), 1e-5);

  const std::string generate = "evengrad generate cat.safetensors --prompt 'the cat ' --length 30 ";
  const Output written = shell(folder, generate + "--temperature 0"), again = shell(folder, generate + "--seed 7");
  ASSERT_EQ(written.status, 0) << written.err;
  EXPECT_TRUE(written.out.starts_with("the cat sat on the mat")) << written.out;
  EXPECT_EQ(again.out, shell(folder, generate + "--seed 7").out);
  EXPECT_EQ(shell(folder, generate + "--top-k 1 --seed 7").out, written.out);
  const Output unknown = shell(folder, "evengrad generate cat.safetensors --prompt 'Z'");
  EXPECT_EQ(unknown.status, 2);
  EXPECT_NE(unknown.err.find("'Z'"), std::string::npos) << unknown.err;
  std::ofstream(folder.path() / "table.csv") << "a,b\n1,2\n";
  const Output table = shell(folder, "evengrad predict cat.safetensors --data table.csv");
  EXPECT_EQ(table.status, 1);
  EXPECT_NE(table.err.find("generate"), std::string::npos) << table.err;
  EXPECT_EQ(shell(folder, "evengrad compare --data cat.txt --items text --seeds 1 --steps 5").status, 2);
  shell(folder, "evengrad train --data moons --steps 5 --save moons.safetensors");
  const Output wrong = shell(folder, "evengrad generate moons.safetensors");
  EXPECT_EQ(wrong.status, 1);
  EXPECT_TRUE(wrong.one_line()) << wrong.err;
}

TEST(Train, ARunOfTextThatIsInterruptedGoesOnToTheSameBits) {
  const TempFolder folder;
  std::string line;
  for (int i = 0; i < 60; ++i) line += "abcdefgh ";
  std::ofstream(folder.path() / "a.txt") << line;
  const std::string train = "evengrad train --data a.txt --net 'embed(4) linear(8) f' --context 5 --seed 2 --json ";
  const Output whole = shell(folder, train + "--epochs 4");
  ASSERT_EQ(whole.status, 0) << whole.err;
  ASSERT_EQ(shell(folder, train + "--epochs 2 --checkpoint c").status, 0);
  const Output resumed = shell(folder, train + "--epochs 4 --checkpoint c --resume");
  ASSERT_EQ(resumed.status, 0) << resumed.err;
  EXPECT_EQ(resumed.json()["weights_digest"], whole.json()["weights_digest"]);
}

TEST(Train, ANetOfLinesEvaluatesOtherLinesAndEndsThem) {
  const TempFolder folder;
  std::ofstream longer(folder.path() / "longer.txt"), shorter(folder.path() / "shorter.txt");
  for (int i = 0; i < 40; ++i) {
    longer << (i % 2 ? "abab\n" : "ab\n");
    shorter << "ab\n";
  }
  longer.close(), shorter.close();
  const Output made = shell(folder,
                            "evengrad train --data longer.txt --items lines --net 'embed(8) gru(16)' --lr 0.02 "
                            "--epochs 60 --batch-size 8 --threads 1 --json --save lines.safetensors");
  ASSERT_EQ(made.status, 0) << made.err;
  const auto final = made.json()["final"];
  EXPECT_NEAR(final["test_perplexity"], std::exp(final["test_loss"].get<double>()), 1e-9);
  const Output judged = shell(folder, "evengrad evaluate lines.safetensors --data shorter.txt --json");
  ASSERT_EQ(judged.status, 0) << judged.err;  // whose longest line is shorter
  // Of a, b and the end token all but what follows the first b is certain.
  EXPECT_LT(judged.json()["loss"], 0.5);
  const Output written = shell(folder, "evengrad generate lines.safetensors --count 3 --json");
  ASSERT_EQ(written.status, 0) << written.err;
  const auto texts = written.json()["texts"];
  for (const auto& line : texts) EXPECT_LE(line.get<std::string>().size(), 10u) << line;
}
