// Every value an option should not have: a clear line, and never a crash, a minute of processor time or a machine's
// memory.
#include "program.hpp"

#include <gtest/gtest.h>

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <random>
#include <vector>

using evengrad::TempFolder;
using evengrad::test::contents;
using evengrad::test::Output;
using evengrad::test::sanitized;
using evengrad::test::shell;

namespace {

TEST(Options, NamesAreReadAsPeopleWriteThem) {
  const TempFolder folder;
  const auto run = [&](const std::string& arguments) {
    const Output done = shell(folder, "evengrad " + arguments);
    EXPECT_EQ(done.status, 0) << arguments << ": " << done.err;
    return done;
  };
  const std::string common = "train --samples 60 --epochs 2 --threads 1 --json ";
  const auto plain = run(common +
                         "--data moons --activation leaky_relu --init xavier_normal --optimizer adamw --norm batch "
                         "--loss cross_entropy --schedule cosine --dtype float64 --hidden 8,4")
                         .json();
  const auto other = run(common +
                         "--data Moons --activation Leaky-ReLU --init Xavier-Normal --optimizer AdamW --norm Batch "
                         "--loss Cross-Entropy --schedule Cosine --dtype Float64 --hidden '8, 4'")
                         .json();
  EXPECT_EQ(other["final"]["test_loss"], plain["final"]["test_loss"]);
  EXPECT_EQ(other["optimizer"], "adamw");
  EXPECT_EQ(run("theory 'ln(1 + Exp(x))' --json").json()["moments"],
            run("theory 'log(1+exp(x))' --json").json()["moments"]);
  EXPECT_EQ(run("theory '-x^2' --json").out, run("theory --json -- '-x^2'").out);
  EXPECT_EQ(run("list Activations").out, run("list activations").out);
  run("theory GELU");
  run(common + "--data moons --net 'Linear(4) ReLU'");
  run(common + "--data moons --hidden ''");
  EXPECT_EQ(shell(folder, "evengrad run dying_rleu")
                .err.find("evengrad: unknown experiment 'dying_rleu': did you mean "
                          "'dying-relu'?"),
            0u);
  for (const char* folds : {"-2", "1", "61"}) {
    EXPECT_EQ(shell(folder, "evengrad " + common + "--data moons --folds " + folds).status, 2) << folds;
  }
}

using Arguments = std::vector<std::string>;

struct Measured : Output {
  double megabytes = 0;  // the most it held
};

/// Runs the program with exactly these arguments, which no shell could pass so long.
Measured measured(const TempFolder& folder, Arguments arguments) {
  const std::string program = evengrad::test::program_folder + "/evengrad";
  arguments.insert(arguments.begin(), program);
  std::vector<char*> pointers;
  for (std::string& argument : arguments) pointers.push_back(argument.data());
  pointers.push_back(nullptr);
  const std::string out = folder.path() / ".out", err = folder.path() / ".err";
  const pid_t child = ::fork();
  if (child == 0) {
    const auto open_as = [](const std::string& path, int fd) {
      ::dup2(::open(path.c_str(), O_CREAT | O_TRUNC | O_WRONLY, 0600), fd);
    };
    open_as(out, STDOUT_FILENO);
    open_as(err, STDERR_FILENO);
    const rlimit cpu_seconds{60, 60};
    ::setrlimit(RLIMIT_CPU, &cpu_seconds);
    if (::chdir(folder.path().c_str()) == 0) ::execv(program.c_str(), pointers.data());
    ::_exit(127);
  }
  int status = 0;
  rusage usage{};
  ::wait4(child, &status, 0, &usage);
  Measured result;
  result.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  result.out = contents(out);
  result.err = contents(err);
  result.megabytes = static_cast<double>(usage.ru_maxrss) / 1024;
  return result;
}

/// Refused as usage: one line that says what to look at, before anything is computed.
void expect_refused(const Arguments& arguments, const std::string& expected) {
  TempFolder folder;
  const Measured run = measured(folder, arguments);
  std::string line;
  for (const std::string& argument : arguments) line += argument.substr(0, 60) + ' ';
  EXPECT_EQ(run.status, 2) << line << run.err;
  EXPECT_TRUE(run.one_line()) << line << run.err;
  EXPECT_LT(run.err.size(), 2000u) << line;
  EXPECT_NE(run.err.find(expected), std::string::npos) << line << run.err;
  if (!sanitized) {
    EXPECT_LT(run.megabytes, 200) << line;
  }
}

void expect_training_refused(const Arguments& options, const std::string& expected) {
  Arguments arguments = {"train", "--data", "moons"};
  arguments.insert(arguments.end(), options.begin(), options.end());
  expect_refused(arguments, expected);
}

const std::string small = "evengrad train --data moons --samples 50 --hidden 4 --quiet ";

}  // namespace

