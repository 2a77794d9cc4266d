// A steady step asks nothing of the system. A program of its own: it replaces malloc and counts.
#include <evengrad/activations/registry.hpp>
#include <evengrad/core/ops.hpp>
#include <evengrad/core/recurrence_ops.hpp>
#include <evengrad/data/registry.hpp>
#include <evengrad/layers/mlp.hpp>
#include <evengrad/layers/registry.hpp>
#include <evengrad/training/ensemble.hpp>

#include "../matrices.hpp"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <cstdlib>
#include <vector>

#if defined(__GLIBC__) && !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#define EVENGRAD_COUNTS_MALLOC 1
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#undef EVENGRAD_COUNTS_MALLOC
#endif
#endif
#endif

namespace {
std::atomic<long> calls{0};
}

#if defined(EVENGRAD_COUNTS_MALLOC)
// All of the C library's ways to get memory; operator new uses them too.
extern "C" {
void* __libc_malloc(std::size_t);
void* __libc_calloc(std::size_t, std::size_t);
void* __libc_realloc(void*, std::size_t);
void* __libc_memalign(std::size_t, std::size_t);

void* malloc(std::size_t size) {
  ++calls;
  return __libc_malloc(size);
}
void* calloc(std::size_t count, std::size_t size) {
  ++calls;
  return __libc_calloc(count, size);
}
void* realloc(void* p, std::size_t size) {
  ++calls;
  return __libc_realloc(p, size);
}
void* memalign(std::size_t alignment, std::size_t size) {
  ++calls;
  return __libc_memalign(alignment, size);
}
void* aligned_alloc(std::size_t alignment, std::size_t size) {
  ++calls;
  return __libc_memalign(alignment, size);
}
int posix_memalign(void** p, std::size_t alignment, std::size_t size) {
  ++calls;
  *p = __libc_memalign(alignment, size);
  return *p ? 0 : ENOMEM;
}
}
#endif

namespace evengrad {
namespace {

class SteadyStep : public ::testing::TestWithParam<int> {
 protected:
  void SetUp() override {
#if !defined(EVENGRAD_COUNTS_MALLOC)
    GTEST_SKIP() << "malloc cannot be replaced here";
#endif
  }
};

// A batch large enough for two threads; every op.
struct Training {
  Activation f = make_activation(TestTanh{});
  std::vector<Parameter<float>> parameters = std::vector<Parameter<float>>(6);
  Matrix<float> x = random_matrix<float>(200, 128, 1), target = random_matrix<float>(200, 16, 2);
  Matrix<float> given = random_matrix<float>(200, 16, 3);
  float length = 0;

  Training() {
    const Index widths[] = {128, 96, 64, 16};
    for (std::size_t i = 0; i < 3; ++i) {
      parameters[2 * i].value = random_matrix<float>(widths[i + 1], widths[i], 10 + i) / 10;
      parameters[2 * i + 1].value = random_matrix<float>(1, widths[i + 1], 20 + i);
    }
  }

