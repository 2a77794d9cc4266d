// What autograd costs: the training step of bench/training_steps through layers, tape and optimizer, and the same step
// written by hand with the same kernels in the same order, on one thread, in turns.
//
//   tape_overhead        the counter `overhead` is the median share by which the tape lengthens a step
//
// Before it is timed, both train for ten steps and must end with the same bits.
#include <evengrad/core/kernels/kernels.hpp>
#include <evengrad/evengrad.hpp>
#include <evengrad/optim/kernels/update.hpp>

#include "workloads.hpp"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <cmath>

namespace {

using namespace evengrad;

struct Data {
  explicit Data(const Workload& work) : x(work.batch, work.inputs), y(work.batch, work.outputs) {
    Rng(2).fill_normal(std::span<float>(x.data(), static_cast<std::size_t>(x.size())));
    Rng(3).fill_normal(std::span<float>(y.data(), static_cast<std::size_t>(y.size())));
    for (Index i = 0; i < work.batch; ++i) labels.push_back(static_cast<std::int32_t>(i % work.outputs));
  }
  Matrix<float> x, y;
  std::vector<std::int32_t> labels;
};

Sequential<float> make_net(const Workload& work) {
  auto net = mlp<float>({.inputs = work.inputs,
                         .hidden = {work.hidden.begin(), work.hidden.end()},
                         .outputs = work.outputs,
                         .activations = {activation(work.activation)}});
  net.initialize(initializer(work.init), Rng(1));
  return net;
}

std::vector<Matrix<float>*> parameters(Sequential<float>& net) {
  std::vector<Matrix<float>*> all;
  net.visit(Path(), [&](const Path&, Parameter<float>& parameter) { all.push_back(&parameter.value); });
  return all;
}

class TapeStep {
 public:
  TapeStep(const Workload& work, const Data& data)
      : net(make_net(work)),
        data_(data),
        mse_(work.loss == "mse"),
        optimizer_({.name = std::string(work.optimizer), .learning_rate = work.learning_rate}) {}

  float step() {
    tape_.clear();
    const Var<float> output = net.forward(tape_.view(data_.x), {.training = true});
    const Var<float> loss =
        mse_ ? mean_squared_error(output, tape_.view(data_.y)) : softmax_cross_entropy<float>(output, data_.labels);
    const float value = loss.value()(0, 0);
    optimizer_.step(net, tape_.backward(loss));
    return value;
  }

  Sequential<float> net;

 private:
  const Data& data_;
  bool mse_;
  Optimizer<float> optimizer_;
  Tape<float> tape_;
};

class HandWrittenStep {
 public:
  HandWrittenStep(const Workload& work, const Data& data)
      : net(make_net(work)),
        data_(data),
        mse_(work.loss == "mse"),
        rate_(work.learning_rate),
        rule_(rule(work.optimizer)) {
    const std::vector<Matrix<float>*> all = parameters(net);
    const Index batch = work.batch;
    Index packed = 0;
    for (std::size_t i = 0; i < all.size(); i += 2) {
      const Index out = all[i]->rows(), in = all[i]->cols();
      packed = std::max(
          {packed, kernel_.packed_size(in, out), kernel_.packed_size(batch, in), kernel_.packed_size(out, in)});
      const bool last = i + 2 == all.size();
      layers_.push_back({{all[i], Matrix<float>(out, in), Matrix<float>::Zero(out, in), Matrix<float>::Zero(out, in)},
                         {all[i + 1], Matrix<float>(1, out), Matrix<float>::Zero(1, out), Matrix<float>::Zero(1, out)},
                         activation(last ? "identity" : work.activation),
                         Matrix<float>(batch, out),
                         Matrix<float>(batch, out),
                         Matrix<float>(batch, out)});
    }
    room_.resize(1, packed);
    log_sum_.resize(static_cast<std::size_t>(batch));
  }

  float step() {
    const float loss = forward();
    backward();
    update();
    return loss;
  }

  Sequential<float> net;

 private:
  struct Trained {
    Matrix<float>*value, gradient, first, second;
  };
  struct Layer {
    Trained weight, bias;
    Activation f;
    Matrix<float> y, slope, gradient;  // (batch, out); gradient: dL/dy, then dL/dz
  };

  static updates::Update<float> rule(std::string_view optimizer) {
    const updates::Table<float>& table = updates::table<float>();
    return optimizer == "sgd" ? table.sgd : optimizer == "momentum" ? table.momentum : table.adam;
  }

  float forward() {
    const Matrix<float>* x = &data_.x;
    const Index batch = x->rows();
    for (Layer& layer : layers_) {
      const Index in = x->cols(), out = layer.y.cols();
      const auto panels = kernel_.pack({layer.weight.value->data(), 1, in}, batch, in, out, room_.data());
      const Index tile = std::max<Index>(12, 32 * 1024 / out);
      for (Index row = 0; row < batch; row += tile) {
        const Index rows = std::min(tile, batch - row);
        float* y = layer.y.data() + row * out;
        kernel_.product({x->data() + row * in, in, 1}, in, panels, {layer.bias.value->data(), false},
                        {y, rows, out, out});
        if (!layer.f.is_identity()) layer.f(y, y, layer.slope.data() + row * out, rows * out);
      }
      x = &layer.y;
    }
    return mse_ ? squared_error() : cross_entropy();
  }

