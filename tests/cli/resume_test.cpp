#include "program.hpp"

#include <gtest/gtest.h>

#include <signal.h>

#include <chrono>
#include <random>
#include <thread>
#include <vector>

using evengrad::TempFolder;
using evengrad::test::contents;
using evengrad::test::Output;
using evengrad::test::shell;
using evengrad::test::Started;

namespace {

nlohmann::json without_time(nlohmann::json document) {
  document.erase("seconds");
  document.erase("arena_bytes");  // of this process: a run that had ended before takes no step
  return document;
}

/// All that a run leaves: what a resumed one must equal.
struct Results {
  std::string model, log;
  nlohmann::json json;
  friend bool operator==(const Results&, const Results&) = default;
};

Results results(const TempFolder& folder, const Output& run) {
  return {contents(folder.path() / "m.safetensors"), contents(folder.path() / "l.jsonl"), without_time(run.json())};
}

const std::string small =
    "train --data moons --samples 1000 --hidden 32,32 --norm batch --dropout 0.2 --schedule cosine "
    "--optimizer adamw --batch-size 16 --seed 9 ";
const std::string long_run = "train --data moons --samples 2000 --hidden 256,256 --batch-size 8 --epochs 10000 ";
const std::string files = "--checkpoint ck --checkpoint-every 20 --log l.jsonl --save m.safetensors --json ";

Output evengrad(const TempFolder& folder, const std::string& arguments) {
  return shell(folder, "evengrad " + arguments);
}

/// EVENGRAD_KILLS says how often; the delays are the same in every run of the test.
TEST(Resume, SurvivesBeingKilledAtAnyMoment) {
  const char* given = std::getenv("EVENGRAD_KILLS");
  const int wanted = given ? std::atoi(given) : 20;
  TempFolder whole;
  const auto start = std::chrono::steady_clock::now();
  const Output uninterrupted = evengrad(whole, small + files + "--epochs 6 --threads 2");
  const auto took = std::chrono::steady_clock::now() - start;
  ASSERT_EQ(uninterrupted.status, 0) << uninterrupted.err;
  const Results expected = results(whole, uninterrupted);
  ASSERT_FALSE(expected.model.empty());
  ASSERT_FALSE(expected.log.empty());

  std::mt19937 random(1);
  int kills = 0, runs = 0, killed_resumes = 0;
  while (kills < wanted && runs < 20 * wanted) {
    TempFolder folder;
    Output last;
    // Up to four kills a run, each somewhere within the time that the rest may take.
    for (int attempt = 0; last.status != 0 && attempt < 5; ++attempt) {
      Started program(folder, small + files + "--epochs 6 --threads 1 --resume");
      if (attempt < 4) {
        const auto most = static_cast<unsigned>(std::chrono::duration_cast<std::chrono::microseconds>(took).count());
        std::this_thread::sleep_for(std::chrono::microseconds(random() % most));
      }
      last = program.end(attempt < 4 ? SIGKILL : 0);
      kills += last.status == -1;
      killed_resumes += last.status == -1 && attempt > 0;
    }
    ++runs;
    ASSERT_EQ(last.status, 0) << last.err;
    ASSERT_TRUE(results(folder, last) == expected) << "run " << runs;
  }
  EXPECT_GE(kills, wanted);
  EXPECT_GT(killed_resumes, 0);
  RecordProperty("kills", kills);
  RecordProperty("killed_resumes", killed_resumes);
}

TEST(Resume, WithoutACheckpointBeginsAndAfterTheEndChangesNothing) {
  TempFolder plain, resumed;
  const Output run = evengrad(plain, small + "--epochs 2 --log l.jsonl --save m.safetensors --json");
  const Output first = evengrad(resumed, small + "--epochs 2 --threads 1 --resume " + files);
  const Results expected = results(resumed, first);
  EXPECT_EQ(first.status, 0) << first.err;
  EXPECT_TRUE(results(plain, run) == expected);
  std::filesystem::remove(resumed.path() / "m.safetensors");
  const Output again = evengrad(resumed, small + "--epochs 2 --threads 2 --resume " + files);
  EXPECT_EQ(again.status, 0) << again.err;
  EXPECT_TRUE(results(resumed, again) == expected);
}

TEST(Resume, MoreEpochsMayFollowWhereTheScheduleIsConstant) {
  TempFolder whole, grown;
  const std::string line = "train --data moons --samples 200 --hidden 8 " + files;
  const Output expected = evengrad(whole, line + "--epochs 4");
  ASSERT_EQ(evengrad(grown, line + "--epochs 2").status, 0);
  const Output run = evengrad(grown, line + "--epochs 4 --resume");
  ASSERT_EQ(run.status, 0) << run.err;
  EXPECT_TRUE(results(grown, run) == results(whole, expected));
  const Output fewer = evengrad(grown, line + "--epochs 1 --resume");
  EXPECT_EQ(fewer.status, 1);
  EXPECT_NE(fewer.err.find("this run has 3 steps"), std::string::npos) << fewer.err;
}

TEST(Resume, NamesEveryOptionThatDiffers) {
  TempFolder folder;
  ASSERT_EQ(evengrad(folder, "train --data moons --hidden 8 --epochs 1 --lr 1e-2 --checkpoint ck").status, 0);
  const auto resumed = [&](const std::string& options) {
    const Output run = evengrad(folder, "train --checkpoint ck --resume " + options);
    EXPECT_TRUE(run.status == 0 || run.one_line()) << run.err;
    return std::to_string(run.status) + " " + run.err;
  };
  const std::string same = "--data moons --hidden 8 --epochs 1 --lr 0.01 ";
  EXPECT_EQ(resumed(same), "0 ");
  EXPECT_EQ(resumed(same + "--seed 1 --threads 2 --json"), "0 ");
  const std::string start = "2 evengrad: --resume: the run in 'ck' has ",
                    end = ": give the same options, or --overwrite to start anew\n";
  EXPECT_EQ(resumed("--data moons --hidden 8 --epochs 1 --lr 0.02 --seed 2 --no-shuffle"),
            start + "--lr 1e-2, not --lr 0.02; no --no-shuffle, not --no-shuffle true; --seed 1, not --seed 2" + end);
  EXPECT_EQ(resumed("--data moons --hidden 9 --epochs 1"),
            start + "--hidden 8, not --hidden 9; --lr 1e-2, not no --lr" + end);
  EXPECT_EQ(resumed(same + "--log l.jsonl"), start + "no --log, not --log given" + end);
  EXPECT_EQ(resumed("--data circles --hidden 8 --epochs 1 --lr 0.01").substr(0, 35),
            "1 evengrad: --resume: the data are ");
}

TEST(Resume, ScheduledRunsKeepTheirLength) {
  TempFolder folder;
  const std::string line = "train --data moons --hidden 8 --schedule cosine --checkpoint ck --epochs ";
  ASSERT_EQ(evengrad(folder, line + "1").status, 0);
  const Output run = evengrad(folder, line + "2 --resume");
  EXPECT_EQ(run.status, 2);
  EXPECT_NE(run.err.find("--epochs 1, not --epochs 2"), std::string::npos) << run.err;
}

TEST(Resume, WhatIsThereIsNeitherOverwrittenNorContinuedUnasked) {
  TempFolder folder;
  const std::string line = "train --data moons --hidden 8 --epochs 1 --checkpoint ck --log l.jsonl ";
  ASSERT_EQ(evengrad(folder, line).status, 0);
  const std::string log = contents(folder.path() / "l.jsonl"),
                    kept = contents(folder.path() / "ck/checkpoint.safetensors");
  const auto refused = [&](const std::string& arguments, const std::string& reason) {
    const Output run = evengrad(folder, arguments);
    EXPECT_EQ(run.status, 1) << run.err;
    EXPECT_TRUE(run.one_line()) << run.err;
    EXPECT_NE(run.err.find(reason), std::string::npos) << run.err;
    EXPECT_NE(run.err.find("--overwrite"), std::string::npos) << run.err;
    EXPECT_EQ(contents(folder.path() / "l.jsonl"), log);
    EXPECT_EQ(contents(folder.path() / "ck/checkpoint.safetensors"), kept);
  };
  refused(line, "folder 'ck' holds the checkpoint of an earlier run: give --resume");
  refused("train --data moons --log l.jsonl", "log 'l.jsonl' holds ");
  refused("train --data moons --log l.jsonl --checkpoint new --resume", "there is no checkpoint to go on from");
  evengrad(folder, "train --data moons --epochs 1 --log other.jsonl");
  refused("train --data moons --hidden 8 --epochs 1 --checkpoint ck --resume --log other.jsonl", "does not begin with");
  refused("train --data moons --hidden 8 --epochs 1 --checkpoint ck --resume --log none.jsonl", "is gone");
  EXPECT_EQ(evengrad(folder, line + "--resume --overwrite").status, 2);
  const Output replaced = evengrad(folder, line + "--seed 2 --overwrite");
  EXPECT_EQ(replaced.status, 0) << replaced.err;
  EXPECT_NE(contents(folder.path() / "l.jsonl"), log);
}

TEST(Resume, DamagedCheckpointsAreRefused) {
  TempFolder folder;
  const std::string line = "train --data moons --hidden 8 --epochs 2 --checkpoint ck --save m.safetensors --json ";
  const Output expected = evengrad(folder, line);
  std::string bytes = contents(folder.path() / "ck/checkpoint.safetensors");
  bytes[bytes.size() / 2] ^= 4;
  folder.write("ck/checkpoint.safetensors", bytes);
  const Output refused = evengrad(folder, line + "--resume");
  EXPECT_EQ(refused.status, 1);
  EXPECT_TRUE(refused.one_line());
  EXPECT_NE(refused.err.find("'ck/checkpoint.safetensors': it is damaged: its checksum is wrong; delete it"),
            std::string::npos)
      << refused.err;
  std::filesystem::remove(folder.path() / "ck/checkpoint.safetensors");
  const Output older = evengrad(folder, line + "--resume");
  EXPECT_EQ(older.status, 0) << older.err;
  EXPECT_EQ(without_time(older.json()), without_time(expected.json()));
}

TEST(Resume, OptionsThatDoNotFitAreUsageErrors) {
  TempFolder folder;
  for (const char* options : {"--resume", "--checkpoint-every 5", "--checkpoint ck --checkpoint-every 0"}) {
    EXPECT_EQ(evengrad(folder, std::string("train --data moons --epochs 1 ") + options).status, 2) << options;
  }
  folder.write("file", "mine");
  const Output run = evengrad(folder, "train --data moons --epochs 1 --checkpoint file");
  EXPECT_EQ(run.status, 1);
  EXPECT_EQ(run.err, "evengrad: cannot use the folder 'file': Not a directory\n");
  EXPECT_EQ(contents(folder.path() / "file"), "mine");
}

TEST(Resume, OneFolderServesOneRunAtATime) {
  TempFolder folder;
  Started first(folder, long_run + "--checkpoint ck");
  ASSERT_TRUE(first.wait_for("ck/checkpoint.safetensors"));
  TempFolder elsewhere;
  const Output second = evengrad(elsewhere, long_run + "--checkpoint " + (folder.path() / "ck").string());
  EXPECT_EQ(second.status, 1);
  EXPECT_NE(second.err.find("another process trains into it"), std::string::npos) << second.err;
}

/// Neither the run nor its resumption would end by itself in a day.
TEST(Interrupt, StopsAndSaysHowToGoOn) {
  for (const int signal : {SIGINT, SIGTERM}) {
    TempFolder folder;
    Started program(folder, long_run + "--init 'xavier(gain=1)' --checkpoint 'my ck' --log l.jsonl");
    ASSERT_TRUE(program.wait_for("l.jsonl", 70000));
    const Output run = program.end(signal);
    EXPECT_EQ(run.status, 128 + signal);
    EXPECT_TRUE(run.one_line()) << run.err;
    const auto at = run.err.find("; go on with: ");
    ASSERT_NE(at, std::string::npos) << run.err;
    const std::string command = run.err.substr(at + 14);
    EXPECT_NE(command.find(" --init 'xavier(gain=1)' --checkpoint 'my ck' --log l.jsonl --resume\n"),
              std::string::npos);

    // The command works as it is printed; the log goes on where it was.
    const std::string log = contents(folder.path() / "l.jsonl");
    Started resumed(folder, command.substr(command.find("train"), command.size() - command.find("train") - 1));
    ASSERT_TRUE(resumed.wait_for("l.jsonl", log.size()));
    const Output second = resumed.end(SIGINT);
    EXPECT_EQ(second.status, 130);
    EXPECT_EQ(contents(folder.path() / "l.jsonl").substr(0, log.size()), log);
    std::istringstream rows(contents(folder.path() / "l.jsonl"));
    std::int64_t step = 0;
    for (std::string row; std::getline(rows, row);) {
      const auto json = nlohmann::json::parse(row);
      if (json.contains("step")) EXPECT_EQ(json["step"], ++step);
    }
    EXPECT_GT(step, 0);
  }
}

TEST(Interrupt, EndsCommandsThatSaveNothingAtOnce) {
  TempFolder folder;
  for (const std::string line : {"propagate --activation gelu --init he --width 1000 --depth 100 --nets 1000",
                                 "train --data moons --epochs 100000 --progress always"}) {
    Started program(folder, line);
    program.wait_until_it_catches(SIGINT);
    EXPECT_EQ(program.end(SIGINT).status, 130) << line;
  }
}

TEST(Interrupt, ABrokenPipeIsQuietAndAFullDiskIsNot) {
  TempFolder folder;
  for (const char* line : {"evengrad list | head -1", "evengrad train --data moons --epochs 2 --json | head -c1",
                           "evengrad train --data moons --epochs 50 | head -1"}) {
    const Output run = shell(folder, std::string(line) + "; test $? = 0");
    EXPECT_EQ(run.status, 0) << line;
    EXPECT_EQ(run.err, "") << line;
    EXPECT_FALSE(run.out.empty()) << line;
  }
  const Output full = shell(folder, "evengrad list > /dev/full");
  EXPECT_EQ(full.status, 1);
  EXPECT_EQ(full.err, "evengrad: cannot write standard output\n");
}

TEST(Train, ADivergingRunKeepsTheLastGoodCheckpoint) {
  TempFolder folder;
  const std::string line =
      "train --data moons --hidden 16 --optimizer sgd --schedule 'step(25,1e19)' --lr 0.1 --epochs 9 "
      "--batch-size 32 --checkpoint ck --log l.jsonl";
  const Output run = evengrad(folder, line);
  EXPECT_EQ(run.status, 1);
  EXPECT_TRUE(run.one_line()) << run.err;
  EXPECT_NE(run.err.find("evengrad: step 2"), std::string::npos) << run.err;
  EXPECT_NE(run.err.find("(the checkpoint of step 25 in 'ck' is kept)"), std::string::npos) << run.err;
  const std::string kept = contents(folder.path() / "ck/checkpoint.safetensors");
  const Output again = evengrad(folder, line + " --resume");
  EXPECT_EQ(again.err, run.err);
  EXPECT_EQ(contents(folder.path() / "ck/checkpoint.safetensors"), kept);
}

TEST(Train, TheDigestOfTheWeightsIsThatOfTheSavedModel) {
  TempFolder folder;
  const std::string line = "train --data moons --hidden 64,64 --batch-size 200 --norm batch --json ";
  const auto digest = [&](const std::string& options) {
    return evengrad(folder, line + options).json()["weights_digest"].get<std::string>();
  };
  const std::string one = digest("--epochs 2 --threads 1 --save m.safetensors");
  EXPECT_EQ(one.size(), 16u);
  EXPECT_EQ(digest("--epochs 2 --threads 2"), one);
  EXPECT_EQ(digest("--epochs 0 --load m.safetensors"), one);
  EXPECT_NE(digest("--epochs 2 --seed 2"), one);
  const Output text = evengrad(folder, "train --data moons --hidden 64,64 --batch-size 200 --epochs 2 --norm batch");
  EXPECT_NE(text.out.find(one), std::string::npos) << text.out;
}

}  // namespace