TEST(Options, UnknownNamesAreAnsweredWithTheNearestOne) {
  const struct {
    Arguments arguments;
    const char* nearest;
  } cases[] = {{{"trian"}, "'train'"},
               {{"train", "--data", "mons"}, "'moons'"},
               {{"train", "--data", "moons", "--hiden", "3"}, "'--hidden'"},
               {{"train", "--data", "moons", "--activation", "rleu"}, "'relu'"},
               {{"train", "--data", "moons", "--activation", "elu(alhpa=1)"}, "'alpha'"},
               {{"train", "--data", "moons", "--activation", "x*sigmod(x)"}, "'sigmoid'"},
               {{"train", "--data", "moons", "--init", "xaver"}, "'xavier'"},
               {{"train", "--data", "moons", "--init", "lecun(gain=second_momnet)"}, "'second_moment'"},
               {{"train", "--data", "moons", "--optimizer", "adma"}, "'adam'"},
               {{"train", "--data", "moons", "--schedule", "cosin"}, "'cosine'"},
               {{"train", "--data", "moons", "--loss", "mes"}, "'mse'"},
               {{"train", "--data", "moons", "--norm", "bach"}, "'batch'"},
               {{"train", "--data", "moons", "--dtype", "flaot32"}, "'float32'"},
               {{"train", "--data", "moons", "--normalize", "standrad"}, "'standard'"},
               {{"--versoin"}, "'--version'"},
               {{"theory", "gleu"}, "'gelu'"},
               {{"propagate", "--activation", "gleu", "--init", "he"}, "'gelu'"},
               {{"run", "vanishing-gradient"}, "'vanishing-gradients'"}};
  for (const auto& c : cases) expect_refused(c.arguments, std::string("did you mean ") + c.nearest + "?");
}

