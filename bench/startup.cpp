// From fork to exit: what a script that calls the program often pays, and a program that trains ten steps of `toy`.
//
//   startup        the ten steps run in this program, started again with the argument ten_steps
#include <evengrad/evengrad.hpp>

#include "workloads.hpp"

#include <benchmark/benchmark.h>
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>

#include <filesystem>

namespace {

using namespace evengrad;

void ten_steps() {
  const Workload& toy = workloads[0];
  auto net = mlp<float>({.inputs = toy.inputs,
                         .hidden = {toy.hidden.begin(), toy.hidden.end()},
                         .outputs = toy.outputs,
                         .activations = {activation(toy.activation)}});
  net.initialize(initializer(toy.init), Rng(1));
  Optimizer<float> optimizer({.name = std::string(toy.optimizer), .learning_rate = toy.learning_rate});
  const Matrix<float> x = Matrix<float>::Ones(toy.batch, toy.inputs), y = Matrix<float>::Ones(toy.batch, toy.outputs);
  Tape<float> tape;
  for (int i = 0; i < 10; ++i) {
    tape.clear();
    const Var<float> output = net.forward(tape.constant(x), {.training = true});
    optimizer.step(net, tape.backward(mean_squared_error(output, tape.constant(y))));
  }
}

void start(benchmark::State& state, const std::string& program, const char* argument) {
  posix_spawn_file_actions_t quiet;
  posix_spawn_file_actions_init(&quiet);
  posix_spawn_file_actions_addopen(&quiet, 1, "/dev/null", O_WRONLY, 0);
  char* words[] = {const_cast<char*>(program.c_str()), const_cast<char*>(argument), nullptr};
  for (auto _ : state) {
    pid_t child = 0;
    int status = 0;
    if (posix_spawn(&child, program.c_str(), &quiet, nullptr, words, environ) != 0 ||
        waitpid(child, &status, 0) != child || status != 0) {
      state.SkipWithError(text("cannot run ", program, ' ', argument).c_str());
      break;
    }
  }
  posix_spawn_file_actions_destroy(&quiet);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc == 2 && std::string_view(argv[1]) == "ten_steps") {
    ten_steps();
    return 0;
  }
  const std::filesystem::path self = std::filesystem::read_symlink("/proc/self/exe");
  const std::string program = self.parent_path().parent_path() / "evengrad";
  const auto add = [](const char* name, const std::string& path, const char* argument) {
    benchmark::RegisterBenchmark(name, [=](benchmark::State& state) { start(state, path, argument); })
        ->UseRealTime()
        ->Unit(benchmark::kMillisecond);
  };
  add("version", program, "--version");
  add("ten_steps_of_toy", self, "ten_steps");
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}