  void step(Tape<float>& tape, Index batch) {
    Var<float> h = tape.constant(x.topRows(batch));
    for (Index layer = 0; layer < 3; ++layer) {
      const Tape<float>::Scope scope(tape, layer);
      const Var<float> w = tape.parameter(parameters[2 * layer]), b = tape.parameter(parameters[2 * layer + 1]);
      h = affine(h, w, b, f);
    }
    h = activate(h + scale(h, 0.5), f);
    h = matmul(h, tape.constant(target.topRows(16)));
    const Var<float> error =
        h - tape.constant({batch, 16}, [&](MutableMap<float> map) { map = target.topRows(batch); });
    const Gradients<float> first = tape.backward(mean(error * error) + sum(error));
    const Gradients<float> second = tape.backward(h, given.topRows(batch));
    for (Parameter<float>& p : parameters) length += first.of(p).norm() + second.of(p).norm();
    tape.clear();
  }
};

TEST_P(SteadyStep, AllocatesNothing) {
  Training training;
  Tape<float> tape({.threads = GetParam()});
  const auto epoch = [&] {
    for (int i = 0; i < 5; ++i) training.step(tape, 200);
    training.step(tape, 77);  // the last short batch
  };
  epoch();
  const long before = calls;
  for (int i = 0; i < 5; ++i) epoch();
  EXPECT_EQ(calls - before, 0);
  EXPECT_GT(training.length, 0);
}

// Every layer of sequences; two lengths, the shorter one padded.
TEST_P(SteadyStep, OfSequencesAllocatesNothing) {
  constexpr Index context = 96, tokens = 11;
  const std::vector<std::int32_t> lengths(20, context / 2);
  for (const char* line : {"gpt(2, 2, 32)",
                           "embed(24) positions(sinusoidal) residual(dyt attention(3, rope=50, qknorm=1)) "
                           "residual(rmsnorm gated(16, f)) last head"}) {
    Sequential<float> net = build_net<float>(
        line,
        {.inputs = {1, context, 1}, .outputs = tokens, .activations = {make_activation(TestTanh{})}, .tokens = tokens});
    net.initialize(initializer("gpt2"), Rng(1));
    Tape<float> tape({.threads = GetParam()});
    float length = 0;
    const auto step = [&](Index batch, const std::int32_t* of) {
      Shape shape(batch, context, 1);
      shape.lengths = of;
      const Var<float> x = tape.constant(shape, [](MutableMap<float> map) { map.setConstant(3); });
      const Var<float> y = net.forward(x, {.training = true});
      length += tape.backward(mean(y * y))[y].norm();
      tape.clear();
    };
    const auto epoch = [&] {
      step(20, nullptr);
      step(20, lengths.data());
      step(7, nullptr);
    };
    epoch();
    const long before = calls;
    for (int i = 0; i < 3; ++i) epoch();
    EXPECT_EQ(calls - before, 0) << line;
    EXPECT_GT(length, 0);
  }
}

TEST_P(SteadyStep, OfEvaluationAllocatesNothing) {
  Training training;
  Tape<float> tape({.recording = false, .threads = GetParam()});
  const auto predict = [&] {
    affine(tape.constant(training.x), tape.parameter(training.parameters[0]), {}, training.f);
    tape.clear();
  };
  predict();
  predict();
  const long before = calls;
  for (int i = 0; i < 20; ++i) predict();
  EXPECT_EQ(calls - before, 0);
}

// Seven batches an epoch, the last one short, for five epochs; records how often memory was asked for before each.
struct Watched {
  explicit Watched(const MlpOptions& shape, TrainerOptions options)
      : net(mlp<float>(shape)), trainer(net, data(), none, [&] {
          options.batch_size = 32;
          options.epochs = 5;
          return options;
        }()) {
    net.initialize(initializer("he"), Rng(1));
    trainer.stop = [this] {
      if (step < seen.size()) seen[step++] = calls;
      return false;
    };
  }

  static const Dataset<float>& data() {
    static const Dataset<float> moons = load_data<float>({.name = "moons", .samples = 200, .test_fraction = 0.0}).train;
    return moons;
  }

  // What a run needs once is there after the first epoch.
  void expect_steady() const {
    EXPECT_GT(seen[0], 0);
    EXPECT_EQ(seen[8], seen[34]);
  }