TEST(Options, ANameOfAnyLengthAndBytesIsShownOnOneShortLine) {
  for (const std::string& name :
       {std::string(50'000, 'r'), std::string("re\nlu"), std::string("\x1b[31mrelu"), std::string("rel\xff")}) {
    expect_training_refused({"--activation", name}, "unknown activation");
    expect_training_refused({"--init", name}, "unknown initializer");
    expect_training_refused({"--optimizer", name}, "unknown optimizer");
    expect_training_refused({"--schedule", name}, "unknown schedule");
  }
}

TEST(Options, LearningRates) {
  for (const char* rate : {"-1", "-1e-30", "nan", "inf", "-inf"})
    expect_training_refused({"--lr", rate}, "learning rate");
  for (const char* rate : {"x", "1e", "1,5"}) expect_training_refused({"--lr", rate}, "--lr");

  TempFolder folder;
  const Output zero = shell(folder, small + "--lr 0 --epochs 3 --save-init a.safetensors --save b.safetensors");
  ASSERT_EQ(zero.status, 0) << zero.err;
  EXPECT_EQ(contents(folder.path() / "a.safetensors"), contents(folder.path() / "b.safetensors"));

  for (const char* optimizer : {"sgd", "momentum", "adam", "rmsprop"}) {
    const Output huge = shell(folder, small + "--lr 1e30 --epochs 3 --save c.safetensors --optimizer " + optimizer);
    EXPECT_EQ(huge.status, 1) << optimizer;
    EXPECT_NE(huge.err.find("step "), std::string::npos) << huge.err;
    EXPECT_NE(huge.err.find("layer layers."), std::string::npos) << huge.err;
    EXPECT_FALSE(std::filesystem::exists(folder.path() / "c.safetensors"));
  }
}

TEST(Options, BatchSizesAndEpochs) {
  expect_training_refused({"--batch-size", "0"}, "--batch-size must be at least 1, got 0");
  expect_training_refused({"--batch-size", "-5"}, "--batch-size must be at least 1, got -5");
  expect_training_refused({"--epochs", "-1"}, "epochs must not be negative, got -1");
  expect_training_refused({"--epochs", "1.5"}, "--epochs");
  expect_training_refused({"--steps", "-1"}, "steps");

  // A batch larger than the data is all of them: 40 samples to train on, and one step an epoch.
  TempFolder folder;
  const Output all = shell(folder, small + "--epochs 3 --json --batch-size 40 --save a.safetensors");
  const Output more = shell(folder, small + "--epochs 3 --json --batch-size 9223372036854775807 --save b.safetensors");
  ASSERT_EQ(all.status, 0) << all.err;
  ASSERT_EQ(more.status, 0) << more.err;
  EXPECT_EQ(more.json()["steps"], 3);
  EXPECT_EQ(contents(folder.path() / "a.safetensors"), contents(folder.path() / "b.safetensors"));

  const Output none = shell(folder, small + "--epochs 0 --json --save-init c.safetensors --save d.safetensors");
  ASSERT_EQ(none.status, 0) << none.err;
  EXPECT_EQ(none.json()["steps"], 0);
  EXPECT_EQ(contents(folder.path() / "c.safetensors"), contents(folder.path() / "d.safetensors"));
}

TEST(Options, LayersAndWidths) {
  for (const char* widths : {"0", "-4", "2147483648", "4294967296", "1.5", "nan", "4,,4", "4,", "x"}) {
    expect_training_refused({"--hidden", widths}, "--hidden");
  }
  expect_training_refused({"--hidden", "1000000,1000000"}, "parameters are more than");
  expect_refused({"propagate", "--activation", "relu", "--init", "he", "--width", "2147483648"}, "--width");
  expect_refused({"propagate", "--activation", "relu", "--init", "he", "--depth", "1000000"}, "--depth");
  expect_refused({"propagate", "--activation", "relu", "--init", "he", "--depth", "0"}, "--depth");

  // As many layers as one argument of a program can name.
  std::string many = "1";
  for (int layer = 1; layer < 65'000; ++layer) many += ",1";
  expect_training_refused({"--hidden", many}, "layers");

  for (const char* widths : {"none", "''"}) {
    TempFolder folder;
    const Output linear =
        shell(folder, std::string("evengrad train --data moons --samples 50 --epochs 1 --json --hidden ") + widths);
    ASSERT_EQ(linear.status, 0) << linear.err;
    EXPECT_EQ(linear.json()["model"], "2-2");
  }
}

TEST(Options, Dropout) {
  for (const char* share : {"1", "1.5", "-0.1", "nan", "inf"}) expect_training_refused({"--dropout", share}, "dropout");
  TempFolder folder;
  EXPECT_EQ(shell(folder, small + "--epochs 1 --dropout 0.999").status, 0);
}

TEST(Options, SeedsJobsAndThreads) {
  const std::string expected = "--seed: expected a whole number from 0 to 18446744073709551615, got ";
  for (const char* seed : {"", "-1", "18446744073709551616", "1.5", "1e3", "0x10", " 1", "seed"}) {
    expect_training_refused({"--seed", seed}, expected);
  }
  TempFolder folder;
  const Output largest = shell(folder, small + "--epochs 0 --json --seed 18446744073709551615");
  ASSERT_EQ(largest.status, 0) << largest.err;
  EXPECT_EQ(largest.json()["seed"].get<std::uint64_t>(), 18446744073709551615u);

  for (const char* jobs : {"0", "-1"}) {
    expect_refused({"run", "vanishing-gradients", "--jobs", jobs}, "--jobs must be");
    expect_refused({"compare", "--data", "moons", "--activations", "relu", "--inits", "he", "--jobs", jobs},
                   "--jobs must be");
  }
  for (const char* threads : {"0", "-1", "1025", "2147483647"})
    expect_training_refused({"--threads", threads}, "threads must be");
}

// Nothing at all is no number, and a number that does not fit is not cut off: of any option of any command.
TEST(Options, NumbersAreGivenAndFit) {
  const Arguments train = {"train", "--data", "moons"}, predict = {"predict", "m.safetensors", "--data", "d.csv"},
                  propagate = {"propagate", "--activation", "relu", "--init", "he"},
                  compare = {"compare", "--data", "moons", "--activations", "relu", "--inits", "he"},
                  run = {"run", "vanishing-gradients"}, theory = {"theory", "relu"}, list = {"list"};
  const struct {
    Arguments command, whole, real;
  } cases[] = {{train,
                {"--batch-size", "--epochs", "--steps", "--warmup-steps", "--samples", "--threads", "--probe-every",
                 "--checkpoint-every"},
                {"--lr", "--momentum", "--beta1", "--beta2", "--alpha", "--eps", "--weight-decay", "--label-smoothing",
                 "--dropout", "--clip-norm", "--clip-value", "--noise", "--test-fraction"}},
               {propagate, {"--width", "--depth", "--inputs", "--nets"}, {"--input-variance", "--bias-std"}},
               {compare,
                {"--seeds", "--steps", "--epochs", "--batch-size", "--samples", "--jobs"},
                {"--weight-decay", "--noise", "--test-fraction"}},
               {run, {"--seeds", "--jobs"}, {}},
               {predict, {}, {}},
               {theory, {}, {}},
               {list, {}, {}}};
  const auto refused = [](Arguments arguments, const std::string& option, const std::string& value,
                          const std::string& expected) {
    arguments.insert(arguments.end(), {option, value});
    expect_refused(arguments, option + ": expected a " + expected);
  };
  for (const auto& c : cases) {
    for (const char* value : {"", "99999999999999999999", "-99999999999999999999", "0x10", "1.5", " 1", "1e3"}) {
      for (const std::string& option : c.whole) refused(c.command, option, value, "whole number from -92");
    }
    refused(c.command, "--seed", "", "whole number from 0");
    for (const char* value : {"", "1e999", "0x1p3", "1,5", " 1", "1 "}) {
      for (const std::string& option : c.real) refused(c.command, option, value, "number");
    }
  }
  TempFolder folder;  // digits are decimal, as everywhere
  EXPECT_EQ(shell(folder, small + "--steps 010 --json").json()["steps"], 10);
}

TEST(Options, ErrorsSayWhatToType) {
  for (const auto& [arguments, said] : std::vector<std::pair<Arguments, std::string>>{
           {{"train", "--data"}, "--data needs a value"},
           {{"train", "--data", "moons", "--hidden", "8", "--hidden", "9"}, "--hidden is given more than once"},
           {{"train", "--dat", "moons"}, "did you mean '--data'"},
           {{"train", "moons"}, "unexpected argument 'moons'"},
           {{"train", "--data", "moons", "--probe-every", "0"}, "--probe-every must be at least 1, got 0"},
           {{"train", "--data", "moons", "--progress", "alway"}, "did you mean 'always'"}}) {
    expect_refused(arguments, said);
  }
}

TEST(Options, HelpIsMadeForReaders) {
  const TempFolder folder;
  const std::string help = shell(folder, "evengrad --help").out;
  std::istringstream lines(help);
  int commands = 0, examples = 0;
  for (std::string line; std::getline(lines, line);) {
    EXPECT_LE(line.size(), 100u) << line;
    if (line.starts_with("  evengrad ")) {
      ++examples;
      EXPECT_EQ(shell(folder, line).status, 0) << line;
    } else if (line.starts_with("  ") && line[2] != '-') {
      ++commands;
      const std::string command = line.substr(2, line.find(' ', 2) - 2);
      const Output own = shell(folder, "evengrad " + command + " --help");
      EXPECT_EQ(own.status, 0);
      for (const char* jargon : {"TEXT", "FLOAT", "Excludes", "REQUIRED"}) {
        EXPECT_EQ(own.out.find(jargon), std::string::npos) << command << ": " << jargon;
      }
    }
  }
  EXPECT_EQ(commands, 12);
  EXPECT_EQ(examples, 2);
}

// --save "$MODEL" of a variable that was never set must not train for hours and save nothing.
TEST(Options, PathsAreGiven) {
  for (const char* option :
       {"--save", "--save-init", "--load", "--log", "--probe-log", "--checkpoint", "--out", "--report"}) {
    expect_training_refused({option, ""}, std::string(option) + ": expected a path, got ''");
  }
  expect_refused({"run", "vanishing-gradients", "--out", ""}, "--out: expected a path");
}

TEST(Options, EachOutputHasAFileOfItsOwn) {
  const char* const options[] = {"--save-init", "--save", "--report", "--log", "--probe-log"};
  for (std::size_t first = 0; first < std::size(options); ++first) {
    for (std::size_t second = 0; second < first; ++second) {
      expect_training_refused({options[first], "a.out", options[second], "./a.out"}, " are one file, ");
    }
  }
  TempFolder folder;
  EXPECT_EQ(shell(folder, small + "--steps 1 --save /dev/null --log /dev/null").status, 0);
}

TEST(Options, WhereNothingCanBeWrittenIsSaidBeforeTraining) {
  for (const char* option : {"--save", "--save-init", "--report"}) {
    TempFolder folder;  // so many steps end a minute of processor time after
    const Measured run =
        measured(folder, {"train", "--data", "moons", "--steps", "1000000000", option, "no/such/folder/file"});
    EXPECT_EQ(run.status, 1) << option;
    EXPECT_EQ(run.err, "evengrad: cannot write 'no/such/folder/file': the folder 'no/such/folder' does not exist\n");
    EXPECT_EQ(run.out, "");
  }
}

// Options drawn at random, right and wrong ones: whatever they are, the program ends by itself with a status that it
// promises and, where it refuses, a line that says why.
TEST(Options, AnyCombinationEndsWithAnExitStatusThatIsPromised) {
  const Arguments numbers = {"0",   "1",    "0.5",  "-1",         "nan",
                             "inf", "-inf", "1e30", "1e-30",      "1e999",
                             "",    "x",    "0x10", "2147483648", "18446744073709551616"};
  const Arguments activations = {"relu",      "tanh",
                                 "prelu",     "elu(alpha=1e999)",
                                 "relu,tanh", "normalized(gelu)",
                                 "1/x",       "x^x",
                                 "(x",        "x*0",
                                 "x*1e300",   "",
                                 ",",         "no"};
  const Arguments initializers = {
      "he",         "auto",          "critical", "matched",       "lsuv", "zeros", "normal(1e300)",
      "normal(-1)", "xavier(gain=)", "he(",      "orthogonal(0)", ""};
  const Arguments widths = {"4", "4,4,4", "none", "0", "-1", "1e3", "4,,4", "9999999999", ""};
  const std::pair<std::string, Arguments> options[] = {
      {"--data", {"moons", "xor", "sine", "blobs", "no/such.csv", ".", "/dev/null", ""}},
      {"--activation", activations},
      {"--init", initializers},
      {"--hidden", widths},
      {"--optimizer", {"sgd", "momentum", "nesterov", "adam", "adamw", "rmsprop", "no", ""}},
      {"--schedule", {"constant", "step(0)", "step(1,1e300)", "cosine(1e30)", "warmup", "step(", ""}},
      {"--norm", {"none", "batch", "layer", "no", ""}},
      {"--loss", {"mse", "cross_entropy", "bce", "no"}},
      {"--dtype", {"float32", "float64", "float16"}},
      {"--normalize", {"standard", "none", "no"}},
      {"--batch-size", {"1", "7", "1000000", "0", "-1", "x", "9223372036854775808"}},
      {"--warmup-steps", {"0", "5", "9223372036854775807", "-1"}},
      {"--samples", {"4", "40", "3", "-1", "999999999999", "x"}},
      {"--threads", {"1", "3", "0", "x"}},
      {"--seed", {"0", "18446744073709551615", "18446744073709551616", "-1", "x"}},
      {"--lr", numbers},
      {"--dropout", numbers},
      {"--noise", numbers},
      {"--test-fraction", numbers},
      {"--momentum", numbers},
      {"--beta1", numbers},
      {"--beta2", numbers},
      {"--eps", numbers},
      {"--alpha", numbers},
      {"--weight-decay", numbers},
      {"--label-smoothing", numbers},
      {"--clip-norm", numbers},
      {"--clip-value", numbers},
      {"--load", {"no.safetensors", ".", "/dev/null"}},
      {"--save", {"model.safetensors", "no/model.safetensors", "."}}};
  std::mt19937_64 random(5);
  const auto draw = [&](const auto& list) -> const auto& { return list[random() % std::size(list)]; };
  int done = 0, refused = 0;
  for (int i = 0; i < 200; ++i) {
    TempFolder folder;
    Arguments arguments = {"train", "--steps", "3"};
    std::string line;
    std::vector<std::string> given = {"--data"};
    arguments.insert(arguments.end(), {"--data", i % 4 ? "moons" : draw(options[0].second)});
    for (std::uint64_t count = random() % 4; count > 0; --count) {
      const auto& [name, values] = draw(options);
      if (std::find(given.begin(), given.end(), name) != given.end()) continue;
      given.push_back(name);
      arguments.insert(arguments.end(), {name, draw(values)});
    }
    for (const std::string& argument : arguments) line += "'" + argument + "' ";
    const Measured run = measured(folder, arguments);
    ASSERT_TRUE(run.status >= 0 && run.status <= 2) << line << run.err;
    if (run.status != 0) {
      const std::size_t last = run.err.rfind('\n', run.err.size() - 2) + 1;  // npos + 1 is 0
      EXPECT_EQ(run.err.compare(last, 10, "evengrad: "), 0) << line << run.err;
    }
    if (!sanitized) {
      EXPECT_LT(run.megabytes, 300) << line;
    }
    ++(run.status == 0 ? done : refused);
  }
  EXPECT_GT(done, 20) << "too few combinations get through to mean anything";
  EXPECT_GT(refused, 20);
}