  float squared_error() {
    Layer& last = layers_.back();
    const double scale = 1 / static_cast<double>(last.y.size());
    double total = 0;
    for (Index i = 0; i < last.y.size(); ++i) {
      const double error = static_cast<double>(last.y.data()[i]) - static_cast<double>(data_.y.data()[i]);
      total += error * error;
      last.gradient.data()[i] = static_cast<float>(scale * (2 * error));
    }
    return static_cast<float>(total / static_cast<double>(last.y.size()));
  }

  float cross_entropy() {
    Layer& last = layers_.back();
    const Index batch = last.y.rows(), classes = last.y.cols();
    kernel_.softmax_rows({last.y.data(), batch, classes, classes}, last.gradient.data(), log_sum_.data());
    double total = 0;
    const float scale = 1 / static_cast<float>(batch);
    for (Index r = 0; r < batch; ++r) {
      const Index label = data_.labels[static_cast<std::size_t>(r)];
      total += log_sum_[static_cast<std::size_t>(r)] - static_cast<double>(last.y(r, label));
      for (Index c = 0; c < classes; ++c)
        last.gradient(r, c) = scale * (last.gradient(r, c) - (c == label ? 1.0f : 0.0f));
    }
    return static_cast<float>(total / static_cast<double>(batch));
  }

  void backward() {
    for (std::size_t i = layers_.size(); i-- > 0;) {
      Layer& layer = layers_[i];
      const Matrix<float>& x = i ? layers_[i - 1].y : data_.x;
      const Index batch = x.rows(), in = x.cols(), out = layer.y.cols();
      float *gz = layer.gradient.data(), *db = layer.bias.gradient.data();
      const kernels::View<const float> given{gz, batch, out, out};
      layer.f.is_identity() ? kernel_.column_sums(given, db, false)
                            : kernel_.multiply_and_sum(given, layer.slope.data(), gz, db, false);
      kernel_.product({gz, 1, out}, batch, kernel_.pack({x.data(), in, 1}, out, batch, in, room_.data()), {},
                      {layer.weight.gradient.data(), out, in, in});
      if (i == 0) break;
      kernel_.product({gz, out, 1}, out,
                      kernel_.pack({layer.weight.value->data(), in, 1}, batch, out, in, room_.data()), {},
                      {layers_[i - 1].gradient.data(), batch, in, in});
    }
  }

  void update() {
    ++steps_;
    updates::Rates rates{.learning_rate = rate_, .momentum = 0.9, .beta2 = 0.999, .eps = 1e-8};
    rates.scale1 = 1 / (1 - std::pow(rates.momentum, steps_));
    rates.scale2 = 1 / std::sqrt(1 - std::pow(rates.beta2, steps_));
    for (Layer& layer : layers_) {
      for (Trained* p : {&layer.weight, &layer.bias})
        rule_(p->value->data(), p->gradient.data(), p->first.data(), p->second.data(), p->value->size(), &rates, 1);
    }
  }

  const kernels::Table<float>& kernel_ = kernels::kernels<float>();
  const Data& data_;
  bool mse_;
  double rate_, steps_ = 0;
  updates::Update<float> rule_;
  std::vector<Layer> layers_;
  Matrix<float> room_;
  std::vector<double> log_sum_;
};

template <class Step>
double seconds(Step& step, int steps) {
  const auto start = std::chrono::steady_clock::now();
  for (int i = 0; i < steps; ++i) benchmark::DoNotOptimize(step.step());
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

double median(std::vector<double>& numbers) {
  std::sort(numbers.begin(), numbers.end());
  return numbers[numbers.size() / 2];
}

// From the initial weights each time, so that no run trains on numbers that another does not meet.
void overhead(benchmark::State& state, const Workload& work) {
  const Data data(work);
  TapeStep tape(work, data);
  HandWrittenStep hand(work, data);
  float tape_loss = 0, hand_loss = 0;
  for (int i = 0; i < 10; ++i) tape_loss = tape.step(), hand_loss = hand.step();
  const auto all = parameters(tape.net), by_hand = parameters(hand.net);
  const bool same = std::equal(all.begin(), all.end(), by_hand.begin(), [](auto* a, auto* b) { return *a == *b; });
  if (!same || tape_loss != hand_loss) {
    state.SkipWithError("the two steps do not have the same bits");
    return;
  }
  const int steps = static_cast<int>(std::clamp(0.01 / (seconds(tape, 10) / 10), 2.0, 300.0));
  std::vector<double> ratios, times;
  for (auto _ : state) {
    TapeStep a(work, data);
    HandWrittenStep b(work, data);
    seconds(a, 1), seconds(b, 1);
    times.push_back(seconds(a, steps) / steps);
    const double by_hand_time = seconds(b, steps) / steps;
    ratios.push_back(times.back() / by_hand_time);
    state.SetIterationTime(times.back());
  }
  state.counters["tape_us"] = 1e6 * median(times);
  state.counters["overhead"] = median(ratios) - 1;
}

}  // namespace

int main(int argc, char** argv) {
  for (const Workload& work : workloads) {
    benchmark::RegisterBenchmark(std::string(work.name).c_str(),
                                 [&work](benchmark::State& state) { overhead(state, work); })
        ->UseManualTime()
        ->Iterations(31)
        ->Unit(benchmark::kMicrosecond);
  }
  benchmark::Initialize(&argc, argv);
  if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 1;
  benchmark::RunSpecifiedBenchmarks();
  benchmark::Shutdown();
  return 0;
}