  Dataset<float> none;
  Sequential<float> net;
  Trainer<float> trainer;
  std::array<long, 35> seen{};
  std::size_t step = 0;
};

// Wide enough that two threads share the work.
const MlpOptions watched_net{
    .inputs = 2, .hidden = {300, 300}, .outputs = 2, .activations = {make_activation(TestTanh{}, "tanh")}};

TEST_P(SteadyStep, OfATrainerAllocatesNothingWithAnyOptimizer) {
  for (const OptimizerInfo& info : optimizers()) {
    SCOPED_TRACE(info.name);
    TrainerOptions options{.optimizer = {.name = info.name, .learning_rate = 1e-3, .weight_decay = 0.01},
                           .schedule = "cosine",
                           .warmup_steps = 3,
                           .threads = GetParam()};
    options.clip_norm = 1;
    options.clip_value = 0.5;
    Watched watched(watched_net, options);
    watched.trainer.run();
    watched.expect_steady();
  }
}

TEST_P(SteadyStep, OfATrainerAllocatesNothingWithAnyLayer) {
  std::vector<MlpOptions> shapes(6, watched_net);
  shapes[0].dropout = 0.5;
  shapes[1].norm = Norm::layer;
  shapes[2].norm = Norm::batch;
  shapes[3].residual = true;
  shapes[4].activations = {activation("prelu")};
  shapes[5].activations = {activation("x*sigmoid(1.702*x)")};
  for (std::size_t i = 0; i < shapes.size(); ++i) {
    SCOPED_TRACE(i);
    Watched watched(shapes[i], {.threads = GetParam()});
    watched.trainer.run();
    watched.expect_steady();
  }
}

TEST_P(SteadyStep, OfANetOfImagesAllocatesNothing) {
  const Shape image = Shape::image(1, 16, 16, 4);
  Sequential<float> net = build_net<float>(
      "conv(8, 3) f maxpool(2) residual(conv(16, 3, stride=2) batchnorm, shortcut=conv(16, 1, 2)) "
      "concat(conv(4, 3, groups=4) f avgpool(2) upsample(2)) conv(20, 3, groups=20) groupnorm(2) "
      "concat(conv(3, 1)) residual(conv(23, 3) f) flatten",
      {.inputs = image, .outputs = 3, .activations = {activation("gelu")}});
  net.initialize(initializer("he"), Rng(1));
  const Matrix<float> x = random_matrix<float>(64 * image.rows, 4, 1);
  Tape<float> tape({.threads = GetParam()});
  double length = 0;
  const auto step = [&](Index images) {
    const Var<float> in = tape.constant(x.topRows(images * image.rows), Shape::image(images, 16, 16, 4));
    const Gradients<float> gradients = tape.backward(mean(net.forward(in, {.training = true})));
    net.visit(Path(), [&](const Path&, Parameter<float>& p) {
      if (p.trainable) length += static_cast<double>(gradients.of(p).squaredNorm());
    });
    tape.clear();
  };
  const auto epoch = [&] {
    step(64);
    step(64);
    step(17);
  };
  epoch();
  epoch();
  const long before = calls;
  for (int i = 0; i < 3; ++i) epoch();
  EXPECT_EQ(calls - before, 0);
  EXPECT_GT(length, 0);
}

TEST_P(SteadyStep, OfNetsSideBySideAllocatesNothing) {
  for (const OptimizerInfo& info : optimizers()) {
    SCOPED_TRACE(info.name);
    TrainerOptions options{.optimizer = {.name = info.name, .learning_rate = 1e-3}, .threads = GetParam()};
    options.clip_norm = 1;
    MlpOptions shape = watched_net;
    shape.hidden = {8};
    shape.activations = {activation("tanh")};
    Watched first(shape, options), second(shape, options);
    std::vector<Trainer<float>*> both = {&first.trainer, &second.trainer};
    train_together<float>(both, SideBySide::always);
    first.expect_steady();
  }
}

TEST_P(SteadyStep, OfRecurrentOpsAllocatesNothing) {
  const Activation f = make_activation(TestTanh{});
  constexpr Index rows = 20, n = 64;  // enough for the threads to share
  std::array<Matrix<float>, 5> x;     // by the number of gates
  for (const std::size_t gates : {1, 3, 4})
    x[gates] = random_matrix<float>(32 * rows, static_cast<Index>(gates) * n, 1);
  const Matrix<float> weight = random_matrix<float>(4 * n, n, 2) / 20;
  Tape<float> tape({.threads = GetParam()});
  float length = 0;
  const auto step = [&](Index samples) {
    const auto inputs = [&](std::size_t gates) {
      return RecurrentInputs<float>{tape.variable(x[gates].topRows(samples * rows), {samples, rows, x[gates].cols()}),
                                    tape.variable(weight.topRows(x[gates].cols())),
                                    {}};
    };
    const Var<float> y = rnn(inputs(1), f) + lstm(inputs(4), f, f) + gru(inputs(3), f, f);
    length += tape.backward(mean(y))[y].norm();
    tape.clear();
  };
  const auto epoch = [&] {
    step(32);
    step(32);
    step(9);
  };
  epoch();
  epoch();
  const long before = calls;
  for (int i = 0; i < 3; ++i) epoch();
  EXPECT_EQ(calls - before, 0);
  EXPECT_GT(length, 0);
}

TEST_P(SteadyStep, WouldBeSeenToAllocate) {
  Tape<float> tape({.threads = GetParam()});
  const long before = calls;
  tape.constant(Matrix<float>::Zero(100, 100));  // the first step of a tape
  EXPECT_GE(calls - before, 2);                  // its record and its value
}

INSTANTIATE_TEST_SUITE_P(Threads, SteadyStep, ::testing::Values(1, 2));

}  // namespace
}  // namespace evengrad
